package aggregate

import (
	"cmp"
	"encoding/binary"
	"net/netip"
	"slices"
	"unsafe"

	"sluice/featurestore/attack"
	"sluice/featurestore/row"
	"sluice/featurestore/webrequest"
)

// state is a group while requests come in.
type state struct {
	Counts
	agents  set
	queries set
	hours   hours
	paths   tally
	moments moments
}

// groupKey is a window's index and an address as 128 bits; canonical IPv4
// addresses stand in their mapped form, which no canonical IPv6 address has.
type groupKey struct {
	hi, lo uint64
	window int64
}

func keyOf(window int32, ip netip.Addr) groupKey {
	a := ip.As16()
	return groupKey{binary.BigEndian.Uint64(a[:8]), binary.BigEndian.Uint64(a[8:]), int64(window)}
}

func (k groupKey) is4() bool { return k.hi == 0 && k.lo>>32 == 0xffff }

func (k groupKey) addr() netip.Addr {
	var a [16]byte
	binary.BigEndian.PutUint64(a[:8], k.hi)
	binary.BigEndian.PutUint64(a[8:], k.lo)
	return netip.AddrFrom16(a).Unmap()
}

// compare is the order of row keys: window, IPv4 before IPv6, number.
func (k groupKey) compare(o groupKey) int {
	if c := cmp.Compare(k.window, o.window); c != 0 {
		return c
	}
	if a, b := k.is4(), o.is4(); a != b {
		if a {
			return -1
		}
		return 1
	}
	return cmp.Or(cmp.Compare(k.hi, o.hi), cmp.Compare(k.lo, o.lo))
}

const (
	chunkStates = 256 // states are allocated in chunks, so that none ever moves
	// entryBytes is what the index takes per group: a key and a number in a
	// table that is 7/16 to 7/8 full, with its control bytes.
	entryBytes = 56
	stateBytes = int64(unsafe.Sizeof(state{})) + entryBytes
)

// shard holds the groups of one worker.
type shard struct {
	index  map[groupKey]int32
	chunks [][]state
	n      int   // groups
	bytes  int64 // of memory, about
}

func (s *shard) at(i int32) *state { return &s.chunks[i/chunkStates][i%chunkStates] }

// get finds or makes the state of a key.
func (s *shard) get(k groupKey) *state {
	if i, ok := s.index[k]; ok {
		return s.at(i)
	}
	if s.index == nil {
		s.index = make(map[groupKey]int32)
	}
	if s.n == len(s.chunks)*chunkStates {
		s.chunks = append(s.chunks, make([]state, chunkStates))
	}
	i := int32(s.n)
	s.index[k] = i
	s.n++
	s.bytes += stateBytes
	st := s.at(i)
	*st = state{}
	return st
}

// reset forgets all groups and keeps the memory of the index and the chunks.
func (s *shard) reset() {
	for i := range s.n {
		*s.at(int32(i)) = state{}
	}
	clear(s.index)
	s.n, s.bytes = 0, 0
}

// count adds one request to a group and gives the bytes of memory that took.
func (st *state) count(r *webrequest.Request, d *webrequest.Derived, f *facts) int {
	grown := 0
	if st.Requests > 0 {
		grown = st.moments.add(r.Time, st.First, st.Last)
	}
	st.Timed++
	if st.Requests == 0 {
		st.First, st.Last = r.Time, r.Time
	} else {
		st.First, st.Last = min(st.First, r.Time), max(st.Last, r.Time)
	}
	st.Requests++
	if r.HasSize && r.ResponseSize >= 0 && r.Available.Has(webrequest.FieldResponseSize) {
		st.addSize(0, uint64(r.ResponseSize))
		st.SizeRows++
	}
	if r.Available.Has(webrequest.FieldURIQuery) {
		st.QueryRows++
		if f.query != 0 {
			grown += st.queries.add(f.query)
		}
	}
	if r.Available.Has(webrequest.FieldUserAgent) {
		st.AgentRows++
		grown += st.agents.add(f.agent)
		st.Crawler.count(f.crawler)
	}
	if r.Available.Has(webrequest.FieldURIPath) {
		grown += st.paths.add(f.path)
		st.Probe.count(f.probe)
	}
	if f.status != 0 {
		st.StatusRows++
		switch f.status {
		case 3:
			st.Status3++
		case 4:
			st.Status4++
		case 5:
			st.Status5++
		}
	}
	if r.Available.Has(webrequest.FieldHTTPMethod) {
		st.Post.count(r.HTTPMethod == "POST")
	}
	if r.Available.Has(webrequest.FieldReferer) {
		st.Referer.count(!absent(r.Referer))
	}
	if r.Available.Has(webrequest.FieldAcceptLanguage) {
		st.AcceptLanguage.count(!absent(r.AcceptLang))
	}
	if d.IsPageview != webrequest.Null {
		st.Pageview.count(d.IsPageview == webrequest.Yes)
	}
	if d.RefererClass != "" {
		st.RefererClass.count(d.RefererClass != "none")
	}
	if d.AgentType != "" {
		st.Spider.count(d.AgentType == "spider")
	}
	if d.AccessMethod != "" {
		st.AccessRows++
		switch d.AccessMethod {
		case "desktop":
			st.Desktop++
		case "mobile web":
			st.MobileWeb++
		case "mobile app":
			st.MobileApp++
		}
	}
	return grown + st.hours.add(int32(r.Time/3600))
}

// group writes the state out as a Group, reusing g's slices.
func (st *state) group(g *Group) {
	g.Counts = st.Counts
	g.Agents = st.agents.sorted(g.Agents[:0])
	g.Queries = st.queries.sorted(g.Queries[:0])
	g.Hours = g.Hours[:0]
	if st.hours.first.requests > 0 {
		g.Hours = append(g.Hours, row.HourCount{Hour: int64(st.hours.first.hour), Requests: int64(st.hours.first.requests)})
	}
	for _, c := range st.hours.rest {
		g.Hours = append(g.Hours, row.HourCount{Hour: int64(c.hour), Requests: int64(c.requests)})
	}
	g.Hours = compactHours(g.Hours)
	g.Paths = st.paths.sorted(g.Paths[:0])
	g.Moments = st.moments.sorted(g.Moments[:0], st.First, st.Last)
}

// writeTo writes all groups, sorted, as the records of a partial.
func (s *shard) writeTo(w *Writer, set *attack.Set) error {
	keys := make([]groupKey, 0, s.n)
	for k := range s.index {
		keys = append(keys, k)
	}
	slices.SortFunc(keys, groupKey.compare)
	var g Group
	window := int64(-1)
	for _, k := range keys {
		if k.window != window {
			window = k.window
			a := set.Window(int32(window))
			if err := w.Window(Window{ID: a.ID, Month: a.Month, Start: a.Start, End: a.End}); err != nil {
				return err
			}
		}
		s.at(s.index[k]).group(&g)
		if err := w.Add(k.addr(), &g); err != nil {
			return err
		}
	}
	return nil
}
