// SPDX-License-Identifier: Apache-2.0
//! Whom an agent speaks to that was told the authorities of its collector.

use std::{
    io::{ErrorKind, Read as _},
    net::TcpListener,
    sync::{Arc, Mutex},
    thread,
    time::Duration,
};

use rustls::version::{TLS12, TLS13};
use tokio::{sync::watch, time::timeout};
use upsurge_agent::run_with;

use super::{
    AgentConfig, Ending, PATIENCE, agent_by, arrivals,
    certificates::Authority,
    collector::{Collector, Role, Seen},
    get, load, run, run_while,
    server::{Options, Server},
    wait_until,
};

/// A server of that name, as an authority certifies it.
fn certified(authority: &Authority, name: &str) -> Options {
    let tls = authority.server(name, &["http/1.1"], &[&TLS13, &TLS12], false);
    Options { tls: Some(tls), ..Options::default() }
}

/// Runs an agent until something holds, which it does not bring about by ending.
async fn run_until(config: AgentConfig, what: &str, holds: impl Fn() -> bool) {
    let (terminate, receiver) = watch::channel(false);
    let (ending, ()) = tokio::join!(timeout(PATIENCE, run_with(config, receiver)), async {
        wait_until(what, holds).await;
        terminate.send_replace(true);
    });
    assert_eq!(ending.unwrap(), Ending::Terminated);
}

/// Everything that is sent to a listener that says nothing.
fn recorded(listener: TcpListener) -> Arc<Mutex<Vec<Vec<u8>>>> {
    let heard = Arc::<Mutex<Vec<Vec<u8>>>>::default();
    let kept = Arc::clone(&heard);
    thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            stream.set_read_timeout(Some(Duration::from_millis(300))).unwrap();
            let mut bytes = Vec::new();
            let mut part = [0; 4096];
            loop {
                match stream.read(&mut part) {
                    Ok(0) => break,
                    Ok(read) => bytes.extend_from_slice(&part[..read]),
                    Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                        break;
                    }
                    Err(_) => break,
                }
            }
            kept.lock().unwrap().push(bytes);
        }
    });
    heard
}

#[tokio::test]
async fn whoever_is_not_the_collector_is_not_spoken_to() {
    let (ours, other) = (Authority::new(), Authority::new());
    for (number, options) in
        [certified(&other, "localhost"), certified(&ours, "elsewhere")].into_iter().enumerate()
    {
        let impostor = Collector::with(options, Seen::default());
        let url = format!("http://localhost:{}", impostor.server.address.port());
        let test = load::spec("http://127.0.0.1:1", arrivals(5, "1s"), get());
        let (mut config, _scratch) = agent_by(&format!("impostor-{number}"), &url, &impostor, test);
        config.collector_authorities = Some(ours.pem());
        run_until(config, "three tries", || impostor.server.connections() >= 3).await;
        assert!(impostor.server.arrived().is_empty(), "the impostor was shown the token");
        assert!(impostor.seen.lock().unwrap().hellos.is_empty());
    }
}

#[tokio::test]
async fn nothing_is_said_without_tls_once_authorities_were_told() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let heard = recorded(listener);
    let collector = Collector::start(Seen::default());
    let test = load::spec("http://127.0.0.1:1", arrivals(5, "1s"), get());
    let (mut config, _scratch) = agent_by("plain", &url, &collector, test);
    config.collector_authorities = Some(Authority::new().pem());
    run_until(config, "two tries", || heard.lock().unwrap().len() >= 2).await;
    for bytes in heard.lock().unwrap().iter() {
        assert_eq!(bytes.first(), Some(&22), "not the begin of a handshake");
        assert!(!bytes.windows(5).any(|window| window == b"t0ken"), "the token was sent");
    }
}

#[tokio::test]
async fn the_leader_is_dialled_by_its_address_and_checked_for_the_services_name() {
    let authority = Authority::new();
    let collector = Collector::with(certified(&authority, "localhost"), Seen::default());
    let leader = collector.server.address.to_string();
    let standby = collector.replica_with(certified(&authority, "localhost"), Role::StandsBy(Some(leader)));
    let target = Server::simple();
    let url = format!("http://localhost:{}/", standby.server.address.port());
    let test = load::spec(&target.url(), arrivals(50, "1s"), get());
    let (mut config, _scratch) = agent_by("checked", &url, &collector, test);
    config.collector_authorities = Some(authority.pem());
    assert_eq!(run(config).await, Ending::Done);
    assert_eq!((collector.requests(), target.arrived().len()), (50.0, 50));
    assert_eq!(standby.server.arrived().len(), 1, "the leader is kept to");
}

#[tokio::test]
async fn of_the_authorities_that_were_told_each_counts() {
    let (current, next) = (Authority::new(), Authority::new());
    let collector = Collector::with(certified(&next, "localhost"), Seen::default());
    // The Service leads to the one that shows the certificate of today, later to one that shows that of tomorrow.
    let before = collector.replica_with(certified(&current, "localhost"), Role::Leads);
    let target = Server::simple();
    let url = format!("http://localhost:{}/", before.server.address.port());
    let test = load::spec(&target.url(), arrivals(50, "3s"), get());
    let (mut config, _scratch) = agent_by("rotated", &url, &collector, test);
    config.collector_authorities = Some(current.pem() + &next.pem());
    let seen = Arc::clone(&collector.seen);
    let ending = run_while(config, async {
        wait_until("a delta", || !seen.lock().unwrap().deltas.is_empty()).await;
        before.becomes(Role::StandsBy(Some(collector.server.address.to_string())));
    });
    assert_eq!(ending.await, Ending::Done);
    assert_eq!((collector.requests(), target.arrived().len()), (150.0, 150));
    assert!(!collector.server.arrived().is_empty(), "the certificate of tomorrow was never shown");
}

#[tokio::test]
async fn authorities_that_are_none_end_the_runner_with_words() {
    let collector = Collector::start(Seen::default());
    let test = load::spec("http://127.0.0.1:1", arrivals(5, "1s"), get());
    let (mut config, _scratch) = agent_by("nonsense", &collector.server.url(), &collector, test);
    config.collector_authorities = Some("nonsense".into());
    match run(config).await {
        Ending::Failed(message) => assert!(message.contains("UPSURGE_COLLECTOR_CA"), "{message}"),
        other => panic!("{other:?}"),
    }
    assert!(collector.server.arrived().is_empty());
}
