package webrequest

import (
	"regexp"
	"strings"
	"testing"
)

// pv is a page view unless something is changed about it.
func pv(change func(*Pageview)) *Pageview {
	p := &Pageview{
		HTTPStatus: "200", URIHost: "en.wikipedia.org", URIPath: "/wiki/A", ContentType: "text/html", UserAgent: "turnip",
	}
	if change != nil {
		change(p)
	}
	return p
}

func TestIsPageviewHost(t *testing.T) {
	type test struct {
		host      string
		now, then bool
	}
	tests := []test{
		{"", false, false},
		{"-", false, false},
		{"org", false, false},
		{".org", false, false},
		{"wikipedia", false, false},
		{"wikipedia.com", false, false},
		{"wikipedia.org", true, true},
		{" EN.Wikipedia.ORG\t", true, true},
		{"\x00en.wikipedia.org\x1f", true, true},
		{"en.wikipedia.org\u0085", false, false},
		{"en.wi\u212aipedia.org", true, true}, // lower case of the Kelvin sign is k
		{"\u0130.wikipedia.org", false, false},
		{"en.wikipedia.org.", true, false},
		{"en.wikipedia.org..", false, false},
		{"EN.WIKIPEDIA.ORG.", true, false},
		{"commons.wikimedia.org.", true, false},
		{"wikidata.org.", true, false},
		{"en.wikipedia.org:443", false, false},
		{"en.wikipedia.org.example", false, false},
		{"en.xwikipedia.org", false, false},
		{"en..wikipedia.org", false, false},
		{".wikipedia.org", false, false},
		{"en.m.wikipedia.org", true, true},
		{"a.b.c.d.wikipedia.org", true, true},
		{"zh-min-nan.wikipedia.org", true, true},
		{"roa_tara.wikipedia.org", true, true},
		{"e1.wikipedia.org", true, true},
		{"1e.wikipedia.org", false, false},
		{"-e.wikipedia.org", false, false},
		{"_e.wikipedia.org", false, false},
		{"é.wikipedia.org", false, false},
		{"e n.wikipedia.org", false, false},
		{"www.wikipedia.org", false, false},
		{"wwwx.wikipedia.org", false, false},
		{"ww.wikipedia.org", true, true},
		{"en.www.wikipedia.org", false, false},
		{"donate.wikipedia.org", false, false},
		{"donatex.wikipedia.org", false, false},
		{"arbcom-en.wikipedia.org", false, false},
		{"sysop-it.wikipedia.org", false, false},
		{"en.sysop.wikipedia.org", false, false},
		{"test.wikipedia.org", true, true},
		{"query.wikipedia.org", true, true},

		{"www.wikidata.org", true, true},
		{"m.wikidata.org", true, true},
		{"1.wikidata.org", true, true},
		{"-_.wikidata.org", true, true},
		{"test.wikidata.org", false, false},
		{"testx.wikidata.org", false, false},
		{"www.test.wikidata.org", false, false},
		{"query.wikidata.org", false, false},
		{"query-main.wikidata.org", false, false},
		{"tes.wikidata.org", true, true},
		{"a..wikidata.org", false, false},
		{".wikidata.org", false, false},
		{"donate.wikidata.org", true, true},

		{"wikimedia.org", false, false},
		{".wikimedia.org", false, false},
		{"www.wikimedia.org", true, true},
		{"de.wikimedia.org", true, true},
		{"doc.wikimedia.org", false, false},
		{"doc.m.wikimedia.org", false, false},
		{"dox.wikimedia.org", true, true},
		{"a.wikimedia.org", false, false},
		{"abcd.wikimedia.org", false, false},
		{"a1.wikimedia.org", false, false},
		{"upload.wikimedia.org", false, false},
		{"commons.m.wikimedia.org", true, true},
		{"commons.mobile.wikimedia.org", true, true},
		{"commons.wap.wikimedia.org", true, true},
		{"commons.zero.wikimedia.org", true, true},
		{"commons.x.wikimedia.org", false, false},
		{"m.wikimedia.org", false, false},
		{"commons.m.m.wikimedia.org", false, false},
		{"x.commons.wikimedia.org", false, false},
		{"de.m.wikimedia.org", true, true},

		// Wikimedia's, but without pages that count.
		{"wikiworkshop.org", false, false},
		{"wmfusercontent.org", false, false},
		{"en.wmflabs.org", false, false},
		{"en.wmcloud.org", false, false},
		{"en.toolforge.org", false, false},

		{strings.Repeat("a", 800-len(".wikipedia.org")) + ".wikipedia.org", true, true},
		{strings.Repeat("a", 801-len(".wikipedia.org")) + ".wikipedia.org", false, false},
		{strings.Repeat("a", 799-len(".wikipedia.org")) + ".wikipedia.org.", true, false},
		{strings.Repeat("a", 800-len(".wikipedia.org")) + ".wikipedia.org.", false, false},
		{strings.Repeat(" ", 900) + "en.wikipedia.org", true, true},
	}
	for _, s := range strings.Fields("advisory commons foundation incubator meta outreach species strategy usability wikimania wikitech") {
		tests = append(tests, test{s + ".wikimedia.org", true, true}, test{s + "x.wikimedia.org", false, false})
	}
	for _, s := range strings.Fields("wikibooks wikinews wikipedia wikiquote wikisource wiktionary wikiversity wikivoyage") {
		tests = append(tests, test{"en." + s + ".org", true, true}, test{s + ".org", true, true},
			test{"www." + s + ".org", false, false}, test{"x" + s + ".org", false, false})
	}
	for _, s := range strings.Fields("wikifunctions wikidata mediawiki wikimediafoundation") {
		tests = append(tests, test{"www." + s + ".org", true, true}, test{s + ".org", true, true},
			test{"testing." + s + ".org", false, false})
	}
	for _, tt := range tests {
		p := pv(func(p *Pageview) { p.URIHost = tt.host })
		if got := IsPageview(p, PageviewNow); got != tt.now {
			t.Errorf("host %q: %v, want %v", tt.host, got, tt.now)
		}
		if got := IsPageview(p, PageviewSeed); got != tt.then {
			t.Errorf("host %q under the older rules: %v, want %v", tt.host, got, tt.then)
		}
		if got := slowPageviewHost(tt.host, true); got != tt.now {
			t.Errorf("host %q by the regular expressions: %v, want %v", tt.host, got, tt.now)
		}
	}
}

var (
	slowDomains = regexp.MustCompile(`(?:\A|\.)(?:wikimedia|wikibooks|wikinews|wikipedia|wikiquote|wikisource|wiktionary|` +
		`wikiversity|wikivoyage|wikidata|wikifunctions|mediawiki|wikimediafoundation|wikiworkshop|wmfusercontent|wmflabs|` +
		`wmcloud|toolforge)\.org\z`)
	slowShapes = [...]*regexp.Regexp{
		regexp.MustCompile(`\A(?:advisory|commons|foundation|incubator|meta|outreach|species|strategy|usability|wikimania|` +
			`wikitech|[a-z]{2,3})\.(?:(?:m|mobile|wap|zero)\.)?wikimedia\.org\.?\z`),
		regexp.MustCompile(`\A(?:[a-z][a-z0-9_-]*\.)*(?:wikibooks|wikinews|wikipedia|wikiquote|wikisource|wiktionary|` +
			`wikiversity|wikivoyage)\.org\.?\z`),
		regexp.MustCompile(`\A(?:[a-z0-9_-]+\.)*(?:wikifunctions|wikidata|mediawiki|wikimediafoundation)\.org\.?\z`),
	}
	slowRefused = [...]*regexp.Regexp{
		regexp.MustCompile(`\Adoc\.`),
		regexp.MustCompile(`(?:\A|\.)(?:www|donate|arbcom|sysop)`),
		regexp.MustCompile(`(?:\A|\.)(?:test|query)`),
	}
)

// slowPageviewHost is the rule step by step: Wikimedia's domains first, then
// one of three shapes.
func slowPageviewHost(host string, trailingDot bool) bool {
	host = strings.TrimFunc(lowerHost(host), func(r rune) bool { return r <= ' ' })
	if utf16Len(host) > 800 || !slowDomains.MatchString(strings.TrimRight(host, ".")) {
		return false
	}
	if !trailingDot && strings.HasSuffix(host, ".") {
		return false
	}
	for i, shape := range slowShapes {
		if shape.MatchString(host) && !slowRefused[i].MatchString(host) {
			return true
		}
	}
	return false
}

func FuzzPageviewHost(f *testing.F) {
	for _, s := range strings.Fields("en.wikipedia.org www.wikidata.org commons.m.wikimedia.org. doc.wikimedia.org a..wikipedia.org " +
		"arbcom-x.wikipedia.org query.wikidata.org EN.wikipedia.org") {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, host string) {
		for _, dot := range []bool{true, false} {
			if got, want := isPageviewHost(host, dot), slowPageviewHost(host, dot); got != want {
				t.Errorf("host %q, trailing dot %v: %v, the regular expressions say %v", host, dot, got, want)
			}
		}
		n := NormalizeHost(host)
		if (n.TLD == "-") != (n.ProjectFamily == "-" && n.Project == "-" && n.Qualifiers == nil) && n.ProjectFamily != "-" {
			t.Errorf("NormalizeHost(%q) = %+v", host, n)
		}
	})
}

func TestIsPageviewStatus(t *testing.T) {
	for status, want := range map[string]bool{
		"200": true, "304": true, "": false, "-": false, "201": false, "206": false, "301": false, "302": false,
		"404": false, "500": false, "0200": false, "200 ": false,
	} {
		if got := IsPageview(pv(func(p *Pageview) { p.HTTPStatus = status }), PageviewNow); got != want {
			t.Errorf("status %q: %v, want %v", status, got, want)
		}
	}
}

func TestIsPageviewContentType(t *testing.T) {
	for contentType, want := range map[string]bool{
		"text/html":                       true,
		"text/html; charset=iso-8859-1":   true,
		"text/html; charset=ISO-8859-1":   true,
		"text/html; charset=utf-8":        true,
		"text/html; charset=UTF-8":        true,
		"text/html; charset=Utf-8":        false,
		"text/html;charset=utf-8":         false,
		"text/html ;charset=utf-8":        false,
		"text/html; charset=utf-16":       false,
		" text/html":                      false,
		"text/html ":                      false,
		"TEXT/HTML":                       false,
		"application/xhtml+xml":           false,
		"application/json":                false,
		"":                                false,
		"-":                               false,
		"text/html; charset=utf-8; x":     false,
		"text/html; charset=windows-1252": false,
	} {
		if got := IsPageview(pv(func(p *Pageview) { p.ContentType = contentType }), PageviewNow); got != want {
			t.Errorf("content type %q: %v, want %v", contentType, got, want)
		}
	}
}

func TestIsPageviewPathAndQuery(t *testing.T) {
	type test struct {
		path, query string
		want        bool
	}
	tests := []test{
		{"/wiki/A", "", true},
		{"/wiki/A", "-", true},
		{"/wiki/", "", true},
		{"/wiki", "", false},
		{"/Wiki/A", "", false},
		{"wiki/A", "", false},
		{"//wiki/A", "", false},
		{"", "", false},
		{"/", "", false},
		{"/w/index.php", "", true},
		{"/w", "", false},
		{"/wx/A", "", false},
		{"/sr-latn/A", "", false},
		{"/zh-xx/A", "", false},
		{"/static/x", "", false},
		{"/w/api.php", "", false},
		{"/w/api.php", "?title=A", false},
		{"/wiki/api.php", "", false},
		{"/wiki/xapi.phpx", "", false},
		{"/wiki/API.php", "", true},
		{"/w/rest.php", "", true},
		{"/api/rest_v1/page/html/A", "", false},
		// The query.
		{"/", "?title=A", true},
		{"/", "?curid=1", true},
		{"/", "?oldid=1", true},
		{"/", "?search=a", true},
		{"", "?search=", true},
		{"/", "?title", false},
		{"/", "title=A", false},
		{"/", "?a=1&title=A", false},
		{"/", "?a=?title=A", true},
		{"/", "?Title=A", false},
		{"/", "??title=A", true},
		{"/index.php", "?pageid=1", false},
		// Editing.
		{"/w/index.php", "?title=A&action=edit", false},
		{"/w/index.php", "?title=A&action=submit", false},
		{"/wiki/A", "?action=edit", false},
		{"/wiki/A", "?veaction=edit", false},
		{"/wiki/A", "?veaction=editsource", false},
		{"/wiki/A", "?action=editx", false},
		{"/wiki/A", "?action=submitted", false},
		{"/wiki/A", "?action=view", true},
		{"/wiki/A", "?action=history", true},
		{"/wiki/A", "?Action=edit", true},
		{"/wiki/action=edit", "", true},
	}
	for _, s := range strings.Fields("w wiki v view sr sr-ec sr-el zh zh-cn zh-hans zh-hant zh-hk zh-mo zh-my zh-sg zh-tw") {
		tests = append(tests, test{"/" + s + "/A", "", true}, test{"/" + s, "", false}, test{"/" + s + "x/A", "", s == "w" && false},
			test{"/x/" + s + "/A", "", false}, test{"/" + s + "-/A", "", false})
	}
	for _, tt := range tests {
		p := pv(func(p *Pageview) { p.URIPath, p.URIQuery = tt.path, tt.query })
		if got := IsPageview(p, PageviewNow); got != tt.want {
			t.Errorf("path %q, query %q: %v, want %v", tt.path, tt.query, got, tt.want)
		}
	}
}

func TestIsPageviewXAnalytics(t *testing.T) {
	const app = "WikipediaApp/2.7"
	for _, tt := range []struct {
		agent, xAnalytics string
		now, then         bool
	}{
		{"turnip", "", true, true},
		{"turnip", "-", true, true},
		{"turnip", "ns=0;page_id=1", true, true},
		{"turnip", "special=", true, true},
		{"turnip", "special= \t", true, true},
		{"turnip", "special;preview;debug", true, true},
		{"turnip", "preview=1", false, false},
		{"turnip", "preview= 1 ", false, false},
		{"turnip", "preview=0", false, false},
		{"turnip", "preview=2", false, false},
		{"turnip", "debug=1", false, false},
		{"turnip", "debug=0", false, false},
		{"turnip", "Preview=1", true, true},
		{"turnip", " preview=1", true, true},
		{"turnip", "preview =1", true, true},
		{"turnip", "preview=1;preview=", true, true},
		{"turnip", "preview=;preview=1", false, false},
		{"turnip", "special=Search", true, true},
		{"turnip", "special=search", true, true},
		{"turnip", "special= SEARCH ", true, true},
		{"turnip", "special=RecentChanges", true, true},
		{"turnip", "special=Version", true, true},
		{"turnip", "special=ViewObject", true, true},
		{"turnip", "special=AllEvents", true, false},
		{"turnip", "special=Block", false, false},
		{"turnip", "special=searchx", false, false},
		{"turnip", "special=Search;preview=0", true, true},
		{"turnip", "special=Search;debug=0", true, true},
		{"turnip", "special=Search;preview=1", false, false},
		{"turnip", "special=Search;debug=1", false, false},
		{"turnip", "special=Block;special=Search", true, true},
		{"turnip", "special=a=Search", false, false},
		{"turnip", "pageview=1", true, true},
		{"turnip", "pageview=0", true, true},
		{"turnip", "=;;=", true, true},

		{app, "", false, false},
		{app, "pageview=1", true, true},
		{app, "pageview= 1\t", true, true},
		{app, "pageview=0", false, false},
		{app, "pageview=11", false, false},
		{app, "Pageview=1", false, false},
		{app, "pageview=1;preview=1", false, false},
		{app, "pageview=1;special=Block", false, false},
		{app, "pageview=1;special=Search", true, true},
		{"wikipediaapp", "pageview=0", true, true},
		{"Wikipedia/5.0.2", "pageview=0", true, true},
		{"-", "", true, true},
		{"", "", true, true},
		{"Googlebot", "", true, true},
	} {
		p := pv(func(p *Pageview) { p.UserAgent, p.XAnalytics = tt.agent, tt.xAnalytics })
		if got := IsPageview(p, PageviewNow); got != tt.now {
			t.Errorf("agent %q, x_analytics %q: %v, want %v", tt.agent, tt.xAnalytics, got, tt.now)
		}
		if got := IsPageview(p, PageviewSeed); got != tt.then {
			t.Errorf("agent %q, x_analytics %q under the older rules: %v, want %v", tt.agent, tt.xAnalytics, got, tt.then)
		}
	}
	// An application's page view needs no path, query or content type.
	p := &Pageview{HTTPStatus: "304", URIHost: "en.wikipedia.org", URIPath: "/w/api.php", URIQuery: "?action=edit",
		ContentType: "application/json", UserAgent: app, XAnalytics: "pageview=1"}
	if !IsPageview(p, PageviewNow) {
		t.Error("a tagged request of the application is no page view")
	}
}

func TestIsRedirectToPageview(t *testing.T) {
	for _, tt := range []struct {
		status, contentType, path, xAnalytics string
		want                                  bool
	}{
		{"301", "text/html", "/wiki/A", "", true},
		{"302", "text/html; charset=UTF-8", "/wiki/A", "", true},
		{"307", "-", "/wiki/A", "", true},
		{"307", " -\t", "/wiki/A", "", true},
		{"307", "", "/wiki/A", "", false},
		{"307", " text/html", "/wiki/A", "", false},
		{"301", "application/json", "/wiki/A", "", false},
		{"303", "text/html", "/wiki/A", "", false},
		{"308", "text/html", "/wiki/A", "", false},
		{"200", "text/html", "/wiki/A", "", false},
		{"301", "text/html", "/x", "", false},
		{"301", "text/html", "/wiki/A", "preview=1", false},
	} {
		p := pv(func(p *Pageview) {
			p.HTTPStatus, p.ContentType, p.URIPath, p.XAnalytics = tt.status, tt.contentType, tt.path, tt.xAnalytics
		})
		if got := IsRedirectToPageview(p, PageviewNow); got != tt.want {
			t.Errorf("%+v: %v, want %v", tt, got, tt.want)
		}
	}
	p := pv(func(p *Pageview) { p.HTTPStatus, p.URIHost = "301", "en.wikipedia.org." })
	if !IsRedirectToPageview(p, PageviewNow) || IsRedirectToPageview(p, PageviewSeed) {
		t.Error("a trailing dot is not treated as for page views")
	}
	p = pv(func(p *Pageview) {
		p.HTTPStatus, p.ContentType, p.UserAgent, p.XAnalytics = "302", "-", "WikipediaApp", "pageview=1"
	})
	if !IsRedirectToPageview(p, PageviewNow) {
		t.Error("a redirect of the application's page view is none")
	}
}
