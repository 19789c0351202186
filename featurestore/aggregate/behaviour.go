package aggregate

import (
	"math"
	"math/bits"
	"slices"

	"sluice/featurestore/columns"
)

// Shared is what a row has from the other rows of its attack; see Rollup.
type Shared struct {
	AgentIPs       int64 // 0: unknown
	PrefixIPs      int64
	PrefixRequests int64
}

// Values are user_agent_ip_count, prefix_ip_count and prefix_request_count.
func (s Shared) Values() (agentIPs, prefixIPs, prefixRequests float64) {
	return distinct(int(min(s.AgentIPs, columns.MaxUserAgentIPs)), s.AgentIPs), distinct(int(s.PrefixIPs), s.PrefixIPs), distinct(int(s.PrefixRequests), s.PrefixIPs)
}

// Behaviour appends the behaviour columns, in the order of columns.Behaviour,
// to dst. One whose log column none of the requests' files has is NaN, and so
// is one that a partial of an older format, which lacks it, has a part in.
func (g *Group) Behaviour(dst []float64, s Shared) []float64 {
	return g.BehaviourTail(g.BehaviourHead(dst), s)
}

// NumKinds is above every kind; see Kind.
const NumKinds = 1 << 5

// Kind is a number that groups have in common whose BehaviourHead is the same.
// Groups of one request have one, if their log has every column.
func (g *Group) Kind() (kind int, ok bool) {
	if g.Requests != 1 || g.StatusRows&g.Post.Of&g.Probe.Of&g.Timed != 1 || len(g.Paths) != 1 || len(g.Hours) != 1 {
		return 0, false
	}
	return int(g.Status3 | g.Status4<<1 | g.Status5<<2 | g.Post.N<<3 | g.Probe.N<<4), true
}

// BehaviourHead appends the first columns.NumBehaviourHead behaviour columns.
func (g *Group) BehaviourHead(dst []float64) []float64 {
	from := len(dst)
	dst = append(dst, make([]float64, columns.NumBehaviourHead)...)
	v := dst[from:]
	v[columns.Status3xxRatio] = ratio(g.Status3, g.StatusRows)
	v[columns.Status4xxRatio] = ratio(g.Status4, g.StatusRows)
	v[columns.Status5xxRatio] = ratio(g.Status5, g.StatusRows)
	v[columns.PostRatio] = g.Post.Ratio()
	v[columns.URIPathCount] = distinct(len(g.Paths), g.Probe.Of)
	v[columns.DistinctURIPathRatio] = ratio(int64(len(g.Paths)), g.Probe.Of)
	v[columns.URIPathEntropy] = g.entropy()
	v[columns.ProbeRatio] = g.Probe.Ratio()
	days, day := 0, int64(math.MinInt64)
	for _, h := range g.Hours {
		if d := h.Hour / 24; d != day {
			days, day = days+1, d
		}
	}
	v[columns.ActiveHours] = float64(len(g.Hours))
	v[columns.ActiveDays] = float64(days)
	v[columns.RequestsPerActiveHour] = ratio(g.Requests, int64(len(g.Hours)))
	v[columns.InterarrivalMedian], v[columns.InterarrivalSpread] = g.interarrival()
	return dst
}

// BehaviourTail appends those behind BehaviourHead.
func (g *Group) BehaviourTail(dst []float64, s Shared) []float64 {
	const head = columns.NumBehaviourHead
	from := len(dst)
	dst = append(dst, make([]float64, columns.NumBehaviour-head)...)
	v := dst[from:]
	v[columns.UserAgentIPCount-head], v[columns.PrefixIPCount-head], v[columns.PrefixRequestCount-head] = s.Values()
	v[columns.DeclaredCrawlerRatio-head] = g.Crawler.Ratio()
	v[columns.RobotsTxtRatio-head] = math.NaN()
	if g.Robots.Of == g.Probe.Of {
		v[columns.RobotsTxtRatio-head] = g.Robots.Ratio()
	}
	v[columns.UserAgentLengthMax-head], v[columns.BrowserVersionMax-head] = math.NaN(), math.NaN()
	if g.Measured > 0 && g.Measured == g.AgentRows {
		v[columns.UserAgentLengthMax-head] = float64(g.AgentLength)
		if g.Browser > 0 {
			v[columns.BrowserVersionMax-head] = float64(g.Browser)
		}
	}
	return dst
}

// entropy is log2 n - (Σ c·log2 c)/n over the counts c of n requests. Counts
// are added in ascending order, and the outcome is cut to a multiple of 2⁻³⁰,
// so that processors whose logarithms differ in the last bit agree.
func (g *Group) entropy() float64 {
	if g.Probe.Of == 0 {
		return math.NaN()
	}
	n, sum := int64(0), 0.0
	switch len(g.Paths) {
	case 1:
		return 0
	default:
		counts := make([]int64, 0, 32)
		for _, c := range g.Paths {
			n = add(n, c.Requests)
			if c.Requests > 1 { // log2 1 is 0
				counts = append(counts, c.Requests)
			}
		}
		slices.Sort(counts)
		for _, c := range counts {
			sum += float64(c) * math.Log2(float64(c))
		}
	}
	return entropyOf(n, sum)
}

// entropyOf is log2 n - sum/n, cut.
func entropyOf(n int64, sum float64) float64 {
	const unit = 1 << 30
	return max(0, math.Round((math.Log2(float64(n))-sum/float64(n))*unit)/unit)
}

// interarrival gives the median and the quartile coefficient of dispersion of
// the gaps between requests. Requests of one second are 0 apart, so the gaps
// are those between neighbouring seconds and as many zeros as there are other
// requests.
func (g *Group) interarrival() (median, spread float64) {
	if g.Requests < 2 || g.Timed != g.Requests || g.Requests == math.MaxInt64 {
		return math.NaN(), math.NaN()
	}
	gaps := make([]int64, 0, 64)
	for i, t := range g.Moments[1:] {
		gaps = append(gaps, t-g.Moments[i])
	}
	slices.Sort(gaps)
	zeros := g.Requests - 1 - int64(len(gaps))
	at := func(i int64) float64 {
		if i < zeros {
			return 0
		}
		return float64(gaps[i-zeros])
	}
	// quantile is that of q quarters, by linear interpolation between ranks.
	quantile := func(q int64) float64 {
		hi, lo := bits.Mul64(uint64(q), uint64(g.Requests-2))
		k, rest := bits.Div64(hi, lo, 4)
		a := at(int64(k))
		if rest == 0 {
			return a
		}
		return a + (at(int64(k)+1)-a)*float64(rest)/4
	}
	q1, q3 := quantile(1), quantile(3)
	if q1+q3 > 0 {
		spread = (q3 - q1) / (q3 + q1)
	}
	return quantile(2), spread
}
