// SPDX-License-Identifier: Apache-2.0
//! `upsurge validate` as its users have it: the real binary, on files and directories.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests say what they expect")]

#[path = "processes/processes.rs"]
mod processes;

use std::{
    fs,
    path::{Path, PathBuf},
};

use processes::{Ended, Upsurge, scratch};
use rstest::rstest;

fn manifest(name: &str) -> String {
    format!(
        "apiVersion: upsurge.dev/v1alpha1\nkind: LoadTest\nmetadata: {{name: {name}}}\nspec:\n  \
         target: {{baseURL: \"http://shop\"}}\n  \
         scenarios: [{{name: browse, steps: [{{request: {{url: /}}}}]}}]\n  \
         load: {{constant: {{level: 20, duration: 90s}}}}\n  \
         thresholds: [{{metric: http_req_duration, condition: \"p(95) < 200ms\"}}]\n"
    )
}

const TEST_RUN: &str =
    "apiVersion: k6.io/v1alpha1\nkind: TestRun\nmetadata: {name: sample}\nspec: {parallelism: 4}\n";

/// A directory of the test's own, with these files.
fn directory(name: &str, files: &[(&str, &str)]) -> PathBuf {
    let root = scratch(name, "").with_extension("d");
    for (path, text) in files {
        let path = root.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    root
}

fn validate(paths: &[&Path]) -> Ended {
    paths.iter().fold(Upsurge::command("validate"), |command, path| command.arg(path)).end()
}

fn assert_says(ended: &Ended, code: i32, words: &[&str]) {
    assert_eq!(ended.code, code, "{ended:?}");
    let told = format!("{}{}", ended.stdout, ended.stderr);
    for words in words {
        assert!(told.contains(words), "{words:?} is missing in {ended:?}");
    }
}

#[test]
fn a_wrong_schedule_is_refused_with_an_example_and_a_right_one_is_told() {
    let with = |schedule: &str| format!("{}  schedule: {schedule}\n", manifest("nightly"));
    let wrong = with("{cron: \"0 25 * * *\", timeZone: Europe/Berln}");
    let words = [
        "spec.schedule.cron: \"0 25 * * *\" is not a cron expression",
        "for example \"0 3 * * *\"",
        "did you mean Europe/Berlin?",
    ];
    assert_says(&validate(&[&scratch("wrong-schedule.yaml", &wrong)]), 2, &words);
    let right = with("{cron: \"0 3 * * *\", timeZone: Europe/Berlin}");
    let ended = validate(&[&scratch("right-schedule.yaml", &right)]);
    assert_says(&ended, 0, &["schedule   0 3 * * * (Europe/Berlin)"]);
}

#[test]
fn one_test_is_described_in_full() {
    let ended = validate(&[&scratch("one.yaml", &manifest("shop"))]);
    let words =
        ["load       up to 20 users over 1m30s", "    GET /\n", "threshold  http_req_duration p(95) < 200ms"];
    assert_says(&ended, 0, &words);
    assert!(ended.stdout.starts_with("LoadTest shop is valid.\n"), "{ended:?}");
}

#[test]
fn what_is_expected_of_the_cluster_has_a_line_each() {
    let target = "{baseURL: \"http://shop\", workloads: [{name: checkout, capacityPerReplica: 50, expect: {scaleUpWithin: 90s, \
                  minPeakReplicas: 4}}]}\n  usage: [{resource: Memory, maxRestarts: 0}]\n  secrets: [{name: password, \
                  secretKeyRef: {name: shop-login, key: pass}}]";
    let text = manifest("shop");
    let old = text.lines().find_map(|line| line.trim().strip_prefix("target: ")).unwrap();
    let ended = validate(&[&scratch("cluster.yaml", &text.replace(old, target))]);
    let words = [
        "workload   Deployment/checkout, 50 per replica\n",
        "  expect   minPeakReplicas 4\n",
        "  expect   scaleUpWithin 1m30s\n",
        "  usage    ",
        "maxRestarts 0",
        "secret     password is key pass of Secret shop-login\n",
    ];
    assert_says(&ended, 0, &words);
}

#[test]
fn what_there_is_around_the_load_stands_below_its_stages() {
    let header = |name: &str| {
        format!("{{name: {name}, valueFrom: {{secretKeyRef: {{name: telemetry, key: token}}}}}}")
    };
    let text = manifest("around")
        + "  schedule: {cron: \"0 3 * * *\", timeZone: Europe/Berlin}\n  runner: {parallelism: 3, env: [{name: A, valueFrom: \
           {secretKeyRef: {name: keys, key: a}}}], envFrom: [{configMapRef: {name: proxies}}]}\n  secrets: [{name: password, \
           secretKeyRef: {name: shop-login, key: pass}}]\n  record: {store: {objectStore: {url: \"s3://runs/shop\", secretRef: \
           {name: store}}}}\n"
        + &format!(
            "  outputs: [{{name: metrics, otlp: {{endpoint: \"http://otel:4318\", headers: [{}]}}}}]\n",
            header("X-Api-Key")
        );
    let ended = validate(&[&scratch("around.yaml", &text)]);
    let words = "load       up to 20 users over 1m30s\n  constant            1m30s from       0s: 20 → 20 users\n\
                 schedule   0 3 * * * (Europe/Berlin)\nrunners    3\n\
                 output     metrics: otlp to http://otel:4318 every 5s\n\
                 record     goes from the cluster to s3://runs/shop, with Secret store\n\
                 secret     password is key pass of Secret shop-login\n\
                 secret     header X-Api-Key of output metrics is key token of Secret telemetry\n\
                 secret     spec.runner.env[0].valueFrom.secretKeyRef.name is key a of Secret keys\n\
                 configmap  spec.runner.envFrom[0].configMapRef.name is ConfigMap proxies\n\
                 scenarios\n";
    assert_says(&ended, 0, &[words]);
}

#[test]
fn a_search_shows_the_level_of_its_first_probe() {
    let text = manifest("shop");
    let load = text.find("  load:").unwrap();
    let end = text[load..].find("\n  thresholds").unwrap() + load;
    let search = "  load: {capacity: {find: MaxRate, from: 50, to: 1000, warmUp: 10s, measure: 20s}}";
    let ended = validate(&[&scratch("search.yaml", &format!("{}{search}{}", &text[..load], &text[end..]))]);
    let words = ["a search from 50 to 1000 iterations/s", "the first probe", "50 → 50 iterations/s"];
    assert_says(&ended, 0, &words);
    assert!(!ended.stdout.contains("1000 → 1000"), "{ended:?}");
}

#[test]
fn every_test_of_many_files_and_directories_is_checked() {
    let (first, other) = (manifest("first"), manifest("second") + "---\n" + &manifest("third"));
    let wrong = manifest("wrong").replace("level: 20", "level: -1");
    let root = directory(
        "many",
        &[
            ("a.yaml", &first),
            ("deep/b.yml", &other),
            ("deep/er/c.json", "{\"kind\": \"Service\"}"),
            ("notes.txt", "x"),
        ],
    );
    let ended = validate(&[&root, &scratch("fourth.yaml", &manifest("fourth"))]);
    assert_says(
        &ended,
        0,
        &["\n4 valid, 0 not valid, 1 other document left out\n", "c.json: left out Service\n"],
    );
    let lines: Vec<&str> = ended.stdout.lines().filter(|line| line.contains(" is valid: ")).collect();
    let names: Vec<&str> = lines.iter().map(|line| line.rsplit("LoadTest ").next().unwrap()).collect();
    let expected = ["first", "second", "third", "fourth"];
    let expected = expected.map(|name| format!("{name} is valid: up to 20 users over 1m30s"));
    assert_eq!(names, expected, "in the order of arguments and names");

    let ended = validate(&[&root, &scratch("wrong.yaml", &wrong)]);
    let words = [
        "wrong.yaml: LoadTest wrong can't be run:\n  spec.load.constant.level: ",
        "\n3 valid, 1 not valid, 1 ",
    ];
    assert_says(&ended, 2, &words);
}

#[test]
fn what_is_no_test_is_left_out_and_named() {
    let service = "apiVersion: v1\nkind: Service\nmetadata: {name: shop}\n";
    let template = "apiVersion: v1\nkind: Service\n{{- if .Values.on }}\nmetadata: [\n{{- end }}\n";
    let root = directory(
        "mixed",
        &[
            ("all.yaml", &(manifest("shop") + "---\n" + service + "---\n" + TEST_RUN)),
            ("chart/service.yaml", template),
            (".git/config.yaml", "{"),
            ("values.yaml", "replicas: 2\n"),
        ],
    );
    let ended = validate(&[&root]);
    assert_says(
        &ended,
        0,
        &[
            "all.yaml: left out Service shop, TestRun sample (of k6-operator: docs/src/how-to/coming-from-k6.md",
            "note: left out: ",
            "service.yaml is not valid YAML",
            "values.yaml: left out a document without kind",
            "LoadTest shop is valid.",
        ],
    );
    assert!(!ended.stderr.contains(".git"), "hidden files are none of ours: {ended:?}");
    // Named by itself, a file has to be YAML; and one that speaks of a LoadTest always.
    assert_says(&validate(&[&root.join("chart/service.yaml")]), 2, &["error: ", "is not valid YAML"]);
    let broken = directory("broken", &[("a.yaml", "kind: LoadTest\nspec: [\n")]);
    assert_says(&validate(&[&broken]), 2, &["error: ", "a.yaml is not valid YAML"]);
}

#[test]
fn without_any_test_nothing_is_valid() {
    let file = scratch("none.yaml", TEST_RUN);
    let words = [
        "(of k6-operator: docs/src/how-to/coming-from-k6.md tells how to bring it over)",
        "none.yaml holds no LoadTest",
    ];
    assert_says(&validate(&[&file]), 2, &words);
    assert_says(
        &Upsurge::run(&file).end(),
        2,
        &["holds no LoadTest but TestRun sample (of k6-operator: docs/src/"],
    );
    assert_says(&validate(&[&directory("empty", &[("a.txt", "")])]), 2, &["no LoadTest"]);
    assert_says(&validate(&[Path::new("/nowhere/at/all.yaml")]), 2, &["can't read /nowhere/at/all.yaml"]);
    assert_says(
        &validate(&[&scratch("test.js", "export default () => {}")]),
        2,
        &["is a script", "coming-from-k6.md"],
    );
    assert_eq!(Upsurge::command("validate").end().code, 2, "at least one file is named");
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/src/how-to/coming-from-k6.md");
    assert!(page.is_file(), "the page that is pointed to");
}

#[test]
fn tests_are_chosen_by_name() {
    let file = scratch("named.yaml", &(manifest("first") + "---\n" + &manifest("second")));
    let ended = Upsurge::command("validate").arg(&file).args(["--name", "second"]).end();
    assert_says(&ended, 0, &["LoadTest second is valid.\n"]);
    let ended = Upsurge::command("validate").arg(&file).args(["--name", "third"]).end();
    assert_says(&ended, 2, &["holds no LoadTest of that name; there are first, second"]);
}

#[test]
fn documents_come_from_standard_input_too_and_lists_are_taken_apart() {
    let indented = |name: &str| manifest(name).replace('\n', "\n  ");
    let list = format!("apiVersion: v1\nkind: List\nitems:\n- {}\n- {}\n", indented("a"), indented("b"));
    for (text, words) in
        [(manifest("shop") + "---\n" + &manifest("bar"), "\n2 valid, 0 not"), (list, "\n2 valid, 0 not")]
    {
        let file = scratch("piped.yaml", &text);
        let ended = Upsurge::in_shell("\"$1\" validate - < \"$2\"", &[file.to_str().unwrap()]).end();
        assert_says(&ended, 0, &[words, "standard input: LoadTest "]);
    }
}

#[rstest]
#[case::name(
    "name: shop",
    "name: Shop_1",
    "metadata.name: \"Shop_1\" can't be a name: lower-case letters, digits, '-' and '.' only, with a letter or a digit at both ends and beside each '.', for example shop-1"
)]
#[case::no_name("{name: shop}", "{labels: {a: b}}", "metadata.name: is required")]
#[case::namespace(
    "{name: shop}",
    "{name: shop, namespace: a.b}",
    "metadata.namespace: \"a.b\" can't be a namespace"
)]
#[case::label(
    "{name: shop}",
    "{name: shop, labels: {version: 1}}",
    "metadata.labels.version: must be text: write \"1\" in quotes"
)]
#[case::metadata(
    "{name: shop}",
    "{name: shop, lables: {}}",
    "metadata.lables: unknown field; did you mean labels?"
)]
#[case::top("spec:", "data: {}\nspec:", "data: unknown field; there are apiVersion, kind")]
#[case::version(
    "upsurge.dev/v1alpha1",
    "upsurge.dev/v1",
    "apiVersion: must be upsurge.dev/v1alpha1, not \"upsurge.dev/v1\""
)]
#[case::group("upsurge.dev/v1alpha1", "v1alpha1", "apiVersion: must be upsurge.dev/v1alpha1")]
#[case::kind(
    "kind: LoadTest",
    "kind: Loadtest",
    "there is no kind \"Loadtest\" in upsurge.dev/v1alpha1; did you mean LoadTest?"
)]
#[case::field("constant:", "constatn:", "spec.load.constatn: unknown field; did you mean constant?")]
#[case::nested_field(
    "url: /",
    "url: /, methd: GET",
    "spec.scenarios[0].steps[0].request.methd: unknown field; did you mean method?"
)]
#[case::choice(
    "url: /",
    "url: /, method: get",
    "spec.scenarios[0].steps[0].request.method: must be one of GET, POST, PUT, PATCH, DELETE, HEAD, OPTIONS, not \"get\"; did you mean GET?"
)]
#[case::number(
    "duration: 90s",
    "duration: 90",
    "spec.load.constant.duration: must be a duration, for example 90s or 1h30m, not 90"
)]
#[case::duration(
    "duration: 90s",
    "duration: 90 seconds",
    "spec.load.constant.duration: \"90 seconds\" is not a duration: write a number with a unit (us, ms, s, m, h or d), for example 90s or 1h30m"
)]
#[case::threshold(
    "p(95) < 200ms",
    "p95 < 200",
    "spec.thresholds[0].condition: \"p95 < 200\" is not a condition: there is no aggregation \"p95\" (did you mean p(95)?); write for example"
)]
#[case::metric(
    "http_req_duration",
    "http_req_durration",
    "unknown metric \"http_req_durration\"; did you mean http_req_duration?"
)]
#[case::tabs(
    "  target:",
    "\ttarget:",
    "is not valid YAML: line 5 column 2: tabs disallowed within this context (block indentation)"
)]
#[case::twice(
    "  load:",
    "  target: {}\n  load:",
    "is not valid YAML: line 7 column 3: duplicate mapping key: target\n"
)]
fn what_is_wrong_is_told_with_its_place_and_what_to_write(
    #[case] right: &str,
    #[case] wrong: &str,
    #[case] words: &str,
) {
    let text = manifest("shop");
    assert!(text.contains(right), "{right:?} in {text}");
    let name: String = wrong.chars().filter(char::is_ascii_alphanumeric).collect();
    let file = scratch(&format!("wrong-{name}.yaml"), &text.replacen(right, wrong, 1));
    let ended = validate(&[&file]);
    assert_says(&ended, 2, &[words]);
    // Nobody wants to read a regular expression.
    assert!(!ended.stderr.contains("[0-9]") && !ended.stderr.contains("[A-Z"), "{ended:?}");
}

#[test]
fn all_that_is_wrong_is_told_at_once() {
    let text = manifest("Shop").replace("90s", "soon").replace("p(95)", "p95");
    let words = ["metadata.name: ", "spec.load.constant.duration: ", "spec.thresholds[0].condition: "];
    assert_says(&validate(&[&scratch("all.yaml", &text)]), 2, &words);
}
