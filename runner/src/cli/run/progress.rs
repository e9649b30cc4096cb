//! What is shown while the load runs: one refreshing block on a terminal, else a line now and then.

use std::{
    io::{IsTerminal, Write, stderr},
    time::Duration,
};

use upsurge_core::{
    metrics::{Metrics, Selector, names},
    plan::Timeline,
    results::{milliseconds, percent},
};
use upsurge_crds::v1alpha1::{LoadUnit, TimeSpan};

/// Time between two lines where nothing can be refreshed.
const LINE_INTERVAL: Duration = Duration::from_secs(5);
/// Characters of the bar.
const BAR_WIDTH: usize = 30;
/// Most characters of the test's name.
const NAME_WIDTH: usize = 40;

/// Where the progress stands on the screen.
pub(super) struct Progress<'a> {
    name: &'a str,
    timeline: &'a Timeline,
    style: Style,
    /// Lines of the block that is on the screen.
    shown: usize,
    /// When and with how many requests it was last shown.
    last: (Duration, f64),
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Style {
    Quiet,
    Lines,
    Block,
}

impl<'a> Progress<'a> {
    pub(super) fn new(name: &'a str, timeline: &'a Timeline, quiet: bool) -> Self {
        let style = match (quiet, stderr().is_terminal()) {
            (true, _) => Style::Quiet,
            (false, true) => Style::Block,
            (false, false) => Style::Lines,
        };
        Self { name, timeline, style, shown: 0, last: (Duration::ZERO, 0.0) }
    }

    /// Shows how far the load is.
    pub(super) fn show(&mut self, elapsed: Duration, users: u64, metrics: &Metrics) {
        let since = elapsed.saturating_sub(self.last.0);
        if self.style == Style::Quiet
            || (self.style == Style::Lines && since < LINE_INTERVAL)
            || since.is_zero()
        {
            return;
        }
        let everything = Selector::default();
        let requests = metrics.count(names::HTTP_REQS, &everything);
        let rate = (requests - self.last.1) / since.as_secs_f64();
        self.last = (elapsed, requests);
        let (failed, all) = metrics.rate(names::HTTP_REQ_FAILED, &everything);
        let errors = percent(if all == 0 { 0.0 } else { failed as f64 / all as f64 });
        let p95 = milliseconds(metrics.trend(names::HTTP_REQ_DURATION, &everything).percentile(95.0));
        let place = self.place(elapsed);
        let figures = format!("{users} users, {requests} requests, {rate:.1}/s, {errors} errors, p95 {p95}");
        match self.style {
            Style::Quiet => {}
            Style::Lines => eprintln!("{place}: {figures}"),
            Style::Block => {
                self.clear();
                // Cut, because a line that wraps would count as two.
                let name: String = self.name.chars().take(NAME_WIDTH).collect();
                eprintln!("{name}  {}\n{place}\n{figures}", self.bar(elapsed));
                self.shown = 3;
            }
        }
    }

    /// Says something that stays on the screen.
    pub(super) fn say(&mut self, message: &str) {
        self.clear();
        eprintln!("{message}");
    }

    /// Takes the block off the screen.
    pub(super) fn clear(&mut self) {
        if self.shown > 0 {
            // Up, and clear to the end of the screen. A screen that can't be written to shows nothing anyway.
            let _ = write!(stderr(), "\x1b[{}A\x1b[J", self.shown);
            self.shown = 0;
        }
    }

    fn place(&self, elapsed: Duration) -> String {
        let total = TimeSpan(self.timeline.duration());
        let Some(stage) = self.timeline.stages.get(self.timeline.stage_at(elapsed)) else {
            return String::new();
        };
        if elapsed >= self.timeline.duration() {
            return format!("load has ended after {total}, iterations under way finish");
        }
        let unit = match self.timeline.unit {
            LoadUnit::Users => "users",
            LoadUnit::IterationsPerSecond => "iterations/s",
        };
        let level = self.timeline.level_at(elapsed);
        format!(
            "{} of {total}, stage {} at {level:.0} {unit}",
            TimeSpan::from_secs(elapsed.as_secs()),
            stage.name
        )
    }

    fn bar(&self, elapsed: Duration) -> String {
        let share = (elapsed.as_secs_f64() / self.timeline.duration().as_secs_f64()).min(1.0);
        let full = (share * BAR_WIDTH as f64) as usize;
        format!("[{}{}] {:.0}%", "█".repeat(full), "░".repeat(BAR_WIDTH - full), share * 100.0)
    }
}
