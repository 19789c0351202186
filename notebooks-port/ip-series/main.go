// Command ip-series draws the requests of single addresses by the hour. See the package
// notebooks-port/internal/ipseries, or run it with --help.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"sluice/notebooks-port/internal/ipseries"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	// A second Ctrl-C ends the program at once.
	context.AfterFunc(ctx, stop)
	os.Exit(ipseries.Main(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}
