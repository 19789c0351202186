package featurestore

import (
	"context"
	"iter"
	"net/netip"
	"slices"

	"sluice/featurestore/aggregate"
	"sluice/featurestore/columns"
	"sluice/featurestore/fault"
	"sluice/featurestore/row"
)

// rollUp is the first pass over a month's partials.
func (s *Store) rollUp(ctx context.Context, m row.Month, paths []string) (*aggregate.Rollup, error) {
	roll := new(aggregate.Rollup)
	err := aggregate.MergeFiles(ctx, paths, m, s.TempDir(), func(win *aggregate.Window, ip netip.Addr, g *aggregate.Group) error {
		roll.Add(win, ip, g)
		return nil
	})
	if err != nil {
		return nil, err
	}
	roll.Rewind()
	return roll, nil
}

// rollUpAgain gives a function that computes anew what the rows of a month have
// from one another, after some were taken out of its partials. It must be
// called for each row that is left, in order, and stop in the end.
func (s *Store) rollUpAgain(ctx context.Context, info *MonthInfo) (again func(*row.Row) error, stop func(), err error) {
	names := columns.BehaviourNames()
	var shares [3][2]int // place in a row, index among behaviour columns
	for i, c := range [...]int{columns.UserAgentIPCount, columns.PrefixIPCount, columns.PrefixRequestCount} {
		shares[i] = [2]int{slices.Index(info.Columns, names[c]), c}
		if len(info.Partials) == 0 || shares[i][0] < 0 {
			return func(*row.Row) error { return nil }, func() {}, nil
		}
	}
	paths := make([]string, len(info.Partials))
	for i, p := range info.Partials {
		paths[i] = s.PartialPath(p)
	}
	roll, err := s.rollUp(ctx, info.Month, paths)
	if err != nil {
		return nil, nil, err
	}
	var failed error
	values := make([]float64, 0, columns.NumBehaviour)
	next, stop := iter.Pull2(func(yield func(row.Key, aggregate.Shared) bool) {
		failed = aggregate.MergeFiles(ctx, paths, info.Month, s.TempDir(), func(win *aggregate.Window, ip netip.Addr, g *aggregate.Group) error {
			if !yield(row.Key{Month: info.Month, Attack: win.ID, IP: ip}, roll.Next(g.Agents)) {
				return context.Canceled
			}
			return nil
		})
	})
	return func(r *row.Row) error {
		k, shared, ok := next()
		if failed != nil {
			return failed
		}
		if !ok || k != r.Key {
			return fault.New(fault.Corrupt, "month %s and its partials hold other addresses; build it again from the logs", info.Month)
		}
		values = new(aggregate.Group).Behaviour(values[:0], shared)
		for _, c := range shares {
			r.Values[c[0]] = values[c[1]]
		}
		return nil
	}, stop, nil
}
