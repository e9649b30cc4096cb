// SPDX-License-Identifier: Apache-2.0
//! From arguments to a working operator: clients, ports, leader election, controllers, and their end in order.
//!
//! Ports open first, so that probes and runners get answers; then the resource definitions are waited for, then the
//! lease. Only its holder runs controllers and serves runners.

mod api_server;
mod certificate;
mod controllers;
mod definitions;
mod own_thread;
mod prompts;
mod watching;

use std::{
    future::Future,
    io,
    net::{Ipv4Addr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use anyhow::Context as _;
use axum::Router;
use tokio::{net::TcpListener, signal, task::JoinHandle, time::timeout};
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use self::own_thread::OwnThread;
use crate::{
    admin::{self, Readiness},
    args::Args,
    backoff::Backoff,
    cache::Cache,
    cluster_version::ClusterVersion,
    collector::{self, Memory, Sessions},
    context::Context,
    events::Events,
    fence::Fence,
    lease::{Acquired, Candidate},
    metrics::Metrics,
    policy::{self, Platform},
    rollouts::Rollouts,
    runner_defaults,
    tls::Served,
};

/// Longest time for requests under way at the end: whoever sent one may be gone without a word.
const CLOSING: Duration = Duration::from_secs(5);

/// Things that `/readyz` waits for.
pub(crate) mod pending {
    /// The API server knows our kinds.
    pub const DEFINITIONS: &str = "resource definitions";
    /// It is known who leads.
    pub const LEASE: &str = "leader election";
    /// The controllers know all objects.
    pub const CACHES: &str = "caches";
}

/// Runs the operator until it is told to stop.
///
/// # Errors
/// When it can't start, or when it lost its lease and must start anew.
pub async fn run(args: Args) -> anyhow::Result<()> {
    // One provider for all of TLS; with two of them rustls could not choose.
    if rustls::crypto::ring::default_provider().install_default().is_err() {
        warn!("a TLS provider was installed before");
    }
    let stop = CancellationToken::new();
    stop_on_signal(stop.clone())?;
    let platform = Platform::default();
    if let Some(path) = &args.policy_file {
        platform.set_policy(policy::read(path)?);
    }
    let runner_pods = args.runner_defaults_file.as_deref().map(runner_defaults::read).transpose()?;
    let client = api_server::connect().await?;
    info!(version = env!("CARGO_PKG_VERSION"), identity = args.identity(), "operator starts");

    let (readiness, metrics) = (Readiness::default(), Metrics::default());
    readiness.await_(pending::DEFINITIONS);
    readiness.await_(pending::LEASE);
    if let Some(path) = args.policy_file.clone() {
        spawn(policy::watch(path, platform.clone(), metrics.clone(), stop.clone()));
    }
    let cache = Cache::default();
    let sessions = Sessions::within(client.clone(), Memory::of(args.memory_limit), cache.clone());
    let shown = sessions.clone();
    metrics.show_figures(move |most| shown.figures(most));
    let paced = sessions.clone();
    metrics.show_interval(move || paced.report_interval());
    // Ports close last: runners report, and probes ask, until the end.
    let closing = CancellationToken::new();
    let admin = serve(args.admin_listen, admin::router(readiness.clone(), metrics.clone()), &closing).await?;
    let (fence, served) = (Fence::default(), Served::new(metrics.clone()));
    certificate::show(&args, &client, &fence, &served, &stop)?;
    let collector = serve_runners(args.collector_listen, &served, sessions.clone(), &closing).await?;

    let cluster_version = ClusterVersion::default();
    spawn(cluster_version.clone().ask(client.clone()));
    let context = Arc::new(Context {
        client: client.clone(),
        cache,
        cluster_version,
        rollouts: Rollouts::new(client.clone()),
        fence,
        sessions,
        events: Events::new(client.clone(), args.identity()),
        metrics,
        backoff: Backoff::default(),
        served,
        runner_image: args.runner_image.clone(),
        runner_image_pull_policy: args.runner_image_pull_policy.clone(),
        runner_pods: Arc::new(runner_pods.unwrap_or_default()),
        collector_url: args.collector_url.clone(),
        keep: args.keep(),
        records: args.records(),
        platform,
        pinning_namespaces: args.pinned(),
    });
    let result = lead(&args, &context, &readiness, &stop).await;
    closing.cancel();
    for port in [admin, collector] {
        match timeout(CLOSING, port).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => error!(%error, "a port did not close in order"),
            Err(_) => warn!("a port has requests under way; ending all the same"),
        }
    }
    info!("operator has ended");
    result
}

/// Waits for its turn, works as long as it holds the lease, and gives the lease back when all work is done.
async fn lead(
    args: &Args,
    context: &Arc<Context>,
    readiness: &Readiness,
    stop: &CancellationToken,
) -> anyhow::Result<()> {
    if !definitions::wait(&context.client, stop).await {
        return Ok(());
    }
    readiness.reached(pending::DEFINITIONS);
    // Standing by is being ready.
    readiness.reached(pending::LEASE);
    let fence = context.fence.clone();
    let thread = OwnThread::start("lease")?;
    let mut candidate = Candidate::new(
        thread.client().await?,
        &args.namespace,
        &args.lease_name,
        args.identity(),
        fence.clone(),
    )
    .serving(args.collector_address(), context.sessions.leader());
    let told = stop.clone();
    let acquired =
        thread.run(async move { candidate.acquire(&told).await.map(|acquired| (acquired, candidate)) });
    let Some((acquired, candidate)) = acquired.await? else { return Ok(()) };
    // Who installs waits until it works. Who has stood by stays ready: runners are served from now on, and the Service leads
    // to nobody who is not.
    if acquired == Acquired::AtOnce {
        readiness.await_(pending::CACHES);
    }
    context.metrics.set_leader(true);
    let giving_back = CancellationToken::new();
    let lost = CancellationToken::new();
    let holding = thread.spawn({
        let (giving_back, lost) = (giving_back.clone(), lost.clone());
        async move {
            let result = candidate.hold(&giving_back).await;
            fence.lose();
            lost.cancel();
            result
        }
    });
    context.sessions.set_serving(true);
    info!("leading");
    let working = CancellationToken::new();
    let watched = args.watched();
    let work =
        controllers::run(context.clone(), &args.namespace, &watched, readiness.clone(), working.clone());
    tokio::pin!(work);
    tokio::select! {
        () = &mut work => warn!("controllers ended by themselves"),
        () = stop.cancelled() => info!("told to stop"),
        () = lost.cancelled() => error!("lease lost; stopping at once"),
    }
    if lost.is_cancelled() {
        // Another operator may be at work already: not one more write, not one more word to runners.
        context.sessions.set_serving(false);
        context.metrics.set_leader(false);
    } else {
        working.cancel();
        work.await;
        context.sessions.set_serving(false);
        context.metrics.set_leader(false);
        giving_back.cancel();
    }
    holding.await.context("the lease's task ended unexpectedly")?.context("this operator can't work on")
}

async fn serve(
    address: SocketAddr,
    router: Router,
    closing: &CancellationToken,
) -> anyhow::Result<JoinHandle<()>> {
    let listener = listen(address).await.with_context(|| format!("failed to listen on {address}"))?;
    let closing = closing.clone().cancelled_owned();
    Ok(tokio::spawn(async move {
        if let Err(error) = axum::serve(listener, router).with_graceful_shutdown(closing).await {
            error!(%error, %address, "failed to serve");
        }
    }))
}

async fn serve_runners(
    address: SocketAddr,
    served: &Served,
    sessions: Sessions,
    closing: &CancellationToken,
) -> anyhow::Result<JoinHandle<()>> {
    let listener = listen(address).await.with_context(|| format!("failed to listen on {address}"))?;
    let tls = served.config().context("failed to set TLS up for the collector")?;
    let closing = closing.clone().cancelled_owned();
    Ok(tokio::spawn(async move {
        if let Err(error) = collector::serve(listener, tls, sessions, closing).await {
            error!(%error, %address, "failed to serve runners");
        }
    }))
}

/// Listens. All addresses of version 6 mean those of version 4 as well, and these alone where the node knows no others.
async fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    match TcpListener::bind(address).await {
        Err(error) if address.is_ipv6() && address.ip().is_unspecified() => {
            warn!(%error, %address, "no addresses of version 6 here; listening on those of version 4");
            TcpListener::bind((Ipv4Addr::UNSPECIFIED, address.port())).await
        }
        other => other,
    }
}

/// Cancels the token at SIGTERM or Ctrl+C.
fn stop_on_signal(stop: CancellationToken) -> anyhow::Result<()> {
    let mut terminate =
        signal::unix::signal(signal::unix::SignalKind::terminate()).context("failed to wait for SIGTERM")?;
    spawn(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = signal::ctrl_c() => {}
        }
        stop.cancel();
    });
    Ok(())
}

fn spawn(future: impl Future<Output = ()> + Send + 'static) {
    drop(tokio::spawn(future));
}
