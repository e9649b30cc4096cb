// SPDX-License-Identifier: Apache-2.0
use jiff::SignedDuration;
use rstest::rstest;
use serde_json::{Value, json};
use upsurge_figures::{
    elasticity::Demand,
    observation::{Amount, ContainerUsage, Event, Life, PodUsage, Source, What},
};

use super::*;
use crate::{judged::Judged, plan::Plan};

const MEBIBYTE: f64 = (1 << 20) as f64;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_900_000_000 + second).unwrap()
}

/// What is allowed of CPU and memory, if anything is.
#[derive(Clone, Copy)]
struct Bounds {
    cores: Option<f64>,
    mebibytes: Option<f64>,
}

const BOUNDED: Bounds = Bounds { cores: Some(1.0), mebibytes: Some(512.0) };

fn pod(name: &str, second: i64, cores: f64, mebibytes: f64, bounds: Bounds) -> PodUsage {
    let amount =
        |used: f64, limit: Option<f64>| Amount { used, request: limit.map(|limit| limit / 2.0), limit };
    let container = ContainerUsage {
        name: "main".into(),
        cpu: amount(cores, bounds.cores),
        memory: amount(mebibytes * MEBIBYTE, bounds.mebibytes.map(|most| most * MEBIBYTE)),
    };
    PodUsage { pod: name.into(), at: at(second), window: 10.0, containers: vec![container], is_seen: true }
}

/// A test of ten minutes with limits on usage, and what was recorded of its workload.
struct Run {
    test: LoadTestSpec,
    timeline: Timeline,
    recorded: Recorded,
}

impl Run {
    fn new(usage: Value) -> Self {
        Self::of(usage, json!({"constant": {"level": 10, "duration": "10m"}}))
    }

    fn of(usage: Value, load: Value) -> Self {
        let test: LoadTestSpec = serde_json::from_value(json!({
            "target": {"baseURL": "http://shop", "workloads": [{"name": "checkout"}]},
            "scenarios": [{"name": "a", "steps": [{"request": {"url": "/"}}]}],
            "load": load,
            "usage": usage
        }))
        .unwrap();
        let timeline = Plan::compile(&test.load, &[]).unwrap().timeline;
        let mut recorded = Recorded::new(Demand::None);
        recorded.note(Event::live(at(-10), What::Listed { source: Source::Pods }));
        recorded.begin(at(0), []);
        Self { test, timeline, recorded }
    }

    fn look(&mut self, second: i64, pods: Vec<PodUsage>) {
        self.recorded.note(Event::live(at(second + 2), What::Usage { pods, omitted: 0 }));
    }

    /// Steps of pods: seconds, names and what happened.
    fn with<const N: usize>(mut self, steps: [(i64, &str, Life); N]) -> Self {
        steps.into_iter().for_each(|(second, pod, life)| self.live(second, pod, life));
        self
    }

    /// Measured every ten seconds, with some noise.
    fn measured(mut self, seconds: i64, of: impl Fn(f64) -> (f64, f64), bounds: Bounds) -> Self {
        for second in (5..seconds).step_by(10) {
            let (cores, mebibytes) = of(second as f64 / 3_600.0);
            let noise = 0.05 * (second as f64 * 12.989_8).sin();
            self.look(second, vec![pod("checkout-1", second, cores, mebibytes + noise, bounds)]);
        }
        self
    }

    fn live(&mut self, second: i64, pod: &str, life: Life) {
        let what = What::Pod { pod: pod.into(), life };
        self.recorded.note(Event::live(at(second), what).stamped(at(second)));
    }

    fn used(&self) -> Used<'_> {
        let end = at(0).saturating_add(SignedDuration::try_from(self.timeline.duration()).unwrap()).unwrap();
        Used {
            test: &self.test,
            workload: &self.test.target.workloads[0],
            recorded: &self.recorded,
            timeline: &self.timeline,
            start: at(0),
            end,
        }
    }

    fn judged(&self) -> Judged {
        judge(&self.used()).remove(0)
    }
}

/// `Some` of whether a limit held; `None` if nobody can say.
fn held(judged: &Judged) -> Option<bool> {
    (!judged.result.undecided).then_some(judged.result.passed)
}

#[rstest]
#[case::cpu_of_the_limit("CPU", "Limit", 0.8, 100.0, None)]
#[case::cpu_of_the_request("CPU", "Request", 0.4, 100.0, None)]
#[case::too_much_cpu(
    "CPU",
    "Limit",
    0.95,
    100.0,
    Some("pod checkout-1 used 95% of the CPU limit of container main, and may use 80%")
)]
#[case::too_much_of_the_request(
    "CPU",
    "Request",
    0.95,
    100.0,
    Some("pod checkout-1 used 190% of the CPU request, and may use 80%")
)]
#[case::too_much_memory(
    "Memory",
    "Limit",
    0.1,
    500.0,
    Some("pod checkout-1 used 97.7% of the Memory limit of container main, and may use 80%")
)]
fn a_share_is_held_against_the_highest_measurement(
    #[case] resource: &str,
    #[case] bound: &str,
    #[case] cores: f64,
    #[case] mebibytes: f64,
    #[case] missed: Option<&str>,
) {
    let limit = json!([{"resource": resource, "relativeTo": bound, "maxPercent": 80}]);
    let run = Run::new(limit).measured(600, |_| (cores, mebibytes), BOUNDED);
    let judged = run.judged();
    assert_eq!(held(&judged), Some(missed.is_none()), "{judged:?}");
    if let Some(missed) = missed {
        assert_eq!((judged.sentence().as_str(), judged.missed), (missed, "UsageExceeded"));
    }
}

#[test]
fn what_has_no_limit_can_not_be_held_against_it() {
    let limit = json!([{"resource": "CPU", "relativeTo": "Limit", "maxPercent": 80}]);
    let unbounded = Bounds { cores: None, mebibytes: None };
    let judged = Run::new(limit).measured(600, |_| (0.1, 100.0), unbounded).judged();
    assert_eq!((held(&judged), judged.unknown), (None, "UsageUnknown"));
    let said = judged.sentence();
    assert!(
        said.contains("has no CPU limit: set resources.limits.cpu") && said.contains("relativeTo: Request"),
        "{said}"
    );
}

#[test]
fn without_measurements_nothing_is_known() {
    let limits = json!([{"resource": "CPU", "relativeTo": "Limit", "maxPercent": 80},
        {"resource": "Memory", "maxGrowthPercentPerHour": 5}]);
    let mut run = Run::new(limits.clone());
    for judged in judge(&run.used()) {
        assert!(held(&judged).is_none() && judged.sentence().contains("measured 0 times"), "{judged:?}");
    }
    let lost = What::Lost { source: Source::Usage, message: "the cluster has no metrics API".into() };
    run.recorded.note(Event::live(at(-5), lost));
    for judged in judge(&run.used()) {
        let said = judged.sentence();
        assert!(
            held(&judged).is_none() && said.contains("no metrics API") && said.contains("600 s"),
            "{said}"
        );
    }
    let told = told(&run.used());
    assert_eq!((told.len(), told[0].samples, told[0].gaps.len()), (1, 0, 1));
    // A gap in the middle hides what may have been there; one of a few seconds doesn't.
    for (seconds, is_known) in [(30, true), (300, false)] {
        let mut run = Run::new(limits.clone()).measured(600, |_| (0.1, 100.0), BOUNDED);
        let lost = What::Lost { source: Source::Usage, message: "reset".into() };
        run.recorded.note(Event::live(at(100), lost));
        run.recorded.note(Event::live(at(100 + seconds), What::Listed { source: Source::Usage }));
        assert_eq!(held(&run.judged()).is_some(), is_known, "{seconds} s");
    }
}

/// Limits on CPU, memory and its growth, none of which is reached by a tenth of a core and 100 MiB.
fn wide() -> Value {
    json!([{"resource": "CPU", "relativeTo": "Limit", "maxPercent": 80},
        {"resource": "Memory", "relativeTo": "Request", "maxPercent": 80},
        {"resource": "Memory", "maxGrowthPercentPerHour": 60}])
}

fn killed(restarts: u32) -> Life {
    Life::Ended { reason: "OOMKilled".into(), exit_code: 137, restarts }
}

#[test]
fn a_pod_that_was_ready_and_not_measured_keeps_limits_open() {
    let measured = || {
        let run = Run::new(wide()).measured(600, |_| (0.1, 100.0), BOUNDED);
        run.with([(-20, "checkout-1", Life::Ready)])
    };
    // Its node can't be asked: the metrics API leaves it out.
    for (ready, not_ready, is_known) in
        [(-20, None, false), (100, None, false), (100, Some(150), true), (540, None, true)]
    {
        let mut run = measured().with([(ready, "checkout-2", Life::Ready)]);
        not_ready.into_iter().for_each(|second| run.live(second, "checkout-2", Life::NotReady));
        for judged in judge(&run.used()) {
            assert_eq!(held(&judged), is_known.then_some(true), "ready at {ready} s: {judged:?}");
            assert!(
                is_known || judged.sentence().contains("pod checkout-2 was ready for more than 90 s"),
                "{judged:?}"
            );
        }
    }
    // What is known to be too much is missed all the same.
    let limit = json!([{"resource": "CPU", "relativeTo": "Limit", "maxPercent": 5}]);
    let run = Run::new(limit).measured(600, |_| (0.1, 100.0), BOUNDED).with([(0, "checkout-2", Life::Ready)]);
    assert_eq!(held(&run.judged()), Some(false));
}

#[test]
fn more_pods_than_are_looked_at_keep_limits_open() {
    let mut run = Run::new(wide()).measured(600, |_| (0.1, 100.0), BOUNDED);
    let names: Vec<String> = (0..503).map(|n| format!("checkout-{n:03}")).collect();
    run.look(300, names.iter().map(|name| pod(name, 301, 0.1, 100.0, BOUNDED)).collect());
    for judged in judge(&run.used()) {
        assert!(held(&judged).is_none() && judged.sentence().contains("of 3 pods or more"), "{judged:?}");
    }
}

#[test]
fn who_was_killed_for_lack_of_memory_did_not_keep_to_a_share_of_its_limit() {
    let limits = |bound: &str| json!([{"resource": "Memory", "relativeTo": bound, "maxPercent": 80}]);
    let run = |bound| Run::new(limits(bound)).measured(600, |_| (0.1, 100.0), BOUNDED);
    let judged = run("Limit").with([(300, "checkout-1", killed(1))]).judged();
    assert_eq!(held(&judged), Some(false), "{judged:?}");
    assert_eq!(
        judged.sentence(),
        "containers were killed for lack of memory 1 times, and may use 80% of the Memory limit; the last one was in pod \
         checkout-1 300 s after the start of the load (OOMKilled, exit code 137)"
    );
    assert_eq!(held(&run("Request").with([(300, "checkout-1", killed(1))]).judged()), Some(true));
    // One that dies every eight seconds is never measured.
    let failed = |restarts| Life::Ended { reason: "Error".into(), exit_code: 1, restarts };
    let judged = run("Limit").with([(8, "checkout-2", failed(1)), (16, "checkout-2", failed(2))]).judged();
    assert_eq!(held(&judged), None, "{judged:?}");
    assert!(judged.sentence().starts_with("pod checkout-2 ended before anybody measured it"), "{judged:?}");
}

#[test]
fn looks_are_counted_and_not_pods() {
    let mut run = Run::new(wide());
    let three = |second| ["a", "b", "c"].map(|name| pod(name, second, 0.1, 100.0, BOUNDED)).to_vec();
    run.look(100, three(100));
    let judged = run.judged();
    assert!(held(&judged).is_none() && judged.sentence().contains("measured 1 times"), "{judged:?}");
    run.look(120, three(120));
    run.look(140, three(140));
    assert_eq!(held(&run.judged()), Some(true));
}

#[test]
fn growth_is_missed_held_or_open_and_says_by_how_much() {
    let limit = json!([{"resource": "Memory", "maxGrowthPercentPerHour": 60}]);
    let grows = |percent: f64| move |hours: f64| (0.1, 100.0 * (1.0 + percent / 100.0 * hours));
    let judged = Run::new(limit.clone()).measured(600, grows(300.0), BOUNDED).judged();
    assert_eq!(held(&judged), Some(false), "{judged:?}");
    let said = judged.sentence();
    assert!(
        said.starts_with("memory of pod checkout-1 grew by ") && said.ends_with("%), and may grow by 60%/h"),
        "{said}"
    );
    let judged = Run::new(limit).measured(600, grows(0.0), BOUNDED).judged();
    assert_eq!(held(&judged), Some(true), "{judged:?}");
    // A limit that ten minutes of such noise can't tell from nothing.
    let tight = json!([{"resource": "Memory", "maxGrowthPercentPerHour": 1}]);
    let noisy = |hours: f64| (0.1, 100.0 + 3.0 * (hours * 9_000.0).sin());
    let judged = Run::new(tight).measured(600, noisy, BOUNDED).judged();
    assert_eq!(held(&judged), None, "{judged:?}");
    let said = judged.sentence();
    assert!(said.contains("too short to tell that from 1%/h: let it last at least"), "{said}");
}

#[test]
fn of_a_soak_only_the_time_at_its_level_counts_for_growth() {
    let limit = json!([{"resource": "Memory", "maxGrowthPercentPerHour": 60}]);
    let soak = json!({"soak": {"level": 10, "duration": "10m", "rampUp": "5m"}});
    // It fills up with the load, and is steady then.
    let fills = |hours: f64| (0.1, 100.0 + 100.0 * (hours * 12.0).min(1.0));
    let judged = Run::of(limit, soak).measured(900, fills, BOUNDED).judged();
    assert_eq!(held(&judged), Some(true), "{judged:?}");
}

#[test]
fn a_pod_that_was_there_for_a_short_time_does_not_keep_growth_open() {
    let limit = json!([{"resource": "Memory", "maxGrowthPercentPerHour": 60}]);
    let mut run = Run::new(limit).measured(600, |_| (0.1, 100.0), BOUNDED);
    for second in (505..595).step_by(10) {
        run.look(second, vec![pod("checkout-2", second, 0.1, 50.0 + second as f64, BOUNDED)]);
    }
    let judged = run.judged();
    assert_eq!(held(&judged), Some(true), "{judged:?}");
    assert!(judged.result.observed.contains("1 more pods were not looked at"), "{judged:?}");
}

#[test]
fn ends_of_containers_are_counted_with_their_reasons() {
    let limit = json!([{"resource": "Memory", "maxRestarts": 0}]);
    let mut run = Run::new(limit).measured(600, |_| (0.1, 100.0), BOUNDED);
    assert_eq!(held(&run.judged()), Some(true));
    run.live(300, "checkout-1", Life::Ended { reason: "OOMKilled".into(), exit_code: 137, restarts: 1 });
    let judged = run.judged();
    assert_eq!(held(&judged), Some(false));
    assert_eq!(
        judged.sentence(),
        "containers ended by themselves 1 times, 1 of them for lack of memory, and may do so 0 times; the last one was in pod \
         checkout-1 300 s after the start of the load (OOMKilled, exit code 137)"
    );
    let told = told(&run.used());
    let [whole, one] = &told[..] else { panic!("{told:?}") };
    assert_eq!((whole.pods, whole.restarts, whole.oom_kills), (Some(1), 1, 1));
    assert_eq!((one.ends.len(), one.ends[0].reason.as_str(), one.ends[0].at.0), (1, "OOMKilled", at(300)));
    // Nobody knows what happened after pods could not be seen any more.
    let limit = json!([{"resource": "Memory", "maxRestarts": 0}]);
    let mut run = Run::new(limit).measured(600, |_| (0.1, 100.0), BOUNDED);
    let lost = What::Lost { source: Source::Pods, message: "forbidden".into() };
    run.recorded.note(Event::live(at(500), lost));
    let judged = run.judged();
    assert!(held(&judged).is_none() && judged.sentence().contains("from 500 s of the load on"), "{judged:?}");
}

#[test]
fn the_status_has_all_pods_together_and_then_the_largest_first() {
    let mut run = Run::new(json!([]));
    for second in (5..600).step_by(10) {
        let pods = vec![pod("small", second, 0.2, 50.0, BOUNDED), pod("large", second, 0.4, 256.0, BOUNDED)];
        run.look(second, pods);
    }
    let told = told(&run.used());
    let names: Vec<Option<&str>> = told.iter().map(|usage| usage.pod.as_deref()).collect();
    assert_eq!(names, [None, Some("large"), Some("small")]);
    let (whole, large) = (&told[0], &told[1]);
    assert_eq!((whole.pods, whole.samples), (Some(2), 60));
    assert_eq!(whole.cpu.as_ref().unwrap().max_of_request.as_deref(), Some("60%"));
    let memory = large.memory.as_ref().unwrap();
    assert_eq!((memory.mean.as_str(), memory.max.as_str()), ("256 MiB", "256 MiB"));
    assert_eq!(
        (memory.max_of_limit.as_deref(), memory.nearest_container.as_deref()),
        (Some("50%"), Some("main"))
    );
    assert_eq!(large.memory_growth_per_hour.as_ref().unwrap().estimate, "0%");
}
