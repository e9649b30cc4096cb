# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# Bringing the cluster up, and telling how it is.

up() {
  if healthy; then
    say "is up already"
    access
    return
  fi
  # Half a cluster is not worth mending: what is left of it goes, and a new one takes its place in seconds.
  [ ! -e "$state" ] && [ ! -e "$run" ] && [ ! -e "/run/netns/$namespace" ] || { say "removing what is left of an earlier one"; down; }
  packages
  build
  if ! start_all; then
    say "did not come up; its logs stay in $state/log until the next up or down"
    stop
    return 1
  fi
  touch "$run/up"
  access
}

start_all() {
  files && certificates && control_groups && network || return 1
  start_etcd
  start_apiserver
  [ "$nodes" = none ] || start_containerd
  wait_for 90 "the API server" kubectl get --raw /readyz || return 1
  start_controller_manager
  start_scheduler
  [ "$nodes" = none ] || start_node || return 1
  wait_for 60 "the default service account" kubectl get serviceaccount default
}

start_node() {
  wait_for 30 containerd containerd_ctl version || return 1
  image localhost/upsurge/pause:1 "$bin/pause" || return 1
  start_kubelet
  start_proxy
  start_dns
  start_metrics_server
  wait_for 30 "the add-ons to be accepted" kubectl apply -f "$state/addons.yaml" || return 1
  wait_for 90 "the node to be ready" node_ready || return 1
  wait_for 60 "the resource metrics API" kubectl wait --for=condition=Available --timeout=1s apiservice/v1beta1.metrics.k8s.io
}

node_ready() { [ "$nodes" = none ] || kubectl wait --for=condition=Ready --timeout=1s node/node0; }

healthy() {
  [ -e "$run/up" ] && [ -e "/run/netns/$namespace" ] && all_alive 2>/dev/null &&
    kubectl get --raw /readyz --request-timeout=5s >/dev/null 2>&1 && node_ready >/dev/null 2>&1
}

# Not the path of the kubeconfig: nothing outside of the cluster's network can use it.
access() {
  local call=${CLUSTER:+CLUSTER=$CLUSTER }${CLUSTER_NAME:+CLUSTER_NAME=$CLUSTER_NAME }
  echo "cluster $name is ready: Kubernetes $version, in a network of its own"
  echo "a shell that reaches it: ${call}make cluster-shell; one command: ${call}e2e/cluster/with exec COMMAND…"
}

status() {
  local file component
  [ -d "$run/pid" ] || { echo "cluster $name: down"; return 1; }
  for file in "$run"/pid/*; do
    component=${file##*/}
    alive "$component" && printf '%-20s running  pid %s\n' "$component" "$(cat "$file")" || printf '%-20s ended\n' "$component"
  done
  healthy && echo "cluster $name: up" || { echo "cluster $name: not healthy"; return 1; }
}
