// SPDX-License-Identifier: Apache-2.0

// Command values writes what people and helm read of a chart's values from values.yaml, the only place where they are
// described: values.schema.json, and the tables of README.md between its two markers. In values.yaml, a comment above a key
// with "# -- " describes it, "# @schema {…}" adds to what its default tells of its type, and "# @section …" begins a table.
package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"go.yaml.in/yaml/v3"
)

const (
	begin = "<!-- values: begin -->\n"
	end   = "<!-- values: end -->\n"
)

type object = map[string]any

// value is one row of a table.
type value struct{ section, path, fallback, description string }

func main() {
	chart := flag.String("chart", "charts/upsurge", "directory of the chart")
	check := flag.Bool("check", false, "write nothing; fail if a file is not what it would be")
	flag.Parse()
	if err := run(*chart, *check); err != nil {
		fmt.Fprintln(os.Stderr, "values:", err)
		os.Exit(1)
	}
}

func run(chart string, check bool) error {
	read := func(name string) ([]byte, error) { return os.ReadFile(filepath.Join(chart, name)) }
	text, err := read("values.yaml")
	if err != nil {
		return err
	}
	definitions, err := read("values.definitions.yaml")
	if err != nil {
		return err
	}
	readme, err := read("README.md")
	if err != nil {
		return err
	}
	schema, values, err := describe(text, definitions)
	if err != nil {
		return err
	}
	tables, err := insert(string(readme), values)
	if err != nil {
		return err
	}
	for name, wanted := range map[string]string{"values.schema.json": schema, "README.md": tables} {
		file := filepath.Join(chart, name)
		if present, _ := os.ReadFile(file); string(present) == wanted {
			continue
		}
		if check {
			return fmt.Errorf("%s is not what values.yaml says: run make generate-chart", file)
		}
		if err := os.WriteFile(file, []byte(wanted), 0o644); err != nil {
			return err
		}
	}
	return nil
}

// describe gives the schema, and all values that are described, in their order.
func describe(text, definitions []byte) (string, []value, error) {
	var document yaml.Node
	if err := yaml.Unmarshal(text, &document); err != nil {
		return "", nil, err
	}
	all := object{}
	if err := yaml.Unmarshal(definitions, &all); err != nil {
		return "", nil, err
	}
	reader := reader{lines: strings.Split(string(text), "\n"), definitions: all}
	schema, err := reader.schema("", document.Content[0], comment{description: ""}, false)
	if err != nil {
		return "", nil, err
	}
	if properties, ok := schema["properties"].(object); ok {
		properties["enabled"] = object{
			"type": "boolean", "description": "For the condition of a parent chart's dependency. The chart itself does not look at it.",
		}
	}
	schema["$schema"] = "http://json-schema.org/draft-07/schema#"
	schema["definitions"] = all
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(schema); err != nil {
		return "", nil, err
	}
	return out.String(), reader.values, nil
}

type reader struct {
	lines       []string
	definitions object
	values      []value
}

// comment is what stands above a key.
type comment struct {
	description string
	schema      object
}

// schema gives that of one node. Everything has to be described, by itself or by what it is part of.
func (r *reader) schema(path string, node *yaml.Node, above comment, described bool) (object, error) {
	described = described || above.description != ""
	result := object{}
	switch {
	case above.schema["$ref"] != nil, above.schema["enum"] != nil:
	case node.Kind == yaml.MappingNode:
		if len(node.Content) == 0 && above.schema == nil {
			return nil, fmt.Errorf("%s: an empty map does not tell what it may hold: add # @schema", path)
		}
		result["type"] = "object"
		if len(node.Content) > 0 {
			result["additionalProperties"] = false
		}
	case node.Kind == yaml.SequenceNode:
		if above.schema["items"] == nil {
			return nil, fmt.Errorf("%s: a list does not tell what it may hold: add # @schema {items: …}", path)
		}
		result["type"] = "array"
	default:
		kinds := map[string]string{"!!str": "string", "!!int": "integer", "!!bool": "boolean"}
		kind, known := kinds[node.Tag]
		if !known {
			return nil, fmt.Errorf("%s: a default can't be %s", path, node.Tag)
		}
		result["type"] = kind
	}
	for key, entry := range above.schema {
		result[key] = entry
	}
	if reference, ok := above.schema["$ref"].(string); ok {
		if _, known := r.definitions[strings.TrimPrefix(reference, "#/definitions/")]; !known {
			return nil, fmt.Errorf("%s: there is no %s", path, reference)
		}
		return result, nil
	}
	if node.Kind != yaml.MappingNode || len(node.Content) == 0 {
		if !described {
			return nil, fmt.Errorf("%s is not described: add # -- …", path)
		}
		return result, nil
	}
	properties := object{}
	for index := 0; index < len(node.Content); index += 2 {
		key, inner := node.Content[index], node.Content[index+1]
		name := strings.TrimPrefix(path+"."+key.Value, ".")
		above, section, err := r.above(key.Line)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		if above.description != "" {
			r.values = append(r.values, value{section, name, fallback(inner), above.description})
		}
		property, err := r.schema(name, inner, above, described)
		if err != nil {
			return nil, err
		}
		if above.description != "" {
			property["description"] = above.description
		}
		properties[key.Value] = property
	}
	result["properties"] = properties
	return result, nil
}

// above reads the comment above a line, and finds the section that the line is in.
func (r *reader) above(line int) (comment, string, error) {
	first := line - 1
	for first > 0 && strings.HasPrefix(strings.TrimSpace(r.lines[first-1]), "#") {
		first--
	}
	var words, schema []string
	into := &[]string{}
	for _, text := range r.lines[first : line-1] {
		text = strings.TrimSpace(strings.TrimPrefix(strings.TrimSpace(text), "#"))
		switch {
		case strings.HasPrefix(text, "-- "):
			into = &words
			text = strings.TrimPrefix(text, "-- ")
		case strings.HasPrefix(text, "@schema "):
			into = &schema
			text = strings.TrimPrefix(text, "@schema ")
		case strings.HasPrefix(text, "@"):
			into = &[]string{}
		}
		*into = append(*into, text)
	}
	found := comment{description: strings.Join(words, " ")}
	if len(schema) > 0 {
		if err := yaml.Unmarshal([]byte(strings.Join(schema, " ")), &found.schema); err != nil {
			return comment{}, "", fmt.Errorf("# @schema: %w", err)
		}
	}
	section := ""
	for _, text := range r.lines[:line] {
		if title, ok := strings.CutPrefix(text, "# @section "); ok {
			section = title
		}
	}
	return found, section, nil
}

// fallback is the default as it stands in a table.
func fallback(node *yaml.Node) string {
	if node.Kind == yaml.ScalarNode && node.Tag != "!!str" {
		return node.Value
	}
	var content any
	if err := node.Decode(&content); err != nil {
		return node.Value
	}
	if text, ok := content.(string); ok && text != "" {
		return text
	}
	text, err := json.Marshal(content)
	if err != nil {
		return node.Value
	}
	return string(text)
}

// insert puts the tables between the markers of a page.
func insert(page string, values []value) (string, error) {
	before, rest, opened := strings.Cut(page, begin)
	_, after, closed := strings.Cut(rest, end)
	if !opened || !closed {
		return "", errors.New("README.md has no markers for the tables of values")
	}
	var tables strings.Builder
	section := ""
	for _, value := range values {
		if value.section != section {
			section = value.section
			fmt.Fprintf(&tables, "\n### %s\n\n| value | default | what it is |\n|---|---|---|\n", section)
		}
		cell := func(text string) string { return strings.ReplaceAll(text, "|", `\|`) }
		fmt.Fprintf(&tables, "| `%s` | `%s` | %s |\n", value.path, cell(value.fallback), cell(value.description))
	}
	return before + begin + tables.String() + "\n" + end + after, nil
}
