// SPDX-License-Identifier: Apache-2.0

// Command schemas writes JSON schemas for kubeconform: one file for each kind in
// an OpenAPI description of Kubernetes or in CustomResourceDefinitions. They are
// strict (a field that the API does not know is an error) and self-contained.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"sigs.k8s.io/yaml"
)

type object = map[string]any

const prefix = "#/definitions/"

func main() {
	swagger := flag.String("swagger", "", "OpenAPI v2 description of the Kubernetes API")
	out := flag.String("out", "", "directory to write the schemas to")
	flag.Parse()
	if *out == "" || (*swagger == "" && flag.NArg() == 0) {
		fmt.Fprintln(os.Stderr, "usage: schemas -out DIRECTORY [-swagger FILE] [CRD-FILE…]")
		os.Exit(2)
	}
	err := os.MkdirAll(*out, 0o755)
	if err == nil && *swagger != "" {
		err = fromSwagger(*swagger, *out)
	}
	for _, file := range flag.Args() {
		if err == nil {
			err = fromDefinition(file, *out)
		}
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "schemas:", err)
		os.Exit(1)
	}
}

func fromSwagger(file, out string) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	var document struct{ Definitions map[string]object }
	if err := json.Unmarshal(text, &document); err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	for name, definition := range document.Definitions {
		loosen(name, definition)
		strict(definition)
	}
	for name, definition := range document.Definitions {
		kinds, _ := definition["x-kubernetes-group-version-kind"].([]any)
		if len(kinds) != 1 { // types that every group has, such as DeleteOptions, are no resources
			continue
		}
		kind := kinds[0].(object)
		needed := map[string]object{}
		collect(definition, document.Definitions, needed)
		schema := object{"$ref": prefix + name, "definitions": needed}
		needed[name] = definition
		if err := write(out, kind["group"].(string), kind["version"].(string), kind["kind"].(string), schema); err != nil {
			return err
		}
	}
	return nil
}

// loosen mends what the description says more narrowly than the API server reads it.
func loosen(name string, definition object) {
	switch {
	case strings.HasSuffix(name, ".IntOrString"), strings.HasSuffix(name, ".resource.Quantity"):
		definition["type"] = []any{"string", "number"}
		delete(definition, "format")
	case strings.HasSuffix(name, ".JSONSchemaProps"):
		// Vendor extensions beyond those that are listed are allowed in CRDs.
		definition["patternProperties"] = object{"^x-kubernetes-": object{}}
	}
}

// strict forbids fields that a schema with named properties does not name, and
// allows null for a field, as the API server does.
func strict(schema object) {
	properties, named := schema["properties"].(object)
	_, open := schema["additionalProperties"]
	if _, preserved := schema["x-kubernetes-preserve-unknown-fields"]; named && !open && !preserved {
		schema["additionalProperties"] = false
	}
	for _, property := range properties {
		if property, ok := property.(object); ok {
			strict(property)
			if kind, ok := property["type"].(string); ok && property["enum"] == nil {
				property["type"] = []any{kind, "null"}
			}
		}
	}
	for _, key := range []string{"items", "additionalProperties"} {
		if inner, ok := schema[key].(object); ok {
			strict(inner)
		}
	}
	if schema["x-kubernetes-int-or-string"] == true {
		schema["type"] = []any{"string", "integer"}
	}
}

// collect adds to needed every definition that the schema refers to, at any depth.
func collect(node any, all, needed map[string]object) {
	switch node := node.(type) {
	case object:
		if reference, ok := node["$ref"].(string); ok {
			name := strings.TrimPrefix(reference, prefix)
			if _, known := needed[name]; !known {
				needed[name] = all[name]
				collect(all[name], all, needed)
			}
		}
		for _, inner := range node {
			collect(inner, all, needed)
		}
	case []any:
		for _, inner := range node {
			collect(inner, all, needed)
		}
	}
}

func fromDefinition(file, out string) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	var definition struct {
		Kind string
		Spec struct {
			Group    string
			Names    struct{ Kind string }
			Versions []struct {
				Name   string
				Schema struct {
					OpenAPIV3Schema object `json:"openAPIV3Schema"`
				}
			}
		}
	}
	if err := yaml.Unmarshal(text, &definition); err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	if definition.Kind != "CustomResourceDefinition" {
		return nil
	}
	for _, version := range definition.Spec.Versions {
		schema := version.Schema.OpenAPIV3Schema
		properties, ok := schema["properties"].(object)
		if !ok {
			return fmt.Errorf("%s: version %s has no schema with properties", file, version.Name)
		}
		for _, implied := range []string{"apiVersion", "kind"} {
			properties[implied] = object{"type": "string"}
		}
		properties["metadata"] = object{"type": "object", "additionalProperties": true}
		strict(schema)
		if err := write(out, definition.Spec.Group, version.Name, definition.Spec.Names.Kind, schema); err != nil {
			return err
		}
	}
	return nil
}

// write names a file as kubeconform's {{.ResourceKind}}{{.KindSuffix}}.json does.
func write(out, group, version, kind string, schema object) error {
	text, err := json.Marshal(schema)
	if err != nil {
		return err
	}
	suffix := "-" + version
	if group != "" {
		suffix = "-" + strings.Split(group, ".")[0] + suffix
	}
	return os.WriteFile(filepath.Join(out, strings.ToLower(kind)+suffix+".json"), text, 0o644)
}
