// SPDX-License-Identifier: Apache-2.0
use jiff::SignedDuration;
use proptest::prelude::*;
use rstest::rstest;

use super::{series::MOST_POINTS, *};
use crate::{
    growth::{Finding, simulation::day},
    observation::{Amount, ContainerUsage},
};

const MEBIBYTE: f64 = (1 << 20) as f64;

fn at(seconds: f64) -> Timestamp {
    let start = Timestamp::from_second(1_900_000_000).unwrap();
    start.saturating_add(SignedDuration::from_secs_f64(seconds)).unwrap()
}

fn amount(used: f64, request: Option<f64>, limit: Option<f64>) -> Amount {
    Amount { used, request, limit }
}

/// A pod with one container that may use one core and 256 MiB, half of which it asks for.
fn pod(name: &str, seconds: f64, cores: f64, bytes: f64) -> PodUsage {
    let container = ContainerUsage {
        name: "main".into(),
        cpu: amount(cores, Some(0.5), Some(1.0)),
        memory: amount(bytes, Some(128.0 * MEBIBYTE), Some(256.0 * MEBIBYTE)),
    };
    PodUsage { pod: name.into(), at: at(seconds), window: 10.0, containers: vec![container], is_seen: true }
}

fn look(usage: &mut Usage, seconds: f64, pods: Vec<PodUsage>) {
    usage.see(&Event::live(at(seconds + 3.0), What::Usage { pods, omitted: 0 }));
}

fn live(usage: &mut Usage, seconds: f64, name: &str, life: Life) {
    let what = What::Pod { pod: name.into(), life };
    usage.see(&Event::live(at(seconds), what).stamped(at(seconds)));
}

fn ended(reason: &str, restarts: u32) -> Life {
    Life::Ended { reason: reason.into(), exit_code: 137, restarts }
}

fn begun() -> Usage {
    let mut usage = Usage::default();
    usage.begin(at(0.0));
    usage
}

#[test]
fn only_what_is_measured_under_the_load_counts_and_each_sample_once() {
    let mut usage = Usage::default();
    look(&mut usage, -10.0, vec![pod("a", -10.0, 9.0, MEBIBYTE)]);
    usage.begin(at(0.0));
    look(&mut usage, 2.0, vec![pod("a", -1.0, 9.0, MEBIBYTE)]);
    look(&mut usage, 10.0, vec![pod("a", 10.0, 0.2, 100.0 * MEBIBYTE)]);
    // The metrics API tells the same until it has measured again.
    look(&mut usage, 20.0, vec![pod("a", 10.0, 0.2, 100.0 * MEBIBYTE)]);
    look(&mut usage, 30.0, vec![pod("a", 30.0, 0.6, 140.0 * MEBIBYTE)]);
    usage.end(at(40.0));
    look(&mut usage, 50.0, vec![pod("a", 50.0, 9.0, MEBIBYTE)]);
    let (name, found) = usage.pods().next().unwrap();
    assert_eq!((name, found.track.samples()), ("a", 2));
    let (cpu, memory) = (found.track.cpu().unwrap(), found.track.memory().unwrap());
    assert!((cpu.mean - 0.4).abs() < 1e-9 && cpu.most == 0.6, "{cpu:?}");
    assert_eq!((memory.mean, memory.most), (120.0 * MEBIBYTE, 140.0 * MEBIBYTE));
    let Shares { cpu_request, cpu_limit, memory_limit, .. } = &found.track.shares;
    assert_eq!((cpu_request.most, cpu_request.mean()), (120.0, Some(80.0)));
    assert_eq!((cpu_limit.most, cpu_limit.container.as_deref()), (60.0, Some("main")));
    assert_eq!(memory_limit.most, 100.0 * 140.0 / 256.0);
}

#[test]
fn a_limit_is_each_containers_own_and_a_request_the_pods() {
    let mut usage = begun();
    let mut two = pod("a", 10.0, 0.9, MEBIBYTE);
    two.containers.push(ContainerUsage {
        name: "mesh".into(),
        cpu: amount(0.1, Some(0.5), None),
        memory: amount(2.0 * MEBIBYTE, None, Some(2.0 * MEBIBYTE)),
    });
    look(&mut usage, 10.0, vec![two]);
    let shares = &usage.pods().next().unwrap().1.track.shares;
    assert_eq!((shares.cpu_request.most, shares.cpu_request.unbounded), (100.0, 0));
    assert_eq!((shares.cpu_limit.most, shares.cpu_limit.unbounded), (90.0, 1), "one has none");
    assert_eq!((shares.memory_limit.most, shares.memory_limit.container.as_deref()), (100.0, Some("mesh")));
    assert_eq!((shares.memory_request.known, shares.memory_request.unbounded), (0, 1));
    let mut unseen = pod("b", 20.0, 0.9, MEBIBYTE);
    unseen.is_seen = false;
    look(&mut usage, 20.0, vec![unseen]);
    let shares = &usage.pods().find(|(name, _)| *name == "b").unwrap().1.track.shares;
    assert_eq!((shares.cpu_limit.known, shares.cpu_limit.unbounded, shares.cpu_limit.unseen), (0, 0, 1));
}

#[test]
fn all_pods_together_are_summed_look_by_look() {
    let mut usage = begun();
    look(&mut usage, 10.0, vec![pod("a", 10.0, 0.2, MEBIBYTE), pod("b", 8.0, 0.4, 2.0 * MEBIBYTE)]);
    look(&mut usage, 20.0, vec![pod("a", 20.0, 1.0, MEBIBYTE), pod("b", 18.0, 1.0, 2.0 * MEBIBYTE)]);
    let whole = usage.whole();
    let cpu = whole.cpu().unwrap();
    assert!((cpu.mean - 1.3).abs() < 1e-9 && cpu.most == 2.0, "{cpu:?}");
    assert_eq!((whole.shares.cpu_request.most, whole.shares.cpu_limit.most), (200.0, 100.0));
    assert_eq!(whole.memory().unwrap().most, 3.0 * MEBIBYTE);
}

#[test]
fn ends_that_nobody_asked_for_are_restarts() {
    let mut usage = Usage::default();
    live(&mut usage, -50.0, "a", ended("OOMKilled", 1));
    usage.begin(at(0.0));
    look(&mut usage, 5.0, vec![pod("a", 5.0, 0.1, MEBIBYTE), pod("b", 5.0, 0.1, MEBIBYTE)]);
    // It was found in the status of the pod, as it had ended before the load.
    live(&mut usage, -20.0, "a", ended("Error", 2));
    live(&mut usage, 30.0, "a", ended("OOMKilled", 2));
    live(&mut usage, 60.0, "a", ended("Error", 3));
    live(&mut usage, 70.0, "b", Life::Terminating);
    live(&mut usage, 71.0, "b", ended("Completed", 0));
    assert_eq!((usage.restarts(), usage.oom_kills()), (2, 1));
    let ends = &usage.pods().next().unwrap().1.ends;
    assert_eq!((ends.len(), ends[0].at, ends[0].reason.as_str()), (2, at(30.0), "OOMKilled"));
    // Between two looks it ended several times: only Kubernetes' count tells.
    live(&mut usage, 80.0, "a", ended("Error", 7));
    assert_eq!(usage.restarts(), 5);
}

#[test]
fn of_several_ends_in_a_gap_the_count_of_kubernetes_tells() {
    let found = |usage: &mut Usage, seen: f64, stamped: f64, life: Life| {
        let what = What::Pod { pod: "a".into(), life };
        usage.see(&Event::found(at(seen), what).stamped(at(stamped)));
    };
    // It never ended before.
    let mut usage = begun();
    live(&mut usage, -60.0, "a", Life::Created);
    live(&mut usage, 90.0, "a", ended("OOMKilled", 2));
    assert_eq!(usage.restarts(), 2);
    // It had ended five times, and was running when somebody looked first.
    let mut usage = begun();
    found(&mut usage, -10.0, -900.0, Life::Created);
    found(&mut usage, -10.0, -500.0, ended("OOMKilled", 5));
    found(&mut usage, -10.0, -490.0, Life::Started);
    live(&mut usage, 90.0, "a", ended("OOMKilled", 7));
    assert_eq!(usage.restarts(), 2);
    // It was seen to end for the fifth time before Kubernetes had started and counted it again.
    let mut usage = begun();
    live(&mut usage, -900.0, "a", Life::Created);
    live(&mut usage, -20.0, "a", ended("OOMKilled", 4));
    live(&mut usage, -10.0, "a", Life::Started);
    live(&mut usage, 90.0, "a", ended("OOMKilled", 6));
    assert_eq!(usage.restarts(), 1);
}

#[test]
fn an_end_that_is_told_again_is_the_same() {
    let mut usage = begun();
    look(&mut usage, 5.0, (0..41).map(|n| pod(&format!("pod-{n:02}"), 5.0, 0.1, MEBIBYTE)).collect());
    // One with a track of its own, and one without.
    for name in ["pod-00", "pod-40"] {
        live(&mut usage, 30.0, name, ended("OOMKilled", 1));
        live(&mut usage, 30.0, name, ended("OOMKilled", 1));
        live(&mut usage, 30.0, name, ended("Error", 1));
        live(&mut usage, 60.0, name, ended("OOMKilled", 3));
    }
    assert_eq!((usage.restarts(), usage.oom_kills()), (6, 4));
}

#[rstest]
#[case::each_time(&[10.0, 70.0, 130.0, 190.0], true)]
#[case::once_too_late(&[10.0, 70.0, 161.0, 190.0], false)]
#[case::not_at_last(&[10.0, 70.0], false)]
#[case::first_after_two_minutes(&[120.0, 190.0], true)]
#[case::first_much_later(&[160.0, 190.0], false)]
#[case::never(&[], false)]
fn a_ready_pod_is_measured_or_nobody_knows(#[case] looks: &[f64], #[case] known: bool) {
    // With a track of its own, and without as there is no room for it.
    for crowd in [0, MOST_PODS] {
        let mut usage = Usage::default();
        (0..crowd).for_each(|n| live(&mut usage, -99.0, &format!("pod-{n}"), Life::Created));
        live(&mut usage, -900.0, "z", Life::Ready);
        usage.begin(at(0.0));
        looks.iter().for_each(|second| look(&mut usage, *second, vec![pod("z", *second, 0.1, MEBIBYTE)]));
        assert_eq!(usage.unmeasured(at(200.0)).is_empty(), known, "{crowd} pods before it");
        live(&mut usage, 200.0, "z", Life::Gone);
        let written = serde_json::to_value(&usage).unwrap();
        let read: Usage = serde_json::from_value(written).unwrap();
        assert_eq!(read.unmeasured(at(900.0)).is_empty(), known, "and so it stays");
    }
}

#[test]
fn who_gets_a_track_later_takes_along_how_far_it_was_measured() {
    let mut usage = begun();
    (0..MOST_PODS).for_each(|n| live(&mut usage, 0.0, &format!("pod-{n}"), Life::Created));
    live(&mut usage, 0.0, "z", Life::Ready);
    live(&mut usage, 50.0, "pod-0", Life::Gone);
    for second in (60..600).step_by(60) {
        let second = f64::from(second);
        look(&mut usage, second, vec![pod("z", second, 0.1, MEBIBYTE)]);
    }
    assert!(usage.pods().any(|(name, _)| name == "z"));
    assert!(usage.unmeasured(at(600.0)).is_empty());
    assert_eq!(usage.unmeasured(at(700.0)), ["z"]);
}

#[test]
fn times_without_an_answer_are_gaps() {
    let mut usage = begun();
    let lost = |usage: &mut Usage, seconds: f64, message: &str| {
        usage.see(&Event::live(at(seconds), What::Lost { source: Source::Usage, message: message.into() }));
    };
    let listed = |usage: &mut Usage, seconds: f64| {
        usage.see(&Event::live(at(seconds), What::Listed { source: Source::Usage }));
    };
    lost(&mut usage, -30.0, "before the load");
    listed(&mut usage, -10.0);
    lost(&mut usage, 20.0, "no metrics API");
    lost(&mut usage, 25.0, "forbidden");
    listed(&mut usage, 40.0);
    let gaps: Vec<&Gap> = usage.gaps().collect();
    assert_eq!(gaps, [&Gap { from: at(20.0), to: Some(at(40.0)), message: "forbidden".into() }]);
    // Of what was told again and again that is known only after a while.
    let mut frozen = begun();
    let stale = What::Lost { source: Source::Usage, message: "nothing new".into() };
    frozen.see(&Event::live(at(150.0), stale).stamped(at(55.0)));
    assert_eq!(frozen.gaps().map(|gap| gap.from).collect::<Vec<_>>(), [at(55.0)]);
    for n in 0..50 {
        lost(&mut usage, 50.0 + f64::from(n) * 10.0, "again");
        listed(&mut usage, 55.0 + f64::from(n) * 10.0);
    }
    assert_eq!(usage.gaps.len(), MOST_GAPS);
    assert_eq!(usage.gaps.last().unwrap().to, Some(at(545.0)), "joined with the last, and nothing is lost");
}

#[test]
fn there_is_room_for_so_many_pods_and_the_others_are_counted() {
    let mut usage = begun();
    let names: Vec<String> = (0..60).map(|n| format!("pod-{n:02}")).collect();
    let all = |seconds: f64| names.iter().map(|name| pod(name, seconds, 0.5, MEBIBYTE)).collect::<Vec<_>>();
    look(&mut usage, 10.0, all(10.0));
    assert_eq!((usage.pods().count(), usage.omitted()), (MOST_PODS, 20));
    live(&mut usage, 11.0, "pod-59", ended("OOMKilled", 1));
    assert_eq!((usage.restarts(), usage.oom_kills(), usage.others().cpu_limit.most), (1, 1, 50.0));
    assert_eq!(usage.whole().cpu().unwrap().most, 30.0, "the sum is of all of them");
    // One that is gone makes room, and is counted from then on.
    live(&mut usage, 12.0, "pod-07", Life::Gone);
    look(&mut usage, 20.0, vec![pod("new", 20.0, 0.5, MEBIBYTE)]);
    assert!(usage.pods().any(|(name, _)| name == "new") && !usage.pods().any(|(name, _)| name == "pod-07"));
    assert_eq!((usage.pods().count(), usage.omitted()), (MOST_PODS, 21));
}

#[test]
fn however_long_it_lasts_it_stays_small_and_can_be_written_down() {
    let mut usage = begun();
    for second in 0..20_000_u32 {
        let seconds = f64::from(second) * 10.0;
        look(&mut usage, seconds, vec![pod("a", seconds, 0.25, 1e8 + f64::from(second))]);
    }
    let (_, found) = usage.pods().next().unwrap();
    let points = found.track.points().count();
    assert!((MOST_POINTS / 2..=MOST_POINTS).contains(&points), "{points}");
    assert_eq!(found.track.samples(), 20_000);
    assert!((found.track.memory().unwrap().mean - 1e8 - 9_999.5).abs() < 1.0);
    let written = serde_json::to_string(&usage).unwrap();
    assert!(written.len() < 40_000, "{} bytes", written.len());
    let read: Usage = serde_json::from_str(&written).unwrap();
    let near = |one: &Point, other: &Point| {
        (one.seconds() - other.seconds()).abs() < 1e-3 && (one.memory - other.memory).abs() <= 0.5
    };
    let (_, again) = read.pods().next().unwrap();
    assert!(found.track.points().zip(again.track.points()).all(|(one, other)| near(one, other)));
    let once_more: Usage = serde_json::from_str(&serde_json::to_string(&read).unwrap()).unwrap();
    assert_eq!(read, once_more);
}

#[rstest]
#[case::leaks(20.0, true)]
#[case::steady(0.0, false)]
fn three_minutes_tell_a_leak_of_twenty_mebibytes_per_minute(#[case] per_minute: f64, #[case] leaks: bool) {
    let mut usage = begun();
    live(&mut usage, -3_600.0, "a", Life::Started);
    let mut random = fastrand::Rng::with_seed(11);
    for n in 0..18 {
        let seconds = f64::from(n) * 10.0 + 4.0;
        let noise = crate::statistics::tests::normal(&mut random) * 0.2;
        look(
            &mut usage,
            seconds,
            vec![pod("a", seconds, 0.1, (30.0 + noise + per_minute * seconds / 60.0) * MEBIBYTE)],
        );
    }
    let found = usage.growth("a", at(0.0), at(180.0), 100.0).unwrap();
    let slope = found.percent_per_hour.unwrap().estimate / 100.0 * found.level / MEBIBYTE / 60.0;
    assert!((slope - per_minute).abs() < 4.0, "{slope} MiB/min");
    assert_eq!(found.finding, if leaks { Finding::Above } else { Finding::Below });
    assert!(usage.growth("b", at(0.0), at(180.0), 100.0).is_none());
}

#[test]
fn what_a_pod_takes_up_after_its_start_is_no_growth() {
    let mut usage = begun();
    // Started a minute before the load; for the next ten minutes it fills a cache.
    live(&mut usage, -60.0, "a", Life::Started);
    for n in 0..720 {
        let seconds = f64::from(n) * 10.0;
        let cache = 1.0 - (-seconds / 120.0).exp();
        let noise = 0.02 * (f64::from(n) * 2.4).sin();
        look(&mut usage, seconds, vec![pod("a", seconds, 0.1, (100.0 + 100.0 * cache + noise) * MEBIBYTE)]);
    }
    let found = usage.growth("a", at(0.0), at(7_200.0), 5.0).unwrap();
    assert_eq!(found.finding, Finding::Below, "{found:?}");
}

/// Days as in the simulation of growth, but by way of the fold, which thins them.
fn findings(days: u32, growing: f64, limit: f64, seed: u64) -> [u32; 3] {
    let mut random = fastrand::Rng::with_seed(seed);
    let mut counts = [0; 3];
    for _ in 0..days {
        let (samples, restart) = day(growing, &mut random);
        let mut usage = begun();
        let mut is_restarted = false;
        for sample in samples {
            let seconds = sample.hours * 3_600.0;
            if sample.hours >= restart && !std::mem::replace(&mut is_restarted, true) {
                live(&mut usage, restart * 3_600.0, "a", Life::Started);
            }
            look(&mut usage, seconds, vec![pod("a", seconds, 0.1, sample.value)]);
        }
        let found = usage.growth("a", at(0.0), at(86_400.0), limit).unwrap();
        counts[match found.finding {
            Finding::Above => 0,
            Finding::Below => 1,
            Finding::Undecided { .. } => 2,
        }] += 1;
    }
    counts
}

#[test]
fn thinned_days_tell_leaks_from_steady_pods_as_well() {
    let (days, limit) = (100, 5.0);
    let [none, twice] = [findings(days, 0.0, limit, 1), findings(days, 2.0 * limit, limit, 2)];
    println!("[above, below, undecided] without a leak {none:?}, with twice the limit {twice:?}");
    assert!(none[0] * 20 <= days, "false alarms: {none:?}");
    assert!(twice[0] * 20 >= days * 19, "leaks that were found: {twice:?}");
}

/// The same with a thousand days.
#[test]
#[ignore = "takes longer than a unit test may; the same with 100 days is one"]
fn of_a_thousand_thinned_days_leaks_are_found_and_steady_pods_left_alone() {
    for limit in [5.0, 1.0] {
        let (none, twice) = (findings(1_000, 0.0, limit, 1), findings(1_000, 2.0 * limit, limit, 2));
        println!("limit {limit} %/h, [above, below, undecided]: none {none:?}, twice {twice:?}");
        assert!(none[0] <= 50 && twice[0] >= 950, "{none:?}, {twice:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]
    /// Whatever is thinned, mean, highest value and slope are those of all samples.
    #[test]
    fn thinning_changes_neither_mean_nor_maximum_nor_slope(
        count in 20..900_usize,
        percent in -20.0..60.0_f64,
        starts in prop::collection::btree_set(1..900_u32, 0..3),
    ) {
        let mut usage = begun();
        let (mut sum, mut most) = (0.0, 0.0_f64);
        let bytes = |seconds: f64| 1e9 * (1.0 + percent / 100.0 * seconds / 3_600.0);
        for n in 0..count {
            let seconds = n as f64 * 10.0;
            if starts.contains(&(n as u32)) {
                live(&mut usage, seconds - 1.0, "a", Life::Started);
            }
            let memory = bytes(seconds);
            (sum, most) = (sum + memory, most.max(memory));
            look(&mut usage, seconds, vec![pod("a", seconds, 0.1, memory)]);
        }
        let track = &usage.pods().next().unwrap().1.track;
        let memory = track.memory().unwrap();
        prop_assert!((memory.mean - sum / count as f64).abs() < 1.0 && memory.most == most);
        if starts.is_empty() {
            let end = count as f64 * 10.0;
            let found = usage.growth("a", at(0.0), at(end), 5.0).unwrap();
            // In bytes: the level at first is that of the first point, which is a little later than the first sample.
            let slope = found.percent_per_hour.unwrap().estimate * found.level / 1e9;
            prop_assert!((slope - percent).abs() < 1e-3 * percent.abs().max(1.0), "{slope}, {found:?}");
        }
    }
}
