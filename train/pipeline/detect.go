package pipeline

import (
	"context"
	"fmt"
	"time"

	"sluice/featurestore/attack"
)

// DetectAttacks finds the attack windows of c.Logs; see attack.Find.
func DetectAttacks(ctx context.Context, c *Config, sink Sink) (attack.Found, error) {
	begun := time.Now()
	m := newMeter(sink, "attacks", "files")
	found, err := attack.Find(ctx, attack.Search{
		Files: c.Logs, Access: c.Access, Filter: c.Filter, Zone: c.Zone, Threads: c.Threads,
		Progress: func(done, total int) { m.at(int64(done), int64(total), "") },
	})
	if err != nil {
		return found, err
	}
	var requests int64
	for _, a := range found.Attacks {
		requests += a.Requests
	}
	sink(Event{Stage: &StageEvent{Name: "attacks", Summary: fmt.Sprintf("%d windows with %d requests stand out in %d files in %s", len(found.Attacks), requests, len(c.Logs), elapsed(begun))}})
	return found, nil
}
