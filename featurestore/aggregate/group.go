package aggregate

import (
	"math"
	"math/bits"
	"slices"

	"sluice/featurestore/columns"
	"sluice/featurestore/row"
)

// Share counts the requests that have a property, of those whose files have
// the column behind it. Requests of other files are in neither number.
type Share struct{ N, Of int64 }

func (s *Share) merge(o Share) { s.N, s.Of = add(s.N, o.N), add(s.Of, o.Of) }

// Ratio is N/Of, NaN where no request has the column.
func (s Share) Ratio() float64 { return ratio(s.N, s.Of) }

func ratio(n, of int64) float64 {
	if of == 0 {
		return math.NaN()
	}
	return float64(n) / float64(of)
}

// Counts are the integers of a Group. Sums stop at the largest int64 instead
// of wrapping, which keeps merging associative.
type Counts struct {
	Requests int64

	// The sum of response_size over the SizeRows requests that have a number,
	// in bytes, 128 bits wide.
	SizeHi, SizeLo uint64
	SizeRows       int64

	QueryRows int64 // requests of files that have uri_query
	AgentRows int64 // requests of files that have user_agent

	Referer        Share
	AcceptLanguage Share
	Pageview       Share
	RefererClass   Share // referer_class is not none
	Spider         Share

	Desktop, MobileWeb, MobileApp int64
	AccessRows                    int64 // requests with an access_method

	First, Last int64 // first and last request, in Unix seconds

	// What behaviour columns need besides; partials of format 1 have none of it.
	StatusRows                int64 // requests with a three-digit http_status
	Status3, Status4, Status5 int64 // of them, by the first digit
	Post                      Share
	Probe                     Share // Of: requests of files that have uri_path
	Crawler                   Share
	Timed                     int64 // requests whose second is in Moments

	// What format 4 added: requests for /robots.txt; the greatest length of a user_agent, in bytes, and the
	// greatest version of a browser, 0 for none, among Measured requests of files
	// that have user_agent.
	Robots                         Share // Of: as of Probe
	Measured, AgentLength, Browser int64
}

// add is a+b for two counts, at most the largest int64.
func add(a, b int64) int64 {
	if a > math.MaxInt64-b {
		return math.MaxInt64
	}
	return a + b
}

func (c *Counts) addSize(hi, lo uint64) {
	var carry uint64
	c.SizeLo, carry = bits.Add64(c.SizeLo, lo, 0)
	c.SizeHi, carry = bits.Add64(c.SizeHi, hi, carry)
	if carry != 0 {
		c.SizeHi, c.SizeLo = math.MaxUint64, math.MaxUint64
	}
}

// merge adds o. A Counts without requests has no First and Last.
func (c *Counts) merge(o *Counts) {
	switch {
	case o.Requests == 0:
	case c.Requests == 0:
		c.First, c.Last = o.First, o.Last
	default:
		c.First, c.Last = min(c.First, o.First), max(c.Last, o.Last)
	}
	c.Requests = add(c.Requests, o.Requests)
	c.addSize(o.SizeHi, o.SizeLo)
	c.SizeRows = add(c.SizeRows, o.SizeRows)
	c.QueryRows = add(c.QueryRows, o.QueryRows)
	c.AgentRows = add(c.AgentRows, o.AgentRows)
	c.Referer.merge(o.Referer)
	c.AcceptLanguage.merge(o.AcceptLanguage)
	c.Pageview.merge(o.Pageview)
	c.RefererClass.merge(o.RefererClass)
	c.Spider.merge(o.Spider)
	c.Desktop = add(c.Desktop, o.Desktop)
	c.MobileWeb = add(c.MobileWeb, o.MobileWeb)
	c.MobileApp = add(c.MobileApp, o.MobileApp)
	c.AccessRows = add(c.AccessRows, o.AccessRows)
	c.StatusRows = add(c.StatusRows, o.StatusRows)
	c.Status3 = add(c.Status3, o.Status3)
	c.Status4 = add(c.Status4, o.Status4)
	c.Status5 = add(c.Status5, o.Status5)
	c.Post.merge(o.Post)
	c.Probe.merge(o.Probe)
	c.Crawler.merge(o.Crawler)
	c.Timed = add(c.Timed, o.Timed)
	c.Robots.merge(o.Robots)
	c.Measured = add(c.Measured, o.Measured)
	c.AgentLength, c.Browser = max(c.AgentLength, o.AgentLength), max(c.Browser, o.Browser)
}

// Group is what requests contribute to one row. The zero value is no requests.
type Group struct {
	Counts
	Agents  []uint64 // hashes of distinct user_agent, ascending; absent is one
	Queries []uint64 // hashes of distinct non-empty uri_query, ascending
	Hours   []row.HourCount
	Paths   []HashCount // requests by hash of uri_path, ascending
	Moments []int64     // distinct seconds with a request, ascending
}

// Merge adds o's requests. It is associative and commutative; o is unchanged
// and keeps its slices.
func (g *Group) Merge(o *Group) {
	g.Counts.merge(&o.Counts)
	g.Agents = union(g.Agents, o.Agents)
	g.Queries = union(g.Queries, o.Queries)
	g.Hours = compactHours(append(slices.Clone(g.Hours), o.Hours...))
	g.Paths = compactTally(append(slices.Clone(g.Paths), o.Paths...))
	g.Moments = distinctMoments(append(slices.Clone(g.Moments), o.Moments...))
}

func union(a, b []uint64) []uint64 {
	out := make([]uint64, 0, len(a)+len(b))
	for len(a) > 0 && len(b) > 0 {
		switch {
		case a[0] < b[0]:
			out, a = append(out, a[0]), a[1:]
		case a[0] > b[0]:
			out, b = append(out, b[0]), b[1:]
		default:
			out, a, b = append(out, a[0]), a[1:], b[1:]
		}
	}
	return append(append(out, a...), b...)
}

// compactHours sorts h in place and joins the entries of one hour.
func compactHours(h []row.HourCount) []row.HourCount {
	if len(h) < 2 {
		return h
	}
	slices.SortFunc(h, func(a, b row.HourCount) int {
		if a.Hour < b.Hour {
			return -1
		} else if a.Hour > b.Hour {
			return 1
		}
		return 0
	})
	n := 0
	for _, c := range h[1:] {
		if c.Hour == h[n].Hour {
			h[n].Requests = add(h[n].Requests, c.Requests)
			continue
		}
		n++
		h[n] = c
	}
	return h[:n+1]
}

// Values appends the twelve features, in the order of columns.Twelve, to dst.
// A feature whose column none of the requests' files has is NaN.
func (g *Group) Values(dst []float64) []float64 {
	from := len(dst)
	dst = append(dst, make([]float64, columns.NumFeatures)...)
	v := dst[from:]
	v[columns.RequestCount] = float64(g.Requests)
	v[columns.ResponseSizeMean] = math.NaN()
	if g.SizeRows > 0 {
		v[columns.ResponseSizeMean] = float128(g.SizeHi, g.SizeLo) / float64(g.SizeRows)
	}
	v[columns.URIQueryCount] = distinct(len(g.Queries), g.QueryRows)
	v[columns.NotNullRefererRatio] = g.Referer.Ratio()
	v[columns.UserAgentCount] = distinct(len(g.Agents), g.AgentRows)
	v[columns.NotNullAcceptLanguageRatio] = g.AcceptLanguage.Ratio()
	v[columns.IsPageviewRatio] = g.Pageview.Ratio()
	v[columns.DesktopRatio] = ratio(g.Desktop, g.AccessRows)
	v[columns.MobileWebRatio] = ratio(g.MobileWeb, g.AccessRows)
	v[columns.MobileAppRatio] = ratio(g.MobileApp, g.AccessRows)
	v[columns.NotNullRefererClassRatio] = g.RefererClass.Ratio()
	v[columns.SpiderRatio] = g.Spider.Ratio()
	return dst
}

// float128 is the float64 nearest to hi·2⁶⁴ + lo, rounded once.
func float128(hi, lo uint64) float64 {
	if hi == 0 {
		return float64(lo)
	}
	n := bits.Len64(hi)
	top := hi<<(64-n) | lo>>n
	if lo<<(64-n) != 0 {
		top |= 1 // stands for all the bits below
	}
	return math.Ldexp(float64(top), n)
}

func distinct(n int, rows int64) float64 {
	if rows == 0 {
		return math.NaN()
	}
	return float64(n)
}

// sum adds up groups: counts at once, sets and hours by appending, made
// distinct whenever they have doubled, so that k groups of n values cost
// n·log n and at most twice the memory of the result.
type sum struct {
	Group
	// Lengths at which to make distinct next.
	agents, queries, hours, paths, moments int
}

func (s *sum) reset() {
	s.Counts = Counts{}
	s.Agents, s.Queries, s.Hours = s.Agents[:0], s.Queries[:0], s.Hours[:0]
	s.Paths, s.Moments = s.Paths[:0], s.Moments[:0]
	s.agents, s.queries, s.hours, s.paths, s.moments = 0, 0, 0, 0, 0
}

func (s *sum) merge(o *Group) {
	s.Counts.merge(&o.Counts)
	s.Agents = gather(s.Agents, o.Agents, &s.agents)
	s.Queries = gather(s.Queries, o.Queries, &s.queries)
	s.Hours = append(s.Hours, o.Hours...)
	if len(s.Hours) > s.hours {
		s.Hours = compactHours(s.Hours)
		s.hours = 2*len(s.Hours) + 64
	}
	s.Paths = append(s.Paths, o.Paths...)
	if len(s.Paths) > s.paths {
		s.Paths = compactTally(s.Paths)
		s.paths = 2*len(s.Paths) + 64
	}
	s.Moments = append(s.Moments, o.Moments...)
	if len(s.Moments) > s.moments {
		s.Moments = distinctMoments(s.Moments)
		s.moments = 2*len(s.Moments) + 64
	}
}

func gather(dst, more []uint64, limit *int) []uint64 {
	dst = append(dst, more...)
	if len(dst) > *limit {
		slices.Sort(dst)
		dst = slices.Compact(dst)
		*limit = 2*len(dst) + 64
	}
	return dst
}

// group makes everything distinct and gives the sum; it is valid until the
// next reset.
func (s *sum) group() *Group {
	s.agents, s.queries = 0, 0
	s.Agents = gather(s.Agents, nil, &s.agents)
	s.Queries = gather(s.Queries, nil, &s.queries)
	s.Hours = compactHours(s.Hours)
	s.Paths = compactTally(s.Paths)
	s.Moments = distinctMoments(s.Moments)
	return &s.Group
}
