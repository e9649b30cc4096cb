// SPDX-License-Identifier: Apache-2.0

package main

import (
	"github.com/fluxcd/cli-utils/pkg/kstatus/status"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// kstatus is what Flux says of an object.
func kstatus(object []byte) (Word, error) {
	var known unstructured.Unstructured
	if err := known.UnmarshalJSON(object); err != nil {
		return Word{}, err
	}
	result, err := status.Compute(&known)
	if err != nil {
		return Word{}, err
	}
	return Word{Status: string(result.Status), Message: result.Message}, nil
}
