// SPDX-License-Identifier: Apache-2.0
//! An agent that reports what something else than a load engine makes.

use std::{
    cell::Cell,
    rc::Rc,
    time::{Duration, Instant},
};

use futures::{FutureExt as _, future::LocalBoxFuture};
use tokio::{sync::watch, time::timeout};
use upsurge_agent::{Ending, Generator, run_generating};
use upsurge_core::{
    losses::Losses,
    metrics::{Metrics, SeriesKey, Sink, Tags, names},
    protocol::RunnerEnd,
};
use upsurge_engine::Interval;

use crate::{
    PATIENCE, agent, arrivals,
    collector::{Collector, Seen},
    get, load,
    server::Server,
};

/// Hands over ten requests each time, for two seconds.
struct Tens {
    begin: Instant,
    until: Cell<Duration>,
    given: Rc<Cell<f64>>,
}

impl Generator for Tens {
    fn wait(&self) -> LocalBoxFuture<'_, ()> {
        let end = self.begin + Duration::from_secs(2);
        tokio::time::sleep_until(end.into()).boxed_local()
    }

    fn collect(&self) -> Interval {
        self.given.set(self.given.get() + 10.0);
        let mut metrics = Metrics::default();
        let key = SeriesKey { metric: names::HTTP_REQS.into(), tags: Tags::default() };
        metrics.add(key, &Sink::Counter(10.0));
        let to = self.begin.elapsed();
        Interval { from: self.until.replace(to), to, metrics, losses: Losses::default() }
    }

    fn aborted(&self) -> Option<String> {
        None
    }

    fn start_lag(&self) -> Option<Duration> {
        Some(Duration::from_millis(7))
    }

    fn stop(&self) {}
}

#[tokio::test]
async fn what_a_stand_in_hands_over_is_reported_as_that_of_an_engine() {
    let target = Server::simple();
    let collector = Collector::start(Seen::default());
    let spec = load::spec(&target.url(), arrivals(50, "2s"), get());
    let (config, _scratch) = agent("generating", &collector, spec);
    let given = Rc::<Cell<f64>>::default();
    let generator = |config: upsurge_engine::EngineConfig| {
        let tens = Tens { begin: config.start, until: Cell::default(), given: given.clone() };
        Ok(Box::new(tens) as Box<dyn Generator>)
    };
    let (_terminate, receiver) = watch::channel(false);
    let ending = timeout(PATIENCE, run_generating(config, &generator, receiver)).await.unwrap();
    assert_eq!(ending, Ending::Done);
    assert!(given.get() >= 20.0, "{} requests were handed over", given.get());
    assert_eq!(collector.requests(), given.get());
    assert_eq!(collector.end(), Some(RunnerEnd::Completed));
    assert!(target.arrived().is_empty(), "no engine made load");
    let seen = collector.seen.lock().unwrap();
    let last = seen.batches.last().unwrap();
    assert_eq!(last.started_at - last.start, 7_000_000);
}
