package webrequest

import (
	"strings"
	"testing"
)

// refererRow is a referer and what the rules since November 2025 and those of
// 2024 make of it: class and name, "=" for the same again.
type refererRow struct{ referer, now, then string }

const (
	isNone     = "none"
	isUnknown  = "unknown"
	isInternal = "internal"
	isExternal = "external"
)

// short is class and name as the tables spell them: "search Google".
func short(class, name string) string {
	switch class {
	case RefererSearch:
		return "search " + name
	case RefererMedia:
		return "media " + name
	case RefererChatbot:
		return "chatbot " + name
	}
	if name != RefererNone {
		return class + " named " + name
	}
	return class
}

var refererRows = []refererRow{
	// Absent.
	{"", isNone, "="},
	{"-", isNone, "="},
	{" ", isUnknown, "="},
	{"--", isUnknown, "="},
	// Shape.
	{"google.com", isUnknown, "="},
	{"https:", isUnknown, "="},
	{"https:/", isUnknown, "="},
	{"https://", isUnknown, "="},
	{"https:///", isUnknown, "="},
	{"https:/x/google.com", isUnknown, "="},
	{"HTTPS://www.google.com/", isUnknown, "="},
	{" https://www.google.com/", isUnknown, "="},
	{"ftp://www.google.com/", isUnknown, "="},
	{"//www.google.com/", isUnknown, "="},
	{"about:blank", isUnknown, "="},
	{"android-app://com.google.android.gm/", "search Google", "="},
	{"ios-app://com.google.android.gm/", isUnknown, "="},
	{"https://localhost/", isUnknown, "="},
	{"https://localhost:80/", isUnknown, "="},
	{"https://localhost", isUnknown, "="},
	{"https://a.", isExternal, "="},
	{"https://.a", isExternal, "="},
	{"https://./x", isUnknown, isExternal},
	// The domain's characters, since 2025.
	{"http://10.1.2.3/a", isUnknown, isExternal},
	{"http://10.1.2.3:8080/a", isUnknown, isExternal},
	{"http://[2001:db8::1]/", isUnknown, "="},
	{"https://user@bing.com/", isUnknown, isExternal},
	{"https://a,b.example/", isUnknown, isExternal},
	{"https://ü.example/", isUnknown, isExternal},
	{"https://a b.example/", isUnknown, isExternal},
	{"https://my_app.bing.com/", isExternal, "search Bing"},
	{"https://a.example:80/", isExternal, "="},
	{"https://1.2/", isUnknown, isExternal},
	{"https://1.2a/", isExternal, "="},
	{"https://?x.example/", isUnknown, isExternal},
	{"https://#x.example/", isUnknown, isExternal},
	{"https://a?b.example/", isUnknown, isExternal},
	{"https://a.b.c.d.e.f.g.h.i.j.k/", isExternal, "="},
	{"https://a.b.c.d.e.f.g.h.i.j.k.l/", isUnknown, isExternal},
	{"https://a.b.c.d.e.f.g.h.i.j.k?.l/", isExternal, "="},
	{"https://a.example\n/", isUnknown, isExternal},
	{"https://a.example?\n/", isUnknown, isExternal},
	{"https://a.example?\r/", isUnknown, isExternal},
	{"https://a.example#\u0085/", isUnknown, isExternal},
	{"https://a.example#\u2028", isUnknown, isExternal},
	{"https://a.example?\u2029", isUnknown, isExternal},
	{"https://a.example/\n", isExternal, "="},
	{"https://a.example?\t/", isExternal, "="},
	// Wikimedia's own.
	{"https://en.wikipedia.org/wiki/A", isInternal, "="},
	{"https://en.wikipedia.org", isInternal, "="},
	{"https://wikipedia.org/", isInternal, "="},
	{"https://mediawiki.org/", isInternal, "="},
	{"https://wikibooks.org/", isInternal, "="},
	{"https://www.wikidata.org/", isInternal, "="},
	{"https://wikinews.org/", isInternal, "="},
	{"https://commons.wikimedia.org/", isInternal, "="},
	{"https://wikimediafoundation.org/", isInternal, "="},
	{"https://wikiquote.org/", isInternal, "="},
	{"https://wikisource.org/", isInternal, "="},
	{"https://wikiversity.org/", isInternal, "="},
	{"https://wikivoyage.org/", isInternal, "="},
	{"https://en.wiktionary.org/", isInternal, "="},
	{"android-app://wikipedia.org/", isInternal, "="},
	{"https://en.wikipedia.org?x", isInternal, isExternal},
	{"https://en.wikipedia.org#x", isInternal, isExternal},
	{"https://www.wikifunctions.org/", isExternal, "="},
	{"https://toolforge.org/", isExternal, "="},
	{"https://de.wikipedia.org:8080/a", isExternal, "="},
	{"https://de.wikipedia.org./a", isExternal, "="},
	{"https://de.Wikipedia.org/a", isExternal, "="},
	{"https://de.wikipedia.ORG/a", isExternal, "="},
	{"https://wikipedia.org.evil.example/", isExternal, "="},
	{"https://xwikipedia.org/", isExternal, "="},
	{"https://.org/", isUnknown, "="},
	{"https://a..org/", isUnknown, "="},
	{"https://org/", isUnknown, "="},
	{"https://google..org/", isUnknown, "="},
	// Chatbots.
	{"https://chatgpt.com/", "chatbot ChatGPT", isExternal},
	{"https://www.chatgpt.com/c/1", "chatbot ChatGPT", isExternal},
	{"https://claude.ai/chat", "chatbot Claude", isExternal},
	{"https://copilot.microsoft.com/", "chatbot Copilot", isExternal},
	{"https://microsoft.com/", isExternal, "="},
	{"https://gemini.google.com/", "chatbot Gemini", "search Google"},
	{"https://deepmind.google/", "chatbot Gemini", isExternal},
	{"https://grok.com/", "chatbot Grok", isExternal},
	{"https://www.perplexity.ai/", "chatbot Perplexity", isExternal},
	{"https://perplexity.ai.example/", "chatbot Perplexity", isExternal},
	{"https://xchatgpt.com/", isExternal, "="},
	{"https://chatgpt.community/", "chatbot ChatGPT", isExternal},
	{"https://www.bing.com.chatgpt.com/", "chatbot ChatGPT", "search Bing"},
	// Search engines.
	{"https://search.aol.com/", "search AOL", "="},
	{"https://search.aol.co.uk/", "search AOL", "="},
	{"https://search.aol", "search Predicted Other", "="},
	{"https://www.ask.com/", "search Ask", "="},
	{"https://ask.com/", "search Ask", isExternal},
	{"https://www.ask.example/", isExternal, "search Ask"},
	{"https://search.auone.jp/?q=a", "search AU", "="},
	{"https://search.auone.example/", "search Predicted Other", "search AU"},
	{"https://www.baidu.com/", "search Baidu", "="},
	{"https://baidu.example/", isExternal, "search Baidu"},
	{"https://xbaidu.com/", isExternal, "search Baidu"},
	{"https://www.bing.com/search", "search Bing", "="},
	{"https://bing.com/", "search Bing", isExternal},
	{"https://bing.community/", "search Bing", isExternal},
	{"https://bing.com.example/", "search Bing", isExternal},
	{"https://xbing.com/", isExternal, "="},
	{"https://cn.bing.example/", isExternal, "search Bing"},
	{"https://search.brave.com/", "search Brave", "="},
	{"https://search.brave.example/", "search Predicted Other", "search Brave"},
	{"https://coccoc.com/search", "search Coc Coc", "="},
	{"https://coccoc.example/", isExternal, "search Coc Coc"},
	{"https://search.daum.net/", "search Daum", "="},
	{"https://search.daum.example/", "search Predicted Other", "search Daum"},
	{"https://duckduckgo.com/", "search DuckDuckGo", "="},
	{"android-app://com.duckduckgo.mobile.android/", "search DuckDuckGo", "="},
	{"android-app://com.duckduckgo.mobile-android/", "search DuckDuckGo", "="},
	{"android-app://com.duckduckgo.mobile/android", "search DuckDuckGo", "="},
	{"android-app://com.duckduckgo.mobile", isExternal, "search DuckDuckGo"},
	{"https://duckduckgo.example/", isExternal, "search DuckDuckGo"},
	{"https://docomo.ne.jp/", "search Docomo", isExternal},
	{"https://service.smt.docomo.ne.jp/", "search Docomo", "="},
	{"https://www.docomo.example/", isExternal, "search Docomo"},
	{"https://www.ecosia.org/", "search Ecosia", "="},
	{"https://ecosia.org/", "search Ecosia", isExternal},
	{"android-app://com.ecosia.android/", "search Ecosia", "="},
	{"https://www.ecosia.example/", isExternal, "search Ecosia"},
	{"https://www.google.com/", "search Google", "="},
	{"https://www.google.com", "search Google", "="},
	{"https://google.de/", "search Google", "="},
	{"https://www.google.co.uk/", "search Google", "="},
	{"https://www.google.com.br", "search Google", "="},
	{"https://www.google.com./", "search Google", "="},
	{"https://www.google.com.", "search Google", "="},
	{"https://www.google.a/", isExternal, "search Google"},
	{"https://www.google.info/", isExternal, "search Google"},
	{"https://www.google.com.info/", isExternal, "search Google"},
	{"https://www.google.com:443/", isExternal, "search Google"},
	{"https://www.google.com?q=a", isExternal, "search Google"},
	{"https://www.google.com#q", isExternal, "search Google"},
	{"https://www.google.co.uk?q", isExternal, "search Google"},
	{"https://www.google.c1/", isExternal, "search Google"},
	{"https://www.google.", isExternal, "search Google"},
	{"https://www.google", isExternal, "="},
	{"https://GOOGLE.com/", isExternal, "="},
	{"https://xgoogle.com/", isExternal, "search Google"},
	{"https://mail.google.com/", "search Google", "="},
	{"https://google.evil.example/", isExternal, "search Google"},
	{"https://google.com.evil.example/", isExternal, "search Google"},
	{"https://evil.example/google.com/", isExternal, "="},
	{"https://evil.example?google.com/", isExternal, "="},
	{"android-app://com.google.android.googlequicksearchbox/", "search Google", "="},
	{"android-app://com.google.earth/", "search Google", "="},
	{"https://translate.googleusercontent.com/translate_c?prev=search", "search Google Translate", "="},
	{"https://translate.googleusercontent.com/translate_c?a&client=srp&b", "search Google Translate", "="},
	{"https://translate.googleusercontent.com?client=srp", "search Google Translate", "="},
	{"https://a.translate.googleusercontent.com/?x=?prev=search", "search Google Translate", "="},
	{"https://translate.googleusercontent.com/translate_c", isExternal, "="},
	{"https://translate.googleusercontent.com/client=srp?x", isExternal, "="},
	{"https://translate.googleusercontent.com/?client=sr", isExternal, "="},
	{"https://xtranslate.googleusercontent.com/?client=srp", isExternal, "search Google Translate"},
	{"https://translate.googleusercontent.com/a\n?client=srp", isExternal, "="},
	{"https://kagi.com/", "search Kagi", isExternal},
	{"https://www.lilo.org/", "search Lilo", "="},
	{"https://lilo.org/", "search Lilo", isExternal},
	{"android-app://org.lilo.mobile.android2020/", "search Lilo", "="},
	{"https://search.lilo.org/", "search Lilo", "="},
	{"https://search.myway.com/", "search MyWay", "="},
	{"https://hp.myway.com/", isExternal, "="},
	{"https://search.naver.com/", "search Naver", "="},
	{"https://m.search.naver.com/", "search Naver", "="},
	{"https://naver.com/", isExternal, "="},
	{"https://petalsearch.com/", "search Petal", "="},
	{"https://www.petalsearch.example/", "search Predicted Other", "search Petal"},
	{"https://www.qwant.com/", "search Qwant", "="},
	{"android-app://com.qwant.liberty/", "search Qwant", "="},
	{"https://qwant.example/", isExternal, "search Qwant"},
	{"https://www.rakuten.co.jp/", "search Rakuten", "="},
	{"https://rakuten.de/", "search Rakuten", isExternal},
	{"https://www.rakuten.example/", isExternal, "search Rakuten"},
	{"https://search.rakuten.example/", "search Predicted Other", "search Rakuten"},
	{"https://search.seznam.cz/", "search Seznam", "="},
	{"https://seznam.cz/", "search Seznam", isExternal},
	{"android-app://cz.seznam.sbrowser/", "search Seznam", "="},
	{"android-app://cz.seznam.mapy/", "search Seznam", "="},
	{"https://www.seznam.example/", isExternal, "search Seznam"},
	{"https://www.startpage.com/", "search Startpage", "="},
	{"https://startpage.com", "search Startpage", isExternal},
	{"https://www.ixquick.com/", "search Startpage", "="},
	{"https://ixquick.eu/", "search Startpage", isExternal},
	{"https://www.startpage.example/", isExternal, "search Startpage"},
	{"https://go.mail.ru/", "search VK", "="},
	{"https://xgo.mail.ru/", isExternal, "search VK"},
	{"https://e.mail.ru/", isExternal, "="},
	{"https://search.yahoo.com/", "search Yahoo", "="},
	{"https://r.search.yahoo.com/", "search Yahoo", "="},
	{"https://yahoo.com/", isExternal, "="},
	{"https://research.yahoo.com/", isExternal, "search Yahoo"},
	{"https://ya.ru/", "search Yandex", isExternal},
	{"https://yandex.ru/", "search Yandex", "="},
	{"https://yandex.com.tr/", "search Yandex", "="},
	{"https://yandex.ru:443/", isExternal, "search Yandex"},
	{"android-app://com.yandex.browser/", "search Yandex", "="},
	{"android-app://ru.yandex.searchplugin/", "search Yandex", "="},
	{"android-app://ru.yandex.searchapp/", "search Yandex", "="},
	{"android-app://ru.yandex.translate/", "search Yandex", "="},
	{"https://yandex.market/", isExternal, "search Yandex"},
	// Predicted.
	{"https://search.example/", "search Predicted Other", "="},
	{"https://suche.example/", "search Predicted Other", "="},
	{"https://metasearch.example/", "search Predicted Other", "="},
	{"https://a.example.search", "search Predicted Other", "="},
	{"https://research.example/", isExternal, "="},
	{"https://firesearch.example/", isExternal, "="},
	{"https://presearch.example/", isExternal, "="},
	{"https://securesearch.example/", isExternal, "="},
	{"https://a.presearch.example/", "search Predicted Other", "="},
	{"https://a.securesearch.example/", "search Predicted Other", "="},
	{"https://a.xpresearch.example/", isExternal, "="},
	{"https://.presearch.example/", "search Predicted Other", "="},
	{"https://research.search.example/", "search Predicted Other", "="},
	{"https://researchsearch.example/", "search Predicted Other", "="},
	{"https://resuche.example/", isExternal, "="},
	{"https://asuche.example/", "search Predicted Other", "="},
	{"https://Search.example/", isExternal, "="},
	{"https://a.example/search", isExternal, "="},
	{"https://a.example?search", isExternal, "="},
	{"https://a.example#search", "search Predicted Other", "="},
	{"https://a.example:search", "search Predicted Other", "="},
	{"https://esearch.example/", "search Predicted Other", "="},
	{"https://rsearch.example/", "search Predicted Other", "="},
	// Media.
	{"https://bsky.app/", "media Bluesky", isExternal},
	{"https://www.coursera.org/", "media Coursera", "="},
	{"https://coursera.com/", "media Coursera", "="},
	{"https://discord.com/", "media Discord", isExternal},
	{"https://discordapp.com/", isExternal, "="},
	{"https://www.facebook.com/", "media Facebook", "="},
	{"https://facebook.co/", "media Facebook", "="},
	{"https://facebook.commerce.example/", "media Facebook", "="},
	{"https://xfacebook.com/", isExternal, "media Facebook"},
	{"https://messenger.com/", "media Facebook", isExternal},
	{"https://www.messenger.com/", "media Facebook", "="},
	{"https://xmessenger.com/", isExternal, "media Facebook"},
	{"https://a.example/messenger.com", isExternal, "media Facebook"},
	{"https://a.example?messenger.com", isExternal, "media Facebook"},
	{"https://a.example/xmessenger.com", isExternal, "="},
	{"https://github.com/", "media Github", "="},
	{"https://gist.github.com/", "media Github", "="},
	{"https://github.io/", isExternal, "="},
	{"https://ig.me/", "media Instagram", "="},
	{"https://big.me/", isExternal, "="},
	{"https://a.ig.me/", "media Instagram", isExternal},
	{"https://www.instagram.com/", "media Instagram", "="},
	{"https://cdninstagram.com/", "media Instagram", "="},
	{"https://www.linkedin.com/", "media LinkedIn", "="},
	{"android-app://com.linkedin.android/", "media LinkedIn", "="},
	{"https://lnkd.in/", "media LinkedIn", "="},
	{"https://medium.com/", "media Medium", "="},
	{"https://xmedium.com/", isExternal, "media Medium"},
	{"https://pin.it/", "media Pinterest", "="},
	{"https://i.pinimg.com/", "media Pinterest", "="},
	{"https://pinterest.example/", "media Pinterest", "="},
	{"https://www.pinterest.co.uk/", "media Pinterest", "="},
	{"https://pinterests.example/", "media Pinterest", "="},
	{"https://xpinterest.com/", isExternal, "="},
	{"https://www.quora.com/", "media Quora", "="},
	{"https://quoracdn.net/", "media Quora", "="},
	{"https://www.reddit.com/", "media Reddit", "="},
	{"https://redd.it/", "media Reddit", "="},
	{"android-app://com.reddit.frontpage/", "media Reddit", isExternal},
	{"https://stackexchange.com/", "media Stackoverflow", "="},
	{"https://stackapps.com/", "media Stackoverflow", "="},
	{"https://askubuntu.com/", "media Stackoverflow", "="},
	{"https://blogoverflow.com/", "media Stackoverflow", "="},
	{"https://stackoverflow.com/", "media Stackoverflow", "="},
	{"https://mathoverflow.net/", "media Stackoverflow", "="},
	{"https://mathoverflow.com/", isExternal, "="},
	{"https://steam.com/", "media Steam", isExternal},
	{"https://www.threads.com/", "media Threads", isExternal},
	{"https://www.threads.net/", isExternal, "="},
	{"https://www.tiktok.com/", "media Tiktok", "="},
	{"https://tiktok.com/", "media Tiktok", "="},
	{"https://xtiktok.com/", isExternal, "="},
	{"https://www.twitch.tv/", "media Twitch", isExternal},
	{"https://x.com/", "media Twitter", isExternal},
	{"https://netflix.com/", isExternal, "="},
	{"https://t.co", "media Twitter", "="},
	{"https://t.co/abc", "media Twitter", "="},
	{"https://t.co?x", "media Twitter", "="},
	{"https://t.co:443/", "media Twitter", "="},
	{"https://t.co-x.example/", "media Twitter", "="},
	{"https://t.com/", isExternal, "="},
	{"https://t.co1/", isExternal, "="},
	{"https://t.co.example/", isExternal, "="},
	{"https://a.t.co/", "media Twitter", isExternal},
	{"https://att.co/", isExternal, "="},
	{"https://twitter.com/", "media Twitter", "="},
	{"android-app://com.twitter.android/", "media Twitter", "="},
	{"https://pbs.twimg.com/", "media Twitter", "="},
	{"android-app://com.twimg.android/", "media Twitter", "="},
	{"https://twttr.com/", "media Twitter", "="},
	{"android-app://com.twttr.android/", "media Twitter", "="},
	{"https://startupschool.org/", "media Ycombinator", "="},
	{"https://news.ycombinator.com/", "media Ycombinator", "="},
	{"https://www.youtube.com/", "media Youtube", "="},
	{"https://m.youtube.com.evil.example/x", "media Youtube", "="},
	{"https://googlevideo.com/", "media Youtube", "="},
	{"https://i.ytimg.com/", "media Youtube", "="},
	{"https://youtu.be/x", "media Youtube", "="},
	// The order of lists and entries.
	{"https://github.com.search.example/", "search Predicted Other", "="},
	{"https://youtube.com.facebook.com/", "media Facebook", "media Youtube"},
	{"https://youtube.com.google.com/", "search Google", "="},
	{"https://www.bing.com.google.com/", "search Bing", "search Google"},
	// What comes before a start must be letters, digits, dots and hyphens.
	{"https://a-b.1.bing.com/", "search Bing", "="},
	{"https://a:80.bing.com/", isExternal, "search Bing"},
	{"https://a.example/x.bing.com/", isExternal, "="},
	{"https://..bing.com/", "search Bing", "="},
}

func TestReferer(t *testing.T) {
	for _, r := range refererRows {
		then := r.then
		if then == "=" {
			then = r.now
		}
		for _, era := range []struct {
			rules RefererRules
			want  string
		}{{Referer2025, r.now}, {Referer2024, then}} {
			if got := short(RefererClass(r.referer, era.rules), RefererName(r.referer, era.rules)); got != era.want {
				t.Errorf("%s rules: %q is %q, want %q", era.rules, r.referer, got, era.want)
			}
			if got := slowReferer(r.referer, era.rules); got != era.want {
				t.Errorf("%s rules: %q is %q by the regular expressions, want %q", era.rules, r.referer, got, era.want)
			}
		}
		// Which referers are none never depends on the rules.
		if (r.now == isNone) != (then == isNone) {
			t.Errorf("%q is none under one set of rules only", r.referer)
		}
	}
}

// Every entry of both lists has a row, so that none is left untested.
func TestRefererRowsAreComplete(t *testing.T) {
	seen := [2]map[string]bool{{}, {}}
	for _, r := range refererRows {
		seen[0][r.now] = true
		if r.then == "=" {
			seen[1][r.now] = true
		}
		seen[1][r.then] = true
	}
	for i, l := range []*lists{lists2025, lists2024} {
		for _, e := range l.entries {
			key := []string{"chatbot ", "search ", "media "}[e.kind] + e.name
			if !seen[i][key] {
				t.Errorf("no row for %s of list %d", key, i)
			}
		}
	}
	if n := [3]int{len(sites2025), len(sites2024), lists2025.search.end - lists2025.search.begin}; n != [3]int{51, 39, 26} {
		t.Errorf("the lists have %v entries", n)
	}
}

func TestSearchEngineName(t *testing.T) {
	for _, tt := range []struct {
		referer   string
		now, then string
	}{
		{"", "none", "none"},
		{"-", "none", "none"},
		{"google.com", "none", "none"},
		{"://google.com", "Google", "Google"},
		{"x://www.google.com/", "Google", "Google"},
		{"HTTPS://www.google.com", "Google", "Google"},
		{"a\nb://google.com", "Google", "Google"},
		{"https:/google.com", "none", "none"},
		{"https:x://google.com", "none", "none"},
		{"https://google.com\n", "Google", "Google"},
		{"https://google.com\r\n", "Google", "Google"},
		{"https://google.com.\u2028", "Google", "Google"},
		{"https://google.com\n\n", "none", "Google"},
		{"https://google.com/\n\n", "Google", "Google"},
		{"https://user@www.bing.com/", "none", "Bing"},
		{"https://www.bing.com", "Bing", "Bing"},
		{"https://10.1.2.3/search", "none", "none"},
		{"https://search", "Predicted Other", "Predicted Other"},
		{"https://se\nsearch", "Predicted Other", "Predicted Other"},
		{"https://en.wikipedia.org/", "none", "none"},
		{"https://search.wikipedia.org/", "Predicted Other", "Predicted Other"},
		{"https://chatgpt.com/", "none", "none"},
		{"https://gemini.google.com/", "Google", "Google"},
		{"https://facebook.com/", "none", "none"},
		{"https://search.facebook.com/", "Predicted Other", "Predicted Other"},
		{"https://duckduckgo.mobile\nandroid", "none", "DuckDuckGo"},
	} {
		if got := SearchEngineName(tt.referer, Referer2025); got != tt.now {
			t.Errorf("SearchEngineName(%q) = %q, want %q", tt.referer, got, tt.now)
		}
		if got := SearchEngineName(tt.referer, Referer2024); got != tt.then {
			t.Errorf("SearchEngineName(%q) of 2024 = %q, want %q", tt.referer, got, tt.then)
		}
	}
}

func FuzzReferer(f *testing.F) {
	for _, r := range refererRows {
		f.Add(r.referer)
	}
	f.Fuzz(func(t *testing.T, referer string) {
		for _, rules := range []RefererRules{Referer2025, Referer2024} {
			got := short(RefererClass(referer, rules), RefererName(referer, rules))
			if want := slowReferer(referer, rules); got != want {
				t.Errorf("%s rules: %q is %q, the regular expressions say %q", rules, referer, got, want)
			}
			if got, want := SearchEngineName(referer, rules), slowSearchEngine(referer, rules); got != want {
				t.Errorf("%s rules: SearchEngineName(%q) = %q, the regular expressions say %q", rules, referer, got, want)
			}
		}
		if s := "https://www." + strings.TrimPrefix(referer, "https://"); RefererClass(s, Referer2025) == RefererNone {
			t.Errorf("%q is none", s)
		}
	})
}
