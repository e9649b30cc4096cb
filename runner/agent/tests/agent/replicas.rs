// SPDX-License-Identifier: Apache-2.0
//! Several replicas of the operator, of which one leads: whatever the others say, a runner finds it.

use std::sync::Arc;

use upsurge_core::protocol::{PROTOCOL_VERSION, RunnerEnd, Versions};

use super::{
    Ending, agent, agent_by, arrivals,
    collector::{Collector, Role, Seen},
    get, load, run, run_while,
    server::Server,
    wait_until,
};

/// What a replica that stands by may say although it is not so.
#[derive(Debug)]
enum Lie {
    Itself,
    /// Another one leads, which says the same of this one.
    EachOther,
    Told(String),
}

/// Runs an agent that knows the collector by `url`, and checks that all of its load was reported once.
async fn reports_all(name: &str, url: &str, collector: &Collector) {
    let target = Server::simple();
    let (config, _scratch) =
        agent_by(name, url, collector, load::spec(&target.url(), arrivals(50, "1s"), get()));
    assert_eq!(run(config).await, Ending::Done);
    assert_eq!((collector.requests(), target.arrived().len()), (50.0, 50));
    assert_eq!(collector.end(), Some(RunnerEnd::Completed));
}

#[tokio::test]
async fn a_standby_leads_the_runner_to_the_leader_although_it_keeps_connections_open() {
    let collector = Collector::start(Seen::default());
    let standby = collector.replica(Role::StandsBy(Some(collector.server.address.to_string())));
    reports_all("led", &standby.server.url(), &collector).await;
    assert_eq!((standby.server.arrived().len(), standby.connections()), (1, 1), "the leader is kept to");
    let first = &collector.server.arrived()[0];
    assert_eq!(first.headers["host"], collector.server.address.to_string().as_str());
}

#[tokio::test]
async fn a_leader_is_dialled_by_its_address_and_called_by_the_services_name() {
    let collector = Collector::start(Seen::default());
    let standby = collector.replica(Role::StandsBy(Some(collector.server.address.to_string())));
    let url = format!("http://localhost:{}/", standby.server.address.port());
    reports_all("named", &url, &collector).await;
    let host = collector.server.arrived()[0].headers["host"].clone();
    assert_eq!(host, format!("localhost:{}", collector.server.address.port()).as_str());
}

#[tokio::test]
async fn a_standby_that_does_not_know_the_leader_is_left_by_a_new_connection_each_time() {
    let collector = Collector::start(Seen::default());
    // As behind a Service: whoever comes by a new connection may reach another replica.
    let replica = collector.replica(Role::StandsBy(None));
    let target = Server::simple();
    let (config, _scratch) = agent_by(
        "unknown",
        &replica.server.url(),
        &collector,
        load::spec(&target.url(), arrivals(50, "1s"), get()),
    );
    let ending = run_while(config, async {
        wait_until("three tries", || replica.server.arrived().len() >= 3).await;
        assert_eq!(replica.connections(), replica.server.arrived().len());
        replica.becomes(Role::Leads);
    });
    assert_eq!(ending.await, Ending::Done);
    assert_eq!(collector.requests(), 50.0);
}

#[tokio::test]
async fn a_leader_without_room_is_asked_again_over_the_same_connection() {
    let collector = Collector::start(Seen::default());
    let replica = collector.replica(Role::HasNoRoom);
    let target = Server::simple();
    let (config, _scratch) = agent_by(
        "room",
        &replica.server.url(),
        &collector,
        load::spec(&target.url(), arrivals(50, "1s"), get()),
    );
    let ending = run_while(config, async {
        wait_until("three tries", || replica.server.arrived().len() >= 3).await;
        assert_eq!(replica.connections(), 1);
        replica.becomes(Role::Leads);
    });
    assert_eq!(ending.await, Ending::Done);
    assert_eq!(collector.requests(), 50.0);
}

#[tokio::test]
async fn the_leader_changes_in_the_middle_of_the_load() {
    let collector = Collector::start(Seen::default());
    let (one, other) = (collector.replica(Role::Leads), collector.replica(Role::StandsBy(None)));
    other.becomes(Role::StandsBy(Some(one.address())));
    let target = Server::simple();
    // The Service chooses the one that stands by, then and later.
    let (config, _scratch) = agent_by(
        "change",
        &other.server.url(),
        &collector,
        load::spec(&target.url(), arrivals(50, "4s"), get()),
    );
    let seen = Arc::clone(&collector.seen);
    let deltas = move |count: usize| seen.lock().unwrap().deltas.len() >= count;
    let ending = run_while(config, async {
        wait_until("a delta", || deltas(1)).await;
        // The first one is terminated; for a moment nobody leads.
        one.becomes(Role::StandsBy(None));
        other.becomes(Role::StandsBy(None));
        let asked = other.server.arrived().len();
        wait_until("a try by the Service", || other.server.arrived().len() > asked).await;
        other.becomes(Role::Leads);
        wait_until("a delta to the other", || deltas(3)).await;
        // And back, told by the one that led.
        one.becomes(Role::Leads);
        other.becomes(Role::StandsBy(Some(one.address())));
    });
    assert_eq!(ending.await, Ending::Done);
    assert_eq!((collector.requests(), target.arrived().len()), (200.0, 200));
}

#[tokio::test]
async fn a_header_that_lies_leads_back_to_the_service() {
    let refusing = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    let garbage = ["nonsense", "0.0.0.0:80", "127.0.0.1", ""].map(str::to_owned);
    let lies = [Lie::Itself, Lie::EachOther, Lie::Told(refusing)].into_iter().chain(garbage.map(Lie::Told));
    for (number, lie) in lies.enumerate() {
        let collector = Collector::start(Seen::default());
        let service = collector.replica(Role::StandsBy(None));
        let other = collector.replica(Role::StandsBy(Some(service.address())));
        service.becomes(Role::StandsBy(Some(match &lie {
            Lie::Itself => service.address(),
            Lie::EachOther => other.address(),
            Lie::Told(text) => text.clone(),
        })));
        let target = Server::simple();
        let (config, _scratch) = agent_by(
            &format!("lie-{number}"),
            &service.server.url(),
            &collector,
            load::spec(&target.url(), arrivals(50, "1s"), get()),
        );
        let ending = run_while(config, async {
            wait_until("three tries", || service.server.arrived().len() >= 3).await;
            service.becomes(Role::Leads);
        });
        assert_eq!(ending.await, Ending::Done, "{lie:?}");
        assert_eq!(collector.requests(), 50.0, "{lie:?}");
    }
}

#[tokio::test]
async fn a_leader_that_falls_silent_is_left_for_the_service() {
    let collector = Collector::start(Seen::default());
    let leader = collector.replica(Role::Leads);
    let service = collector.replica(Role::StandsBy(Some(leader.address())));
    let target = Server::simple();
    let (config, _scratch) = agent_by(
        "silent",
        &service.server.url(),
        &collector,
        load::spec(&target.url(), arrivals(50, "2s"), get()),
    );
    let seen = Arc::clone(&collector.seen);
    let ending = run_while(config, async {
        wait_until("a hello", || !seen.lock().unwrap().hellos.is_empty()).await;
        // Its connection stays open, and nothing ever comes.
        leader.becomes(Role::Silent);
        service.becomes(Role::Leads);
    });
    assert_eq!(ending.await, Ending::Done);
    assert_eq!((collector.requests(), target.arrived().len()), (100.0, 100));
}

#[tokio::test]
async fn an_operator_of_another_version_is_told_with_both_named() {
    let next = PROTOCOL_VERSION + 1;
    let serves = Some(Versions { from: next, to: next + 1 });
    let collector = Collector::start(Seen { serves, ..Seen::default() });
    let target = Server::simple();
    let (config, _scratch) =
        agent("version", &collector, load::spec(&target.url(), arrivals(50, "1s"), get()));
    match run(config).await {
        Ending::Failed(message) => {
            assert!(message.starts_with("ProtocolMismatch: the runner speaks version 3 "), "{message}");
            assert!(message.contains("the operator serves versions 4 and 5: "), "{message}");
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(collector.seen.lock().unwrap().hellos[0].version, PROTOCOL_VERSION);
    assert!(target.arrived().is_empty());
}
