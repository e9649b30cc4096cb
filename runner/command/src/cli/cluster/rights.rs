// SPDX-License-Identifier: Apache-2.0
//! What the command must be allowed to read, and the Role that gives what is missing.

use std::{collections::BTreeMap, fmt::Write as _};

use k8s_openapi::api::authorization::v1::{
    ResourceAttributes, SelfSubjectAccessReview, SelfSubjectAccessReviewSpec,
};
use kube::{Api, Client, api::PostParams};

/// Group of the API that tells what pods use.
const METRICS: &str = "metrics.k8s.io";
/// Name of the Role that is printed.
const ROLE: &str = "upsurge-observe";

/// Something that may be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Right {
    /// API group; empty for the first one.
    pub(super) group: String,
    /// Resource, in the plural, with its subresource after a slash.
    pub(super) resource: String,
    /// What is done.
    pub(super) verbs: Vec<&'static str>,
    /// Whether nothing can be judged without it.
    pub(super) is_needed: bool,
}

impl Right {
    fn new(group: &str, resource: &str, verbs: &[&'static str], is_needed: bool) -> Self {
        Self { group: group.to_owned(), resource: resource.to_owned(), verbs: verbs.to_vec(), is_needed }
    }

    /// Of observing a workload whose kind has that group and plural. `is_watched` says whether the kind is watched, or only its scale
    /// is looked at; `limits_usage`, whether the test limits what its pods may use.
    pub(super) fn of_observing(group: &str, plural: &str, is_watched: bool, limits_usage: bool) -> Vec<Self> {
        let watch = &["list", "watch"];
        let mut rights = vec![
            Self::new(group, &format!("{plural}/scale"), &["get"], true),
            Self::new("", "pods", watch, true),
            Self::new("autoscaling", "horizontalpodautoscalers", watch, true),
            Self::new("discovery.k8s.io", "endpointslices", watch, true),
            Self::new("", "events", watch, false),
            Self::new(METRICS, "pods", &["list"], limits_usage),
        ];
        if is_watched {
            rights.push(Self::new(group, plural, watch, true));
        }
        rights
    }

    /// What is not known without one that is not needed.
    pub(super) fn without(&self) -> String {
        let (verbs, group) = (self.verbs.join(" and "), &self.group);
        if self.group == METRICS {
            return format!(
                "may not {verbs} {} of {group}: what the target's pods use is not seen",
                self.resource
            );
        }
        format!(
            "may not {verbs} {}: of a quota that stands in the way only what the workload itself says is seen",
            self.resource
        )
    }
}

/// Those of some rights that nobody gave. An API server that can't be asked says nothing, and whoever is refused will hear of it.
pub(super) async fn missing(client: &Client, namespace: &str, rights: Vec<Right>) -> Vec<Right> {
    let api: Api<SelfSubjectAccessReview> = Api::all(client.clone());
    let mut missing = Vec::new();
    for right in rights {
        let mut refused = Vec::new();
        for verb in &right.verbs {
            let asked = api.create(&PostParams::default(), &review(namespace, &right, verb)).await;
            if asked.is_ok_and(|answer| answer.status.is_some_and(|status| !status.allowed)) {
                refused.push(*verb);
            }
        }
        if !refused.is_empty() {
            missing.push(Right { verbs: refused, ..right });
        }
    }
    missing
}

fn review(namespace: &str, right: &Right, verb: &str) -> SelfSubjectAccessReview {
    let (resource, subresource) = match right.resource.split_once('/') {
        Some((resource, subresource)) => (resource, Some(subresource.to_owned())),
        None => (right.resource.as_str(), None),
    };
    let attributes = ResourceAttributes {
        namespace: Some(namespace.to_owned()),
        group: Some(right.group.clone()),
        resource: Some(resource.to_owned()),
        subresource,
        verb: Some(verb.to_owned()),
        ..ResourceAttributes::default()
    };
    let spec = SelfSubjectAccessReviewSpec {
        resource_attributes: Some(attributes),
        ..SelfSubjectAccessReviewSpec::default()
    };
    SelfSubjectAccessReview { spec, ..SelfSubjectAccessReview::default() }
}

/// A Role with these rights, ready to be applied, and how to give it to somebody.
pub(super) fn role(namespace: &str, rights: &[Right]) -> String {
    let mut by_use: BTreeMap<(&str, String), Vec<&str>> = BTreeMap::new();
    for right in rights {
        by_use.entry((&right.group, right.verbs.join(", "))).or_default().push(&right.resource);
    }
    let mut text = format!(
        "apiVersion: rbac.authorization.k8s.io/v1\nkind: Role\nmetadata: {{name: {ROLE}, namespace: {namespace}}}\nrules:\n"
    );
    for ((group, verbs), resources) in by_use {
        // Writing to a text can't fail.
        let _ = writeln!(
            text,
            "- {{apiGroups: [{group:?}], resources: [{}], verbs: [{verbs}]}}",
            resources.join(", ")
        );
    }
    text + &format!(
        "# To give it to somebody: kubectl -n {namespace} create rolebinding {ROLE} --role {ROLE} --user NAME\n"
    )
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn the_role_holds_what_is_missing_and_nothing_else() {
        let rights = Right::of_observing("apps", "deployments", true, true);
        let role: Value = serde_saphyr::from_str(&role("shop", &rights)).unwrap();
        assert_eq!(role["metadata"], json!({"name": "upsurge-observe", "namespace": "shop"}));
        assert_eq!(
            role["rules"],
            json!([
                {"apiGroups": [""], "resources": ["pods", "events"], "verbs": ["list", "watch"]},
                {"apiGroups": ["apps"], "resources": ["deployments/scale"], "verbs": ["get"]},
                {"apiGroups": ["apps"], "resources": ["deployments"], "verbs": ["list", "watch"]},
                {"apiGroups": ["autoscaling"], "resources": ["horizontalpodautoscalers"], "verbs": ["list", "watch"]},
                {"apiGroups": ["discovery.k8s.io"], "resources": ["endpointslices"], "verbs": ["list", "watch"]},
                {"apiGroups": ["metrics.k8s.io"], "resources": ["pods"], "verbs": ["list"]},
            ])
        );
        let writes = rights
            .iter()
            .flat_map(|right| &right.verbs)
            .find(|verb| !["get", "list", "watch"].contains(*verb));
        assert_eq!(writes, None, "only read");
    }

    #[test]
    fn what_pods_use_has_to_be_seen_only_if_it_is_limited() {
        let of_metrics = |limits_usage| {
            let rights = Right::of_observing("apps", "deployments", true, limits_usage);
            rights.into_iter().find(|right| right.group == METRICS).unwrap()
        };
        assert_eq!([true, false].map(|limits| of_metrics(limits).is_needed), [true, false]);
        let note = of_metrics(false).without();
        assert_eq!(note, "may not list pods of metrics.k8s.io: what the target's pods use is not seen");
    }

    #[test]
    fn a_subresource_is_asked_for_as_one() {
        let right = Right::new("apps", "deployments/scale", &["get"], true);
        let asked = review("shop", &right, "get").spec.resource_attributes.unwrap();
        assert_eq!(
            (asked.resource.as_deref(), asked.subresource.as_deref()),
            (Some("deployments"), Some("scale"))
        );
    }
}
