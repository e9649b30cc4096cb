// SPDX-License-Identifier: Apache-2.0
//! A run is a sequence of epochs, each with a load of its own.
//!
//! [`Epochs::decide`] is a function of the load that was asked for and of the epochs that are finished: it names the next one,
//! or what they say together. Whoever carries a run out makes each finished epoch durable before anybody hears of the next one,
//! and remembers nothing else: killed anywhere, it goes on with the same decision. [`Epochs::test`] makes of the whole test and
//! an epoch a test with a plain load, so all that knows loads, thresholds and figures knows epochs.
//!
//! Most tests have one epoch, which is the test itself. A search has one for each of its probes, a test of scalability one for each
//! of its measurements. What else takes several loads is one more [`Decider`]. An epoch may wish for a number of replicas
//! ([`Epoch::replicas`]) or for a size of pods ([`Epoch::size`]): whoever carries it out holds the target at them before its load
//! begins.

mod answer;
mod check;
mod fewest;
mod judged;
mod replicas;
mod scalability;
#[cfg(test)]
mod tests;

use std::{str::FromStr as _, time::Duration};

use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;
use upsurge_crds::v1alpha1::{
    CapacityLoad, EpochOutcome, EpochResult, Find, Load, LoadTestSpec, LoadUnit, MOST_EPOCHS, Quantity,
    SeriesReference, StageSpec, Threshold,
};
use upsurge_figures::search::{self, Decision, Found, Ladder, LadderError, Outcome, Probe, Search};

pub(crate) use self::check::check;
pub use self::{
    answer::{Answer, answer, probed, shown},
    judged::{Seen, alone, figures, judged, line},
    replicas::{Standing, standing},
    scalability::{
        BySize, Counted, Measurement, Scalability, ScalabilityError, Scaled, Scaling, Sizes, SizesError,
        last_passed, scaling, sizing,
    },
};
use crate::{
    format::decimal,
    metrics::{Catalog, names::Kind},
    plan::{MEASURE, WARM_UP},
    thresholds::Target,
};

/// Digits of a level behind the point: as many as a quantity has.
const DIGITS: usize = 9;

/// A part of a run with a load of its own.
#[derive(Clone, Debug, PartialEq)]
pub struct Epoch {
    /// Its number, from 1.
    pub number: u32,
    /// Its level, in iterations per second, or in users of a test of scalability; `None` for the only one of a test whose load is
    /// what it says.
    pub level: Option<f64>,
    /// Replicas that its target is to be held at; `None` where they are left alone.
    pub replicas: Option<u32>,
    /// Name of the size that the pods of its target are to have; `None` where they are left alone.
    pub size: Option<String>,
}

impl Epoch {
    /// Whether its target has to be held in some way.
    pub fn holds(&self) -> bool {
        self.replicas.is_some() || self.size.is_some()
    }

    /// How it is told while it is under way; `None` of the only one of a test.
    pub fn under_way(&self, start_time: Option<MicroTime>) -> Option<EpochResult> {
        Some(EpochResult {
            number: i32::try_from(self.number).unwrap_or(i32::MAX),
            level: written(self.level?),
            start_time,
            pinned_replicas: self.replicas.and_then(|replicas| i32::try_from(replicas).ok()),
            size: self.size.clone(),
            ..EpochResult::default()
        })
    }
}

/// What comes after the epochs that are finished.
#[derive(Clone, Debug, PartialEq)]
pub enum Next {
    /// Another one.
    Epoch(Epoch),
    /// Nothing.
    Done(Done),
}

/// What the epochs of a run say together.
#[derive(Clone, Debug, PartialEq)]
pub enum Done {
    /// There was one, and it is judged as a test.
    Once,
    /// A search has come to its end.
    Capacity(Found),
    /// All counts of a test of scalability are measured.
    Scalability(Box<Scaled>),
    /// All sizes of one are.
    Sizes(Box<BySize>),
}

/// The epochs of a test.
#[derive(Clone, Debug, PartialEq)]
pub struct Epochs(Decider);

/// What decides on the next epoch.
#[derive(Clone, Debug, PartialEq)]
enum Decider {
    Once,
    /// The levels of the search are rates.
    Capacity(Search),
    /// They are numbers of replicas, each at this rate.
    Replicas {
        search: Search,
        rate: f64,
    },
    /// Each count of replicas is measured some times.
    Scalability(Scalability),
    /// Each size of pods is.
    Sizes(Sizes),
}

/// Why a load has no epochs.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum EpochsError {
    /// Its search has no levels.
    #[error(transparent)]
    Ladder(#[from] LadderError),
    /// There is nothing to compare.
    #[error(transparent)]
    Scalability(#[from] ScalabilityError),
    /// The same of sizes.
    #[error(transparent)]
    Sizes(#[from] SizesError),
}

impl Epochs {
    /// Those of a load.
    ///
    /// # Errors
    /// When a search has no levels, or a test of scalability nothing to measure; a load that was found valid has.
    pub fn of(load: &Load) -> Result<Self, EpochsError> {
        if let Some(counts) = load.scalability.as_ref().and_then(|scalability| scalability.replicas.as_ref())
        {
            return Ok(Self(Decider::Scalability(Scalability::of(counts)?)));
        }
        if let Some(sizes) = load.scalability.as_ref().and_then(|scalability| scalability.sizes.as_ref()) {
            return Ok(Self(Decider::Sizes(Sizes::of(sizes)?)));
        }
        let Some(capacity) = &load.capacity else { return Ok(Self(Decider::Once)) };
        let search = |find| {
            Ok::<_, LadderError>(Search { find, ladder: ladder(capacity)?, repeats: capacity.repeats() })
        };
        Ok(Self(match capacity.find {
            Find::MaxRate => Decider::Capacity(search(search::Find::MaxRate)?),
            Find::MinReplicas => Decider::Replicas {
                search: search(search::Find::MinReplicas)?,
                rate: capacity.rate.unwrap_or_default().as_f64(),
            },
        }))
    }

    /// Whether there may be more than one.
    pub fn are_several(&self) -> bool {
        self.0 != Decider::Once
    }

    /// Whether some of them wish for a number of replicas, or for a size at those that there are.
    pub fn set_replicas(&self) -> bool {
        matches!(self.0, Decider::Replicas { .. } | Decider::Scalability(_) | Decider::Sizes(_))
    }

    /// The search, if there is one.
    fn search(&self) -> Option<&Search> {
        match &self.0 {
            Decider::Once | Decider::Scalability(_) | Decider::Sizes(_) => None,
            Decider::Capacity(search) | Decider::Replicas { search, .. } => Some(search),
        }
    }

    /// How long the load lasts in all, of which each epoch takes so long. Of a search that is what its levels may take; one that
    /// is torn to and fro by a noisy target may take longer.
    pub fn longest(&self, one: Duration) -> Duration {
        if let Decider::Scalability(scalability) = &self.0 {
            return scalability.longest(one);
        }
        if let Decider::Sizes(sizes) = &self.0 {
            return sizes.longest(one);
        }
        let Some(search) = self.search() else { return one };
        // All the way up, once.
        let climb = Search { repeats: 1, ..search.clone() };
        let below = match search.find {
            search::Find::MaxRate => Outcome::Pass,
            search::Find::MinReplicas => Outcome::Fail { limit: String::new() },
        };
        let mut probes: Vec<Probe> = Vec::new();
        let mut widest = 1;
        while let Decision::Next { step, .. } = search::decide(&climb, &probes) {
            widest = widest.max(probes.last().map_or(1, |last| step.abs_diff(last.step)));
            probes.push(Probe { step, outcome: below.clone() });
        }
        let halvings = usize::BITS - (widest - 1).leading_zeros();
        let climbed = u32::try_from(probes.len()).unwrap_or(u32::MAX);
        one.saturating_mul(climbed + halvings + 2 * search.repeats.saturating_sub(1) + search::TRIES)
    }

    /// What comes after these, which are finished.
    pub fn decide(&self, history: &[EpochResult]) -> Next {
        if let Decider::Scalability(scalability) = &self.0 {
            return match scalability.due(history) {
                Some(measurement) => Next::Epoch(measurement.epoch()),
                None => Next::Done(Done::Scalability(Box::new(scalability.found(history)))),
            };
        }
        if let Decider::Sizes(sizes) = &self.0 {
            return match sizes.due(history) {
                Some(epoch) => Next::Epoch(epoch),
                None => Next::Done(Done::Sizes(Box::new(sizes.found(history)))),
            };
        }
        let number = u32::try_from(history.len()).unwrap_or(u32::MAX).saturating_add(1);
        let Some(search) = self.search() else {
            return match history.is_empty() {
                true => Next::Epoch(Epoch { number, level: None, replicas: None, size: None }),
                false => Next::Done(Done::Once),
            };
        };
        let probes = probes(search, history);
        let decision = match history.len() < MOST_EPOCHS {
            true => search::decide(search, &probes),
            // No search that ever was came near; but a status has its bounds.
            false => Decision::Done(Found { inconclusive: true, ..search::so_far(search, &probes) }),
        };
        match decision {
            Decision::Next { level, .. } => Next::Epoch(self.epoch(number, level)),
            Decision::Done(found) => Next::Done(Done::Capacity(found)),
        }
    }

    /// What these epochs say together of a run that ends with them although others were to follow; `None` as long as none is finished, and
    /// of a run of one.
    pub fn so_far(&self, history: &[EpochResult]) -> Option<Done> {
        if history.iter().all(|epoch| epoch.outcome.is_none()) {
            return None;
        }
        if let Decider::Scalability(scalability) = &self.0 {
            return Some(Done::Scalability(Box::new(scalability.so_far(history))));
        }
        if let Decider::Sizes(sizes) = &self.0 {
            return Some(Done::Sizes(Box::new(sizes.so_far(history))));
        }
        let search = self.search()?;
        Some(Done::Capacity(search::so_far(search, &probes(search, history))))
    }

    /// The epoch of a level of the search.
    fn epoch(&self, number: u32, level: f64) -> Epoch {
        match &self.0 {
            Decider::Replicas { rate, .. } => {
                Epoch { number, level: Some(*rate), replicas: Some(whole_number(level)), size: None }
            }
            Decider::Once | Decider::Capacity(_) | Decider::Scalability(_) | Decider::Sizes(_) => {
                Epoch { number, level: Some(level), replicas: None, size: None }
            }
        }
    }

    /// The epoch that is under way after these: the next one, or the last one where none follows.
    pub fn under_way(&self, history: &[EpochResult]) -> Epoch {
        match (self.decide(history), history.split_last()) {
            (Next::Epoch(epoch), _) => epoch,
            (Next::Done(_), Some((_, before))) => match self.decide(before) {
                Next::Epoch(epoch) => epoch,
                Next::Done(_) => self.under_way(before),
            },
            (Next::Done(_), None) => Epoch { number: 1, level: None, replicas: None, size: None },
        }
    }

    /// The test of an epoch: that of the run, with the load of the epoch, and with thresholds on what is measured of it.
    pub fn test(&self, whole: &LoadTestSpec, epoch: &Epoch) -> LoadTestSpec {
        if let (Decider::Scalability(scalability), Some(measurement)) = (&self.0, Measurement::of(epoch)) {
            return scalability.test(whole, &measurement);
        }
        if let Decider::Sizes(sizes) = &self.0 {
            return sizes.test(whole);
        }
        let mut test = whole.clone();
        let (Some(level), Some(capacity)) = (epoch.level, test.load.capacity.take()) else {
            return whole.clone();
        };
        let stage = |name: &str, duration| StageSpec {
            name: Some(name.into()),
            duration,
            target: quantity(level),
            jump: true,
        };
        test.load.unit = Some(LoadUnit::IterationsPerSecond);
        test.load.stages = Some(vec![stage(WARM_UP, capacity.warm_up), stage(MEASURE, capacity.measure)]);
        if epoch.replicas.is_some() {
            // A target that is held at a number of replicas is not at its minimum, and has nothing to come to rest from.
            test.autoscaling = None;
        }
        let catalog = Catalog::new(&whole.metrics);
        test.thresholds.iter_mut().for_each(|threshold| measure(threshold, catalog));
        test
    }
}

/// The levels of a search.
fn ladder(capacity: &CapacityLoad) -> Result<Ladder, LadderError> {
    let (from, to) = (capacity.from.as_f64(), capacity.to.as_f64());
    match capacity.find {
        Find::MaxRate => Ladder::by_percent(from, to, f64::from(capacity.within())),
        Find::MinReplicas => Ladder::by_step(from, to, 1.0),
    }
}

/// By what the figures of an epoch are found again: its level and, where they are set, its replicas or its size.
pub fn key(result: &EpochResult) -> String {
    match (&result.size, result.pinned_replicas) {
        (Some(size), _) => format!("{} with {size}", result.level),
        (None, Some(replicas)) => format!("{} with {replicas}", result.level),
        (None, None) => result.level.clone(),
    }
}

/// A level of a search as a number of replicas.
fn whole_number(level: f64) -> u32 {
    // The ladder of a search that was found valid has whole numbers, of four digits at most.
    level.round().clamp(0.0, f64::from(u32::MAX)) as u32
}

/// A level as it is written down, by which it is known again.
fn written(level: f64) -> String {
    decimal(level, DIGITS)
}

fn quantity(level: f64) -> Quantity {
    // A number with so many digits always is one.
    Quantity::from_str(&written(level)).unwrap_or_default()
}

/// Finished epochs as the search knows them.
fn probes(search: &Search, history: &[EpochResult]) -> Vec<Probe> {
    let levels: Vec<String> = search.ladder.levels().iter().copied().map(written).collect();
    let probe = |epoch: &EpochResult| {
        let of_epoch = match search.find {
            search::Find::MaxRate => epoch.level.clone(),
            search::Find::MinReplicas => epoch.pinned_replicas?.to_string(),
        };
        let step = levels.iter().position(|level| *level == of_epoch)?;
        let limit = || epoch.limit.clone().unwrap_or_default();
        let outcome = match epoch.outcome? {
            EpochOutcome::Passed => Outcome::Pass,
            EpochOutcome::Failed => Outcome::Fail { limit: limit() },
            EpochOutcome::Inconclusive => Outcome::Inconclusive { reason: limit() },
        };
        Some(Probe { step, outcome })
    };
    history.iter().filter_map(probe).collect()
}

/// Has a threshold speak of what is measured, unless it selects a stage itself. A gauge belongs to no stage.
fn measure(threshold: &mut Threshold, catalog: Catalog<'_>) {
    let is_gauge = |metric: &str| catalog.get(metric).is_some_and(|known| known.kind == Kind::Gauge);
    let Ok(target) = Target::new(&threshold.metric, threshold.selector.as_ref()) else { return };
    if is_gauge(&target.metric) {
        return;
    }
    if let Some(SeriesReference { metric, selector }) = &mut threshold.ratio_to
        && let Ok(reference) = Target::new(metric.as_deref().unwrap_or(&target.metric), selector.as_ref())
        && reference.selector.stage.is_none()
        && !is_gauge(&reference.metric)
    {
        selector.get_or_insert_default().stage = Some(MEASURE.into());
    }
    if target.selector.stage.is_none() {
        threshold.selector.get_or_insert_default().stage = Some(MEASURE.into());
    }
}
