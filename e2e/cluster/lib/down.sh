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
  # Places that containerd, the kubelet and the CNI plugins do not let anyone choose.
  [ ! -d /var/log/containers ] || find /var/log/containers -type l -lname "$state/*" -delete
  [ ! -d /var/lib/cni/results ] || find /var/lib/cni/results -regextype posix-extended -regex ".*/$namespace-[0-9a-f]{64}-eth0" -delete
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
  remove_shim_sockets
  deadline=$((SECONDS + 10))
  until none_left; do
    for pid in $(processes); do kill -KILL "$pid" 2>/dev/null || true; done
    ((SECONDS < deadline)) || { say "these processes do not end: $(processes | tr '\n' ' ')"; return 1; }
    sleep 0.1
  done
}

# containerd keeps the sockets of its shims outside the state directory it is given.
remove_shim_sockets() {
  local address
  for address in "$run"/containerd/io.containerd.runtime.v2.task/k8s.io/*/address; do
    [ -e "$address" ] || continue
    rm -f "$(sed 's|^unix://||' "$address")"
  done
}

release_mounts() { # deepest first: the pods' volumes, root file systems and network namespaces
  local point
  awk '{print $5}' /proc/self/mountinfo | grep -E "^($state|$run)/" | sort -ru | while read -r point; do
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
