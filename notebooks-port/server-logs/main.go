// Command server-logs analyses a site's access logs: what happened, what was
// tried, what to do. See the package notebooks-port/internal/serverlogs, or run
// it with --help.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"sluice/notebooks-port/internal/serverlogs"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	// A second Ctrl-C ends the program at once.
	context.AfterFunc(ctx, stop)
	os.Exit(serverlogs.Main(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}
