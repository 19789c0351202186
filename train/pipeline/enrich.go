package pipeline

import (
	"context"
	"fmt"
	"maps"
	"net/netip"
	"os"
	"slices"
	"strings"
	"time"

	"sluice/featurestore"
	"sluice/featurestore/build"
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

// mapped are the bytes of the files that are mapped into memory.
func (f *FurtherFiles) mapped() (bytes int64) {
	for _, path := range f.MMDB {
		if st, err := os.Stat(path); err == nil {
			bytes += st.Size()
		}
	}
	return bytes
}

// furtherSources are what tells columns from elsewhere than the logs. What is
// small is opened before any log is read, so that a wrong file is refused at
// once; of a source of millions of addresses those in the store alone are kept.
type furtherSources struct {
	config *Config
	store  *featurestore.Store
	geo    *geo.Databases
	drops  *reputation.Drops
	ranges *ranges.Crawlers
	spur   *reputation.SpurFeeds // opened by sources
	opened bool
}

// openFurther opens the files named but for Spur's; nil where none are. It must
// be closed.
func openFurther(ctx context.Context, c *Config, st *featurestore.Store) (*furtherSources, error) {
	f := &furtherSources{config: c, store: st}
	files := &c.Further
	if files.empty() {
		return f, nil
	}
	err := st.CheckPseudonyms(pseudonymCheck(c))
	if err == nil && len(files.MMDB) > 0 {
		f.geo, err = geo.Open(ctx, files.MMDB)
	}
	if err == nil && len(files.Drops) > 0 {
		f.drops, err = reputation.OpenDrops(ctx, files.Drops)
	}
	if err == nil && len(files.CrawlerRanges) > 0 {
		f.ranges, err = ranges.Open(ctx, files.CrawlerRanges)
	}
	for _, path := range files.Spur {
		if err == nil {
			err = reputation.CheckSpur(ctx, path)
		}
	}
	if err != nil {
		f.close()
		return nil, err
	}
	return f, nil
}

func (f *furtherSources) close() {
	if f.geo != nil {
		f.geo.Close()
		f.geo = nil
	}
}

// sources are all of them; known are the store's addresses.
func (f *furtherSources) sources(ctx context.Context, known build.Known) (out []featurestore.ColumnSource, err error) {
	c := f.config
	if len(c.Further.Spur) > 0 && !f.opened {
		set, err := known()
		if err != nil {
			return nil, err
		}
		keep := set.Contains
		if c.Pseudonyms != nil {
			// The feeds name addresses, the store their pseudonyms.
			named := new(featurestore.AddressSet)
			for ip := range set.All() {
				named.Add(c.Pseudonyms.Address(ip))
			}
			keep = named.Contains
		}
		if f.spur, err = reputation.OpenSpur(ctx, c.Further.Spur, reputation.SpurOptions{Keep: keep, Threads: c.Threads}); err != nil {
			return nil, err
		}
	}
	f.opened = true
	add := func(s featurestore.ColumnSource) {
		if c.Pseudonyms != nil {
			s = named{s, c.Pseudonyms}
		}
		out = append(out, s)
	}
	if f.geo != nil {
		add(f.geo)
	}
	if f.spur != nil {
		add(f.spur)
	}
	if f.drops != nil {
		add(f.drops)
	}
	if f.ranges != nil {
		add(f.ranges)
	}
	return out, nil
}

// enrich gives the months that were not merged in this run the columns of the
// files named. What a month has of the same files already is left as it is.
// merged are those that were.
func enrich(ctx context.Context, f *furtherSources, merged map[row.Month]bool, sink Sink) error {
	c, st := f.config, f.store
	if c.Further.empty() {
		return nil
	}
	begun := time.Now()
	sources, err := f.sources(ctx, func() (*featurestore.AddressSet, error) {
		return st.Addresses(ctx, &featurestore.Change{Threads: c.Threads})
	})
	if err != nil {
		return err
	}
	warn := func(format string, args ...any) {
		sink(Event{Warning: &WarningEvent{Message: fmt.Sprintf(format, args...)}})
	}
	first, last := storeSpan(st)
	if f.geo != nil {
		if later := f.geo.Later(last); later != "" {
			warn("%s: later than every window; addresses are placed as they lay then", later)
		}
	}
	if f.drops != nil && first.Before(reputation.MathoidExcluded) && last.After(reputation.MathoidExcluded) {
		warn("silent-drop records from before %s hold Mathoid's clients, later ones don't: counts of the two are not alike", reputation.MathoidExcluded.Format(time.DateOnly))
	}
	meter := newMeter(sink, "columns", "months")
	months, changed := st.Months(), 0
	for i, m := range months {
		did, err := st.Enrich(ctx, m, sources)
		if err != nil {
			return err
		}
		if did || merged[m] {
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
	if slices.Contains(columns.BehaviourNames(), name) {
		return ": its months were built without it, for --columns twelve or by an earlier version; give their logs again with --logs"
	}
	return ""
}
