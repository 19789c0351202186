// Command thresholds turns two thresholds into what an edge can do with them. See the package
// notebooks-port/internal/thresholds, or run it with --help.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"sluice/notebooks-port/internal/thresholds"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	// A second Ctrl-C ends the program at once.
	context.AfterFunc(ctx, stop)
	os.Exit(thresholds.Main(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}
