// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"fmt"
	"strings"

	lua "github.com/yuin/gopher-lua"
)

// health is what Argo CD says of an object by the check that a page shows for its kind. The check is run as Argo CD's controller runs
// it: by gopher-lua of the same version, with the libraries that it opens and no others (util/lua/lua.go of Argo CD 3.6).
func health(page string, object []byte) (Word, error) {
	var from map[string]any
	if err := json.Unmarshal(object, &from); err != nil {
		return Word{}, err
	}
	kind, _ := from["kind"].(string)
	check, err := script(page, kind)
	if err != nil {
		return Word{}, err
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
		return Word{}, err
	}
	result, is := state.Get(-1).(*lua.LTable)
	if !is {
		return Word{}, fmt.Errorf("the check of a %s returns %v", kind, state.Get(-1))
	}
	return Word{Status: result.RawGetString("status").String(), Message: result.RawGetString("message").String()}, nil
}

// script is the check of a kind: the lines below its key in the ConfigMap that the page shows.
func script(page, kind string) (string, error) {
	_, rest, found := strings.Cut(page, "  resource.customizations.health.upsurge.dev_"+kind+": |\n")
	if !found {
		return "", fmt.Errorf("the page has no check of a %q", kind)
	}
	var lines []string
	for _, line := range strings.Split(rest, "\n") {
		if line != "" && !strings.HasPrefix(line, "    ") {
			break
		}
		lines = append(lines, line)
	}
	return strings.Join(lines, "\n"), nil
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
