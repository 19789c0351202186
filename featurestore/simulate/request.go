package simulate

import (
	"math/bits"
	"strconv"
)

// request is one log line before it is written. Its slices are the cursor's
// scratch space, valid until the next request of any client is made.
type request struct {
	second       int64
	sequence     int64
	ip           []byte
	host         []byte
	path         []byte
	query        []byte // with "?"; empty for none
	referer      []byte // empty for none
	refererClass string
	agent        []byte
	xAnalytics   []byte
	status       string
	method       string
	cache        string
	contentType  string
	language     string // "" for none
	size         int64
	micros       int64 // time to first byte
	cacheHost    string
	pageview     bool
	access       string // desktop, mobile web, mobile app
	spider       bool
	api          bool
	extra        bool // dropped by the filter: a cache hit or an API request
}

// cursor makes a client's requests one after another, from any of them on.
// Everything about request i follows from the profile and i.
type cursor struct {
	p     *Profile
	clock clock
	extra bool
	i     int64
	time  int64 // of request i

	class, page, ref, lang, query stride

	site string // the wiki that the client reads
	base uint64 // of the client's agents and titles
	*scratch
}

// scratch is what a request is made in. The cursors of a file share one, since
// one request is made at a time: a client awake then costs its cursor alone.
type scratch struct {
	ip  []byte
	buf [5][]byte
	req request
}

// scratchBytes has room for a part of a request; what is longer grows.
const scratchBytes = 160

func newScratch() *scratch {
	s := new(scratch)
	b := make([]byte, len(s.buf)*scratchBytes)
	for k := range s.buf {
		at := k * scratchBytes
		s.buf[k] = b[at : at : at+scratchBytes]
	}
	return s
}

// newCursor stands before the client's first request at or after from; ok is
// false if there is none before to.
func newCursor(p *Profile, rh *rhythm, extra bool, from, to int64, s *scratch) (c cursor, ok bool) {
	ck := newClock(p, rh)
	if extra {
		ck = newExtraClock(p, rh)
	}
	if ck.n == 0 {
		return c, false
	}
	i := ck.first(from)
	if i >= ck.n {
		return c, false
	}
	t := ck.at(i)
	if t >= to {
		return c, false
	}
	c = cursor{p: p, clock: ck, extra: extra, i: i, time: t, base: mix(p.id ^ 0xba5e), scratch: s}
	c.site = sites[c.base%uint64(len(sites))]
	if !extra {
		c.class = newStride(p.id^1<<8, p.Requests, i)
		c.page = newStride(p.id^2<<8, p.Requests, i)
		c.ref = newStride(p.id^3<<8, p.Requests, i)
		c.lang = newStride(p.id^4<<8, p.Requests, i)
		c.query = newStride(p.id^5<<8, p.Requests, i)
	}
	return c, true
}

// next moves to the following request; false after the last.
func (c *cursor) next() bool {
	c.i++
	if c.i >= c.clock.n {
		return false
	}
	c.time = c.clock.at(c.i)
	if !c.extra {
		c.class.next()
		c.page.next()
		c.ref.next()
		c.lang.next()
		c.query.next()
	}
	return true
}

// The words that requests are made of. Hosts, paths and agents have the shapes
// that webrequest's rules look for; none names a page or a person.
var (
	sites      = [...]string{"en", "en", "en", "de", "fr", "ja", "es", "ru", "it", "pt"}
	cacheHosts = [...]string{"cp1104", "cp1106", "cp1108", "cp3066", "cp3068", "cp5017", "cp6009"}
	languages  = [...]string{"en-US,en;q=0.9", "de-DE,de;q=0.9,en;q=0.7", "fr-FR,fr;q=0.8", "ja", "es-419,es;q=0.9"}
	robots     = [...]string{"Harvestbot", "PageGleanerBot", "Examplebot", "ArchiveSpider", "Simulatedbot"}
	tools      = [...]string{"python-requests/2.", "curl/8.", "Go-http-client/", "Scrapy/2.", "Java/17."}
	probes     = [...]string{"/.env", "/wp-login.php", "/.git/config", "/phpmyadmin/", "/admin/", "/backup.sql", "/xmlrpc.php", "/config.json"}
)

const (
	typeHTML = "text/html; charset=UTF-8"
	typePNG  = "image/png"
	typeJSON = "application/json; charset=utf-8"
)

// make fills in request i.
func (c *cursor) make() *request {
	h := mix(c.p.id ^ uint64(c.i)*0x9e3779b97f4a7c15)
	c.ip = c.p.IP.AppendTo(c.ip[:0])
	r := &c.req
	*r = request{second: c.time, ip: c.ip, extra: c.extra, method: "GET"}
	r.cacheHost = cacheHosts[h>>56%uint64(len(cacheHosts))]
	r.micros = int64(h>>20&0xffff) + 1500
	if c.extra {
		c.makeExtra(r, h)
		return r
	}
	c.makeClass(r)
	r.size = c.size(h)
	c.makeTarget(r, h)
	c.makeQuery(r)
	if c.ref.at < uint64(c.p.WithReferer) {
		c.makeReferer(r, h)
	}
	if c.lang.at < uint64(c.p.WithLanguage) {
		r.language = languages[c.base>>8%uint64(len(languages))]
	}
	makeAnalytics(r)
	return r
}

// makeClass decides on whose behalf the request comes, by the position in the
// class stride: apps, then the mobile site, then desktop, robots last.
func (c *cursor) makeClass(r *request) {
	p, at := c.p, int64(c.class.at)
	r.access = "desktop"
	switch {
	case at < p.MobileApp:
		r.access = "mobile app"
		c.agent(r, agentApp, at, p.AgentsApp)
	case at < p.MobileApp+p.MobileWeb:
		r.access = "mobile web"
		c.agent(r, agentMobile, at-p.MobileApp, p.AgentsMobile)
	case at >= p.Requests-p.Spider:
		r.spider = true
		c.agent(r, agentRobot, p.Requests-1-at, p.AgentsSpider)
	default:
		c.agent(r, agentDesktop, at-p.MobileApp-p.MobileWeb, p.AgentsDesktop)
	}
	c.makeHost(r)
}

func (c *cursor) makeHost(r *request) {
	b := append(c.buf[0][:0], c.site...)
	if r.access == "mobile web" {
		b = append(b, ".m"...)
	}
	r.host = append(b, ".wikipedia.org"...)
	c.buf[0] = r.host
}

type agentClass uint8

const (
	agentDesktop agentClass = iota
	agentMobile
	agentApp
	agentRobot
)

// agent writes one of the client's distinct agents of a class: each of the
// first positions one of its own, so that all occur, the others any of them.
func (c *cursor) agent(r *request, class agentClass, at, distinct int64) {
	id := uint64(at)
	if at >= distinct {
		id = mix(c.p.id^uint64(at)<<20) % uint64(distinct)
	}
	// Versions start where the client does, so that clients share agents.
	v := c.base>>20&0x3ff + id
	b := c.buf[1][:0]
	switch class {
	case agentDesktop:
		switch v % 3 {
		case 0:
			b = append(b, "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0."...)
			b = strconv.AppendUint(b, v/3, 10)
			b = append(b, " Safari/537.36"...)
		case 1:
			b = append(b, "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 Safari/605.1."...)
			b = strconv.AppendUint(b, v/3, 10)
		default:
			b = append(b, "Mozilla/5.0 (X11; Linux x86_64; rv:127.0) Gecko/20100101 Firefox/127."...)
			b = strconv.AppendUint(b, v/3, 10)
		}
	case agentMobile:
		if v%2 == 0 {
			b = append(b, "Mozilla/5.0 (Linux; Android 14; Pixel 8) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0."...)
			b = strconv.AppendUint(b, v/2, 10)
			b = append(b, " Mobile Safari/537.36"...)
		} else {
			b = append(b, "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 Mobile/15E"...)
			b = strconv.AppendUint(b, v/2, 10)
			b = append(b, " Safari/604.1"...)
		}
	case agentApp:
		b = append(b, "WikipediaApp/2.7."...)
		b = strconv.AppendUint(b, v, 10)
		b = append(b, "-r-2024-06-18 (Android 14; Phone) Google Play"...)
	case agentRobot:
		b = c.robot(b, v)
	}
	c.buf[1], r.agent = b, b
}

func (c *cursor) robot(b []byte, v uint64) []byte {
	switch c.p.Kind {
	case Mathoid, APIClient:
		b = append(b, "MediaWiki/1.40."...)
		return strconv.AppendUint(b, v, 10)
	case Flood, Scanner, Burst:
		b = append(b, tools[c.base>>40%uint64(len(tools))]...)
		return strconv.AppendUint(b, v, 10)
	}
	name := robots[c.base>>40%uint64(len(robots))]
	b = append(b, "Mozilla/5.0 (compatible; "...)
	b = append(b, name...)
	b = append(b, "/1."...)
	b = strconv.AppendUint(b, v, 10)
	return append(b, "; +https://crawler.example/about)"...)
}

// size is request i's share of the sum of sizes: an even share, and noise that
// each even request gives and the next odd one takes.
func (c *cursor) size(h uint64) int64 {
	n, sum := uint64(c.p.Requests), uint64(c.p.Bytes)
	i := uint64(c.i)
	share := int64(portion(i+1, sum, n) - portion(i, sum, n))
	if i|1 >= n {
		return share // the last of an odd number has no partner
	}
	even := i &^ 1
	least := int64(sum/n) - 1 // no share is below
	noise := int64(unit(mix(c.p.id^even<<1^0x512e)) * .9 * float64(max(least, 0)))
	if i == even {
		return share + noise
	}
	return share - noise
}

// portion is ⌊i·sum/n⌋ without overflow.
func portion(i, sum, n uint64) uint64 {
	hi, lo := bits.Mul64(i, sum)
	q, _ := bits.Div64(hi, lo, n)
	return q
}

// makeTarget decides what is asked for and what comes back. A page view is an
// HTML page with status 200 in every profile; what is no page view is so by
// webrequest's rules and by those for ordinary logs: a picture, or an error.
func (c *cursor) makeTarget(r *request, h uint64) {
	b := c.buf[2][:0]
	r.status, r.contentType, r.cache = "200", typeHTML, "miss"
	if h>>8&3 == 0 {
		r.cache = "pass"
	}
	if c.page.at < uint64(c.p.Pageviews) {
		r.pageview = true
		b = append(b, "/wiki/Simulated_page_"...)
		b = strconv.AppendUint(b, (c.base^h>>30)%50_000, 10)
		c.buf[2], r.path = b, b
		return
	}
	switch {
	case c.p.Kind == Scanner:
		r.status = "404"
		if h>>12&7 == 0 {
			r.status, r.method = "403", "POST"
		}
		b = append(b, probes[h>>16%uint64(len(probes))]...)
	case c.p.Abusive && !c.p.Kind.slow():
		r.status, r.cache = "429", "int-front"
		if h>>12&7 == 0 {
			r.status, r.cache = "301", "int-front"
		}
		b = append(b, "/wiki/Special:Search"...)
	case h>>12&15 == 0:
		r.status = "404"
		b = append(b, "/wiki/Simulated_missing_"...)
		b = strconv.AppendUint(b, h>>30%50_000, 10)
	default:
		r.contentType = typePNG
		b = append(b, "/static/images/simulated-"...)
		b = strconv.AppendUint(b, h>>30%500, 10)
		b = append(b, ".png"...)
	}
	c.buf[2], r.path = b, b
}

// makeQuery writes one of the client's distinct queries.
func (c *cursor) makeQuery(r *request) {
	at := int64(c.query.at)
	if at >= c.p.WithQuery {
		return
	}
	id := uint64(at)
	if at >= c.p.Queries {
		id = mix(c.p.id^uint64(at)<<24) % uint64(c.p.Queries)
	}
	b := c.buf[3][:0]
	switch c.p.Kind {
	case Flood: // random bits: mix is one to one, so distinct ids stay distinct
		b = append(b, '?')
		b = strconv.AppendUint(b, mix(c.base+id), 36)
	case Burst, CrawlSearch:
		b = append(b, "?search=simulated+"...)
		b = strconv.AppendUint(b, id, 36)
	case CrawlHistory:
		b = append(b, "?oldid="...)
		b = strconv.AppendUint(b, c.base%1e9+id, 10)
	default:
		b = append(b, "?from="...)
		b = strconv.AppendUint(b, c.base%1000+id, 10)
	}
	c.buf[3], r.query = b, b
}

func (c *cursor) makeReferer(r *request, h uint64) {
	b := append(c.buf[4][:0], "https://"...)
	switch h >> 24 & 7 {
	case 0, 1:
		b = append(b, "www.google.com/"...)
		r.refererClass = "external (search engine)"
	case 2:
		b = append(b, "simulated.example/links"...)
		r.refererClass = "external"
	default:
		b = append(b, c.site...)
		b = append(b, ".wikipedia.org/wiki/Simulated_page_"...)
		b = strconv.AppendUint(b, h>>40%50_000, 10)
		r.refererClass = "internal"
	}
	c.buf[4], r.referer = b, b
}

var (
	analyticsApp  = []byte("ns=0;https=1;pageview=1")
	analyticsPage = []byte("ns=0;https=1;nocookies=1")
	analyticsNone = []byte("https=1;nocookies=1")
)

// makeAnalytics: an app's page views are those that it declares.
func makeAnalytics(r *request) {
	switch {
	case r.pageview && r.access == "mobile app":
		r.xAnalytics = analyticsApp
	case r.pageview:
		r.xAnalytics = analyticsPage
	default:
		r.xAnalytics = analyticsNone
	}
}

// makeExtra is a request that no row is made of: first the API's, then what
// the cache answers, in turn by the clock.
func (c *cursor) makeExtra(r *request, h uint64) {
	p := c.p
	n := uint64(p.API + p.Hits)
	r.access = "desktop"
	r.size = int64(h>>32%20_000) + 300
	r.status, r.contentType = "200", typeHTML
	r.xAnalytics = analyticsNone
	class, distinct := agentDesktop, p.AgentsDesktop
	switch {
	case p.AgentsSpider > 0:
		class, distinct = agentRobot, p.AgentsSpider
		r.spider = true
	case p.AgentsApp > 0:
		class, distinct = agentApp, p.AgentsApp
		r.access = "mobile app"
	case p.AgentsMobile > 0:
		class, distinct = agentMobile, p.AgentsMobile
		r.access = "mobile web"
	}
	c.agent(r, class, int64(h>>1%uint64(distinct)), distinct)
	c.makeHost(r)
	b := c.buf[2][:0]
	// The same share of any stretch of requests is the API's.
	if portion(uint64(c.i)+1, uint64(p.API), n) > portion(uint64(c.i), uint64(p.API), n) {
		r.api, r.cache, r.contentType = true, "pass", typeJSON
		if p.Kind == Mathoid {
			b = append(b, "/api/rest_v1/media/math/render/mml/"...)
			b = strconv.AppendUint(b, h, 36)
		} else {
			b = append(b, "/w/api.php"...)
			q := append(c.buf[3][:0], "?action=query&titles=Simulated_"...)
			q = strconv.AppendUint(q, h>>30%50_000, 10)
			c.buf[3], r.query = q, q
		}
		c.buf[2], r.path = b, b
		return
	}
	r.cache = "hit-front"
	if h>>8&7 == 0 {
		r.cache = "hit-local"
	}
	r.pageview = r.access != "mobile app"
	b = append(b, "/wiki/Simulated_page_"...)
	b = strconv.AppendUint(b, h>>30%50_000, 10)
	c.buf[2], r.path = b, b
}
