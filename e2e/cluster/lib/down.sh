# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# Taking the cluster down, with everything it left on the machine.

down() {
  stop
  rm -rf "$state"
  say "is down"
}

stop() {
  stop_processes
  release_mounts
  remove_control_groups
  [ ! -e "/run/netns/$namespace" ] || ip netns del "$namespace"
  # A place that the kubelet does not let anyone choose.
  [ ! -d /var/log/containers ] || find /var/log/containers -type l -lname "$state/*" -delete
  rm -rf "$run"
}

processes() { # every process in the cluster's control group: components, container shims, pods
  local directory
  directory=$(cgroup_of_processes)
  [ ! -d "$directory" ] || find "$directory" -name cgroup.procs -exec cat {} + 2>/dev/null || true
}

none_left() { [ -z "$(processes)" ]; }

stop_processes() {
  local component pid deadline
  # First the kubelet, which would start containers again, then whatever talks to the API, then the rest.
  for component in kubelet controller-manager scheduler proxy metrics-server dns apiserver etcd; do
    alive "$component" && kill "$(cat "$run/pid/$component")" 2>/dev/null || true
  done
  remove_records_elsewhere
  deadline=$((SECONDS + 10))
  until none_left; do
    for pid in $(processes); do kill -KILL "$pid" 2>/dev/null || true; done
    ((SECONDS < deadline)) || { say "these processes do not end: $(processes | tr '\n' ' ')"; return 1; }
    sleep 0.1
  done
}

# containerd and its CNI library keep some records outside the directories that they are given.
remove_records_elsewhere() {
  local sandbox address
  for sandbox in "$run"/containerd/io.containerd.grpc.v1.cri/sandboxes/*/; do
    sandbox=$(basename "$sandbox")
    rm -f /var/lib/cni/results/*-"$sandbox"-*
  done
  for address in "$run"/containerd/io.containerd.runtime.v2.task/k8s.io/*/address; do
    [ ! -e "$address" ] || rm -f "$(sed 's|^unix://||' "$address")"
  done
}

release_mounts() { # deepest first: the pods' volumes, root file systems and network namespaces
  local point
  awk -v state="$state/" -v run="$run/" 'index($5, state) == 1 || index($5, run) == 1 {print $5}' /proc/self/mountinfo |
    sort -ru | while read -r point; do
    umount -l "$point" 2>/dev/null || true
  done
}

remove_control_groups() {
  local directory
  for directory in $(cgroup_directories); do
    [ ! -d "$directory" ] || find "$directory" -depth -type d -exec rmdir {} + 2>/dev/null || true
    rmdir "$(dirname "$directory")" 2>/dev/null || true   # only when no other cluster is in it
  done
}
