// SPDX-License-Identifier: Apache-2.0
//! Runner pods that share a node with pods of the target: they compete for CPU and network there, so that the figures are
//! also about that. It is told, and changes no verdict: on a cluster of one node there is no other way. Pure.

use std::collections::BTreeMap;

use jiff::Timestamp;
use upsurge_figures::observation::{Log, PodLife, lives};

use super::pods::RunnerPod;

/// Most runner pods that are told one by one, and pods of the target beside each of them.
const TOLD: [usize; 2] = [5, 3];

/// What is told of runner pods that were on a node with a pod of the target, of whichever of its workloads, while the load went on.
pub fn told<'a>(
    pods: &[RunnerPod],
    logs: impl IntoIterator<Item = &'a Log>,
    start: Timestamp,
    end: Timestamp,
) -> Vec<String> {
    let lives: Vec<PodLife> = logs.into_iter().flat_map(|log| lives(log.events())).collect();
    let mut on_node: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for pod in lives.iter().filter(|pod| was_there(pod, start, end)) {
        if let Some(node) = &pod.node {
            on_node.entry(node).or_default().push(&pod.pod);
        }
    }
    let beside: Vec<_> = pods
        .iter()
        .filter_map(|pod| {
            let node = pod.node.as_deref()?;
            Some((pod, node, on_node.get(node)?))
        })
        .collect();
    let [most, _] = TOLD;
    let left = beside.len().saturating_sub(most);
    let mut told: Vec<String> =
        beside.iter().take(most).map(|(pod, node, others)| one(&pod.name, node, others)).collect();
    if left > 0 {
        told.push(format!("{left}{MORE}"));
    }
    told
}

/// Whether a message is one of these.
pub fn is_told(warning: &str) -> bool {
    (warning.starts_with(RUNNER) && warning.contains(SHARED)) || warning.ends_with(MORE)
}

const RUNNER: &str = "runner pod ";
const SHARED: &str = " shared node ";
const MORE: &str = " more runner pods shared a node with pods of the target";

fn one(runner: &str, node: &str, others: &[&str]) -> String {
    let [_, most] = TOLD;
    let mut names = others.iter().take(most).copied().collect::<Vec<_>>().join(", ");
    if others.len() > most {
        names += &format!(" and {} more", others.len() - most);
    }
    let pods = if others.len() == 1 { "pod" } else { "pods" };
    format!(
        "{RUNNER}{runner}{SHARED}{node} with {pods} {names} of the target: they took CPU and network from each other; give \
         runners nodes of their own (spec.runner.nodeSelector or affinity)"
    )
}

/// Whether a pod of the target was on its node at some time from one instant to another.
fn was_there(pod: &PodLife, start: Timestamp, end: Timestamp) -> bool {
    let came = pod.scheduled.or(pod.created);
    let went = pod.stopped.or(pod.gone).or(pod.seen_going);
    came.is_none_or(|came| came <= end) && went.is_none_or(|went| went >= start)
}

#[cfg(test)]
mod tests {
    use upsurge_figures::observation::{Event, Life, What};

    use super::*;
    use crate::load_test_run::fixtures::{at, pods};

    fn target(name: &str, node: &str, scheduled: i64, ended: Option<i64>) -> Vec<Event> {
        let pod = |life| What::Pod { pod: name.into(), life };
        let bound = Event::live(at(scheduled), pod(Life::Scheduled { node: Some(node.into()) }));
        let ends = ended.map(|second| Event::live(at(second), pod(Life::Gone)));
        [Some(bound), ends].into_iter().flatten().collect()
    }

    fn runners(nodes: &[Option<&str>]) -> Vec<RunnerPod> {
        let runner = |(index, node): (usize, &Option<&str>)| RunnerPod {
            name: format!("runner-{index}"),
            node: node.map(String::from),
            ..pods().remove(0)
        };
        nodes.iter().enumerate().map(runner).collect()
    }

    fn log(target: Vec<Vec<Event>>) -> Log {
        let mut log = Log::default();
        target.into_iter().flatten().for_each(|event| log.push(event));
        log
    }

    fn said(nodes: &[Option<&str>], target: Vec<Vec<Event>>) -> Vec<String> {
        told(&runners(nodes), [&log(target)], at(0), at(60))
    }

    #[test]
    fn a_runner_beside_pods_of_two_workloads_is_told_once() {
        let logs = [log(vec![target("gateway-1", "a", 0, None)]), log(vec![target("cart-1", "a", 0, None)])];
        let said = told(&runners(&[Some("a")]), &logs, at(0), at(60));
        let [only] = &said[..] else { panic!("{said:?}") };
        assert!(only.contains("with pods gateway-1, cart-1 of the target"), "{only}");
    }

    #[test]
    fn a_runner_on_a_node_of_the_target_is_told_with_pod_and_node() {
        let said = said(
            &[Some("a"), Some("b"), None],
            vec![target("checkout-1", "a", -9, None), target("checkout-2", "c", 3, None)],
        );
        let [only] = &said[..] else { panic!("{said:?}") };
        assert!(
            only.starts_with("runner pod runner-0 shared node a with pod checkout-1 of the target"),
            "{only}"
        );
        assert!(is_told(only));
    }

    #[test]
    fn pods_that_were_gone_before_or_came_after_the_load_do_not_matter() {
        let target = vec![target("old", "a", -9, Some(-1)), target("new", "a", 61, None)];
        assert_eq!(said(&[Some("a")], target), [""; 0]);
    }

    #[test]
    fn of_many_some_are_named_and_the_others_counted() {
        let target = (0..5).map(|number| target(&format!("checkout-{number}"), "a", 0, None)).collect();
        let said = said(&[Some("a"); 8], target);
        assert_eq!(said.len(), 6);
        assert!(
            said[0].contains("with pods checkout-0, checkout-1, checkout-2 and 2 more of the target"),
            "{said:?}"
        );
        assert!(said[5].starts_with("3 more runner pods"), "{said:?}");
        assert!(said.iter().all(|one| is_told(one)), "{said:?}");
    }
}
