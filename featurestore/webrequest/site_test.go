package webrequest

import (
	"strings"
	"testing"
)

const siteFields = FieldHTTPMethod | FieldHTTPStatus | FieldURIHost | FieldURIPath | FieldURIQuery |
	FieldUserAgent | FieldReferer

// shopOptions are the options of the check vectors.
func shopOptions() Options {
	o := DefaultOptions(Site)
	o.SiteHosts = []string{".shop.example"}
	o.APIPrefixes = []string{"/api/"}
	return o
}

func mustNew(t testing.TB, o Options) *Deriver {
	t.Helper()
	d, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// siteRequest makes a request of a request line as a reader would.
func siteRequest(line, status, host, contentType string) *Request {
	target := SplitRequestLine(line)
	r := &Request{
		Available: siteFields, HTTPMethod: target.Method, HTTPStatus: status, URIHost: host,
		Authority: target.Authority, URIPath: target.Path, URIQuery: target.Query, UserAgent: "X/1",
	}
	if contentType != "" {
		r.Available |= FieldContentType
		r.ContentType = contentType
	}
	if host == "" {
		r.Available &^= FieldURIHost
	}
	return r
}

func TestSitePageview(t *testing.T) {
	const shop = "www.shop.example"
	type test struct {
		line, status, host, contentType string
		api, page                       bool
	}
	tests := []test{
		// The check vectors.
		{"GET / HTTP/1.1", "200", shop, "", false, true},
		{"HEAD / HTTP/1.1", "200", shop, "", false, false},
		{"GET /item/42?ref=a HTTP/1.1", "304", "SHOP.example.:443", "", false, true},
		{"GET /api/items HTTP/1.1", "200", shop, "", true, false},
		{"GET /apix HTTP/1.1", "200", shop, "", false, true},
		{"GET /static/app.3f2c.JS HTTP/1.1", "200", shop, "", false, false},
		{"GET /a.css;jsessionid=1 HTTP/1.1", "200", shop, "", false, false},
		{"GET /docs/v1.2 HTTP/1.1", "200", shop, "", false, true},
		{"GET /.git/config HTTP/1.1", "200", shop, "", false, false},
		{"GET /index.php?file=x.css HTTP/1.1", "200", shop, "", false, true},
		{"GET /feed HTTP/1.1", "200", shop, "application/rss+xml", false, false},
		{"GET /report.pdf HTTP/1.1", "200", shop, "Text/HTML; charset=x", false, true},
		{"GET / HTTP/1.1", "200", "other.example", "", false, false},
		{"GET /missing HTTP/1.1", "404", shop, "", false, false},
		{"GET http://www.shop.example?x=1 HTTP/1.1", "200", "", "", false, true},
		{"\x16\x03\x01", "400", shop, "", false, false},

		// Method.
		{"get / HTTP/1.1", "200", shop, "", false, false},
		{"POST / HTTP/1.1", "200", shop, "", false, false},
		{"GETT / HTTP/1.1", "200", shop, "", false, false},
		{"GET /", "200", shop, "", false, true},
		// Status.
		{"GET / HTTP/1.1", "0200", shop, "", false, false},
		{"GET / HTTP/1.1", "-", shop, "", false, false},
		{"GET / HTTP/1.1", "", shop, "", false, false},
		{"GET / HTTP/1.1", "201", shop, "", false, false},
		{"GET / HTTP/1.1", "206", shop, "", false, false},
		{"GET / HTTP/1.1", "301", shop, "", false, false},
		{"GET / HTTP/1.1", "499", shop, "", false, false},
		// Host.
		{"GET / HTTP/1.1", "200", "shop.example", "", false, true},
		{"GET / HTTP/1.1", "200", "a.b.shop.example", "", false, true},
		{"GET / HTTP/1.1", "200", "xshop.example", "", false, false},
		{"GET / HTTP/1.1", "200", "shop.example.evil", "", false, false},
		{"GET / HTTP/1.1", "200", "user@shop.example", "", false, true},
		{"GET / HTTP/1.1", "200", "shop.example@evil.example", "", false, false},
		{"GET / HTTP/1.1", "200", "  Shop.Example..  ", "", false, true},
		{"GET / HTTP/1.1", "200", "-", "", false, true},
		{"GET / HTTP/1.1", "200", ":443", "", false, true},
		{"GET / HTTP/1.1", "200", "[2001:db8::1]:443", "", false, false},
		{"GET / HTTP/1.1", "200", "192.0.2.1", "", false, false},
		{"GET https://other.example/ HTTP/1.1", "200", "", "", false, false},
		{"GET https://other.example/ HTTP/1.1", "200", shop, "", false, true},
		{"GET https://other.example/ HTTP/1.1", "200", "-", "", false, false},
		{"GET HTTPS://Shop.Example:8443/x HTTP/1.1", "200", "", "", false, true},
		// Path.
		{"GET * HTTP/1.1", "200", shop, "", false, false},
		{"GET x HTTP/1.1", "200", shop, "", false, false},
		{"GET  HTTP/1.1", "200", shop, "", false, false},
		{"GET HTTP/1.1", "200", shop, "", false, false},
		{"GET ?x HTTP/1.1", "200", shop, "", false, false},
		{"GET /a/.b HTTP/1.1", "200", shop, "", false, false},
		{"GET /a/../b HTTP/1.1", "200", shop, "", false, false},
		{"GET /.well-known/x HTTP/1.1", "200", shop, "", false, false},
		{"GET /a. HTTP/1.1", "200", shop, "", false, true},
		{"GET /a/b.c/d HTTP/1.1", "200", shop, "", false, true},
		{"GET //double//slash HTTP/1.1", "200", shop, "", false, true},
		{"GET /a b c HTTP/1.1", "200", shop, "", false, true},
		{"GET /a?x=/.git HTTP/1.1", "200", shop, "", false, true},
		// Extension.
		{"GET /favicon.ico HTTP/1.1", "200", shop, "", false, false},
		{"GET /robots.txt HTTP/1.1", "200", shop, "", false, false},
		{"GET /sitemap.xml HTTP/1.1", "304", shop, "", false, false},
		{"GET /index.html HTTP/1.1", "200", shop, "", false, true},
		{"GET /index.PHP HTTP/1.1", "200", shop, "", false, true},
		{"GET /default.aspx HTTP/1.1", "200", shop, "", false, true},
		{"GET /a.css#x HTTP/1.1", "200", shop, "", false, false},
		{"GET /a#x.css HTTP/1.1", "200", shop, "", false, true},
		{"GET /a;x/b.css HTTP/1.1", "200", shop, "", false, true},
		{"GET /a.css/ HTTP/1.1", "200", shop, "", false, true},
		{"GET /a.tar.GZ HTTP/1.1", "200", shop, "", false, false},
		{"GET /a.jpg%20 HTTP/1.1", "200", shop, "", false, true},
		{"GET /a.cssx HTTP/1.1", "200", shop, "", false, true},
		{"GET /a.averylongextensionthatislongerthananyofthelist HTTP/1.1", "200", shop, "", false, true},
		{"GET /ü.CSS HTTP/1.1", "200", shop, "", false, false},
		// Content type: it alone decides where it is there.
		{"GET /style.css HTTP/1.1", "200", shop, "text/html", false, true},
		{"GET / HTTP/1.1", "200", shop, "text/html2", false, false},
		{"GET / HTTP/1.1", "200", shop, " TEXT/html ;x", false, true},
		{"GET / HTTP/1.1", "200", shop, "text /html", false, false},
		{"GET / HTTP/1.1", "200", shop, "application/json", false, false},
		{"GET /a.js HTTP/1.1", "304", shop, "-", false, false},
		{"GET /a HTTP/1.1", "304", shop, "-", false, true},
		// API.
		{"POST /api/ HTTP/1.1", "500", shop, "", true, false},
		{"GET /api HTTP/1.1", "200", shop, "", false, true},
		{"GET /API/x HTTP/1.1", "200", shop, "", false, true},
		{"GET /x/api/ HTTP/1.1", "200", shop, "", false, true},
		{"GET api/ HTTP/1.1", "200", shop, "", false, false},
		{"GET http://www.shop.example/api/x HTTP/1.1", "200", "", "", true, false},
	}
	for _, ext := range strings.Fields(defaultStaticExtensions) {
		tests = append(tests,
			test{"GET /dir/file." + ext + " HTTP/1.1", "200", shop, "", false, false},
			test{"GET /" + strings.ToUpper(ext) + " HTTP/1.1", "200", shop, "", false, true},
			test{"GET /f." + strings.ToUpper(ext) + "?q HTTP/1.1", "200", shop, "", false, false})
	}
	d := mustNew(t, shopOptions())
	for _, tt := range tests {
		for range 2 { // the second answer comes from memory
			got := d.Derive(siteRequest(tt.line, tt.status, tt.host, tt.contentType))
			if got.IsAPIRequest != TriOf(tt.api) || got.IsPageview != TriOf(tt.page) {
				t.Errorf("%q %s host %q type %q: is_api_request %v, is_pageview %v; want %v, %v", tt.line, tt.status,
					tt.host, tt.contentType, got.IsAPIRequest == Yes, got.IsPageview == Yes, tt.api, tt.page)
			}
		}
	}
}

func TestSiteOptionsOfPageview(t *testing.T) {
	o := DefaultOptions(Site)
	o.APIHosts = []string{"API.example."}
	o.ExcludeQuery = []string{"preview=", "?amp"}
	o.PageStatus = []int{200, 206}
	o.PageTypes = []string{"Text/HTML; charset=utf-8", "application/xhtml+xml"}
	o.StaticExtensions = []string{".CSS", "php"}
	d := mustNew(t, o)
	for _, tt := range []struct {
		line, status, host, contentType string
		api, page                       bool
	}{
		{"GET / HTTP/1.1", "200", "anything.example", "", false, true},
		{"GET / HTTP/1.1", "200", "", "", false, true},
		{"GET / HTTP/1.1", "206", "a.example", "", false, true},
		{"GET / HTTP/1.1", "304", "a.example", "", false, false},
		{"GET /x HTTP/1.1", "200", "api.example:443", "", true, false},
		{"GET x HTTP/1.1", "200", "api.example", "", false, false},
		{"GET /x HTTP/1.1", "200", "v2.api.example", "", false, true},
		{"GET /x?a=1&preview=1 HTTP/1.1", "200", "a.example", "", false, false},
		{"GET /x?amp HTTP/1.1", "200", "a.example", "", false, false},
		{"GET /x?a&amp HTTP/1.1", "200", "a.example", "", false, true},
		{"GET /x?PREVIEW=1 HTTP/1.1", "200", "a.example", "", false, true},
		{"GET /preview=/ HTTP/1.1", "200", "a.example", "", false, true},
		{"GET / HTTP/1.1", "200", "a.example", "application/XHTML+xml;v", false, true},
		{"GET / HTTP/1.1", "200", "a.example", "text/html", false, true},
		{"GET / HTTP/1.1", "200", "a.example", "text/plain", false, false},
		{"GET /a.css HTTP/1.1", "200", "a.example", "", false, false},
		{"GET /a.PHP HTTP/1.1", "200", "a.example", "", false, false},
		{"GET /a.js HTTP/1.1", "200", "a.example", "", false, true},
	} {
		got := d.Derive(siteRequest(tt.line, tt.status, tt.host, tt.contentType))
		if got.IsAPIRequest != TriOf(tt.api) || got.IsPageview != TriOf(tt.page) {
			t.Errorf("%q %s host %q type %q: is_api_request %v, is_pageview %v; want %v, %v", tt.line, tt.status,
				tt.host, tt.contentType, got.IsAPIRequest == Yes, got.IsPageview == Yes, tt.api, tt.page)
		}
	}
}

const pixel = "Mozilla/5.0 (Linux; Android 14; Pixel 8) Chrome/126.0 Mobile"

func TestSiteReferer(t *testing.T) {
	open := DefaultOptions(Site)
	exact := DefaultOptions(Site)
	exact.SiteHosts = []string{"www.shop.example", "intranet", "203.0.113.9", "Other.example.:80"}
	older := DefaultOptions(Site)
	older.Referer = Referer2024
	for _, tt := range []struct {
		o             Options
		host, referer string
		want          string
	}{
		{shopOptions(), "www.shop.example", "https://m.shop.example:8443/cart", RefererInternal},
		{shopOptions(), "www.shop.example", "https://shop.example.evil.example/", RefererExternal},
		{shopOptions(), "www.shop.example", "http://203.0.113.9/", RefererUnknown},
		{shopOptions(), "www.shop.example", "https://en.wikipedia.org/wiki/A", RefererExternal},
		{shopOptions(), "www.shop.example", "https://www.google.co.uk/", RefererSearch},
		{shopOptions(), "www.shop.example", "-", RefererNone},
		{open, "203.0.113.9", "http://203.0.113.9:8080/x", RefererInternal},

		{shopOptions(), "other.example", "https://shop.example", RefererInternal},
		{shopOptions(), "other.example", "https://other.example/", RefererExternal},
		{shopOptions(), "", "https://SHOP.Example../", RefererInternal},
		{shopOptions(), "www.shop.example", "https://shop.example?x", RefererInternal},
		{shopOptions(), "www.shop.example", "https://shop.example#x", RefererInternal},
		{shopOptions(), "www.shop.example", "https://user@shop.example/", RefererUnknown},
		{shopOptions(), "www.shop.example", "https://shop,example/", RefererUnknown},
		{shopOptions(), "www.shop.example", "", RefererNone},
		{shopOptions(), "www.shop.example", "ftp://shop.example/", RefererUnknown},
		{shopOptions(), "www.shop.example", "HTTPS://shop.example/", RefererUnknown},
		{shopOptions(), "www.shop.example", "https:/shop.example/", RefererUnknown},
		{shopOptions(), "www.shop.example", "https:", RefererUnknown},
		{shopOptions(), "www.shop.example", "https://", RefererUnknown},
		{shopOptions(), "www.shop.example", "shop.example", RefererUnknown},
		{shopOptions(), "www.shop.example", "https://[2001:db8::1]/", RefererUnknown},
		{shopOptions(), "www.shop.example", "android-app://com.reddit.frontpage/", RefererMedia},
		{shopOptions(), "www.shop.example", "https://chatgpt.com/", RefererChatbot},
		{shopOptions(), "www.shop.example", "https://a.b.c.d.e.f.g.h.i.j.k.example/", RefererUnknown},
		{shopOptions(), "www.shop.example", "https://a.b.c.d.e.f.g.h.i.j.shop.example/", RefererInternal},
		{shopOptions(), "www.shop.example", "https://localhost/", RefererUnknown},
		{shopOptions(), "www.shop.example", "https://1.2.3.4.shop.example/", RefererInternal},

		{open, "www.shop.example", "https://www.shop.example/", RefererInternal},
		{open, "WWW.shop.example:443", "https://www.SHOP.example:8443/", RefererInternal},
		{open, "www.shop.example.", "https://www.shop.example", RefererInternal},
		{open, "www.shop.example", "https://shop.example/", RefererExternal},
		{open, "localhost", "http://localhost:3000/x", RefererInternal},
		{open, "", "http://localhost:3000/x", RefererUnknown},
		{open, "", "http://www.shop.example/x", RefererExternal},
		{open, "www.google.com", "https://www.google.com/", RefererInternal},
		{open, "-", "http://:80/", RefererUnknown},
		{open, "-", "http://./", RefererUnknown},
		{open, "a.example", "http://a.example?\n", RefererInternal},
		{open, "b.example", "http://a.example?\n", RefererExternal},

		{exact, "x.example", "http://intranet/", RefererInternal},
		{exact, "x.example", "http://203.0.113.9:8080/", RefererInternal},
		{exact, "x.example", "http://203.0.113.8/", RefererUnknown},
		{exact, "x.example", "http://www.shop.example/", RefererInternal},
		{exact, "x.example", "http://m.www.shop.example/", RefererExternal},
		{exact, "x.example", "http://shop.example/", RefererExternal},
		{exact, "x.example", "http://other.example/", RefererInternal},

		{older, "x.example", "https://chatgpt.com/", RefererExternal},
		{older, "x.example", "https://google.evil.example/", RefererSearch},
		{older, "x.example", "http://203.0.113.9/", RefererUnknown},
	} {
		r := &Request{Available: FieldReferer | FieldURIHost | FieldUserAgent, URIHost: tt.host, Referer: tt.referer}
		d := mustNew(t, tt.o)
		for range 2 {
			if got := d.Derive(r).RefererClass; got != tt.want {
				t.Errorf("host %q, referer %q, site_hosts %q: got %q, want %q", tt.host, tt.referer, tt.o.SiteHosts, got, tt.want)
			}
		}
		s, err := NewSiteRules(tt.o)
		if err != nil {
			t.Fatal(err)
		}
		if got := s.RefererClass(tt.referer, s.Host(tt.host, "")); got != tt.want {
			t.Errorf("SiteRules: host %q, referer %q: got %q, want %q", tt.host, tt.referer, got, tt.want)
		}
	}
}

func TestSiteAccessMethod(t *testing.T) {
	own := DefaultOptions(Site)
	own.AppAgents = []string{"ShopApp/"}
	own.MobileLabels = []string{"M", "touch"}
	hostOnly := DefaultOptions(Site)
	hostOnly.MobileFromUA = false
	for _, tt := range []struct {
		o           Options
		host, agent string
		want        string
	}{
		{shopOptions(), "m.shop.example", "X/1", AccessMobileWeb},
		{shopOptions(), "m.example", "X/1", AccessDesktop},
		{shopOptions(), "www.shop.example", pixel, AccessMobileWeb},
		{shopOptions(), "www.shop.example", "Mozilla/5.0 (SMART-TV; Linux; Tizen 6.0) SamsungBrowser/2.2", AccessDesktop},
		{shopOptions(), "www.shop.example", "-", AccessDesktop},

		{shopOptions(), "www.shop.example", "", AccessDesktop},
		{shopOptions(), "M.shop.example:80", "-", AccessMobileWeb},
		{shopOptions(), "www.m.shop.example", "X/1", AccessMobileWeb},
		{shopOptions(), "zero.shop.example", "X/1", AccessMobileWeb},
		{shopOptions(), "wap.shop.example", "X/1", AccessMobileWeb},
		{shopOptions(), "mobile.shop.example.", "X/1", AccessMobileWeb},
		{shopOptions(), "www.mobile.example", "X/1", AccessDesktop},
		{shopOptions(), "am.shop.example", "X/1", AccessDesktop},
		{shopOptions(), "", "X/1", AccessDesktop},
		{shopOptions(), "", pixel, AccessMobileWeb},
		{shopOptions(), "m.shop.example", "WikipediaApp/2", AccessMobileWeb},
		{shopOptions(), "www.shop.example", "WikipediaApp/2", AccessDesktop},
		{own, "m.shop.example", "ShopApp/2 Mobile", AccessMobileApp},
		{own, "www.shop.example", "shopapp/2", AccessDesktop},
		{own, "touch.shop.example", "X/1", AccessMobileWeb},
		{own, "wap.shop.example", "X/1", AccessDesktop},
		{hostOnly, "www.shop.example", pixel, AccessDesktop},
		{hostOnly, "m.shop.example", pixel, AccessMobileWeb},
	} {
		r := &Request{Available: FieldURIHost | FieldUserAgent, URIHost: tt.host, UserAgent: tt.agent}
		if got := mustNew(t, tt.o).Derive(r).AccessMethod; got != tt.want {
			t.Errorf("host %q, agent %q: got %q, want %q", tt.host, tt.agent, got, tt.want)
		}
		s, err := NewSiteRules(tt.o)
		if err != nil {
			t.Fatal(err)
		}
		if got := s.AccessMethod(tt.agent, s.Host(tt.host, "")); got != tt.want {
			t.Errorf("SiteRules: host %q, agent %q: got %q, want %q", tt.host, tt.agent, got, tt.want)
		}
	}
}

func TestSiteHost(t *testing.T) {
	for in, want := range map[string]string{
		"":                              "",
		"-":                             "-",
		"www.Shop.example":              "www.shop.example",
		" \t www.shop.example \r\n":     "www.shop.example",
		"www.shop.example:80":           "www.shop.example",
		"www.shop.example...":           "www.shop.example",
		"user:pass@Shop.example:80":     "shop.example",
		"a@b@c":                         "c",
		"[2001:DB8::1]":                 "[2001:db8::1]",
		"[2001:db8::1]:443":             "[2001:db8::1]",
		"[2001:db8::1":                  "[2001:db8::1",
		"2001:db8::1":                   "2001",
		":80":                           "",
		"...":                           "",
		"x.:80":                         "x",
		"ÄRGER.example":                 "Ärger.example",
		"\u212aelvin.example":           "\u212aelvin.example",
		"host@":                         "",
		".shop.example":                 ".shop.example",
		"http://www.shop.example":       "http",
		"www.shop.example/path":         "www.shop.example/path",
		"www.shop.example:80:90@[::1]x": "[::1]",
	} {
		if got := SiteHost(in); got != want {
			t.Errorf("SiteHost(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestSiteDefaultHost(t *testing.T) {
	o := DefaultOptions(Site)
	o.DefaultHost = "M.Shop.example:443"
	s, err := NewSiteRules(o)
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ host, authority, want string }{
		{"", "", "m.shop.example"},
		{"-", "-", "m.shop.example"},
		{"A.example", "b.example", "a.example"},
		{"-", "B.example:80", "b.example"},
		{":80", "b.example", ""}, // there, but no host
	} {
		if got := s.Host(tt.host, tt.authority); got != tt.want {
			t.Errorf("Host(%q, %q) = %q, want %q", tt.host, tt.authority, got, tt.want)
		}
	}
	r := siteRequest("GET / HTTP/1.1", "200", "", "")
	if got := mustNew(t, o).Derive(r).AccessMethod; got != AccessMobileWeb {
		t.Errorf("the default host's label gives %q, want %q", got, AccessMobileWeb)
	}
}
