// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"os"
	"strings"
	"testing"
)

const page = "../../docs/src/how-to/argo-cd-flux.md"

// Tests and runs in every state. What they are like on a cluster is tried with `make e2e-full`.
func TestReadings(t *testing.T) {
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	const generation = `"metadata": {"generation": 2}, "status": {"observedGeneration": 2, "conditions": `
	for name, test := range map[string]struct{ object, flux, argoCD, message string }{
		"nobody has looked":    {`{"metadata": {"generation": 1}}`, "Current", "Progressing", "waiting"},
		"new, as created":      {`{"metadata": {"generation": 1}, "status": {"observedGeneration": -1}}`, "InProgress", "Progressing", "waiting"},
		"no conditions yet":    {`{"metadata": {"generation": 1}, "status": {"observedGeneration": 1}}`, "Current", "Progressing", "waiting"},
		"changed since":        {`{"metadata": {"generation": 3}, "status": {"observedGeneration": 2, "conditions": [{"type": "Ready", "status": "True", "reason": "ThresholdsMet", "message": "ok"}]}}`, "InProgress", "Progressing", "waiting"},
		"running":              {`{` + generation + `[{"type": "Ready", "status": "False", "reason": "Running", "message": "5s of 30s"}, {"type": "Reconciling", "status": "True", "reason": "Running", "message": "5s of 30s"}]}}`, "InProgress", "Progressing", "5s of 30s"},
		"retrying":             {`{` + generation + `[{"type": "Ready", "status": "False", "reason": "Retrying", "message": "conflict"}, {"type": "Reconciling", "status": "True", "reason": "ProgressingWithRetry", "message": "conflict"}]}}`, "InProgress", "Progressing", "conflict"},
		"passed":               {`{` + generation + `[{"type": "Ready", "status": "True", "reason": "ThresholdsMet", "message": "303 requests"}, {"type": "Complete", "status": "True", "reason": "ThresholdsMet", "message": "303 requests"}]}}`, "Current", "Healthy", "303 requests"},
		"failed":               {`{` + generation + `[{"type": "Ready", "status": "False", "reason": "ThresholdsBreached", "message": "p95"}, {"type": "Stalled", "status": "True", "reason": "ThresholdsBreached", "message": "p95"}, {"type": "Complete", "status": "True"}, {"type": "Failed", "status": "True"}]}}`, "Failed", "Degraded", "p95"},
		"refused":              {`{` + generation + `[{"type": "Ready", "status": "False", "reason": "InvalidSpec", "message": "spec.load"}, {"type": "Stalled", "status": "True", "reason": "InvalidSpec", "message": "spec.load"}]}}`, "Failed", "Degraded", "spec.load"},
		"suspended":            {`{` + generation + `[{"type": "Ready", "status": "False", "reason": "Suspended", "message": "spec.suspend holds new runs"}]}}`, "InProgress", "Healthy", "spec.suspend"},
		"order does not count": {`{` + generation + `[{"type": "Failed", "status": "True"}, {"type": "Stalled", "status": "True"}, {"type": "Ready", "status": "False", "reason": "NoData", "message": "none"}]}}`, "Failed", "Degraded", "none"},
	} {
		for _, kind := range []string{"LoadTest", "LoadTestRun"} {
			t.Run(kind+" "+name, func(t *testing.T) {
				object := strings.Replace(test.object, "{", `{"apiVersion": "upsurge.dev/v1alpha1", "kind": "`+kind+`", `, 1)
				reading, err := read(string(text), []byte(object))
				if err != nil {
					t.Fatal(err)
				}
				if reading.Flux.Status != test.flux || reading.ArgoCD.Status != test.argoCD {
					t.Errorf("got %+v instead of %s and %s", reading, test.flux, test.argoCD)
				}
				if !strings.Contains(reading.ArgoCD.Message, test.message) {
					t.Errorf("Argo CD says %q, without %q", reading.ArgoCD.Message, test.message)
				}
			})
		}
	}
}

func TestRun(t *testing.T) {
	var out bytes.Buffer
	objects := `[{"apiVersion": "upsurge.dev/v1alpha1", "kind": "LoadTest", "metadata": {"generation": 1}, "status": {"observedGeneration": -1}}]`
	if err := run(page, strings.NewReader(objects), &out); err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(out.String(), `[{"flux":{"status":"InProgress",`) {
		t.Errorf("got %s", out.String())
	}
	for _, refused := range []string{`{}`, `[{"apiVersion": "v1", "kind": "Pod", "metadata": {"generation": 1}}]`} {
		if err := run(page, strings.NewReader(refused), &out); err == nil {
			t.Errorf("%s is taken", refused)
		}
	}
}
