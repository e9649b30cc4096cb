// SPDX-License-Identifier: Apache-2.0

// Command etcd is etcd itself: Debian's is too old to tell the API server of its progress, so that every list would be read
// from it, and none come from the API server's cache as in clusters that people use.
package main

import (
	"os"

	"go.etcd.io/etcd/server/v3/etcdmain"
)

func main() { etcdmain.Main(os.Args) }
