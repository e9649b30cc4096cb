// SPDX-License-Identifier: Apache-2.0
//! What becomes of a run whose generator has no file descriptors or local ports left: it ends, and says so.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests say what they expect")]

#[path = "processes/processes.rs"]
mod processes;

use std::{path::PathBuf, process::Command};

use processes::{Ended, Upsurge, scratch, start_target};

/// More users than there can be connections.
fn manifest(name: &str, url: &str, http: &str) -> PathBuf {
    let text = format!(
        "apiVersion: upsurge.dev/v1alpha1\nkind: LoadTest\nmetadata: {{name: {name}}}\nspec:\n  \
         target: {{baseURL: \"{url}\"}}\n  http: {http}\n  \
         scenarios: [{{name: a, steps: [{{request: {{url: /}}}}, {{think: {{min: 100ms}}}}]}}]\n  \
         load: {{unit: Users, constant: {{level: 200, duration: 3s}}, gracefulStop: 1s}}\n"
    );
    scratch(&format!("{name}.yaml"), &text)
}

fn assert_limited(ended: &Ended, words: &str) {
    assert_eq!(ended.code, 3, "{ended:?}");
    assert!(ended.stdout.contains("✗ Inconclusive (GeneratorLimited): "), "{ended:?}");
    assert!(ended.stdout.contains(words), "{words:?} is missing in {ended:?}");
    assert!(ended.stdout.contains("[out of ports or files] "), "{ended:?}");
}

#[test]
fn a_generator_without_file_descriptors_says_so_and_what_to_do() {
    let target = start_target(None, &[]);
    let file = manifest("files", target.url(), "{}");
    let ended = Upsurge::in_shell("ulimit -n 64; exec \"$@\"", &["run"]).arg(file).end();
    assert_limited(
        &ended,
        "file descriptors ran out (0 left): connections can't be opened; raise the limit of open files (ulimit -n)",
    );
}

/// Own loopback device, with ports for 40 connections.
const NAMESPACE: &str = "exec unshare --net --map-root-user sh -c \
    'ip link set lo up && echo 40000 40039 > /proc/sys/net/ipv4/ip_local_port_range && SCRIPT' sh \"$@\"";

#[test]
fn a_generator_without_local_ports_says_so_and_what_to_do() {
    let alone = |script: &str| NAMESPACE.replace("SCRIPT", script);
    let probe = Command::new("sh").args(["-c", &alone("true")]).output().unwrap();
    if !probe.status.success() {
        eprintln!("skipped: no network namespaces here: {}", String::from_utf8_lossy(&probe.stderr));
        return;
    }
    let file = manifest("ports", "http://127.0.0.1:18080", "{}");
    // The target stands in the same namespace; the load begins when it listens (46A0 is its port).
    let script = "\"$1\" target --listen 127.0.0.1:18080 >&2 & target=$!; \
        until grep -q \":46A0 \" /proc/net/tcp; do sleep 0.05; done; \
        \"$@\"; code=$?; kill $target; exit $code";
    let ended = Upsurge::in_shell(&alone(script), &["run"]).arg(file).end();
    assert_limited(
        &ended,
        "local ports to one address ran out (0 left): connections can't be opened; keep connections alive",
    );
}
