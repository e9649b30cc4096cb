// SPDX-License-Identifier: Apache-2.0

// Package dashboards tells whether the chart's dashboards are what Grafana takes, by the types of its own foundation SDK, and whether
// Prometheus' parser takes their queries, which may ask for documented metrics and labels alone.
package dashboards

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/grafana/grafana-foundation-sdk/go/cog/plugins"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
	"github.com/prometheus/prometheus/promql/parser"
)

const (
	folder    = "../../charts/upsurge/files/dashboards"
	reference = "../../docs/src/reference"
	exporting = "../../docs/src/how-to/export-metrics.md"
)

// Labels that every series of a runner has, or that one may have, and those of the operator, with what Prometheus calls `namespace`
// of ours.
var labels = []string{
	"namespace", "testid", "runner", "stage", "scenario", "name", "method", "status", "check", "error", "condition",
	"test", "exported_namespace", "quantile", "phase", "controller", "outcome", "category", "version", "le",
}

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

var row = regexp.MustCompile("(?m)^\\| `([^|]*)` \\| ([^|]*) \\| ([^|]*) \\|")

// documented gives the names under which Prometheus has what the pages of the reference list.
func documented(t *testing.T) map[string]bool {
	t.Helper()
	names := map[string]bool{}
	for _, cells := range row.FindAllStringSubmatch(read(t, reference+"/operator-metrics.md"), -1) {
		names[cells[1]] = true
		if cells[2] == "histogram" {
			for _, suffix := range []string{"_bucket", "_sum", "_count"} {
				names[cells[1]+suffix] = true
			}
		}
	}
	for _, name := range regexp.MustCompile("`(upsurge_run_[a-z_]+)`").FindAllStringSubmatch(read(t, reference+"/metrics.md"), -1) {
		names[name[1]] = true
	}
	for _, cells := range row.FindAllStringSubmatch(read(t, reference+"/metric-list.md"), -1) {
		name, kind, values := cells[1], cells[2], cells[3]
		unit := map[string]string{"milliseconds": "_milliseconds", "bytes": "_bytes"}[values]
		switch kind {
		case "counter", "rate":
			names["k6_"+name+"_total"], names[name+unit+"_total"] = true, true
		case "trend":
			names["k6_"+name+"_seconds"], names[name+unit] = true, true
		case "gauge":
			names["k6_"+name], names[name] = true, true
		default:
			t.Errorf("the list of metrics has the kind %q of %s", kind, name)
		}
	}
	// What the rules above say is what the page about it says.
	for _, name := range []string{"k6_http_reqs_total", "k6_http_req_failed_total", "k6_http_req_duration_seconds", "k6_vus"} {
		if !names[name] || !strings.Contains(read(t, exporting), "`"+name+"`") {
			t.Errorf("%s is no documented metric", name)
		}
	}
	return names
}

// queries gives all expressions of a dashboard, those of its variables included.
func queries(t *testing.T, board any) []string {
	t.Helper()
	var found []string
	switch value := board.(type) {
	case map[string]any:
		for key, inner := range value {
			text, isText := inner.(string)
			switch {
			case isText && key == "expr":
				found = append(found, text)
			case isText && key == "query" && value["refId"] != nil:
				variable := regexp.MustCompile(`^label_values\((.+), ([a-z_]+)\)$`).FindStringSubmatch(text)
				if variable == nil {
					t.Errorf("a variable's query is %q", text)
					continue
				}
				found = append(found, "group by ("+variable[2]+") ("+variable[1]+")")
			default:
				found = append(found, queries(t, inner)...)
			}
		}
	case []any:
		for _, inner := range value {
			found = append(found, queries(t, inner)...)
		}
	}
	return found
}

// selected gives the names of the metrics that a selector is about.
func selected(selector *parser.VectorSelector) []string {
	for _, matcher := range selector.LabelMatchers {
		if matcher.Name == "__name__" {
			return strings.Split(matcher.Value, "|")
		}
	}
	return nil
}

func check(t *testing.T, query string, names map[string]bool) {
	t.Helper()
	filled := strings.ReplaceAll(query, "$__rate_interval", "1m")
	if strings.Contains(filled, "$__") {
		t.Errorf("%s: an unknown variable", query)
	}
	parsed, err := parser.NewParser(parser.Options{}).ParseExpr(filled)
	if err != nil {
		t.Errorf("%s: %v", query, err)
		return
	}
	asked := 0
	parser.Inspect(parsed, func(node parser.Node, _ []parser.Node) error {
		switch node := node.(type) {
		case *parser.VectorSelector:
			for _, name := range selected(node) {
				asked++
				if !names[name] {
					t.Errorf("%s: there is no metric %s", query, name)
				}
			}
			for _, matcher := range node.LabelMatchers {
				if matcher.Name != "__name__" && !slices.Contains(labels, matcher.Name) {
					t.Errorf("%s: there is no label %s", query, matcher.Name)
				}
			}
		case *parser.AggregateExpr:
			for _, label := range node.Grouping {
				if !slices.Contains(labels, label) {
					t.Errorf("%s: there is no label %s", query, label)
				}
			}
		}
		return nil
	})
	if asked == 0 {
		t.Errorf("%s: asks for no metric", query)
	}
}

func boards(t *testing.T) []string {
	t.Helper()
	files, err := filepath.Glob(folder + "/*.json")
	if err != nil || len(files) == 0 {
		t.Fatalf("no dashboards: %v", err)
	}
	return files
}

func TestDashboardsAreWhatGrafanaTakes(t *testing.T) {
	plugins.RegisterDefaultPlugins()
	identities := map[string]bool{}
	for _, file := range boards(t) {
		var board dashboard.Dashboard
		for _, err := range []error{board.UnmarshalJSONStrict([]byte(read(t, file))), board.Validate()} {
			// The SDK gives an empty list of errors, where there is none.
			if err != nil && err.Error() != "" {
				t.Errorf("%s: %v", file, err)
			}
		}
		if board.Uid == nil || identities[*board.Uid] {
			t.Errorf("%s: no identity of its own", file)
			continue
		}
		identities[*board.Uid] = true
	}
}

func TestQueriesAskForDocumentedMetrics(t *testing.T) {
	names := documented(t)
	for _, file := range boards(t) {
		var board any
		if err := json.Unmarshal([]byte(read(t, file)), &board); err != nil {
			t.Fatal(err)
		}
		all := queries(t, board)
		if len(all) < 10 {
			t.Errorf("%s has %d queries only", file, len(all))
		}
		for _, query := range all {
			check(t, query, names)
		}
	}
}
