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
mod entry;
mod grid;
mod slice;

use std::{borrow::Cow, collections::BTreeMap, time::Duration};

use serde::{Deserialize, Serialize};
use upsurge_crds::v1alpha1::{LoadTestSpec, TimeSpan};

use self::{course::Course, entry::Entry, grid::Grid};
use super::{
    availability::{Availability, Bins, Counts},
    parts::{Parts, Selected, Source, Sums},
    rule::{Observed, Rule, nothing},
    seconds::{PerSecond, Seconds},
    steps::{Staircase, Steps},
    sums::{self, Budget, Excess},
    target::Target,
};
use crate::{
    metrics::{
        Catalog, Metrics, Sink,
        names::{self, Kind},
    },
    plan::{Plan, Timeline},
    protocol::Slice,
};

/// Most windows of a threshold that wait for slower runners, beside those of [`LATE`].
const MOST_OPEN: usize = 6;
/// Time by which runners may be behind each other: as long as messages may take to be sent, or sent again to an operator
/// that begins where a checkpoint ended.
const LATE: Duration = Duration::from_secs(75);

/// What thresholds keep of the samples that came in, beside the merged series: how their windows stand, by index of
/// the threshold, exact sums of the parts that they select, and whether they were met, second by second. And what became of the
/// requests of each step of a staircase.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Windows {
    courses: BTreeMap<usize, Course>,
    #[serde(default)]
    parts: Parts,
    #[serde(default)]
    seconds: Seconds,
    /// Of thresholds on the share of good seconds, by index.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    bins: BTreeMap<usize, Bins>,
    #[serde(default, skip_serializing_if = "Steps::is_empty")]
    steps: Steps,
}

impl Windows {
    /// What became of the requests of each step of a staircase.
    pub fn steps(&self) -> &Steps {
        &self.steps
    }

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
        let bins = self.bins.values().map(Bins::bytes).sum::<usize>();
        let courses = self.courses.values().map(Course::bytes).sum::<usize>();
        self.parts.bytes() + self.seconds.bytes() + self.steps.bytes() + bins + courses
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
    availability: Vec<Availability>,
    staircase: Option<Staircase>,
    timeline: Option<Timeline>,
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
        Self {
            selected: Selected::by(test),
            rules,
            per_second: PerSecond::new(test, timeline),
            availability: Availability::of(test),
            staircase: Staircase::of(test, timeline),
            timeline: windowed,
        }
    }

    /// The same once the load has turned back and goes as this timeline says. Requests of steps that are left out still have their
    /// step: a runner may have begun one.
    pub fn turned(&self, test: &LoadTestSpec, timeline: &Timeline) -> Self {
        Self { staircase: self.staircase.clone(), ..Self::new(test, timeline) }
    }

    /// The same, from the test alone.
    pub fn of(test: &LoadTestSpec) -> Self {
        let windowless = test.thresholds.iter().all(|threshold| threshold.window.is_none());
        if windowless && !PerSecond::is_any(test) && !Staircase::is_any(test) {
            let (selected, availability) = (Selected::by(test), Availability::of(test));
            return Self { selected, availability, ..Self::default() };
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
            self.add_sums(windows, &self.with_steps(sums, metrics));
        }
        let [from_ms, to_ms] = [from, to].map(|time| u64::try_from(time.as_millis()).unwrap_or(u64::MAX));
        self.add_slice(windows, &self.slice(from_ms, to_ms, metrics));
    }

    /// What thresholds select of what a runner reported.
    ///
    /// # Errors
    /// When that takes more memory or time than there is for one report.
    pub fn sums(&self, metrics: &Metrics) -> Result<Sums, Excess> {
        Ok(self.with_steps(self.selected.sums(metrics, &mut Budget::of_delta())?, metrics))
    }

    fn with_steps(&self, mut sums: Sums, metrics: &Metrics) -> Sums {
        sums.steps = self.staircase.as_ref().map(|staircase| staircase.count(metrics)).unwrap_or_default();
        sums
    }

    /// Adds it to the sums of thresholds, whenever it was recorded.
    pub fn add_sums(&self, windows: &mut Windows, sums: &Sums) {
        self.selected.add(&mut windows.parts, sums);
        windows.steps.merge(&sums.steps);
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
            let of_bins = self.availability.iter().map(|one| one.growth(windows.bins.get(&one.index), slice));
            grown.sum::<usize>() + seconds + of_bins.sum::<usize>()
        };
        let of_sums = self.selected.growth(&windows.parts, sums) + windows.steps.growth(&sums.steps);
        of_sums + slices.iter().map(of_slice).sum::<usize>()
    }

    /// Adds what was recorded in a slice to the windows.
    pub fn add_slice(&self, windows: &mut Windows, slice: &Slice) {
        self.add_between(windows, middle(slice), &slice.windows);
        self.per_second.add(&mut windows.seconds, slice);
        for one in &self.availability {
            one.add(windows.bins.entry(one.index).or_default(), slice);
        }
    }

    /// What thresholds with windows, and those on the share of good seconds, select of what was recorded, by their index.
    pub fn selected(&self, metrics: &Metrics) -> impl Iterator<Item = (usize, Sink)> {
        let sums = sums::of(self.targets().map(|(_, target)| target), metrics, &mut Budget::endless());
        let sums = sums.unwrap_or_default();
        self.targets().zip(sums).filter_map(|((index, _), sum)| Some((index, sum?)))
    }

    fn targets(&self) -> impl Iterator<Item = (usize, &Target)> {
        let windowed = self.rules.iter().map(|entry| (entry.index, &entry.rule.target));
        windowed.chain(self.availability.iter().map(|one| (one.index, &one.failures)))
    }

    /// The metric that slices hold for the threshold of an index, if they do: its name, its kind, and whether it is none of
    /// the test's own.
    pub fn metric(&self, index: usize) -> Option<(&str, Kind, bool)> {
        if self.availability.iter().any(|one| one.index == index) {
            return Some((names::HTTP_REQ_FAILED, Kind::Rate, true));
        }
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
        for one in &self.availability {
            one.close(windows.bins.entry(one.index).or_default(), until);
        }
        let late = |grid: &Grid| {
            usize::try_from(LATE.as_nanos().div_ceil(grid.length.as_nanos())).unwrap_or(usize::MAX)
        };
        self.close_beyond(|grid| MOST_OPEN.saturating_add(late(grid)), windows, until, metrics);
    }

    /// Gives up the seconds that are not over, and then the windows of the threshold whose open ones take most, for good.
    /// False if there were none to give up.
    pub fn give_up(&self, windows: &mut Windows) -> bool {
        let of_bins = windows.bins.values_mut().fold(false, |any, bins| Availability::give_up(bins) | any);
        if self.per_second.give_up(&mut windows.seconds) || of_bins {
            return true;
        }
        let open = windows.courses.values_mut().filter(|course| !course.open.is_empty());
        let Some(largest) = open.max_by_key(|course| course.bytes()) else { return false };
        largest.given_up = largest.open.first_key_value().map(|(window, _)| *window);
        largest.open = BTreeMap::new();
        true
    }

    /// The seconds of a threshold on the share of good ones.
    pub(super) fn good_seconds(
        &self,
        index: usize,
        windows: &Windows,
        ended: Option<Duration>,
    ) -> Option<Counts> {
        let one = self.availability.iter().find(|one| one.index == index)?;
        Some(one.counts(windows.bins.get(&index)?, ended))
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
