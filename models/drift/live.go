package drift

import (
	"math"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"sluice/featurestore/fault"
)

// ScoreColumn is the name of the score among a profile's columns.
const ScoreColumn = "score"

// After the first many rows of half a span one in every counts, for as many:
// counting then costs next to nothing where there is much to count.
const (
	many  = 20_000
	every = 16
)

// Live counts rows as they come, over a profile's bins, and forgets those
// older than its span. It is safe for concurrent use.
type Live struct {
	trained []Histogram // of the features in order, then of the score
	at      []int       // where a column's bins begin in a block of counts
	size    int         // of a block
	span    time.Duration

	mu     sync.Mutex
	halves [2]block // the present half of the span, and the one before
	begun  time.Time
	sparse atomic.Bool   // one row in every counts
	seen   atomic.Uint64 // rows, while sparse
	pool   sync.Pool     // of blocks
}

// block is counts of all columns: for each its bins, and its missing values
// last.
type block struct {
	counts []int64
	rows   int64
}

// NewLive counts over the bins of p rows whose values are features in this
// order, and their scores; a row counts for half of span to all of it. Errors:
// Invalid where the profile lacks one.
func NewLive(p Profile, features []string, span time.Duration) (*Live, error) {
	l := &Live{span: span}
	for _, name := range append(slices.Clone(features), ScoreColumn) {
		i := slices.IndexFunc(p.Columns, func(h Histogram) bool { return h.Name == name })
		if i < 0 {
			return nil, fault.Field(fault.Invalid, name, "drift: the profile has no column %q", name)
		}
		l.trained, l.at = append(l.trained, p.Columns[i]), append(l.at, l.size)
		l.size += len(p.Columns[i].Counts) + 1
	}
	l.pool.New = func() any { return &block{counts: make([]int64, l.size)} }
	for i := range l.halves {
		l.halves[i].counts = make([]int64, l.size)
	}
	return l, nil
}

// Add counts n rows: x is row-major, NaN missing, and score gives the score of
// row i. Rows of which nothing is known are left out.
func (l *Live) Add(now time.Time, x []float32, n int, score func(i int) float64) {
	b := l.pool.Get().(*block)
	defer l.pool.Put(b)
	clear(b.counts)
	b.rows = 0
	f := len(l.trained) - 1
	first, step, weight := 0, 1, int64(1)
	if l.sparse.Load() {
		before := l.seen.Add(uint64(n)) - uint64(n)
		first, step, weight = int((every-before%every)%every), every, every
	}
	for i := first; i < n; i += step {
		row := x[i*f:][:f]
		if !slices.ContainsFunc(row, func(v float32) bool { return v == v }) {
			continue
		}
		b.rows++
		for j, v := range row {
			l.count(b, j, float64(v))
		}
		l.count(b, f, score(i))
	}
	if b.rows == 0 {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.turn(now)
	h := &l.halves[0]
	h.rows += weight * b.rows
	for i, c := range b.counts {
		h.counts[i] += weight * c
	}
	l.sparse.Store(h.rows >= many)
}

// count is Histogram.Add; bins are few, so that looking through them in order
// is the quickest.
func (l *Live) count(b *block, column int, v float64) {
	h := &l.trained[column]
	i := 0
	if v != v {
		i = len(h.Counts)
	} else {
		for i < len(h.Edges) && h.Edges[i] < v {
			i++
		}
	}
	b.counts[l.at[column]+i]++
}

// turn begins a new half where the present one has lasted its time.
func (l *Live) turn(now time.Time) {
	half := l.span / 2
	switch d := now.Sub(l.begun); {
	case d < half:
		return
	case d >= 2*half:
		clear(l.halves[0].counts)
		l.halves[0].rows = 0
	}
	l.halves[0], l.halves[1] = l.halves[1], l.halves[0]
	clear(l.halves[0].counts)
	l.halves[0].rows = 0
	l.begun = now
	l.sparse.Store(false)
}

// PSI gives how many rows count at present, and for each feature and last the
// score its name and the index against the profile, NaN while there is nothing
// to compare.
func (l *Live) PSI(now time.Time) (rows int64, names []string, psi []float64) {
	l.mu.Lock()
	l.turn(now)
	rows = l.halves[0].rows + l.halves[1].rows
	sum := make([]int64, l.size)
	for i := range sum {
		sum[i] = l.halves[0].counts[i] + l.halves[1].counts[i]
	}
	l.mu.Unlock()
	for i, h := range l.trained {
		n := len(h.Counts)
		v, err := PSI(h, Histogram{Name: h.Name, Edges: h.Edges, Counts: sum[l.at[i]:][:n], Missing: sum[l.at[i]+n]})
		if err != nil { // the bins are the profile's own
			v = math.NaN()
		}
		names, psi = append(names, h.Name), append(psi, v)
	}
	return rows, names, psi
}
