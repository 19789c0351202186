package row

import (
	"cmp"
	"fmt"
	"net/netip"
	"time"

	"sluice/featurestore/fault"
)

// Month is a calendar month, counted from year 0: 12*year + month - 1. The
// zero value is no month.
type Month int32

// ParseMonth reads "2024-08".
func ParseMonth(s string) (Month, error) {
	t, err := time.Parse("2006-01", s)
	if err != nil || t.Year() < 1970 {
		return 0, fault.New(fault.Invalid, "month %q: want YYYY-MM, as in 2024-08", s)
	}
	return MonthOf(t), nil
}

// MonthOf is the month of t in t's own location.
func MonthOf(t time.Time) Month { return Month(t.Year()*12 + int(t.Month()) - 1) }

// String is the month as "2024-08".
func (m Month) String() string { return fmt.Sprintf("%04d-%02d", int(m)/12, int(m)%12+1) }

// MarshalText writes the month as "2024-08".
func (m Month) MarshalText() ([]byte, error) { return []byte(m.String()), nil }

// UnmarshalText reads "2024-08".
func (m *Month) UnmarshalText(b []byte) error {
	v, err := ParseMonth(string(b))
	*m = v
	return err
}

// Start is the first instant of the month in loc.
func (m Month) Start(loc *time.Location) time.Time {
	return time.Date(int(m)/12, time.Month(int(m)%12+1), 1, 0, 0, 0, 0, loc)
}

// End is the first instant after the month in loc.
func (m Month) End(loc *time.Location) time.Time { return (m + 1).Start(loc) }

// Label is the value of abuseipdb_isReported as of a date.
type Label uint8

// The labels. Unknown rows are scored and counted, never trained or tested.
const (
	Unknown Label = iota
	False
	True
)

// String is "unknown", "false" or "true".
func (l Label) String() string { return [...]string{"unknown", "false", "true"}[l%3] }

// Key identifies a row: one address in one attack of one month.
type Key struct {
	Month  Month
	Attack string     // window id; the month itself where there are no windows
	IP     netip.Addr // unmapped, without zone
}

// Compare orders keys by month, attack, then address.
func (k Key) Compare(o Key) int {
	if c := cmp.Compare(k.Month, o.Month); c != 0 {
		return c
	}
	if c := cmp.Compare(k.Attack, o.Attack); c != 0 {
		return c
	}
	return k.IP.Compare(o.IP)
}

// Row is one (attack, IP) pair.
type Row struct {
	Key
	// Values holds the features in the order of the month's column names (the
	// first columns.NumFeatures are the twelve); NaN is missing.
	Values []float64
	Label  Label
	// First and Last are the first and last request, in Unix seconds.
	First, Last int64
	// Hours counts requests per hour, ascending; empty where not asked for.
	Hours []HourCount
}

// HourCount is the number of requests in one hour.
type HourCount struct {
	Hour     int64 // hours since 1970-01-01T00 UTC
	Requests int64
}
