// SPDX-License-Identifier: Apache-2.0
//! What a search needs and what says nothing beside it.

use upsurge_crds::v1alpha1::{CapacityLoad, DataOrder, LoadTestSpec};

use super::ladder;
use crate::field_error::Errors;

/// Checks what goes with `spec.load.capacity`; its own fields are checked where the load is compiled.
pub(crate) fn check(spec: &LoadTestSpec, errors: &mut Errors) {
    if spec.load.capacity.is_none() {
        return;
    }
    if spec.thresholds.is_empty() {
        errors.add(
            "spec.thresholds",
            "spec.load.capacity needs a threshold at least: it is what the target has to hold at a rate, for example \
             {metric: http_req_duration, condition: \"p(95) < 200ms\"}",
        );
    }
    for (index, _) in spec.thresholds.iter().enumerate().filter(|(_, threshold)| threshold.abort_on_fail) {
        errors.add(
            format_args!("spec.thresholds[{index}].abortOnFail"),
            "does not go with spec.load.capacity: a probe that fails is an answer, and the search goes on",
        );
    }
    for (index, _) in spec.data.iter().enumerate().filter(|(_, data)| data.order == DataOrder::Unique) {
        errors.add(
            format_args!("spec.data[{index}].order"),
            "can't be Unique beside spec.load.capacity: each probe begins with the first row again",
        );
    }
    if spec.prometheus.is_some() {
        errors.add(
            "spec.prometheus",
            "does not go with spec.load.capacity: checks are of a whole run, and each probe is judged by itself",
        );
    }
    for (field, is_given) in [("usage", !spec.usage.is_empty()), ("verify", !spec.verify.is_empty())] {
        if is_given {
            errors.add(
                format_args!("spec.{field}"),
                "does not go with spec.load.capacity: it judges a whole run, and each probe is judged by itself",
            );
        }
    }
    for (index, _) in spec.target.workloads.iter().enumerate().filter(|(_, one)| one.expect.is_some()) {
        errors.add(
            format_args!("spec.target.workloads[{index}].expect"),
            "does not go with spec.load.capacity: what an autoscaler has to do is asked of one load, not of many one after the \
             other",
        );
    }
}

/// Whether the levels of a search are some.
pub(crate) fn check_levels(capacity: &CapacityLoad, errors: &mut Errors) {
    if let Err(error) = ladder(capacity) {
        errors.add("spec.load.capacity", error);
    }
    if capacity.measure.0.is_zero() {
        errors.add("spec.load.capacity.measure", "lasts no time at all: there is nothing to judge");
    }
}
