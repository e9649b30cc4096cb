// SPDX-License-Identifier: Apache-2.0
//! Thresholds that must hold in every window.
//!
//! Windows follow each other without gaps from the start of the load, or of the selected stage, so every sample
//! belongs to one of them; what is left over at the end belongs to the last one. Of a window that is
//! over only the verdict stays, and of all of them the worst, so that state does not grow with the run. A sample that comes
//! in after its window was judged counts to the oldest that was not.

use std::{borrow::Cow, collections::BTreeMap, time::Duration};

use serde::{Deserialize, Serialize};
use upsurge_crds::v1alpha1::{LoadTestSpec, TimeSpan};

use super::{
    condition::Aggregation,
    parts::{Parts, Selected, Source},
    rule::{Observed, Rule, nothing},
    seconds::{PerSecond, Seconds},
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

    /// Where thresholds find their samples.
    pub(super) fn source<'a>(&'a self, metrics: &'a Metrics) -> Source<'a> {
        Source { metrics, parts: &self.parts }
    }
}

/// How the windows of a threshold stand.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Course {
    /// Samples of windows that are not over.
    open: BTreeMap<u32, Sink>,
    /// First window that was not judged yet.
    next: u32,
    judged: u32,
    breached: u32,
    /// Whether a window was breached after the time in which that does not stop the run.
    stops: bool,
    worst: Option<Worst>,
}

/// The worst window of a threshold.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
struct Worst {
    window: u32,
    value: f64,
    parts: Option<(f64, f64)>,
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
    pub(super) observed: Observed,
    pub(super) passed: bool,
    pub(super) stops: bool,
    pub(super) detail: String,
}

/// Where windows begin and end.
#[derive(Clone, Copy, Debug)]
struct Grid {
    origin: Duration,
    end: Duration,
    length: Duration,
    count: u32,
}

impl Grid {
    fn new(rule: &Rule, length: Duration, timeline: &Timeline) -> Self {
        let stage = rule.target.selector.stage.as_deref().and_then(|name| timeline.stage(name));
        let (origin, end) =
            stage.map_or((Duration::ZERO, timeline.duration()), |stage| (stage.start, stage.end()));
        let length = length.max(Duration::from_millis(1));
        let whole = (end.saturating_sub(origin).as_nanos() / length.as_nanos()).max(1);
        Self { origin, end, length, count: u32::try_from(whole).unwrap_or(u32::MAX) }
    }

    fn last(&self) -> u32 {
        self.count.saturating_sub(1)
    }

    fn at(&self, time: Duration) -> u32 {
        let number = time.saturating_sub(self.origin).as_nanos() / self.length.as_nanos();
        u32::try_from(number).unwrap_or(u32::MAX).min(self.last())
    }

    fn begin(&self, window: u32) -> Duration {
        self.origin.saturating_add(self.length.saturating_mul(window))
    }

    /// End of a window; the last one also has what is left over.
    fn finish(&self, window: u32) -> Duration {
        if window >= self.last() { self.end } else { self.begin(window + 1) }
    }
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
        self.add_sums(windows, metrics);
        let selected = self.selected(metrics).collect();
        self.add_between(windows, from / 2 + to / 2, &selected);
    }

    /// Adds what was recorded to the sums of thresholds, whenever it was.
    pub fn add_sums(&self, windows: &mut Windows, metrics: &Metrics) {
        self.selected.add(&mut windows.parts, metrics);
    }

    /// Adds what was recorded in a slice to the windows.
    pub fn add_slice(&self, windows: &mut Windows, slice: &Slice) {
        let [from, to] = [slice.from_ms, slice.to_ms].map(Duration::from_millis);
        self.add_between(windows, from / 2 + to / 2, &slice.windows);
        self.per_second.add(&mut windows.seconds, slice);
    }

    /// What thresholds with windows select of what was recorded, by their index.
    pub fn selected(&self, metrics: &Metrics) -> impl Iterator<Item = (usize, Sink)> {
        self.rules.iter().filter_map(|Entry { index, rule, .. }| {
            Some((*index, metrics.sum(&rule.target.metric, &rule.target.selector)?))
        })
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
            let window = grid.at(middle).max(course.next).min(grid.last());
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

    /// Judges windows too that may not be over, so that of each threshold one at most stays open: state that is too
    /// large gets smaller. What comes later counts to the one that is open.
    /// False if there were none to judge.
    pub fn squeeze(&self, windows: &mut Windows, until: Duration, metrics: &Metrics) -> bool {
        let open =
            |windows: &Windows| windows.courses.values().map(|course| course.open.len()).sum::<usize>();
        let before = open(windows);
        self.close_beyond(|_| 1, windows, until, metrics);
        open(windows) < before
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
        let mut course = windows.courses.get(&index)?.clone();
        if finished {
            entry.finish(&mut course, windows.source(metrics), timeline, elapsed);
        }
        let worst = course.worst?;
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
        Some(Judgement { observed, passed: course.breached == 0, stops: course.stops, detail })
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

fn seconds(time: Duration) -> TimeSpan {
    TimeSpan(Duration::from_millis(time.as_millis() as u64))
}
