package aggregate

import (
	"math"
	"slices"
	"unsafe"

	"sluice/featurestore/webrequest"
)

// facts are what a request's text says, computed once however many windows the
// request lies in.
type facts struct {
	query, agent, path uint64 // hashes; 0 is none
	probe              bool
	status             byte // first digit of a three-digit status, else 0
	traits                  // of the agent
}

// classCache remembers a property of texts by their hash, so that what most
// requests repeat is looked at once. A place holds the hash with its lowest bit
// replaced by the property.
type classCache [512]uint64

func (c *classCache) get(h uint64, look func(string) bool, text string) bool {
	p := &c[h>>1&uint64(len(c)-1)]
	if *p|1 == h|1 {
		return *p&1 == 1
	}
	has := look(text)
	*p = h &^ 1
	if has {
		*p |= 1
	}
	return has
}

// reading holds what one goroutine remembers from request to request.
type reading struct {
	probes classCache
	traits [256]hashedAgent       // by the hash's last bits
	agents [1 << 12]numberedAgent // by the reader's number
}

// numberedAgent is what is known of an agent that the reader has numbered.
type numberedAgent struct {
	hash uint64
	id   uint32 // 0 for none
	traits
}

// hashedAgent is what is known of an agent with that hash; 0 is none.
type hashedAgent struct {
	hash uint64
	traits
}

func (m *reading) facts(r *webrequest.Request, behaviour bool) (f facts) {
	if r.Available.Has(webrequest.FieldURIQuery) && !absent(r.URIQuery) {
		f.query = hashString(r.URIQuery)
	}
	if r.Available.Has(webrequest.FieldUserAgent) {
		m.agent(r, &f, behaviour)
	}
	if !behaviour {
		return f
	}
	if r.Available.Has(webrequest.FieldURIPath) {
		f.path = hashString(r.URIPath)
		f.probe = m.probes.get(f.path, IsProbe, r.URIPath)
	}
	if s := r.HTTPStatus; len(s) == 3 && r.Available.Has(webrequest.FieldHTTPStatus) && '1' <= s[0] && s[0] <= '9' {
		f.status = s[0] - '0'
	}
	return f
}

func (m *reading) agent(r *webrequest.Request, f *facts, behaviour bool) {
	n := &m.agents[r.UserAgentID%uint32(len(m.agents))]
	if r.UserAgentID != 0 && n.id == r.UserAgentID {
		f.agent, f.traits = n.hash, n.traits
		return
	}
	agent := r.UserAgent
	if absent(agent) {
		agent = ""
	}
	f.agent = hashString(agent)
	if behaviour {
		known := &m.traits[f.agent%uint64(len(m.traits))]
		if known.hash != f.agent {
			*known = hashedAgent{f.agent, traitsOf(agent)}
		}
		f.traits = known.traits
	}
	if r.UserAgentID != 0 {
		*n = numberedAgent{f.agent, r.UserAgentID, f.traits}
	}
}

// doings are a state's part that only behaviour columns need: a cache line. What
// doesn't fit stands in tables, which few groups have and which are used again
// once their pane is sealed.
type doings struct {
	path    [3]uint64 // hashes of uri_path; 0 is free
	visits  [3]uint32 // to each
	length  uint16    // of the longest agent
	browser uint16    // the newest
	middle  int64     // 0, or 1 more than the second between first and last where there are three
	paths   *tallyTable
	moments *moments
}

// spares are tables to be used again.
type spares struct {
	tallies []*tallyTable
	moments []*moments
	bytes   int64
}

// HashCount is how many requests had a value, by its hash.
type HashCount struct {
	Hash     uint64
	Requests int64
}

// tallyTable counts requests by hash, in an open-addressing table.
type tallyTable struct {
	n      int
	slots  []HashCount // a power of two long; hash 0 is free
	inline [8]HashCount
}

// moments is the set of seconds with a request, once there are more than three.
// Logs are nearly in order of time, so a second that repeats is mostly the last
// one; what repeats otherwise is dropped whenever the list is full.
type moments struct {
	seconds []int64
	inline  [13]int64
}

const (
	tallyBytes   = int(unsafe.Sizeof(tallyTable{}))
	momentsBytes = int(unsafe.Sizeof(moments{}))
)

func (s *spares) tally() *tallyTable {
	if n := len(s.tallies); n > 0 {
		t := s.tallies[n-1]
		s.tallies, s.bytes = s.tallies[:n-1], s.bytes-int64(tallyBytes)
		return t
	}
	t := new(tallyTable)
	t.slots = t.inline[:]
	return t
}

func (s *spares) seconds() *moments {
	if n := len(s.moments); n > 0 {
		m := s.moments[n-1]
		s.moments, s.bytes = s.moments[:n-1], s.bytes-int64(momentsBytes)
		return m
	}
	return new(moments)
}

// take takes the tables of a state that is not needed any more.
func (s *spares) take(do *doings) {
	if t := do.paths; t != nil {
		*t = tallyTable{}
		t.slots = t.inline[:]
		s.tallies = append(s.tallies, t)
		s.bytes += int64(tallyBytes)
	}
	if m := do.moments; m != nil {
		m.seconds = nil
		s.moments = append(s.moments, m)
		s.bytes += int64(momentsBytes)
	}
}

// visit counts a request's path and gives the bytes of memory that took.
func (do *doings) visit(h uint64, s *spares) int {
	if do.paths != nil {
		return do.paths.add(HashCount{h, 1})
	}
	for i := range do.path {
		switch do.path[i] {
		case h:
			if do.visits[i] == math.MaxUint32 {
				break
			}
			do.visits[i]++
			return 0
		case 0:
			do.path[i], do.visits[i] = h, 1
			return 0
		}
	}
	do.paths = s.tally()
	for i, p := range do.path {
		if p != 0 {
			do.paths.add(HashCount{p, int64(do.visits[i])})
		}
	}
	return tallyBytes + do.paths.add(HashCount{h, 1})
}

func (t *tallyTable) add(c HashCount) int {
	mask := len(t.slots) - 1
	for i := place(c.Hash, len(t.slots)); ; i = (i + 1) & mask {
		switch p := &t.slots[i]; p.Hash {
		case c.Hash:
			p.Requests += c.Requests
			return 0
		case 0:
			*p = c
			t.n++
			if t.n*4 > len(t.slots)*3 {
				return t.grow()
			}
			return 0
		}
	}
}

func (t *tallyTable) grow() int {
	old := t.slots
	size := 2 * len(old)
	t.slots = make([]HashCount, size)
	for _, c := range old {
		if c.Hash == 0 {
			continue
		}
		i := place(c.Hash, size)
		for t.slots[i].Hash != 0 {
			i = (i + 1) & (size - 1)
		}
		t.slots[i] = c
	}
	if len(old) == len(t.inline) {
		return 16 * size
	}
	return 16 * (size - len(old))
}

// sortedPaths appends the counts to dst, ascending by hash.
func (do *doings) sortedPaths(dst []HashCount) []HashCount {
	from := len(dst)
	if do.paths != nil {
		for _, c := range do.paths.slots {
			if c.Hash != 0 {
				dst = append(dst, c)
			}
		}
	} else {
		for i, h := range do.path {
			if h != 0 {
				dst = append(dst, HashCount{h, int64(do.visits[i])})
			}
		}
	}
	return append(dst[:from], compactTally(dst[from:])...)
}

// moment puts t beside what first and last were before it came and gives the
// bytes of memory that took.
func (do *doings) moment(t, first, last int64, s *spares) int {
	m := do.moments
	if m == nil {
		switch {
		case t == first || t == last || first == last || t == do.middle-1:
			return 0
		case do.middle == 0:
			do.middle = 1 + max(min(first, t), min(max(first, t), last))
			return 0
		}
		m = s.seconds()
		m.seconds = append(m.inline[:0], first, do.middle-1, last, t)
		do.moments = m
		return momentsBytes
	}
	if m.seconds[len(m.seconds)-1] == t {
		return 0
	}
	grown := 0
	if room := cap(m.seconds); len(m.seconds) == room {
		m.seconds = distinctMoments(m.seconds)
		if 2*len(m.seconds) > room {
			m.seconds = append(make([]int64, 0, 2*room), m.seconds...)
			if grown = 16 * room; room > len(m.inline) {
				grown = 8 * room
			}
		}
	}
	m.seconds = append(m.seconds, t)
	return grown
}

func distinctMoments(s []int64) []int64 {
	slices.Sort(s)
	return slices.Compact(s)
}

// sortedMoments appends the seconds to dst, ascending.
func (do *doings) sortedMoments(dst []int64, first, last int64) []int64 {
	if m := do.moments; m != nil {
		m.seconds = distinctMoments(m.seconds)
		return append(dst, m.seconds...)
	}
	dst = append(dst, first)
	if do.middle != 0 {
		dst = append(dst, do.middle-1)
	}
	if last != first {
		dst = append(dst, last)
	}
	return dst
}

// compactTally sorts in place and joins the counts of one hash.
func compactTally(s []HashCount) []HashCount {
	if len(s) < 2 {
		return s
	}
	slices.SortFunc(s, func(a, b HashCount) int {
		if a.Hash < b.Hash {
			return -1
		} else if a.Hash > b.Hash {
			return 1
		}
		return 0
	})
	n := 0
	for _, c := range s[1:] {
		if c.Hash == s[n].Hash {
			s[n].Requests = add(s[n].Requests, c.Requests)
			continue
		}
		n++
		s[n] = c
	}
	return s[:n+1]
}
