// SPDX-License-Identifier: Apache-2.0

// Checks lists of components (SBOMs) in CycloneDX's JSON: each against the schema of the version that it names, and its
// components against Cargo.lock and against what is built into a crate without being one.
//
//	sbom -schemas FOLDER -lock Cargo.lock -bundled PART.json FILE…
//	sbom -bundled PART.json -add FILE…   adds that part to those lists that have its crate
//
// -bundled may be given several times.
package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

func main() {
	schemas := flag.String("schemas", "", "folder of CycloneDX's JSON schemas")
	lock := flag.String("lock", "Cargo.lock", "Cargo.lock of the workspace")
	var parts []bundled
	flag.Func("bundled", "file that describes what is built into a crate", func(file string) error {
		part, err := readBundled(file)
		parts = append(parts, part)
		return err
	})
	adds := flag.Bool("add", false, "add that to the lists instead of checking them")
	flag.Parse()
	if err := run(*schemas, *lock, parts, *adds, flag.Args()); err != nil {
		fmt.Fprintln(os.Stderr, "sbom:", err)
		os.Exit(1)
	}
}

func run(schemas, lock string, parts []bundled, adds bool, files []string) error {
	if len(files) == 0 {
		return errors.New("no file to check")
	}
	if adds {
		for _, file := range files {
			for _, part := range parts {
				if err := part.addTo(file); err != nil {
					return fmt.Errorf("%s: %w", file, err)
				}
			}
		}
		return nil
	}
	locked, err := packages(lock)
	if err != nil {
		return err
	}
	for _, file := range files {
		count, err := check(schemas, locked, parts, file)
		if err != nil {
			return fmt.Errorf("%s: %w", file, err)
		}
		fmt.Printf("%s: valid, %d components\n", file, count)
	}
	return nil
}

type component struct {
	Name, Version, Purl string
}

type bom struct {
	SpecVersion string
	Metadata    struct{ Component component }
	Components  []component
}

func check(schemas string, locked map[string]bool, bundles []bundled, file string) (int, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return 0, err
	}
	var list bom
	if err := json.Unmarshal(text, &list); err != nil {
		return 0, err
	}
	if err := validate(schemas, list.SpecVersion, text); err != nil {
		return 0, err
	}
	if list.Metadata.Component.Name == "" {
		return 0, errors.New("does not say what it is the list of")
	}
	if len(list.Components) == 0 {
		return 0, errors.New("names no component")
	}
	names, addresses := map[string]bool{}, map[string]bool{}
	bundledIn := map[string]bool{}
	for _, within := range bundles {
		bundledIn[within.reference()] = true
	}
	for _, part := range list.Components {
		names[part.Name], addresses[part.Purl] = true, true
		if bundledIn[part.Purl] {
			continue
		}
		if !locked[part.Name+" "+part.Version] {
			return 0, fmt.Errorf("%s %s is not in Cargo.lock", part.Name, part.Version)
		}
		if !strings.HasPrefix(part.Purl, "pkg:cargo/") {
			return 0, fmt.Errorf("%s %s has no address of a package: %q", part.Name, part.Version, part.Purl)
		}
	}
	for _, within := range bundles {
		if names[within.In] != addresses[within.reference()] {
			return 0, fmt.Errorf("has only one of %s and %s, which is built into it", within.In, within.reference())
		}
	}
	return len(list.Components), nil
}

// Schemas refer to each other by addresses; all of them are in one folder.
type folder string

func (f folder) Load(address string) (any, error) {
	file, err := os.Open(filepath.Join(string(f), path.Base(address)))
	if err != nil {
		return nil, err
	}
	defer file.Close()
	return jsonschema.UnmarshalJSON(file)
}

func validate(schemas, version string, text []byte) error {
	compiler := jsonschema.NewCompiler()
	compiler.UseLoader(folder(schemas))
	schema, err := compiler.Compile("http://cyclonedx.org/schema/bom-" + version + ".schema.json")
	if err != nil {
		return err
	}
	document, err := jsonschema.UnmarshalJSON(strings.NewReader(string(text)))
	if err != nil {
		return err
	}
	return schema.Validate(document)
}

// Names and versions of all packages of a Cargo.lock.
func packages(lock string) (map[string]bool, error) {
	file, err := os.Open(lock)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	found := map[string]bool{}
	var name string
	for lines := bufio.NewScanner(file); lines.Scan(); {
		key, value, _ := strings.Cut(lines.Text(), " = ")
		switch value = strings.Trim(value, `"`); key {
		case "name":
			name = value
		case "version":
			if name != "" {
				found[name+" "+value] = true
			}
			name = ""
		}
	}
	return found, nil
}
