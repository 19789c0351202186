package webrequest

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
)

const everyField = FieldSequence<<1 - 1

// wikiRequest is a page view of a mobile reader that came from a search engine.
func wikiRequest() *Request {
	return &Request{
		Available:   everyField &^ (FieldIsPageview | FieldIsAPIRequest | FieldAccessMethod | FieldAgentType | FieldRefererClass),
		CacheStatus: "miss", HTTPStatus: "200", HTTPMethod: "GET", URIHost: "en.m.wikipedia.org", URIPath: "/wiki/A",
		ContentType: "text/html", Referer: "https://www.google.com/", UserAgent: pixel, XAnalytics: "ns=0;ismobile=1",
	}
}

func TestDeriveWikimedia(t *testing.T) {
	d := mustNew(t, DefaultOptions(Wikimedia))
	want := Derived{Yes, No, AccessMobileWeb, AgentUser, RefererSearch}
	for range 2 {
		if got := d.Derive(wikiRequest()); got != want {
			t.Errorf("got %+v, want %+v", got, want)
		}
	}
	// An agent that is empty is no spider, one that is null or "-" is.
	for _, tt := range []struct {
		agent string
		nulls Field
		want  string
	}{
		{"", 0, AgentUser}, {"", FieldUserAgent, AgentSpider}, {"", FieldReferer, AgentUser}, {"-", 0, AgentSpider},
		{"curl/8", 0, AgentSpider}, {"WhatsApp/2.24", 0, AgentSpider},
	} {
		r := wikiRequest()
		r.UserAgent, r.Nulls = tt.agent, tt.nulls
		if got := d.Derive(r).AgentType; got != tt.want {
			t.Errorf("agent %q, null %v: %s, want %s", tt.agent, tt.nulls != 0, got, tt.want)
		}
	}
	// In the site profile all three are absent.
	s := mustNew(t, DefaultOptions(Site))
	for _, agent := range []string{"", "-"} {
		r := wikiRequest()
		r.UserAgent = agent
		if got := s.Derive(r).AgentType; got != AgentSpider {
			t.Errorf("agent %q on a site: %s", agent, got)
		}
	}
}

func TestDeriveEras(t *testing.T) {
	for _, tt := range []struct {
		change func(*Options)
		edit   func(*Request)
		want   Derived
	}{
		{func(o *Options) { o.AccessMethod = AccessIsMobile }, func(r *Request) { r.URIHost = "en.wikipedia.org" },
			Derived{Yes, No, AccessMobileWeb, AgentUser, RefererSearch}},
		{func(o *Options) { o.AccessMethod = AccessIsMobile }, func(r *Request) { r.XAnalytics = "" },
			Derived{Yes, No, AccessDesktop, AgentUser, RefererSearch}},
		{nil, func(r *Request) { r.URIHost = "en.wikipedia.org." }, Derived{Yes, No, AccessDesktop, AgentUser, RefererSearch}},
		{func(o *Options) { o.Pageview = PageviewSeed }, func(r *Request) { r.URIHost = "en.wikipedia.org." },
			Derived{No, No, AccessDesktop, AgentUser, RefererSearch}},
		{func(o *Options) { o.Pageview.AllEvents = false }, func(r *Request) { r.XAnalytics = "special=AllEvents" },
			Derived{No, No, AccessMobileWeb, AgentUser, RefererSearch}},
		{nil, func(r *Request) { r.XAnalytics = "special=AllEvents" }, Derived{Yes, No, AccessMobileWeb, AgentUser, RefererSearch}},
		{nil, func(r *Request) { r.Referer = "https://chatgpt.com/" }, Derived{Yes, No, AccessMobileWeb, AgentUser, RefererChatbot}},
		{func(o *Options) { o.Referer = Referer2024 }, func(r *Request) { r.Referer = "https://chatgpt.com/" },
			Derived{Yes, No, AccessMobileWeb, AgentUser, RefererExternal}},
		{func(o *Options) { o.Spider = SpiderRegex }, func(r *Request) { r.UserAgent = "WhatsApp/2.24" },
			Derived{Yes, No, AccessMobileWeb, AgentUser, RefererSearch}},
		{func(o *Options) { o.Spider = SpiderFull }, func(r *Request) { r.UserAgent = "WhatsApp/2.24" },
			Derived{Yes, No, AccessMobileWeb, AgentSpider, RefererSearch}},
		{nil, func(r *Request) { r.UserAgent, r.XAnalytics = "WikipediaApp/2", "pageview=1" },
			Derived{Yes, No, AccessMobileApp, AgentUser, RefererSearch}},
		{nil, func(r *Request) { r.UserAgent = "WikipediaApp/2" }, Derived{No, No, AccessMobileApp, AgentUser, RefererSearch}},
		{nil, func(r *Request) { r.UserAgent = "Wikipedia/5.0.2" }, Derived{Yes, No, AccessMobileApp, AgentUser, RefererSearch}},
		{nil, func(r *Request) { r.URIPath = "/w/api.php" }, Derived{No, Yes, AccessMobileWeb, AgentUser, RefererSearch}},
		{nil, func(r *Request) { r.HTTPMethod = "POST" }, Derived{Yes, No, AccessMobileWeb, AgentUser, RefererSearch}},
	} {
		o := DefaultOptions(Wikimedia)
		if tt.change != nil {
			tt.change(&o)
		}
		r := wikiRequest()
		tt.edit(r)
		if got := mustNew(t, o).Derive(r); got != tt.want {
			t.Errorf("%+v: got %+v, want %+v", r, got, tt.want)
		}
	}
}

// Without a column, what needs it is missing, and nothing else is.
func TestDeriveAvailability(t *testing.T) {
	isMobile := DefaultOptions(Wikimedia)
	isMobile.AccessMethod = AccessIsMobile
	query := shopOptions()
	query.ExcludeQuery = []string{"x="}
	const (
		page = 1 << iota
		api
		access
		agent
		referer
	)
	tests := []struct {
		name    string
		o       Options
		missing map[Field]int
	}{
		{"wikimedia", DefaultOptions(Wikimedia), map[Field]int{
			FieldHTTPStatus: page, FieldURIHost: page | api | access, FieldURIPath: page | api, FieldURIQuery: page,
			FieldContentType: page, FieldUserAgent: page | access | agent, FieldXAnalytics: page, FieldReferer: referer}},
		{"ismobile", isMobile, map[Field]int{
			FieldHTTPStatus: page, FieldURIHost: page | api, FieldURIPath: page | api, FieldURIQuery: page,
			FieldContentType: page, FieldUserAgent: page | access | agent, FieldXAnalytics: page | access, FieldReferer: referer}},
		{"site", shopOptions(), map[Field]int{
			FieldHTTPMethod: page, FieldHTTPStatus: page, FieldURIPath: page | api, FieldUserAgent: agent, FieldReferer: referer}},
		{"site with exclude_query", query, map[Field]int{
			FieldHTTPMethod: page, FieldHTTPStatus: page, FieldURIPath: page | api, FieldURIQuery: page,
			FieldUserAgent: agent, FieldReferer: referer}},
	}
	for _, tt := range tests {
		d := mustNew(t, tt.o)
		for f := FieldDT; f <= FieldSequence; f <<= 1 {
			r := wikiRequest()
			r.Available &^= f
			got := d.Derive(r)
			missing := 0
			for i, null := range []bool{got.IsPageview == Null, got.IsAPIRequest == Null, got.AccessMethod == "",
				got.AgentType == "", got.RefererClass == ""} {
				if null {
					missing |= 1 << i
				}
			}
			if missing != tt.missing[f] {
				t.Errorf("%s without field %#x: missing %05b, want %05b", tt.name, f, missing, tt.missing[f])
			}
		}
		if got := d.Derive(&Request{URIHost: "", URIPath: "/", HTTPStatus: "200"}); got != (Derived{}) {
			t.Errorf("%s: with no column available: %+v", tt.name, got)
		}
	}
	// A site's access_method needs an agent or a host, row by row.
	d := mustNew(t, DefaultOptions(Site))
	for _, tt := range []struct {
		available Field
		host      string
		want      string
	}{
		{FieldURIHost, "m.shop.example", AccessMobileWeb},
		{FieldURIHost, "shop.example", AccessDesktop},
		{FieldURIHost, "-", ""},
		{FieldURIHost, "", ""},
		{FieldURIHost, ":80", ""},
		{FieldURIHost | FieldUserAgent, "-", AccessMobileWeb},
	} {
		r := &Request{Available: tt.available, URIHost: tt.host, UserAgent: pixel}
		if got := d.Derive(r).AccessMethod; got != tt.want {
			t.Errorf("available %#x, host %q: %q, want %q", tt.available, tt.host, got, tt.want)
		}
	}
	// A content type of a log that has none is not looked at.
	r := wikiRequest()
	r.Available &^= FieldContentType
	r.URIPath, r.ContentType = "/a.css", "text/html"
	if got := d.Derive(r).IsPageview; got != No {
		t.Errorf("an unavailable content type was read: %v", got)
	}
}

// A column that the log has wins where it is not null.
func TestDeriveOwnColumns(t *testing.T) {
	const own = FieldIsPageview | FieldIsAPIRequest | FieldAccessMethod | FieldAgentType | FieldRefererClass
	for _, p := range []Profile{Wikimedia, Site} {
		o := DefaultOptions(p)
		d := mustNew(t, o)
		o.Derive = true
		again := mustNew(t, o)

		plain := wikiRequest()
		derived := d.Derive(plain)
		r := wikiRequest()
		r.Available |= own
		r.IsPageview, r.IsAPIRequest = No, Yes
		r.AccessMethod, r.AgentType, r.RefererClass = AccessMobileApp, "automated", RefererUnknown
		if got, want := d.Derive(r), (Derived{No, Yes, AccessMobileApp, "automated", RefererUnknown}); got != want {
			t.Errorf("%s: got %+v, want the log's %+v", p, got, want)
		}
		if got := again.Derive(r); got != derived {
			t.Errorf("%s: derived anew %+v, want %+v", p, got, derived)
		}
		r.Available &^= own
		if got := d.Derive(r); got != derived {
			t.Errorf("%s: columns the log does not have were read: %+v", p, got)
		}
		// Null in a row.
		r = wikiRequest()
		r.Available |= own
		r.AccessMethod = "-"
		if got := d.Derive(r); got != derived {
			t.Errorf("%s: nulls give %+v, want %+v", p, got, derived)
		}
		// Null, and nothing to derive from.
		if got := d.Derive(&Request{Available: own}); got != (Derived{}) {
			t.Errorf("%s: nothing gives %+v", p, got)
		}
	}
	// A site's page view is none if the log says it is an API request.
	r := wikiRequest()
	r.Available |= FieldIsAPIRequest
	r.IsAPIRequest = Yes
	if got := mustNew(t, DefaultOptions(Site)).Derive(r); got.IsPageview != No || got.IsAPIRequest != Yes {
		t.Errorf("got %+v", got)
	}
}

// slowDerive does without memory, by the exported functions.
func slowDerive(o Options, devices *SpiderDevices, s *SiteRules, r *Request) Derived {
	if s == nil {
		p := PageviewOf(r)
		return Derived{TriOf(IsPageview(&p, o.Pageview)), TriOf(IsAPIRequest(r.URIHost, r.URIPath)),
			AccessMethod(r.UserAgent, r.URIHost, r.XAnalytics, o.AccessMethod), devices.AgentType(r.UserAgent),
			RefererClass(r.Referer, o.Referer)}
	}
	host := s.Host(r.URIHost, r.Authority)
	api := s.IsAPIRequest(host, r.URIPath)
	agent := devices.AgentType(r.UserAgent)
	if absent(r.UserAgent) {
		agent = AgentSpider
	}
	return Derived{TriOf(s.IsPageview(r.HTTPMethod, r.HTTPStatus, host, r.URIPath, r.URIQuery, r.ContentType, api)),
		TriOf(api), s.AccessMethod(r.UserAgent, host), agent, s.RefererClass(r.Referer, host)}
}

// randomRequest mixes values so that rows repeat in part.
func randomRequest(rng *rand.Rand) *Request {
	pick := func(list ...string) string { return list[rng.IntN(len(list))] }
	r := &Request{
		Available:  everyField &^ (FieldIsPageview | FieldIsAPIRequest | FieldAccessMethod | FieldAgentType | FieldRefererClass),
		HTTPStatus: pick("200", "200", "200", "304", "301", "404", "-"),
		HTTPMethod: pick("GET", "GET", "GET", "HEAD", "POST"),
		URIHost: pick("en.wikipedia.org", "en.m.wikipedia.org", "www.wikidata.org", "EN.wikipedia.org.", "m.shop.example:443",
			"www.Shop.example", "-", "", "192.0.2.1", "api.wikimedia.org"),
		Authority: pick("", "", "b.shop.example"),
		URIPath: pick("/wiki/A", "/", "/w/api.php", "/api/x", "/a.css", "/zh-hans/A", "/.git/config", "",
			"/"+fmt.Sprint(rng.IntN(1000))),
		URIQuery:    pick("", "", "?title=A", "?action=edit", "?x=1"),
		ContentType: pick("text/html", "text/html", "-", "application/json", "TEXT/html;x"),
		Referer: pick("-", "", "https://www.google.com/", "https://en.wikipedia.org/", "https://m.SHOP.example/x",
			"https://chatgpt.com/", "http://192.0.2.1/", "x", "https://t.co/"+fmt.Sprint(rng.IntN(500)),
			"https://a.example/"+strings.Repeat("x", 500+rng.IntN(30))),
		UserAgent: pick("-", "", pixel, "WikipediaApp/2", "curl/8", "WhatsApp/2.24", "Mozilla/5.0 (X11; Linux)",
			"Wikipedia/5.0.2", "X/"+fmt.Sprint(rng.IntN(300)), "ShopApp/1 "+strings.Repeat("é", 200+rng.IntN(200))),
		XAnalytics: pick("", "-", "ismobile=1", "preview=1", "special=AllEvents", "pageview=1"),
	}
	return r
}

func TestDeriveEqualsFunctions(t *testing.T) {
	n := 12000
	if testing.Short() {
		n = 1200
	}
	seed := uint64(20240801)
	for i, o := range optionVariety() {
		rng := rand.New(rand.NewPCG(seed, uint64(i)))
		d := mustNew(t, o)
		// Little memory, so that places are taken over again and again.
		d.agents, d.referers, d.hosts = newCache[agentFacts](16), newCache[siteReferer](16), newCache[hostFacts](4)
		devices := mustDevices(t, o.Spider)
		var s *SiteRules
		if o.Profile == Site {
			s, _ = NewSiteRules(o)
		}
		for range n / len(optionVariety()) {
			r := randomRequest(rng)
			if got, want := d.Derive(r), slowDerive(o, devices, s, r); got != want {
				t.Fatalf("options %d, seed %d: %+v\ngot  %+v\nwant %+v", i, seed, r, got, want)
			}
		}
	}
}

func optionVariety() []Options {
	seed := DefaultOptions(Wikimedia)
	seed.Pageview, seed.Referer, seed.Spider = PageviewSeed, Referer2024, SpiderRegex
	now := DefaultOptions(Wikimedia)
	now.AccessMethod = AccessIsMobile
	shop := shopOptions()
	shop.AppAgents, shop.APIHosts = []string{"ShopApp"}, []string{"api.wikimedia.org"}
	older := DefaultOptions(Site)
	older.Referer, older.MobileFromUA, older.DefaultHost = Referer2024, false, "m.shop.example"
	return []Options{DefaultOptions(Wikimedia), seed, now, DefaultOptions(Site), shop, older}
}

func TestFork(t *testing.T) {
	for _, o := range optionVariety() {
		d := mustNew(t, o)
		if f := d.Fork(); f.Options().Fingerprint() != o.Fingerprint() || f.rules != d.rules || f.agents == d.agents {
			t.Error("a fork has other rules, or the same memory")
		}
		var wg sync.WaitGroup
		results := make([][]Derived, 4)
		for w := range results {
			fork := d.Fork()
			wg.Go(func() {
				rng := rand.New(rand.NewPCG(1, 2))
				for range 300 {
					results[w] = append(results[w], fork.Derive(randomRequest(rng)))
				}
			})
		}
		wg.Wait()
		for w := range results[1:] {
			for i := range results[0] {
				if results[w+1][i] != results[0][i] {
					t.Fatalf("forks differ at request %d", i)
				}
			}
		}
	}
}

func TestCache(t *testing.T) {
	c := newCache[int](8)
	rng := rand.New(rand.NewPCG(3, 4))
	hits := 0
	for range 20000 {
		n := rng.IntN(40)
		key := strings.Repeat("k", n%7) + fmt.Sprint(n)
		if n == 0 {
			key = ""
		}
		v, ok := c.get(key)
		switch {
		case ok && *v != n:
			t.Fatalf("%q has the value of another: %d, want %d", key, *v, n)
		case ok:
			hits++
		default:
			*v = n
			if again, ok := c.get(key); !ok || *again != n {
				t.Fatalf("%q is forgotten at once", key)
			}
		}
	}
	if hits == 0 || len(c.slots) != 8 {
		t.Errorf("%d hits, %d slots", hits, len(c.slots))
	}
	if v, ok := c.get(strings.Repeat("x", maxKey+1)); v != nil || ok {
		t.Error("a long key is kept")
	}
	if v, ok := c.get(strings.Repeat("x", maxKey)); v == nil || ok {
		t.Error("a key of the greatest length is not kept")
	}
	for i := range c.slots {
		if n := cap(c.slots[i].key); n > 2*maxKey {
			t.Errorf("slot %d holds %d bytes", i, n)
		}
	}
}

// Of a request's values seen before nothing is allocated, nor of new ones once
// the memory has been filled.
func TestDeriveAllocatesNothing(t *testing.T) {
	for _, o := range optionVariety() {
		d := mustNew(t, o)
		rng := rand.New(rand.NewPCG(5, 6))
		requests := make([]*Request, 64)
		for i := range requests {
			requests[i] = randomRequest(rng)
			if len(requests[i].UserAgent) > maxKey {
				requests[i].UserAgent = "X/1" // too long to be remembered
			}
			d.Derive(requests[i])
		}
		i := 0
		if n := testing.AllocsPerRun(500, func() {
			d.Derive(requests[i%len(requests)])
			i++
		}); n != 0 {
			t.Errorf("%s: %v allocations a request", o.Profile, n)
		}
	}
}

func TestDerivedConstants(t *testing.T) {
	d := mustNew(t, DefaultOptions(Wikimedia))
	buf := []byte("mobile web|spider|none|mobile tv")
	s := string(buf)
	r := &Request{Available: FieldAccessMethod | FieldAgentType | FieldRefererClass,
		AccessMethod: s[:10], AgentType: s[11:17], RefererClass: s[18:22]}
	if got := d.Derive(r); got.AccessMethod != AccessMobileWeb || got.AgentType != AgentSpider || got.RefererClass != RefererNone {
		t.Errorf("got %+v", got)
	}
	r.AccessMethod = s[23:]
	if got := d.Derive(r); got.AccessMethod != "mobile tv" {
		t.Errorf("a value of the log's own became %q", got.AccessMethod)
	}
}
