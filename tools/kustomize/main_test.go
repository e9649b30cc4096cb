// SPDX-License-Identifier: Apache-2.0

package main

import (
	"strings"
	"testing"

	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/api/resmap"
	"sigs.k8s.io/kustomize/kyaml/filesys"
	"sigs.k8s.io/yaml"
)

// object is as much of any object as is looked at.
type object struct {
	Kind     string
	Metadata struct{ Name, Namespace string }
	Subjects []struct{ Name, Namespace string }
	Spec     struct {
		Template struct {
			Spec struct {
				Containers []struct {
					Image string
					Env   []struct{ Name, Value string }
				}
			}
		}
	}
}

func built(t *testing.T, directory string) (resmap.ResMap, []object) {
	t.Helper()
	resources, err := krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(filesys.MakeFsOnDisk(), directory)
	if err != nil {
		t.Fatal(err)
	}
	var objects []object
	for _, resource := range resources.Resources() {
		var one object
		if err := yaml.Unmarshal([]byte(resource.MustYaml()), &one); err != nil {
			t.Fatal(err)
		}
		objects = append(objects, one)
	}
	return resources, objects
}

func TestAllIsThereThatTheOperatorNeeds(t *testing.T) {
	_, objects := built(t, "../../deploy/base")
	kinds := map[string]int{}
	for _, one := range objects {
		kinds[one.Kind]++
	}
	for kind, wanted := range map[string]int{
		"CustomResourceDefinition": 5, "Namespace": 1, "Deployment": 1, "ServiceAccount": 1, "Service": 2, "PodDisruptionBudget": 1,
		"ClusterRoleBinding": 2, "RoleBinding": 3, "Pod": 0,
	} {
		if kinds[kind] != wanted {
			t.Errorf("%d of kind %s", kinds[kind], kind)
		}
	}
}

func TestTheExampleMovesEverything(t *testing.T) {
	resources, objects := built(t, "../../deploy/example")
	text, err := resources.AsYaml()
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(text), "namespace: upsurge-system") || strings.Contains(string(text), "upsurge-system.svc") {
		t.Error("something stays in upsurge-system")
	}
	subjects := 0
	for _, one := range objects {
		for _, subject := range one.Subjects {
			subjects++
			if subject.Namespace != "load-testing" {
				t.Errorf("%s %s gives rights to an account of namespace %s", one.Kind, one.Metadata.Name, subject.Namespace)
			}
		}
		if one.Kind != "Deployment" {
			continue
		}
		operator := one.Spec.Template.Spec.Containers[0]
		if operator.Image != "registry.example.com/upsurge/operator:v1" {
			t.Errorf("the operator's image is %s", operator.Image)
		}
		variables := map[string]string{}
		for _, variable := range operator.Env {
			variables[variable.Name] = variable.Value
		}
		for name, wanted := range map[string]string{
			"UPSURGE_RUNNER_IMAGE":  "registry.example.com/upsurge/runner:v1",
			"UPSURGE_COLLECTOR_URL": "http://upsurge-collector.$(POD_NAMESPACE).svc:8080",
		} {
			if variables[name] != wanted {
				t.Errorf("%s is %q", name, variables[name])
			}
		}
	}
	if subjects != 5 {
		t.Errorf("%d subjects", subjects)
	}
}
