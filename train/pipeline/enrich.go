package pipeline

import (
	"context"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"time"

	"sluice/featurestore"
	"sluice/featurestore/columns"
	"sluice/featurestore/geo"
	"sluice/featurestore/pseudonym"
	"sluice/featurestore/ranges"
	"sluice/featurestore/reputation"
	"sluice/featurestore/row"
)

// FurtherFiles are what columns from elsewhere than the logs are made of.
type FurtherFiles struct {
	MMDB          []string // MaxMind DB files with countries or autonomous systems
	Spur          []string // Spur feeds, or answers of its Context API
	Drops         []string // silent-drop records
	CrawlerRanges []string // published ranges of crawlers
}

func (f *FurtherFiles) empty() bool {
	return len(f.MMDB)+len(f.Spur)+len(f.Drops)+len(f.CrawlerRanges) == 0
}

// enrich gives every month of the store the columns of the files named, once
// the logs are read, so that a source of millions of addresses is kept for those
// in the store alone. What a month has of the same files already is left as it
// is.
func enrich(ctx context.Context, c *Config, st *featurestore.Store, sink Sink) error {
	if c.Further.empty() {
		return nil
	}
	begun := time.Now()
	sources, closing, err := openFurther(ctx, c, st, sink)
	defer closing()
	if err != nil {
		return err
	}
	meter := newMeter(sink, "columns", "months")
	months, changed := st.Months(), 0
	for i, m := range months {
		did, err := st.Enrich(ctx, m, sources)
		if err != nil {
			return err
		}
		if did {
			changed++
		}
		meter.at(int64(i+1), int64(len(months)), m.String())
	}
	var names []string
	for _, s := range sources {
		names = append(names, s.EnrichColumns()...)
	}
	sink(Event{Stage: &StageEvent{Name: "columns", Summary: fmt.Sprintf("%d of %d months got %s in %s", changed, len(months), strings.Join(names, ", "), elapsed(begun))}})
	return nil
}

// openFurther opens what the files named tell of the store's addresses.
func openFurther(ctx context.Context, c *Config, st *featurestore.Store, sink Sink) (sources []featurestore.ColumnSource, closing func(), err error) {
	closing = func() {}
	if err := st.CheckPseudonyms(pseudonymCheck(c)); err != nil {
		return nil, closing, err
	}
	add := func(s featurestore.ColumnSource) {
		if c.Pseudonyms != nil {
			s = named{s, c.Pseudonyms}
		}
		sources = append(sources, s)
	}
	warn := func(format string, args ...any) {
		sink(Event{Warning: &WarningEvent{Message: fmt.Sprintf(format, args...)}})
	}
	first, last := storeSpan(st)
	f := &c.Further
	if len(f.MMDB) > 0 {
		db, err := geo.Open(ctx, f.MMDB)
		if err != nil {
			return nil, closing, err
		}
		closing = func() { db.Close() }
		if later := db.Later(last); later != "" {
			warn("%s: later than every window; addresses are placed as they lay then", later)
		}
		add(db)
	}
	if len(f.Spur) > 0 {
		known, err := storeAddresses(st, c.Pseudonyms)
		if err != nil {
			return nil, closing, err
		}
		feeds, err := reputation.OpenSpur(ctx, f.Spur, reputation.SpurOptions{Keep: func(ip netip.Addr) bool {
			_, ok := slices.BinarySearchFunc(known, ip, netip.Addr.Compare)
			return ok
		}})
		if err != nil {
			return nil, closing, err
		}
		add(feeds)
	}
	if len(f.Drops) > 0 {
		d, err := reputation.OpenDrops(ctx, f.Drops)
		if err != nil {
			return nil, closing, err
		}
		if first.Before(reputation.MathoidExcluded) && last.After(reputation.MathoidExcluded) {
			warn("silent-drop records from before %s hold Mathoid's clients, later ones don't: counts of the two are not alike", reputation.MathoidExcluded.Format(time.DateOnly))
		}
		add(d)
	}
	if len(f.CrawlerRanges) > 0 {
		r, err := ranges.Open(ctx, f.CrawlerRanges)
		if err != nil {
			return nil, closing, err
		}
		add(r)
	}
	return sources, closing, nil
}

// named asks a source about the address behind a pseudonym.
type named struct {
	featurestore.ColumnSource
	key *pseudonym.Key
}

// Enrich is the source's.
func (n named) Enrich(dst []float64, ip netip.Addr, start, end time.Time) []float64 {
	return n.ColumnSource.Enrich(dst, n.key.Address(ip), start, end)
}

// storeSpan is from the first window's start to the last one's end.
func storeSpan(st *featurestore.Store) (first, last time.Time) {
	for _, m := range st.Manifest().Months {
		for _, w := range m.Windows {
			start, end := m.Window(w.Attack)
			if first.IsZero() || start.Before(first) {
				first = start
			}
			if end.After(last) {
				last = end
			}
		}
	}
	return first, last
}

// storeAddresses are the addresses with rows, ascending.
func storeAddresses(st *featurestore.Store, key *pseudonym.Key) ([]netip.Addr, error) {
	var out []netip.Addr
	for _, m := range st.Months() {
		err := st.ScanMonth(m, false, func(r *row.Row) error {
			ip := r.IP
			if key != nil {
				ip = key.Address(ip)
			}
			out = append(out, ip)
			return nil
		})
		if err != nil {
			return nil, err
		}
		slices.SortFunc(out, netip.Addr.Compare)
		out = slices.Compact(out)
	}
	return out, nil
}

// furtherGroups are the groups of columns from elsewhere that each month has.
func furtherGroups(st *featurestore.Store) map[row.Month][]string {
	out := map[row.Month][]string{}
	for _, m := range st.Manifest().Months {
		out[m.Month] = slices.Sorted(maps.Keys(m.Further))
	}
	return out
}

// warnOfLost tells of months whose rows were made anew of the logs, without the
// columns from elsewhere that they had.
func warnOfLost(st *featurestore.Store, had map[row.Month][]string, sink Sink) {
	have := furtherGroups(st)
	for _, m := range st.Months() {
		for _, g := range had[m] {
			if !slices.Contains(have[m], g) {
				sink(Event{Warning: &WarningEvent{Message: fmt.Sprintf("%s was made anew of its logs and lost the columns of %s: give their source again", m, g)}})
			}
		}
	}
}

// lacking says what to do about a column that the store does not have.
func lacking(name string) string {
	if g, ok := columns.FurtherOf(name); ok {
		return "; it is made of " + g.From + ": give them"
	}
	return ""
}
