// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"strings"
	"testing"
)

const definitions = `strings: {type: object, additionalProperties: {type: string}}`

func TestValuesBecomeASchemaAndTables(t *testing.T) {
	text := `
# @section Names

# -- A name, which
# goes on.
# @schema {maxLength: 3}
name: ""
# Not said to users.
part:
  # -- How many | how much.
  # @schema {minimum: 1}
  count: 2
  # -- Labels.
  # @schema {$ref: "#/definitions/strings"}
  labels: {a: b}

# @section Lists

# -- Some.
# @schema {items: {type: string}}
list: []
  # - commented out
# -- Whether.
flag: true
`
	schema, values, err := describe([]byte(text), []byte(definitions))
	if err != nil {
		t.Fatal(err)
	}
	var got, want any
	wanted := `{"$schema": "http://json-schema.org/draft-07/schema#", "type": "object", "additionalProperties": false,
		"definitions": {"strings": {"type": "object", "additionalProperties": {"type": "string"}}},
		"properties": {
			"name": {"type": "string", "maxLength": 3, "description": "A name, which goes on."},
			"part": {"type": "object", "additionalProperties": false, "properties": {
				"count": {"type": "integer", "minimum": 1, "description": "How many | how much."},
				"labels": {"$ref": "#/definitions/strings", "description": "Labels."}}},
			"enabled": {"type": "boolean",
				"description": "For the condition of a parent chart's dependency. The chart itself does not look at it."},
			"list": {"type": "array", "items": {"type": "string"}, "description": "Some."},
			"flag": {"type": "boolean", "description": "Whether."}}}`
	for text, into := range map[string]*any{schema: &got, wanted: &want} {
		if err := json.Unmarshal([]byte(text), into); err != nil {
			t.Fatal(err)
		}
	}
	if got, want := marshalled(got), marshalled(want); got != want {
		t.Errorf("schema is\n%s\nnot\n%s", got, want)
	}
	page, err := insert("before\n"+begin+"old\n"+end+"after\n", values)
	if err != nil {
		t.Fatal(err)
	}
	want = `before
` + begin + `
### Names

| value | default | what it is |
|---|---|---|
| ` + "`name` | `\"\"` | A name, which goes on. |\n| `part.count` | `2` | How many \\| how much. |\n" +
		"| `part.labels` | `{\"a\":\"b\"}` | Labels. |\n" + `
### Lists

| value | default | what it is |
|---|---|---|
` + "| `list` | `[]` | Some. |\n| `flag` | `true` | Whether. |\n\n" + end + "after\n"
	if page != want {
		t.Errorf("page is\n%s\nnot\n%s", page, want)
	}
}

func marshalled(content any) string {
	text, _ := json.MarshalIndent(content, "", " ")
	return string(text)
}

func TestWhatIsNotDescribedIsRefused(t *testing.T) {
	for text, problem := range map[string]string{
		"a: 1":                                  "a is not described",
		"a: {b: 1}":                             "a.b is not described",
		"# -- A.\na: {}":                        "a: an empty map",
		"# -- A.\na: []":                        "a: a list",
		"# -- A.\na: null":                      "a: a default can't be !!null",
		"# -- A.\n# @schema {$ref: '#/x'}\na: 1": "a: there is no #/x",
		"# -- A.\n# @schema {\na: 1":            "a: # @schema",
	} {
		if _, _, err := describe([]byte(text), []byte(definitions)); err == nil || !strings.Contains(err.Error(), problem) {
			t.Errorf("%q: %v", text, err)
		}
	}
	if _, err := insert("no markers", nil); err == nil {
		t.Error("a page without markers is taken")
	}
}
