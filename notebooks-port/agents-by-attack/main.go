// Command agents-by-attack says who was there in each attack window. See the package
// notebooks-port/internal/attackagents, or run it with --help.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"sluice/notebooks-port/internal/attackagents"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	// A second Ctrl-C ends the program at once.
	context.AfterFunc(ctx, stop)
	os.Exit(attackagents.Main(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}
