package pipeline

import (
	"context"
	"fmt"
	"net/netip"
	"time"

	"sluice/featurestore/attack"
	"sluice/featurestore/geo"
	"sluice/featurestore/row"
)

// DetectAttacks finds the attack windows of c.Logs; see attack.Find. Signatures
// have countries where c.Further.MMDB names databases.
func DetectAttacks(ctx context.Context, c *Config, sink Sink) (attack.Found, error) {
	begun := time.Now()
	var found attack.Found
	err := searchAttacks(ctx, c, sink, func(s attack.Search) (err error) {
		found, err = attack.Find(ctx, s)
		return err
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

// DescribeAttacks says what the requests of c.Windows in c.Logs are like; see
// attack.Describe.
func DescribeAttacks(ctx context.Context, c *Config, sink Sink) (signatures []attack.Signature, hours []row.HourCount, err error) {
	begun := time.Now()
	err = searchAttacks(ctx, c, sink, func(s attack.Search) (err error) {
		signatures, hours, err = attack.Describe(ctx, s, c.Windows)
		return err
	})
	if err != nil {
		return nil, nil, err
	}
	var requests int64
	for _, s := range signatures {
		requests += s.Requests
	}
	sink(Event{Stage: &StageEvent{Name: "attacks", Summary: fmt.Sprintf("%d windows with %d requests are described from %d files in %s", len(signatures), requests, len(c.Logs), elapsed(begun))}})
	return signatures, hours, nil
}

// searchAttacks hands over where attacks are looked for.
func searchAttacks(ctx context.Context, c *Config, sink Sink, look func(attack.Search) error) error {
	m := newMeter(sink, "attacks", "files")
	s := attack.Search{
		Files: c.Logs, Access: c.Access, Filter: c.Filter, Zone: c.Zone, Threads: c.Threads,
		Progress: func(done, total int) { m.at(int64(done), int64(total), "") },
	}
	if len(c.Further.MMDB) > 0 {
		places, err := geo.Open(ctx, c.Further.MMDB)
		if err != nil {
			return err
		}
		defer places.Close()
		s.Country = func(ip netip.Addr, t time.Time) string { return places.At(ip, t).Country }
	}
	return look(s)
}
