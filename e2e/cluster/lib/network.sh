# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# The node's network namespace and control groups.

network() {
  ip netns add "$namespace"
  ip -n "$namespace" link set lo up
  ip -n "$namespace" link add node0 type bridge
  ip -n "$namespace" addr add "$node_ip/24" dev node0
  ip -n "$namespace" link set node0 up
  # Some components insist on a default route. This one leads nowhere: nothing leaves the namespace.
  ip -n "$namespace" route add default dev node0
  in_node sysctl -qw net.ipv4.ip_forward=1
}

# The directories of the cluster's control group: one per controller with cgroup v1, a single one with v2.
cgroup_directories() {
  if [ -e /sys/fs/cgroup/cgroup.controllers ]; then
    echo "/sys/fs/cgroup/$cgroup"
  else
    local controller
    for controller in /sys/fs/cgroup/*/; do
      [ ! -e "$controller/cgroup.procs" ] || echo "$controller$cgroup"
    done
  fi
}

# The one directory by which the cluster's processes are found again. cgroup v1 has several trees: of
# them `pids` is one that the kubelet demands, so it is always there.
cgroup_of_processes() {
  [ -e /sys/fs/cgroup/cgroup.controllers ] && echo "/sys/fs/cgroup/$cgroup" || echo "/sys/fs/cgroup/pids/$cgroup"
}

# A control group per cluster lets kubelets live side by side: each removes pods that it does not know
# from the tree it works in.
control_groups() {
  local directory parent controllers
  for directory in $(cgroup_directories); do mkdir -p "$directory"; done
  if [ -e /sys/fs/cgroup/cgroup.controllers ]; then
    controllers=$(sed 's/\(^\| \)/\1+/g' /sys/fs/cgroup/cgroup.controllers)
    for parent in /sys/fs/cgroup /sys/fs/cgroup/upsurge "/sys/fs/cgroup/$cgroup"; do
      echo "$controllers" >"$parent/cgroup.subtree_control" 2>/dev/null || true
    done
  fi
  mkdir -p "$(cgroup_of_processes)/system"
  heavy
}

# All pods together are one group, which would get no more of the processors than any single thread outside of it, the
# components' among them. On a node of its own they would get nearly all.
heavy() {
  local directory group
  for directory in $(cgroup_directories); do
    for group in "${directory%/*}" "$directory"; do
      [ ! -e "$group/cpu.shares" ] || echo 16384 >"$group/cpu.shares"
      [ ! -e "$group/cpu.weight" ] || echo 1600 >"$group/cpu.weight"
    done
  done
}
