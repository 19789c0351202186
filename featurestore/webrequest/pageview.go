package webrequest

import "strings"

// PageviewRules are the details of Wikimedia's is_pageview that changed.
type PageviewRules struct {
	// TrailingDot accepts a host with one trailing dot, as since 2025-03.
	TrailingDot bool `json:"trailing_dot"`
	// AllEvents accepts the special page AllEvents, as since 2024-08-14.
	AllEvents bool `json:"allevents"`
}

// PageviewNow are the rules in force; PageviewSeed are those of June, July and
// the first days of August 2024.
var (
	PageviewNow  = PageviewRules{TrailingDot: true, AllEvents: true}
	PageviewSeed = PageviewRules{}
)

// Pageview has the columns that is_pageview looks at. Method, cache status and
// the kind of agent are not among them.
type Pageview struct {
	HTTPStatus  string
	URIHost     string
	URIPath     string
	URIQuery    string
	ContentType string
	UserAgent   string
	XAnalytics  string
}

// PageviewOf takes the columns out of a request.
func PageviewOf(req *Request) Pageview {
	return Pageview{
		HTTPStatus:  req.HTTPStatus,
		URIHost:     req.URIHost,
		URIPath:     req.URIPath,
		URIQuery:    req.URIQuery,
		ContentType: req.ContentType,
		UserAgent:   req.UserAgent,
		XAnalytics:  req.XAnalytics,
	}
}

// IsPageview is Wikimedia's is_pageview.
func IsPageview(p *Pageview, rules PageviewRules) bool {
	return (p.HTTPStatus == "200" || p.HTTPStatus == "304") &&
		isPageviewHost(p.URIHost, rules.TrailingDot) &&
		isPageviewBut(p, strings.Contains(p.UserAgent, appAgent), isHTML(p.ContentType), rules)
}

// IsRedirectToPageview is Wikimedia's is_redirect_to_pageview: a redirect that,
// answered with a page, would have been a page view.
func IsRedirectToPageview(p *Pageview, rules PageviewRules) bool {
	switch p.HTTPStatus {
	case "301", "302", "307":
	default:
		return false
	}
	return (isHTML(p.ContentType) || trimControl(p.ContentType) == "-") &&
		isPageviewHost(p.URIHost, rules.TrailingDot) &&
		isPageviewBut(p, strings.Contains(p.UserAgent, appAgent), true, rules)
}

// isPageviewBut is is_pageview without its tests of status and host.
func isPageviewBut(p *Pageview, app, html bool, rules PageviewRules) bool {
	x := pageKeysOf(p.XAnalytics)
	if !x.isConsumption(rules.AllEvents) {
		return false
	}
	if app {
		return trimControl(x.pageview) == "1"
	}
	return html && !strings.Contains(p.URIPath, "api.php") &&
		(isPagePath(p.URIPath) || isPageQuery(p.URIQuery)) &&
		!strings.Contains(p.URIQuery, "action=edit") &&
		!strings.Contains(p.URIQuery, "action=submit")
}

func isHTML(contentType string) bool {
	switch contentType {
	case "text/html",
		"text/html; charset=iso-8859-1", "text/html; charset=ISO-8859-1",
		"text/html; charset=utf-8", "text/html; charset=UTF-8":
		return true
	}
	return false
}

// isConsumption tells reading from previews, debugging and the special pages
// that are no content. Without one of the three keys nothing is known against
// the request.
func (x *pageKeys) isConsumption(allEvents bool) bool {
	special, preview, debug := trimControl(x.special), trimControl(x.preview), trimControl(x.debug)
	switch {
	case special == "" && preview == "" && debug == "":
		return true
	case preview == "1" || debug == "1":
		return false
	}
	return equalFold(special, "search") || equalFold(special, "recentchanges") ||
		equalFold(special, "version") || equalFold(special, "viewobject") ||
		allEvents && equalFold(special, "allevents")
}

// pageKeys are the values of X-Analytics that decide about page views.
type pageKeys struct{ special, preview, debug, pageview string }

// pageKeysOf reads them in one go; the last of equal keys wins.
func pageKeysOf(xAnalytics string) (x pageKeys) {
	if absent(xAnalytics) {
		return x
	}
	for more := true; more; {
		var piece string
		piece, xAnalytics, more = strings.Cut(xAnalytics, ";")
		if len(piece) < len("debug") {
			continue
		}
		switch piece[0] {
		case 's', 'p', 'd':
		default:
			continue
		}
		key, value, _ := strings.Cut(piece, "=")
		switch key {
		case "special":
			x.special = value
		case "preview":
			x.preview = value
		case "debug":
			x.debug = value
		case "pageview":
			x.pageview = value
		}
	}
	return x
}

// isPagePath reports whether the path's first segment, followed by a slash, is
// one under which the wikis serve pages.
func isPagePath(path string) bool {
	if path == "" || path[0] != '/' {
		return false
	}
	first, _, slash := strings.Cut(path[1:], "/")
	if !slash {
		return false
	}
	switch first {
	case "w", "wiki", "v", "view", "sr", "sr-ec", "sr-el",
		"zh", "zh-cn", "zh-hans", "zh-hant", "zh-hk", "zh-mo", "zh-my", "zh-sg", "zh-tw":
		return true
	}
	return false
}

// isPageQuery looks for a parameter that names a page. The question mark is
// part of it, so that in practice it is the query's first.
func isPageQuery(query string) bool {
	for {
		i := strings.IndexByte(query, '?')
		if i < 0 {
			return false
		}
		query = query[i+1:]
		for _, p := range [...]string{"title=", "curid=", "oldid=", "search="} {
			if strings.HasPrefix(query, p) {
				return true
			}
		}
	}
}

const maxHost = 800

// isPageviewHost reports whether a host, in whatever case and with blanks
// around it, is a wiki whose pages count. Of the trailing dots at most one is
// accepted, and none under the older rules.
func isPageviewHost(host string, trailingDot bool) bool {
	host = trimControl(lowerHost(host))
	if longerThan(host, maxHost) {
		return false
	}
	if trailingDot {
		host = strings.TrimSuffix(host, ".")
	}
	host, ok := strings.CutSuffix(host, ".org")
	if !ok {
		return false
	}
	i := strings.LastIndexByte(host, '.')
	family, labels := host[i+1:], ""
	if i >= 0 {
		labels = host[:i]
		if labels == "" {
			return false
		}
	}
	// What is not one of these families is not Wikimedia's, so that the list
	// of Wikimedia's domains needs no test of its own.
	switch family {
	case "wikimedia":
		return isWikimediaSite(labels)
	case "wikibooks", "wikinews", "wikipedia", "wikiquote", "wikisource",
		"wiktionary", "wikiversity", "wikivoyage":
		return allLabels(labels, isProjectLabel)
	case "wikifunctions", "wikidata", "mediawiki", "wikimediafoundation":
		return allLabels(labels, isOtherLabel)
	}
	return false
}

// isWikimediaSite reports whether the labels before .wikimedia.org are a site
// with pages, alone or with a mobile label behind it.
func isWikimediaSite(labels string) bool {
	site, q, two := strings.Cut(labels, ".")
	if two {
		switch q {
		case "m", "mobile", "wap", "zero":
		default:
			return false
		}
	}
	switch site {
	case "advisory", "commons", "foundation", "incubator", "meta", "outreach",
		"species", "strategy", "usability", "wikimania", "wikitech":
		return true
	case "doc":
		return false
	}
	if len(site) != 2 && len(site) != 3 {
		return false
	}
	for i := range len(site) {
		if class[site[i]]&isLetter == 0 {
			return false
		}
	}
	return true
}

// allLabels reports whether ok holds for every label of a list parted by dots;
// an empty list has none.
func allLabels(labels string, ok func(string) bool) bool {
	for labels != "" {
		label, rest, dot := strings.Cut(labels, ".")
		if !ok(label) || dot && rest == "" {
			return false
		}
		labels = rest
	}
	return true
}

func isProjectLabel(s string) bool {
	if s == "" || class[s[0]]&isLetter == 0 || !allOf(s, isLabel) {
		return false
	}
	switch s[0] {
	case 'w':
		return !strings.HasPrefix(s, "www")
	case 'd':
		return !strings.HasPrefix(s, "donate")
	case 'a':
		return !strings.HasPrefix(s, "arbcom")
	case 's':
		return !strings.HasPrefix(s, "sysop")
	}
	return true
}

func isOtherLabel(s string) bool {
	return s != "" && allOf(s, isLabel) &&
		!strings.HasPrefix(s, "test") && !strings.HasPrefix(s, "query")
}

// allOf reports whether every byte of s is of the class.
func allOf(s string, c uint8) bool {
	for i := range len(s) {
		if class[s[i]]&c == 0 {
			return false
		}
	}
	return true
}
