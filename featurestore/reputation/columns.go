package reputation

import (
	"math"
	"net/netip"
	"slices"
	"time"

	"sluice/featurestore/columns"
	"sluice/featurestore/row"
)

// WithEarlier is a Set that also gives the columns of earlier listings
// (columns.Earlier), strictly as of the start of a row's window. A model that
// has them repeats the list, so nobody gets them unasked.
type WithEarlier struct{ Set *Set }

// Label is the Set's.
func (w WithEarlier) Label(ip netip.Addr, m row.Month) row.Label { return w.Set.Label(ip, m) }

// Definition is the Set's.
func (w WithEarlier) Definition() string { return w.Set.Definition() }

// EnrichColumns are the names of the columns that Enrich appends.
func (w WithEarlier) EnrichColumns() []string { return columns.EarlierNames() }

// Enrich appends, in the order of columns.Earlier, what exports known before
// start say of ip. Where none was known everything is NaN, for "not listed"
// would be a guess.
func (w WithEarlier) Enrich(dst []float64, ip netip.Addr, start, _ time.Time) []float64 {
	e := w.Set.ListedBefore(ip, start)
	from := len(dst)
	dst = append(dst, slices.Repeat([]float64{math.NaN()}, columns.NumEarlier)...)
	v := dst[from:]
	if e.Exports == 0 {
		return dst
	}
	v[columns.ListedBefore] = 0
	v[columns.ListedBeforeTimes] = float64(e.Times) / float64(e.Exports)
	v[columns.PrefixListedBefore] = float64(e.Neighbours)
	if e.Listed() {
		v[columns.ListedBefore] = 1
		v[columns.DaysSinceFirstListed] = start.Sub(e.First).Hours() / 24
		v[columns.DaysSinceLastListed] = start.Sub(e.Last).Hours() / 24
	}
	return dst
}
