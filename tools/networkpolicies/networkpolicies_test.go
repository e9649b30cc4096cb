// SPDX-License-Identifier: Apache-2.0

// Package networkpolicies tells what the chart's NetworkPolicy, and the one that the documentation shows for namespaces of
// tests, let pass: the chart is rendered with helm (on PATH) and evaluated by the matcher of cyclonus, an evaluator that is
// not ours.
package networkpolicies

import (
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/mattfenwick/cyclonus/pkg/matcher"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"sigs.k8s.io/yaml"
)

const (
	chart = "../../charts/upsurge"
	howTo = "../../docs/src/how-to/network-policies.md"
)

type labels = map[string]string

// Who sends, or is sent to.
var (
	operator = pod("upsurge-system", labels{
		"app.kubernetes.io/name": "upsurge", "app.kubernetes.io/instance": "upsurge", "app.kubernetes.io/component": "operator",
		"app.kubernetes.io/managed-by": "Helm",
	})
	tester     = pod("upsurge-system", testLabels)
	testerToo  = pod("shop", testLabels)
	neighbour  = pod("upsurge-system", labels{"app": "neighbour"})
	runner     = pod("shop", runnerLabels("first"))
	runnerToo  = pod("billing", runnerLabels("second"))
	target     = pod("shop", labels{"app": "checkout"})
	disguised  = pod("shop", labels{"app.kubernetes.io/component": "runner"})
	checkpoint = pod("shop", labels{"app.kubernetes.io/managed-by": "upsurge", "app.kubernetes.io/component": "checkpoint"})
	prometheus = pod("monitoring", labels{"app.kubernetes.io/name": "prometheus"})
	grafana    = pod("monitoring", labels{"app.kubernetes.io/name": "grafana"})
	names      = pod("kube-system", labels{"k8s-app": "kube-dns"})
	apiServer  = address("10.96.0.1")
	apiServer6 = address("fd00:10:96::1")
	elsewhere  = address("198.51.100.7")
	metadata   = address("169.254.169.254")
)

// As the chart labels the pod of `helm test`.
var testLabels = labels{
	"app.kubernetes.io/name": "upsurge", "app.kubernetes.io/instance": "upsurge", "app.kubernetes.io/component": "test",
}

func pod(namespace string, own labels) *matcher.TrafficPeer {
	return &matcher.TrafficPeer{IP: "10.0.0.9", Internal: &matcher.InternalPeer{
		Namespace: namespace, NamespaceLabels: labels{"kubernetes.io/metadata.name": namespace}, PodLabels: own,
	}}
}

// As the operator labels its runner pods.
func runnerLabels(test string) labels {
	return labels{
		"upsurge.dev/test": test, "upsurge.dev/run": test + "-g1",
		"app.kubernetes.io/managed-by": "upsurge", "app.kubernetes.io/component": "runner",
	}
}

func address(ip string) *matcher.TrafficPeer {
	return &matcher.TrafficPeer{IP: ip}
}

type pair struct {
	what     string
	from, to *matcher.TrafficPeer
	port     int
	protocol corev1.Protocol
	allowed  bool
}

func check(t *testing.T, policies []*networkingv1.NetworkPolicy, pairs []pair) {
	t.Helper()
	rules := matcher.BuildNetworkPolicies(false, policies)
	for _, pair := range pairs {
		traffic := &matcher.Traffic{Source: pair.from, Destination: pair.to, ResolvedPort: pair.port, Protocol: pair.protocol}
		if got := rules.IsTrafficAllowed(traffic).IsAllowed(); got != pair.allowed {
			t.Errorf("%s at port %d/%s: allowed is %v\n%s", pair.what, pair.port, pair.protocol, got, traffic.Table())
		}
	}
}

// The NetworkPolicies of the chart with these values.
func rendered(t *testing.T, values string) []*networkingv1.NetworkPolicy {
	t.Helper()
	command := exec.Command("helm", "template", "upsurge", chart, "--namespace", "upsurge-system", "--values", "-")
	command.Stdin = strings.NewReader(values)
	output, err := command.Output()
	if err != nil {
		failed, _ := err.(*exec.ExitError)
		t.Fatalf("helm template: %v\n%s", err, failed.Stderr)
	}
	return parsed(t, string(output))
}

func parsed(t *testing.T, manifests string) []*networkingv1.NetworkPolicy {
	t.Helper()
	var policies []*networkingv1.NetworkPolicy
	for _, document := range strings.Split(manifests, "\n---\n") {
		policy := &networkingv1.NetworkPolicy{}
		if strings.Contains(document, "kind: NetworkPolicy") {
			if err := yaml.UnmarshalStrict([]byte(document), policy); err != nil {
				t.Fatalf("%v in\n%s", err, document)
			}
			policies = append(policies, policy)
		}
	}
	return policies
}

const (
	tcp = corev1.ProtocolTCP
	udp = corev1.ProtocolUDP
)

func TestWithoutThePolicyAllIsAllowed(t *testing.T) {
	policies := rendered(t, "networkPolicy: {enabled: false}")
	if len(policies) != 0 {
		t.Fatalf("%d policies", len(policies))
	}
	check(t, policies, []pair{
		{"a stranger to the collector", target, operator, 8080, tcp, true},
		{"the operator to the internet", operator, elsewhere, 443, tcp, true},
	})
}

func TestRunnersReachTheCollectorAndNobodyElseDoes(t *testing.T) {
	check(t, rendered(t, "networkPolicy: {enabled: true}"), []pair{
		{"a runner to the collector", runner, operator, 8080, tcp, true},
		{"a runner of another namespace to the collector", runnerToo, operator, 8080, tcp, true},
		{"a runner to the metrics", runner, operator, 9090, tcp, false},
		{"a runner to any other port", runner, operator, 22, tcp, false},
		{"a runner by UDP", runner, operator, 8080, udp, false},
		{"a target to the collector", target, operator, 8080, tcp, false},
		{"a pod with half of a runner's labels", disguised, operator, 8080, tcp, false},
		{"another part of a run", checkpoint, operator, 8080, tcp, false},
		{"a neighbour to the collector", neighbour, operator, 8080, tcp, false},
		{"one operator to another", operator, operator, 8080, tcp, false},
		{"the pod of helm test to the collector", tester, operator, 8080, tcp, true},
		{"the pod of helm test to the readiness", tester, operator, 9090, tcp, true},
		{"the pod of helm test to any other port", tester, operator, 22, tcp, false},
		{"one of another namespace that looks like it", testerToo, operator, 9090, tcp, false},
		{"the outside to the collector", elsewhere, operator, 8080, tcp, false},
		{"Prometheus to the metrics, unless it is named", prometheus, operator, 9090, tcp, false},
		{"the operator to the API server", operator, apiServer, 443, tcp, true},
		{"the operator to the internet", operator, elsewhere, 443, tcp, true},
		// It is about the operator only.
		{"a runner to its target", runner, target, 8080, tcp, true},
		{"a neighbour to another", target, neighbour, 80, tcp, true},
	})
}

func TestWithoutItsOwnTestNobodyOfTheReleaseIsLetIn(t *testing.T) {
	check(t, rendered(t, "{networkPolicy: {enabled: true}, helmTest: {enabled: false}}"), []pair{
		{"a pod that looks like that of helm test", tester, operator, 9090, tcp, false},
		{"a runner to the collector", runner, operator, 8080, tcp, true},
	})
}

func TestOnlyRunnersOfWatchedNamespacesReachTheCollector(t *testing.T) {
	check(t, rendered(t, "{networkPolicy: {enabled: true}, watchNamespaces: [shop, search]}"), []pair{
		{"a runner of a watched namespace", runner, operator, 8080, tcp, true},
		{"a runner of another namespace", runnerToo, operator, 8080, tcp, false},
		{"a target of a watched namespace", target, operator, 8080, tcp, false},
	})
}

func TestThoseWhoMayReadTheMetricsMayDoNothingElse(t *testing.T) {
	values := `
networkPolicy:
  enabled: true
  metrics:
    from:
    - namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: monitoring}}
      podSelector: {matchLabels: {app.kubernetes.io/name: prometheus}}
`
	check(t, rendered(t, values), []pair{
		{"Prometheus to the metrics", prometheus, operator, 9090, tcp, true},
		{"Prometheus to the collector", prometheus, operator, 8080, tcp, false},
		{"Grafana beside it", grafana, operator, 9090, tcp, false},
		{"a runner to the metrics", runner, operator, 9090, tcp, false},
		{"a runner to the collector", runner, operator, 8080, tcp, true},
	})
}

func TestWhereTheOperatorGoesIsLimitedWhenAskedFor(t *testing.T) {
	limited := `
networkPolicy:
  enabled: true
  egress:
    enabled: true
    apiServer: {cidrs: [10.96.0.1/32], ports: [443]}
    further:
    - to: [{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: monitoring}}}]
      ports: [{protocol: TCP, port: 9090}]
`
	check(t, rendered(t, limited), []pair{
		{"names by UDP", operator, names, 53, udp, true},
		{"names by TCP", operator, names, 53, tcp, true},
		{"the API server", operator, apiServer, 443, tcp, true},
		{"another port of the API server", operator, apiServer, 22, tcp, false},
		{"the internet", operator, elsewhere, 443, tcp, false},
		{"the metadata of the cloud", operator, metadata, 80, tcp, false},
		{"a Prometheus that was named", operator, prometheus, 9090, tcp, true},
		{"another port of it", operator, prometheus, 8080, tcp, false},
		{"a target", operator, target, 8080, tcp, false},
		{"a runner to the collector", runner, operator, 8080, tcp, true},
	})
	check(t, rendered(t, "networkPolicy: {enabled: true, egress: {enabled: true}}"), []pair{
		{"the API server, wherever it is", operator, apiServer, 6443, tcp, true},
		{"the API server by version 6", operator, apiServer6, 443, tcp, true},
		{"the metadata of the cloud", operator, metadata, 80, tcp, false},
		{"a Prometheus that was not named", operator, prometheus, 9090, tcp, false},
	})
}

// The policies that the documentation shows for a namespace of tests whose pods may go nowhere by default.
func TestTheDocumentedPolicyLetsRunnersWork(t *testing.T) {
	text, err := os.ReadFile(howTo)
	if err != nil {
		t.Fatal(err)
	}
	var shown []*networkingv1.NetworkPolicy
	for _, block := range strings.Split(string(text), "```yaml\n")[1:] {
		block, _, _ = strings.Cut(block, "```")
		shown = append(shown, parsed(t, block)...)
	}
	if len(shown) != 1 {
		t.Fatalf("%s shows %d NetworkPolicies", howTo, len(shown))
	}
	closed := parsed(t, `
kind: NetworkPolicy
apiVersion: networking.k8s.io/v1
metadata: {name: closed, namespace: shop}
spec: {podSelector: {}, policyTypes: [Egress]}
`)
	check(t, closed, []pair{{"a runner to the collector", runner, operator, 8080, tcp, false}})
	check(t, append(append(closed, shown...), rendered(t, "networkPolicy: {enabled: true}")...), []pair{
		{"a runner to the collector", runner, operator, 8080, tcp, true},
		{"a runner to the metrics", runner, operator, 9090, tcp, false},
		{"a runner to names", runner, names, 53, udp, true},
		{"a runner to its target", runner, target, 8080, tcp, true},
		{"a runner to the internet", runner, elsewhere, 443, tcp, false},
		{"a runner to a pod beside the operator", runner, neighbour, 8080, tcp, false},
		{"a target to the collector", target, operator, 8080, tcp, false},
	})
}
