// SPDX-License-Identifier: Apache-2.0
//! Amounts of CPU, memory and storage, as Kubernetes writes them: whether a text is one, how it is written, and requests
//! above their limits, which no pod may have. Kubernetes itself finds these when a pod is to be made, which is late.

use std::collections::BTreeMap;

use k8s_openapi::{api::core::v1::ResourceRequirements, apimachinery::pkg::api::resource::Quantity};
use upsurge_crds::v1alpha1::{self as api, RunnerSpec};

use super::{PATH, PodParts};
use crate::field_error::{Errors, FieldError};

/// Units by what people write: in any case, with or without a `b` for bytes. The first of each is the binary one.
const UNITS: [(&str, &[&str]); 8] = [
    ("k", &["Ki", "k"]),
    ("m", &["Mi", "M"]),
    ("g", &["Gi", "G"]),
    ("t", &["Ti", "T"]),
    ("ki", &["Ki"]),
    ("mi", &["Mi"]),
    ("gi", &["Gi"]),
    ("ti", &["Ti"]),
];
/// What people write after a number that needs no unit.
const NO_UNITS: [&str; 8] = ["b", "byte", "bytes", "core", "cores", "cpu", "cpus", "vcpu"];

/// Resources by name.
type Amounts = BTreeMap<String, Quantity>;

/// Checks resources that were not held against the schema: each is an amount, and no request is above its limit.
///
/// # Errors
/// All that is wrong, each with the path of its field.
pub fn check_resources(resources: &ResourceRequirements, path: &str) -> Result<(), Vec<FieldError>> {
    let mut errors = Errors::default();
    for (list, amounts) in [("requests", &resources.requests), ("limits", &resources.limits)] {
        for (name, Quantity(text)) in amounts.iter().flatten() {
            if !is_amount(text) {
                errors.add(format_args!("{path}.{list}.{name}"), complaint(text));
            }
        }
    }
    compare(resources.requests.as_ref(), resources.limits.as_ref(), path, &mut errors);
    errors.finish(())
}

/// Finds requests above their limits. That each is an amount, the schema has said.
pub(super) fn check(runner: &RunnerSpec, parts: &PodParts, errors: &mut Errors) {
    let mut of = |resources: Option<&ResourceRequirements>, path: &str| {
        let Some(resources) = resources else { return };
        compare(resources.requests.as_ref(), resources.limits.as_ref(), path, errors);
    };
    of(runner.resources.as_ref(), &format!("{PATH}.resources"));
    for (index, container) in parts.init_containers.iter().enumerate() {
        of(container.resources.as_ref(), &format!("{PATH}.initContainers[{index}].resources"));
    }
    for (index, volume) in parts.volumes.iter().enumerate() {
        let claim = volume.ephemeral.as_ref().and_then(|claim| claim.volume_claim_template.as_ref());
        let Some(resources) = claim.and_then(|claim| claim.spec.resources.as_ref()) else { continue };
        let path = format!("{PATH}.volumes[{index}].ephemeral.volumeClaimTemplate.spec.resources");
        compare(resources.requests.as_ref(), resources.limits.as_ref(), &path, errors);
    }
}

/// Finds requests above their limits in two lists of one path.
pub(crate) fn compare(requests: Option<&Amounts>, limits: Option<&Amounts>, path: &str, errors: &mut Errors) {
    let (Some(requests), Some(limits)) = (requests, limits) else { return };
    for (name, request) in requests {
        let Some(limit) = limits.get(name).filter(|limit| is_above(request, limit)) else { continue };
        errors.add(
            format_args!("{path}.requests.{name}"),
            format_args!(
                "{} is above the limit of {} in {path}.limits.{name}: lower the request or raise the limit",
                request.0, limit.0
            ),
        );
    }
}

/// Amounts that can't be compared exactly, as Kubernetes rounds them, are left to it.
fn is_above(request: &Quantity, limit: &Quantity) -> bool {
    let exact = |amount: &Quantity| amount.0.parse::<api::Quantity>().ok();
    exact(request).zip(exact(limit)).is_some_and(|(request, limit)| request > limit)
}

/// Whether a text is an amount of something.
fn is_amount(text: &str) -> bool {
    text.parse::<api::Quantity>().is_ok_and(|amount| amount >= api::Quantity::default())
}

/// What is wrong with a text that is no amount, and how to write what was meant.
pub(crate) fn complaint(text: &str) -> String {
    if text.parse::<api::Quantity>().is_ok() {
        return format!("{text:?} is below 0");
    }
    let how = match meant(text).as_slice() {
        [] => "write a number, with a unit if it needs one, for example 500m of CPU or 64Mi of memory".into(),
        words => format!("write {}", words.join(" or ")),
    };
    format!("{text:?} is not a quantity: {how}")
}

/// What somebody meant who knows another tool's units, or puts a space before them.
fn meant(text: &str) -> Vec<String> {
    let text: String = text.split_whitespace().collect();
    if is_amount(&text) {
        return vec![text];
    }
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    if !is_amount(number) {
        return Vec::new();
    }
    let unit = unit.to_ascii_lowercase();
    if NO_UNITS.contains(&unit.as_str()) {
        return vec![number.to_owned()];
    }
    let bare = ["bytes", "byte", "b"].into_iter().find_map(|bytes| unit.strip_suffix(bytes)).unwrap_or(&unit);
    let units = UNITS.iter().find(|(known, _)| *known == bare).map(|(_, units)| *units).unwrap_or_default();
    units.iter().map(|unit| format!("{number}{unit}")).collect()
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    #[rstest]
    #[case::bytes("64MB", "\"64MB\" is not a quantity: write 64Mi or 64M")]
    #[case::small("64mb", "\"64mb\" is not a quantity: write 64Mi or 64M")]
    #[case::binary_bytes("1.5GiB", "\"1.5GiB\" is not a quantity: write 1.5Gi")]
    #[case::wrong_case("64mi", "\"64mi\" is not a quantity: write 64Mi")]
    #[case::capital("64K", "\"64K\" is not a quantity: write 64Ki or 64k")]
    #[case::space("100 m", "\"100 m\" is not a quantity: write 100m")]
    #[case::cores("2 cores", "\"2 cores\" is not a quantity: write 2")]
    #[case::word(
        "half",
        "\"half\" is not a quantity: write a number, with a unit if it needs one, for example 500m of CPU or \
                          64Mi of memory"
    )]
    #[case::negative("-1", "\"-1\" is below 0")]
    fn what_is_no_amount_is_told_with_what_was_meant(#[case] text: &str, #[case] expected: &str) {
        assert_eq!(complaint(text), expected);
    }

    fn wrong(resources: serde_json::Value) -> Vec<String> {
        let resources = serde_json::from_value(resources).unwrap();
        let wrong = check_resources(&resources, "resources").err().unwrap_or_default();
        wrong.iter().map(FieldError::to_string).collect()
    }

    #[test]
    fn resources_that_no_schema_has_seen_are_checked_whole() {
        let right =
            json!({"requests": {"cpu": 1, "memory": "1Gi"}, "limits": {"cpu": "1000m", "memory": "1024Mi"}});
        assert_eq!(wrong(right), [""; 0]);
        assert_eq!(
            wrong(
                json!({"requests": {"cpu": "1500m", "memory": "64MB"}, "limits": {"cpu": "1", "memory": "-1"}})
            ),
            [
                "resources.requests.memory: \"64MB\" is not a quantity: write 64Mi or 64M",
                "resources.limits.memory: \"-1\" is below 0",
                "resources.requests.cpu: 1500m is above the limit of 1 in resources.limits.cpu: lower the request or raise the \
                 limit",
            ]
        );
    }
}
