//! What there is of a run: the run itself, its Job, its pods, and what keeps the pods from being created. Read from
//! the API server itself, because a cache may lag behind what was written a moment ago.

mod pod_events;

use k8s_openapi::api::{
    batch::v1::Job,
    core::v1::{Event, Pod},
};
use kube::{Api, Client, Resource, ResourceExt, api::ListParams};
use upsurge_crds::{LoadTestRun, names::labels};

use super::pods::{JobState, RunnerPod};
use crate::naming;

/// Something of a run can't be read.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The API server refused or did not answer.
    #[error("failed to read {what}")]
    Read {
        /// What was read.
        what: &'static str,
        /// What went wrong.
        #[source]
        source: Box<kube::Error>,
    },
    /// An object of that name belongs to something else.
    #[error("Job {name} exists already and belongs to something else; delete it")]
    Foreign {
        /// Name of the Job.
        name: String,
    },
}

/// What there is of a run besides itself.
#[derive(Clone, Debug, Default)]
pub struct Observed {
    /// The Job.
    pub job: Option<JobState>,
    /// Its pods.
    pub pods: Vec<RunnerPod>,
    /// Why the Job can't create pods.
    pub forbidden: Option<String>,
}

/// Reads the run as it is now; `None` if it is gone.
///
/// # Errors
/// When the API server does not answer.
pub async fn run(client: &Client, cached: &LoadTestRun) -> Result<Option<LoadTestRun>, Error> {
    let api: Api<LoadTestRun> = Api::namespaced(client.clone(), &cached.namespace().unwrap_or_default());
    let found = api.get_opt(&cached.name_any()).await.map_err(failed("the run"))?;
    Ok(found.filter(|run| run.meta().uid == cached.meta().uid))
}

/// Reads what there is of a run of `runners` runners.
///
/// # Errors
/// When the API server does not answer, or another object has the Job's name.
pub async fn objects(client: &Client, run: &LoadTestRun, runners: u32) -> Result<Observed, Error> {
    let namespace = run.namespace().unwrap_or_default();
    let uid = run.uid().unwrap_or_default();
    let name = naming::base(&run.name_any(), &uid);
    let jobs: Api<Job> = Api::namespaced(client.clone(), &namespace);
    let Some(job) = jobs.get_opt(&name).await.map_err(failed("the runners' Job"))? else {
        return Ok(Observed::default());
    };
    if !job.owner_references().iter().any(|owner| owner.uid == uid) {
        return Err(Error::Foreign { name });
    }
    let mut pods = pods(client, &namespace, &run.name_any(), &job).await?;
    pod_events::complete(client, &namespace, &mut pods).await.map_err(failed("events of the runner pods"))?;
    let mut observed = Observed { job: Some(JobState::of(&job)), pods, forbidden: None };
    if observed.pods.len() < runners as usize
        && job.status.as_ref().is_none_or(|status| status.conditions.is_none())
    {
        observed.forbidden = creation_failure(client, &namespace, &job).await?;
    }
    Ok(observed)
}

async fn pods(client: &Client, namespace: &str, run: &str, job: &Job) -> Result<Vec<RunnerPod>, Error> {
    let api: Api<Pod> = Api::namespaced(client.clone(), namespace);
    let selector = format!("{}={}", labels::RUN, naming::label(run));
    let list = api.list(&ListParams::default().labels(&selector)).await.map_err(failed("the runner pods"))?;
    let uid = job.uid();
    let mine = |pod: &&Pod| pod.owner_references().iter().any(|owner| Some(&owner.uid) == uid.as_ref());
    Ok(list.iter().filter(mine).map(RunnerPod::of).collect())
}

/// The newest event in which the Job controller says that it can't create pods.
async fn creation_failure(client: &Client, namespace: &str, job: &Job) -> Result<Option<String>, Error> {
    let api: Api<Event> = Api::namespaced(client.clone(), namespace);
    let uid = job.uid().unwrap_or_default();
    let selector = format!("involvedObject.uid={uid},reason=FailedCreate");
    let list = api
        .list(&ListParams::default().fields(&selector))
        .await
        .map_err(failed("events of the runners' Job"))?;
    let newest = list.items.into_iter().max_by_key(|event| {
        let last = event.last_timestamp.as_ref().map(|time| time.0);
        last.or(event.event_time.as_ref().map(|time| time.0))
    });
    Ok(newest.and_then(|event| event.message))
}

fn failed(what: &'static str) -> impl FnOnce(kube::Error) -> Error {
    move |source| Error::Read { what, source: Box::new(source) }
}
