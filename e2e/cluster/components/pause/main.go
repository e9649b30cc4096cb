// SPDX-License-Identifier: Apache-2.0

// Command pause does nothing until it is told to leave. It is the process that
// holds a pod's namespaces.
package main

import (
	"os"
	"os/signal"
	"syscall"
)

func main() {
	leave := make(chan os.Signal, 1)
	signal.Notify(leave, syscall.SIGINT, syscall.SIGTERM)
	<-leave
}
