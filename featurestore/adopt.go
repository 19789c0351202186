package featurestore

import (
	"context"
	"iter"
	"slices"
	"time"

	"sluice/featurestore/attack"
	"sluice/featurestore/columns"
	"sluice/featurestore/fault"
	"sluice/featurestore/row"
)

// Adoption is whole months of rows that were computed elsewhere.
type Adoption struct {
	// Months are the months that the rows are all there is of, ascending. One
	// without rows is taken out of the store.
	Months []row.Month
	// Rows are theirs, in order of keys, with the values of columns.Stored and no
	// label. A row and its slices are not kept.
	Rows iter.Seq2[*row.Row, error]
	// Windows are the attack windows of the rows.
	Windows []attack.Window
	// Labeler labels the rows; without one their labels are unknown.
	Labeler Labeler
	// Notes are recorded with each month.
	Notes []string
	// Reason says why a column is missing in some rows; nil knows nothing.
	Reason func(column string) string
}

// Adopt puts months of rows from elsewhere in the place of what the store has
// of them: all of them, or on any error nothing. A month that log files have
// rows in is refused. Memory does not depend on the number of rows. Errors:
// Conflict, Invalid (rows out of order, of another month or window), those of
// Rows, Exhausted, Interrupted.
func (s *Store) Adopt(ctx context.Context, a Adoption) error {
	if err := s.writable(); err != nil {
		return err
	}
	s.writing.Lock()
	defer s.writing.Unlock()
	if err := s.CheckPseudonyms(""); err != nil {
		return err
	}
	next := s.Manifest().clone()
	for _, m := range a.Months {
		if from := next.sourcesOf(m); len(from) > 0 {
			return fault.New(fault.Conflict, "month %s holds rows of %s and others, read from files; remove those first, or give another home", m, from[0].Name)
		}
	}
	windows := map[string]attack.Window{}
	for _, w := range a.Windows {
		windows[w.ID] = w
	}
	pull, stop := iter.Pull2(a.Rows)
	defer stop()
	p := adopting{Adoption: &a, windows: windows, pull: pull}
	p.more, p.columns = enricherOf(a.Labeler)
	var infos []*MonthInfo
	for _, m := range a.Months {
		info, err := s.adoptMonth(ctx, &p, m)
		if err != nil {
			s.discard(infos)
			return err
		}
		infos = append(infos, info)
		next.setMonth(m, info)
	}
	if r, err := p.peek(); err != nil || r != nil {
		s.discard(infos)
		if err == nil {
			err = fault.New(fault.Invalid, "a row of %s stands behind those of %s, or was not asked for", r.Month, a.Months)
		}
		return err
	}
	next.Pseudonyms = ""
	return s.commit(ctx, next, infos)
}

// adopting is an Adoption whose rows are being handed out.
type adopting struct {
	*Adoption
	windows map[string]attack.Window
	more    Enricher
	columns []string // of more
	pull    func() (*row.Row, error, bool)
	next    *row.Row // looked at and not taken
	err     error
	done    bool
}

// peek is the next row, nil at the end.
func (p *adopting) peek() (*row.Row, error) {
	if p.next == nil && p.err == nil && !p.done {
		var ok bool
		if p.next, p.err, ok = p.pull(); !ok {
			p.done = true
		}
	}
	return p.next, p.err
}

// adoptMonth writes one month's file under its pending name.
func (s *Store) adoptMonth(ctx context.Context, p *adopting, m row.Month) (*MonthInfo, error) {
	stored := columns.Stored()
	info, err := s.writeMonthFile(ctx, m, append(slices.Clone(stored), p.columns...), func(write func(*row.Row) error) error {
		for {
			r, err := p.peek()
			if err != nil {
				return err
			}
			if r == nil || r.Month != m {
				return nil
			}
			w, ok := p.windows[r.Attack]
			switch {
			case !ok || w.Month != m:
				return fault.New(fault.Invalid, "a row of %s has the window %q, which is none of that month's", m, r.Attack)
			case len(r.Values) != len(stored):
				return fault.New(fault.Invalid, "a row of %s has %d values; want %d", m, len(r.Values), len(stored))
			}
			p.next = nil
			if p.more != nil {
				r.Values = p.more.Enrich(r.Values, r.IP, time.Unix(w.Start, 0), time.Unix(w.End, 0))
			}
			if p.Labeler != nil {
				r.Label = p.Labeler.Label(r.IP, m)
			}
			if err := write(r); err != nil {
				return err
			}
		}
	})
	if err != nil || info == nil {
		return nil, err
	}
	if p.Labeler != nil {
		info.Labels.Definition = p.Labeler.Definition()
	}
	for i := range info.Windows {
		w := p.windows[info.Windows[i].Attack]
		info.Windows[i].Start, info.Windows[i].End = w.Start, w.End
	}
	info.Notes, info.Rules = slices.Clone(p.Notes), rowRules
	for i := range info.Missing {
		c := &info.Missing[i]
		if p.Reason != nil {
			c.Reason = p.Reason(c.Column)
		}
		if c.Reason == "" {
			c.Reason = missingReason(c.Column, nil)
		}
	}
	return info, nil
}
