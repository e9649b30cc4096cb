// SPDX-License-Identifier: Apache-2.0
//! What a test of scalability has found, as figures and in words.

use serde::{Deserialize, Serialize};
use upsurge_crds::v1alpha1::Verdict;
use upsurge_figures::{
    scalability::{Amdahl, Doubt, Point, Usl, amdahl, efficiencies, sublinear_from, usl},
    statistics::Interval,
};

use super::{super::judged::UNANSWERED, Tally};
use crate::format::{decimal, per_second};

/// What a test of scalability has found.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Scaled {
    /// Each count of replicas, ascending.
    pub counts: Vec<Counted>,
    /// The smallest count that is surely not linear any more: all of the interval of its efficiency lies below 0.9. Absent if
    /// there is none, and where no count was measured twice.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sublinear_from: Option<u32>,
    /// The fit of the Universal Scalability Law; absent if `unfitted` says why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub usl: Option<Usl>,
    /// The fit of Amdahl's law, which needs one count less.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub amdahl: Option<Amdahl>,
    /// Why there is no fit of the Universal Scalability Law.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unfitted: Option<String>,
}

/// What is known of a count of replicas.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Counted {
    /// Replicas.
    pub replicas: u32,
    /// Users that kept them busy.
    pub users: u32,
    /// Measurements in which all thresholds held. The figures are of these.
    pub passed: u32,
    /// Measurements in which one did not.
    pub failed: u32,
    /// Measurements that said nothing.
    pub blind: u32,
    /// Requests per second that were answered well, the mean of the measurements; absent if none passed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub throughput: Option<f64>,
    /// What each replica served, divided by what each of the fewest replicas did: 1 is linear.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub efficiency: Option<f64>,
    /// `efficiency` with its 95 % interval; absent of the fewest replicas, and where no count was measured twice.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interval: Option<Interval>,
    /// What kept a measurement from passing: the threshold that did not hold, or else why nothing could be said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<String>,
}

impl Counted {
    /// Whether at least half of the measurements that said something failed.
    fn is_missed(&self) -> bool {
        self.failed > 0 && self.failed >= self.passed
    }

    /// Whether what failed first did so for want of answers: no threshold may have been asked for.
    fn is_unanswered(&self) -> bool {
        self.limit.as_deref() == Some(UNANSWERED)
    }

    /// Whether there was a measurement.
    pub(super) fn is_measured(&self) -> bool {
        self.passed + self.failed + self.blind > 0
    }

    /// Whether no measurement said anything.
    fn is_unknown(&self) -> bool {
        self.failed == 0 && self.passed == 0
    }
}

impl Scaled {
    /// What was found of counts of replicas with so many users.
    pub(super) fn of(counts: Vec<(u32, u32, Tally)>) -> Self {
        let points = counts.iter().flat_map(|(replicas, _, tally)| {
            let point = |throughput: &f64| Point { replicas: *replicas, throughput: *throughput };
            tally.throughputs.iter().map(point).collect::<Vec<Point>>()
        });
        let points: Vec<Point> = points.collect();
        let efficiencies = efficiencies(&points);
        let counted = |(replicas, users, tally): (u32, u32, Tally)| {
            let measured = efficiencies.iter().find(|each| each.replicas == replicas);
            Counted {
                replicas,
                users,
                passed: tally.passed(),
                failed: tally.failed,
                blind: tally.blind,
                throughput: measured.map(|each| each.throughput),
                efficiency: measured.map(|each| each.efficiency),
                interval: measured.and_then(|each| each.interval),
                limit: tally.failure.or(tally.blindness),
            }
        };
        let (usl, amdahl) = (usl(&points), amdahl(&points));
        Self {
            counts: counts.into_iter().map(counted).collect(),
            sublinear_from: sublinear_from(&efficiencies),
            unfitted: usl.as_ref().err().map(ToString::to_string),
            usl: usl.ok(),
            amdahl: amdahl.ok(),
        }
    }

    /// Failed if measurements of some count failed, Inconclusive if nothing is known of one.
    pub fn verdict(&self) -> Verdict {
        if self.counts.iter().any(Counted::is_missed) {
            Verdict::Failed
        } else if self.counts.iter().any(Counted::is_unknown) {
            Verdict::Inconclusive
        } else {
            Verdict::Passed
        }
    }

    /// Whether all counts that failed did so for want of answers, and not by a threshold.
    pub(super) fn is_unanswered(&self) -> bool {
        self.counts.iter().filter(|count| count.is_missed()).all(Counted::is_unanswered)
    }

    /// What was measured, of a test that was stopped; `None` if no measurement passed.
    pub fn served(&self) -> Option<String> {
        let served = self.counts.iter().filter_map(|count| {
            Some(format!("{} served {} requests/s", in_words(count.replicas), per_second(count.throughput?)))
        });
        let served: Vec<String> = served.collect();
        (!served.is_empty()).then(|| served.join(", "))
    }

    /// All of it in a sentence with numbers; what decides the verdict comes first.
    pub fn message(&self) -> String {
        let limit = |count: &Counted| count.limit.clone().unwrap_or_else(|| "no reason is known".into());
        let missed = self.counts.iter().filter(|count| count.is_missed());
        let unknown = self.counts.iter().filter(|count| count.is_unknown());
        let with =
            |begin: &str, count: &Counted| format!("{begin} {}: {}", in_words(count.replicas), limit(count));
        let missed = missed.map(|count| match count.is_unanswered() {
            true => format!("with {}, {UNANSWERED}", in_words(count.replicas)),
            false => with("thresholds did not hold with", count),
        });
        let mut told: Vec<String> = missed.collect();
        told.extend(unknown.map(|count| with("nothing is known of", count)));
        told.extend(self.speedup());
        told.extend(self.sublinear_from.map(|from| {
            format!("from {} on, each of them serves less than 90 % of what it should", in_words(from))
        }));
        told.extend(self.law());
        told.join("; ")
    }

    /// The most replicas beside the fewest.
    fn speedup(&self) -> Option<String> {
        let mut measured = self.counts.iter().filter(|count| count.throughput.is_some());
        let (fewest, most) = (measured.next()?, measured.next_back()?);
        Some(format!(
            "{} serve {} times what {} can, which is {} % of linear",
            in_words(most.replicas),
            decimal(most.throughput? / fewest.throughput?, 2),
            in_words(fewest.replicas),
            decimal(most.efficiency? * 100.0, 0),
        ))
    }

    /// The law that holds: Amdahl's unless there surely is coherency.
    fn law(&self) -> Option<String> {
        let (mut text, doubts) = match (&self.usl, &self.amdahl) {
            (Some(usl), _) if usl.coherency.low > 0.0 => {
                let (contention, coherency) = (between(usl.contention, 4), between(usl.coherency, 6));
                let mut text = format!("contention α is {contention} and coherency β {coherency}");
                if let Some(peak) = usl.peak {
                    text += &format!(": beyond {} replicas, more serve less", decimal(peak, 0));
                }
                (text, &usl.doubts)
            }
            (_, Some(amdahl)) => {
                let mut text = format!("contention σ is {}", between(amdahl.serial, 4));
                if let Some(limit) = amdahl.limit {
                    let limit = decimal(limit, 1);
                    text += &format!(": no number of replicas serves more than {limit} times what one can");
                }
                (text, &amdahl.doubts)
            }
            _ => return self.unfitted.clone(),
        };
        for doubt in doubts {
            text += match doubt {
                Doubt::FewPoints => " (read with care: fewer than six counts were measured)",
                Doubt::PeakTooFar => " (a peak would be at more than twice the most replicas)",
                Doubt::Superlinear => " (read with care: more replicas served more than their share)",
                Doubt::CoherencyUncertain => "",
            };
        }
        Some(text)
    }
}

fn in_words(replicas: u32) -> String {
    if replicas == 1 { "1 replica".into() } else { format!("{replicas} replicas") }
}

fn between(interval: Interval, places: usize) -> String {
    let [estimate, low, high] =
        [interval.estimate, interval.low, interval.high].map(|value| decimal(value, places));
    format!("{estimate} ({low} to {high})")
}
