// SPDX-License-Identifier: Apache-2.0
//! `upsurge target`.

use std::{fs, process::ExitCode, time::Duration};

use tokio::{
    runtime::Builder,
    signal::unix::{SignalKind, signal},
};
use upsurge_target::{
    self as target, TargetConfig,
    config::{Latency, RouteConfig},
};

use super::{arguments::TargetArguments, exit, say};

/// Serves until a signal comes.
pub(super) fn run(arguments: &TargetArguments) -> ExitCode {
    let config = match config(arguments) {
        Ok(config) => config,
        Err(message) => return exit::error(message),
    };
    // As many threads as the process may use, by affinity and cgroup quota.
    let runtime = match Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return exit::error(format_args!("can't start: {error}")),
    };
    let identity = arguments.tls_cert.clone().zip(arguments.tls_key.clone());
    match runtime.block_on(serve(&config, identity)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => exit::error(message),
    }
}

fn config(arguments: &TargetArguments) -> Result<TargetConfig, String> {
    let mut config = match &arguments.file {
        None => TargetConfig::default(),
        Some(path) => {
            let text = fs::read_to_string(path)
                .map_err(|error| format!("can't read {}: {error}", path.display()))?;
            TargetConfig::parse(&text).map_err(|error| format!("{}: {error}", path.display()))?
        }
    };
    if let Some(listen) = &arguments.listen {
        config.listen.clone_from(listen);
    }
    // A flag speaks of every route, also of those with a value of their own.
    for_all(
        &mut config,
        arguments.latency,
        |config, span| config.latency = Latency::Fixed(span),
        |route| route.latency = None,
    );
    for_all(
        &mut config,
        arguments.error_rate,
        |config, rate| config.error_rate = rate,
        |route| route.error_rate = None,
    );
    for_all(
        &mut config,
        arguments.cpu_per_request,
        |config, time| config.cpu_per_request = time,
        |route| route.cpu_per_request = None,
    );
    for_all(
        &mut config,
        arguments.memory_per_request,
        |config, bytes| config.memory_per_request = bytes,
        |route| route.memory_per_request = None,
    );
    config.seed = arguments.seed.unwrap_or(config.seed);
    config.drain = arguments.drain.unwrap_or(config.drain);
    if let Some(peers) = &arguments.peers {
        config.peers = Some(peers.clone());
    }
    config.contention = arguments.contention.unwrap_or(config.contention);
    config.coherency = arguments.coherency.unwrap_or(config.coherency);
    Ok(config)
}

fn for_all<T>(
    config: &mut TargetConfig,
    flag: Option<T>,
    set: impl Fn(&mut TargetConfig, T),
    clear: impl Fn(&mut RouteConfig),
) {
    if let Some(value) = flag {
        set(config, value);
        config.routes.iter_mut().for_each(&clear);
        clear(&mut config.default_route);
    }
}

async fn serve(
    config: &TargetConfig,
    identity: Option<(std::path::PathBuf, std::path::PathBuf)>,
) -> Result<(), String> {
    let scheme = if identity.is_some() { "https" } else { "http" };
    let handlers = signal(SignalKind::terminate())
        .and_then(|terminate| Ok((terminate, signal(SignalKind::interrupt())?)));
    let (mut terminate, mut interrupt) =
        handlers.map_err(|error| format!("can't listen to signals: {error}"))?;
    let server = target::start(config, identity).await.map_err(|error| error.to_string())?;
    // Who starts it in the background may not listen to what it says.
    let _ = say::result(&format!("listening at {scheme}://{}\n", server.address()));
    let drain = tokio::select! {
        _ = terminate.recv() => config.drain.0,
        // Somebody at a terminal does not want to wait.
        _ = interrupt.recv() => Duration::ZERO,
    };
    say::line(format_args!(
        "stopping: draining for {}s, then finishing what is in work",
        drain.as_secs_f64()
    ));
    tokio::select! {
        () = server.stop(drain) => {}
        _ = interrupt.recv() => say::line(format_args!("stopped at once")),
    }
    Ok(())
}
