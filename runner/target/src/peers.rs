// SPDX-License-Identifier: Apache-2.0
//! How many replicas there are, and what that does to latency.
//!
//! Real services get slower with each replica: they wait for each other (contention) and tell each other what
//! they know (coherency). Here both are scripted, by the Universal Scalability Law, so that a test of scalability has a
//! truth to find. Replicas are counted by the addresses of a name; nothing is said to them.

use std::{
    collections::BTreeSet,
    io,
    net::{IpAddr, SocketAddr},
    sync::atomic::{AtomicBool, AtomicU32, Ordering},
    time::Duration,
};

use prometheus_client::metrics::{counter::Counter, gauge::Gauge};
use tokio::{
    net::lookup_host,
    time::{MissedTickBehavior, interval},
};
use tracing::{info, warn};

/// Time from one look to the next.
const EVERY: Duration = Duration::from_secs(1);

/// The replicas of a service.
#[derive(Debug)]
pub(super) struct Peers {
    contention: f64,
    coherency: f64,
    count: AtomicU32,
    /// Whether the last look failed.
    is_lost: AtomicBool,
    gauge: Gauge,
    failed: Counter,
}

impl Peers {
    /// One replica until somebody looks.
    pub(super) fn new(contention: f64, coherency: f64) -> Self {
        let gauge = Gauge::default();
        gauge.set(1);
        Self {
            contention,
            coherency,
            count: AtomicU32::new(1),
            is_lost: AtomicBool::new(false),
            gauge,
            failed: Counter::default(),
        }
    }

    /// How many there are, and how many looks failed, as Prometheus sees them.
    pub(super) fn metrics(&self) -> (Gauge, Counter) {
        (self.gauge.clone(), self.failed.clone())
    }

    /// A latency with what the other replicas add to it.
    pub(super) fn stretched(&self, latency: Duration) -> Duration {
        let factor = factor(self.contention, self.coherency, self.count.load(Ordering::Relaxed));
        // A product would be off by the rounding of floats.
        if factor <= 1.0 {
            return latency;
        }
        Duration::try_from_secs_f64(latency.as_secs_f64() * factor).unwrap_or(latency)
    }

    /// Takes the outcome of a look. One that failed or found nobody changes nothing: this replica is there itself, and the
    /// others are more likely to be there still than not.
    fn take(&self, found: io::Result<u32>) {
        match found {
            Ok(count) if count > 0 => {
                self.is_lost.store(false, Ordering::Relaxed);
                let before = self.count.swap(count, Ordering::Relaxed);
                self.gauge.set(i64::from(count));
                if before != count {
                    info!(before, count, "number of peers changed");
                }
            }
            Ok(_) => self.lose("the name has no address"),
            Err(error) => self.lose(&error.to_string()),
        }
    }

    /// Counts a look that failed. Of several in a row the first one is logged.
    fn lose(&self, error: &str) {
        self.failed.inc();
        if !self.is_lost.swap(true, Ordering::Relaxed) {
            warn!(error, kept = self.count.load(Ordering::Relaxed), "can't count peers");
        }
    }
}

/// Looks for peers again and again, by the addresses of a name.
pub(super) async fn follow(peers: &Peers, name: &str) {
    let mut ticks = interval(EVERY);
    // A look that took long is not made up for.
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        peers.take(lookup_host((name, 0)).await.map(counted));
    }
}

/// How many replicas have these addresses. One may have an address of each family, so the larger family counts.
fn counted(addresses: impl Iterator<Item = SocketAddr>) -> u32 {
    let addresses: BTreeSet<IpAddr> = addresses.map(|address| address.ip()).collect();
    let of_four = addresses.iter().filter(|address| address.is_ipv4()).count();
    u32::try_from(of_four.max(addresses.len() - of_four)).unwrap_or(u32::MAX)
}

/// 1 + α(N−1) + βN(N−1).
fn factor(contention: f64, coherency: f64, replicas: u32) -> f64 {
    let replicas = f64::from(replicas.max(1));
    1.0 + contention * (replicas - 1.0) + coherency * replicas * (replicas - 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn milliseconds(peers: &Peers) -> f64 {
        peers.stretched(Duration::from_millis(50)).as_secs_f64() * 1e3
    }

    #[test]
    fn latency_grows_with_replicas_as_the_law_says() {
        let peers = Peers::new(0.05, 0.02);
        for (replicas, expected) in [(1, 50.0), (2, 54.5), (4, 69.5), (8, 123.5)] {
            peers.take(Ok(replicas));
            assert!((milliseconds(&peers) - expected).abs() < 1e-6, "{replicas}: {}", milliseconds(&peers));
        }
    }

    #[test]
    fn a_look_that_fails_or_finds_nobody_keeps_the_last_number_and_is_counted() {
        let peers = Peers::new(0.5, 0.0);
        let (gauge, failed) = peers.metrics();
        assert!((milliseconds(&peers) - 50.0).abs() < 1e-6, "one until somebody looks");
        peers.take(Ok(3));
        peers.take(Err(io::Error::other("no such name")));
        peers.take(Ok(0));
        assert!((milliseconds(&peers) - 100.0).abs() < 1e-6);
        assert_eq!((gauge.get(), failed.get()), (3, 2));
    }

    #[test]
    fn without_a_script_latency_is_what_it_was() {
        let peers = Peers::new(0.0, 0.0);
        peers.take(Ok(100));
        assert_eq!(peers.stretched(Duration::from_nanos(123_456_789)), Duration::from_nanos(123_456_789));
    }

    #[test]
    fn a_replica_counts_once_whichever_addresses_it_has() {
        let addresses = |texts: &[&str]| counted(texts.iter().map(|text| text.parse().unwrap()));
        assert_eq!(addresses(&[]), 0);
        assert_eq!(addresses(&["10.0.0.1:0", "10.0.0.2:0", "10.0.0.1:0"]), 2);
        assert_eq!(addresses(&["10.0.0.1:0", "[fd00::1]:0", "10.0.0.2:0", "[fd00::2]:0"]), 2);
        assert_eq!(addresses(&["[fd00::1]:0", "[fd00::2]:0", "[fd00::3]:0"]), 3);
    }

    #[tokio::test]
    async fn a_name_is_looked_up_at_once() {
        let peers = Peers::new(0.0, 0.0);
        peers.take(Ok(7));
        let looked = async {
            while peers.count.load(Ordering::Relaxed) != 1 {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        tokio::select! {
            () = follow(&peers, "localhost") => {}
            () = looked => {}
        }
        assert_eq!(peers.metrics().0.get(), 1);
    }
}
