// Command monthly-analysis describes the data of each month before anything is learnt of it. See the package
// notebooks-port/internal/monthly, or run it with --help.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"sluice/notebooks-port/internal/monthly"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	// A second Ctrl-C ends the program at once.
	context.AfterFunc(ctx, stop)
	os.Exit(monthly.Main(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}
