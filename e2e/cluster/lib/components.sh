# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# Starting the components, each in the node's network, and noticing when one has died.

start() { # NAME COMMAND…
  local component=$1
  shift
  (
    exec 9>&-
    echo $BASHPID >"$(cgroup_of_processes)/system/cgroup.procs"
    # A clean environment: a proxy or a KUBECONFIG of the caller's is not meant for the components.
    exec env -i PATH="$PATH" HOME="$HOME" setsid nsenter --net="/run/netns/$namespace" "$@"
  ) >"$state/log/$component.log" 2>&1 </dev/null &
  echo $! >"$run/pid/$component"
  disown
}

# A recorded process counts as alive only while it is in this cluster's control group, so that a number
# which the kernel gave to somebody else's process meanwhile is never taken for ours.
alive() { # COMPONENT
  local pid
  pid=$(cat "$run/pid/$1" 2>/dev/null) && grep -qsE "[:/]$cgroup/system$" "/proc/$pid/cgroup" &&
    ! grep -qs '^State:[[:space:]]*Z' "/proc/$pid/status"
}

all_alive() {
  local file component
  for file in "$run"/pid/*; do
    [ -e "$file" ] || continue
    component=${file##*/}
    alive "$component" && continue
    say "$component has ended; the last lines of $state/log/$component.log:"
    tail -n 15 "$state/log/$component.log" | cut -c1-400 >&2
    return 1
  done
}

start_etcd() {
  start etcd "$etcd" --data-dir "$state/etcd" --unsafe-no-fsync --log-level warn \
    --listen-client-urls http://127.0.0.1:2379 --advertise-client-urls http://127.0.0.1:2379 \
    --listen-peer-urls http://127.0.0.1:2380
}

# No registry can be reached from the cluster but one that a test has started in its network. A proxy that refuses at once makes
# the pull of any other image that was not loaded fail in a moment, as ErrImagePull, instead of after long time-outs.
start_containerd() {
  local nowhere=http://127.0.0.1:1
  start containerd env HTTPS_PROXY=$nowhere HTTP_PROXY=$nowhere NO_PROXY="$node_ip" containerd --config "$state/containerd.toml"
}

# Policies that change pods are on by default from Kubernetes 1.36 on; tests put sidecars beside runners with them.
start_apiserver() {
  local pki=$state/pki
  start apiserver "$bin/kube" kube-apiserver --etcd-servers=http://127.0.0.1:2379 \
    --advertise-address="$node_ip" --bind-address="$node_ip" --service-cluster-ip-range="$service_cidr" \
    --client-ca-file="$pki/ca.crt" --tls-cert-file="$pki/apiserver.crt" --tls-private-key-file="$pki/apiserver.key" \
    --service-account-issuer=https://kubernetes.default.svc \
    --service-account-key-file="$pki/sa.pub" --service-account-signing-key-file="$pki/sa.key" \
    --authorization-mode=Node,RBAC --enable-admission-plugins=NodeRestriction --allow-privileged=true \
    --kubelet-client-certificate="$pki/apiserver-kubelet.crt" --kubelet-client-key="$pki/apiserver-kubelet.key" \
    --kubelet-preferred-address-types=InternalIP --enable-aggregator-routing=true \
    --requestheader-client-ca-file="$pki/ca.crt" --requestheader-allowed-names=front-proxy \
    --requestheader-username-headers=X-Remote-User --requestheader-group-headers=X-Remote-Group \
    --requestheader-extra-headers-prefix=X-Remote-Extra- \
    --proxy-client-cert-file="$pki/front-proxy.crt" --proxy-client-key-file="$pki/front-proxy.key" \
    --audit-policy-file="$state/audit-policy.yaml" --audit-log-path="$audit_log" --audit-log-maxsize=4096 \
    --feature-gates=MutatingAdmissionPolicy=true \
    --runtime-config=admissionregistration.k8s.io/v1beta1/mutatingadmissionpolicies=true,admissionregistration.k8s.io/v1beta1/mutatingadmissionpolicybindings=true
}

# Shorter HPA periods than production's, so that tests of minutes show what takes a quarter of an hour there. Where nodes
# are played, there are to be many pods soon: it is not the pace of the Job controller that is measured then.
start_controller_manager() {
  local pki=$state/pki kubeconfig=$state/controller-manager.kubeconfig pace=()
  [ "$nodes" = real ] || pace=(--kube-api-qps=500 --kube-api-burst=1000 --concurrent-job-syncs=20)
  start controller-manager "$bin/kube" kube-controller-manager --bind-address=127.0.0.1 --leader-elect=false \
    --kubeconfig="$kubeconfig" --authentication-kubeconfig="$kubeconfig" --authorization-kubeconfig="$kubeconfig" \
    --use-service-account-credentials --service-account-private-key-file="$pki/sa.key" --root-ca-file="$pki/ca.crt" \
    --cluster-signing-cert-file="$pki/ca.crt" --cluster-signing-key-file="$pki/ca.key" \
    --allocate-node-cidrs --cluster-cidr="$pod_cidr" --service-cluster-ip-range="$service_cidr" \
    --horizontal-pod-autoscaler-sync-period="${HPA_SYNC:-5s}" \
    --horizontal-pod-autoscaler-downscale-stabilization="${HPA_DOWNSCALE:-20s}" \
    --horizontal-pod-autoscaler-initial-readiness-delay=5s --horizontal-pod-autoscaler-cpu-initialization-period=10s \
    "${pace[@]}"
}

start_scheduler() {
  local kubeconfig=$state/scheduler.kubeconfig
  start scheduler "$bin/kube" kube-scheduler --bind-address=127.0.0.1 --leader-elect=false \
    --kubeconfig="$kubeconfig" --authentication-kubeconfig="$kubeconfig" --authorization-kubeconfig="$kubeconfig"
}

start_kubelet() {
  start kubelet "$bin/kube" kubelet --kubeconfig="$state/kubelet.kubeconfig" --config="$state/kubelet.yaml" \
    --root-dir="$state/kubelet" --node-ip="$node_ip" --hostname-override=node0 --housekeeping-interval=5s
}

start_proxy() {
  start proxy "$bin/kube" kube-proxy --kubeconfig="$state/proxy.kubeconfig" --hostname-override=node0 \
    --proxy-mode=iptables --cluster-cidr="$pod_cidr" \
    --conntrack-max-per-core=0 --conntrack-tcp-timeout-established=0 --conntrack-tcp-timeout-close-wait=0
}

start_dns() { start dns "$bin/dns" -conf "$state/Corefile"; }

start_metrics_server() {
  local kubeconfig=$state/admin.kubeconfig
  start metrics-server "$bin/metrics-server" --secure-port=10443 --cert-dir="$state/metrics-server" --metric-resolution=10s \
    --kubeconfig="$kubeconfig" --authentication-kubeconfig="$kubeconfig" --authorization-kubeconfig="$kubeconfig" \
    --kubelet-request-timeout=5s --kubelet-insecure-tls --kubelet-preferred-address-types=InternalIP
}

logs() { # [COMPONENT]
  if [ $# = 0 ]; then
    find "$state/log" -name '*.log' -printf '%f\n' 2>/dev/null | sed 's/\.log$//' | sort
  else
    cat "$state/log/$1.log"
  fi
}
