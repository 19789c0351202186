package aggregate

import (
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

// moments is the set of seconds with a request, once there are more than two;
// up to two are a group's First and Last. Logs are nearly in order of time, so
// a second that repeats is mostly the last one; what repeats otherwise is
// dropped whenever the list is full.
type moments []int64

// add puts t beside what first and last were before it came and gives the bytes
// of memory that took.
func (m *moments) add(t, first, last int64) int {
	s := *m
	if len(s) == 0 {
		if t == first || t == last || first == last {
			return 0
		}
		s = make([]int64, 0, 8)
		*m = append(s, first, last, t)
		return 8 * 8
	}
	if s[len(s)-1] == t {
		return 0
	}
	grown := 0
	if len(s) == cap(s) {
		s = distinctMoments(s)
		if 2*len(s) > cap(s) {
			more := make([]int64, len(s), 2*cap(s))
			copy(more, s)
			grown = 8 * (cap(more) - cap(s))
			s = more
		}
	}
	*m = append(s, t)
	return grown
}

func distinctMoments(s []int64) []int64 {
	slices.Sort(s)
	return slices.Compact(s)
}

// sorted appends the seconds to dst, ascending.
func (m *moments) sorted(dst []int64, first, last int64) []int64 {
	if len(*m) == 0 {
		dst = append(dst, first)
		if last != first {
			dst = append(dst, last)
		}
		return dst
	}
	*m = distinctMoments(*m)
	return append(dst, *m...)
}

// HashCount is how many requests had a value, by its hash.
type HashCount struct {
	Hash     uint64
	Requests int64
}

// tally counts requests by hash: two in place, then an open-addressing table.
// The zero value is empty.
type tally struct {
	inline [2]HashCount // hash 0 is free
	table  *tallyTable  // of all, once they don't fit
}

type tallyTable struct {
	n     int
	slots []HashCount // a power of two long; hash 0 is free
}

const tallyBytes = int(unsafe.Sizeof(tallyTable{}))

// add counts one request and gives the bytes of memory that took.
func (s *tally) add(h uint64) int {
	if s.table != nil {
		return s.table.add(HashCount{h, 1})
	}
	for i := range s.inline {
		switch c := &s.inline[i]; c.Hash {
		case h:
			c.Requests++
			return 0
		case 0:
			*c = HashCount{h, 1}
			return 0
		}
	}
	s.table = &tallyTable{slots: make([]HashCount, 4)}
	grown := tallyBytes + 16*4
	for _, c := range s.inline {
		grown += s.table.add(c)
	}
	return grown + s.table.add(HashCount{h, 1})
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
	return 16 * (size - len(old))
}

// sorted appends the counts to dst, ascending by hash.
func (s *tally) sorted(dst []HashCount) []HashCount {
	if s.table == nil {
		switch a, b := s.inline[0], s.inline[1]; {
		case a.Hash == 0:
			return dst
		case b.Hash == 0:
			return append(dst, a)
		case a.Hash < b.Hash:
			return append(dst, a, b)
		default:
			return append(dst, b, a)
		}
	}
	from := len(dst)
	for _, c := range s.table.slots {
		if c.Hash != 0 {
			dst = append(dst, c)
		}
	}
	return append(dst[:from], compactTally(dst[from:])...)
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
