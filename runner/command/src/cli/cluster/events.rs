// SPDX-License-Identifier: Apache-2.0
//! `upsurge get RUN --events`: what was observed in a run, as JSON lines.
//!
//! It is in the checkpoint, which the operator keeps of a run that is under way. Events are printed as they are there, also those
//! of a kind that this command does not know yet.

use std::{
    collections::BTreeSet,
    io::{self, Read as _},
    process::ExitCode,
    time::Duration,
};

use flate2::read::ZlibDecoder;
use kube::{Api, api::ListParams};
use serde_json::{Map, Value};
use tokio::{runtime::Builder, time::sleep};
use upsurge_crds::{
    LoadTestRun,
    internal::{
        Checkpoint,
        checkpoint::{COMPONENT, EVENTS, FORM, FURTHER, FURTHER_EVENTS, MOST_UNPACKED},
    },
    names::labels,
    v1alpha1::Phase,
};
use upsurge_figures::observation::VERSION;
use upsurge_observer::plain;

use super::connect::{Cluster, ConnectError, connect};
use crate::cli::{arguments::GetArguments, exit, say};

/// Time between two looks.
const LOOK: Duration = Duration::from_secs(1);

/// Why there are no events.
#[derive(Debug, thiserror::Error)]
enum EventsError {
    /// No cluster.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// There is no such run.
    #[error("namespace {namespace} has no LoadTestRun {run}")]
    NoRun { namespace: String, run: String },
    /// The API server refuses or does not answer.
    #[error("{what} can't be read: {}{}", plain(.source), advice(.source))]
    Api {
        what: String,
        #[source]
        source: Box<kube::Error>,
    },
    /// There is no checkpoint any more.
    #[error(
        "run {0} is finished, and its events went with its checkpoint: they can be had until a run is finished (--follow prints them \
         as they come). What became of them is in its status: kubectl get loadtestrun {0} -o jsonpath={{.status.autoscaling}}"
    )]
    Finished(String),
    /// There is none yet.
    #[error("run {0} has no checkpoint yet: nothing was observed so far")]
    NotYet(String),
    /// It is of another version.
    #[error(
        "the checkpoint has form {0}, and this command knows form {FORM}: use the command of the operator's version"
    )]
    Form(i32),
    /// It can't be read.
    #[error("the checkpoint can't be read: {0}")]
    Content(String),
    /// Nobody takes what is printed.
    #[error("can't write to standard output: {0}")]
    Output(#[source] io::Error),
}

fn advice(error: &kube::Error) -> &'static str {
    match error {
        kube::Error::Api(status) if status.code == 403 => {
            "; it needs the rights to get loadtestruns (upsurge.dev), and to get and list checkpoints (internal.upsurge.dev)"
        }
        _ => "",
    }
}

/// Prints the events.
pub(in crate::cli) fn run(arguments: &GetArguments) -> ExitCode {
    let runtime = match Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return exit::error(format_args!("can't start: {error}")),
    };
    match runtime.block_on(print(arguments)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => exit::error(error),
    }
}

/// What is asked for.
struct Asked {
    name: String,
    namespace: String,
    runs: Api<LoadTestRun>,
    checkpoints: Api<Checkpoint>,
}

async fn print(arguments: &GetArguments) -> Result<(), EventsError> {
    let Cluster { client, namespace } = connect(&arguments.cluster, None).await?;
    let asked = Asked {
        name: arguments.run.clone(),
        runs: Api::namespaced(client.clone(), &namespace),
        checkpoints: Api::namespaced(client, &namespace),
        namespace,
    };
    // A bounded log leaves out old events, so that places in it mean nothing.
    let mut printed = BTreeSet::new();
    loop {
        let lines = match asked.lines().await {
            Ok(lines) => lines,
            Err(EventsError::Finished(_)) if !printed.is_empty() => return Ok(()),
            Err(EventsError::NotYet(_)) if arguments.follow => Vec::new(),
            Err(error) => return Err(error),
        };
        let news: Vec<String> = lines.into_iter().filter(|line| !printed.contains(line)).collect();
        say::result(&news.concat()).map_err(EventsError::Output)?;
        printed.extend(news);
        if !arguments.follow {
            return Ok(());
        }
        sleep(LOOK).await;
    }
}

impl Asked {
    async fn lines(&self) -> Result<Vec<String>, EventsError> {
        let Self { name, namespace, runs, checkpoints } = self;
        let failed = |what: String| |source| EventsError::Api { what, source: Box::new(source) };
        let found = runs.get_opt(name).await.map_err(failed(format!("LoadTestRun {namespace}/{name}")))?;
        let run =
            found.ok_or_else(|| EventsError::NoRun { namespace: namespace.clone(), run: name.clone() })?;
        let those = ListParams::default().labels(&format!("{}={COMPONENT}", labels::COMPONENT));
        let what = format!("checkpoints of namespace {namespace}");
        // Without what is in them, which may be a mebibyte each.
        let all = checkpoints.list_metadata(&those).await.map_err(failed(what.clone()))?;
        let own = all.items.into_iter().find(|one| {
            let mut owners = one.metadata.owner_references.iter().flatten();
            owners.any(|owner| Some(&owner.uid) == run.metadata.uid.as_ref())
        });
        let own = own.and_then(|one| one.metadata.name);
        let checkpoint = match &own {
            Some(own) => checkpoints.get_opt(own).await.map_err(failed(what))?,
            None => None,
        };
        let Some(checkpoint) = checkpoint else {
            let is_over = run.status.as_ref().and_then(|status| status.phase) == Some(Phase::Finished);
            let why = if is_over { EventsError::Finished } else { EventsError::NotYet };
            return Err(why(name.clone()));
        };
        if checkpoint.spec.payload_version != FORM {
            return Err(EventsError::Form(checkpoint.spec.payload_version));
        }
        let test = run.spec.test.as_ref().and_then(|test| test.read().ok());
        let workloads = test.map(|test| test.target.workloads).unwrap_or_default();
        let names: Vec<String> = workloads.into_iter().map(|workload| workload.name).collect();
        lines(&checkpoint.spec.data.0, &names)
    }
}

/// The events of a checkpoint, a line each; of several workloads, which are called like this, each says of which it is.
fn lines(packed: &[u8], names: &[String]) -> Result<Vec<String>, EventsError> {
    let mut json = Vec::new();
    let unreadable = |error: &dyn std::fmt::Display| EventsError::Content(error.to_string());
    ZlibDecoder::new(packed)
        .take(MOST_UNPACKED)
        .read_to_end(&mut json)
        .map_err(|error| unreadable(&error))?;
    let mut content: Value = serde_json::from_slice(&json).map_err(|error| unreadable(&error))?;
    let first = taken(&mut content, EVENTS);
    let further = taken(&mut content, FURTHER);
    let is_several = !further.is_empty();
    let others = further.into_iter().map(|mut other| taken(&mut other, FURTHER_EVENTS));
    let mut lines = Vec::new();
    for (place, events) in std::iter::once(first).chain(others).enumerate() {
        let name = names.get(place).filter(|_| is_several);
        lines.extend(events.into_iter().map(|event| line(&event, name)));
    }
    Ok(lines)
}

/// A list, taken from where it is.
fn taken(content: &mut Value, place: &str) -> Vec<Value> {
    match content.pointer_mut(place).map(Value::take) {
        Some(Value::Array(list)) => list,
        _ => Vec::new(),
    }
}

fn line(event: &Value, workload: Option<&String>) -> String {
    let mut line = Map::from_iter([("v".to_owned(), Value::from(VERSION))]);
    line.extend(workload.map(|name| ("workload".to_owned(), Value::from(name.as_str()))));
    line.extend(event.as_object().cloned().unwrap_or_default());
    format!("{}\n", Value::Object(line))
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use flate2::{Compression, write::ZlibEncoder};
    use jiff::Timestamp;
    use serde_json::json;
    use upsurge_figures::{
        elasticity::Demand,
        observation::{Event, What, read_lines},
        workload::Workload,
    };

    use super::*;

    fn packed(content: &Value) -> Vec<u8> {
        let mut encoder = ZlibEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(content.to_string().as_bytes()).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn each_event_is_a_line_with_both_times_that_can_be_read_back() {
        let at = |second: i64| Timestamp::from_second(1_900_000_000 + second).unwrap();
        let mut workload = Workload::new(Demand::None);
        workload.note(Event::live(at(3), What::Asked { replicas: 2 }).stamped(at(2)));
        workload.note(Event::found(at(4), What::Existing { replicas: 1 }));
        let text = lines(
            &packed(&json!({"form": FORM, "session": {}, "record": {"workload": workload, "until": at(9)}})),
            &[],
        )
        .unwrap()
        .concat();
        assert_eq!(read_lines(&text).unwrap(), workload.log().events());
        let first: Value = serde_json::from_str(text.lines().next().unwrap()).unwrap();
        assert_eq!(first, json!({"v": 1, "seen": at(3), "stamped": at(2), "type": "asked", "replicas": 2}));
    }

    #[test]
    fn what_is_not_known_is_printed_as_it_is_and_nothing_observed_is_nothing() {
        let event = json!({"seen": "2030-01-01T00:00:00Z", "type": "later", "new": [1]});
        let text =
            lines(&packed(&json!({"form": FORM, "record": {"workload": {"log": {"events": [event]}}}})), &[])
                .unwrap()
                .concat();
        assert!(text.contains("\"later\"") && text.ends_with("}\n"), "{text}");
        assert!(lines(&packed(&json!({"form": FORM})), &[]).unwrap().is_empty());
        assert!(matches!(lines(b"nothing", &[]), Err(EventsError::Content(_))));
    }

    #[test]
    fn of_several_workloads_each_line_says_of_which_it_is() {
        let kept = |second: i64| {
            let event =
                json!({"seen": Timestamp::from_second(second).unwrap(), "type": "asked", "replicas": 2});
            json!({"log": {"events": [event]}})
        };
        let content =
            json!({"form": FORM, "record": {"workload": kept(1), "further": [{"workload": kept(2)}]}});
        let names = ["gateway", "cart"].map(str::to_owned);
        let told = lines(&packed(&content), &names).unwrap();
        let workloads: Vec<Value> =
            told.iter().map(|line| serde_json::from_str::<Value>(line).unwrap()["workload"].take()).collect();
        assert_eq!(workloads, ["gateway", "cart"]);
    }
}
