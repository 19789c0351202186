package webrequest

import "strings"

// spiderPrefixes are the beginnings that mark a spider, in lower case.
var spiderPrefixes = byFirst(
	"goo wikipedia", "mediawikicrawler-google", "wikiwix-bot", "java/", "curl",
	"php/", "faraday", "httpc", "ruby", ".net", "python", "apache", "scrapy",
	"pycurl", "libwww", "zend", "wget", "nodemw", "winhttpraw", "twisted",
	"com.eusoft", "lagotto", "peggo", "recuweb", "check_http", "magnus", "mld",
	"jakarta", "find-link", "j. river", "projectplan9", "admantx", "httpunit",
	"lwp", "inaturalist", "wikidemo", "fsresearchit", "livedoor",
	"microsoft monitoring", "mediawiki", "user:", "user_talk:", "github",
	"blackboard safeassign", "damn small xss", "meetingroomapp",
)

// spiderWords are the words that mark a spider wherever they stand.
var spiderWords = byFirst(
	"bot", "spider", "wordpress", "appengine", "appledictionaryservice",
	"python-urllib", "python-requests", "google-http-java-client", "facebook",
	"yahoo", "rockpeaks", "phantomjs", "http",
)

// words are lower-case words by their first byte. The first byte of a word may
// not be a wildcard.
type words [256][]string

func byFirst(list ...string) *words {
	var w words
	for _, s := range list {
		w[s[0]] = append(w[s[0]], s)
	}
	return &w
}

// at reports whether one of the words stands at the start of s, ignoring case.
func (w *words) at(s string) bool {
	for _, p := range w[lower[s[0]]] {
		if hasPrefixFold(s, p) {
			return true
		}
	}
	return false
}

// in reports whether one of the words stands anywhere in s, ignoring case.
func (w *words) in(s string) bool {
	for i := range len(s) {
		if w[lower[s[i]]] != nil && w.at(s[i:]) {
			return true
		}
	}
	return false
}

// IsSpider reports whether a user agent is a spider by its text alone, without
// ua-parser's rules: "-", a known word anywhere, a known beginning, or an
// e-mail address at the beginning. An empty agent is none. Case is ignored for
// ASCII letters; nothing is trimmed. An agent of several lines is none, one
// line terminator at the end aside.
func IsSpider(userAgent string) bool {
	if userAgent == "-" {
		return true
	}
	s := cutFinalBreak(userAgent)
	if s == "" {
		return false
	}
	// lastBreak is the last line terminator that is not ASCII. An e-mail
	// address may hold some, nothing else may.
	lastBreak := -1
	for i := range len(s) {
		switch s[i] {
		case '\n', '\r':
			return false
		case 0xC2, 0xE2:
			if lineBreak(s[i:]) > 0 {
				lastBreak = i
			}
		}
	}
	if lastBreak < 0 && (spiderWords.in(s) || spiderPrefixes.at(s) || beginsToolsHost(s)) {
		return true
	}
	return beginsEmail(s, lastBreak)
}

// beginsToolsHost matches the tools host, each of whose dots stands for any
// character.
func beginsToolsHost(s string) bool {
	if !hasPrefixFold(s, "tools") {
		return false
	}
	s = s[len("tools"):]
	n := anyChar(s)
	if n == 0 || !hasPrefixFold(s[n:], "wmflabs") {
		return false
	}
	s = s[n+len("wmflabs"):]
	n = anyChar(s)
	return n > 0 && hasPrefixFold(s[n:], "org")
}

// beginsEmail reports whether s begins with something of an e-mail address's
// shape that ends behind the byte after.
func beginsEmail(s string, after int) bool {
	for i := range len(s) {
		if class[s[i]]&isSpace != 0 {
			s = s[:i]
			break
		}
	}
	if len(s) < len("a@b.cd") {
		return false
	}
	// The first possible "@" leaves the most room for what must follow it.
	at := strings.IndexByte(s[1:], '@')
	if at < 0 {
		return false
	}
	at++
	for dot := max(at+2, after+1); dot+2 < len(s); dot++ {
		if s[dot] == '.' && class[s[dot+1]]&isLetter != 0 && class[s[dot+2]]&isLetter != 0 {
			return true
		}
	}
	return false
}
