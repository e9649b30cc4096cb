// SPDX-License-Identifier: Apache-2.0
//! What runner pods are like where a test says nothing else: a file of the platform team, which the chart writes from
//! `runner` in its values. It is read once, at the start, where a wrong one is refused.
//!
//! It fills gaps only: what a test or the operator itself has put into a pod stays. Labels and annotations are joined by key,
//! pull secrets are added, of an affinity each member and of a security context each field is a gap by itself; anything else
//! is one as a whole.

use std::{collections::BTreeMap, fs, io, path::Path};

use k8s_openapi::api::core::v1::{
    Affinity, LocalObjectReference, PodSecurityContext, PodTemplateSpec, ResourceRequirements,
    SecurityContext, Toleration, TopologySpreadConstraint,
};
use serde::{Deserialize, Serialize, de::DeserializeOwned, de::Error as _};
use serde_json::Value;
use upsurge_core::pod::{check_resources, is_own_mark};

/// Defaults of all runner pods. What is absent is left to the operator and to Kubernetes.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct PodDefaults {
    /// Labels besides those that the operator puts on.
    pub labels: BTreeMap<String, String>,
    /// Annotations, likewise.
    pub annotations: BTreeMap<String, String>,
    /// Labels of the nodes that runners may be scheduled to.
    pub node_selector: Option<BTreeMap<String, String>>,
    /// Taints that runners tolerate.
    pub tolerations: Option<Vec<Toleration>>,
    /// Where they would rather run, or have to.
    pub affinity: Option<Affinity>,
    /// How they are spread.
    pub topology_spread_constraints: Option<Vec<TopologySpreadConstraint>>,
    /// Their priority class.
    pub priority_class_name: Option<String>,
    /// Secrets with credentials of registries, in the namespaces of the tests; besides those of a test.
    pub image_pull_secrets: Vec<LocalObjectReference>,
    /// Resources of the runner's container.
    pub resources: Option<ResourceRequirements>,
    /// Security context of the pod, instead of the operator's.
    pub pod_security_context: Option<PodSecurityContext>,
    /// Security context of the runner's container, instead of the operator's.
    pub security_context: Option<SecurityContext>,
}

/// Why defaults can't be used.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file can't be read.
    #[error("file of runner defaults {path} can't be read")]
    Read {
        /// The file.
        path: String,
        /// What is wrong.
        #[source]
        source: io::Error,
    },
    /// It is not YAML, or something in it has the wrong form.
    #[error("file of runner defaults {path} can't be understood: {message}")]
    Form {
        /// The file.
        path: String,
        /// What is wrong, and where.
        message: String,
    },
    /// It has fields that no pod has.
    #[error("file of runner defaults {path} has unknown fields: {}", .fields.join(", "))]
    Unknown {
        /// The file.
        path: String,
        /// All of them.
        fields: Vec<String>,
    },
    /// Its resources are none, or none that a pod can have.
    #[error("file of runner defaults {path} can't be used: {}", .wrong.join("; "))]
    Resources {
        /// The file.
        path: String,
        /// Each wrong field.
        wrong: Vec<String>,
    },
    /// It sets a label or an annotation by which the operator finds runners.
    #[error("file of runner defaults {path} sets {field} {key}, which is the operator's own")]
    Own {
        /// The file.
        path: String,
        /// Where.
        field: &'static str,
        /// The key.
        key: String,
    },
}

/// Reads the defaults. An empty file has none.
///
/// # Errors
/// When they can't be read or are wrong.
pub fn read(path: &Path) -> Result<PodDefaults, Error> {
    let name = path.display().to_string();
    let text = fs::read_to_string(path).map_err(|source| Error::Read { path: name.clone(), source })?;
    parse(name, &text)
}

fn parse(path: String, text: &str) -> Result<PodDefaults, Error> {
    if text.trim().is_empty() {
        return Ok(PodDefaults::default());
    }
    let mut fields = Vec::new();
    let read = serde_saphyr::from_str::<Value>(text).map_err(serde_json::Error::custom).and_then(|raw| {
        // The types of Kubernetes overlook fields that they don't know.
        serde_ignored::deserialize::<_, _, PodDefaults>(raw, |field| fields.push(field.to_string()))
    });
    let defaults = match read {
        Ok(defaults) => defaults,
        Err(error) => return Err(Error::Form { path, message: error.to_string() }),
    };
    if !fields.is_empty() {
        return Err(Error::Unknown { path, fields });
    }
    for (field, keys) in [("label", &defaults.labels), ("annotation", &defaults.annotations)] {
        if let Some(key) = keys.keys().find(|key| is_own_mark(key)) {
            return Err(Error::Own { path, field, key: key.clone() });
        }
    }
    let resources = defaults.resources.as_ref().map(|resources| check_resources(resources, "resources"));
    if let Some(Err(wrong)) = resources {
        return Err(Error::Resources { path, wrong: wrong.iter().map(ToString::to_string).collect() });
    }
    Ok(defaults)
}

impl PodDefaults {
    /// These defaults, and others for what they leave out. Each is taken whole, so that a platform team can also take
    /// something away, as OpenShift wants it of the user.
    pub fn over(&self, others: &Self) -> Self {
        let mut both = self.clone();
        give(&mut both.node_selector, others.node_selector.as_ref());
        give(&mut both.tolerations, others.tolerations.as_ref());
        give(&mut both.affinity, others.affinity.as_ref());
        give(&mut both.topology_spread_constraints, others.topology_spread_constraints.as_ref());
        give(&mut both.priority_class_name, others.priority_class_name.as_ref());
        give(&mut both.resources, others.resources.as_ref());
        give(&mut both.pod_security_context, others.pod_security_context.as_ref());
        give(&mut both.security_context, others.security_context.as_ref());
        both
    }

    /// Puts into a pod whose first container is the runner what is not there yet.
    pub fn fill(&self, template: &mut PodTemplateSpec) {
        let metadata = template.metadata.get_or_insert_default();
        add(&mut metadata.labels, &self.labels);
        add(&mut metadata.annotations, &self.annotations);
        let pod = template.spec.get_or_insert_default();
        give(&mut pod.node_selector, self.node_selector.as_ref());
        give(&mut pod.tolerations, self.tolerations.as_ref());
        join(&mut pod.affinity, self.affinity.as_ref());
        give(&mut pod.topology_spread_constraints, self.topology_spread_constraints.as_ref());
        give(&mut pod.priority_class_name, self.priority_class_name.as_ref());
        join(&mut pod.security_context, self.pod_security_context.as_ref());
        for secret in &self.image_pull_secrets {
            let known = pod.image_pull_secrets.get_or_insert_default();
            if !known.contains(secret) {
                known.push(secret.clone());
            }
        }
        if let Some(runner) = pod.containers.first_mut() {
            give(&mut runner.resources, self.resources.as_ref());
            join(&mut runner.security_context, self.security_context.as_ref());
        }
        for container in pod.init_containers.iter_mut().flatten() {
            join(&mut container.security_context, self.security_context.as_ref());
        }
    }
}

/// Fills the fields that are not there.
fn join<T: Clone + Serialize + DeserializeOwned>(own: &mut Option<T>, default: Option<&T>) {
    let Some(default) = default else { return };
    let joined = own.as_ref().and_then(|own| {
        let (mut own, default) = (serde_json::to_value(own).ok()?, serde_json::to_value(default).ok()?);
        let (Value::Object(fields), Value::Object(defaults)) = (&mut own, default) else { return None };
        for (name, value) in defaults {
            fields.entry(name).or_insert(value);
        }
        serde_json::from_value(own).ok()
    });
    *own = joined.or_else(|| own.take()).or_else(|| Some(default.clone()));
}

fn give<T: Clone>(field: &mut Option<T>, default: Option<&T>) {
    if field.is_none() {
        *field = default.cloned();
    }
}

fn add(map: &mut Option<BTreeMap<String, String>>, defaults: &BTreeMap<String, String>) {
    for (key, value) in defaults {
        map.get_or_insert_default().entry(key.clone()).or_insert_with(|| value.clone());
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    const ALL: &str = r#"
labels: {cost-centre: "4711", shared: platform}
annotations: {sidecar.istio.io/inject: "false"}
nodeSelector: {pool: load}
tolerations: [{key: load, operator: Exists}]
affinity: {nodeAffinity: {}}
topologySpreadConstraints: [{maxSkew: 1, topologyKey: kubernetes.io/hostname, whenUnsatisfiable: ScheduleAnyway}]
priorityClassName: load
imagePullSecrets: [{name: platform}, {name: both}]
resources: {requests: {cpu: "2"}}
podSecurityContext: {runAsNonRoot: true}
securityContext: {readOnlyRootFilesystem: true}
"#;

    fn filled(text: &str, template: Value) -> Value {
        let mut template: PodTemplateSpec = serde_json::from_value(template).unwrap();
        parse("file".into(), text).unwrap().fill(&mut template);
        serde_json::to_value(template).unwrap()
    }

    #[test]
    fn a_pod_gets_all_that_a_test_does_not_say() {
        let bare = json!({"spec": {"containers": [{"name": "runner"}]}});
        assert_eq!(
            filled(ALL, bare),
            json!({
                "metadata": {
                    "labels": {"cost-centre": "4711", "shared": "platform"},
                    "annotations": {"sidecar.istio.io/inject": "false"},
                },
                "spec": {
                    "nodeSelector": {"pool": "load"},
                    "tolerations": [{"key": "load", "operator": "Exists"}],
                    "affinity": {"nodeAffinity": {}},
                    "topologySpreadConstraints":
                        [{"maxSkew": 1, "topologyKey": "kubernetes.io/hostname", "whenUnsatisfiable": "ScheduleAnyway"}],
                    "priorityClassName": "load",
                    "imagePullSecrets": [{"name": "platform"}, {"name": "both"}],
                    "securityContext": {"runAsNonRoot": true},
                    "containers": [{
                        "name": "runner",
                        "resources": {"requests": {"cpu": "2"}},
                        "securityContext": {"readOnlyRootFilesystem": true},
                    }],
                },
            })
        );
    }

    #[test]
    fn what_is_there_stays_and_gaps_within_it_are_filled() {
        let theirs = json!({
            "metadata": {"labels": {"shared": "test"}},
            "spec": {
                "nodeSelector": {"disk": "fast"},
                "tolerations": [{"key": "own"}],
                "affinity": {"podAffinity": {}},
                "initContainers": [{"name": "fetch", "securityContext": {"runAsUser": 2}}],
                "topologySpreadConstraints": [{"maxSkew": 2, "topologyKey": "zone", "whenUnsatisfiable": "DoNotSchedule"}],
                "priorityClassName": "own",
                "imagePullSecrets": [{"name": "own"}, {"name": "both"}],
                "securityContext": {"runAsUser": 1},
                "containers": [{
                    "name": "runner",
                    "resources": {"limits": {"memory": "1Gi"}},
                    "securityContext": {"privileged": false},
                }],
            },
        });
        let mut expected = theirs.clone();
        expected["metadata"]["labels"] = json!({"cost-centre": "4711", "shared": "test"});
        expected["metadata"]["annotations"] = json!({"sidecar.istio.io/inject": "false"});
        expected["spec"]["affinity"]["nodeAffinity"] = json!({});
        expected["spec"]["securityContext"]["runAsNonRoot"] = json!(true);
        expected["spec"]["containers"][0]["securityContext"]["readOnlyRootFilesystem"] = json!(true);
        expected["spec"]["initContainers"][0]["securityContext"] =
            json!({"runAsUser": 2, "readOnlyRootFilesystem": true});
        expected["spec"]["imagePullSecrets"] =
            json!([{"name": "own"}, {"name": "both"}, {"name": "platform"}]);
        assert_eq!(filled(ALL, theirs), expected);
    }

    #[test]
    fn without_defaults_nothing_is_added() {
        let bare = json!({"metadata": {}, "spec": {"containers": [{"name": "runner"}]}});
        for text in ["", "\n", "{}"] {
            assert_eq!(filled(text, bare.clone()), bare);
        }
    }

    #[rstest]
    #[case::no_yaml("labels: [", "can't be understood")]
    #[case::wrong_form("nodeSelector: [pool]", "can't be understood: invalid type: sequence")]
    #[case::unknown("replicas: 2", "unknown field `replicas`")]
    #[case::unknown_within("affinity: {nodeAffinities: {}}", "unknown fields: affinity.?.nodeAffinities")]
    #[case::own_label(
        "labels: {app.kubernetes.io/component: load}",
        "sets label app.kubernetes.io/component"
    )]
    #[case::own_label_of_jobs("labels: {job-name: x}", "sets label job-name")]
    #[case::unit(
        "resources: {limits: {memory: 64MB}}",
        "resources.limits.memory: \"64MB\" is not a quantity: write 64Mi or 64M"
    )]
    #[case::above_the_limit(
        "resources: {requests: {cpu: 2}, limits: {cpu: 500m}}",
        "resources.requests.cpu: 2 is above the limit of 500m"
    )]
    #[case::own_annotation("annotations: {upsurge.dev/run: x}", "sets annotation upsurge.dev/run")]
    fn wrong_defaults_are_refused_with_words(#[case] text: &str, #[case] expected: &str) {
        let message = parse("file".into(), text).unwrap_err().to_string();
        assert!(message.contains(expected), "{message}");
    }

    #[test]
    fn a_file_that_is_not_there_is_named() {
        let message = read(Path::new("/nonexistent/runner.yaml")).unwrap_err().to_string();
        assert!(message.contains("/nonexistent/runner.yaml"), "{message}");
    }
}
