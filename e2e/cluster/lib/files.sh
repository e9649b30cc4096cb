# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# Certificates, kubeconfigs and the components' configuration files.

render() { # FILE : a file of config/ with its @NAMES@ filled in
  sed -e "s|@state@|$state|g" -e "s|@run@|$run|g" -e "s|@name@|$name|g" -e "s|@cgroup@|$cgroup|g" \
    -e "s|@node_ip@|$node_ip|g" -e "s|@node_pod_cidr@|$node_pod_cidr|g" "$here/config/$1" >"$state/$1"
}

files() {
  mkdir -p "$run"/{pid,netns} "$state"/{log,cni,kubelet,pod-logs,registries/"$registry"}
  local file
  for file in containerd.toml Corefile kubelet.yaml addons.yaml audit-policy.yaml; do render $file; done
  render pods.conflist && mv "$state/pods.conflist" "$state/cni/"
  echo "nameserver $node_ip" >"$state/resolv.conf"
  # Without the second line, containerd speaks TLS all the same.
  printf 'server = "http://%s"\n[host."http://%s"]\n' "$registry" "$registry" >"$state/registries/$registry/hosts.toml"
}

certificate() { # NAME SUBJECT [ALTERNATIVE-NAMES]
  openssl req -newkey rsa:2048 -nodes -keyout "$1.key" -out "$1.csr" -subj "$2" 2>/dev/null
  openssl x509 -req -in "$1.csr" -CA ca.crt -CAkey ca.key -CAcreateserial -days 3650 -out "$1.crt" \
    -extfile <(echo "subjectAltName=${3:-DNS:localhost}") 2>/dev/null
}

certificates() {
  mkdir -p "$state/pki"
  (
    cd "$state/pki" || exit
    openssl req -x509 -newkey rsa:2048 -nodes -keyout ca.key -out ca.crt -days 3650 -subj "/CN=$name" 2>/dev/null
    openssl genrsa -out sa.key 2048 2>/dev/null
    openssl rsa -in sa.key -pubout -out sa.pub 2>/dev/null
    local kubernetes=DNS:localhost,DNS:kubernetes,DNS:kubernetes.default,DNS:kubernetes.default.svc,DNS:kubernetes.default.svc.cluster.local
    certificate apiserver /CN=kube-apiserver "$kubernetes,IP:127.0.0.1,IP:$node_ip,IP:$api_ip"
    certificate apiserver-kubelet /O=system:masters/CN=apiserver-kubelet
    certificate front-proxy /CN=front-proxy
    certificate kubelet /O=system:nodes/CN=system:node:node0 "DNS:node0,IP:$node_ip"
    certificate admin /O=system:masters/CN=admin
    certificate controller-manager /CN=system:kube-controller-manager
    certificate scheduler /CN=system:kube-scheduler
    certificate proxy /CN=system:kube-proxy
  )
  local user
  for user in admin controller-manager scheduler proxy kubelet; do kubeconfig $user; done
}

kubeconfig() { # USER
  local pki=$state/pki
  cat >"$state/$1.kubeconfig" <<T
apiVersion: v1
kind: Config
current-context: $name
contexts: [{name: $name, context: {cluster: $name, user: $1}}]
clusters:
- name: $name
  cluster: {server: "https://$node_ip:6443", certificate-authority-data: $(base64 -w0 "$pki/ca.crt")}
users:
- name: $1
  user: {client-certificate-data: $(base64 -w0 "$pki/$1.crt"), client-key-data: $(base64 -w0 "$pki/$1.key")}
T
  chmod 600 "$state/$1.kubeconfig"
}
