// SPDX-License-Identifier: Apache-2.0
//! The rights that the operator has, from the API server's own objects, and those that it used, from its audit log.
//!
//! Both are sets of [`Right`]; a test compares them. Pure, but for [`granted`].

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use anyhow::Result;
use k8s_openapi::api::rbac::v1::{ClusterRole, ClusterRoleBinding, PolicyRule, Role, RoleBinding, Subject};
use kube::{
    Api, Client,
    api::{ListParams, ResourceExt},
};
use serde::Deserialize;

/// A verb on a resource. Group and resource may be `*` in what is granted, never in what is used.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Right {
    /// API group; empty for the core.
    pub group: String,
    /// Resource, with its subresource if there is one: `deployments/scale`.
    pub resource: String,
    /// Verb, as rules have it.
    pub verb: String,
}

impl Right {
    /// Whether a right that is granted covers one that was used.
    pub fn covers(&self, used: &Self) -> bool {
        let group = self.group == "*" || self.group == used.group;
        let resource = match self.resource.strip_prefix("*/") {
            Some(sub) => used.resource.split_once('/').is_some_and(|(_, used)| used == sub),
            None => self.resource == used.resource,
        };
        group && resource && self.verb == used.verb
    }
}

impl fmt::Display for Right {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let group = if self.group.is_empty() { "core" } else { &self.group };
        write!(formatter, "{} {} of {group}", self.verb, self.resource)
    }
}

/// All rights that a rule grants.
fn rights(rule: &PolicyRule) -> impl Iterator<Item = Right> {
    let list = |list: &Option<Vec<String>>| list.clone().unwrap_or_default();
    let (groups, resources, verbs) = (list(&rule.api_groups), list(&rule.resources), rule.verbs.clone());
    groups.into_iter().flat_map(move |group| {
        let verbs = verbs.clone();
        resources.clone().into_iter().flat_map(move |resource| {
            let group = group.clone();
            verbs.clone().into_iter().map(move |verb| Right {
                group: group.clone(),
                resource: resource.clone(),
                verb,
            })
        })
    })
}

/// What a service account may do.
#[derive(Clone, Debug, Default)]
pub struct Granted {
    /// In all namespaces.
    pub everywhere: BTreeSet<Right>,
    /// In some namespace, perhaps for one object only.
    pub within: BTreeSet<Right>,
}

/// Everything that is bound to a service account, by whatever binding.
///
/// # Errors
/// When the API server does not answer.
pub async fn granted(client: &Client, namespace: &str, account: &str) -> Result<Granted> {
    let all = ListParams::default();
    let is_ours = |subjects: &Option<Vec<Subject>>| {
        subjects.iter().flatten().any(|subject| {
            subject.kind == "ServiceAccount"
                && subject.name == account
                && subject.namespace.as_deref() == Some(namespace)
        })
    };
    let cluster_roles = Api::<ClusterRole>::all(client.clone()).list(&all).await?.items;
    let roles = Api::<Role>::all(client.clone()).list(&all).await?.items;
    let everywhere = Api::<ClusterRoleBinding>::all(client.clone()).list(&all).await?.items;
    let within = Api::<RoleBinding>::all(client.clone()).list(&all).await?.items;
    let bound_everywhere =
        everywhere.iter().filter(|binding| is_ours(&binding.subjects)).flat_map(|binding| {
            cluster_roles
                .iter()
                .filter(|role| role.name_any() == binding.role_ref.name)
                .flat_map(|role| &role.rules)
        });
    let bound_within = within.iter().filter(|binding| is_ours(&binding.subjects)).flat_map(|binding| {
        let name = &binding.role_ref.name;
        let role = roles
            .iter()
            .filter(|role| binding.role_ref.kind == "Role" && role.namespace() == binding.namespace())
            .filter(move |role| role.name_any() == *name)
            .flat_map(|role| &role.rules);
        let cluster_role = cluster_roles
            .iter()
            .filter(|_| binding.role_ref.kind == "ClusterRole")
            .filter(move |role| role.name_any() == *name)
            .flat_map(|role| &role.rules);
        role.chain(cluster_role)
    });
    let [everywhere, within] =
        [bound_everywhere.flatten().collect::<Vec<_>>(), bound_within.flatten().collect()]
            .map(|rules| rules.into_iter().flat_map(rights).collect());
    Ok(Granted { everywhere, within })
}

/// What the operator asked for, by the audit log.
#[derive(Clone, Debug, Default)]
pub struct Asked {
    /// What it was allowed to.
    pub allowed: BTreeSet<Right>,
    /// What it was refused, as the log tells it, and the right that it would have taken; `None` if that is no resource.
    pub refused: BTreeMap<String, Option<Right>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Entry {
    verb: String,
    #[serde(rename = "requestURI")]
    request_uri: String,
    object_ref: Option<Object>,
    response_status: Option<ResponseStatus>,
    #[serde(default)]
    annotations: BTreeMap<String, String>,
}

#[derive(Deserialize)]
struct ResponseStatus {
    code: Option<u16>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Object {
    #[serde(default)]
    api_group: String,
    resource: Option<String>,
    subresource: Option<String>,
}

/// Reads an audit log. A last line that is not complete yet does not count.
pub fn asked(log: &str) -> Asked {
    let mut asked = Asked::default();
    for entry in log.lines().filter_map(|line| serde_json::from_str::<Entry>(line).ok()) {
        let decision = entry.annotations.get("authorization.k8s.io/decision").map(String::as_str);
        let object = entry
            .object_ref
            .and_then(|object| Some((object.api_group, object.resource?, object.subresource)));
        let right = object.map(|(group, resource, subresource)| {
            let resource = subresource.map_or(resource.clone(), |sub| format!("{resource}/{sub}"));
            Right { group, resource, verb: entry.verb.clone() }
        });
        match (decision, right) {
            (Some("allow"), Some(right)) => {
                // An apply of what is not there: the API server has asked for the right to create it as well.
                if entry.verb == "patch"
                    && entry.response_status.is_some_and(|status| status.code == Some(201))
                {
                    asked.allowed.insert(Right { verb: "create".into(), ..right.clone() });
                }
                asked.allowed.insert(right);
            }
            (Some("forbid"), right) => {
                asked.refused.insert(format!("{} {}", entry.verb, entry.request_uri), right);
            }
            _ => {}
        }
    }
    asked
}

#[cfg(test)]
mod tests {
    use super::*;

    fn right(group: &str, resource: &str, verb: &str) -> Right {
        Right { group: group.into(), resource: resource.into(), verb: verb.into() }
    }

    #[test]
    fn a_wildcard_covers_every_group_and_resource_but_no_other_subresource() {
        let scale = right("*", "*/scale", "get");
        assert!(scale.covers(&right("apps", "deployments/scale", "get")));
        assert!(!scale.covers(&right("apps", "deployments", "get")));
        assert!(!scale.covers(&right("apps", "deployments/status", "get")));
        assert!(!scale.covers(&right("apps", "deployments/scale", "patch")));
    }

    #[test]
    fn an_apply_that_made_something_used_the_right_to_create_it() {
        let line = |code: u16| {
            format!(
                r#"{{"verb":"patch","requestURI":"/x","objectRef":{{"resource":"secrets"}},"responseStatus":{{"code":{code}}},"annotations":{{"authorization.k8s.io/decision":"allow"}}}}"#
            )
        };
        assert_eq!(asked(&line(200)).allowed, [right("", "secrets", "patch")].into());
        let both = [right("", "secrets", "create"), right("", "secrets", "patch")];
        assert_eq!(asked(&line(201)).allowed, both.into());
    }

    #[test]
    fn the_audit_log_tells_what_was_allowed_and_what_refused() {
        let log = r#"
{"verb":"get","requestURI":"/apis/apps/v1/x","objectRef":{"apiGroup":"apps","resource":"deployments","subresource":"scale"},"annotations":{"authorization.k8s.io/decision":"allow"}}
{"verb":"list","requestURI":"/api/v1/secrets","objectRef":{"resource":"secrets"},"annotations":{"authorization.k8s.io/decision":"forbid"}}
{"verb":"get","requestURI":"/apis","annotations":{"authorization.k8s.io/decision":"allow"}}
{"verb":"get","requ"#;
        let asked = asked(log);
        assert_eq!(asked.allowed, [right("apps", "deployments/scale", "get")].into());
        let refused = ("list /api/v1/secrets".to_owned(), Some(right("", "secrets", "list")));
        assert_eq!(asked.refused, [refused].into());
    }
}
