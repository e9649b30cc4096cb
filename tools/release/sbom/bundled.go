// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
)

// What is built into a crate and is none, so that Cargo does not know of it: the crate, and the part as CycloneDX describes it.
type bundled struct {
	In        string         `json:"in"`
	Component map[string]any `json:"component"`
}

func readBundled(file string) (bundled, error) {
	var part bundled
	text, err := os.ReadFile(file)
	if err != nil {
		return part, err
	}
	if err := json.Unmarshal(text, &part); err != nil {
		return part, fmt.Errorf("%s: %w", file, err)
	}
	if part.In == "" || part.reference() == "" {
		return part, errors.New(file + ": needs in, and component with bom-ref")
	}
	return part, nil
}

func (b bundled) reference() string {
	reference, _ := b.Component["bom-ref"].(string)
	return reference
}

// Adds the part to a list that has its crate, as something that the crate depends on.
func (b bundled) addTo(file string) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	var list map[string]any
	if err := json.Unmarshal(text, &list); err != nil {
		return err
	}
	components, _ := list["components"].([]any)
	crate := ""
	for _, one := range components {
		component, _ := one.(map[string]any)
		if component["name"] == b.In {
			crate, _ = component["bom-ref"].(string)
		}
		if component["bom-ref"] == b.reference() {
			return errors.New("has " + b.reference() + " already")
		}
	}
	if crate == "" {
		return nil
	}
	list["components"] = append(components, b.Component)
	dependencies, _ := list["dependencies"].([]any)
	for _, one := range dependencies {
		dependency, _ := one.(map[string]any)
		if dependency["ref"] == crate {
			on, _ := dependency["dependsOn"].([]any)
			dependency["dependsOn"] = append(on, b.reference())
		}
	}
	list["dependencies"] = append(dependencies, map[string]any{"ref": b.reference()})
	written, err := json.MarshalIndent(list, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(file, append(written, '\n'), 0o644)
}
