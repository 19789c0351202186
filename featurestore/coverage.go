package featurestore

import (
	"time"

	"sluice/featurestore/row"
)

// Day is how much of one day is in a month's rows.
type Day struct {
	Date     string `json:"date"`     // 2024-08-01, UTC
	Requests int64  `json:"requests"` // that are in rows
	Hours    int    `json:"hours"`    // of the day with a request, 0 to 24
}

// Coverage is what a store has of a month.
type Coverage struct {
	Month row.Month `json:"month"`
	Rows  int64     `json:"rows"` // 0 for a month between others of which nothing is there
	Days  []Day     `json:"days"` // of the whole calendar month, and those beyond that its windows reach
}

// Gaps are the days between the first and the last day with requests that have
// none.
func (c *Coverage) Gaps() []string {
	var gaps, open []string
	seen := false
	for _, d := range c.Days {
		switch {
		case d.Requests == 0 && seen:
			open = append(open, d.Date)
		case d.Requests > 0:
			gaps, open, seen = append(gaps, open...), nil, true
		}
	}
	return gaps
}

// Coverage counts the requests of each day in the store, month by month from
// the first to the last, months without any among them. It reads every row;
// rows whose hours are not known (given by WriteMonth without them) count at
// their first request. Errors: Corrupt.
func (s *Store) Coverage() ([]Coverage, error) {
	var out []Coverage
	months := s.Months()
	for i, m := range months {
		for gap := m; i > 0 && gap > months[i-1]+1; gap-- {
			out = append(out, Coverage{})
		}
		for at, gap := len(out)-1, m-1; at >= 0 && out[at].Month == 0; at, gap = at-1, gap-1 {
			out[at] = Coverage{Month: gap, Days: days(gap, nil)}
		}
		c, err := s.CoverageOf(m)
		if err != nil {
			return nil, err
		}
		out = append(out, c)
	}
	return out, nil
}

// CoverageOf counts the requests of each day in one month's rows. Errors:
// NotFound, Corrupt.
func (s *Store) CoverageOf(m row.Month) (Coverage, error) {
	hours := map[int64]int64{}
	c := Coverage{Month: m}
	if err := s.ScanMonth(m, true, func(r *row.Row) error {
		c.Rows++
		for _, h := range r.Hours {
			hours[h.Hour] += h.Requests
		}
		if len(r.Hours) == 0 && len(r.Values) > 0 && r.First > 0 {
			hours[r.First/3600] += int64(r.Values[0])
		}
		return nil
	}); err != nil {
		return Coverage{}, err
	}
	c.Days = days(m, hours)
	return c, nil
}

// days are the calendar days of a month, and further ones that hours touch.
func days(m row.Month, hours map[int64]int64) []Day {
	from, to := m.Start(time.UTC).Unix()/86400, m.End(time.UTC).Unix()/86400
	for h := range hours {
		from, to = min(from, h/24), max(to, h/24+1)
	}
	out := make([]Day, to-from)
	for d := range out {
		out[d].Date = time.Unix((from+int64(d))*86400, 0).UTC().Format(time.DateOnly)
	}
	for h, n := range hours {
		d := &out[h/24-from]
		d.Requests += n
		d.Hours++
	}
	return out
}
