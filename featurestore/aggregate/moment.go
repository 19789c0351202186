package aggregate

import (
	"slices"

	"sluice/featurestore/webrequest"
)

// facts are what a request's text says, computed once however many windows the
// request lies in.
type facts struct {
	query, agent, path uint64 // hashes; 0 is none
	probe, crawler     bool
	status             byte // first digit of a three-digit status, else 0
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
	probes, crawlers classCache
}

func (m *reading) facts(r *webrequest.Request) (f facts) {
	if r.Available.Has(webrequest.FieldURIQuery) && !absent(r.URIQuery) {
		f.query = hashString(r.URIQuery)
	}
	if r.Available.Has(webrequest.FieldUserAgent) {
		agent := r.UserAgent
		if absent(agent) {
			agent = ""
		}
		f.agent = hashString(agent)
		f.crawler = m.crawlers.get(f.agent, declaresCrawler, agent)
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
	n      int32
	inline [2]HashCount
	table  []HashCount // a power of two long, or nil; hash 0 is free
}

// add counts one request and gives the bytes of memory that took.
func (s *tally) add(h uint64) int {
	if s.table == nil {
		for i := range s.inline {
			switch {
			case i == int(s.n):
				s.inline[i] = HashCount{h, 1}
				s.n++
				return 0
			case s.inline[i].Hash == h:
				s.inline[i].Requests++
				return 0
			}
		}
		return s.grow(4) + s.add(h)
	}
	mask := len(s.table) - 1
	for i := place(h, len(s.table)); ; i = (i + 1) & mask {
		switch s.table[i].Hash {
		case h:
			s.table[i].Requests++
			return 0
		case 0:
			s.table[i] = HashCount{h, 1}
			s.n++
			if int(s.n)*4 > len(s.table)*3 {
				return s.grow(2 * len(s.table))
			}
			return 0
		}
	}
}

func (s *tally) grow(size int) int {
	old := s.table
	s.table = make([]HashCount, size)
	mask := size - 1
	put := func(c HashCount) {
		i := place(c.Hash, size)
		for s.table[i].Hash != 0 {
			i = (i + 1) & mask
		}
		s.table[i] = c
	}
	if old == nil {
		for _, c := range s.inline[:s.n] {
			put(c)
		}
	}
	for _, c := range old {
		if c.Hash != 0 {
			put(c)
		}
	}
	return 16 * (size - len(old))
}

// sorted appends the counts to dst, ascending by hash.
func (s *tally) sorted(dst []HashCount) []HashCount {
	from := len(dst)
	if s.table == nil {
		dst = append(dst, s.inline[:s.n]...)
	} else {
		for _, c := range s.table {
			if c.Hash != 0 {
				dst = append(dst, c)
			}
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
