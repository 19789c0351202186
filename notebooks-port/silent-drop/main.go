// Command silent-drop holds the edge's silent-drop records against logs and labels. See the package
// notebooks-port/internal/silentdrop, or run it with --help.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"sluice/notebooks-port/internal/silentdrop"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	// A second Ctrl-C ends the program at once.
	context.AfterFunc(ctx, stop)
	os.Exit(silentdrop.Main(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}
