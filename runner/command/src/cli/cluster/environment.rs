// SPDX-License-Identifier: Apache-2.0
//! What is around the workloads that are observed: version and nodes of the cluster, as far as whoever asks may see them. What can't be
//! had in time is left out; no run waits for it for longer.

use std::{collections::BTreeMap, time::Duration};

use k8s_openapi::api::core::v1::Node as KubernetesNode;
use kube::{Api, Client, api::ListParams};
use tokio::time::timeout;
use upsurge_record::model::{KubernetesEnvironment, Node};

/// Longest time that the two questions may take, which are asked at once.
const PATIENCE: Duration = Duration::from_secs(3);
/// Nodes that are asked for at once.
const PAGE: u32 = 500;
/// Most nodes that are told of: of a cluster with more, none is.
const MOST: usize = 5_000;
/// Most kinds of nodes that are told of: a cluster with more is no help to a reader.
const MOST_KINDS: usize = 100;

/// The cluster; `None` if nothing is known of it.
pub(super) async fn kubernetes(client: &Client) -> Option<KubernetesEnvironment> {
    let (version, nodes) =
        tokio::join!(timeout(PATIENCE, client.apiserver_version()), timeout(PATIENCE, nodes(client)));
    let nodes = nodes.ok().and_then(Result::ok).flatten();
    let found = KubernetesEnvironment {
        version: version.ok().and_then(Result::ok).map(|info| info.git_version),
        nodes: nodes.unwrap_or_default(),
    };
    (found != KubernetesEnvironment::default()).then_some(found)
}

/// All nodes, those that are alike together; `None` if there are too many.
async fn nodes(client: &Client) -> Result<Option<Vec<Node>>, kube::Error> {
    let api: Api<KubernetesNode> = Api::all(client.clone());
    let (mut all, mut page) = (Vec::new(), ListParams::default().limit(PAGE));
    loop {
        let list = api.list(&page).await?;
        all.extend(list.items.iter().map(described));
        if all.len() > MOST {
            return Ok(None);
        }
        match list.metadata.continue_.filter(|token| !token.is_empty()) {
            Some(token) => page = page.continue_token(&token),
            None => return Ok(Some(together(all)).filter(|kinds| kinds.len() <= MOST_KINDS)),
        }
    }
}

fn described(node: &KubernetesNode) -> Node {
    let labels = node.metadata.labels.as_ref();
    let label = |name: &str| labels.and_then(|labels| labels.get(name)).cloned();
    let allocatable = node.status.as_ref().and_then(|status| status.allocatable.as_ref());
    let room = |name: &str| allocatable.and_then(|room| room.get(name)).map(|quantity| quantity.0.clone());
    Node {
        count: 1,
        instance_type: label("node.kubernetes.io/instance-type"),
        cpu: room("cpu"),
        memory: room("memory"),
    }
}

/// Those that are alike, as one.
fn together(nodes: Vec<Node>) -> Vec<Node> {
    let mut kinds = BTreeMap::<_, u32>::new();
    for Node { count, instance_type, cpu, memory } in nodes {
        *kinds.entry((instance_type, cpu, memory)).or_default() += count;
    }
    let kinds = kinds.into_iter();
    kinds.map(|((instance_type, cpu, memory), count)| Node { count, instance_type, cpu, memory }).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn node(name: &str, memory: &str) -> Node {
        let node: KubernetesNode = serde_json::from_value(json!({
            "metadata": {"name": name, "labels": {"node.kubernetes.io/instance-type": "m7g.large"}},
            "status": {"allocatable": {"cpu": "1930m", "memory": memory}},
        }))
        .unwrap();
        described(&node)
    }

    #[test]
    fn nodes_that_are_alike_are_told_together() {
        let told = together(vec![node("a", "7134Mi"), node("b", "7134Mi"), node("c", "3Gi")]);
        let told: Vec<_> = told.iter().map(|node| (node.count, node.memory.as_deref())).collect();
        assert_eq!(told, [(1, Some("3Gi")), (2, Some("7134Mi"))]);
        let bare = described(&KubernetesNode::default());
        assert_eq!(bare, Node { count: 1, ..Node::default() });
    }
}
