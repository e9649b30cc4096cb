// SPDX-License-Identifier: Apache-2.0
//! The Job that puts the record of a finished run into the store of its test: a pod of the test's namespace, with the runner's image and
//! as few rights, and with the test's Secret or claim. Its pods count as runners for network policies, and report to nobody.

use std::{collections::BTreeMap, time::Duration};

use k8s_openapi::{
    api::{
        batch::v1::{Job, JobSpec},
        core::v1::{
            Container, EnvFromSource, EnvVar, EnvVarSource, ObjectFieldSelector,
            PersistentVolumeClaimVolumeSource, PodSpec, PodTemplateSpec, ResourceRequirements,
            SecretEnvSource, ServiceAccount, Volume, VolumeMount,
        },
    },
    apimachinery::pkg::api::resource::Quantity,
};
use kube::{Resource, ResourceExt, api::ObjectMeta};
use upsurge_core::{
    http::ReachRules,
    protocol::{AUTHORITIES_ENV, STORE_DIRECTORY, STORE_TASK_ENV, StorePlace, StoreTask, StoredFile},
};
use upsurge_crds::{
    LoadTestRun, LoadTestSpec,
    names::{labels, runner_pods::INDEX_VARIABLE},
    v1alpha1::{RecordSettings, RecordStore},
};

use super::{
    Objects,
    job::{TOKEN_DIRECTORY, TOKEN_FILE, TOKEN_VOLUME, modest, token_volume},
    parts,
};
use crate::{load_test_run::pods, naming, settings::RunnerDefaults, stores};

/// Volume of the claim.
const CLAIM_VOLUME: &str = "upsurge-store";
/// Most pods that fail one after the other. The Job waits longer each time, up to six minutes: over a day these are enough.
const MOST_FAILURES: i32 = 250;
/// How long a Job that is over is kept, so that its log can be read.
const KEPT_SECONDS: i32 = 3_600;
/// Most runs to be kept of which the pod is told. An environment variable has 128 KiB.
const MOST_KEPT: usize = 400;

/// What is to be stored, and how.
pub struct Wanted<'a> {
    /// The run.
    pub run: &'a LoadTestRun,
    /// Its test.
    pub test: &'a LoadTestSpec,
    /// What the test says of the record.
    pub settings: &'a RecordSettings,
    /// What the platform lets pods of the namespace reach.
    pub reach: ReachRules,
    /// Runs of the test whose records stay.
    pub kept: Vec<String>,
    /// How long it is tried.
    pub time: Duration,
}

/// Builds the Job and its identity; `None` for a run that has no UID, or no store.
pub fn objects(wanted: &Wanted<'_>, defaults: &RunnerDefaults) -> Option<Objects> {
    let run = wanted.run;
    let name = naming::store(&naming::base(&run.name_any(), run.metadata.uid.as_deref()?));
    let metadata = ObjectMeta {
        name: Some(name),
        namespace: run.namespace(),
        labels: Some(marks(run)),
        owner_references: Some(vec![run.controller_owner_ref(&())?]),
        ..ObjectMeta::default()
    };
    let job = Job {
        metadata: metadata.clone(),
        spec: Some(JobSpec {
            backoff_limit: Some(MOST_FAILURES),
            active_deadline_seconds: i64::try_from(wanted.time.as_secs()).ok(),
            ttl_seconds_after_finished: Some(KEPT_SECONDS),
            template: template(wanted, metadata.name.clone()?, defaults)?,
            ..JobSpec::default()
        }),
        status: None,
    };
    let service_account = ServiceAccount {
        metadata,
        automount_service_account_token: Some(false),
        ..ServiceAccount::default()
    };
    Some(Objects { service_account, job })
}

fn marks(run: &LoadTestRun) -> BTreeMap<String, String> {
    let mut known = naming::run_labels(&run.spec.load_test_ref.name);
    known.insert(labels::RUN.into(), naming::label(&run.name_any()));
    // By this the collector's network policy lets them in, and the watches show them.
    known.insert(labels::COMPONENT.into(), "runner".into());
    known
}

fn template(wanted: &Wanted<'_>, account: String, defaults: &RunnerDefaults) -> Option<PodTemplateSpec> {
    let (run, runner) = (wanted.run, &wanted.test.runner);
    let mut template = PodTemplateSpec {
        metadata: Some(ObjectMeta {
            labels: Some(marks(run)),
            annotations: Some(BTreeMap::from([(labels::RUN.into(), run.name_any())])),
            ..ObjectMeta::default()
        }),
        spec: Some(PodSpec {
            restart_policy: Some("Never".into()),
            service_account_name: Some(account),
            automount_service_account_token: Some(false),
            enable_service_links: Some(false),
            node_selector: Some(runner.node_selector.clone()).filter(|selector| !selector.is_empty()),
            tolerations: Some(runner.tolerations.clone()).filter(|list| !list.is_empty()),
            image_pull_secrets: Some(runner.image_pull_secrets.clone()).filter(|list| !list.is_empty()),
            containers: vec![container(wanted, defaults)?],
            volumes: Some(volumes(&wanted.settings.store)),
            ..PodSpec::default()
        }),
    };
    parts::mark(&mut template, runner);
    defaults.pods.over(&modest()).fill(&mut template);
    Some(template)
}

fn container(wanted: &Wanted<'_>, defaults: &RunnerDefaults) -> Option<Container> {
    let (runner, store) = (&wanted.test.runner, &wanted.settings.store);
    let mount = |name: &str, path: &str, read_only: bool| VolumeMount {
        name: name.into(),
        mount_path: path.into(),
        read_only: Some(read_only),
        ..VolumeMount::default()
    };
    let claim = store.persistent_volume_claim.as_ref().map(|_| mount(CLAIM_VOLUME, STORE_DIRECTORY, false));
    let secret = store.object_store.as_ref().map(|objects| EnvFromSource {
        secret_ref: Some(SecretEnvSource { name: objects.secret_ref.name.clone(), optional: Some(false) }),
        ..EnvFromSource::default()
    });
    Some(Container {
        name: pods::CONTAINER.into(),
        image: Some(runner.image.clone().unwrap_or_else(|| defaults.image.clone())),
        image_pull_policy: Some(defaults.image_pull_policy.clone()),
        args: Some(vec!["store-record".into()]),
        // What stands here counts before what is in the Secret.
        env: Some(environment(wanted, defaults)?),
        env_from: secret.map(|secret| vec![secret]),
        resources: Some(resources()),
        termination_message_policy: Some("FallbackToLogsOnError".into()),
        volume_mounts: Some([mount(TOKEN_VOLUME, TOKEN_DIRECTORY, true)].into_iter().chain(claim).collect()),
        ..Container::default()
    })
}

fn resources() -> ResourceRequirements {
    let quantities = |list: &[(&str, &str)]| {
        Some(list.iter().map(|(name, value)| ((*name).to_owned(), Quantity((*value).into()))).collect())
    };
    ResourceRequirements {
        requests: quantities(&[("cpu", "50m"), ("memory", "64Mi")]),
        limits: quantities(&[("memory", "512Mi")]),
        claims: None,
    }
}

fn environment(wanted: &Wanted<'_>, defaults: &RunnerDefaults) -> Option<Vec<EnvVar>> {
    let run = wanted.run;
    let value =
        |name: &str, value: &str| EnvVar { name: name.into(), value: Some(value.into()), value_from: None };
    let pod = ObjectFieldSelector { field_path: "metadata.name".into(), api_version: None };
    let task = StoreTask { place: place(wanted)?, reach: wanted.reach.clone() };
    Some(vec![
        value("UPSURGE_COLLECTOR_URL", &defaults.collector_url),
        value(AUTHORITIES_ENV, &defaults.authorities),
        value("UPSURGE_NAMESPACE", &run.namespace().unwrap_or_default()),
        value("UPSURGE_RUN", &run.name_any()),
        value("UPSURGE_TOKEN_FILE", &format!("{TOKEN_DIRECTORY}/{TOKEN_FILE}")),
        value(INDEX_VARIABLE, "0"),
        value(STORE_TASK_ENV, &serde_json::to_string(&task).ok()?),
        EnvVar {
            name: "UPSURGE_POD".into(),
            value: None,
            value_from: Some(EnvVarSource { field_ref: Some(pod), ..EnvVarSource::default() }),
        },
    ])
}

/// The place of the record. Who can't be told of all runs that are to be kept takes no record away.
fn place(wanted: &Wanted<'_>) -> Option<StorePlace> {
    let (store, name) = (&wanted.settings.store, stores::name(wanted.run));
    if let Some(objects) = &store.object_store {
        return Some(StorePlace::Object(stores::object(&objects.url, &name)));
    }
    let claim = store.persistent_volume_claim.as_ref()?;
    Some(StorePlace::File(StoredFile {
        path: stores::file(claim.path.as_deref(), &name),
        history: claim.history.clone().filter(|_| wanted.kept.len() <= MOST_KEPT),
        kept: wanted.kept.iter().take(MOST_KEPT).cloned().collect(),
    }))
}

fn volumes(store: &RecordStore) -> Vec<Volume> {
    let claim = store.persistent_volume_claim.as_ref().map(|claim| Volume {
        name: CLAIM_VOLUME.into(),
        persistent_volume_claim: Some(PersistentVolumeClaimVolumeSource {
            claim_name: claim.claim_name.clone(),
            read_only: Some(false),
        }),
        ..Volume::default()
    });
    [token_volume()].into_iter().chain(claim).collect()
}

#[cfg(test)]
mod tests;
