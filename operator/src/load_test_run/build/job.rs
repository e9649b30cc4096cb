// SPDX-License-Identifier: Apache-2.0
//! The Indexed Job whose pods generate the load. A pod that fails is never replaced: load is not run
//! again silently.

use std::{collections::BTreeMap, time::Duration};

use k8s_openapi::{
    api::{
        batch::v1::{Job, JobSpec},
        core::v1::{
            Capabilities, Container, EnvVar, EnvVarSource, ObjectFieldSelector, PodSecurityContext, PodSpec,
            PodTemplateSpec, ProjectedVolumeSource, ResourceRequirements, SeccompProfile, SecretKeySelector,
            SecurityContext, ServiceAccountTokenProjection, Volume, VolumeMount, VolumeProjection,
        },
    },
    apimachinery::pkg::api::resource::Quantity,
};
use kube::api::ObjectMeta;
use upsurge_core::{
    files::FILES_DIRECTORY,
    protocol::{AUTHORITIES_ENV, OUTPUT_HEADER_ENV_PREFIX, PROMETHEUS_HEADER_ENV_PREFIX, SECRET_ENV_PREFIX},
};
use upsurge_crds::names::{TOKEN_AUDIENCE, labels};
use upsurge_crds::v1alpha1::SecretKeyRef;

use super::{files, metadata, parts, placement};
use crate::{
    load_test_run::{plan::Plan, pods, progress::has_last_steps},
    naming,
    runner_defaults::PodDefaults,
    settings::RunnerDefaults,
};

pub(super) const TOKEN_DIRECTORY: &str = "/var/run/secrets/upsurge.dev";
/// Its name, as those of all of our volumes, begins with `runner_pods::OWN_VOLUMES`.
pub(super) const TOKEN_VOLUME: &str = "upsurge-token";
pub(super) const TOKEN_FILE: &str = "token";
const TOKEN_SECONDS: i64 = 3_600;
/// User and group of the runner image.
const NOBODY: i64 = 65_532;
/// Time that runners get to report after they were told to end.
const GRACE_SECONDS: i64 = 5;
/// The same where a runner that is told to end still has to do the steps of `after`, for which it takes up to 20 s.
const GRACE_SECONDS_WITH_AFTER: i64 = 30;
/// Time beyond all deadlines after which Kubernetes ends the pods even if there is no operator any more.
const LAST_RESORT: Duration = Duration::from_secs(600);

/// Builds the Job; `targets` select the pods of each workload of the target, where they are known.
pub fn build(plan: &Plan, test: &str, defaults: &RunnerDefaults, targets: &[&str]) -> Job {
    let runners = i32::try_from(plan.content.runners).unwrap_or(i32::MAX);
    let deadlines = &plan.test().deadlines;
    let longest = deadlines.prepare.0 + deadlines.start.0 + plan.run_deadline() + LAST_RESORT;
    Job {
        metadata: metadata(plan, plan.job().into(), test, "runner"),
        spec: Some(JobSpec {
            completion_mode: Some("Indexed".into()),
            completions: Some(runners),
            parallelism: Some(runners),
            backoff_limit: Some(0),
            pod_replacement_policy: Some("Failed".into()),
            active_deadline_seconds: i64::try_from(longest.as_secs()).ok(),
            template: template(plan, test, defaults, targets),
            ..JobSpec::default()
        }),
        status: None,
    }
}

fn template(plan: &Plan, test: &str, defaults: &RunnerDefaults, targets: &[&str]) -> PodTemplateSpec {
    let runner = &plan.test().runner;
    let grace = if has_last_steps(plan.test()) { GRACE_SECONDS_WITH_AFTER } else { GRACE_SECONDS };
    let mut template = PodTemplateSpec {
        metadata: Some(ObjectMeta {
            labels: Some(plan.labels(test, "runner")),
            // The label may be shortened; this is how a pod is mapped to its run.
            annotations: Some(BTreeMap::from([(labels::RUN.into(), plan.content.run.clone())])),
            ..ObjectMeta::default()
        }),
        spec: Some(PodSpec {
            restart_policy: Some("Never".into()),
            service_account_name: Some(naming::service_account(&plan.base)),
            automount_service_account_token: Some(false),
            enable_service_links: Some(false),
            termination_grace_period_seconds: Some(grace),
            node_selector: Some(runner.node_selector.clone()).filter(|selector| !selector.is_empty()),
            tolerations: Some(runner.tolerations.clone()).filter(|list| !list.is_empty()),
            image_pull_secrets: Some(runner.image_pull_secrets.clone()).filter(|list| !list.is_empty()),
            containers: vec![container(plan, defaults)],
            volumes: Some(volumes(plan)),
            ..PodSpec::default()
        }),
    };
    parts::put(&mut template, plan);
    defaults.pods.over(&modest()).fill(&mut template);
    placement::fill(&mut template, targets);
    template
}

/// What neither the test nor the platform team said: what the restricted profile asks for, and resources that any node has
/// room for. There is no CPU limit: throttling would distort the pacing.
pub(super) fn modest() -> PodDefaults {
    let quantities = |list: &[(&str, &str)]| {
        Some(list.iter().map(|(name, value)| ((*name).to_owned(), Quantity((*value).into()))).collect())
    };
    PodDefaults {
        resources: Some(ResourceRequirements {
            requests: quantities(&[("cpu", "500m"), ("memory", "128Mi")]),
            limits: quantities(&[("memory", "512Mi")]),
            claims: None,
        }),
        pod_security_context: Some(PodSecurityContext {
            run_as_non_root: Some(true),
            run_as_user: Some(NOBODY),
            run_as_group: Some(NOBODY),
            fs_group: Some(NOBODY),
            seccomp_profile: Some(SeccompProfile {
                type_: "RuntimeDefault".into(),
                ..SeccompProfile::default()
            }),
            ..PodSecurityContext::default()
        }),
        security_context: Some(SecurityContext {
            allow_privilege_escalation: Some(false),
            read_only_root_filesystem: Some(true),
            run_as_non_root: Some(true),
            capabilities: Some(Capabilities { drop: Some(vec!["ALL".into()]), add: None }),
            ..SecurityContext::default()
        }),
        ..PodDefaults::default()
    }
}

fn container(plan: &Plan, defaults: &RunnerDefaults) -> Container {
    let runner = &plan.test().runner;
    let mount = |name: &str, path: &str| VolumeMount {
        name: name.into(),
        mount_path: path.into(),
        read_only: Some(true),
        ..VolumeMount::default()
    };
    Container {
        name: pods::CONTAINER.into(),
        image: Some(runner.image.clone().unwrap_or_else(|| defaults.image.clone())),
        image_pull_policy: Some(defaults.image_pull_policy.clone()),
        args: Some(vec!["agent".into()]),
        env: Some(environment(plan, defaults)),
        resources: runner.resources.clone(),
        // The last line that a failed runner prints is its reason; this makes it part of the pod's status.
        termination_message_policy: Some("FallbackToLogsOnError".into()),
        volume_mounts: Some(
            [(TOKEN_VOLUME, TOKEN_DIRECTORY)]
                .into_iter()
                .chain(files::volume(plan.test()).map(|_| (files::NAME, FILES_DIRECTORY)))
                .map(|(name, path)| mount(name, path))
                .collect(),
        ),
        ..Container::default()
    }
}

fn environment(plan: &Plan, defaults: &RunnerDefaults) -> Vec<EnvVar> {
    let value =
        |name: &str, value: &str| EnvVar { name: name.into(), value: Some(value.into()), value_from: None };
    let pod = ObjectFieldSelector { field_path: "metadata.name".into(), api_version: None };
    let mut variables = vec![
        value("UPSURGE_COLLECTOR_URL", &defaults.collector_url),
        // Public, so that it needs no object of its own.
        value(AUTHORITIES_ENV, &defaults.authorities),
        value("UPSURGE_NAMESPACE", &plan.content.namespace),
        value("UPSURGE_RUN", &plan.content.run),
        value("UPSURGE_FILES_DIR", FILES_DIRECTORY),
        value("UPSURGE_TOKEN_FILE", &format!("{TOKEN_DIRECTORY}/{TOKEN_FILE}")),
        EnvVar {
            name: "UPSURGE_POD".into(),
            value: None,
            value_from: Some(EnvVarSource { field_ref: Some(pod), ..EnvVarSource::default() }),
        },
    ];
    let secrets = plan.test().secrets.iter();
    variables.extend(
        secrets.map(|secret| {
            secret_value(format!("{SECRET_ENV_PREFIX}{}", secret.name), &secret.secret_key_ref)
        }),
    );
    let headers = plan.test().prometheus.iter().flat_map(|prometheus| &prometheus.headers).enumerate();
    variables.extend(headers.map(|(index, header)| {
        secret_value(format!("{PROMETHEUS_HEADER_ENV_PREFIX}{index}"), &header.value_from.secret_key_ref)
    }));
    for (output, spec) in plan.test().outputs.iter().enumerate() {
        variables.extend(spec.headers().enumerate().map(|(index, (_, header))| {
            let name = format!("{OUTPUT_HEADER_ENV_PREFIX}{output}_{index}");
            secret_value(name, &header.value_from.secret_key_ref)
        }));
    }
    variables
}

fn secret_value(name: String, reference: &SecretKeyRef) -> EnvVar {
    let key =
        SecretKeySelector { name: reference.name.clone(), key: reference.key.clone(), optional: Some(false) };
    let source = EnvVarSource { secret_key_ref: Some(key), ..EnvVarSource::default() };
    EnvVar { name, value: None, value_from: Some(source) }
}

fn volumes(plan: &Plan) -> Vec<Volume> {
    [token_volume()].into_iter().chain(files::volume(plan.test())).collect()
}

/// The token by which a pod proves to the collector who it is.
pub(super) fn token_volume() -> Volume {
    let token = ServiceAccountTokenProjection {
        audience: Some(TOKEN_AUDIENCE.into()),
        expiration_seconds: Some(TOKEN_SECONDS),
        path: TOKEN_FILE.into(),
        ..ServiceAccountTokenProjection::default()
    };
    Volume {
        name: TOKEN_VOLUME.into(),
        projected: Some(ProjectedVolumeSource {
            sources: Some(vec![VolumeProjection {
                service_account_token: Some(token),
                ..VolumeProjection::default()
            }]),
            ..ProjectedVolumeSource::default()
        }),
        ..Volume::default()
    }
}
