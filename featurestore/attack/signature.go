package attack

import (
	"cmp"
	"net/netip"
	"slices"
	"strings"
	"time"

	"sluice/featurestore/webrequest"
)

// Signature is what the requests of an attack have in common.
type Signature struct {
	Requests  int64 `json:"requests"`
	Addresses int   `json:"addresses"`
	// Fast is the number of addresses with more than one request a second over
	// the window, the study's notion of an abusive one; windows with few of them
	// hold hardly any that are reported.
	Fast int `json:"addresses_above_1_per_second"`
	// The most frequent values, with the requests that had them. Counts are exact
	// up to topKeys distinct values, and at most Missed too low beyond.
	Paths    []ValueCount `json:"paths"`
	Queries  []ValueCount `json:"queries"`
	Agents   []ValueCount `json:"agents"`
	Prefixes []ValueCount `json:"prefixes"` // /24, IPv6 /64
	// Countries are ISO codes, where Search.Country tells them.
	Countries []ValueCount `json:"countries,omitempty"`
	Missed    int64        `json:"missed,omitempty"`
}

// ValueCount is a value and its requests.
type ValueCount struct {
	Value    string `json:"value"`
	Requests int64  `json:"requests"`
}

// topKeys is how many distinct values are counted, topShown how many are shown.
const (
	topKeys  = 1 << 15
	topShown = 10
)

// frequent counts the first topKeys distinct values and, in missed, the
// requests with any other. What an attack repeats comes early and is counted;
// what it makes up for every request is not worth counting.
type frequent struct {
	// Counts stand behind pointers: assigning to a key that is there would make
	// the map hold the new key, whose bytes are the log reader's.
	counts map[string]*int64
	missed int64
}

func (f *frequent) add(value string, n int64) {
	if c, ok := f.counts[value]; ok {
		*c += n
		return
	}
	if len(f.counts) >= topKeys {
		f.missed += n
		return
	}
	if f.counts == nil {
		f.counts = map[string]*int64{}
	}
	f.counts[strings.Clone(value)] = &n
}

func (f *frequent) merge(o *frequent) {
	for _, v := range o.sorted() {
		f.add(v.Value, v.Requests)
	}
	f.missed += o.missed
}

// sorted are the values, the most frequent first.
func (f *frequent) sorted() []ValueCount {
	out := make([]ValueCount, 0, len(f.counts))
	for v, c := range f.counts {
		out = append(out, ValueCount{v, *c})
	}
	slices.SortFunc(out, moreRequests)
	return out
}

func (f *frequent) top() []ValueCount {
	out := f.sorted()
	return slices.Clone(out[:min(len(out), topShown)])
}

// tally gathers the signature of one window.
type tally struct {
	requests               int64
	addresses              map[netip.Addr]int64
	paths, queries, agents frequent
}

func (s *tally) add(r *webrequest.Request) {
	s.requests++
	if s.addresses == nil {
		s.addresses = map[netip.Addr]int64{}
	}
	s.addresses[r.IP]++
	if r.Available.Has(webrequest.FieldURIPath) {
		s.paths.add(r.URIPath, 1)
	}
	if r.URIQuery != "" && r.URIQuery != "-" {
		s.queries.add(r.URIQuery, 1)
	}
	if r.Available.Has(webrequest.FieldUserAgent) {
		s.agents.add(r.UserAgent, 1)
	}
}

func (s *tally) merge(o *tally) {
	s.requests += o.requests
	if s.addresses == nil {
		s.addresses = map[netip.Addr]int64{}
	}
	for ip, n := range o.addresses {
		s.addresses[ip] += n
	}
	s.paths.merge(&o.paths)
	s.queries.merge(&o.queries)
	s.agents.merge(&o.agents)
}

func (s *tally) signature(w Window, country func(netip.Addr, time.Time) string) Signature {
	out := Signature{Requests: s.requests, Addresses: len(s.addresses)}
	prefixes, countries := map[netip.Prefix]int64{}, map[string]int64{}
	end := time.Unix(w.End, 0)
	for ip, n := range s.addresses {
		if n > w.End-w.Start {
			out.Fast++
		}
		width := 24
		if ip.Is6() {
			width = 64
		}
		if p, err := ip.Prefix(width); err == nil {
			// Addresses are counted exactly, so prefixes can be.
			prefixes[p] += n
		}
		if country != nil {
			if c := country(ip, end); c != "" {
				countries[c] += n
			}
		}
	}
	out.Paths, out.Queries, out.Agents = s.paths.top(), s.queries.top(), s.agents.top()
	for p, n := range prefixes {
		out.Prefixes = append(out.Prefixes, ValueCount{p.String(), n})
	}
	slices.SortFunc(out.Prefixes, moreRequests)
	out.Prefixes = slices.Clone(out.Prefixes[:min(len(out.Prefixes), topShown)])
	for c, n := range countries {
		out.Countries = append(out.Countries, ValueCount{c, n})
	}
	slices.SortFunc(out.Countries, moreRequests)
	out.Countries = slices.Clone(out.Countries[:min(len(out.Countries), topShown)])
	out.Missed = max(s.paths.missed, s.queries.missed, s.agents.missed)
	return out
}

// Signer gathers the signatures of a Set's windows from one part of the
// requests, for one goroutine. A request in several windows counts in each.
type Signer struct {
	set     *Set
	matcher *Matcher
	windows map[int32]*tally
}

// Signer gives a Signer of its own.
func (s *Set) Signer() *Signer {
	return &Signer{set: s, matcher: s.Matcher(), windows: map[int32]*tally{}}
}

// Add takes a request; it is not kept.
func (s *Signer) Add(r *webrequest.Request) {
	for _, i := range s.matcher.Match(r.Time) {
		t := s.windows[i]
		if t == nil {
			t = new(tally)
			s.windows[i] = t
		}
		t.add(r)
	}
}

// Merge adds what o gathered. Where values are too many to be counted exactly,
// the outcome depends on the order of merging, so merge in order of files.
func (s *Signer) Merge(o *Signer) {
	for i, t := range o.windows {
		if s.windows[i] == nil {
			s.windows[i] = new(tally)
		}
		s.windows[i].merge(t)
	}
}

// Signatures are those of the windows, in the order of Set.Windows. country
// tells the ISO code of an address's country at an instant, "" where it is not
// known; nil leaves countries out.
func (s *Signer) Signatures(country func(netip.Addr, time.Time) string) []Signature {
	out := make([]Signature, len(s.set.windows))
	for i := range out {
		if t := s.windows[int32(i)]; t != nil {
			out[i] = t.signature(s.set.windows[i], country)
		}
	}
	return out
}

func moreRequests(a, b ValueCount) int {
	return cmp.Or(cmp.Compare(b.Requests, a.Requests), strings.Compare(a.Value, b.Value))
}
