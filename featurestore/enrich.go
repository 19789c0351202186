package featurestore

import (
	"context"
	"maps"
	"net/netip"
	"slices"
	"time"

	"sluice/featurestore/columns"
	"sluice/featurestore/fault"
	"sluice/featurestore/row"
)

// ColumnSource knows columns of one group of columns.Further, made of what was
// known by a window's end; see Enricher.
type ColumnSource interface {
	EnrichColumns() []string
	Enrich(dst []float64, ip netip.Addr, start, end time.Time) []float64
	// Digest identifies what the source knows: with the same one it gives the
	// same values.
	Digest() string
}

// Enrich gives a month's rows the columns of sources, in the place of those that
// it may have of them; everything else stays. It is false where the month has
// them already, of sources with the same digests. Errors: NotFound, Corrupt,
// Exhausted, Interrupted.
func (s *Store) Enrich(ctx context.Context, m row.Month, sources []ColumnSource) (changed bool, err error) {
	if err := s.writable(); err != nil {
		return false, err
	}
	s.writing.Lock()
	defer s.writing.Unlock()
	was, err := s.MonthInfo(m)
	if err != nil {
		return false, err
	}
	further := maps.Clone(was.Further)
	if further == nil {
		further = map[string]string{}
	}
	var parts []enrichPart
	for _, src := range sources {
		names := src.EnrichColumns()
		group, err := groupOf(src)
		if err != nil {
			return false, err
		}
		has := !slices.ContainsFunc(names, func(n string) bool { return !slices.Contains(was.Columns, n) })
		if !has || further[group.Name] != src.Digest() {
			further[group.Name] = src.Digest()
			parts = append(parts, enrichPart{names, WalkOf(src)})
		}
	}
	if len(parts) == 0 {
		return false, nil
	}
	label := func(r *row.Row) row.Label { return r.Label }
	if err := s.recolumn(ctx, &was, label, func(string) bool { return false }, parts); err != nil {
		return false, err
	}
	was.Further = further
	next := s.Manifest().clone()
	next.setMonth(m, &was)
	return true, s.commit(ctx, next, []*MonthInfo{&was})
}

// Label rewrites a month's label column, and with an Enricher its columns.
// Errors: NotFound, Corrupt, Exhausted, Interrupted.
func (s *Store) Label(ctx context.Context, m row.Month, l Labeler) error {
	if err := s.writable(); err != nil {
		return err
	}
	s.writing.Lock()
	defer s.writing.Unlock()
	was, err := s.MonthInfo(m)
	if err != nil {
		return err
	}
	var parts []enrichPart
	if more, names := enricherOf(l); more != nil {
		parts = append(parts, enrichPart{names, WalkOf(more)})
	}
	// Columns of what was listed earlier are as old as the labels they came
	// with: they go with them. Others stay until their source is given again.
	label := func(r *row.Row) row.Label { return l.Label(r.IP, m) }
	if err := s.recolumn(ctx, &was, label, columns.IsEarlier, parts); err != nil {
		return err
	}
	was.Labels.Definition = l.Definition()
	next := s.Manifest().clone()
	next.setMonth(m, &was)
	return s.commit(ctx, next, []*MonthInfo{&was})
}

type enrichPart struct {
	names []string
	walk  WalkFunc
}

func groupOf(src ColumnSource) (columns.Group, error) {
	name := src.EnrichColumns()[0]
	group, ok := columns.FurtherOf(name)
	if !ok {
		return group, fault.New(fault.Invalid, "%s is no column from elsewhere than the logs", name)
	}
	return group, nil
}

// further are what a month gets from elsewhere than the logs as it is merged,
// in the order of columns.Further.
type further struct {
	names   []string
	digests map[string]string // of sources, by group
	of      []interface {
		EnrichColumns() []string
		Enrich(dst []float64, ip netip.Addr, start, end time.Time) []float64
	}
}

func furtherFor(l Labeler, sources []ColumnSource) (f further, err error) {
	place := map[string]int{}
	for i, g := range columns.Further() {
		place[g.Name] = i
	}
	if more, names := enricherOf(l); more != nil {
		f.names, f.of = append(f.names, names...), append(f.of, more)
	}
	sorted := slices.Clone(sources)
	for _, src := range sorted {
		g, err := groupOf(src)
		if err != nil {
			return further{}, err
		}
		if f.digests == nil {
			f.digests = map[string]string{}
		}
		f.digests[g.Name] = src.Digest()
	}
	slices.SortStableFunc(sorted, func(a, b ColumnSource) int {
		x, _ := groupOf(a)
		y, _ := groupOf(b)
		return place[x.Name] - place[y.Name]
	})
	for _, src := range sorted {
		f.names, f.of = append(f.names, src.EnrichColumns()...), append(f.of, src)
	}
	return f, nil
}

// walks are the sources' functions for one goroutine.
func (f *further) walks() []WalkFunc {
	out := make([]WalkFunc, len(f.of))
	for i, e := range f.of {
		out[i] = WalkOf(e)
	}
	return out
}

// recolumn writes a month's file anew under its pending name, with other labels
// and columns, and puts what it counts into info.
func (s *Store) recolumn(ctx context.Context, info *MonthInfo, label func(*row.Row) row.Label, drop func(string) bool, parts []enrichPart) error {
	var names []string
	var at []int // of kept columns among those there were
	for i, n := range info.Columns {
		if !drop(n) && !slices.ContainsFunc(parts, func(p enrichPart) bool { return slices.Contains(p.names, n) }) {
			names, at = append(names, n), append(at, i)
		}
	}
	for _, p := range parts {
		names = append(names, p.names...)
	}
	// Months have their columns in one order, whatever came first.
	order := canonical(names)
	ordered := make([]string, len(order))
	for to, from := range order {
		ordered[to] = names[from]
	}
	values, out := make([]float64, 0, len(names)), make([]float64, len(names))
	m := info.Month
	written, err := s.writeMonthFile(ctx, m, ordered, func(write func(*row.Row) error) error {
		return s.ScanMonth(m, true, func(r *row.Row) error {
			r.Label = label(r)
			values = values[:0]
			for _, i := range at {
				values = append(values, r.Values[i])
			}
			start, end := info.Window(r.Attack)
			for _, p := range parts {
				more, _ := p.walk(r.IP, start, end)
				values = append(values, more...)
			}
			for to, from := range order {
				out[to] = values[from]
			}
			r.Values = out
			return write(r)
		})
	})
	if err != nil {
		return err
	}
	for i := range written.Missing {
		c := &written.Missing[i]
		c.Reason = missingReason(c.Column, nil)
		for _, was := range info.Missing {
			if _, further := columns.FurtherOf(c.Column); was.Column == c.Column && !further {
				c.Reason = was.Reason
			}
		}
	}
	definition := info.Labels.Definition
	info.SHA256, info.Bytes, info.Labels = written.SHA256, written.Bytes, written.Labels
	info.Columns, info.Missing = written.Columns, written.Missing
	info.Labels.Definition = definition
	return nil
}

// canonical is the order of a month's columns: those of the logs as they are,
// then the others by columns.Further; columns that nobody knows come last.
func canonical(names []string) []int {
	place := map[string]int{}
	for _, g := range columns.Further() {
		for _, n := range g.Names() {
			place[n] = len(place) + 1
		}
	}
	order := make([]int, len(names))
	for i := range order {
		order[i] = i
	}
	rank := func(i int) int {
		if p, ok := place[names[i]]; ok {
			return p
		}
		if _, known := columns.ByName(names[i]); known {
			return 0
		}
		return len(place) + 1
	}
	slices.SortStableFunc(order, func(a, b int) int { return rank(a) - rank(b) })
	return order
}
