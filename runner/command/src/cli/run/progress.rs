// SPDX-License-Identifier: Apache-2.0
//! What is shown while the load runs: a live view on a terminal, else a line now and then.

mod frame;
mod history;

use std::{borrow::Cow, io::stderr, time::Duration};

use upsurge_core::{
    metrics::Metrics,
    plan::{LoadPlan, Timeline, Work},
    validate::Valid,
};
use upsurge_engine::Interval;

use self::{frame::View, history::History};
use crate::cli::{say, screen, surroundings};

/// Time between two lines where nothing can be drawn in place.
const LINE_INTERVAL: Duration = Duration::from_secs(5);

/// What is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Style {
    /// Nothing but what has to be said.
    Quiet,
    /// A line now and then.
    Lines,
    /// A block that is drawn anew in place.
    Live,
}

impl Style {
    /// The style that arguments and surroundings ask for.
    pub(super) fn choose(quiet: bool, plain: bool) -> Self {
        if quiet {
            Self::Quiet
        } else if plain || !surroundings::watched(&stderr()) {
            Self::Lines
        } else {
            Self::Live
        }
    }
}

/// How the load stands, on the screen.
pub(super) struct Progress<'a> {
    name: &'a str,
    target: &'a str,
    timeline: Cow<'a, Timeline>,
    /// Iterations in all, if their number and not a time ends the load.
    iterations: Option<u64>,
    style: Style,
    history: History,
    /// When a line was last shown.
    last: Duration,
}

impl<'a> Progress<'a> {
    pub(super) fn new(name: &'a str, target: &'a str, valid: &'a Valid, style: Style) -> Self {
        let counted = |load: &LoadPlan| match load.work {
            Work::SharedIterations { iterations, .. } => Some(iterations),
            Work::IterationsPerUser { users, iterations } => Some(users.saturating_mul(iterations)),
            _ => None,
        };
        let iterations = valid.loads.iter().map(counted).sum();
        let timeline = Cow::Borrowed(&valid.timeline);
        Self { name, target, timeline, iterations, style, history: History::default(), last: Duration::ZERO }
    }

    /// Shows how far the load is: the last interval, and all that was recorded.
    pub(super) fn show(&mut self, interval: &Interval, users: u64, metrics: &Metrics) {
        self.history.add(interval);
        let elapsed = interval.to;
        let Self { name, target, timeline, iterations, history, .. } = self;
        let iterations = *iterations;
        let view = View { name, target, timeline, iterations, elapsed, users, metrics, history };
        match self.style {
            Style::Live => screen::draw(&view.lines(screen::width())),
            Style::Lines if elapsed.saturating_sub(self.last) >= LINE_INTERVAL => {
                say::line(format_args!("{}", view.line()));
                self.last = elapsed;
            }
            Style::Lines | Style::Quiet => {}
        }
    }

    /// The load goes on otherwise than planned.
    pub(super) fn go_on(&mut self, timeline: Timeline) {
        self.timeline = Cow::Owned(timeline);
    }

    /// Says something that stays on the screen.
    pub(super) fn say(&mut self, message: &str) {
        screen::clear();
        say::line(format_args!("{message}"));
    }
}

impl Drop for Progress<'_> {
    fn drop(&mut self) {
        screen::clear();
    }
}
