// SPDX-License-Identifier: Apache-2.0
//! Messages about a test that was made of arguments, in the words of these arguments: who writes no spec should read of
//! none.

use crate::cli::arguments::QuickArguments;

/// How every field of a spec begins.
const ROOT: &str = "spec.";
/// Fields of the spec that `quick` makes, and the arguments that they come from. The first that fits counts.
const FIELDS: [(&str, &str); 18] = [
    ("spec.target", "URL"),
    ("spec.http.timeout", "--timeout"),
    ("spec.http.maxRedirects", "--redirects"),
    ("spec.http.proxy", "--proxy"),
    ("spec.http.version", "--http2"),
    ("spec.http.connections", "--disable-keepalive"),
    ("spec.scenarios[0].steps[0].request.method", "--method"),
    ("spec.scenarios[0].steps[0].request.headers", "--header"),
    ("spec.scenarios[0].steps[0].request.body", "--body"),
    ("spec.scenarios[0].steps[0].request.file", "--body-file"),
    ("spec.scenarios[0].steps[0].request", "URL"),
    ("spec.load.constant.duration", "--duration"),
    ("spec.load.arrivals.maxUsers", "--connections"),
    ("spec.load.executors[0].sharedIterations.vus", "--connections"),
    ("spec.load.executors[0].sharedIterations.iterations", "--requests"),
    ("spec.load.executors", "--requests"),
    ("spec.load", "--rate"),
    ("spec.thresholds", "--threshold"),
];
/// What is told of runners and their pods, and of settings that there is no argument for. The first that fits counts.
const PHRASES: [(&str, &str); 13] = [
    (
        "give the runners more CPU, raise spec.runner.parallelism, or allow for it",
        "give this machine more CPU or lower the load",
    ),
    (
        "give the runners more CPU, raise spec.runner.parallelism or lower the load",
        "give this machine more CPU or lower the load",
    ),
    ("runners were throttled", "this process was throttled"),
    (
        "raise spec.runner.resources.limits.cpu, which a LimitRange of the namespace may have set, or \
         spec.runner.parallelism",
        "raise the CPU limit of its cgroup",
    ),
    (" or spec.runner.parallelism", ""),
    (", raise spec.runner.parallelism", ""),
    ("(spec.runner.maxLag is ", "(the limit is "),
    ("after all of gracefulStop", "and some time after that"),
    (
        "a longer gracefulStop or a shorter timeout of the requests tells which",
        "a shorter --timeout tells which",
    ),
    (
        "a threshold on http_req_failed sets a limit of your own",
        "--threshold \"http_req_failed rate < 1%\" sets a limit of your own",
    ),
    (
        "a threshold on dropped_iterations sets a limit of your own",
        "--threshold \"dropped_iterations count < 10\" sets a limit of your own",
    ),
    ("; check the name of the Service and its namespace", "; check the name of the host"),
    ("planned iterations found no free user", "planned requests found no free user"),
];

/// A message in the words of the arguments.
pub(in crate::cli) fn in_arguments(text: &str, arguments: &QuickArguments) -> String {
    let text = PHRASES.iter().fold(text.to_owned(), |text, (phrase, instead)| text.replace(phrase, instead));
    let mut told = String::new();
    let mut rest = text.as_str();
    while let Some(at) = rest.find(ROOT) {
        let (before, field) = rest.split_at(at);
        let (field, after) = field.split_at(end_of(field));
        told += before;
        told += &argument(field, arguments);
        rest = after;
    }
    told + rest
}

/// Where the path of a field ends: before white space, and before a sign that ends a part of a sentence.
fn end_of(field: &str) -> usize {
    let end = field.find(|character: char| character.is_whitespace() || matches!(character, ',' | ';' | ')'));
    let path = field.get(..end.unwrap_or(field.len())).unwrap_or(field);
    path.trim_end_matches([':', '.']).len()
}

/// The argument that a field comes from.
fn argument(field: &str, arguments: &QuickArguments) -> String {
    if let Some(limit) = index(field).and_then(|index| arguments.thresholds.get(index)) {
        return format!("--threshold {limit:?}");
    }
    if field.starts_with("spec.load.constant.level") && arguments.rate.is_none() {
        return "--connections".into();
    }
    // Without --duration it follows from both.
    if field.starts_with("spec.load.constant.duration") && arguments.duration.is_none() {
        return "--requests and --rate".into();
    }
    let known = FIELDS.iter().find(|(start, _)| field.starts_with(start));
    match known {
        Some((start, "--header")) => {
            let name = field.strip_prefix(start).unwrap_or_default().trim_start_matches('.');
            format!("--header {name}")
        }
        Some((_, argument)) => (*argument).into(),
        None => field.into(),
    }
}

/// The number of a threshold.
fn index(field: &str) -> Option<usize> {
    field.strip_prefix("spec.thresholds[")?.split(']').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use clap::Parser;
    use rstest::rstest;
    use serde_json::json;
    use upsurge_core::{
        findings::NO_FINDINGS,
        metrics::{Metrics, SeriesKey, Sink, Tags, Trend, names},
        plan::Plan,
        protocol::GeneratorDelta,
        results::{Asked, figures, generator},
        verdict::{Evidence, judge},
    };
    use upsurge_crds::LoadTestSpec;

    use super::*;
    use crate::cli::arguments::{Arguments, Command};

    fn arguments(more: &[&str]) -> QuickArguments {
        let words = ["upsurge", "quick", "http://shop"].into_iter().chain(more.iter().copied());
        match Arguments::try_parse_from(words).unwrap().command {
            Command::Quick(arguments) => arguments,
            other => panic!("{other:?}"),
        }
    }

    #[rstest]
    #[case::url(&[], "spec.target.baseURL: \"ftp://x\" can't be used", "URL: \"ftp://x\" can't be used")]
    #[case::header(&[], "spec.scenarios[0].steps[0].request.headers.X-A: unknown variable", "--header X-A: unknown variable")]
    #[case::path(&[], "spec.scenarios[0].steps[0].request.url: unknown variable", "URL: unknown variable")]
    #[case::users(&["-d", "1s"], "spec.load.constant.level: is wrong", "--connections: is wrong")]
    #[case::rate(&["--rate", "1"], "spec.load.constant.level: is wrong", "--rate: is wrong")]
    #[case::time(&["--rate", "1"], "spec.load.constant.duration: is wrong", "--requests and --rate: is wrong")]
    #[case::limit(&["--threshold", "a b"], "spec.thresholds[0].metric: unknown", "--threshold \"a b\": unknown")]
    #[case::pool(&["-n", "9"], "spec.load.executors[0].sharedIterations.vus: is wrong", "--connections: is wrong")]
    #[case::busy(&["--rate", "1"], "raise spec.load.arrivals.maxUsers", "raise --connections")]
    #[case::sentence(&[], "(spec.http.proxy), or spec.http.timeout.", "(--proxy), or --timeout.")]
    fn fields_are_told_as_the_arguments_they_come_from(
        #[case] more: &[&str],
        #[case] text: &str,
        #[case] expected: &str,
    ) {
        assert_eq!(in_arguments(text, &arguments(more)), expected);
    }

    /// All that can be wrong with a generator, and all that a target can do.
    fn messages() -> Vec<String> {
        let load = json!({"unit": "IterationsPerSecond", "constant": {"level": 100, "duration": "10s"}});
        let target = serde_json::from_value::<LoadTestSpec>(json!({
            "target": {"baseURL": "http://shop"}, "load": load,
            "scenarios": [{"name": "quick", "steps": [{"request": {"url": "/"}}]}],
        }));
        let test = target.unwrap();
        let plan = Plan::compile(&test.load, &[]).unwrap();
        let (timeline, elapsed) = (plan.timeline, Duration::from_secs(10));
        let mut metrics = Metrics::default();
        let mut add = |metric: &str, tags: Tags, sink: Sink| {
            metrics.add(SeriesKey { metric: metric.into(), tags }, &sink);
        };
        let stage = || Tags { stage: Some(timeline.stages[0].name.clone()), ..Tags::default() };
        let mut lag = Trend::default();
        lag.record_many(Duration::from_secs(2), 900);
        add(names::SCHEDULE_LAG, stage(), Sink::Trend(lag));
        add(names::HTTP_REQS, stage(), Sink::Counter(900.0));
        add(names::STARTED_ITERATIONS, stage(), Sink::Counter(500.0));
        add(names::DROPPED_ITERATIONS, stage(), Sink::Counter(100.0));
        let usages = [
            GeneratorDelta::default(),
            GeneratorDelta { files_left: Some(0), ports_left: Some(0), ..GeneratorDelta::default() },
            GeneratorDelta {
                watched_seconds: 10.0,
                saturated_seconds: 9.0,
                busiest_core: 1.0,
                ..GeneratorDelta::default()
            },
            GeneratorDelta { periods: 100, throttled_periods: 90, ..GeneratorDelta::default() },
        ];
        let asked = Asked {
            timeline: &timeline,
            loads: &plan.loads,
            skip: None,
            runners: 1,
            max_lag: Duration::from_millis(100),
        };
        let of_generator = usages.map(|usage| generator(asked, &metrics, &usage, &[0], elapsed));
        let figures = figures(&metrics, &timeline, elapsed);
        let outcome = judge(&Evidence {
            test: &test,
            aborted: None,
            breakdown: None,
            doubts: &[],
            summary: Some(&figures.summary),
            unlimited: 3,
            thresholds: &[],
            autoscaling: None,
            findings: &NO_FINDINGS,
            checks: &[],
            limits: &[],
            generator: None,
        });
        let told =
            of_generator.into_iter().flat_map(|result| result.problems.into_iter().chain(result.warnings));
        told.chain([outcome.message]).collect()
    }

    #[test]
    fn no_message_speaks_of_a_spec_or_of_runners() {
        let (messages, arguments) = (messages(), arguments(&["--rate", "100", "-d", "10s"]));
        assert!(messages.iter().filter(|message| message.contains(ROOT)).count() >= 4, "{messages:#?}");
        for message in messages {
            let told = in_arguments(&message, &arguments);
            for word in [ROOT, "runner", "gracefulStop", "a threshold on"] {
                assert!(!told.contains(word), "{word} in {told:?}, from {message:?}");
            }
        }
    }
}
