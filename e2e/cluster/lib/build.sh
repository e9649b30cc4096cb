# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# What has to be on the machine: Debian's packages, and the binaries built from Go modules.

packages() {
  [ "$(id -u)" = 0 ] || { say "must run as root: it makes namespaces, mounts and cgroups"; exit 1; }
  local missing=() package
  for package in containerd runc containernetworking-plugins iptables conntrack iproute2 openssl procps util-linux; do
    [ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null)" = installed ] || missing+=("$package")
  done
  [ ${#missing[@]} = 0 ] && return
  say "installing ${missing[*]}"
  apt-get update -qq >&2
  # A policy of 101 keeps the packages' own services stopped: the cluster runs its own containerd.
  local policy=/usr/sbin/policy-rc.d made=
  [ -e $policy ] || { printf '#!/bin/sh\nexit 101\n' >$policy && chmod +x $policy && made=1; }
  local result=0
  DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=300 install -y -qq --no-install-recommends "${missing[@]}" >&2 || result=$?
  [ -z "$made" ] || rm -f $policy
  return $result
}

build() {
  [ -x "$bin/kubectl" ] && [ -x "$etcd" ] && return
  command -v go >/dev/null || { say "needs Go to compile Kubernetes $version"; exit 1; }
  mkdir -p "$cache"
  # One build at a time, whichever cluster asks for it.
  [ -x "$etcd" ] || (flock 8; build_etcd) 8>"$cache/etcd.lock"
  [ -x "$bin/kubectl" ] || (flock 8; build_kubernetes) 8>"$cache/kubernetes.lock"
}

build_etcd() {
  [ -x "$etcd" ] && return
  say "building etcd"
  local partial=${etcd%/*}.partial
  CGO_ENABLED=0 go build -C "$here/etcd" -trimpath -o "$partial/" -ldflags "-s -w" .
  mv -T "$partial" "${etcd%/*}"
}

build_kubernetes() {
  [ -x "$bin/kubectl" ] && return
  say "building Kubernetes $version; the first time takes a quarter of an hour"
  rm -rf "$bin.partial" && mkdir -p "$bin.partial"
  local variables=k8s.io/component-base/version
  export CGO_ENABLED=0
  go build -C "$here/components" -trimpath -o "$bin.partial/" -ldflags "-s -w -X $variables.gitVersion=$version \
    -X $variables.gitMajor=1 -X $variables.gitMinor=$(cut -d. -f2 <<<"$version")" ./...
  go build -C "$here/metrics-server" -trimpath -o "$bin.partial/" -ldflags "-s -w" .
  ln -s kube "$bin.partial/kubectl"
  mv -T "$bin.partial" "$bin"
}
