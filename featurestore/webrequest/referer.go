package webrequest

import "strings"

// The values of referer_class.
const (
	RefererNone     = "none"
	RefererUnknown  = "unknown"
	RefererInternal = "internal"
	RefererExternal = "external"
	RefererSearch   = "external (search engine)"
	RefererMedia    = "external (media sites)"
	RefererChatbot  = "external (AI chatbot)"
)

// RefererRules are the lists and tests behind referer_class and referer_name.
// Which referers are "none" is the same under both.
type RefererRules string

const (
	// Referer2025 are the rules since November 2025: hosts are checked for
	// sense, and AI chatbots are a class. The default.
	Referer2025 RefererRules = "2025-11"
	// Referer2024 are the rules of summer 2024.
	Referer2024 RefererRules = "2024"
)

// RefererClass is Wikimedia's referer_class of a referer.
func RefererClass(referer string, rules RefererRules) string {
	class, _ := classifyReferer(referer, listsOf(rules))
	return class
}

// RefererName is Wikimedia's referer_name: the search engine's, media site's or
// AI chatbot's name, else "none".
func RefererName(referer string, rules RefererRules) string {
	_, name := classifyReferer(referer, listsOf(rules))
	return name
}

// SearchEngineName is the name of the search engine that a referer is of, else
// "none". Unlike RefererName it doesn't ask whether the referer makes sense,
// and tries no other list.
func SearchEngineName(referer string, rules RefererRules) string {
	i := strings.IndexByte(referer, ':')
	if i < 0 {
		return RefererNone
	}
	rest, ok := strings.CutPrefix(referer[i:], "://")
	if !ok {
		return RefererNone
	}
	l := listsOf(rules)
	if r := l.rank(rest, l.search); r < l.search.end {
		return l.entries[r].name
	}
	return RefererNone
}

// classifyReferer gives the class and the name.
func classifyReferer(referer string, l *lists) (class, name string) {
	if absent(referer) {
		return RefererNone, RefererNone
	}
	rest, ok := afterScheme(referer)
	if !ok {
		return RefererUnknown, RefererNone
	}
	domain, _, _ := strings.Cut(rest, "/")
	if l.checked {
		if indexBreak(domain) >= 0 {
			return RefererUnknown, RefererNone
		}
		domain = cutDomain(domain)
		if domain == "" || !allOf(domain, isDomain) || !plausible(domain) {
			return RefererUnknown, RefererNone
		}
	}
	switch wiki(domain) {
	case no:
		return RefererUnknown, RefererNone
	case yes:
		return RefererInternal, RefererNone
	}
	return l.external(rest)
}

// afterScheme is the referer behind its "://", if it has the shape of a link.
func afterScheme(referer string) (string, bool) {
	for _, scheme := range [...]string{"https://", "http://", "android-app://"} {
		if rest, ok := strings.CutPrefix(referer, scheme); ok {
			return rest, true
		}
	}
	return "", false
}

// cutDomain is a referer's authority up to its first "?" or "#".
func cutDomain(s string) string {
	if i := strings.IndexAny(s, "?#"); i >= 0 {
		return s[:i]
	}
	return s
}

// plausible reports whether a domain has a letter and at most ten dots: no
// top-level domain is a number.
func plausible(domain string) bool {
	letter, dots := false, 0
	for i := range len(domain) {
		if domain[i] == '.' {
			dots++
		}
		letter = letter || class[domain[i]]&isLetter != 0
	}
	return letter && dots <= 10
}

type answer uint8

const (
	neither answer = iota
	no             // the domain is none
	yes            // it is one of Wikimedia's
)

// wiki tells Wikimedia's own domains, spelled exactly, and what is no domain.
func wiki(domain string) answer {
	i := strings.LastIndexByte(domain, '.')
	if i < 0 {
		return no
	}
	if domain[i+1:] != "org" {
		return neither
	}
	domain = domain[:i]
	switch domain[strings.LastIndexByte(domain, '.')+1:] {
	case "":
		return no
	case "mediawiki", "wikibooks", "wikidata", "wikinews", "wikimedia",
		"wikimediafoundation", "wikipedia", "wikiquote", "wikisource",
		"wikiversity", "wikivoyage", "wiktionary":
		return yes
	}
	return neither
}

// span are the ranks [begin, end) of the entries of one list.
type span struct{ begin, end int }

// candidate is a pattern and the rank of its entry.
type candidate struct {
	rank int
	pattern
}

// lists are the named sites of one set of rules, made ready for matching.
type lists struct {
	checked bool // domains are checked, patterns match at labels only
	entries []entry
	all     span
	search  span
	other   int              // rank of Predicted Other
	at      [256][]candidate // by first byte, in order of rank
	start   [256][]candidate // directly behind "://" only
	any     []candidate      // begin with any character
}

func newLists(entries []entry, checked bool) *lists {
	l := &lists{checked: checked, entries: entries, all: span{0, len(entries)}, search: span{-1, 0}}
	for rank, e := range entries {
		if e.kind == kindSearch {
			if l.search.begin < 0 {
				l.search.begin = rank
			}
			l.search.end = rank + 1
		}
		if e.name == predictedOther {
			l.other = rank
		}
		for _, p := range e.patterns {
			if p.text == "" {
				l.any = append(l.any, candidate{rank, p})
				continue
			}
			l.at[p.text[0]] = append(l.at[p.text[0]], candidate{rank, p})
		}
		for _, p := range e.start {
			l.start[p.text[0]] = append(l.start[p.text[0]], candidate{rank, p})
		}
	}
	return l
}

var (
	lists2025 = newLists(sites2025, true)
	lists2024 = newLists(sites2024, false)
)

func listsOf(rules RefererRules) *lists {
	if rules == Referer2024 {
		return lists2024
	}
	return lists2025
}

// external is the class and name of a referer that is not one's own; rest is
// what follows its "://".
func (l *lists) external(rest string) (class, name string) {
	r := l.rank(rest, l.all)
	if r >= l.all.end {
		return RefererExternal, RefererNone
	}
	e := &l.entries[r]
	switch e.kind {
	case kindChatbot:
		return RefererChatbot, e.name
	case kindSearch:
		return RefererSearch, e.name
	}
	return RefererMedia, e.name
}

// rank is the rank of the first entry within s that matches h, a referer behind
// its "://"; s.end for none.
func (l *lists) rank(h string, s span) int {
	best := s.end
	if h == "" {
		return best
	}
	try := func(c []candidate, from int) {
		for i := range c {
			if r := c[i].rank; r >= best {
				break
			} else if r >= s.begin && c[i].matches(h[from:]) {
				best = r
				break
			}
		}
	}
	try(l.start[h[0]], 0)
	if l.checked {
		// Behind a dot, as long as only letters, digits, dots and hyphens came
		// before it.
		label := true
		for i := range len(h) {
			if label {
				try(l.at[h[i]], i)
			}
			if class[h[i]]&isFrame == 0 {
				break
			}
			label = h[i] == '.'
		}
	} else {
		for i := range len(h) {
			for _, c := range l.any {
				if c.rank < best && c.rank >= s.begin && c.matches(h[i:]) {
					best = c.rank
				}
			}
			if h[i] == '/' || h[i] == '?' {
				break
			}
			try(l.at[h[i]], i)
		}
	}
	if l.other < best && l.other >= s.begin && predicted(h) {
		best = l.other
	}
	return best
}

// matches reports whether the pattern stands at the beginning of h.
func (p *pattern) matches(h string) bool {
	rest, ok := strings.CutPrefix(h, p.text)
	if !ok {
		return false
	}
	switch p.tail {
	case tailTLD:
		return topLevel(rest)
	case tailAny:
		n := anyChar(rest)
		return n > 0 && strings.HasPrefix(rest[n:], p.more)
	case tailTwitter:
		return rest == "" || class[rest[0]]&(isLetter|isDigit) == 0 && rest[0] != '.'
	case tailTranslate:
		if i := indexBreak(rest); i >= 0 {
			rest = rest[:i]
		}
		_, query, ok := strings.Cut(rest, "?")
		return ok && (strings.Contains(query, "prev=search") || strings.Contains(query, "client=srp"))
	}
	return true
}

// topLevel reports whether s is 2 or 3 letters, perhaps a dot and up to 3
// letters more, then a "/" or the end.
func topLevel(s string) bool {
	n := letters(s)
	if n != 2 && n != 3 {
		return false
	}
	s = s[n:]
	if s != "" && s[0] == '.' {
		n = letters(s[1:])
		if n > 3 {
			return false
		}
		s = s[1+n:]
	}
	return s == "" || s[0] == '/' || cutFinalBreak(s) == ""
}

// letters is the number of letters that s begins with.
func letters(s string) int {
	for i := range len(s) {
		if class[s[i]]&isLetter == 0 {
			return i
		}
	}
	return len(s)
}

// predicted reports whether the host part of h names a search: "search" or
// "suche", but not the end of "research" unless of ".presearch" or
// ".securesearch".
func predicted(h string) bool {
	if i := strings.IndexAny(h, "/?"); i >= 0 {
		h = h[:i]
	}
	for i := range len(h) {
		if h[i] != 's' || !strings.HasPrefix(h[i:], "search") && !strings.HasPrefix(h[i:], "suche") {
			continue
		}
		before := h[:i]
		if !strings.HasSuffix(before, "re") || strings.HasSuffix(before, ".pre") || strings.HasSuffix(before, ".secure") {
			return true
		}
	}
	return false
}
