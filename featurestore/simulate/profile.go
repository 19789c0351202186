package simulate

import (
	"math"
	"math/rand/v2"
	"net/netip"
	"slices"
	"time"

	"sluice/featurestore/columns"
	"sluice/featurestore/row"
)

// Profile is one (attack, IP) pair: the truth about the client, and the counts
// that its requests add up to. Counts are of the requests that a row is made
// of, after the cache and API filter; Hits and API are what the filter drops.
type Profile struct {
	Month  row.Month
	Attack string // the month itself for background clients
	IP     netip.Addr
	Kind   Kind

	Abusive    bool
	Reported   bool      // as of the month's end: the label
	ReportedAt time.Time // zero: never; after the month's end for late reports
	Shared     bool      // many people behind the address
	Crawler    bool      // a declared crawler

	Start, End int64 // the span in which it sends, Unix seconds, within the window

	Requests      int64 // at least 1
	Bytes         int64 // sum of response_size
	WithQuery     int64
	Queries       int64 // distinct uri_query
	WithReferer   int64
	WithLanguage  int64
	Pageviews     int64
	MobileWeb     int64
	MobileApp     int64
	Spider        int64 // by agents that call themselves robots
	AgentsDesktop int64 // distinct agents of desktop browsers
	AgentsMobile  int64
	AgentsApp     int64
	AgentsSpider  int64
	Hits          int64 // further requests, answered from the cache
	API           int64 // further requests, to the API

	id uint64 // of the pair's own randomness
}

// Values are the twelve columns, in columns.Twelve's order.
func (p *Profile) Values() [columns.NumFeatures]float64 {
	n := float64(p.Requests)
	var v [columns.NumFeatures]float64
	v[columns.RequestCount] = n
	v[columns.ResponseSizeMean] = float64(p.Bytes) / n
	v[columns.URIQueryCount] = float64(p.Queries)
	v[columns.NotNullRefererRatio] = float64(p.WithReferer) / n
	v[columns.UserAgentCount] = float64(p.AgentsDesktop + p.AgentsMobile + p.AgentsApp + p.AgentsSpider)
	v[columns.NotNullAcceptLanguageRatio] = float64(p.WithLanguage) / n
	v[columns.IsPageviewRatio] = float64(p.Pageviews) / n
	v[columns.DesktopRatio] = float64(p.Requests-p.MobileWeb-p.MobileApp) / n
	v[columns.MobileWebRatio] = float64(p.MobileWeb) / n
	v[columns.MobileAppRatio] = float64(p.MobileApp) / n
	v[columns.NotNullRefererClassRatio] = float64(p.WithReferer) / n // every referer has a class
	v[columns.SpiderRatio] = float64(p.Spider) / n
	return v
}

// row is a pair's row.
func (p *Profile) row() row.Row {
	v := p.Values()
	l := row.False
	if p.Reported {
		l = row.True
	}
	c := newClock(p, nil)
	return row.Row{
		Key:    row.Key{Month: p.Month, Attack: p.Attack, IP: p.IP},
		Values: v[:], Label: l,
		First: c.at(0), Last: c.at(p.Requests - 1),
	}
}

// shape turns traits into counts of n requests.
func (p *Profile) shape(r *rand.Rand, t traits, n int64) {
	count := func(of int64, share float64) int64 {
		// Rounded at random, so that few requests have the shares of many on
		// average.
		return min(of, int64(math.Max(0, share)*float64(of)+r.Float64()))
	}
	p.Requests = n
	p.Bytes = max(n*150, int64(t.size*float64(n)))
	p.WithQuery = count(n, t.query)
	if p.WithQuery > 0 {
		p.Queries = max(1, count(p.WithQuery, t.distinct))
	}
	p.WithReferer = count(n, t.referer)
	p.WithLanguage = count(n, t.lang)
	p.Pageviews = count(n, t.page)
	p.MobileApp = count(n, t.app)
	p.MobileWeb = count(n-p.MobileApp, t.mobile/math.Max(1e-9, 1-t.app))
	p.Spider = count(n-p.MobileApp-p.MobileWeb, t.spider)
	p.agents(r, t.agents)
	p.Hits = int64(t.hits*float64(n) + r.Float64())
	p.API = int64(t.api*float64(n) + r.Float64())
}

// agents spreads distinct user agents over the classes that send requests.
func (p *Profile) agents(r *rand.Rand, rate float64) {
	desktop := p.Requests - p.MobileApp - p.MobileWeb - p.Spider
	want := 1 + rate*math.Sqrt(float64(p.Requests))*uniform(r, .5, 1.5)
	for _, c := range []struct {
		requests int64
		distinct *int64
	}{{desktop, &p.AgentsDesktop}, {p.MobileWeb, &p.AgentsMobile}, {p.MobileApp, &p.AgentsApp}, {p.Spider, &p.AgentsSpider}} {
		if c.requests > 0 {
			share := want * float64(c.requests) / float64(p.Requests)
			*c.distinct = min(c.requests, max(1, int64(share+r.Float64())))
		}
	}
}

// drawMonth draws the i-th month's population.
func (w *World) drawMonth(i int) *month {
	m := &month{index: i, month: w.cfg.Start + row.Month(i), windows: w.windows[i]}
	m.rhythm = newRhythm(m)
	r := w.rng(partMonth, uint64(i), 0)
	m.used, m.seen, m.clients = map[pairKey]bool{}, map[netip.Addr]bool{}, map[Kind][]client{}
	if i > 0 {
		m.before = w.months[i-1].clients
	}
	for n, s := range w.slots(i, r) {
		p := Profile{Month: m.month, Kind: s.kind, Abusive: s.kind.abusive(), id: w.pairID(i, uint64(n))}
		p.Shared, p.Crawler = s.kind == Shared, s.kind == Crawler
		k := r.IntN(len(m.windows))
		c := m.client(w, s, k, r)
		p.IP, p.Reported, p.ReportedAt = c.ip, s.reported, c.reportedAt
		m.used[pairKey{k, c.ip}], m.seen[c.ip] = true, true
		p.Attack = m.windows[k].ID
		if c.reportedAt.IsZero() {
			p.ReportedAt = m.reportTime(s, m.windows[k], r)
			c.reportedAt = p.ReportedAt
		}
		m.clients[s.kind] = append(m.clients[s.kind], c)

		count := s.count(r)
		t := s.kind.draw(r, i, count)
		p.shape(r, t, max(1, int64(math.Round(math.Floor(count)*w.cfg.Scale))))
		p.span(r, m.windows[k])
		m.pairs = append(m.pairs, p)
	}
	slices.SortFunc(m.pairs, byAttackThenIP)
	m.background = w.drawBackground(m)
	m.used, m.seen, m.before = nil, nil, nil
	return m
}

// pairID names the n-th client of a month: its requests' randomness follows
// from it.
func (w *World) pairID(month int, n uint64) uint64 {
	return mix(mix(uint64(w.cfg.Seed)) ^ uint64(month)<<40 ^ n)
}

// client is an address with its standing in one month.
type client struct {
	ip         netip.Addr
	reported   bool
	late       bool
	reportedAt time.Time
}

// The shares of pairs whose address was seen before: in another window of the
// month, in the month before.
const (
	comesAgain = .08
	comesBack  = .12
)

// client finds the address of a new pair: now and then one of the same kind
// that was in another window of the month, or in the month before; else a new
// one. An address once reported stays so.
func (m *month) client(w *World, s slot, window int, r *rand.Rand) client {
	fresh := client{reported: s.reported, late: s.late}
	switch u := r.Float64(); {
	case u < comesAgain:
		if of := m.clients[s.kind]; len(of) > 0 {
			c := of[r.IntN(len(of))]
			if c.reported == s.reported && c.late == s.late && !m.used[pairKey{window, c.ip}] {
				return c
			}
		}
	case u < comesAgain+comesBack:
		if m.before == nil || len(m.before[s.kind]) == 0 {
			break
		}
		c := m.before[s.kind][r.IntN(len(m.before[s.kind]))]
		if m.seen[c.ip] || (c.reported || c.late) && !s.reported {
			break
		}
		fresh.ip, fresh.reportedAt = c.ip, c.reportedAt
		return fresh
	}
	fresh.ip = w.pool.draw(s.kind, r)
	return fresh
}

// slot is a pair before it has an address: the part that is drawn by quota, so
// that a world of any seed has the shares it should have.
type slot struct {
	bin      int
	reported bool
	late     bool // abusive, reported after the month's end
	kind     Kind
}

// count draws the pair's requests at scale 1.
func (s *slot) count(r *rand.Rand) float64 {
	u := r.Float64()
	if c, ok := crawlFacts[s.kind]; ok {
		u = c.quotaFrom + u*(c.quotaTo-c.quotaFrom)
	}
	b := bins[s.bin]
	return min(b.from*math.Pow(b.to/b.from, u), b.to-1)
}

// slots deals out the month's pairs by request_count, label and kind.
func (w *World) slots(i int, r *rand.Rand) []slot {
	slots := make([]slot, 0, w.cfg.Rows)
	shares := make([]float64, numBins)
	for b := range bins {
		shares[b] = bins[b].share
	}
	for b, n := range deal(w.cfg.Rows, shares, r) {
		p := bins[b].reported * monthFactor(i)
		labels := deal(n, []float64{p, 1 - p}, r)
		for range labels[0] {
			slots = append(slots, slot{bin: b, reported: true})
		}
		for range labels[1] {
			slots = append(slots, slot{bin: b})
		}
	}
	r.Shuffle(len(slots), func(a, b int) { slots[a], slots[b] = slots[b], slots[a] })
	for k := range slots {
		s := &slots[k]
		u := r.Float64()
		switch {
		case s.reported && u < falseReport:
			s.kind = innocent(s.bin, r)
		case s.reported:
			s.kind = attacker(i, s.bin, r)
		case u < reportedLate:
			s.late = true
			s.kind = attacker(i, s.bin, r)
		case u < reportedLate+neverReported:
			s.kind = attacker(i, s.bin, r)
		default:
			s.kind = innocent(s.bin, r)
		}
	}
	return slots
}

// monthFactor makes the reported share differ a little between months.
func monthFactor(i int) float64 { return [...]float64{.98, .99, 1}[i%3] }

// deal splits n by shares that add up to 1, to the nearest whole: the rest
// after rounding down goes to the shares at random.
func deal(n int, shares []float64, r *rand.Rand) []int {
	out := make([]int, len(shares))
	rest := n
	for i, s := range shares {
		out[i] = int(s * float64(n))
		rest -= out[i]
	}
	for ; rest > 0; rest-- {
		out[pick(shares, r)]++
	}
	return out
}

func pick(shares []float64, r *rand.Rand) int {
	u := r.Float64()
	for i, s := range shares {
		if u -= s; u < 0 {
			return i
		}
	}
	return len(shares) - 1
}

func innocent(bin int, r *rand.Rand) Kind {
	u := r.Float64()
	for _, k := range innocents {
		if u -= k.share[bin]; u < 0 {
			return k.kind
		}
	}
	return Crawler
}

func attacker(i, bin int, r *rand.Rand) Kind {
	if r.Float64() < crawlShare[bin] {
		return crawlOf(i, r)
	}
	u := r.Float64()
	for _, k := range attackers {
		if u -= k.share[bin]; u < 0 {
			return k.kind
		}
	}
	return Flood
}

// reportTime is when AbuseIPDB first hears of the pair's address.
func (m *month) reportTime(s slot, win Window, r *rand.Rand) time.Time {
	end := m.month.End(time.UTC).Unix()
	switch {
	case s.late: // within three weeks after the month
		return time.Unix(end+3600+r.Int64N(20*86400), 0).UTC()
	case !s.reported:
		return time.Time{}
	}
	// Between a month before the window and the month's end, most of them soon
	// after the window's start.
	at := win.Start + int64(lognormal(r, 8*3600, 1.2)) - 6*3600
	if r.Float64() < .3 {
		at = win.Start - r.Int64N(30*86400)
	}
	return time.Unix(min(at, end-3601), 0).UTC()
}

// span places the pair's requests in its window: floods and crawls for most of
// it, bursts for minutes, nobody above 20 requests/s.
func (p *Profile) span(r *rand.Rand, w Window) {
	length := w.End - w.Start
	part := uniform(r, .3, 1)
	if p.Kind == Burst {
		part = uniform(r, .02, .12)
	}
	const perSecond = 20
	need := max(int64(part*float64(length)), (p.Requests+p.Hits+p.API)/perSecond+1, 60)
	need = min(need, length)
	p.Start = w.Start + int64(r.Float64()*float64(length-need))
	p.End = p.Start + need
}
