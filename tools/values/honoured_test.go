// SPDX-License-Identifier: Apache-2.0

package main

import (
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
	"helm.sh/helm/v4/pkg/chart/common"
	"helm.sh/helm/v4/pkg/chart/common/util"
	chart "helm.sh/helm/v4/pkg/chart/v2"
	"helm.sh/helm/v4/pkg/chart/v2/loader"
	"helm.sh/helm/v4/pkg/engine"
)

const folder = "../../charts/upsurge"

// Each value is set in a file of ci/, and the objects there are others without it: no value is ignored, and each was rendered
// with something else than its default.
func TestEachValueChangesTheObjects(t *testing.T) {
	unseen := map[string]bool{}
	for _, value := range described(t) {
		unseen[value.path] = true
	}
	files, err := filepath.Glob(folder + "/ci/*-values.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("no values in ci: %v", err)
	}
	loaded, err := loader.LoadDir(folder)
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		whole, err := rendered(loaded, read(t, file))
		if err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		for path := range unseen {
			values := read(t, file)
			if !remove(values, strings.Split(path, ".")) {
				continue
			}
			without, err := rendered(loaded, values)
			// Where a value is needed beside another one, it is not ignored either.
			if err != nil || !maps.Equal(without, whole) {
				delete(unseen, path)
			}
		}
	}
	for path := range unseen {
		t.Errorf("%s changes nothing in any of ci/*-values.yaml, or is in none of them", path)
	}
}

func described(t *testing.T) []value {
	t.Helper()
	text, err := os.ReadFile(folder + "/values.yaml")
	if err != nil {
		t.Fatal(err)
	}
	definitions, err := os.ReadFile(folder + "/values.definitions.yaml")
	if err != nil {
		t.Fatal(err)
	}
	_, values, err := describe(text, definitions)
	if err != nil {
		t.Fatal(err)
	}
	return values
}

func read(t *testing.T, file string) object {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	values := object{}
	if err := yaml.Unmarshal(text, &values); err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	return values
}

// remove takes a value away, and says whether it was there.
func remove(values object, path []string) bool {
	inner, there := values[path[0]]
	if len(path) == 1 {
		delete(values, path[0])
		return there
	}
	nested, ok := inner.(object)
	return ok && remove(nested, path[1:])
}

func rendered(loaded *chart.Chart, values object) (map[string]string, error) {
	release := common.ReleaseOptions{Name: "upsurge", Namespace: "upsurge-system", Revision: 1, IsInstall: true}
	all, err := util.ToRenderValues(loaded, values, release, common.DefaultCapabilities)
	if err != nil {
		return nil, err
	}
	files, err := engine.Render(loaded, all)
	delete(files, "upsurge/templates/NOTES.txt")
	return files, err
}
