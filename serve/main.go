// Command serve answers how likely it is that an IP address is abusive, over
// gRPC and REST, from what train has written. See the package serve/server, or
// run it with --help.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"sluice/serve/server"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	// A second Ctrl-C ends the program at once.
	context.AfterFunc(ctx, stop)
	os.Exit(server.Main(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}
