//! The steps of `before`: done once, by one user, before any load.

use std::{collections::BTreeMap, io, rc::Rc, sync::Arc, thread, time::Instant};

use serde_json::{Map, Value};
use tokio::{
    runtime::{Builder, LocalOptions},
    sync::oneshot,
};
use upsurge_core::{template::Scope, validate::Valid};
use upsurge_crds::v1alpha1::LoadTestSpec;

use super::{
    context::{Context, Counts},
    iteration::Iteration,
    user::User,
    work::StageOf,
};
use crate::{
    files::Files,
    http::{client::Client, setup::Setup},
    program::{Program, Sources},
};

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
    let setup = Setup::new(&valid.http, secrets, files).map_err(|error| error.to_string())?;
    let valid = Arc::clone(valid);
    let (sender, receiver) = oneshot::channel();
    // Users live on one thread, as under load; it is not the caller's.
    let thread = thread::Builder::new().name("before".into()).spawn(move || {
        // Nobody waits any more when the caller was stopped.
        let _ = sender.send(run(Arc::new(program), valid, &setup));
    });
    thread.map_err(|error| format!("can't start a thread: {error}"))?;
    receiver.await.map_err(|_| "the thread of the steps ended abnormally".to_owned())?
}

fn run(program: Arc<Program>, valid: Arc<Valid>, setup: &Arc<Setup>) -> Result<Map<String, Value>, String> {
    let system = |error: io::Error| format!("can't set the steps up: {error}");
    let connections = valid.http.connections.shared.map_or(0, |shared| shared.max);
    let client = Client::new(setup, connections).map_err(|error| error.to_string())?;
    let runtime =
        Builder::new_current_thread().enable_all().build_local(LocalOptions::default()).map_err(system)?;
    let result = runtime.block_on(async {
        let start = Instant::now();
        let counts = Arc::<Counts>::default();
        let context = Context::new(Arc::clone(&program), valid, start, client, counts, Arc::default());
        let context = Rc::new(context.map_err(system)?);
        let clock = Rc::clone(&context);
        tokio::task::spawn_local(async move { clock.timer.run().await });
        let mut user = User::new(&program, 1);
        user.begin(&program, 0, 0);
        let outcome = Iteration::new(&context, &mut user, 0, StageOf::Known(0), start).strictly().run().await;
        outcome.map_err(|ended| format!("spec.before: {}", ended.message))?;
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
