package webrequest

import (
	"regexp"
	"strings"
)

// The twin of the referer rules: one regular expression per entry, tried one
// after the other. Predicted Other would need to look behind itself, and is a
// loop.

type slowEntry struct {
	name string
	re   *regexp.Regexp
}

const (
	slowTLD = `[A-Za-z]{2,3}(?:\.[A-Za-z]{0,3})?(?:/|` + finalBreak + `)`
	slowAny = notBreak
	// Where a pattern may begin: since 2025, and in 2024.
	frame2025 = `\A[^:]*://(?:[A-Za-z0-9.\-]*\.)?(?:`
	frame2024 = `\A[^:]*://(?:`
	inHost    = `[^?/]*`
	later     = notBreak + `*\?` + notBreak + `*(?:prev=search|client=srp)`
)

func slowEntries(frame string, rows ...string) []slowEntry {
	var list []slowEntry
	for i := 0; i < len(rows); i += 2 {
		list = append(list, slowEntry{rows[i], regexp.MustCompile(frame + rows[i+1] + `)`)})
	}
	return list
}

func within2024(alternatives string) string { return inHost + `(?:` + alternatives + `)` }

var slowLists = map[RefererRules][3][]slowEntry{
	Referer2025: {
		slowEntries(frame2025,
			"ChatGPT", `chatgpt\.com`, "Claude", `claude\.ai`, "Copilot", `copilot\.microsoft\.com`,
			"Gemini", `gemini\.google\.com|deepmind\.google`, "Grok", `grok\.com`, "Perplexity", `perplexity\.ai`),
		slowEntries(frame2025,
			"AOL", `search\.aol\.`, "Ask", `ask\.com`, "AU", `search\.auone\.jp`, "Baidu", `baidu\.com`,
			"Bing", `bing\.com`, "Brave", `search\.brave\.com`, "Coc Coc", `coccoc\.com`, "Daum", `search\.daum\.net`,
			"DuckDuckGo", `duckduckgo\.(?:com|mobile`+slowAny+`android)`, "Docomo", `docomo\.ne\.jp`,
			"Ecosia", `ecosia\.(?:org|android)`, "Google", `google\.(?:`+slowTLD+`|android|earth)`,
			"Google Translate", `translate\.googleusercontent\.`+later, "Kagi", `kagi\.com`,
			"Lilo", `lilo\.(?:org|mobile`+slowAny+`android)`, "MyWay", `search\.myway\.com`,
			"Naver", `search\.naver\.com`, "Petal", `petalsearch\.com`, "Qwant", `qwant\.(?:com|liberty)`,
			"Rakuten", `rakuten\.`+slowTLD, "Seznam", `seznam\.(?:cz|sbrowser|mapy)`,
			"Startpage", `(?:startpage|ixquick)\.`+slowTLD, "VK", `go\.mail\.ru`, "Yahoo", `search\.yahoo\.`,
			"Yandex", `ya\.ru|yandex\.(?:`+slowTLD+`|browser|searchplugin|searchapp|translate)`),
		slowEntries(frame2025,
			"Bluesky", `bsky\.app`, "Coursera", `coursera\.(?:org|com)`, "Discord", `discord\.com`,
			"Facebook", `facebook\.co|messenger\.com`, "Github", `github\.com`,
			"Instagram", `ig\.me|(?:cdn)?instagram\.com`, "LinkedIn", `linkedin\.(?:com|android)|lnkd\.in`,
			"Medium", `medium\.com`, "Pinterest", `pin\.it|pinimg\.com|pinterest`, "Quora", `quora\.com|quoracdn\.net`,
			"Reddit", `reddit\.com|redd\.it|com\.reddit`,
			"Stackoverflow", `(?:stackexchange|stackapps|askubuntu|blogoverflow|stackoverflow)\.com|mathoverflow\.net`,
			"Steam", `steam\.com`, "Threads", `threads\.com`, "Tiktok", `tiktok\.com`, "Twitch", `twitch\.tv`,
			"Twitter", `x\.com|t\.co(?:`+finalBreak+`|[^a-zA-Z0-9.])|(?:twitter|twimg|twttr)\.(?:com|android)`,
			"Ycombinator", `startupschool\.org|ycombinator\.com`,
			"Youtube", `(?:youtube|googlevideo|ytimg)\.com|youtu\.be`),
	},
	Referer2024: {
		nil,
		slowEntries(frame2024,
			"Google", within2024(`google\.`), "Google Translate", within2024(`translate\.googleusercontent\.`)+later,
			"Yahoo", within2024(`search\.yahoo\.`), "Bing", within2024(`\.bing\.`), "Yandex", within2024(`yandex\.`),
			"Baidu", within2024(`baidu\.`), "DuckDuckGo", within2024(`duckduckgo\.`), "Ecosia", within2024(`\.ecosia\.`),
			"Startpage", within2024(`\.(?:startpage|ixquick)\.`), "Naver", within2024(`search\.naver\.`),
			"Docomo", within2024(`\.docomo\.`), "Qwant", within2024(`qwant\.`), "Daum", within2024(`search\.daum\.`),
			"MyWay", within2024(`search\.myway\.`), "Seznam", within2024(`\.seznam\.`), "AU", within2024(`search\.auone\.`),
			"Ask", within2024(`\.ask\.`), "Lilo", within2024(`\.lilo\.`), "Coc Coc", within2024(`coccoc\.`),
			"AOL", within2024(`search\.aol\.`), "Rakuten", within2024(`\.rakuten\.`), "Brave", within2024(`search\.brave\.`),
			"Petal", within2024(`petalsearch\.`), "VK", within2024(`go\.mail\.ru`)),
		slowEntries(frame2024,
			"Youtube", within2024(`(?:youtube|googlevideo|ytimg)\.com|youtu\.be`),
			"Facebook", within2024(`facebook\.co|`+slowAny+`messenger\.com`),
			"Twitter", `t\.co(?:`+finalBreak+`|[^a-zA-Z0-9.])|`+within2024(`(?:twitter|twimg|twttr)\.(?:com|android)`),
			"Reddit", within2024(`reddit\.com|redd\.it`), "Tiktok", `tiktok\.com|`+within2024(`\.tiktok\.com`),
			"Quora", within2024(`quora\.com|quoracdn\.net`), "Instagram", `ig\.me|`+within2024(`instagram\.com`),
			"Ycombinator", within2024(`startupschool\.org|ycombinator\.com`),
			"LinkedIn", within2024(`linkedin\.(?:com|android)|lnkd\.in`), "Github", within2024(`github\.com`),
			"Pinterest", `pinterest|`+within2024(`pin\.it|pinimg\.com|\.pinterest`),
			"Coursera", within2024(`coursera\.(?:org|com)`), "Medium", within2024(`medium\.com`),
			"Stackoverflow", within2024(`(?:stackexchange|stackapps|askubuntu|blogoverflow|stackoverflow)\.com|mathoverflow\.net`)),
	},
}

var (
	slowHost      = regexp.MustCompile(`\A[^:]*://([^?/]*)`)
	slowDomain    = regexp.MustCompile(`\A[A-Za-z0-9_.\-:]+\z`)
	slowOneLetter = regexp.MustCompile(`[A-Za-z]`)
	slowBreak     = regexp.MustCompile(`[\n\r\x{85}\x{2028}\x{2029}]`)
	slowWiki      = regexp.MustCompile(`(?:\A|\.)(?:mediawiki|wikibooks|wikidata|wikinews|wikimedia|wikimediafoundation|` +
		`wikipedia|wikiquote|wikisource|wikiversity|wikivoyage|wiktionary)\.org\z`)
)

func slowName(list []slowEntry, referer string) string {
	for _, e := range list {
		if e.re.MatchString(referer) {
			return e.name
		}
	}
	return ""
}

func slowSearchEngine(referer string, rules RefererRules) string {
	if name := slowName(slowLists[rules][1], referer); name != "" {
		return name
	}
	m := slowHost.FindStringSubmatch(referer)
	if m == nil {
		return RefererNone
	}
	for _, word := range []string{"search", "suche"} {
		for from := 0; ; {
			i := strings.Index(m[1][from:], word)
			if i < 0 {
				break
			}
			before := "://" + m[1][:from+i]
			if before[len(before)-2:] != "re" || strings.HasSuffix(before, ".pre") || strings.HasSuffix(before, ".secure") {
				return predictedOther
			}
			from += i + 1
		}
	}
	return RefererNone
}

func slowReferer(referer string, rules RefererRules) string {
	if referer == "" || referer == "-" {
		return isNone
	}
	parts := strings.Split(referer, "/")
	if len(parts) < 3 || parts[0] != "http:" && parts[0] != "https:" && parts[0] != "android-app:" || parts[1] != "" {
		return isUnknown
	}
	domain := parts[2]
	if rules == Referer2025 {
		if slowBreak.MatchString(domain) {
			return isUnknown
		}
		domain = regexp.MustCompile(`[?#].*`).ReplaceAllString(domain, "")
		if !slowDomain.MatchString(domain) || !slowOneLetter.MatchString(domain) || strings.Count(domain, ".") > 10 {
			return isUnknown
		}
	}
	switch {
	case len(strings.Split(domain, ".")) < 2, domain == ".org", strings.HasSuffix(domain, "..org"):
		return isUnknown
	case slowWiki.MatchString(domain):
		return isInternal
	}
	if name := slowName(slowLists[rules][0], referer); name != "" {
		return "chatbot " + name
	}
	if name := slowSearchEngine(referer, rules); name != RefererNone {
		return "search " + name
	}
	if name := slowName(slowLists[rules][2], referer); name != "" {
		return "media " + name
	}
	return isExternal
}
