package pipeline

import (
	"context"
	"fmt"
	"net/netip"
	"time"

	"sluice/featurestore/attack"
	"sluice/featurestore/geo"
)

// DetectAttacks finds the attack windows of c.Logs; see attack.Find. Signatures
// have countries where c.Further.MMDB names databases.
func DetectAttacks(ctx context.Context, c *Config, sink Sink) (attack.Found, error) {
	begun := time.Now()
	m := newMeter(sink, "attacks", "files")
	var country func(netip.Addr, time.Time) string
	if len(c.Further.MMDB) > 0 {
		places, err := geo.Open(ctx, c.Further.MMDB)
		if err != nil {
			return attack.Found{}, err
		}
		defer places.Close()
		country = func(ip netip.Addr, t time.Time) string { return places.At(ip, t).Country }
	}
	found, err := attack.Find(ctx, attack.Search{
		Files: c.Logs, Access: c.Access, Filter: c.Filter, Zone: c.Zone, Threads: c.Threads, Country: country,
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
