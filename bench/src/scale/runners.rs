// SPDX-License-Identifier: Apache-2.0
//! Plays the runner pods: whatever pod of a run is up gets an agent here, the real one with a token of that very pod, but
//! for the load engine. When it ends, kwok is told how.

use std::{
    collections::{BTreeMap, HashMap},
    fs::File,
    path::{Path, PathBuf},
    pin::pin,
    sync::Mutex,
    thread,
};

use anyhow::{Context as _, Result};
use futures::TryStreamExt as _;
use k8s_openapi::api::{
    authentication::v1::{BoundObjectReference, TokenRequest, TokenRequestSpec},
    core::v1::{EnvVar, Pod, ServiceAccount},
};
use kube::{
    Api, Client, ResourceExt as _,
    api::{Patch, PatchParams, PostParams},
    runtime::{WatchStreamExt as _, watcher},
};
use serde_json::json;
use tokio::sync::{mpsc, watch};
use tracing::{Instrument as _, info_span};
use upsurge_agent::{AgentConfig, Ending, Generator, run_generating};
use upsurge_crds::names::{TOKEN_AUDIENCE, labels};
use upsurge_engine::{EngineConfig, EngineError};

use super::{
    ledger::Ledger,
    seconds::{Contents, Seconds},
};

/// Tells kwok how a pod's container ended.
const EXIT_CODE: &str = "bench.upsurge.dev/exit-code";
/// Threads that agents share.
const THREADS: usize = 2;
/// How long tokens are good for: longer than any run here.
const TOKEN_SECONDS: i64 = 3_600;

/// A pod that is to be played until it is told to end.
struct Role {
    pod: Pod,
    end: watch::Receiver<bool>,
}

/// What all players share.
#[derive(Clone)]
struct Stage {
    client: Client,
    ledger: Ledger,
    contents: Contents,
    tokens: PathBuf,
}

/// Plays runner pods from now on, for as long as the process lives.
pub fn play(client: Client, ledger: Ledger, directory: &Path) -> Result<()> {
    log_to(&directory.join("runners.log"))?;
    let tokens = directory.join("tokens");
    std::fs::create_dir_all(&tokens)?;
    let stage = Stage { client, ledger, contents: Contents::default(), tokens };
    let mut players = Vec::new();
    for index in 0..THREADS {
        let (sender, receiver) = mpsc::unbounded_channel();
        let stage = stage.clone();
        thread::Builder::new()
            .name(format!("players-{index}"))
            .spawn(move || players_of(&stage, receiver))?;
        players.push(sender);
    }
    tokio::spawn(async move {
        if let Err(error) = cast(stage.client, players).await {
            eprintln!("bench: the pods can't be watched any more: {error:#}");
        }
    });
    Ok(())
}

/// What the agents say goes into a file, each line with its pod.
fn log_to(file: &Path) -> Result<()> {
    let file = File::create(file).with_context(|| format!("can't write {}", file.display()))?;
    let subscriber = tracing_subscriber::fmt().with_ansi(false).with_writer(Mutex::new(file));
    let subscriber = subscriber.with_env_filter("upsurge_agent=info,upsurge_bench=info").finish();
    tracing::subscriber::set_global_default(subscriber).context("there is a log already")
}

/// One thread of players: agents are not to be moved from one thread to another.
fn players_of(stage: &Stage, mut roles: mpsc::UnboundedReceiver<Role>) {
    let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_all().build() else { return };
    tokio::task::LocalSet::new().block_on(&runtime, async {
        while let Some(role) = roles.recv().await {
            let stage = stage.clone();
            tokio::task::spawn_local(async move {
                let name = role.pod.name_any();
                let performance = perform(&stage, role).instrument(info_span!("runner", pod = name));
                if let Err(error) = performance.await {
                    eprintln!("bench: pod {name} can't be played: {error:#}");
                }
            });
        }
    });
}

/// Gives each pod that is up to a player, once, and tells the player when the pod goes.
async fn cast(client: Client, players: Vec<mpsc::UnboundedSender<Role>>) -> Result<()> {
    let ours = watcher::Config::default().labels(&format!("{}=runner", labels::COMPONENT));
    let mut pods = pin!(watcher(Api::<Pod>::all(client), ours).default_backoff());
    let mut cast: HashMap<String, watch::Sender<bool>> = HashMap::new();
    let mut next = 0;
    while let Some(event) = pods.try_next().await? {
        let (pod, is_gone) = match event {
            watcher::Event::Apply(pod) | watcher::Event::InitApply(pod) => {
                let is_gone = pod.metadata.deletion_timestamp.is_some();
                (pod, is_gone)
            }
            watcher::Event::Delete(pod) => (pod, true),
            watcher::Event::Init | watcher::Event::InitDone => continue,
        };
        let uid = pod.uid().unwrap_or_default();
        if is_gone {
            if let Some(end) = cast.get(&uid) {
                end.send_replace(true);
            }
        } else if is_up(&pod) && !cast.contains_key(&uid) {
            let (sender, end) = watch::channel(false);
            cast.insert(uid, sender);
            next = (next + 1) % players.len();
            players[next].send(Role { pod, end }).ok().context("a thread of players has ended")?;
        }
    }
    Ok(())
}

fn is_up(pod: &Pod) -> bool {
    pod.status.as_ref().and_then(|status| status.phase.as_deref()) == Some("Running")
}

async fn perform(stage: &Stage, Role { pod, end }: Role) -> Result<()> {
    let (name, namespace) = (pod.name_any(), pod.namespace().unwrap_or_default());
    let mut variables = environment(&pod).context("its environment")?;
    let token = token(&stage.client, &pod).await.context("its token")?;
    let file = stage.tokens.join(pod.uid().unwrap_or_default());
    tokio::fs::write(&file, token).await?;
    variables.insert("UPSURGE_TOKEN_FILE".into(), file.display().to_string());
    let config = AgentConfig::from_variables(&variables)?;
    let role = (config.namespace.clone(), config.run.clone(), config.runner);
    let generator = |config: EngineConfig| -> Result<Box<dyn Generator>, EngineError> {
        let content = stage.contents.of(&config);
        Ok(Box::new(Seconds::new(&config, content, stage.ledger.clone(), role.clone())))
    };
    let ending = run_generating(config, &generator, end).await;
    tokio::fs::remove_file(&file).await?;
    let code = match &ending {
        Ending::Done => 0,
        Ending::Failed(message) => {
            eprintln!("bench: the runner of pod {name} failed: {message}");
            1
        }
        Ending::Terminated => 143,
    };
    let patch = json!({"metadata": {"annotations": {EXIT_CODE: code.to_string()}}});
    let pods = Api::<Pod>::namespaced(stage.client.clone(), &namespace);
    match pods.patch(&name, &PatchParams::default(), &Patch::Merge(patch)).await {
        Err(kube::Error::Api(status)) if status.is_not_found() => Ok(()),
        result => result.map(drop).context("its end can't be told"),
    }
}

/// A token of the very pod, as the kubelet gets it.
async fn token(client: &Client, pod: &Pod) -> Result<String> {
    let account = pod.spec.as_ref().and_then(|spec| spec.service_account_name.clone());
    let accounts = Api::<ServiceAccount>::namespaced(client.clone(), &pod.namespace().unwrap_or_default());
    let bound = BoundObjectReference {
        api_version: Some("v1".into()),
        kind: Some("Pod".into()),
        name: pod.metadata.name.clone(),
        uid: pod.uid(),
    };
    let request = TokenRequest {
        spec: Some(TokenRequestSpec {
            audiences: Some(vec![TOKEN_AUDIENCE.into()]),
            bound_object_ref: Some(bound),
            expiration_seconds: Some(TOKEN_SECONDS),
            ..TokenRequestSpec::default()
        }),
        ..TokenRequest::default()
    };
    let answer = accounts
        .create_token_request(
            &account.context("it has no service account")?,
            &PostParams::default(),
            &request,
        )
        .await?;
    answer.status.and_then(|status| status.token).context("the API server made none")
}

/// The runner's environment variables with what they refer to, as the kubelet fills it in.
fn environment(pod: &Pod) -> Result<BTreeMap<String, String>> {
    let container = pod.spec.iter().flat_map(|spec| &spec.containers).find(|one| one.name == "runner");
    let variables = container.context("it has no container runner")?.env.iter().flatten();
    variables.map(|variable| Ok((variable.name.clone(), value(pod, variable)?))).collect()
}

fn value(pod: &Pod, variable: &EnvVar) -> Result<String> {
    if let Some(value) = &variable.value {
        return Ok(value.clone());
    }
    let field = variable.value_from.as_ref().and_then(|from| from.field_ref.as_ref());
    let path = field.map(|field| field.field_path.as_str()).unwrap_or_default();
    let entry = |all: &BTreeMap<String, String>, prefix: &str| {
        let key = path.strip_prefix(prefix)?.strip_prefix("['")?.strip_suffix("']")?;
        all.get(key).cloned()
    };
    let found = match path {
        "metadata.name" => pod.metadata.name.clone(),
        "metadata.namespace" => pod.metadata.namespace.clone(),
        _ => entry(pod.annotations(), "metadata.annotations")
            .or_else(|| entry(pod.labels(), "metadata.labels")),
    };
    found.with_context(|| {
        format!("variable {} is taken from {path:?}, which nobody plays here", variable.name)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_are_filled_in_from_the_pod() {
        let pod: Pod = serde_json::from_value(json!({
            "metadata": {"name": "run-0", "namespace": "shop", "labels": {"index": "7"}, "annotations": {"a/b": "c"}},
            "spec": {"containers": [{"name": "sidecar"}, {"name": "runner", "env": [
                {"name": "PLAIN", "value": "x"},
                {"name": "POD", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}},
                {"name": "INDEX", "valueFrom": {"fieldRef": {"fieldPath": "metadata.labels['index']"}}},
                {"name": "NOTE", "valueFrom": {"fieldRef": {"fieldPath": "metadata.annotations['a/b']"}}},
            ]}]},
        }))
        .unwrap();
        let variables = environment(&pod).unwrap();
        let expected = [("INDEX", "7"), ("NOTE", "c"), ("PLAIN", "x"), ("POD", "run-0")];
        assert!(variables.iter().map(|(name, value)| (name.as_str(), value.as_str())).eq(expected));
    }
}
