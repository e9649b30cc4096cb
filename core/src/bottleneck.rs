// SPDX-License-Identifier: Apache-2.0
//! What was scarce, named from what was seen and nothing else.
//!
//! The first that holds is named: what spoils all other figures first, then what is told most plainly. Throttling, the
//! database and the network are seen by nobody but a Prometheus check that says what it tells of, and a series of Prometheus is named only
//! if the target was under more than it could serve: a pool that is full is well used otherwise.

use upsurge_crds::v1alpha1::{
    Bottleneck, BottleneckResult, CheckTells, GeneratorResult, PrometheusCheckResult, PrometheusSpec,
};
use upsurge_figures::usage::{FULL, Share, Usage};

use crate::{
    checks::number,
    format::{decimal, percent},
    series::{Full, SeriesAnswer, values},
};

/// Share of requests that fail, from which on errors are named.
const MANY_ERRORS: f64 = 0.05;
/// So many measurements at the limit are no chance.
const OFTEN: u32 = 2;

/// All that is looked at.
#[derive(Clone, Copy, Debug)]
pub struct Seen<'a> {
    /// How the generator fared.
    pub generator: &'a GeneratorResult,
    /// CPU and memory of the target's pods, of each workload that was watched.
    pub usage: &'a [&'a Usage],
    /// What Prometheus was asked.
    pub prometheus: Option<&'a PrometheusSpec>,
    /// What it answered to checks.
    pub checks: &'a [PrometheusCheckResult],
    /// What it answered to series, in their order.
    pub series: &'a [SeriesAnswer],
    /// Whether the target was under more than it could serve.
    pub is_strained: bool,
    /// Requests that failed, and all of them.
    pub failed: (u64, u64),
}

/// What was scarce.
pub fn bottleneck(seen: &Seen<'_>) -> BottleneckResult {
    let found = generator(seen)
        .or_else(|| killed(seen))
        .or_else(|| checked(seen))
        .or_else(|| saturated(seen))
        .or_else(|| full(seen, Bottleneck::CPU))
        .or_else(|| full(seen, Bottleneck::Memory))
        .or_else(|| errors(seen));
    let (name, evidence) = found.unwrap_or_else(|| (Bottleneck::None, nothing(seen)));
    BottleneckResult { name, evidence }
}

/// What the message of a run says of it; nothing if nothing was scarce.
pub fn sentence(result: &BottleneckResult) -> Option<String> {
    let BottleneckResult { name, evidence } = result;
    match name {
        Bottleneck::None => None,
        // Its evidence begins with the name of the series.
        Bottleneck::Series => Some(format!("bottleneck: {evidence}")),
        name => Some(format!("bottleneck: {name:?} ({evidence})")),
    }
}

type Found = Option<(Bottleneck, String)>;

fn generator(seen: &Seen<'_>) -> Found {
    let problem = seen.generator.problems.first().filter(|_| !seen.generator.healthy)?;
    Some((Bottleneck::Generator, problem.clone()))
}

fn killed(seen: &Seen<'_>) -> Found {
    let kills: u32 = seen.usage.iter().map(|usage| usage.oom_kills()).sum();
    let times = if kills == 1 { "once".into() } else { format!("{kills} times") };
    (kills > 0).then(|| {
        (
            Bottleneck::Memory,
            format!("containers of the target were killed for lack of memory (OOMKilled) {times}"),
        )
    })
}

/// A check that did not hold and says what it tells of.
fn checked(seen: &Seen<'_>) -> Found {
    let asked = seen.prometheus.iter().flat_map(|prometheus| &prometheus.checks);
    let told = asked.filter_map(|check| Some((check, check.tells?)));
    let mut missed = told.filter_map(|(check, tells)| {
        let answer = seen.checks.iter().find(|answer| answer.name == check.name && !answer.passed)?;
        let observed = answer.observed.as_ref()?;
        Some((name_of(tells), format!("check {:?} {}: observed {observed}", check.name, check.condition)))
    });
    missed.next()
}

/// The series that stayed at its limit for the largest share of the load.
fn saturated(seen: &Seen<'_>) -> Found {
    if !seen.is_strained {
        return None;
    }
    let asked = seen.prometheus.iter().flat_map(|prometheus| &prometheus.series).zip(seen.series);
    let full = asked.filter_map(|(series, answer)| {
        let limit = series.saturated_at?.as_f64();
        Some((series, limit, Full::of(limit, values(answer))?))
    });
    let (series, limit, full) =
        full.max_by(|(.., one), (.., other)| one.share().total_cmp(&other.share()))?;
    let unit = series.unit.as_ref().map_or_else(String::new, |unit| format!(" {unit}"));
    Some((
        Bottleneck::Series,
        format!(
            "{} (up to {}{unit}; {} or more in {} of {} values)",
            series.name,
            number(full.most),
            number(limit),
            full.full,
            full.known
        ),
    ))
}

fn full(seen: &Seen<'_>, name: Bottleneck) -> Found {
    let (pod, share) = nearest(seen.usage, name)?;
    if share.full < OFTEN {
        return None;
    }
    let container = share.container.as_ref().map_or_else(String::new, |name| format!(" of container {name}"));
    let resource = format!("{name:?}");
    Some((
        name,
        format!(
            "{pod} used up to {}% of the {resource} limit{container}, and at least {FULL}% of it in {} of {} measurements",
            decimal(share.most, 0),
            share.full,
            share.known
        ),
    ))
}

fn errors(seen: &Seen<'_>) -> Found {
    let (failed, all) = seen.failed;
    let share = failed as f64 / all.max(1) as f64;
    (share >= MANY_ERRORS)
        .then(|| (Bottleneck::Errors, format!("{failed} of {all} requests failed ({})", percent(share))))
}

/// What was looked at, and what was not.
fn nothing(seen: &Seen<'_>) -> String {
    let of = |name: Bottleneck| match nearest(seen.usage, name) {
        Some((_, share)) => format!("{name:?} at most {}% of the limit", decimal(share.most, 0)),
        None => format!("{name:?} not known as a share of the limit"),
    };
    let (failed, all) = seen.failed;
    let tells: Vec<CheckTells> = seen
        .prometheus
        .iter()
        .flat_map(|prometheus| &prometheus.checks)
        .filter_map(|check| check.tells)
        .collect();
    let unseen: Vec<&str> = [
        (CheckTells::CPUThrottling, "throttling"),
        (CheckTells::Database, "the database"),
        (CheckTells::Network, "the network"),
    ]
    .into_iter()
    .filter(|(one, _)| !tells.contains(one))
    .map(|(_, word)| word)
    .collect();
    let mut text =
        format!("{}, {}, {failed} of {all} requests failed", of(Bottleneck::CPU), of(Bottleneck::Memory));
    if !unseen.is_empty() {
        text += &format!("; not looked at: {}", unseen.join(", "));
    }
    text
}

/// The pod that came nearest to a limit.
fn nearest<'a>(usages: &[&'a Usage], name: Bottleneck) -> Option<(String, &'a Share)> {
    let pods = usages.iter().flat_map(|usage| {
        let others = (usage.omitted() > 0).then(|| ("one of the other pods".to_owned(), usage.others()));
        usage.pods().map(|(name, pod)| (format!("pod {name}"), &pod.track.shares)).chain(others)
    });
    let shares = pods.map(|(pod, shares)| {
        (pod, if name == Bottleneck::CPU { &shares.cpu_limit } else { &shares.memory_limit })
    });
    shares
        .filter(|(_, share)| share.known > 0)
        .max_by(|(_, one), (_, other)| one.full.cmp(&other.full).then(one.most.total_cmp(&other.most)))
}

const fn name_of(tells: CheckTells) -> Bottleneck {
    match tells {
        CheckTells::CPUThrottling => Bottleneck::CPUThrottling,
        CheckTells::Database => Bottleneck::Database,
        CheckTells::Network => Bottleneck::Network,
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;
    use upsurge_figures::{
        elasticity::Demand,
        observation::{Amount, Event, Life, What},
        workload::Workload,
    };

    use super::*;
    use crate::{
        series::Course,
        usage::fixtures::{at, measure},
    };

    /// A pod that uses so much of a core and of a mebibyte, ten times.
    fn used(cpu: f64, memory: f64) -> Workload {
        let mut workload = Workload::new(Demand::None);
        workload.begin(at(0), []);
        let amount = |used: f64, most: f64| Amount { used: used * most, request: None, limit: Some(most) };
        measure(&mut workload, 110, amount(cpu, 1.0), amount(memory, f64::from(1 << 20)));
        workload
    }

    fn prometheus() -> PrometheusSpec {
        serde_json::from_value(json!({"server": "main", "checks": [
            {"name": "queries", "query": "q", "condition": "< 0.1", "tells": "Database"},
            {"name": "other", "query": "q", "condition": "< 0.1"}
        ], "series": [
            {"name": "threads", "query": "q", "saturatedAt": 50},
            {"name": "database connections", "query": "q", "unit": "open", "saturatedAt": "9.5"},
            {"name": "shown", "query": "q"}
        ]}))
        .unwrap()
    }

    fn answer(name: &str, passed: bool) -> PrometheusCheckResult {
        PrometheusCheckResult {
            name: name.into(),
            condition: "< 0.1".into(),
            observed: Some("0.4".into()),
            passed,
            message: None,
        }
    }

    fn healthy(healthy: bool) -> GeneratorResult {
        GeneratorResult { healthy, problems: vec!["a core was full".into()], ..Default::default() }
    }

    #[rstest]
    #[case::nothing(0.4, 0.6, (0, 1_000), "None", "CPU at most 40% of the limit, Memory at most 60% of the limit, 0 of 1000")]
    #[case::cpu(0.97, 0.6, (500, 1_000), "CPU", "pod checkout-1 used up to 97% of the CPU limit of container main")]
    #[case::memory(0.4, 0.96, (0, 1_000), "Memory", "95% of it in 10 of 10 measurements")]
    #[case::errors(0.4, 0.6, (120, 1_000), "Errors", "120 of 1000 requests failed (12%)")]
    #[case::few_errors(0.4, 0.6, (49, 1_000), "None", "49 of 1000 requests failed")]
    fn what_was_scarce_is_named_by_what_was_seen(
        #[case] cpu: f64,
        #[case] memory: f64,
        #[case] failed: (u64, u64),
        #[case] name: &str,
        #[case] evidence: &str,
    ) {
        let workload = used(cpu, memory);
        let (generator, usage) = (healthy(true), [workload.usage()]);
        let seen = Seen {
            generator: &generator,
            usage: &usage,
            prometheus: None,
            checks: &[],
            series: &[],
            is_strained: true,
            failed,
        };
        let found = bottleneck(&seen);
        assert_eq!(format!("{:?}", found.name), name);
        assert!(found.evidence.contains(evidence), "{}", found.evidence);
        assert_eq!(sentence(&found).is_some(), name != "None");
    }

    #[test]
    fn a_check_names_what_it_tells_of_and_a_kill_or_the_generator_comes_first() {
        let mut workload = used(0.97, 0.6);
        let prometheus = prometheus();
        let name = |workload: &Workload, is_healthy: bool, checks: &[PrometheusCheckResult]| {
            let generator = healthy(is_healthy);
            let usage = &[workload.usage()];
            let prometheus = Some(&prometheus);
            bottleneck(&Seen {
                generator: &generator,
                usage,
                prometheus,
                checks,
                series: &[],
                is_strained: true,
                failed: (0, 9),
            })
            .name
        };
        assert_eq!(
            name(&workload, true, &[answer("queries", true), answer("other", false)]),
            Bottleneck::CPU
        );
        assert_eq!(name(&workload, true, &[answer("queries", false)]), Bottleneck::Database);
        let killed = Life::Ended { reason: "OOMKilled".into(), exit_code: 137, restarts: 1 };
        let what = What::Pod { pod: "checkout-1".into(), life: killed };
        workload.note(Event::live(at(60), what).stamped(at(60)));
        assert_eq!(name(&workload, true, &[answer("queries", false)]), Bottleneck::Memory);
        assert_eq!(name(&workload, false, &[answer("queries", false)]), Bottleneck::Generator);
    }

    #[rstest]
    #[case("CPUThrottling", Bottleneck::CPUThrottling)]
    #[case("Database", Bottleneck::Database)]
    #[case("Network", Bottleneck::Network)]
    fn each_thing_that_a_check_tells_of_is_named_by_it(#[case] tells: &str, #[case] expected: Bottleneck) {
        let checks = json!([{"name": "queries", "query": "q", "condition": "< 0.1", "tells": tells}]);
        let prometheus: PrometheusSpec =
            serde_json::from_value(json!({"server": "main", "checks": checks})).unwrap();
        let (generator, answers) = (healthy(true), [answer("queries", false)]);
        let found = bottleneck(&Seen {
            generator: &generator,
            usage: &[],
            prometheus: Some(&prometheus),
            checks: &answers,
            series: &[],
            is_strained: false,
            failed: (0, 9),
        });
        assert_eq!(found.name, expected, "{}", found.evidence);
    }

    #[test]
    fn a_series_that_stayed_at_its_limit_is_named_if_the_target_was_strained() {
        let (workload, prometheus, generator) = (used(0.97, 0.6), prometheus(), healthy(true));
        let course =
            |values: [f64; 4]| SeriesAnswer::Course(Course::of([0, 3], 1, (0..4).map(f64::from).zip(values)));
        let full = [course([49.0, 50.0, 51.0, 20.0]), course([9.5, 9.8, 9.8, 3.0]), course([1e9; 4])];
        let found = |series: &[SeriesAnswer], is_strained: bool| {
            bottleneck(&Seen {
                generator: &generator,
                usage: &[workload.usage()],
                prometheus: Some(&prometheus),
                checks: &[],
                series,
                is_strained,
                failed: (0, 9),
            })
        };
        let named = found(&full, true);
        let told = "database connections (up to 9.8 open; 9.5 or more in 3 of 4 values)";
        assert_eq!((named.name, named.evidence.as_str()), (Bottleneck::Series, told));
        assert_eq!(sentence(&named), Some(format!("bottleneck: {told}")));
        assert_eq!(found(&full, false).name, Bottleneck::CPU, "nothing was missed: it is only well used");
        let touched = [course([50.0, 1.0, 50.0, 1.0]), SeriesAnswer::Problem("nobody is there".into())];
        assert_eq!(found(&touched, true).name, Bottleneck::CPU);
    }

    #[test]
    fn what_was_not_looked_at_is_said() {
        let generator = healthy(true);
        let seen = Seen {
            generator: &generator,
            usage: &[],
            prometheus: None,
            checks: &[],
            series: &[],
            is_strained: false,
            failed: (0, 0),
        };
        let evidence = bottleneck(&seen).evidence;
        assert!(evidence.contains("CPU not known as a share of the limit"), "{evidence}");
        assert!(evidence.ends_with("not looked at: throttling, the database, the network"), "{evidence}");
    }
}
