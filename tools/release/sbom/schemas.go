// SPDX-License-Identifier: Apache-2.0

package main

// Brings CycloneDX's schemas along: tools/build finds them in this module's folder.
import _ "github.com/CycloneDX/cyclonedx-go"
