package featurestore

import (
	"net/netip"
	"time"

	"sluice/featurestore/row"
)

// Labeler gives the label of an address in a month.
type Labeler interface {
	// Label is the label of ip as of month m's cut-off. It is called by several
	// goroutines at once.
	Label(ip netip.Addr, m row.Month) row.Label
	// Definition says, in a line, what makes a label true; it is recorded.
	Definition() string
}

// Enricher is a Labeler that knows further columns of a row, made of what was
// known by its window's end: of what is said about addresses what was known
// before the window began, of what was counted what was counted inside.
type Enricher interface {
	Labeler
	// EnrichColumns are the columns' names; none switches them off.
	EnrichColumns() []string
	// Enrich appends their values for ip in the window [start, end). It is called
	// by several goroutines at once.
	Enrich(dst []float64, ip netip.Addr, start, end time.Time) []float64
}

// WalkFunc is Enrich of an Enricher or a ColumnSource for one goroutine. The
// values are valid until the next call; again says that they are those of the
// call before, as they mostly are.
type WalkFunc = func(ip netip.Addr, start, end time.Time) (values []float64, again bool)

// Walker is an Enricher or a ColumnSource that has a faster way for rows in
// their order: window after window, addresses ascending.
type Walker interface {
	// Walk gives a function whose values are Enrich's.
	Walk() WalkFunc
}

// WalkOf is the fastest Enrich of an Enricher or a ColumnSource, for one
// goroutine.
func WalkOf(e interface {
	Enrich(dst []float64, ip netip.Addr, start, end time.Time) []float64
}) WalkFunc {
	if w, ok := e.(Walker); ok {
		return w.Walk()
	}
	var values []float64
	return func(ip netip.Addr, start, end time.Time) ([]float64, bool) {
		values = e.Enrich(values[:0], ip, start, end)
		return values, false
	}
}

func enricherOf(l Labeler) (Enricher, []string) {
	if e, ok := l.(Enricher); ok {
		if names := e.EnrichColumns(); len(names) > 0 {
			return e, names
		}
	}
	return nil, nil
}

// Window is when an attack of the month was: the window, and the month where
// rows were given without one.
func (i *MonthInfo) Window(attack string) (start, end time.Time) {
	for _, w := range i.Windows {
		if w.Attack == attack && w.End > 0 {
			return time.Unix(w.Start, 0).UTC(), time.Unix(w.End, 0).UTC()
		}
	}
	return i.Month.Start(time.UTC), i.Month.End(time.UTC)
}

// Labels describe the label column of a month.
type Labels struct {
	Definition string `json:"definition,omitempty"` // "" while the month is not labelled
	True       int64  `json:"true"`
	False      int64  `json:"false"`
	Unknown    int64  `json:"unknown"`
}

func (l *Labels) count(v row.Label) {
	switch v {
	case row.True:
		l.True++
	case row.False:
		l.False++
	default:
		l.Unknown++
	}
}
