package aggregate

import (
	"math/bits"
	"unsafe"

	"sluice/featurestore/row"
	"sluice/featurestore/webrequest"
)

// numFields is the number of counters of a group, in the order of
// Counts.fields.
const numFields = 31

// lanes are the counters of a group while requests come in, eight bits each:
// field i is byte i%8 of word i/8. Most addresses send few requests, so four
// additions count one request in everything; what reaches 255 is carried over
// into wide counters.
type lanes [4]uint64

// The fields as lanes, in the order of Counts.fields.
const (
	laneRequests = iota
	laneSizeRows
	laneQueryRows
	laneAgentRows
	laneReferer
	laneRefererOf
	laneLanguage
	laneLanguageOf
	lanePageview
	lanePageviewOf
	laneClass
	laneClassOf
	laneSpider
	laneSpiderOf
	laneDesktop
	laneMobileWeb
	laneMobileApp
	laneAccessRows
	laneStatusRows
	laneStatus3
	laneStatus4
	laneStatus5
	lanePost
	lanePostOf
	laneProbe
	laneProbeOf
	laneCrawler
	laneCrawlerOf
	laneTimed
	laneRobots
	laneRobotsOf
)

func (l *lanes) one(lane int) { l[lane>>3] += 1 << (lane & 7 * 8) }

func (l *lanes) at(lane int) byte { return byte(l[lane>>3] >> (lane & 7 * 8)) }

// state is a group while requests come in. It takes two cache lines.
type state struct {
	hi, lo      uint64 // the address, as in groupKey
	lanes       lanes
	size        uint64 // sum of response_size, modulo 2⁶⁴
	first, last int64
	agents      set
	queries     set
	more        *more
}

// more is what few groups have.
type more struct {
	fields [numFields]int64 // carried over from the lanes
	sizeHi uint64
	hours  hours // empty while all requests lie in one hour
}

const (
	stateBytes  = int64(unsafe.Sizeof(state{}))
	doingsBytes = int64(unsafe.Sizeof(doings{}))
	moreBytes   = int64(unsafe.Sizeof(more{}))
)

func (st *state) key(window int32) groupKey { return groupKey{st.hi, st.lo, int64(window)} }

// wide gives the state's further part, and the bytes of memory that took.
func (st *state) wide() (*more, int) {
	if st.more != nil {
		return st.more, 0
	}
	st.more = new(more)
	return st.more, int(moreBytes)
}

// carry empties the lanes.
func (st *state) carry() int {
	m, grown := st.wide()
	for i := range m.fields {
		m.fields[i] += int64(st.lanes.at(i))
	}
	st.lanes = lanes{}
	return grown
}

// requests is how many requests were counted.
func (st *state) requests() int64 {
	n := int64(st.lanes[0] & 255)
	if st.more != nil {
		n += st.more.fields[laneRequests]
	}
	return n
}

// counted is what one request adds to every group it lies in.
type counted struct {
	lanes lanes
	size  uint64 // where it has one
	time  int64
}

// count works out what a request adds. behaviour asks for what only behaviour
// columns need.
func (f *facts) count(r *webrequest.Request, d *webrequest.Derived, behaviour bool) (c counted) {
	l := &c.lanes
	c.time = r.Time
	l.one(laneRequests)
	has := r.Available
	if r.HasSize && r.ResponseSize >= 0 && has.Has(webrequest.FieldResponseSize) {
		c.size = uint64(r.ResponseSize)
		l.one(laneSizeRows)
	}
	if has.Has(webrequest.FieldURIQuery) {
		l.one(laneQueryRows)
	}
	if has.Has(webrequest.FieldUserAgent) {
		l.one(laneAgentRows)
	}
	share := func(available, with bool, n, of int) {
		if available {
			l.one(of)
			if with {
				l.one(n)
			}
		}
	}
	share(has.Has(webrequest.FieldReferer), !absent(r.Referer), laneReferer, laneRefererOf)
	share(has.Has(webrequest.FieldAcceptLanguage), !absent(r.AcceptLang), laneLanguage, laneLanguageOf)
	share(d.IsPageview != webrequest.Null, d.IsPageview == webrequest.Yes, lanePageview, lanePageviewOf)
	share(d.RefererClass != "", d.RefererClass != "none", laneClass, laneClassOf)
	share(d.AgentType != "", d.AgentType == "spider", laneSpider, laneSpiderOf)
	if d.AccessMethod != "" {
		l.one(laneAccessRows)
		switch d.AccessMethod {
		case "desktop":
			l.one(laneDesktop)
		case "mobile web":
			l.one(laneMobileWeb)
		case "mobile app":
			l.one(laneMobileApp)
		}
	}
	if !behaviour {
		return c
	}
	l.one(laneTimed)
	if f.status != 0 {
		l.one(laneStatusRows)
		switch f.status {
		case 3:
			l.one(laneStatus3)
		case 4:
			l.one(laneStatus4)
		case 5:
			l.one(laneStatus5)
		}
	}
	share(has.Has(webrequest.FieldHTTPMethod), r.HTTPMethod == "POST", lanePost, lanePostOf)
	share(has.Has(webrequest.FieldURIPath), f.probe, laneProbe, laneProbeOf)
	share(has.Has(webrequest.FieldURIPath), r.URIPath == "/robots.txt", laneRobots, laneRobotsOf)
	share(has.Has(webrequest.FieldUserAgent), f.crawler(), laneCrawler, laneCrawlerOf)
	return c
}

// add counts one request and gives the bytes of memory that took. do is nil
// where behaviour is left out; what it has no room for goes to tables of spare.
func (st *state) add(c *counted, f *facts, do *doings, spare *spares) int {
	grown := 0
	if st.lanes[0]&255 == 255 {
		grown += st.carry()
	}
	if n := st.lanes[0] & 255; n == 0 && st.requests() == 0 {
		st.first, st.last = c.time, c.time
	} else {
		if c.time < st.first || c.time > st.last || st.more != nil {
			grown += st.hour(c.time)
		}
		if do != nil {
			grown += do.moment(c.time, st.first, st.last, spare)
		}
		st.first, st.last = min(st.first, c.time), max(st.last, c.time)
	}
	for i := range st.lanes {
		st.lanes[i] += c.lanes[i]
	}
	sum, carry := bits.Add64(st.size, c.size, 0)
	if st.size = sum; carry != 0 {
		m, n := st.wide()
		m.sizeHi++
		grown += n
	}
	if f.query != 0 {
		grown += st.queries.add(f.query)
	}
	if f.agent != 0 {
		grown += st.agents.add(f.agent)
	}
	if do != nil {
		if f.path != 0 {
			grown += do.visit(f.path, spare)
		}
		do.length, do.browser = max(do.length, f.length), max(do.browser, f.browser())
	}
	return grown
}

// hour counts a request, not the state's first, in its hour, unless all lie in
// one.
func (st *state) hour(t int64) int {
	first := st.first / 3600
	if (st.more == nil || st.more.hours.first.requests == 0) && st.last/3600 == first && t/3600 == first {
		return 0
	}
	m, grown := st.wide()
	if m.hours.first.requests == 0 {
		grown += m.hours.begin(int32(first), st.requests())
	}
	return grown + m.hours.add(int32(t/3600))
}

// group writes the state out as a Group, reusing g's slices.
func (st *state) group(g *Group, do *doings) {
	c := &g.Counts
	l := &st.lanes
	*c = Counts{
		Requests: int64(l.at(laneRequests)), SizeLo: st.size,
		SizeRows: int64(l.at(laneSizeRows)), QueryRows: int64(l.at(laneQueryRows)), AgentRows: int64(l.at(laneAgentRows)),
		Referer:        Share{int64(l.at(laneReferer)), int64(l.at(laneRefererOf))},
		AcceptLanguage: Share{int64(l.at(laneLanguage)), int64(l.at(laneLanguageOf))},
		Pageview:       Share{int64(l.at(lanePageview)), int64(l.at(lanePageviewOf))},
		RefererClass:   Share{int64(l.at(laneClass)), int64(l.at(laneClassOf))},
		Spider:         Share{int64(l.at(laneSpider)), int64(l.at(laneSpiderOf))},
		Desktop:        int64(l.at(laneDesktop)), MobileWeb: int64(l.at(laneMobileWeb)), MobileApp: int64(l.at(laneMobileApp)),
		AccessRows: int64(l.at(laneAccessRows)), First: st.first, Last: st.last,
	}
	if do != nil {
		c.StatusRows, c.Status3, c.Status4, c.Status5 = int64(l.at(laneStatusRows)), int64(l.at(laneStatus3)), int64(l.at(laneStatus4)), int64(l.at(laneStatus5))
		c.Post = Share{int64(l.at(lanePost)), int64(l.at(lanePostOf))}
		c.Probe = Share{int64(l.at(laneProbe)), int64(l.at(laneProbeOf))}
		c.Crawler = Share{int64(l.at(laneCrawler)), int64(l.at(laneCrawlerOf))}
		c.Timed = int64(l.at(laneTimed))
		c.Robots = Share{int64(l.at(laneRobots)), int64(l.at(laneRobotsOf))}
	}
	g.Hours = g.Hours[:0]
	if m := st.more; m != nil {
		c.SizeHi = m.sizeHi
		for i, p := range c.fields() {
			*p += m.fields[i]
		}
		g.Hours = m.hours.list(g.Hours)
	}
	if len(g.Hours) == 0 {
		g.Hours = append(g.Hours, row.HourCount{Hour: st.first / 3600, Requests: c.Requests})
	}
	g.Agents = st.agents.sorted(g.Agents[:0])
	g.Queries = st.queries.sorted(g.Queries[:0])
	g.Paths, g.Moments = g.Paths[:0], g.Moments[:0]
	if do != nil {
		c.Measured, c.AgentLength, c.Browser = c.AgentRows, int64(do.length), int64(do.browser)
		g.Paths = do.sortedPaths(g.Paths)
		g.Moments = do.sortedMoments(g.Moments, st.first, st.last)
	}
}
