// SPDX-License-Identifier: Apache-2.0
//! Sizes of containers: when two are the same, and what a size of a test is in a container.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::api::resource::Quantity as Amount;
use upsurge_crds::v1alpha1::{PinnedContainer, Quantity, Size};

/// A container that has a size of a test.
pub fn sized(container: &str, size: &Size) -> PinnedContainer {
    let texts = |amounts: &BTreeMap<String, Amount>| -> BTreeMap<String, String> {
        amounts.iter().map(|(name, amount)| (name.clone(), amount.0.clone())).collect()
    };
    PinnedContainer { name: container.into(), requests: texts(&size.requests), limits: texts(&size.limits) }
}

/// Whether both are of one container, and the same amounts, however these are written: the API server says `1` for `1000m`.
pub(super) fn is_same_size(one: &PinnedContainer, other: &PinnedContainer) -> bool {
    one.name == other.name
        && are_equal(&one.requests, &other.requests)
        && are_equal(&one.limits, &other.limits)
}

fn are_equal(one: &BTreeMap<String, String>, other: &BTreeMap<String, String>) -> bool {
    one.len() == other.len()
        && one.iter().zip(other).all(|((name, amount), (of, same))| name == of && is_equal(amount, same))
}

fn is_equal(one: &str, other: &str) -> bool {
    let amount = |text: &str| text.parse::<Quantity>().ok();
    one == other || amount(one).zip(amount(other)).is_some_and(|(one, other)| one == other)
}
