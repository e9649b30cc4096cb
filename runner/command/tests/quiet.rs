// SPDX-License-Identifier: Apache-2.0
//! Waiting for a quiet target before a load (`spec.autoscaling.waitForIdle`), as users of `upsurge run` have it: the real binary, against a
//! played API server.

#![cfg(feature = "cluster")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests say what they expect")]

#[path = "observe/cluster.rs"]
mod cluster;
#[path = "processes/processes.rs"]
mod processes;
#[allow(dead_code)]
#[path = "../../engine/tests/support/server.rs"]
mod server;

use std::{path::PathBuf, time::Duration};

use cluster::{busy_cluster, kubeconfig};
use processes::{Ended, Target, Upsurge, scratch, start_target};
use server::Server;

fn manifest(name: &str, timeout: &str) -> PathBuf {
    let text = format!(
        "apiVersion: upsurge.dev/v1alpha1\nkind: LoadTest\nmetadata: {{name: shop, namespace: shop}}\nspec:\n  \
         target: {{baseURL: \"http://127.0.0.1:9\", workloads: [{{name: checkout, expect: {{maxPeakReplicas: 2}}}}]}}\n  \
         autoscaling: {{waitForIdle: {{timeout: {timeout}}}}}\n  runner: {{maxLag: 3s}}\n  \
         scenarios: [{{name: browse, steps: [{{request: {{name: item, url: /}}}}]}}]\n  \
         load: {{constant: {{level: 1, duration: 1s}}}}\n"
    );
    scratch(&format!("{name}.yaml"), &text)
}

fn observed(name: &str, timeout: &str, cluster: &Server, target: &Target) -> Ended {
    Upsurge::run(&manifest(name, timeout))
        .args(["--observe", "--context", "here", "--target", target.url(), "--kubeconfig"])
        .arg(kubeconfig(&format!("{name}.kubeconfig"), cluster))
        .end()
}

const BUSY: &str = "the workload of HorizontalPodAutoscaler/checkout is at 2 replicas, its minimum is 1";

#[test]
fn the_load_waits_until_the_replicas_of_an_earlier_one_are_gone() {
    let (cluster, target) = (busy_cluster(Some(Duration::from_secs(2))), start_target(None, &[]));
    let ended = observed("awaited", "1m", &cluster, &target);
    assert_eq!(ended.code, 0, "{ended:?}");
    assert!(ended.stderr.contains(&format!("waiting at most 1m for a quiet target: {BUSY}")), "{ended:?}");
    assert!(!ended.stdout.contains("waitForIdle"), "{ended:?}");
}

#[test]
fn without_a_quiet_target_in_time_there_is_no_load() {
    let (cluster, target) = (busy_cluster(None), start_target(None, &[]));
    let ended = observed("restless", "1s", &cluster, &target);
    assert_eq!(ended.code, 3, "{ended:?}");
    let told = format!("spec.autoscaling.waitForIdle.timeout of 1s has passed: {BUSY} (TargetNotIdle)");
    assert!(ended.stderr.contains(&told), "{ended:?}");
    assert_eq!(target.stats()["received"], 0);
}

#[test]
fn where_nobody_can_see_the_target_it_is_told_that_nobody_waited() {
    let target = start_target(None, &[]);
    let ended = Upsurge::run(&manifest("unseen", "1m")).args(["--target", target.url()]).end();
    let told = "not judged: spec.autoscaling.waitForIdle: nobody looked whether the target was quiet before the load: --observe does";
    assert!(ended.stdout.contains(told), "{ended:?}");
}
