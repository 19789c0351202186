package webrequest

// refererKind is where a referer's list entry belongs. Kinds are tried in this
// order.
type refererKind uint8

const (
	kindChatbot refererKind = iota
	kindSearch
	kindMedia
)

// tail is what must follow an entry's text.
type tail uint8

const (
	tailNone      tail = iota
	tailTLD            // a top-level domain, then "/" or the end
	tailAny            // any character, then text
	tailTwitter        // the end, or a character that is no letter, digit or dot
	tailTranslate      // later a "?" and behind it a parameter of a search
)

// pattern is one alternative of an entry.
type pattern struct {
	text string
	tail tail
	more string // tailAny: the text behind the character
}

// entry is a named site.
type entry struct {
	kind     refererKind
	name     string
	patterns []pattern
	start    []pattern // older lists: directly behind "://" only
}

func plain(texts ...string) []pattern {
	p := make([]pattern, len(texts))
	for i, t := range texts {
		p[i] = pattern{text: t}
	}
	return p
}

func withTLD(texts ...string) []pattern {
	p := plain(texts...)
	for i := range p {
		p[i].tail = tailTLD
	}
	return p
}

func join(lists ...[]pattern) (p []pattern) {
	for _, l := range lists {
		p = append(p, l...)
	}
	return p
}

// predictedOther is the last of the search engines; its pattern is code.
const predictedOther = "Predicted Other"

var twitterShort = []pattern{{text: "t.co", tail: tailTwitter}}

// sites2025 are the lists since November 2025. A pattern matches as a prefix
// at the start of the host or behind one of its dots.
var sites2025 = []entry{
	{kind: kindChatbot, name: "ChatGPT", patterns: plain("chatgpt.com")},
	{kind: kindChatbot, name: "Claude", patterns: plain("claude.ai")},
	{kind: kindChatbot, name: "Copilot", patterns: plain("copilot.microsoft.com")},
	{kind: kindChatbot, name: "Gemini", patterns: plain("gemini.google.com", "deepmind.google")},
	{kind: kindChatbot, name: "Grok", patterns: plain("grok.com")},
	{kind: kindChatbot, name: "Perplexity", patterns: plain("perplexity.ai")},

	{kind: kindSearch, name: "AOL", patterns: plain("search.aol.")},
	{kind: kindSearch, name: "Ask", patterns: plain("ask.com")},
	{kind: kindSearch, name: "AU", patterns: plain("search.auone.jp")},
	{kind: kindSearch, name: "Baidu", patterns: plain("baidu.com")},
	{kind: kindSearch, name: "Bing", patterns: plain("bing.com")},
	{kind: kindSearch, name: "Brave", patterns: plain("search.brave.com")},
	{kind: kindSearch, name: "Coc Coc", patterns: plain("coccoc.com")},
	{kind: kindSearch, name: "Daum", patterns: plain("search.daum.net")},
	{kind: kindSearch, name: "DuckDuckGo", patterns: append(plain("duckduckgo.com"),
		pattern{"duckduckgo.mobile", tailAny, "android"})},
	{kind: kindSearch, name: "Docomo", patterns: plain("docomo.ne.jp")},
	{kind: kindSearch, name: "Ecosia", patterns: plain("ecosia.org", "ecosia.android")},
	{kind: kindSearch, name: "Google", patterns: join(withTLD("google."), plain("google.android", "google.earth"))},
	{kind: kindSearch, name: "Google Translate", patterns: []pattern{{text: "translate.googleusercontent.", tail: tailTranslate}}},
	{kind: kindSearch, name: "Kagi", patterns: plain("kagi.com")},
	{kind: kindSearch, name: "Lilo", patterns: append(plain("lilo.org"),
		pattern{"lilo.mobile", tailAny, "android"})},
	{kind: kindSearch, name: "MyWay", patterns: plain("search.myway.com")},
	{kind: kindSearch, name: "Naver", patterns: plain("search.naver.com")},
	{kind: kindSearch, name: "Petal", patterns: plain("petalsearch.com")},
	{kind: kindSearch, name: "Qwant", patterns: plain("qwant.com", "qwant.liberty")},
	{kind: kindSearch, name: "Rakuten", patterns: withTLD("rakuten.")},
	{kind: kindSearch, name: "Seznam", patterns: plain("seznam.cz", "seznam.sbrowser", "seznam.mapy")},
	{kind: kindSearch, name: "Startpage", patterns: withTLD("startpage.", "ixquick.")},
	{kind: kindSearch, name: "VK", patterns: plain("go.mail.ru")},
	{kind: kindSearch, name: "Yahoo", patterns: plain("search.yahoo.")},
	{kind: kindSearch, name: "Yandex", patterns: join(plain("ya.ru"), withTLD("yandex."),
		plain("yandex.browser", "yandex.searchplugin", "yandex.searchapp", "yandex.translate"))},
	{kind: kindSearch, name: predictedOther},

	{kind: kindMedia, name: "Bluesky", patterns: plain("bsky.app")},
	{kind: kindMedia, name: "Coursera", patterns: plain("coursera.org", "coursera.com")},
	{kind: kindMedia, name: "Discord", patterns: plain("discord.com")},
	{kind: kindMedia, name: "Facebook", patterns: plain("facebook.co", "messenger.com")},
	{kind: kindMedia, name: "Github", patterns: plain("github.com")},
	{kind: kindMedia, name: "Instagram", patterns: plain("ig.me", "instagram.com", "cdninstagram.com")},
	{kind: kindMedia, name: "LinkedIn", patterns: plain("linkedin.com", "linkedin.android", "lnkd.in")},
	{kind: kindMedia, name: "Medium", patterns: plain("medium.com")},
	{kind: kindMedia, name: "Pinterest", patterns: plain("pin.it", "pinimg.com", "pinterest")},
	{kind: kindMedia, name: "Quora", patterns: plain("quora.com", "quoracdn.net")},
	{kind: kindMedia, name: "Reddit", patterns: plain("reddit.com", "redd.it", "com.reddit")},
	{kind: kindMedia, name: "Stackoverflow", patterns: plain("stackexchange.com", "stackapps.com", "askubuntu.com",
		"blogoverflow.com", "stackoverflow.com", "mathoverflow.net")},
	{kind: kindMedia, name: "Steam", patterns: plain("steam.com")},
	{kind: kindMedia, name: "Threads", patterns: plain("threads.com")},
	{kind: kindMedia, name: "Tiktok", patterns: plain("tiktok.com")},
	{kind: kindMedia, name: "Twitch", patterns: plain("twitch.tv")},
	{kind: kindMedia, name: "Twitter", patterns: join(plain("x.com"), twitterShort, plain("twitter.com", "twimg.com",
		"twttr.com", "twitter.android", "twimg.android", "twttr.android"))},
	{kind: kindMedia, name: "Ycombinator", patterns: plain("startupschool.org", "ycombinator.com")},
	{kind: kindMedia, name: "Youtube", patterns: plain("youtube.com", "googlevideo.com", "ytimg.com", "youtu.be")},
}

// sites2024 are the lists of summer 2024. A pattern matches anywhere in the
// referer's text between "://" and the next "/" or "?".
var sites2024 = []entry{
	{kind: kindSearch, name: "Google", patterns: plain("google.")},
	{kind: kindSearch, name: "Google Translate", patterns: []pattern{{text: "translate.googleusercontent.", tail: tailTranslate}}},
	{kind: kindSearch, name: "Yahoo", patterns: plain("search.yahoo.")},
	{kind: kindSearch, name: "Bing", patterns: plain(".bing.")},
	{kind: kindSearch, name: "Yandex", patterns: plain("yandex.")},
	{kind: kindSearch, name: "Baidu", patterns: plain("baidu.")},
	{kind: kindSearch, name: "DuckDuckGo", patterns: plain("duckduckgo.")},
	{kind: kindSearch, name: "Ecosia", patterns: plain(".ecosia.")},
	{kind: kindSearch, name: "Startpage", patterns: plain(".startpage.", ".ixquick.")},
	{kind: kindSearch, name: "Naver", patterns: plain("search.naver.")},
	{kind: kindSearch, name: "Docomo", patterns: plain(".docomo.")},
	{kind: kindSearch, name: "Qwant", patterns: plain("qwant.")},
	{kind: kindSearch, name: "Daum", patterns: plain("search.daum.")},
	{kind: kindSearch, name: "MyWay", patterns: plain("search.myway.")},
	{kind: kindSearch, name: "Seznam", patterns: plain(".seznam.")},
	{kind: kindSearch, name: "AU", patterns: plain("search.auone.")},
	{kind: kindSearch, name: "Ask", patterns: plain(".ask.")},
	{kind: kindSearch, name: "Lilo", patterns: plain(".lilo.")},
	{kind: kindSearch, name: "Coc Coc", patterns: plain("coccoc.")},
	{kind: kindSearch, name: "AOL", patterns: plain("search.aol.")},
	{kind: kindSearch, name: "Rakuten", patterns: plain(".rakuten.")},
	{kind: kindSearch, name: "Brave", patterns: plain("search.brave.")},
	{kind: kindSearch, name: "Petal", patterns: plain("petalsearch.")},
	{kind: kindSearch, name: "VK", patterns: plain("go.mail.ru")},
	{kind: kindSearch, name: predictedOther},

	{kind: kindMedia, name: "Youtube", patterns: plain("youtube.com", "googlevideo.com", "ytimg.com", "youtu.be")},
	// Messenger's pattern begins with any character, which may be the one that
	// ends the host.
	{kind: kindMedia, name: "Facebook", patterns: append(plain("facebook.co"), pattern{"", tailAny, "messenger.com"})},
	{kind: kindMedia, name: "Twitter", start: twitterShort, patterns: plain("twitter.com", "twitter.android",
		"twimg.com", "twimg.android", "twttr.com", "twttr.android")},
	{kind: kindMedia, name: "Reddit", patterns: plain("reddit.com", "redd.it")},
	{kind: kindMedia, name: "Tiktok", start: plain("tiktok.com"), patterns: plain(".tiktok.com")},
	{kind: kindMedia, name: "Quora", patterns: plain("quora.com", "quoracdn.net")},
	{kind: kindMedia, name: "Instagram", start: plain("ig.me"), patterns: plain("instagram.com")},
	{kind: kindMedia, name: "Ycombinator", patterns: plain("startupschool.org", "ycombinator.com")},
	{kind: kindMedia, name: "LinkedIn", patterns: plain("linkedin.com", "linkedin.android", "lnkd.in")},
	{kind: kindMedia, name: "Github", patterns: plain("github.com")},
	{kind: kindMedia, name: "Pinterest", start: plain("pinterest"), patterns: plain("pin.it", "pinimg.com", ".pinterest")},
	{kind: kindMedia, name: "Coursera", patterns: plain("coursera.org", "coursera.com")},
	{kind: kindMedia, name: "Medium", patterns: plain("medium.com")},
	{kind: kindMedia, name: "Stackoverflow", patterns: plain("stackexchange.com", "stackapps.com", "askubuntu.com",
		"blogoverflow.com", "stackoverflow.com", "mathoverflow.net")},
}
