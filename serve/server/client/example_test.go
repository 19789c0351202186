package client_test

import (
	"context"
	"log"
	"time"

	"sluice/serve/server/client"
)

// An ingestion job keeps a copy of the feed: whole at first, then by the
// differences. A service that is restarted, or a connection that breaks, costs
// a round.
func Example() {
	c, err := client.New("127.0.0.1:9090", client.Options{Token: "a-token-with-the-role-feed"})
	if err != nil {
		log.Fatal(err)
	}
	defer c.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	var copied client.Copy
	for range time.Tick(time.Minute) {
		changed, err := c.Sync(ctx, &copied)
		if err != nil {
			log.Print("the copy stays as it was: ", err)
			continue
		}
		if changed {
			log.Printf("%d addresses of %s", len(copied.Lines), copied.Date)
		}
	}
}
