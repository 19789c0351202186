package feed

import (
	"time"

	"sluice/featurestore/fault"
)

// Date is a feed's date, "2024-08-31". ParseDate makes one; a Date may be
// joined to a path.
type Date string

// ParseDate reads "2024-08-31".
func ParseDate(s string) (Date, error) {
	t, err := time.Parse(time.DateOnly, s)
	if err != nil || len(s) != len(time.DateOnly) || t.Year() < 1970 {
		return "", fault.Field(fault.Invalid, "date", "date %q: want YYYY-MM-DD, as in 2024-08-31", s)
	}
	return Date(s), nil
}

// DateOf is the date of t in UTC.
func DateOf(t time.Time) Date { return Date(t.UTC().Format(time.DateOnly)) }
