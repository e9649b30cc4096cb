#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Shows the main job: installs the chart, deploys a target with an autoscaler, applies a spike test,
# follows it and prints the verdict. Called by `make demo` on a cluster that is up, with KUBECONFIG set
# and kubectl and helm on PATH; everything it makes is in the namespaces upsurge-system and shop.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
deadline=${DEMO_TIMEOUT:-420} # seconds for the test itself

say() { printf '\n\033[1m%s\033[0m\n' "$*"; }
field() { kubectl -n shop get loadtest checkout-spike -o jsonpath="{$1}"; }

say "Installing Upsurge with Helm"
# All builds have the tag `dev`: the annotation has a newer one replace an older one that is running.
build=$(stat -c %Y "${UPSURGE_IMAGES_DIR:-target/images}/upsurge-operator.tar")
helm upgrade --install upsurge charts/upsurge --namespace upsurge-system --create-namespace \
  --set operator.image.tag=dev --set runner.image.tag=dev \
  --set-string "operator.podAnnotations.upsurge\.dev/build=$build" --wait --timeout 3m >/dev/null
kubectl -n upsurge-system get deployments

say "Deploying the target: a service and its HorizontalPodAutoscaler"
kubectl create namespace shop --dry-run=client -o yaml | kubectl apply -f - >/dev/null
kubectl apply -f docs/examples/checkout.yaml
kubectl -n shop rollout status deployment/checkout --timeout=2m
echo "Waiting until the autoscaler reads its metrics …"
kubectl -n shop wait --for=condition=ScalingActive --timeout=3m hpa/checkout

say "Applying docs/examples/checkout-spike.yaml"
last=$(field .status.lastRun 2>/dev/null || true)
kubectl apply -f docs/examples/checkout-spike.yaml
if [ -n "$last" ]; then # a demo that is run again asks for one more run of the same test
  kubectl -n shop annotate loadtest checkout-spike upsurge.dev/rerun="$(date +%s)" --overwrite >/dev/null
fi

end=$((SECONDS + deadline)) shown=
until run=$(field .status.lastRun) && [ -n "$run" ] && [ "$run" != "$last" ] &&
  [ "$(kubectl -n shop get loadtestrun "$run" -o jsonpath='{.status.phase}')" = Finished ]; do
  if [ -n "$run" ] && [ "$run" != "$last" ]; then
    now=$(kubectl -n shop get loadtestrun "$run" -o go-template='{{with .status}}{{.phase}}{{with .summary}} · {{.requests}} requests · {{.requestsPerSecond}}/s · p95 {{.latency.p95}} · errors {{.errorRate}}{{end}}{{end}}' 2>/dev/null || true)
    replicas=$(kubectl -n shop get hpa checkout -o jsonpath='{.status.currentReplicas} → {.status.desiredReplicas} replicas')
    line="$now · $replicas"
    [ "$line" = "$shown" ] || printf '%4ds  %s\n' $((SECONDS + deadline - end)) "$line"
    shown=$line
  fi
  if ((SECONDS >= end)); then
    echo "demo: the test did not finish within ${deadline} s; look at: kubectl -n shop describe loadtest checkout-spike" >&2
    exit 1
  fi
  sleep 1
done

say "The verdict"
kubectl -n shop get loadtests
kubectl -n shop get loadtestrun "$run" -o go-template-file=e2e/demo.tmpl

say "What stays on the cluster"
cat <<'LEFT'
Upsurge in the namespace upsurge-system, and service and test in the namespace shop.
  make cluster-shell              a shell with kubectl and helm: kubectl -n shop get loadtests, and so on
  make demo                       the same test once more
  kubectl delete namespace shop   in that shell, before you follow README or tutorial: they make it themselves
  make cluster-down               takes all of it away, if make has made the cluster
LEFT

say "The report"
# The command that is in the image of runners. It ends as the run did, which is asked for below, so only a file that is missing is an error.
upsurge=${UPSURGE_IMAGES_DIR:-target/images}/context/upsurge
rm -rf target/demo
"$upsurge" report "$run" --namespace shop --report-dir target/demo || true
"$upsurge" report target/demo/run.record -o text || true
for file in report.html report.md junit.xml run.record; do
  [ -s "target/demo/$file" ] || { echo "demo: there is no target/demo/$file" >&2; exit 1; }
done
cat <<'REPORT'

target/demo/report.html   the report: open it in a browser
target/demo/report.md     the same for a summary or a comment; junit.xml beside it is for CI systems
target/demo/run.record    the record of the run, from which they were made
REPORT
[ "$(field .status.verdict)" = Passed ]
