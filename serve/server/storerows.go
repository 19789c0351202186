package server

import (
	"context"
	"net/netip"
	"slices"

	"sluice/featurestore"
	"sluice/featurestore/fault"
	"sluice/featurestore/row"
)

// storeRows finds rows in a home's feature store. A month is read through for
// each call, so few calls run at a time.
type storeRows struct {
	home string
	busy chan struct{} // one place a call
}

// maxExplaining is how many calls may read the store at a time.
const maxExplaining = 2

func newStoreRows(home string) *storeRows {
	return &storeRows{home: home, busy: make(chan struct{}, maxExplaining)}
}

// Rows gives the address's rows in those of the months that the store holds.
func (s *storeRows) Rows(ctx context.Context, ip netip.Addr, months []row.Month) ([]StoredRow, error) {
	select {
	case s.busy <- struct{}{}:
		defer func() { <-s.busy }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	store, err := featurestore.Open(s.home, featurestore.OpenOptions{ReadOnly: true})
	if err != nil {
		if fault.Is(err, fault.NotFound) {
			return nil, fault.New(fault.NotFound, "this home has no feature store to explain from; the feed's reasons stand in GetIpScore")
		}
		return nil, err
	}
	defer func() { _ = store.Close() }()
	var rows []StoredRow
	held := store.Months()
	found := false
	for _, m := range months {
		if !slices.Contains(held, m) {
			continue
		}
		found = true
		info, err := store.MonthInfo(m)
		if err != nil {
			return nil, err
		}
		n := 0
		err = store.ScanMonth(m, true, func(r *row.Row) error {
			if n++; n%4096 == 0 && ctx.Err() != nil {
				return ctx.Err()
			}
			if r.IP == ip {
				c := *r
				c.Values, c.Hours = slices.Clone(r.Values), slices.Clone(r.Hours)
				rows = append(rows, StoredRow{Names: info.Columns, Row: c})
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	if !found {
		return nil, fault.New(fault.NotFound, "the store no longer holds the months of this score; the feed's reasons stand in GetIpScore")
	}
	return rows, nil
}
