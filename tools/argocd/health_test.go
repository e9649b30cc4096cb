// SPDX-License-Identifier: Apache-2.0

// Package argocd tries the health check that the documentation shows for Argo CD on tests and runs in every state. It is run as
// Argo CD's controller runs it: by gopher-lua of the same version, with the libraries that it opens and no others
// (util/lua/lua.go of Argo CD 3.6).
package argocd

import (
	"encoding/json"
	"os"
	"strings"
	"testing"

	lua "github.com/yuin/gopher-lua"
)

const page = "../../docs/src/how-to/argo-cd-flux.md"

// script is the check of a kind: the lines below `health.lua: |` of its key in the ConfigMap that the page shows.
func script(t *testing.T, kind string) string {
	t.Helper()
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	_, rest, found := strings.Cut(string(text), "  resource.customizations.health.upsurge.dev_"+kind+": |\n")
	if !found {
		t.Fatalf("%s has no check of a %s", page, kind)
	}
	var lines []string
	for _, line := range strings.Split(rest, "\n") {
		if line != "" && !strings.HasPrefix(line, "    ") {
			break
		}
		lines = append(lines, line)
	}
	return strings.Join(lines, "\n")
}

// value is a JSON value as Lua has it.
func value(state *lua.LState, from any) lua.LValue {
	switch from := from.(type) {
	case string:
		return lua.LString(from)
	case float64:
		return lua.LNumber(from)
	case bool:
		return lua.LBool(from)
	case []any:
		table := state.NewTable()
		for _, element := range from {
			table.Append(value(state, element))
		}
		return table
	case map[string]any:
		table := state.NewTable()
		for name, element := range from {
			table.RawSetString(name, value(state, element))
		}
		return table
	}
	return lua.LNil
}

// health runs a check on an object and gives the status and the message.
func health(t *testing.T, check, object string) (string, string) {
	t.Helper()
	var from any
	if err := json.Unmarshal([]byte(object), &from); err != nil {
		t.Fatal(err)
	}
	state := lua.NewState(lua.Options{SkipOpenLibs: true})
	defer state.Close()
	for name, open := range map[string]lua.LGFunction{
		lua.LoadLibName: lua.OpenPackage, lua.BaseLibName: lua.OpenBase, lua.TabLibName: lua.OpenTable,
	} {
		state.Push(state.NewFunction(open))
		state.Push(lua.LString(name))
		state.Call(1, 0)
	}
	state.SetGlobal("obj", value(state, from))
	if err := state.DoString(check); err != nil {
		t.Fatal(err)
	}
	result, is := state.Get(-1).(*lua.LTable)
	if !is {
		t.Fatalf("the check returns %v", state.Get(-1))
	}
	return result.RawGetString("status").String(), result.RawGetString("message").String()
}

func TestHealth(t *testing.T) {
	const generation = `"metadata": {"generation": 2}, "status": {"observedGeneration": 2, "conditions": `
	for name, test := range map[string]struct{ object, status, message string }{
		"nobody has looked":    {`{"metadata": {"generation": 1}}`, "Progressing", "waiting"},
		"new, as created":      {`{"metadata": {"generation": 1}, "status": {"observedGeneration": -1}}`, "Progressing", "waiting"},
		"no conditions yet":    {`{"metadata": {"generation": 1}, "status": {"observedGeneration": 1}}`, "Progressing", "waiting"},
		"changed since":        {`{"metadata": {"generation": 3}, "status": {"observedGeneration": 2, "conditions": [{"type": "Ready", "status": "True", "reason": "ThresholdsMet", "message": "ok"}]}}`, "Progressing", "waiting"},
		"running":              {`{` + generation + `[{"type": "Ready", "status": "False", "reason": "Running", "message": "5s of 30s"}, {"type": "Reconciling", "status": "True", "reason": "Running", "message": "5s of 30s"}]}}`, "Progressing", "5s of 30s"},
		"retrying":             {`{` + generation + `[{"type": "Ready", "status": "False", "reason": "Retrying", "message": "conflict"}, {"type": "Reconciling", "status": "True", "reason": "ProgressingWithRetry", "message": "conflict"}]}}`, "Progressing", "conflict"},
		"passed":               {`{` + generation + `[{"type": "Ready", "status": "True", "reason": "ThresholdsMet", "message": "303 requests"}, {"type": "Complete", "status": "True", "reason": "ThresholdsMet", "message": "303 requests"}]}}`, "Healthy", "303 requests"},
		"failed":               {`{` + generation + `[{"type": "Ready", "status": "False", "reason": "ThresholdsBreached", "message": "p95"}, {"type": "Stalled", "status": "True", "reason": "ThresholdsBreached", "message": "p95"}, {"type": "Complete", "status": "True"}, {"type": "Failed", "status": "True"}]}}`, "Degraded", "p95"},
		"refused":              {`{` + generation + `[{"type": "Ready", "status": "False", "reason": "InvalidSpec", "message": "spec.load"}, {"type": "Stalled", "status": "True", "reason": "InvalidSpec", "message": "spec.load"}]}}`, "Degraded", "spec.load"},
		"suspended":            {`{` + generation + `[{"type": "Ready", "status": "False", "reason": "Suspended", "message": "spec.suspend holds new runs"}]}}`, "Healthy", "spec.suspend"},
		"order does not count": {`{` + generation + `[{"type": "Failed", "status": "True"}, {"type": "Stalled", "status": "True"}, {"type": "Ready", "status": "False", "reason": "NoData", "message": "none"}]}}`, "Degraded", "none"},
	} {
		for _, kind := range []string{"LoadTest", "LoadTestRun"} {
			t.Run(kind+" "+name, func(t *testing.T) {
				status, message := health(t, script(t, kind), test.object)
				if status != test.status || !strings.Contains(message, test.message) {
					t.Errorf("got %s, %q instead of %s, %q", status, message, test.status, test.message)
				}
			})
		}
	}
}
