// SPDX-License-Identifier: Apache-2.0
//! Measures the operator at the size of a company with many teams: beside a real API server, with nodes that are played by
//! kwok and runners that are played here, each with the agent of real ones and a token of its own pod. Prints figures
//! beside goals. It fails when something breaks, and when a run's figures are not what its runners have sent.

mod cases;
mod content;
mod etcd;
mod ledger;
mod load_test;
mod processes;
mod requests;
mod runners;
mod seconds;
mod wait;
mod workload;

use std::{
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use anyhow::{Context as _, Result, bail};
use clap::ValueEnum;
use k8s_openapi::api::core::v1::Namespace;
use kube::{
    Api, Client,
    api::{DeleteParams, PostParams},
};
use serde_json::json;

use self::{
    etcd::Etcd,
    ledger::Ledger,
    processes::{Nodes, Operator, OperatorPlan},
    requests::AuditLog,
};
use crate::{
    machine, report,
    results::{Case, Results},
};

/// Namespace of the operator.
const SYSTEM: &str = "upsurge-system";

/// What can be measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Name {
    /// From applying a test to its first request.
    Start,
    /// Many runs at the same time.
    Many,
    /// The same, with workloads that are observed.
    Watched,
    /// What the checkpoints of large runs write.
    Checkpoints,
    /// One run with many runners, through a failover.
    Wide,
    /// Many tests and finished runs that are kept.
    Kept,
}

impl Name {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::Start, Self::Many, Self::Watched, Self::Checkpoints, Self::Wide, Self::Kept];
}

/// What is to be measured, and with what.
#[derive(Debug, clap::Args)]
pub struct Plan {
    /// Cases; all when there are none.
    cases: Vec<Name>,
    /// The operator's program.
    #[arg(long)]
    operator: PathBuf,
    /// Kubeconfig for the operator, with a token of its service account.
    #[arg(long)]
    operator_kubeconfig: PathBuf,
    /// kwok's program.
    #[arg(long)]
    kwok: PathBuf,
    /// The API server's audit log, in which only the operator's requests are.
    #[arg(long, env = "E2E_AUDIT_LOG")]
    audit_log: PathBuf,
    /// Scales the counts of runs, runners and tests.
    #[arg(long, env = "SCALE_FACTOR", default_value_t = 1.0)]
    factor: f64,
    /// Length of the case of checkpoints.
    #[arg(long, env = "SCALE_MINUTES", default_value_t = 20.0)]
    minutes: f64,
    /// The file for the results.
    #[arg(long, default_value = "target/bench/scale.json")]
    results: PathBuf,
}

/// All that cases need.
pub struct Bench {
    client: Client,
    operator: OperatorPlan,
    audit: AuditLog,
    etcd: Etcd,
    ledger: Ledger,
    factor: f64,
    minutes: f64,
    version: String,
}

impl Bench {
    /// A count at the present factor.
    fn scaled(&self, count: usize) -> usize {
        ((count as f64 * self.factor).round() as usize).max(1)
    }

    /// The time that the case of checkpoints takes.
    fn long(&self) -> Duration {
        Duration::from_secs_f64(self.minutes * 60.0)
    }

    async fn start_operator(&self) -> Result<Operator> {
        Operator::start(&self.operator).await
    }

    /// A case without figures.
    fn case(&self, title: impl Into<String>, how: impl Into<String>) -> Case {
        let part = ((self.factor - 1.0).abs() > f64::EPSILON).then_some(self.factor);
        let factor = part.map_or_else(String::new, |factor| {
            format!(" All counts are scaled by {factor}: the goals are those of the whole.")
        });
        Case {
            title: title.into(),
            how: how.into() + &factor,
            date: machine::date(),
            machine: machine::description(),
            tools: [("upsurge-operator".to_owned(), self.version.clone())].into(),
            part,
            rounds: 1,
            columns: ["figure", "value"].map(str::to_owned).into(),
            ..Case::default()
        }
    }
}

/// What a case showed, and what broke in it.
type Outcome = Result<(Case, Vec<String>)>;

/// Measures all of it, and writes the results.
///
/// # Errors
/// When something breaks, or figures got lost.
#[tokio::main]
pub async fn run(plan: Plan) -> Result<()> {
    rustls::crypto::ring::default_provider()
        .install_default()
        .ok()
        .context("a TLS provider is installed already")?;
    let directory = plan.results.parent().unwrap_or(Path::new(".")).join("scale");
    std::fs::create_dir_all(&directory)?;
    let directory = directory.canonicalize()?;
    let client = Client::try_default().await.context("no cluster: set KUBECONFIG")?;
    let version = std::process::Command::new(&plan.operator).arg("--version").output();
    let version = version.with_context(|| format!("can't start {}", plan.operator.display()))?.stdout;
    let bench = Bench {
        operator: OperatorPlan {
            program: plan.operator.clone(),
            kubeconfig: plan.operator_kubeconfig.clone(),
            directory: directory.clone(),
        },
        audit: AuditLog::new(plan.audit_log.clone()),
        etcd: Etcd::new()?,
        ledger: Ledger::default(),
        factor: plan.factor,
        minutes: plan.minutes,
        version: String::from_utf8_lossy(&version).split_whitespace().last().unwrap_or_default().to_owned(),
        client: client.clone(),
    };
    let _nodes = Nodes::start(&plan.kwok, &client, &directory).await?;
    runners::play(client.clone(), bench.ledger.clone(), &directory)?;
    let mut broken = Vec::new();
    for name in if plan.cases.is_empty() { &Name::ALL[..] } else { &plan.cases } {
        eprintln!("bench: {name:?}");
        let namespace = namespace(&client).await?;
        let outcome = cases::measure(*name, &bench, &namespace).await;
        remove(&client, &namespace).await?;
        match outcome {
            Ok((mut case, failures)) => {
                case.notes.extend(failures.iter().map(|failure| format!("**FAILED**: {failure}.")));
                broken.extend(failures);
                report::print(&case);
                let mut results = Results::read(&plan.results)?;
                results.cases.insert(format!("{name:?}").to_lowercase(), case);
                results.write(&plan.results)?;
            }
            Err(error) => {
                println!("\n{name:?} BROKE: {error:#}");
                broken.push(format!("{name:?}: {error:#}"));
            }
        }
    }
    match broken.as_slice() {
        [] => Ok(()),
        all => bail!("what was measured can't be trusted:\n  {}", all.join("\n  ")),
    }
}

/// Makes a namespace of our own.
async fn namespace(client: &Client) -> Result<String> {
    let stamp = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH)?.as_millis();
    let name = format!("scale-{stamp}");
    let namespace: Namespace = serde_json::from_value(json!({"metadata": {"name": name}}))?;
    Api::all(client.clone()).create(&PostParams::default(), &namespace).await?;
    Ok(name)
}

/// Takes the namespace away again, and waits until all that was in it is gone: it would weigh on what comes next.
async fn remove(client: &Client, namespace: &str) -> Result<()> {
    let namespaces = Api::<Namespace>::all(client.clone());
    namespaces.delete(namespace, &DeleteParams::default()).await?;
    wait::until("the namespace is gone", Duration::from_secs(600), async || {
        Ok(namespaces.get_opt(namespace).await?.is_none().then_some(()))
    })
    .await
}
