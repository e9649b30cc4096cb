# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# Where things are, and the helpers that every part uses.

version=v1.35.4
name=${CLUSTER_NAME:-e2e}
[[ $name =~ ^[a-z0-9]([a-z0-9-]{0,18}[a-z0-9])?$ ]] ||
  { echo "cluster: CLUSTER_NAME '$name' must be 1 to 20 of a-z, 0-9 and -, and start and end with a letter or digit" >&2; exit 2; }

# "real" for this machine as the one node; "none" for the control plane alone, with somebody else to play the nodes.
nodes=${CLUSTER_NODES:-real}
case $nodes in real | none) ;; *) echo "cluster: CLUSTER_NODES '$nodes' must be real or none" >&2; exit 2 ;; esac

cache=${XDG_CACHE_HOME:-$HOME/.cache}/upsurge
# Each in a directory by what it is made of.
of() { (cd "$here" && find "$@" -type f | LC_ALL=C sort | xargs sha256sum | sha256sum | cut -c1-16); }
bin=$cache/kubernetes-$(of components metrics-server)
etcd=$cache/etcd-$(of etcd)/etcd
state=$cache/clusters/$name          # everything that may be large: etcd, images, logs
run=/run/upsurge/$name               # sockets, pids, the pods' network namespaces
namespace=upsurge-$name              # network namespace of the node
cgroup=upsurge/$name                 # every process of the cluster, its pods included, lives below it
containerd_socket=$run/containerd.sock
audit_log=$state/log/audit.jsonl     # what the operator has asked of the API server

# Each cluster has its own network namespace, so these may be the same in all of them.
node_ip=172.31.0.1 service_cidr=10.96.0.0/16 api_ip=10.96.0.1 pod_cidr=10.244.0.0/16 node_pod_cidr=10.244.0.0/24
# Where a test may start a registry, in the cluster's network. Nodes pull from it without TLS, and from no other one.
registry=$node_ip:5000

say() { echo "cluster $name: $*" >&2; }

# Not `ip netns exec`: that mounts a new /sys and so hides the cgroups from the kubelet.
in_node() { nsenter --net="/run/netns/$namespace" "$@"; }
require_up() { [ -e "/run/netns/$namespace" ] || { say "not running; start it with: CLUSTER_NAME=$name $here/cluster up"; exit 1; }; }
kubectl() { require_up; in_node "$bin/kubectl" --kubeconfig="$state/admin.kubeconfig" "$@"; }
inside() { require_up; E2E_AUDIT_LOG=$audit_log E2E_REGISTRY=$registry KUBECONFIG=$state/admin.kubeconfig PATH=$bin:$PATH in_node "$@"; }
containerd_ctl() { ctr --address "$containerd_socket" --namespace k8s.io "$@"; }

# One up or down of this cluster at a time.
exclusively() {
  mkdir -p /run/upsurge
  exec 9>"/run/upsurge/$name.lock"
  flock 9
  "$@"
}

wait_for() { # SECONDS WHAT COMMAND… : until the command succeeds; gives up at once when a component is dead
  local deadline=$((SECONDS + $1)) what=$2
  shift 2
  until "$@" >/dev/null 2>&1; do
    all_alive || return 1
    ((SECONDS < deadline)) || { say "gave up waiting for $what; logs are in $state/log"; return 1; }
    sleep 0.2
  done
}
