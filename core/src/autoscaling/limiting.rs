// SPDX-License-Identifier: Apache-2.0
//! What kept the workload from growing further: one limit, wherever a result or a message names it.

use upsurge_crds::v1alpha1::ExpectationResult;
use upsurge_figures::{
    limits::{Facts, Limit, Recommendation, recommend},
    observation::Autoscaler,
    workload::Report,
};

/// The limit of a run.
#[derive(Clone, Debug)]
pub(super) struct Limiting {
    pub(super) limit: Limit,
    /// What it was seen by.
    pub(super) evidence: String,
    /// What to change, where the figures don't say it.
    pub(super) change: Option<Recommendation>,
}

impl Limiting {
    /// The one that was in force longest. If none was, an upper bound that can't hold the replicas that the test itself asks for: the
    /// autoscaler need never have come to want them.
    pub(super) fn of(report: &Report, autoscaler: Option<&Autoscaler>, needed: Option<i32>) -> Option<Self> {
        if let Some(stretch) = report.limited_by.as_ref().filter(|stretch| stretch.limit != Limit::None) {
            return Some(Self { limit: stretch.limit, evidence: stretch.evidence.clone(), change: None });
        }
        let (autoscaler, needed) = autoscaler.zip(needed.and_then(|needed| u32::try_from(needed).ok()))?;
        let Autoscaler { kind, name, max, .. } = autoscaler;
        if needed <= *max {
            return None;
        }
        let evidence =
            format!("maxReplicas {max} of {kind}/{name} is below the {needed} replicas that are needed");
        let change = recommend(&Facts {
            limit: Some(Limit::MaxReplicas),
            evidence: &evidence,
            autoscaler: Some(autoscaler),
            most_demanded: Some(needed),
            flapping: 0,
        });
        Some(Self { limit: Limit::MaxReplicas, evidence, change })
    }

    /// As the end of a sentence.
    pub(super) fn in_words(&self) -> String {
        format!(", limited by {:?}: {}", self.limit, self.evidence)
    }

    /// Leaves these words in the first message that has them: in others they would only be repeated.
    pub(super) fn say_once(&self, expectations: &mut [ExpectationResult]) {
        let words = self.in_words();
        let messages = expectations.iter_mut().filter_map(|expectation| expectation.message.as_mut());
        for message in messages.filter(|message| message.contains(&words)).skip(1) {
            *message = message.replace(&words, "");
        }
    }
}
