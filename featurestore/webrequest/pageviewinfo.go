package webrequest

import (
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// PageviewInfo is Wikimedia's pageview_info. It means something only for rows
// that are page views or redirects to one.
type PageviewInfo struct {
	Project         string
	LanguageVariant string
	PageTitle       string
}

// PageviewInfoOf finds the project, the language variant and the title of the
// page that a request asked for; "-" where one can't be told.
func PageviewInfoOf(uriHost, uriPath, uriQuery string) PageviewInfo {
	return PageviewInfo{
		Project:         ProjectOf(uriHost),
		LanguageVariant: LanguageVariantOf(uriPath),
		PageTitle:       PageTitleOf(uriPath, uriQuery),
	}
}

// ProjectOf is the project of a page view's host: "en.wikipedia" for
// en.m.wikipedia.org.
func ProjectOf(uriHost string) string {
	if uriHost == "" || longerThan(uriHost, maxHost) {
		return "-"
	}
	labels := hostLabels(lowerHost(uriHost), false)
	n := len(labels)
	if n < 2 || n > 5 {
		return "-"
	}
	family := labels[n-2]
	if n == 2 || labels[0] == "www" || qualifier(labels[0]) {
		return family
	}
	return labels[0] + "." + family
}

// pagePath is a path as titles and variants are looked for in it: without a
// leading scheme and host, without a query, runs of slashes made one.
func pagePath(path string) string {
	if strings.HasPrefix(path, "http") {
		// The slash is looked for from the tenth UTF-16 unit on, which is behind
		// the host's first character.
		from, units := 0, 0
		for from < len(path) && units < len("https://")+1 {
			r, n := utf8.DecodeRuneInString(path[from:])
			from += n
			units += utf16.RuneLen(r)
		}
		i := strings.IndexByte(path[from:], '/')
		if i < 0 {
			return ""
		}
		path = path[from+i:]
	}
	path, _, _ = strings.Cut(path, "?")
	if !strings.Contains(path, "//") {
		return path
	}
	b := make([]byte, 0, len(path))
	for i := range len(path) {
		if path[i] == '/' && i > 0 && path[i-1] == '/' {
			continue
		}
		b = append(b, path[i])
	}
	return string(b)
}

// LanguageVariantOf is the language variant that a path names ("zh-hans"),
// "default" for a path that names none, "-" for an API's.
func LanguageVariantOf(uriPath string) string {
	const plain = "default"
	p := pagePath(uriPath)
	if strings.HasPrefix(p, "/w/api.php") {
		return "-"
	}
	switch p {
	case "/", "/wiki", "/w":
		return plain
	}
	if strings.HasPrefix(p, "/api/rest_v") || strings.HasPrefix(p, "/wiki/") || strings.HasPrefix(p, "/w/") {
		return plain
	}
	if rest, ok := strings.CutPrefix(p, "/view/"); ok {
		if variant, _, ok := strings.Cut(rest, "/"); ok {
			return variant
		}
		return plain
	}
	_, rest, ok := strings.Cut(p, "/")
	if !ok || rest == "" {
		return "-"
	}
	first, _, _ := strings.Cut(rest, "/")
	if first == "" {
		return "-"
	}
	if strings.Contains(first, "-") {
		return first
	}
	return plain
}

var restPages = [...]string{
	"/api/rest_v1/page/mobile-sections-lead/",
	"/api/rest_v1/page/mobile-sections/",
	"/api/rest_v1/page/mobile-html/",
}

// PageTitleOf is the title that a path and a query name, decoded, with "_" for
// blanks; "-" if they name none or an impossible one.
func PageTitleOf(uriPath, uriQuery string) string {
	p := pagePath(uriPath)
	title, page := titleParameters(uriQuery)
	index := strings.Contains(p, "index.")
	inPath := !index && strings.Contains(p, "/wiki/") || strings.Contains(p, "/w/index.php/")
	for _, prefix := range restPages {
		inPath = inPath || strings.HasPrefix(p, prefix)
	}
	switch {
	case title != "":
	case inPath:
		title = titleFromPath(p)
	case page != "":
		title = page
	case !index:
		title = titleFromPath(p)
	default:
		return "-"
	}
	title = strings.ReplaceAll(decodePercent(title), " ", "_")
	if title == "" || len(title) > 512 || !validTitle(title) {
		return "-"
	}
	return title
}

// titleParameters are the first non-empty values of title= and page=.
func titleParameters(query string) (title, page string) {
	query = strings.TrimPrefix(query, "?")
	for pair := range strings.SplitSeq(query, "&") {
		if v, ok := strings.CutPrefix(pair, "title="); ok && title == "" {
			title = v
		}
		if v, ok := strings.CutPrefix(pair, "page="); ok && page == "" {
			page = v
		}
	}
	return strings.ReplaceAll(title, "+", "_"), strings.ReplaceAll(page, "+", "_")
}

func titleFromPath(p string) string {
	if i := strings.IndexByte(p, '#'); i > 0 {
		p = p[:i]
	}
	for _, mark := range [...]string{restPages[0], restPages[1], restPages[2], "/wiki/", "/w/"} {
		if _, rest, ok := strings.Cut(p, mark); ok && rest != "" {
			return rest
		}
	}
	if _, rest, ok := strings.Cut(p, "/view/"); ok {
		if i := strings.LastIndexByte(rest, '/'); i > 0 {
			return rest[i+1:]
		}
	}
	// What is left has the shape /variant/title.
	first := strings.IndexByte(p, '/')
	if i := strings.IndexByte(p[first+1:], '/'); i >= 0 {
		return p[first+1+i+1:]
	}
	return "-"
}

func validTitle(s string) bool {
	for i := range len(s) {
		switch c := s[i]; {
		case c < 0x20, c == 0x7F:
			return false
		case c == '#', c == '<', c == '>', c == '[', c == ']', c == '{', c == '}', c == '|':
			return false
		}
	}
	return true
}

// decodePercent decodes percent escapes into the bytes of UTF-8. Bytes that
// aren't UTF-8 become U+FFFD, one for each beginning of a character that is
// broken off.
func decodePercent(s string) string {
	b := []byte(s)
	if strings.IndexByte(s, '%') >= 0 {
		b = b[:0]
		for i := 0; i < len(s); i++ {
			if s[i] == '%' && i+2 < len(s) {
				hi, ok1 := unhex(s[i+1])
				lo, ok2 := unhex(s[i+2])
				if ok1 && ok2 {
					b = append(b, hi<<4|lo)
					i += 2
					continue
				}
			}
			b = append(b, s[i])
		}
	}
	if utf8.Valid(b) {
		return string(b)
	}
	var out strings.Builder
	for len(b) > 0 {
		r, n := utf8.DecodeRune(b)
		if r == utf8.RuneError && n == 1 {
			n = brokenLen(b)
		}
		out.WriteRune(r)
		b = b[n:]
	}
	return out.String()
}

// brokenLen is the number of bytes of the longest beginning of a character
// that b, which begins with no whole one, begins with; at least 1.
func brokenLen(b []byte) int {
	n := 1
	for n < len(b) && n < utf8.UTFMax && b[n]&0xC0 == 0x80 && !utf8.FullRune(b[:n+1]) {
		n++
	}
	return n
}

func unhex(c byte) (byte, bool) {
	switch {
	case '0' <= c && c <= '9':
		return c - '0', true
	case 'a' <= c && c <= 'f':
		return c - 'a' + 10, true
	case 'A' <= c && c <= 'F':
		return c - 'A' + 10, true
	}
	return 0, false
}
