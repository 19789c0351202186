package featurestore

import (
	"math"
	"slices"

	"sluice/featurestore/columns"
)

// Columns of one group of columns.Further are made of one record for each row,
// of a database, a feed, a list, and most rows share few records. So do rows of
// one request the first of the behaviour columns. A batch keeps the different
// ones, once each, and a number for each row: less to write, to keep and to look
// up again for each column when they are encoded.

// groupSpan is where the columns of a group stand among the features: from to to-1.
type groupSpan struct{ from, to int }

// behaviourSpan is that of the first behaviour columns.
var behaviourSpan = groupSpan{columns.NumFeatures, columns.NumFeatures + columns.NumBehaviourHead}

// spansOf finds columns of one group that stand side by side, and the first of the
// behaviour columns where a month has those.
func spansOf(features []string) (out []groupSpan) {
	if s := behaviourSpan; s.to <= len(features) && slices.Equal(features[s.from:s.to], columns.BehaviourNames()[:columns.NumBehaviourHead]) {
		out = append(out, s)
	}
	last := ""
	for i, name := range features {
		g, ok := columns.FurtherOf(name)
		switch {
		case !ok:
			last = ""
		case g.Name == last:
			out[len(out)-1].to = i + 1
		default:
			out, last = append(out, groupSpan{i, i + 1}), g.Name
		}
	}
	return out
}

// tuples are a group's values in the rows of a batch, numbered in the order in
// which they come.
type tuples struct {
	width  int
	values []float64 // of tuple i from i*width on
	of     []uint16  // each row's; batchRows fit
	slots  []uint16  // a power of two long: number and 1; 0 is free
}

func (t *tuples) reset() {
	clear(t.slots)
	t.values, t.of = t.values[:0], t.of[:0]
}

func (t *tuples) n() int { return len(t.values) / t.width }

// add gives the next row its tuple; again says that it is the one added before,
// to this batch or another.
func (t *tuples) add(v []float64, again bool) {
	if n := len(t.of); n > 0 && (again || t.is(t.of[n-1], v)) {
		t.of = append(t.of, t.of[n-1])
		return
	}
	if n := t.n(); 2*n >= len(t.slots) {
		t.slots = make([]uint16, max(32, 4*len(t.slots)))
		for i := range n {
			*t.slot(t.values[i*t.width:][:t.width]) = uint16(i + 1)
		}
	}
	s := t.slot(v)
	if *s == 0 {
		t.values = append(t.values, v...)
		*s = uint16(t.n())
	}
	t.of = append(t.of, *s-1)
}

// last is the last row's tuple, for repeat.
func (t *tuples) last() uint16 { return t.of[len(t.of)-1] }

// repeat gives the next row a tuple that an earlier one has.
func (t *tuples) repeat(tuple uint16) { t.of = append(t.of, tuple) }

// slot is where a tuple's number stands, or would.
func (t *tuples) slot(v []float64) *uint16 {
	h := uint64(0)
	for _, x := range v {
		h = (h ^ math.Float64bits(x)) * 0x9e3779b97f4a7c15
		h ^= h >> 32
	}
	mask := len(t.slots) - 1
	for at := int(h) & mask; ; at = (at + 1) & mask {
		if s := &t.slots[at]; *s == 0 || t.is(*s-1, v) {
			return s
		}
	}
}

// is compares a tuple bit by bit.
func (t *tuples) is(i uint16, v []float64) bool {
	for k, x := range t.values[int(i)*t.width:][:t.width] {
		if math.Float64bits(x) != math.Float64bits(v[k]) {
			return false
		}
	}
	return true
}

// groupTuples are the tuples of a row group's rows, view by view, each where it
// comes first and how often it comes.
type groupTuples struct {
	group *rowGroup
	span  int // among spans
	seen  []seenTuple
	ends  []int   // of each view's among seen
	place []int32 // scratch: of a tuple among its view's, and 1
	index []int32 // scratch: of a tuple in a dictionary
}

type seenTuple struct {
	number      uint16
	first, rows int32 // in the row group
}

// of finds the tuples of a span once for all its columns.
func (s *groupTuples) of(g *rowGroup, span int) {
	if s.group == g && s.span == span {
		return
	}
	s.group, s.span, s.seen, s.ends = g, span, s.seen[:0], s.ends[:0]
	at := int32(0)
	for _, v := range g.views {
		t := &v.tuples[span]
		s.place = slices.Grow(s.place[:0], t.n())[:t.n()]
		clear(s.place)
		from := len(s.seen)
		for i, n := range t.of[v.from:v.to] {
			if s.place[n] == 0 {
				s.seen = append(s.seen, seenTuple{number: n, first: at + int32(i)})
				s.place[n] = int32(len(s.seen) - from)
			}
			s.seen[from+int(s.place[n])-1].rows++
		}
		at += int32(v.to - v.from)
		s.ends = append(s.ends, len(s.seen))
	}
}

// tupled is dictionaryOf for a column of a span.
func (e *columnEncoder) tupled(g *rowGroup, feature, at int) (_ chunk, ok bool) {
	s := &e.tuples
	s.of(g, at)
	column := feature - e.spans[at].from
	e.dict.reset()
	s.index = s.index[:0] // view after view
	nans, from := int64(0), 0
	for i, v := range g.views {
		t := &v.tuples[at]
		begun := len(s.index)
		s.index = slices.Grow(s.index, t.n())[:begun+t.n()]
		for _, seen := range s.seen[from:s.ends[i]] {
			x := t.values[int(seen.number)*t.width+column]
			n, _ := e.dict.put(word(x, false))
			if n < 0 || e.manyWords(int(seen.first)) {
				return chunk{}, false
			}
			s.index[begun+int(seen.number)] = n
			if x != x {
				nans += int64(seen.rows)
			}
		}
		from = s.ends[i]
	}
	if e.dict.n > 1 {
		e.index = slices.Grow(e.index[:0], g.rows)[:g.rows]
		index, numbers := e.index, s.index
		for _, v := range g.views {
			t := &v.tuples[at]
			for k, n := range t.of[v.from:v.to] {
				index[k] = numbers[n]
			}
			index, numbers = index[v.to-v.from:], numbers[t.n():]
		}
	}
	g.nans[feature] = nans
	return e.indexed(e.dict.plain(), int(e.dict.n)), true
}
