package attack

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"time"

	"sluice/featurestore/fault"
	"sluice/featurestore/row"
)

// maxMembers bounds the memory of a Set: the number of (span between two
// neighbouring window bounds, window that covers it) pairs. A thousand windows
// that all overlap need a million.
const maxMembers = 16 << 20

// Set is what instants are matched against: given windows, or whole months.
// It is immutable and safe for concurrent use.
type Set struct {
	zone *time.Location
	// months is set where there are no windows: a window's index is then its
	// month.
	months  bool
	windows []Window // ascending by month, then id: the order of row keys

	// The bounds of all windows, ascending; instants in [cuts[i], cuts[i+1])
	// lie in the windows members[offsets[i]:offsets[i+1]].
	cuts    []int64
	offsets []int32
	members []int32
}

// Months is the Set without windows: each month, in zone (nil is UTC), is one
// window and its id is the month, as in "2024-08".
func Months(zone *time.Location) *Set {
	if zone == nil {
		zone = time.UTC
	}
	return &Set{zone: zone, months: true}
}

// New makes a Set of windows, which may overlap. zone (nil is UTC) decides the
// month of a window; Window.Month is computed here, whatever was given.
// Errors: Invalid (none given, an empty or doubled id, an end not after its
// start), Exhausted (too many windows overlap).
func New(windows []Window, zone *time.Location) (*Set, error) {
	if zone == nil {
		zone = time.UTC
	}
	if len(windows) == 0 {
		return nil, fault.New(fault.Invalid, "no attack windows are given; without windows each month counts as one, ask for that instead")
	}
	s := &Set{zone: zone, windows: slices.Clone(windows)}
	for i := range s.windows {
		w := &s.windows[i]
		if what := w.check(); what != "" {
			return nil, fault.New(fault.Invalid, "attack window %d: %s", i+1, what)
		}
		w.Month = row.MonthOf(time.Unix(w.Start, 0).In(zone))
	}
	ids := make(map[string]struct{}, len(windows))
	for _, w := range s.windows {
		if _, ok := ids[w.ID]; ok {
			return nil, fault.New(fault.Invalid, "attack window %q is given twice; ids must differ", w.ID)
		}
		ids[w.ID] = struct{}{}
	}
	slices.SortFunc(s.windows, func(a, b Window) int {
		return cmp.Or(cmp.Compare(a.Month, b.Month), strings.Compare(a.ID, b.ID))
	})
	return s, s.index()
}

// index cuts time at every bound and lists the windows of each span.
func (s *Set) index() error {
	for _, w := range s.windows {
		s.cuts = append(s.cuts, w.Start, w.End)
	}
	slices.Sort(s.cuts)
	s.cuts = slices.Compact(s.cuts)

	spans := make([]int32, len(s.cuts)+1) // windows per span, then their offsets
	total := 0
	bounds := func(w Window) (from, to int) {
		from, _ = slices.BinarySearch(s.cuts, w.Start)
		to, _ = slices.BinarySearch(s.cuts, w.End)
		return from, to
	}
	for _, w := range s.windows {
		from, to := bounds(w)
		if total += to - from; total > maxMembers {
			return fault.New(fault.Exhausted, "%d attack windows overlap too much to be matched in bounded memory; join windows that cover one another", len(s.windows))
		}
		for i := from; i < to; i++ {
			spans[i+1]++
		}
	}
	for i := 1; i < len(spans); i++ {
		spans[i] += spans[i-1]
	}
	s.offsets = spans
	s.members = make([]int32, total)
	next := slices.Clone(spans)
	for i, w := range s.windows { // in order of index, so members ascend
		from, to := bounds(w)
		for j := from; j < to; j++ {
			s.members[next[j]] = int32(i)
			next[j]++
		}
	}
	return nil
}

// IsMonths reports whether the Set has no windows, only months.
func (s *Set) IsMonths() bool { return s.months }

// Zone is the zone that decides the month of a window.
func (s *Set) Zone() *time.Location { return s.zone }

// Windows are the windows in order of row keys (month, then id); nil for
// months.
func (s *Set) Windows() []Window { return slices.Clone(s.windows) }

// Window is the window with an index that Match gave. Indexes ascend in the
// order of row keys: month, then id.
func (s *Set) Window(i int32) Window {
	if !s.months {
		return s.windows[i]
	}
	m := row.Month(i)
	return Window{ID: m.String(), Start: m.Start(s.zone).Unix(), End: m.End(s.zone).Unix(), Month: m}
}

// Match appends the indexes of the windows in which an instant lies, in Unix
// seconds, to dst, ascending. Use a Matcher in a loop: neighbouring instants
// mostly lie in the same windows.
func (s *Set) Match(unix int64, dst []int32) []int32 {
	m := Matcher{set: s}
	return append(dst, m.Match(unix)...)
}

// Matcher matches instants one after the other, keeping the span of the last
// one. It is for one goroutine.
type Matcher struct {
	set        *Set
	from, to   int64 // the span in which current holds; empty before the first use
	current    []int32
	monthIndex [1]int32
}

// Matcher gives a Matcher of its own.
func (s *Set) Matcher() *Matcher { return &Matcher{set: s} }

// Match gives the indexes of the windows in which an instant lies, ascending;
// none outside every window. The slice is valid until the next call.
func (m *Matcher) Match(unix int64) []int32 {
	if unix < m.from || unix >= m.to {
		m.seek(unix)
	}
	return m.current
}

func (m *Matcher) seek(unix int64) {
	s := m.set
	if s.months {
		month := row.MonthOf(time.Unix(unix, 0).In(s.zone))
		m.from, m.to = month.Start(s.zone).Unix(), month.End(s.zone).Unix()
		m.monthIndex[0] = int32(month)
		m.current = m.monthIndex[:]
		return
	}
	i, found := slices.BinarySearch(s.cuts, unix)
	if !found {
		i--
	}
	switch {
	case i < 0:
		m.from, m.to, m.current = -1<<63, s.cuts[0], nil
	case i == len(s.cuts)-1:
		m.from, m.to, m.current = s.cuts[i], 1<<63-1, nil
	default:
		m.from, m.to = s.cuts[i], s.cuts[i+1]
		m.current = s.members[s.offsets[i]:s.offsets[i+1]]
	}
}

// Digest identifies what the Set makes of requests between two instants, in
// Unix seconds, both included: the hex SHA-256 of the windows that touch that
// span, with their months. Data read under one Set need not be read again
// under another as long as the digest over its span is the same, so adding
// August's windows leaves June alone. With last < first it is that of nothing.
func (s *Set) Digest(first, last int64) string {
	h := sha256.New()
	line := func(w Window) {
		fmt.Fprintf(h, "%q %d %d %s\n", w.ID, w.Start, w.End, w.Month)
	}
	switch {
	case last < first:
	case s.months:
		fmt.Fprintln(h, "months")
		to := row.MonthOf(time.Unix(last, 0).In(s.zone))
		for m := row.MonthOf(time.Unix(first, 0).In(s.zone)); m <= to; m++ {
			line(s.Window(int32(m)))
		}
	default:
		for _, w := range s.windows {
			if w.Start <= last && w.End > first {
				line(w)
			}
		}
	}
	return hex.EncodeToString(h.Sum(nil))
}
