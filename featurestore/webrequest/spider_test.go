package webrequest

import (
	"regexp"
	"strings"
	"testing"
)

// The rule as regular expressions: slow and plain. notBreak is what a dot
// stands for, finalBreak what may follow the last line.
const (
	notBreak   = `[^\n\r\x{85}\x{2028}\x{2029}]`
	finalBreak = `(?:\r\n|[\n\r\x{85}\x{2028}\x{2029}])?\z`
)

var (
	spiderWordList = []string{
		"bot", "spider", "WordPress", "AppEngine", "AppleDictionaryService", "Python-urllib", "python-requests",
		"Google-HTTP-Java-Client", "facebook", "yahoo", "RockPeaks", "PhantomJS", "http",
	}
	spiderBeginnings = []string{
		"goo wikipedia", "MediaWikiCrawler-Google", "wikiwix-bot", "Java/", "curl", "PHP/", "Faraday", "HTTPC",
		"Ruby", ".NET", "Python", "Apache", "Scrapy", "PycURL", "libwww", "Zend", "wget", "nodemw", "WinHttpRaw",
		"Twisted", "com.eusoft", "Lagotto", "Peggo", "Recuweb", "check_http", "Magnus", "MLD", "Jakarta",
		"find-link", "J. River", "projectplan9", "ADmantX", "httpunit", "LWP", "iNaturalist", "WikiDemo",
		"FSResearchIt", "livedoor", "Microsoft Monitoring", "MediaWiki", "User:", "User_talk:", "github",
		"tools.wmflabs.org", "Blackboard Safeassign", "Damn Small XSS", "MeetingRoomApp",
	}
	slowSpider = regexp.MustCompile(`\A(?:` +
		notBreak + `*(?:` + quoted(spiderWordList) + `)` + notBreak + `*|` +
		`(?:` + strings.Replace(quoted(spiderBeginnings), `tools\.wmflabs\.org`,
		`tools`+notBreak+`wmflabs`+notBreak+`org`, 1) + `)` + notBreak + `*|` +
		`[^ \t\n\v\f\r]+@[^ \t\n\v\f\r]+\.[a-z]{2,}` + notBreak + `*)` + finalBreak)
)

func quoted(list []string) string {
	q := make([]string, len(list))
	for i, s := range list {
		q[i] = regexp.QuoteMeta(strings.ToLower(s))
	}
	return strings.Join(q, "|")
}

// slowIsSpider lowers ASCII first: Go's own folding takes U+017F for s.
func slowIsSpider(ua string) bool { return ua == "-" || slowSpider.MatchString(lowerASCII(ua)) }

func TestIsSpider(t *testing.T) {
	type test struct {
		agent string
		want  bool
	}
	tests := []test{
		{"-", true},
		{"", false},
		{"--", false},
		{" -", false},
		{"Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0", false},
		{"Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 Safari/604.1", false},
		{"WikipediaApp/2.7.50480-r-2024-05-01 (Android 14; Phone)", false},
		{"Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)", true},
		{"Mozilla/5.0 (compatible; Example; https://example.org)", true},
		{"CUBOT NOTE 20", true}, // a phone; the rule is that blunt
		{"WhatsApp/2.24", false},
		{"ExampleCrawler/1.0", false},
		// Unicode does not fold.
		{"\u017fpider", false},
		{"face\u212aook", false},
		{"faceboo\u212a", false},
		{"\u212a bot", true},
		// Lines.
		{"bot\n", true},
		{"bot\r", true},
		{"bot\r\n", true},
		{"bot\u0085", true},
		{"bot\u2028", true},
		{"bot\u2029", true},
		{"bot\n\n", false},
		{"bot\n\r", false},
		{"bot\r\n\n", false},
		{"bot\u2028\n", false},
		{"a\nbot", false},
		{"bot\nb", false},
		{"\nbot", false},
		{"a\rbot", false},
		{"a\u0085bot", false},
		{"a\u2028bot", false},
		{"a\u2029bot", false},
		{"curl\n", true},
		{"curl\nx", false},
		{"curl\u2028x", false},
		{"\n", false},
		{"\r\n", false},
		{"a\vbot", true},
		{"a\fbot", true},
		{"a\x00bot", true},
		{"a\xc2bot", true},
		{"a\xe2\x80bot", true},
		// The tools host.
		{"toolsXwmflabs-org", true},
		{"TOOLS wmflabs\torg/x", true},
		{"tools😀wmflabséorg", true},
		{"toolswmflabs.org", false},
		{"tools..wmflabs.org", false},
		{"tools.wmflabsorg", false},
		{"xtools.wmflabs.org", false},
		{"tools\nwmflabs.org", false},
		{"tools\u2028wmflabs.org", false},
		{"tools.wmflabs.or", false},
		// E-mail addresses.
		{"a@b.co", true},
		{"a@b.co rest", true},
		{"a@b.c", false},
		{"a@b.c1", false},
		{"a@b.1c", false},
		{"a@b.CO", true},
		{"a@b.cod", true},
		{"a@.co", false},
		{"a@x.co", true},
		{"a@..co", true},
		{"@b.co", false},
		{"@@b.co", true},
		{"a@@.co", true},
		{"a@b", false},
		{"a@b.c.de", true},
		{"a@b.c d.ef", false},
		{"a @b.co", false},
		{"tool a@b.co", false},
		{" a@b.co", false},
		{"(a@b.co)", true},
		{"tool/1.0;a@b.co", true},
		{"a\ta@b.co", false},
		{"a.bc@d", false},
		{"a.bc@d.ef", true},
		{"é@ü.de", true},
		{"a@b.cö", false},
		{"a\u0085@b.co", true},
		{"a@\u2028.co", true},
		{"a@b\u2029.co", true},
		{"a@b.co\u2028", true},
		{"a@b.co\u2028x", false},
		{"a@b.co x\u2028y", false},
		{"a@b.co\u2028.de", true},
		{"a@b.co\u2028\u2028", false},
		{"a@b.co\n", true},
		{"a@b.co\nx", false},
		{"a@b\u2028.co bot", true},
		{"a@b.co\u2028bot", false},
	}
	for _, w := range spiderWordList {
		tests = append(tests,
			test{w, true}, test{strings.ToUpper(w), true}, test{strings.ToLower(w), true},
			test{"Mozilla/5.0 " + w + "/2", true}, test{"x" + w + "x", true}, test{"x " + w[:len(w)-1], strings.HasPrefix(w, "Google-HTTP")})
	}
	for _, w := range spiderBeginnings {
		// Some hold one of the words, which counts anywhere.
		word := slowIsSpider("x " + w)
		tests = append(tests,
			test{w, true}, test{strings.ToUpper(w), true}, test{strings.ToLower(w) + "/1.0 (x)", true},
			test{" " + w, word}, test{"x" + w, word}, test{"(" + w + ")", word})
	}
	for _, tt := range tests {
		if got := IsSpider(tt.agent); got != tt.want {
			t.Errorf("IsSpider(%q) = %v, want %v", tt.agent, got, tt.want)
		}
		if got := slowIsSpider(tt.agent); got != tt.want {
			t.Errorf("slowIsSpider(%q) = %v, want %v", tt.agent, got, tt.want)
		}
	}
	// The words with a word in them, counted so that the loop above is known to
	// have tested the rest in the middle.
	n := 0
	for _, w := range spiderBeginnings {
		if slowIsSpider("x " + w) {
			n++
		}
	}
	if n != 5 {
		t.Errorf("%d beginnings are spiders anywhere, want 5", n)
	}
}

func FuzzIsSpider(f *testing.F) {
	for _, s := range append(append([]string{"-", "", "a@b.co", "a\u2028@b.co\n", "bot\r\n", "\u017fpider"},
		spiderWordList...), spiderBeginnings...) {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, ua string) {
		if got, want := IsSpider(ua), slowIsSpider(ua); got != want {
			t.Errorf("IsSpider(%q) = %v, the regular expression says %v", ua, got, want)
		}
	})
}
