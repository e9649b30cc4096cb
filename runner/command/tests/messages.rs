// SPDX-License-Identifier: Apache-2.0
//! What the command says on standard error, and what it must never say: secrets, and what would steer a terminal.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests say what they expect")]

#[path = "processes/processes.rs"]
mod processes;

use processes::{Upsurge, scratch, signal, start_target, wait_until};
use rstest::rstest;

/// A test of one iteration, with something beside its steps.
fn manifest(name: &str, beside: &str, steps: &str) -> std::path::PathBuf {
    let text = format!(
        "apiVersion: upsurge.dev/v1alpha1\nkind: LoadTest\nmetadata: {{name: shop}}\nspec:\n  \
         target: {{baseURL: \"http://127.0.0.1:9\"}}\n  {beside}\n  \
         scenarios: [{{name: browse, steps: [{steps}]}}]\n  \
         load: {{executors: [{{name: e, sharedIterations: {{iterations: 1}}}}]}}\n"
    );
    scratch(name, &text)
}

const SECRET: &str = "secrets: [{name: key, secretKeyRef: {name: login, key: pass}}]";

#[test]
fn an_empty_secret_is_one_that_is_missing() {
    let target = start_target(None, &[]);
    let steps = "{request: {url: /, headers: {authorization: \"Bearer {{ secrets.key }}\"}}}";
    let file = manifest("empty.yaml", SECRET, steps);
    let ended = Upsurge::run(&file).args(["--target", target.url()]).env("UPSURGE_SECRET_key", "").end();
    assert_eq!(ended.code, 2, "{ended:?}");
    assert!(ended.stderr.contains("the environment variable UPSURGE_SECRET_key is empty"), "{ended:?}");
    assert_eq!(target.stats()["received"], 0);
}

#[test]
fn an_interrupt_during_the_steps_before_the_load_is_told() {
    let target = start_target(Some("routes: [{path: /setup, latency: {fixed: 40s}}]"), &[]);
    let file = manifest("before.yaml", "before: [{request: {url: /setup}}]", "{request: {url: /}}");
    let running = Upsurge::run(&file).args(["--target", target.url()]).start();
    wait_until("the step is in work", || target.stats()["inFlight"].as_u64() >= Some(1));
    signal(running.id(), "INT");
    let ended = running.end();
    assert_eq!(ended.code, 130, "{ended:?}");
    assert!(ended.stderr.contains("interrupted before the load"), "{ended:?}");
}

#[test]
fn what_is_logged_steers_no_terminal_and_shows_no_secret() {
    let target = start_target(None, &[]);
    let steps = "{log: {message: \"\\e[31mred \\a{{ secrets.key }} {{ secrets.pin }}\"}}, \
                 {request: {name: gone, url: \"http://{{ secrets.key }}.invalid/\"}}";
    let secrets = "secrets: [{name: key, secretKeyRef: {name: login, key: pass}}, \
                   {name: pin, secretKeyRef: {name: login, key: pin}}]";
    let file = manifest("logged.yaml", secrets, steps);
    let ended = Upsurge::run(&file)
        .args(["--target", target.url()])
        .env("UPSURGE_LOG", "info")
        .env("UPSURGE_SECRET_key", "s3cret")
        .env("UPSURGE_SECRET_pin", "739")
        .end();
    assert!(ended.stderr.contains("\u{fffd}[31mred \u{fffd}**** ****"), "{ended:?}");
    assert!(ended.stderr.contains("****.invalid does not resolve"), "{ended:?}");
    let is_steering = |character: char| character.is_control() && character != '\n';
    assert!(!ended.stderr.contains(is_steering), "colours are for terminals: {ended:?}");
    assert!(!format!("{ended:?}").contains("s3cret"), "{ended:?}");
}

#[rstest]
#[case::output(&["--out", "otlp=ftp://u:s3cret@x"])]
#[case::header_of_an_output(&["--out-header", "s3cret"])]
#[case::target(&["--target", "http://u:s3cret@"])]
#[case::other_scheme(&["--target", "ftp://u:s3cret@shop/"])]
#[case::target_without_a_scheme(&["--target", "u:s3cret@shop/"])]
#[case::stray_argument(&["http://u:s3cret@shop/"])]
#[case::stray_argument_without_a_scheme(&["u:s3cret@shop/?next=http://shop"])]
fn wrong_arguments_are_named_without_what_they_hold(#[case] arguments: &[&str]) {
    let file = manifest("arguments.yaml", "", "{request: {url: /}}");
    let ended = Upsurge::run(&file).args(arguments.iter().copied()).end();
    assert_eq!(ended.code, 2, "{ended:?}");
    assert!(!ended.stderr.is_empty() && !format!("{ended:?}").contains("s3cret"), "{ended:?}");
}

#[rstest]
#[case::proxy(&["-x", "socks5://u:s3cret@host:1080"])]
#[case::header(&["-H", "s3cret"])]
#[case::login(&["-a", "s3cret"])]
#[case::value_of_another_argument(&["--redirects", "http://u:s3cret@shop/"])]
#[case::proxy_without_a_scheme(&["-x", "u:s3cret@host:1080"])]
#[case::stray(&["https://u:s3cret@shop/"])]
#[case::stray_without_a_scheme(&["u:s3cret@shop"])]
fn wrong_arguments_of_quick_are_named_without_what_they_hold(#[case] arguments: &[&str]) {
    let ended = Upsurge::command("quick").arg("http://127.0.0.1:9").args(arguments.iter().copied()).end();
    assert_eq!(ended.code, 2, "{ended:?}");
    assert!(!ended.stderr.is_empty() && !format!("{ended:?}").contains("s3cret"), "{ended:?}");
    let ended = Upsurge::command("http://u:s3cret@shop/").end();
    assert!(ended.code == 2 && !format!("{ended:?}").contains("s3cret"), "no command: {ended:?}");
    let ended = Upsurge::command("quick").arg("ftp://u:s3cret@shop/").end();
    assert!(ended.code == 2 && !format!("{ended:?}").contains("s3cret"), "{ended:?}");
}

#[rstest]
#[case::no_url("127.0.0.1:8082", "error: --target: \"127.0.0.1:8082\" is not a URL: ")]
#[case::no_port("http://shop:99999", "error: --target: \"http://shop:99999\" can't be used as base URL: ")]
#[case::refused("http://127.0.0.1:1", "error: --target http://127.0.0.1:1 can't be reached: ")]
#[case::unresolved("http://shop.invalid", "of --target http://shop.invalid does not resolve: ")]
fn an_address_that_was_given_as_an_argument_is_not_blamed_on_the_test(
    #[case] url: &str,
    #[case] words: &str,
) {
    let name = format!("{}.yaml", url.replace(['/', ':'], "-"));
    let file = manifest(&name, "", "{request: {url: /}}");
    let ended = Upsurge::run(&file).args(["--target", url]).end();
    assert_eq!(ended.code, 2, "{ended:?}");
    assert!(ended.stderr.contains(words), "{words:?} in {ended:?}");
    assert!(!ended.stderr.contains("spec.target"), "{ended:?}");
    assert_eq!(ended.stderr.matches(url).count(), 1, "{ended:?}");
    // One that stands in the test is named by its field.
    let own = Upsurge::run(&file).end();
    assert!(own.stderr.contains("spec.target.baseURL http://127.0.0.1:9 can't be reached: "), "{own:?}");
}
