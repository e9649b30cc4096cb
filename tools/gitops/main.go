// SPDX-License-Identifier: Apache-2.0

// Command gitops says how Flux and Argo CD read tests and runs. It takes a JSON array of objects on standard input and gives one of
// the same length: what Flux says, by the kstatus library that it uses, and what Argo CD says, by the health check that a page of the
// documentation shows.
//
//	gitops -page docs/src/how-to/argo-cd-flux.md <objects.json
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
)

// Reading is what the two say of an object.
type Reading struct {
	Flux   Word `json:"flux"`
	ArgoCD Word `json:"argoCD"`
}

// Word is a status and why it is so.
type Word struct {
	Status  string `json:"status"`
	Message string `json:"message"`
}

func main() {
	page := flag.String("page", "", "page of the documentation that shows the health check for Argo CD")
	flag.Parse()
	if err := run(*page, os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "gitops:", err)
		os.Exit(1)
	}
}

func run(page string, in io.Reader, out io.Writer) error {
	text, err := os.ReadFile(page)
	if err != nil {
		return err
	}
	var objects []json.RawMessage
	if err := json.NewDecoder(in).Decode(&objects); err != nil {
		return err
	}
	readings := make([]Reading, 0, len(objects))
	for number, object := range objects {
		reading, err := read(string(text), object)
		if err != nil {
			return fmt.Errorf("object %d: %w", number, err)
		}
		readings = append(readings, reading)
	}
	return json.NewEncoder(out).Encode(readings)
}

func read(page string, object []byte) (Reading, error) {
	flux, err := kstatus(object)
	if err != nil {
		return Reading{}, err
	}
	argoCD, err := health(page, object)
	return Reading{Flux: flux, ArgoCD: argoCD}, err
}
