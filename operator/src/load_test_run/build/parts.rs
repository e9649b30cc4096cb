// SPDX-License-Identifier: Apache-2.0
//! What a test adds to its runner pods, put beside what the operator has put there itself. Names that would meet were refused
//! before (`upsurge_core::pod`), so nothing of ours is replaced.

use k8s_openapi::api::core::v1::{PodSpec, PodTemplateSpec};
use upsurge_core::pod::PodParts;
use upsurge_crds::v1alpha1::RunnerSpec;

use crate::load_test_run::plan::Plan;

/// Puts the test's own parts into the pod, whose first container is the runner.
pub fn put(template: &mut PodTemplateSpec, plan: &Plan) {
    let (runner, parts) = (&plan.test().runner, &plan.valid.pod);
    mark(template, runner);
    let pod = template.spec.get_or_insert_default();
    of_pod(pod, runner, parts);
    if let Some(container) = pod.containers.first_mut() {
        // Behind ours, so that they can refer to these.
        join(&mut container.env, &parts.env);
        join(&mut container.env_from, &parts.env_from);
        join(&mut container.volume_mounts, &parts.volume_mounts);
        container.security_context.clone_from(&parts.container_security_context);
    }
}

/// Puts the labels and annotations of a test's pods on one of them.
pub fn mark(template: &mut PodTemplateSpec, runner: &RunnerSpec) {
    let metadata = template.metadata.get_or_insert_default();
    for (given, marks) in
        [(&mut metadata.labels, &runner.labels), (&mut metadata.annotations, &runner.annotations)]
    {
        for (key, value) in marks {
            given.get_or_insert_default().entry(key.clone()).or_insert_with(|| value.clone());
        }
    }
}

fn of_pod(pod: &mut PodSpec, runner: &RunnerSpec, parts: &PodParts) {
    if let Some(name) = &runner.service_account_name {
        pod.service_account_name = Some(name.clone());
    }
    pod.priority_class_name.clone_from(&runner.priority_class_name);
    pod.scheduler_name.clone_from(&runner.scheduler_name);
    pod.runtime_class_name.clone_from(&runner.runtime_class_name);
    pod.affinity.clone_from(&parts.affinity);
    pod.security_context.clone_from(&parts.security_context);
    pod.dns_config.clone_from(&parts.dns_config);
    join(&mut pod.topology_spread_constraints, &parts.topology_spread_constraints);
    join(&mut pod.volumes, &parts.volumes);
    join(&mut pod.host_aliases, &parts.host_aliases);
    join(&mut pod.init_containers, &parts.init_containers);
    for container in pod.init_containers.iter_mut().flatten() {
        // As with the runner: the last line that it prints when it fails is its reason.
        container.termination_message_policy.get_or_insert_with(|| "FallbackToLogsOnError".into());
    }
}

fn join<T: Clone>(list: &mut Option<Vec<T>>, more: &[T]) {
    if !more.is_empty() {
        list.get_or_insert_default().extend_from_slice(more);
    }
}

#[cfg(test)]
mod tests;
