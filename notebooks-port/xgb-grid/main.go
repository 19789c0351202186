// Command xgb-grid trains and tests XGBoost's trees on the splits of the study. See the package
// notebooks-port/internal/xgbgrid, or run it with --help.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"sluice/notebooks-port/internal/xgbgrid"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	// A second Ctrl-C ends the program at once.
	context.AfterFunc(ctx, stop)
	os.Exit(xgbgrid.Main(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}
