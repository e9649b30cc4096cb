// SPDX-License-Identifier: Apache-2.0
//! The record of a finished run on its way to the store of its test: a Job is made that puts it there, and the run's condition
//! `RecordStored` says how that goes. Nothing waits for it: the verdict is known and the target is free.
//!
//! What is looked at is the Job and the condition, so an operator that takes over goes on where another one ended. Of a pod only its words
//! are taken, bounded; where the record is, the operator knows by itself.

mod decide;

use std::{sync::Arc, time::Duration};

use jiff::Timestamp;
use k8s_openapi::api::{batch::v1::Job, core::v1::Pod};
use kube::{Api, Resource, ResourceExt};
use tracing::info;
use upsurge_crds::{
    LoadTestRun, LoadTestSpec, conditions, names::conditions::RECORD_STORED, v1alpha1::RecordSettings,
};

pub use self::decide::Told;
use self::decide::{Next, Seen, Work};
use super::{
    Error, NEXT_LOOK, apply,
    build::store::{Wanted, objects},
    carry_out,
    observe::{self, pod_events},
    pods::{JobState, RunnerPod},
    runs::Runs,
    update_status, validate,
};
use crate::{
    naming,
    records::stays,
    status::{self, WriteError},
    stores,
};

/// Time until the next look at a Job that was just made.
const SOON: Duration = Duration::from_secs(2);
/// Time until the next look at one that goes on, if nothing of it changes before, and until one that was refused is tried again.
const LATER: Duration = Duration::from_secs(10);
/// Time in which a Job usually has its pod.
const USUAL: Duration = Duration::from_secs(5);

/// Goes on with the record of a run that is over; gives the time until the next look, unless there is nothing to be done.
///
/// # Errors
/// When the API server does not answer, or another operator is at work.
pub async fn go_on(cached: &LoadTestRun, runs: &Runs) -> Result<Option<Duration>, Error> {
    if !stores::is_outstanding(cached) {
        return Ok(None);
    }
    let context = &runs.context;
    let Some(run) = observe::run(&context.client, cached).await? else { return Ok(None) };
    let test = run.spec.test.as_ref().and_then(|test| test.read().ok());
    let Some(test) = test.filter(|_| !stores::is_settled(run.status.as_ref())) else { return Ok(None) };
    let Some(settings) = test.record.clone() else { return Ok(None) };
    status::admit(&context.fence, run.status.as_ref()).map_err(carry_out::Error::from)?;
    let seen = look(runs, &run, &settings).await?;
    let (told, wait) = match decide::next(&seen) {
        Next::Begin(time) => match begin(runs, &run, &test, &settings, time).await? {
            Ok(()) => (decide::begun(&seen), SOON),
            // A quota may refuse the Jobs of many runs, for as long as a day.
            Err(why) => (decide::refused(&seen, &why), LATER),
        },
        Next::Tell(told) => (told, LATER),
    };
    if told.is_settled() {
        context.sessions.unshelve(&run.uid().unwrap_or_default());
        apply::remove_store_account(&context.client, &run).await.map_err(carry_out::Error::from)?;
    }
    match update_status::note_stored(context, &run, &told).await {
        Ok(()) => {}
        // Somebody was faster: look at what there is now.
        Err(WriteError::Conflict) => return Ok(Some(NEXT_LOOK)),
        Err(error) => return Err(carry_out::Error::from(error).into()),
    }
    Ok((!told.is_settled()).then_some(wait))
}

/// How it stands.
async fn look(runs: &Runs, run: &LoadTestRun, settings: &RecordSettings) -> Result<Seen, Error> {
    let context = &runs.context;
    let (namespace, name, uid) =
        (run.namespace().unwrap_or_default(), run.name_any(), run.uid().unwrap_or_default());
    let job = naming::store(&naming::base(&name, &uid));
    let (found, pods) = match context.cache.runners_of(&namespace, &name, &job) {
        Some(known) => known,
        None => observe::read(&context.client, &namespace, &name, &job).await?,
    };
    let is_own = |job: &Arc<Job>| job.owner_references().iter().any(|owner| owner.uid == uid);
    let work = match found {
        None => Work::NotBegun(has_record(runs, run, &uid).await?),
        Some(found) if !is_own(&found) => Work::Foreign(job),
        Some(found) => under_way(runs, &namespace, &found, &pods).await?,
    };
    let (now, told) = (Timestamp::now(), run.status.as_ref());
    let ended = told.and_then(|status| status.completion_time.as_ref()).map_or(now, |time| time.0);
    let told = told.and_then(|status| conditions::find(&status.conditions, RECORD_STORED));
    Ok(Seen {
        place: stores::place(&settings.store, &stores::name(run)),
        now,
        until: stores::until(settings, ended),
        deadline: settings.deadline,
        work,
        was_begun: told.is_some(),
        trouble: told.and_then(|told| decide::trouble(&told.message)),
    })
}

/// How a Job stands that is there.
async fn under_way(runs: &Runs, namespace: &str, job: &Arc<Job>, pods: &[Arc<Pod>]) -> Result<Work, Error> {
    let uid = job.uid();
    let is_of_it =
        |pod: &&Arc<Pod>| pod.owner_references().iter().any(|owner| Some(&owner.uid) == uid.as_ref());
    let mut pods: Vec<RunnerPod> = pods.iter().filter(is_of_it).map(|pod| RunnerPod::of(pod)).collect();
    let client = &runs.context.client;
    let completed = pod_events::complete(client, namespace, &mut pods).await;
    completed.map_err(observe::failed("events of the pod that stores the record"))?;
    let (state, now) = (JobState::of(job), Timestamp::now());
    let is_overdue = state.created.is_none_or(|created| validate::since(created, now) >= USUAL);
    let forbidden = match pods.is_empty() && is_overdue && !state.finished {
        true => {
            let forbidden = pod_events::creation_failure(client, namespace, job).await;
            forbidden.map_err(observe::failed("events of the Job that stores the record"))?
        }
        false => None,
    };
    Ok(Work::of(&state, &pods, forbidden))
}

/// Whether there is a record; why not.
async fn has_record(runs: &Runs, run: &LoadTestRun, uid: &str) -> Result<Result<(), String>, Error> {
    if runs.context.sessions.has_shelved(&run.namespace().unwrap_or_default(), uid) {
        return Ok(Ok(()));
    }
    if !runs.records.is_on() {
        let words = "the operator keeps no records: set operator.records.enabled in the values of its chart";
        return Ok(Err(words.into()));
    }
    let has = runs.records.has(run).await.map_err(carry_out::Error::from)?;
    let words =
        || "the run has left no record, or it had to make room for others in the namespace".to_owned();
    Ok(if has { Ok(()) } else { Err(words()) })
}

/// Makes the Job; gives the words of whoever does not want it.
async fn begin(
    runs: &Runs,
    run: &LoadTestRun,
    test: &LoadTestSpec,
    settings: &RecordSettings,
    time: Duration,
) -> Result<Result<(), String>, Error> {
    let context = &runs.context;
    let namespace = run.namespace().unwrap_or_default();
    let defaults = match context.runner() {
        Ok(defaults) => defaults,
        Err(why) => return Ok(Err(why)),
    };
    let Some(kept) = kept(runs, run, settings).await else {
        return Ok(Err("it is not known yet which runs of the test are to be kept".into()));
    };
    let reach = context.platform.policy().rules(&namespace).reach();
    let wanted = Wanted { run, test, settings, reach, kept, time };
    let Some(objects) = objects(&wanted, &defaults) else { return Err(observe::Error::NoUid.into()) };
    // The watches may lag behind: one that is there is not changed any more.
    let jobs: Api<Job> = Api::namespaced(context.client.clone(), &namespace);
    let there = jobs.get_metadata_opt(&objects.job.name_any()).await.map_err(observe::failed("the Job"))?;
    if there.is_some() {
        return Ok(Ok(()));
    }
    let made = async {
        apply::groundwork(&context.client, &objects).await?;
        apply::job(&context.client, &objects).await
    };
    match made.await {
        Ok(()) => {
            info!(job = objects.job.name_any(), "created the Job that stores the record");
            Ok(Ok(()))
        }
        Err(error) => match error.refusal() {
            Some((_, message)) => Ok(Err(message)),
            None => Err(carry_out::Error::from(error).into()),
        },
    }
}

/// Runs of the same test whose records are to stay in a volume; `None` as long as that is not known.
async fn kept(runs: &Runs, run: &LoadTestRun, settings: &RecordSettings) -> Option<Vec<String>> {
    let claim = settings.store.persistent_volume_claim.as_ref();
    if claim.is_none_or(|claim| claim.history.is_none()) {
        return Some(Vec::new());
    }
    let namespace = run.namespace().unwrap_or_default();
    let known = runs.context.cache.runs_of(&namespace, &run.spec.load_test_ref.name).await?;
    Some(known.iter().filter(|run| stays(run.meta())).map(|run| run.name_any()).collect())
}

#[cfg(test)]
mod tests;
