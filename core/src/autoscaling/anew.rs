// SPDX-License-Identifier: Apache-2.0
//! A record that was begun otherwise than its run: at a start that was given up before any runner took it, or with another
//! demand.

use upsurge_figures::{
    elasticity::Demand,
    observation::{Class, Source, What},
    workload::Workload,
};

/// What was observed, with a load that is still to begin. From a log that has left something out nothing can be counted anew:
/// then nothing is known.
pub(super) fn anew(recorded: &Workload, demand: Demand) -> Workload {
    let mut anew = Workload::new(demand);
    let log = recorded.log();
    let is_of_load = |class: &Class| matches!(class, Class::Load | Class::Thresholds);
    if !log.left_out().keys().all(is_of_load) {
        return anew;
    }
    let observed = log.events().iter().filter(|event| match &event.what {
        What::Load { .. } | What::Thresholds { .. } => false,
        What::Listed { source } | What::Lost { source, .. } => *source != Source::Runners,
        _ => true,
    });
    observed.cloned().for_each(|event| anew.note(event));
    anew
}
