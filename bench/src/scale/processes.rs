// SPDX-License-Identifier: Apache-2.0
//! The programs beside the API server: kwok, which plays nodes and pods, and the operator, whose cost is measured.

use std::{
    convert::Infallible,
    fs::OpenOptions,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail};
use k8s_openapi::api::core::v1::Node;
use kube::{Api, Client, api::PostParams};
use serde_json::json;

use super::wait;
use crate::measure::{cpu_seconds, peak, resident};

/// Nodes that are played.
const NODES: usize = 10;
/// What kwok does to nodes and pods.
const STAGES: &str = include_str!("stages.yaml");
/// Where the operator tells how it is.
const ADMIN: &str = "http://127.0.0.1:9090";
/// What it says of itself when it leads.
const LEADS: &str = "upsurge_leader 1";
/// How it shows how often runners are told to report.
const INTERVAL: &str = "upsurge_collector_report_interval_seconds ";
/// Longest time for the operator to be ready or to end.
const PATIENCE: Duration = Duration::from_secs(120);

/// A program that is killed when this is dropped. What it says goes to a file, behind what an earlier one said.
struct Program {
    child: Child,
    log: PathBuf,
}

impl Program {
    fn start(name: &str, command: &mut Command, directory: &Path) -> Result<Self> {
        let log = directory.join(format!("{name}.log"));
        let output = OpenOptions::new().create(true).append(true).open(&log)?;
        let child = command.stdin(Stdio::null()).stdout(output.try_clone()?).stderr(output).spawn();
        let child = child.with_context(|| format!("can't start {:?}", command.get_program()))?;
        Ok(Self { child, log })
    }

    /// It is an error if it has ended by itself.
    fn check(&mut self) -> Result<()> {
        match self.child.try_wait()? {
            Some(status) => bail!("ended by itself ({status}); it said why in {}", self.log.display()),
            None => Ok(()),
        }
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// kwok, with nodes that are ready.
pub struct Nodes {
    _program: Program,
}

impl Nodes {
    /// Starts kwok and makes its nodes.
    pub async fn start(kwok: &Path, client: &Client, directory: &Path) -> Result<Self> {
        let stages = directory.join("stages.yaml");
        std::fs::write(&stages, STAGES)?;
        let kubeconfig = std::env::var_os("KUBECONFIG").context("KUBECONFIG is not set")?;
        let mut command = Command::new(kwok);
        command
            .arg("--kubeconfig")
            .arg(kubeconfig)
            .arg("--manage-all-nodes=true")
            .arg("--cidr=10.244.0.1/16")
            .arg("--config")
            .arg(&stages);
        let mut program = Program::start("kwok", &mut command, directory)?;
        let nodes = Api::<Node>::all(client.clone());
        for index in 0..NODES {
            let name = format!("played-{index}");
            let node: Node = serde_json::from_value(json!({
                "metadata": {"name": name, "labels": {"kubernetes.io/hostname": name}},
            }))?;
            match nodes.create(&PostParams::default(), &node).await {
                Err(kube::Error::Api(status)) if status.code == 409 => {}
                result => drop(result?),
            }
        }
        wait::until("the nodes are ready", PATIENCE, async || {
            program.check().context("kwok")?;
            let all = nodes.list(&kube::api::ListParams::default()).await?.items;
            Ok((all.iter().filter(|node| is_ready(node)).count() >= NODES).then_some(()))
        })
        .await?;
        Ok(Self { _program: program })
    }
}

fn is_ready(node: &Node) -> bool {
    let conditions = node.status.iter().flat_map(|status| status.conditions.iter().flatten());
    conditions.into_iter().any(|one| one.type_ == "Ready" && one.status == "True")
}

/// How the operator is started.
#[derive(Clone, Debug)]
pub struct OperatorPlan {
    /// The program.
    pub program: PathBuf,
    /// A kubeconfig with the token of its service account, by which its requests are told from others.
    pub kubeconfig: PathBuf,
    /// Where it logs.
    pub directory: PathBuf,
}

/// The operator at work, as one process of this machine. It is told by its environment what the chart tells its pod.
pub struct Operator {
    program: Program,
    /// How long it took to be ready.
    pub ready_after: Duration,
}

/// What the operator answers, if that is a success.
async fn answer(client: &reqwest::Client, what: &str) -> Option<String> {
    let answer = client.get(format!("{ADMIN}/{what}")).send().await.ok()?;
    answer.error_for_status().ok()?.text().await.ok()
}

/// CPU time of the operator between two looks.
pub struct Watched {
    at: Instant,
    cpu: f64,
}

impl Operator {
    /// Starts it and waits until it leads and knows all objects.
    pub async fn start(plan: &OperatorPlan) -> Result<Self> {
        let mut command = Command::new(&plan.program);
        command
            .env("KUBECONFIG", &plan.kubeconfig)
            .env("POD_NAMESPACE", super::SYSTEM)
            .env("POD_NAME", "upsurge-0")
            .env("POD_IP", "127.0.0.1")
            .env("UPSURGE_LOG_FORMAT", "text");
        let begun = Instant::now();
        let mut program = Program::start("operator", &mut command, &plan.directory)?;
        let client = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(1)).build()?;
        wait::often("the operator is ready", PATIENCE, async || {
            program.check().context("the operator")?;
            // One that stands by is ready too: first whether it leads, then whether it knows all objects.
            let leads = answer(&client, "metrics").await.is_some_and(|text| text.contains(LEADS));
            Ok((leads && answer(&client, "readyz").await.is_some()).then_some(()))
        })
        .await?;
        Ok(Self { program, ready_after: begun.elapsed() })
    }

    /// How often it tells runners to report, in seconds.
    pub async fn report_interval(&self) -> Result<f64> {
        let client = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(5)).build()?;
        let text = answer(&client, "metrics").await.context("the operator shows no metrics")?;
        let value =
            text.lines().find_map(|line| line.strip_prefix(INTERVAL)).context("it shows no interval")?;
        Ok(value.trim().parse()?)
    }

    /// Resident memory in MiB.
    pub fn memory(&self) -> Result<f64> {
        Ok(resident(self.program.child.id())? / 1_048_576.0)
    }

    /// The most that it ever was.
    pub fn peak(&self) -> Result<f64> {
        Ok(peak(self.program.child.id())? / 1_048_576.0)
    }

    /// Begins to watch what it takes of the CPU.
    pub fn watch(&self) -> Result<Watched> {
        Ok(Watched { at: Instant::now(), cpu: cpu_seconds(self.program.child.id())? })
    }

    /// Cores that it took since then.
    pub fn cores(&self, since: &Watched) -> Result<f64> {
        let used = cpu_seconds(self.program.child.id())? - since.cpu;
        Ok(used / since.at.elapsed().as_secs_f64())
    }

    /// Returns when it has ended by itself, which it does when it can't keep its lease: with an error.
    pub async fn ended(&mut self) -> Result<Infallible> {
        loop {
            self.program.check().context("the operator")?;
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    }

    /// Ends it at once, as when it is out of memory.
    pub fn kill(self) {
        drop(self);
    }
}
