// SPDX-License-Identifier: Apache-2.0
//! Thresholds that must hold in every window.
//!
//! Windows follow each other without gaps from the start of the load, or of the selected stage, so every sample
//! belongs to one of them; what is left over at the end belongs to the last one. Of a window that is
//! over only the verdict stays, and of all of them the worst, so that state does not grow with the run. A sample that comes
//! in after its window was judged counts to the oldest that was not.
//!
//! Windows that would take too much memory are given up, for good: what one of them held is not complete any more, and so
//! neither that window nor a later one is judged, and the threshold is undecided unless one was breached before.

mod course;
mod grid;

use std::{borrow::Cow, collections::BTreeMap, time::Duration};

use serde::{Deserialize, Serialize};
use upsurge_crds::v1alpha1::{LoadTestSpec, TimeSpan};

use self::{
    course::{Course, Worst},
    grid::Grid,
};
use super::{
    condition::Aggregation,
    parts::{Parts, Selected, Source, Sums},
    rule::{Observed, Rule, nothing},
    seconds::{PerSecond, Seconds},
    sums::{self, Budget, Excess},
};
use crate::{
    comparison::Comparison,
    metrics::{
        Catalog, Metrics, Sink,
        names::{self, Kind},
    },
    plan::{Plan, Timeline},
    slices::Slice,
};

/// Most windows of a threshold that wait for slower runners, beside those of [`LATE`].
const MOST_OPEN: usize = 6;
/// Time by which runners may be behind each other: as long as messages may take to be sent, or sent again to an operator
/// that begins where a checkpoint ended.
const LATE: Duration = Duration::from_secs(75);

/// What thresholds keep of the samples that came in, beside the merged series: how their windows stand, by index of
/// the threshold, exact sums of the parts that they select, and whether they were met, second by second.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Windows {
    courses: BTreeMap<usize, Course>,
    #[serde(default)]
    parts: Parts,
    #[serde(default)]
    seconds: Seconds,
}

impl Windows {
    /// Whether thresholds were met, second by second.
    pub fn seconds(&self) -> &Seconds {
        &self.seconds
    }

    /// Requests without an answer that no threshold on failures speaks of.
    pub fn unlimited(&self) -> u64 {
        self.parts.unlimited()
    }

    /// About how much memory they take.
    pub fn bytes(&self) -> usize {
        self.parts.bytes() + self.seconds.bytes() + self.courses.values().map(Course::bytes).sum::<usize>()
    }

    /// Where thresholds find their samples.
    pub(super) fn source<'a>(&'a self, metrics: &'a Metrics) -> Source<'a> {
        Source { metrics, parts: &self.parts }
    }
}

/// The thresholds of a test, ready to take samples: those with windows, and what all of them select.
#[derive(Clone, Debug, Default)]
pub struct Windowed {
    selected: Selected,
    rules: Vec<Entry>,
    per_second: PerSecond,
    timeline: Option<Timeline>,
}

#[derive(Clone, Debug)]
struct Entry {
    index: usize,
    rule: Rule,
    grid: Grid,
    /// Time from the start of the load in which a breach does not stop the run.
    delay: Duration,
}

/// What came of the windows of a threshold.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Judgement {
    /// The worst of what was judged, if anything was.
    pub(super) observed: Option<Observed>,
    /// Whether windows were given up, so that nothing can be said: none was breached before.
    pub(super) is_undecided: bool,
    pub(super) passed: bool,
    pub(super) stops: bool,
    pub(super) detail: String,
}

impl Windowed {
    /// The thresholds of a test; those that can't be read are left out.
    pub fn new(test: &LoadTestSpec, timeline: &Timeline) -> Self {
        let catalog = Catalog::new(&test.metrics);
        let entries = test.thresholds.iter().enumerate().filter_map(|(index, threshold)| {
            let length = threshold.window?.0;
            let rule = Rule::compile(threshold, catalog).ok()?;
            let delay = threshold.delay_abort_eval.map_or(Duration::ZERO, |delay| delay.0);
            Some(Entry { index, grid: Grid::new(&rule, length, timeline), rule, delay })
        });
        let rules: Vec<Entry> = entries.collect();
        let windowed = (!rules.is_empty()).then(|| timeline.clone());
        let per_second = PerSecond::new(test, timeline);
        Self { selected: Selected::by(test), rules, per_second, timeline: windowed }
    }

    /// The same, from the test alone.
    pub fn of(test: &LoadTestSpec) -> Self {
        let windowless = test.thresholds.iter().all(|threshold| threshold.window.is_none());
        if windowless && !PerSecond::is_any(test) {
            return Self { selected: Selected::by(test), ..Self::default() };
        }
        let scenarios: Vec<&str> =
            test.scenarios.iter().flatten().map(|scenario| scenario.name.as_str()).collect();
        let plan = Plan::compile(&test.load, &scenarios);
        plan.map(|plan| Self::new(test, &plan.timeline)).unwrap_or_default()
    }

    /// Begins with what was merged before, as an earlier version left it.
    pub fn adopt(&self, windows: &mut Windows, metrics: &Metrics) {
        self.selected.adopt(&mut windows.parts, metrics);
    }

    /// Adds what was recorded in an interval.
    pub fn add(&self, windows: &mut Windows, from: Duration, to: Duration, metrics: &Metrics) {
        if let Ok(sums) = self.selected.sums(metrics, &mut Budget::endless()) {
            self.add_sums(windows, &sums);
        }
        let selected = self.selected(metrics).collect();
        self.add_between(windows, from / 2 + to / 2, &selected);
    }

    /// What thresholds select of what a runner reported.
    ///
    /// # Errors
    /// When that takes more memory or time than there is for one report.
    pub fn sums(&self, metrics: &Metrics) -> Result<Sums, Excess> {
        self.selected.sums(metrics, &mut Budget::of_delta())
    }

    /// Adds it to the sums of thresholds, whenever it was recorded.
    pub fn add_sums(&self, windows: &mut Windows, sums: &Sums) {
        self.selected.add(&mut windows.parts, sums);
    }

    /// By how much memory windows and sums grow at most with these.
    pub fn growth(&self, windows: &Windows, sums: &Sums, slices: &[Slice]) -> usize {
        let of_slice = |slice: &Slice| {
            let middle = middle(slice);
            let grown = self.rules.iter().filter_map(|Entry { index, grid, .. }| {
                let (sink, course) = (slice.windows.get(index)?, windows.courses.get(index));
                let open = course.and_then(|course| course.open.get(&grid.place(middle, course.next)));
                Some(match (course, open) {
                    (Some(Course { given_up: Some(_), .. }), _) => 0,
                    (_, Some(mine)) => mine.growth(sink),
                    (_, None) => size_of::<Course>() + size_of::<u32>() + sink.place(),
                })
            });
            let seconds = if self.per_second.is_empty() { 0 } else { windows.seconds.growth(slice) };
            grown.sum::<usize>() + seconds
        };
        self.selected.growth(&windows.parts, sums) + slices.iter().map(of_slice).sum::<usize>()
    }

    /// Adds what was recorded in a slice to the windows.
    pub fn add_slice(&self, windows: &mut Windows, slice: &Slice) {
        self.add_between(windows, middle(slice), &slice.windows);
        self.per_second.add(&mut windows.seconds, slice);
    }

    /// What thresholds with windows select of what was recorded, by their index.
    pub fn selected(&self, metrics: &Metrics) -> impl Iterator<Item = (usize, Sink)> {
        let targets = self.rules.iter().map(|entry| &entry.rule.target);
        let sums = sums::of(targets, metrics, &mut Budget::endless()).unwrap_or_default();
        self.rules.iter().zip(sums).filter_map(|(Entry { index, .. }, sum)| Some((*index, sum?)))
    }

    /// The metric that the threshold of an index is about, if it has windows: its name, its kind, and whether it is none of
    /// the test's own.
    pub fn metric(&self, index: usize) -> Option<(&str, Kind, bool)> {
        let Entry { rule, .. } = self.rules.iter().find(|entry| entry.index == index)?;
        Some((&rule.target.metric, rule.definition.kind, names::kind_of(&rule.target.metric).is_some()))
    }

    fn add_between(&self, windows: &mut Windows, middle: Duration, selected: &BTreeMap<usize, Sink>) {
        for Entry { index, rule, grid, .. } in &self.rules {
            let sink = match selected.get(index) {
                Some(sink) => Cow::Borrowed(sink),
                // That nothing came says something of a counter, but only while it could have come.
                None if middle >= grid.origin && middle < grid.end => {
                    Cow::Owned(nothing(rule.definition.kind))
                }
                None => continue,
            };
            let course = windows.courses.entry(*index).or_default();
            if course.given_up.is_some() {
                continue;
            }
            let window = grid.place(middle, course.next);
            match course.open.get_mut(&window) {
                Some(mine) => mine.merge(&sink),
                None => {
                    course.open.insert(window, sink.into_owned());
                }
            }
        }
    }

    /// Judges the windows and the seconds that are over for all runners: those that end by `until`. `metrics` is all that was
    /// recorded so far.
    pub fn close(&self, windows: &mut Windows, until: Duration, metrics: &Metrics) {
        self.per_second.close(&mut windows.seconds, until);
        let late = |grid: &Grid| {
            usize::try_from(LATE.as_nanos().div_ceil(grid.length.as_nanos())).unwrap_or(usize::MAX)
        };
        self.close_beyond(|grid| MOST_OPEN.saturating_add(late(grid)), windows, until, metrics);
    }

    /// Gives up the seconds that are not over, and then the windows of the threshold whose open ones take most, for good.
    /// False if there were none to give up.
    pub fn give_up(&self, windows: &mut Windows) -> bool {
        if self.per_second.give_up(&mut windows.seconds) {
            return true;
        }
        let open = windows.courses.values_mut().filter(|course| !course.open.is_empty());
        let Some(largest) = open.max_by_key(|course| course.bytes()) else { return false };
        largest.given_up = largest.open.first_key_value().map(|(window, _)| *window);
        largest.open = BTreeMap::new();
        true
    }

    /// Thresholds whose windows were given up, by index, and from what time of the load on.
    pub fn given_up(&self, windows: &Windows) -> impl Iterator<Item = (usize, Duration)> {
        self.rules.iter().filter_map(move |Entry { index, grid, .. }| {
            Some((*index, grid.begin(windows.courses.get(index)?.given_up?)))
        })
    }

    fn close_beyond(
        &self,
        most: impl Fn(&Grid) -> usize,
        windows: &mut Windows,
        until: Duration,
        metrics: &Metrics,
    ) {
        let Some(timeline) = &self.timeline else { return };
        let Windows { courses, parts, .. } = windows;
        let source = Source { metrics, parts };
        for entry in &self.rules {
            let Some(course) = courses.get_mut(&entry.index) else { continue };
            while let Some((window, sink)) = course.open.first_key_value() {
                let (window, over) = (*window, entry.grid.finish(*window) <= until);
                if window >= entry.grid.last() {
                    // Slow responses of its time may still come: only whether it stops the run is known now.
                    let observed = over.then(|| entry.observe(window, sink, source, timeline, until));
                    let breached = observed.flatten().is_some_and(|seen| !entry.holds(&seen));
                    course.stops |= breached && entry.grid.end >= entry.delay;
                    break;
                }
                if !over && course.open.len() <= most(&entry.grid) {
                    break;
                }
                entry.judge(course, window, source, timeline, until);
            }
        }
    }

    /// What came of the windows of a threshold; `None` if no window says anything.
    pub(super) fn outcome(
        &self,
        index: usize,
        windows: &Windows,
        metrics: &Metrics,
        elapsed: Duration,
        finished: bool,
    ) -> Option<Judgement> {
        let entry = self.rules.iter().find(|entry| entry.index == index)?;
        let timeline = self.timeline.as_ref()?;
        let mut course = Cow::Borrowed(windows.courses.get(&index)?);
        if finished {
            entry.finish(course.to_mut(), windows.source(metrics), timeline, elapsed);
        }
        let given_up = course.given_up.map(|window| given_up(entry.grid.begin(window)));
        let Some(worst) = course.worst else {
            return given_up.map(|detail| Judgement {
                observed: None,
                is_undecided: true,
                passed: false,
                stops: false,
                detail,
            });
        };
        let observed = Observed { value: worst.value, parts: worst.parts };
        let length = TimeSpan(entry.grid.length);
        let mut detail = format!(
            "worst of {} windows of {length}: from {}",
            course.judged,
            seconds(entry.grid.begin(worst.window))
        );
        if course.breached > 0 {
            detail += &format!("; {} breached", course.breached);
        }
        if let Some(parts) = entry.rule.parts(&observed) {
            detail += &format!("; {parts}");
        }
        let is_undecided = given_up.is_some() && course.breached == 0;
        if let Some(given_up) = given_up {
            detail += &format!("; {given_up}");
        }
        let (observed, passed) = (Some(observed), course.breached == 0);
        Some(Judgement { observed, is_undecided, passed, stops: course.stops, detail })
    }
}

impl Entry {
    fn holds(&self, observed: &Observed) -> bool {
        self.rule.condition.holds(observed.value)
    }

    fn observe(
        &self,
        window: u32,
        sink: &Sink,
        source: Source<'_>,
        timeline: &Timeline,
        elapsed: Duration,
    ) -> Option<Observed> {
        let time = self.grid.finish(window).min(elapsed).saturating_sub(self.grid.begin(window));
        self.rule.of(sink, time, source, timeline, elapsed)
    }

    /// Judges an open window and forgets its samples.
    fn judge(
        &self,
        course: &mut Course,
        window: u32,
        source: Source<'_>,
        timeline: &Timeline,
        elapsed: Duration,
    ) {
        let Some(sink) = course.open.remove(&window) else { return };
        course.next = course.next.max(window.saturating_add(1));
        let Some(observed) = self.observe(window, &sink, source, timeline, elapsed) else { return };
        course.judged += 1;
        if !self.holds(&observed) {
            course.breached += 1;
            course.stops |= self.grid.finish(window) >= self.delay;
        }
        if course.worst.is_none_or(|worst| self.is_worse(observed.value, worst.value)) {
            course.worst = Some(Worst { window, value: observed.value, parts: observed.parts });
        }
    }

    /// Judges what is left at the end. A window that was cut short is judged if at least half of it has passed, or if
    /// there is no other: a moment says too little. A sum says nothing unless its window is whole.
    fn finish(&self, course: &mut Course, source: Source<'_>, timeline: &Timeline, elapsed: Duration) {
        let open: Vec<u32> = course.open.keys().copied().collect();
        for window in open {
            let whole = self.grid.finish(window) <= elapsed;
            let passed = elapsed.saturating_sub(self.grid.begin(window));
            let telling =
                passed >= self.grid.length / 2 && self.rule.condition.aggregation != Aggregation::Count;
            if whole || telling || course.judged == 0 {
                self.judge(course, window, source, timeline, elapsed);
            }
        }
    }

    /// Whether a value is farther from what is asked for than another.
    fn is_worse(&self, value: f64, other: f64) -> bool {
        let off = |value: f64| (value - self.rule.condition.limit).abs();
        match self.rule.condition.comparison {
            Comparison::Less | Comparison::AtMost => value > other,
            Comparison::More | Comparison::AtLeast => value < other,
            Comparison::Equal => off(value) > off(other),
            Comparison::NotEqual => off(value) < off(other),
        }
    }
}

fn given_up(from: Duration) -> String {
    format!("not judged from {} on: to keep these windows would have taken too much room", seconds(from))
}

fn middle(slice: &Slice) -> Duration {
    let [from, to] = [slice.from_ms, slice.to_ms].map(Duration::from_millis);
    from / 2 + to / 2
}

fn seconds(time: Duration) -> TimeSpan {
    TimeSpan(Duration::from_millis(time.as_millis() as u64))
}
