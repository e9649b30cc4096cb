// SPDX-License-Identifier: Apache-2.0
use std::sync::{Mutex, PoisonError};

use jiff::Timestamp;
use upsurge_core::metrics::{Selector, SeriesKey, Sink, Tags, Trend, names};

use super::*;

fn interval(second: u64) -> Interval {
    let mut interval = Interval {
        from: Duration::from_secs(second),
        to: Duration::from_secs(second + 1),
        ..Interval::default()
    };
    let key = SeriesKey { metric: names::HTTP_REQS.into(), ..SeriesKey::default() };
    interval.metrics.add(key, &Sink::Counter(1.0));
    interval
}

/// Takes nothing until it is let.
struct Held {
    gate: Arc<Mutex<()>>,
    taken: Arc<Mutex<(Duration, f64)>>,
}

impl Output for Held {
    fn take(&mut self, interval: &Interval, _: &Mailbox) -> Result<(), OutputError> {
        drop(self.gate.lock().unwrap_or_else(PoisonError::into_inner));
        let mut taken = self.taken.lock().unwrap();
        assert_eq!(taken.0, interval.from, "there is no gap");
        *taken = (interval.to, taken.1 + interval.metrics.count(names::HTTP_REQS, &Selector::default()));
        Ok(())
    }

    fn finish(&mut self, _: &Mailbox) -> Result<(), OutputError> {
        Ok(())
    }
}

#[test]
fn an_output_that_is_behind_loses_resolution_but_no_counts() {
    let (gate, taken) = (Arc::<Mutex<()>>::default(), Arc::<Mutex<(Duration, f64)>>::default());
    let mut outputs = Outputs::default();
    outputs.add("held".into(), Held { gate: Arc::clone(&gate), taken: Arc::clone(&taken) }).unwrap();
    let closed = gate.lock().unwrap();
    // Returns though nothing is taken: posting does not wait.
    (0..500).for_each(|second| outputs.post(&interval(second)));
    drop(closed);
    let [outcome] = &outputs.finish(Duration::from_secs(60))[..] else { panic!("one output") };
    assert!(outcome.error.is_none() && outcome.lost == 0, "{outcome:?}");
    assert!((400..500).contains(&outcome.merged), "{outcome:?}");
    assert_eq!(*taken.lock().unwrap(), (Duration::from_secs(500), 500.0));
}

#[test]
fn an_output_that_hangs_holds_up_the_end_for_a_bounded_time() {
    let (gate, taken) = (Arc::<Mutex<()>>::default(), Arc::default());
    let mut outputs = Outputs::default();
    outputs.add("held".into(), Held { gate: Arc::clone(&gate), taken }).unwrap();
    let closed = gate.lock().unwrap();
    outputs.post(&interval(0));
    let outcomes = outputs.finish(Duration::from_millis(50));
    assert!(matches!(outcomes[0].error, Some(OutputError::Late)), "{outcomes:?}");
    drop(closed);
}

#[test]
fn users_of_before_the_start_are_in_the_table_from_its_first_row() {
    let path = std::env::temp_dir().join(format!("upsurge-levels-{}.csv", std::process::id()));
    let file = std::fs::File::create(&path).unwrap();
    let mut table = csv::CsvFile::create(&path, file, Timestamp::UNIX_EPOCH).unwrap();
    // Five come while the load has not begun, and none in its first second.
    for (from, to, change) in [(0, 0, 5.0), (0, 1, 0.0)] {
        let mut interval =
            Interval { from: Duration::from_secs(from), to: Duration::from_secs(to), ..Interval::default() };
        let key = SeriesKey { metric: names::VUS.into(), ..SeriesKey::default() };
        interval.metrics.add(key, &Sink::Gauge { value: change, min: 5.0, max: 5.0 });
        table.take(&interval, &Mailbox::default()).unwrap();
    }
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::remove_file(&path).unwrap();
    let rows: Vec<&str> = text.lines().skip(1).collect();
    assert_eq!(rows.len(), 1, "{text}");
    assert!(rows[0].starts_with("vus,1.000,5,gauge,all,1,"), "{text}");
}

#[test]
fn what_waits_for_an_output_takes_bounded_memory() {
    let mut interval = interval(0);
    for request in 0..100 {
        let mut trend = Trend::default();
        (0..2_000).for_each(|microseconds| trend.record(Duration::from_micros(microseconds * 997)));
        let tags = Tags { request: Some(format!("item {request}")), ..Tags::default() };
        let key = SeriesKey { metric: names::HTTP_REQ_DURATION.into(), tags };
        interval.metrics.add(key, &Sink::Trend(trend));
    }
    let (mailbox, interval) = (Mailbox::default(), Arc::new(interval));
    (0..50).for_each(|_| mailbox.post(&interval));
    mailbox.close(Instant::now());
    let waiting: Vec<_> = std::iter::from_fn(|| mailbox.next()).collect();
    let bytes = |intervals: &[Arc<Interval>]| -> usize {
        intervals.iter().map(|interval| interval.metrics.bytes()).sum()
    };
    assert!(50 * interval.metrics.bytes() > 64 << 20, "it would have been much");
    assert!(bytes(&waiting) < 24 << 20, "{} bytes", bytes(&waiting));
    let count = |interval: &Arc<Interval>| interval.metrics.count(names::HTTP_REQS, &Selector::default());
    assert_eq!(waiting.iter().map(count).sum::<f64>(), 50.0);
    let all = Selector::default();
    let durations = |interval: &Arc<Interval>| interval.metrics.trend(names::HTTP_REQ_DURATION, &all).count();
    assert_eq!(waiting.iter().map(durations).sum::<u64>(), 50 * 100 * 2_000);
}
