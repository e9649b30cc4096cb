// SPDX-License-Identifier: Apache-2.0
//! The steps of `before`, `verify` and `after`: done once, by one user, before and after all load.

use std::{collections::BTreeMap, io, rc::Rc, sync::Arc, thread, time::Instant};

use serde_json::{Map, Value};
use tokio::{
    runtime::{Builder, LocalOptions},
    sync::oneshot,
};
use upsurge_core::{findings::COUNTERS, plan::schedule::Share, template::Scope, validate::Valid};
use upsurge_crds::v1alpha1::LoadTestSpec;
use upsurge_http::{client::Client, setup::Setup};
use upsurge_system::files::Files;

use super::{
    context::{Context, Counts},
    feeders::Feeders,
    iteration::Iteration,
    user::User,
    work::StageOf,
};
use crate::program::{Program, Sources};

/// Does the steps of `before` once and gives the variables that they captured. A request that fails, a
/// response that is not as expected, and a capture that finds nothing are errors.
///
/// # Errors
/// The step that failed, and why.
pub async fn run_before(
    valid: &Arc<Valid>,
    test: &Arc<LoadTestSpec>,
    secrets: &BTreeMap<String, String>,
    files: &Files,
) -> Result<Map<String, Value>, String> {
    if valid.scenarios.before.is_empty() {
        return Ok(Map::new());
    }
    let variables = Map::new();
    let sources = Sources { valid, test, secrets, files, variables: &variables };
    let program = Program::before(&sources).map_err(|error| error.to_string())?;
    apart(program, "before", valid, secrets, files).await
}

/// Does the steps of `verify` once, with the variables that `before` captured and the counters of the run. What is an error in
/// `before` did not hold here.
///
/// # Errors
/// The step that failed, and why.
pub async fn run_verify(
    valid: &Arc<Valid>,
    test: &Arc<LoadTestSpec>,
    secrets: &BTreeMap<String, String>,
    files: &Files,
    variables: &Map<String, Value>,
    counters: Map<String, Value>,
) -> Result<(), String> {
    if valid.scenarios.verify.is_empty() {
        return Ok(());
    }
    let mut variables = variables.clone();
    variables.insert(COUNTERS.to_owned(), Value::Object(counters));
    let sources = Sources { valid, test, secrets, files, variables: &variables };
    let program = Program::verify(&sources).map_err(|error| error.to_string())?;
    apart(program, "verify", valid, secrets, files).await.map(drop)
}

/// Does the steps of `after` once, with the variables that `before` captured. What is an error there is one
/// here, too.
///
/// # Errors
/// The step that failed, and why.
pub async fn run_after(
    valid: &Arc<Valid>,
    test: &Arc<LoadTestSpec>,
    secrets: &BTreeMap<String, String>,
    files: &Files,
    variables: &Map<String, Value>,
) -> Result<(), String> {
    if valid.scenarios.after.is_empty() {
        return Ok(());
    }
    let sources = Sources { valid, test, secrets, files, variables };
    let program = Program::after(&sources).map_err(|error| error.to_string())?;
    apart(program, "after", valid, secrets, files).await.map(drop)
}

/// Does the only scenario of a program on a thread of its own, and gives what was captured.
async fn apart(
    program: Program,
    name: &'static str,
    valid: &Arc<Valid>,
    secrets: &BTreeMap<String, String>,
    files: &Files,
) -> Result<Map<String, Value>, String> {
    let setup = Setup::new(&valid.http, secrets, files).map_err(|error| error.to_string())?;
    let valid = Arc::clone(valid);
    let (sender, receiver) = oneshot::channel();
    // Users live on one thread, as under load; it is not the caller's.
    let thread = thread::Builder::new().name(name.into()).spawn(move || {
        // Nobody waits any more when the caller was stopped.
        let _ = sender.send(run(Arc::new(program), name, valid, &setup));
    });
    thread.map_err(|error| format!("can't start a thread: {error}"))?;
    receiver.await.map_err(|_| "the thread of the steps ended abnormally".to_owned())?
}

fn run(
    program: Arc<Program>,
    name: &str,
    valid: Arc<Valid>,
    setup: &Arc<Setup>,
) -> Result<Map<String, Value>, String> {
    let system = |error: io::Error| format!("can't set the steps up: {error}");
    let connections = valid.http.connections.shared.map_or(0, |shared| shared.max);
    let client = Client::new(setup, connections).map_err(|error| error.to_string())?;
    let runtime =
        Builder::new_current_thread().enable_all().build_local(LocalOptions::default()).map_err(system)?;
    let result = runtime.block_on(async {
        let start = Instant::now();
        let counts = Arc::<Counts>::default();
        let feeders = Arc::new(Feeders::new(&program, Share::WHOLE));
        let context =
            Context::new(Arc::clone(&program), valid, start, client, counts, Arc::default(), feeders);
        let context = Rc::new(context.map_err(system)?);
        let clock = Rc::clone(&context);
        tokio::task::spawn_local(async move { clock.timer.run().await });
        let mut user = User::new(&program, 1);
        user.begin(&program, 0, 0);
        let outcome = Iteration::new(&context, &mut user, 0, StageOf::Known(0), start).strictly().run().await;
        outcome.map_err(|ended| format!("spec.{name}: {}", ended.message))?;
        Ok(captured(&program, &user))
    });
    runtime.shutdown_background();
    result
}

fn captured(program: &Program, user: &User) -> Map<String, Value> {
    let values = program.captured.iter().filter_map(|slot| {
        let name = program.names.get(*slot)?;
        Some((name.clone(), user.variables.variable(*slot)?.clone()))
    });
    values.collect()
}
