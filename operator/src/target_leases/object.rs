// SPDX-License-Identifier: Apache-2.0
//! A lease as an object: its name and labels. Pure.

use std::collections::BTreeMap;

use kube::api::ObjectMeta;
use upsurge_crds::{
    internal::{TargetLease, TargetLeaseSpec},
    names::labels,
};

use crate::naming;

/// Value of the component label.
const COMPONENT: &str = "target-lease";

/// Name of the lease on a target: a digest, as addresses are no names.
pub fn name(target: &str) -> String {
    format!("target-{}", naming::hash(target, 40))
}

/// What is to be written: the lease that was found, or a new one, with this content.
pub fn with(found: Option<TargetLease>, spec: TargetLeaseSpec) -> TargetLease {
    match found {
        Some(found) => TargetLease { spec, ..found },
        None => {
            let labels = [(labels::COMPONENT, COMPONENT), (labels::MANAGED_BY, labels::MANAGED_BY_VALUE)];
            let labels = labels.map(|(key, value)| (key.to_owned(), value.to_owned()));
            let metadata = ObjectMeta {
                name: Some(name(&spec.target)),
                labels: Some(BTreeMap::from(labels)),
                ..ObjectMeta::default()
            };
            TargetLease { metadata, spec }
        }
    }
}
