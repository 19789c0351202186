package server

import (
	"context"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"sluice/featurestore"
	"sluice/featurestore/fault"
	"sluice/featurestore/row"
)

// storeRows finds rows in a home's feature store. Months stay open, so that a
// call reads a few pages of a file whose checksum was compared before.
type storeRows struct {
	home string
	busy chan struct{} // one place a call: pages are decoded in memory

	mu       sync.Mutex
	store    *featurestore.Store
	manifest fileState // of the store as it was opened
	months   []*openMonth
}

// fileState tells whether a file is the one it was.
type fileState struct {
	modified time.Time
	size     int64
}

// openMonth is a month's file while somebody uses it.
type openMonth struct {
	*featurestore.MonthFile
	month row.Month
	users int // the list of open months among them; closed at 0
}

const (
	// maxExplaining is how many calls may read the store at a time.
	maxExplaining = 4
	// keptMonths is how many months stay open.
	keptMonths = 12
)

func newStoreRows(home string) *storeRows {
	return &storeRows{home: home, busy: make(chan struct{}, maxExplaining)}
}

// Rows gives the address's rows of the attacks, in those of the months that the
// store holds.
func (s *storeRows) Rows(ctx context.Context, ip netip.Addr, attacks []string, months []row.Month) ([]StoredRow, error) {
	select {
	case s.busy <- struct{}{}:
		defer func() { <-s.busy }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	var rows []StoredRow
	held := false
	for _, m := range months {
		x, err := s.open(m)
		if err != nil {
			return nil, err
		}
		if x == nil {
			continue
		}
		held = true
		for _, attack := range attacks {
			r, found, err := x.Find(attack, ip)
			if err == nil {
				err = ctx.Err()
			}
			if err != nil {
				s.release(x)
				return nil, err
			}
			if found {
				rows = append(rows, StoredRow{Names: x.Info.Columns, Row: r})
			}
		}
		s.release(x)
	}
	if !held {
		return nil, fault.New(fault.NotFound, "the store no longer holds the months of this score; the feed's reasons stand in GetIpScore")
	}
	return rows, nil
}

// open gives a month's file, to be released, or nil where the store does not
// hold the month.
func (s *storeRows) open(m row.Month) (*openMonth, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.refresh(); err != nil {
		return nil, err
	}
	if !slices.Contains(s.store.Months(), m) {
		return nil, nil
	}
	i := slices.IndexFunc(s.months, func(x *openMonth) bool { return x.month == m })
	if i >= 0 {
		x := s.months[i]
		s.months = append(slices.Delete(s.months, i, i+1), x) // the last used last
		x.users++
		return x, nil
	}
	f, err := s.store.OpenMonth(m)
	if err != nil {
		return nil, err
	}
	x := &openMonth{MonthFile: f, month: m, users: 2}
	s.months = append(s.months, x)
	if len(s.months) > keptMonths {
		s.drop(s.months[0])
		s.months = slices.Delete(s.months, 0, 1)
	}
	return x, nil
}

// refresh opens the store, again where it was written since: its months may be
// other files by now.
func (s *storeRows) refresh() error {
	st, err := os.Stat(filepath.Join(s.home, "store", "manifest.json"))
	now := fileState{}
	if err == nil {
		now = fileState{st.ModTime(), st.Size()}
	}
	if s.store != nil && now == s.manifest {
		return nil
	}
	store, err := featurestore.Open(s.home, featurestore.OpenOptions{ReadOnly: true})
	if fault.Is(err, fault.NotFound) {
		return fault.New(fault.NotFound, "this home has no feature store to explain from; the feed's reasons stand in GetIpScore")
	}
	if err != nil {
		return err
	}
	if s.store != nil {
		_ = s.store.Close()
	}
	s.store, s.manifest = store, now
	// A month that is the file it was stays open.
	s.months = slices.DeleteFunc(s.months, func(x *openMonth) bool {
		info, err := store.MonthInfo(x.month)
		gone := err != nil || info.SHA256 != x.Info.SHA256
		if gone {
			s.drop(x)
		}
		return gone
	})
	return nil
}

func (s *storeRows) release(x *openMonth) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.drop(x)
}

// drop counts a user out; s.mu is held.
func (s *storeRows) drop(x *openMonth) {
	if x.users--; x.users == 0 {
		_ = x.Close()
	}
}
