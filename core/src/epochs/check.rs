// SPDX-License-Identifier: Apache-2.0
//! What a run of several epochs needs and what says nothing beside it.

use upsurge_crds::v1alpha1::{
    CapacityLoad, DataOrder, LoadTestSpec, Quantity, ReplicaCounts, Size, SizesLoad,
};

use super::{Scalability, Sizes, ladder};
use crate::{field_error::Errors, pod};

/// Most replicas that a run sets.
const MOST_REPLICAS: i64 = 1_000;

/// Checks `spec.load.capacity` and `spec.load.scalability`, and what goes with them.
pub(crate) fn check(spec: &LoadTestSpec, errors: &mut Errors) {
    if let Some(capacity) = &spec.load.capacity {
        if capacity.counts_replicas() {
            check_held(spec, "spec.load.capacity.find MinReplicas", errors);
        }
        if spec.thresholds.is_empty() {
            errors.add(
                "spec.thresholds",
                "spec.load.capacity needs a threshold at least: it is what the target has to hold at a rate, for example \
                 {metric: http_req_duration, condition: \"p(95) < 200ms\"}",
            );
        }
        check_beside(spec, "spec.load.capacity", errors);
        check_levels(capacity, errors);
    }
    if let Some(scalability) = &spec.load.scalability {
        check_held(spec, "spec.load.scalability", errors);
        check_beside(spec, "spec.load.scalability", errors);
        if scalability.sizes.is_some() {
            check_template(spec, errors);
        }
        // Of both or neither, the load itself tells.
        match (&scalability.replicas, &scalability.sizes) {
            (Some(counts), None) => check_counts_of_replicas(counts, errors),
            (None, Some(sizes)) => check_sizes(sizes, errors),
            (Some(_), Some(_)) | (None, None) => {}
        }
    }
}

/// Whose pods get another size must be known to have a template of them, and to replace them when it changes.
fn check_template(spec: &LoadTestSpec, errors: &mut Errors) {
    let Some(workload) = spec.target.workload() else { return };
    let (version, kind) = (&workload.api_version, &workload.kind);
    if version != "apps/v1" || !["Deployment", "StatefulSet"].contains(&kind.as_str()) {
        errors.add(
            "spec.target.workloads[0].kind",
            format_args!(
                "must be Deployment or StatefulSet, of apps/v1, beside spec.load.scalability.sizes, which changes the template of its \
                 pods; it is {kind} of {version}"
            ),
        );
    }
}

/// What says nothing where each epoch is judged by itself.
fn check_beside(spec: &LoadTestSpec, load: &str, errors: &mut Errors) {
    for (index, _) in spec.thresholds.iter().enumerate().filter(|(_, threshold)| threshold.abort_on_fail) {
        errors.add(
            format_args!("spec.thresholds[{index}].abortOnFail"),
            format_args!("does not go with {load}: a probe that fails is an answer, and the run goes on"),
        );
    }
    for (index, _) in spec.data.iter().enumerate().filter(|(_, data)| data.order == DataOrder::Unique) {
        errors.add(
            format_args!("spec.data[{index}].order"),
            format_args!("can't be Unique beside {load}: each probe begins with the first row again"),
        );
    }
    if spec.prometheus.is_some() {
        errors.add(
            "spec.prometheus",
            format_args!(
                "does not go with {load}: checks are of a whole run, and each probe is judged by itself"
            ),
        );
    }
    for (field, is_given) in [("usage", !spec.usage.is_empty()), ("verify", !spec.verify.is_empty())] {
        if is_given {
            errors.add(
                format_args!("spec.{field}"),
                format_args!(
                    "does not go with {load}: it judges a whole run, and each probe is judged by itself"
                ),
            );
        }
    }
    for (index, _) in spec.target.workloads.iter().enumerate().filter(|(_, one)| one.expect.is_some()) {
        errors.add(
            format_args!("spec.target.workloads[{index}].expect"),
            format_args!(
                "does not go with {load}: what an autoscaler has to do is asked of one load, not of many one after the other"
            ),
        );
    }
}

/// Whose replicas are set must be known, and nobody else may make load on it.
fn check_held(spec: &LoadTestSpec, load: &str, errors: &mut Errors) {
    if spec.target.workload().is_none() {
        errors.add(
            "spec.target.workloads",
            format_args!("is needed by {load}: it sets the replicas of that workload"),
        );
    }
    if spec.target.has_several() {
        errors.add(
            "spec.target.workloads",
            format_args!(
                "must be one beside {load}, which sets the replicas of one workload: of several, test each by itself"
            ),
        );
    }
    if !spec.target.sharing.is_exclusive() {
        errors.add(
            "spec.target.sharing",
            format_args!("must be Exclusive beside {load}, which sets the replicas of the target"),
        );
    }
}

/// Whether counts of replicas are some that can be compared.
fn check_counts_of_replicas(asked: &ReplicaCounts, errors: &mut Errors) {
    // Of a number that is out of its own bounds, the schema tells.
    let told = asked.counts.iter().any(|count| *count < 1) || asked.level_per_replica < 1;
    if let Some(error) = Scalability::of(asked).err().filter(|_| !told) {
        errors.add("spec.load.scalability.replicas", error);
    }
}

/// Whether sizes are some that can be compared.
fn check_sizes(asked: &SizesLoad, errors: &mut Errors) {
    for (index, size) in asked.sizes.iter().enumerate() {
        check_size(size, &format!("spec.load.scalability.sizes.sizes[{index}]"), errors);
    }
    // Of a number that is out of its own bounds, the schema tells.
    let told = asked.level < 1 || asked.sizes.len() < 2;
    if let Some(error) = Sizes::of(asked).err().filter(|_| !told) {
        errors.add("spec.load.scalability.sizes", error);
    }
}

/// That each is an amount, the schema has said.
fn check_size(size: &Size, path: &str, errors: &mut Errors) {
    if size.requests.is_empty() && size.limits.is_empty() {
        errors.add(path, "needs requests or limits, for example {requests: {cpu: 500m}}");
    }
    pod::compare(Some(&size.requests), Some(&size.limits), path, errors);
    for (list, amounts) in [("requests", &size.requests), ("limits", &size.limits)] {
        for (name, amount) in amounts {
            // Kubernetes rounds it, and then what is set would never be what is found.
            if amount.0.parse::<Quantity>().is_ok_and(|amount| !amount.is_in_thousandths()) {
                let message = "is finer than a thousandth, which is the finest that Kubernetes keeps";
                errors.add(format_args!("{path}.{list}.{name}"), message);
            }
        }
    }
}

/// Whether the levels of a search are some.
fn check_levels(capacity: &CapacityLoad, errors: &mut Errors) {
    if capacity.counts_replicas() {
        check_counts(capacity, errors);
    } else if capacity.rate.is_some() {
        errors.add(
            "spec.load.capacity.rate",
            "goes with find: MinReplicas: here the rate is what is looked for",
        );
    }
    if let Err(error) = ladder(capacity) {
        errors.add("spec.load.capacity", error);
    }
    if capacity.measure.0.is_zero() {
        errors.add("spec.load.capacity.measure", "lasts no time at all: there is nothing to judge");
    }
}

/// Replicas are whole numbers, and the rate is above nothing.
fn check_counts(capacity: &CapacityLoad, errors: &mut Errors) {
    for (field, count) in [("from", capacity.from), ("to", capacity.to)] {
        if !count.is_whole() || count > Quantity::whole(MOST_REPLICAS) {
            errors.add(
                format_args!("spec.load.capacity.{field}"),
                format_args!("must be a whole number of replicas, at most {MOST_REPLICAS}"),
            );
        }
    }
    if capacity.rate.is_none_or(|rate| rate.as_f64() <= 0.0) {
        errors.add(
            "spec.load.capacity.rate",
            "must be above 0: it is the rate that the fewest replicas are looked for at",
        );
    }
    if capacity.within.is_some() {
        errors.add("spec.load.capacity.within", "does not go with find: MinReplicas, which is exact");
    }
}
