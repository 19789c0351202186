package attackagents

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"sluice/featurestore/attack"
	"sluice/featurestore/webrequest"
	"sluice/notebooks-port/internal/studytest"
)

// TestRobotNames holds names against the agents that the study tells of, and
// those that have tripped others up.
func TestRobotNames(t *testing.T) {
	for agent, want := range map[string]string{
		"Mozilla/5.0 AppleWebKit/537.36 (KHTML, like Gecko; compatible; Amazonbot/0.1; +https://developer.amazon.com/support/amazonbot) Chrome/119.0": "Amazonbot",
		"Mozilla/5.0 AppleWebKit/537.36 (KHTML, like Gecko; compatible; GPTBot/1.2; +https://openai.com/gptbot)":                                      "GPTBot",
		"Mozilla/5.0 (compatible; YandexBot/3.0; +http://yandex.com/bots)":                                                                            "YandexBot",
		"Mozilla/5.0 (compatible; MJ12bot/v1.4.8; http://mj12bot.com/)":                                                                               "MJ12bot",
		"Mozilla/5.0 (compatible; bingbot/2.0; +http://www.bing.com/bingbot.htm)":                                                                     "bingbot",
		"Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)":                                                                    "Googlebot",
		"Timpibot/0.9 (+http://www.timpi.io)":                                                                                                         "Timpibot",
		"Mozilla/5.0 (compatible; ClaudeBot/1.0; +claudebot@anthropic.com)":                                                                           "ClaudeBot",
		"facebookexternalhit/1.1":                     "facebookexternalhit",
		"python-requests/2.31":                        "python-requests",
		"MediaWiki/1.40.1":                            "MediaWiki",
		"Baiduspider+(+http://www.baidu.com/search/)": "Baiduspider",
		"":  "(no name)",
		" ": "(no name)",
	} {
		if got := robotName(agent); got != want {
			t.Errorf("%q: %q, want %q", agent, got, want)
		}
	}
}

// attackDir writes logs with one window of an hour: ClaudeBot from two
// addresses, one of which is not its own, a bot that says it is Google's, and a
// reader.
func attackDir(t *testing.T) []string {
	dir := t.TempDir()
	var b strings.Builder
	claude := int64(40_500)
	send := func(ip, agent, cache string, n int64) {
		for i := range n {
			s := i * 3600 / n
			fmt.Fprintf(&b, `{"dt":"2024-07-26T20:%02d:%02dZ","ip":"%s","cache_status":"%s","http_status":"200","response_size":900,"http_method":"GET","uri_host":"en.wikipedia.org","uri_path":"/wiki/A","uri_query":"","content_type":"text/html","referer":"-","user_agent":"%s","accept_language":"-","x_analytics":"https=1"}`+"\n", s/60, s%60, ip, cache, agent)
		}
	}
	send("20.30.40.1", "Mozilla/5.0 (compatible; ClaudeBot/1.0; +claudebot@anthropic.com)", "miss", claude-5000)
	send("20.30.99.1", "Mozilla/5.0 (compatible; ClaudeBot/1.0; +claudebot@anthropic.com)", "pass", 5000)
	send("20.30.40.1", "Mozilla/5.0 (compatible; ClaudeBot/1.0; +claudebot@anthropic.com)", "hit-front", 700)
	send("30.30.40.2", "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)", "miss", 200)
	send("40.30.40.3", "Mozilla/5.0 (X11; Linux x86_64; rv:127.0) Gecko/20100101 Firefox/127.0", "miss", 50)
	files := map[string]string{
		"log.json": b.String(), "attacks.csv": "start,end,name\n2024-07-26T20:00:00Z,2024-07-26T21:00:00Z,three\n",
		"ranges.json":           `{"creationTime":"2024-07-01T00:00:00","prefixes":[{"ipv4Prefix":"20.30.40.0/24"}]}`,
		"blacklist-2024-07.txt": "20.30.99.1\n",
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return []string{"--logs", filepath.Join(dir, "log.json"), "--attacks", filepath.Join(dir, "attacks.csv"), "--labels", filepath.Join(dir, "blacklist-2024-07.txt"),
		"--crawlers", "ClaudeBot=" + filepath.Join(dir, "ranges.json"), "--json", "--quiet", "--out", filepath.Join(dir, "out")}
}

// TestTheStudysThirdWindow: more than 40,000 requests of one crawler in one
// hour, and who it was.
func TestTheStudysThirdWindow(t *testing.T) {
	status, out, errs := studytest.Call(t, Main, attackDir(t)...)
	if status != 0 {
		t.Fatal(errs)
	}
	var r Result
	if err := json.Unmarshal([]byte(out), &r); err != nil {
		t.Fatal(err)
	}
	if c := r.Crawlers[0]; c.Name != "ClaudeBot" || c.Most != 40_500 || c.Requests != 40_500 || c.Inside != 40_500 || c.Busiest != "2024-07-26T20:00" {
		t.Errorf("busiest: %+v", r.Crawlers)
	}
	w := r.Windows[0]
	if w.All != 41_450 || w.Requests != 40_750 || w.Addresses != 4 || w.Above != 3 {
		t.Errorf("window: %+v", w)
	}
	// 5,000 in 3,600 s are above one a second, 200 are not.
	if a := w.Abusive; a.Addresses != 2 || a.Reported != 1 || a.NotReported != 1 || a.Declared != 2 || a.Verified != 1 || a.Requests != 40_500 {
		t.Errorf("abusive: %+v", a)
	}
	if len(w.AbusiveAgents) != 1 || w.AbusiveAgents[0].Addresses != 2 || w.AbusiveAgents[0].Name != "ClaudeBot" || w.AbusiveAgents[0].Requests != 40_500 {
		t.Errorf("agents of the abusive: %+v", w.AbusiveAgents)
	}
	want := []Visitor{{Name: "ClaudeBot", Requests: 40_500, Addresses: 2, Abusive: 2, Verified: 1, Refuted: 1}, {Name: "Googlebot", Requests: 200, Addresses: 1, Untold: 1}}
	if len(w.Crawlers) != 2 || w.Crawlers[0] != want[0] || w.Crawlers[1] != want[1] {
		t.Errorf("crawlers: %+v", w.Crawlers)
	}
}

// TestAgainstCounting counts the small world's windows anew, one request after
// the other.
func TestAgainstCounting(t *testing.T) {
	w := studytest.NewWorld(t)
	status, out, errs := studytest.Call(t, Main, append(small(w), "--json", "--quiet", "--out", t.TempDir())...)
	if status != 0 {
		t.Fatal(errs)
	}
	var r Result
	if err := json.Unmarshal([]byte(out), &r); err != nil {
		t.Fatal(err)
	}
	set, err := attack.ReadFile(w.Attacks, nil)
	if err != nil {
		t.Fatal(err)
	}
	d, err := webrequest.New(webrequest.DefaultOptions(webrequest.Wikimedia))
	if err != nil {
		t.Fatal(err)
	}
	filter := webrequest.DefaultFilter(webrequest.Wikimedia)
	by := make([]map[netip.Addr]int64, len(set.Windows()))
	for i := range by {
		by[i] = map[netip.Addr]int64{}
	}
	w.Each(t, func(q *webrequest.Request) {
		for i, x := range set.Windows() {
			if q.Time >= x.Start && q.Time < x.End && filter.Keep(q, d.Derive(q)) {
				by[i][q.IP]++
			}
		}
	})
	for i, x := range r.Windows {
		abusive, above := 0, 0
		var requests int64
		for _, n := range by[i] {
			requests += n
			if float64(n) > .004*float64(x.Seconds) {
				abusive++
			}
			if n > 100 {
				above++
			}
		}
		if x.Requests != requests || x.Addresses != len(by[i]) || x.Abusive.Addresses != abusive || x.Above != above {
			t.Errorf("%s: %d requests of %d addresses, %d abusive, %d above; want %d, %d, %d, %d", x.ID, x.Requests, x.Addresses, x.Abusive.Addresses, x.Above, requests, len(by[i]), abusive, above)
		}
	}
}

func TestUsage(t *testing.T) {
	args := attackDir(t)
	log, attacks := args[1], args[3]
	both := []string{"--logs", log, "--attacks", attacks}
	with := func(more ...string) []string { return append(append([]string{}, both...), more...) }
	studytest.Fails(t, Main, []studytest.Usage{
		{Args: []string{"--logs", log}, Status: 2, Want: "--attacks is missing"},
		{Args: []string{"--attacks", attacks}, Status: 2, Want: "--logs is missing"},
		{Args: []string{"--logs", log, "--attacks", "none"}, Status: 2, Want: "nothing to look at"},
		{Args: with("--rate", "0"), Status: 2, Want: "want a number above 0"},
		{Args: with("--few", "-1"), Status: 2, Want: "want 0 or more"},
		{Args: with("--min-requests", "-1"), Status: 2, Want: "want 0 or more"},
		{Args: with("--top", "0"), Status: 2, Want: "want 1 to 1000"},
		{Args: with("--crawlers", "Googlebot"), Status: 2, Want: "want NAME=FILE"},
		{Args: with("--crawlers", "Googlebot=/nowhere"), Status: 1, Want: "--crawlers"},
		{Args: with("--crawlers", "Googlebot="+log), Status: 1, Want: "log.json"},
		{Args: []string{"--logs", log, "--attacks", log}, Status: 1, Want: "log.json"},
		{Args: []string{"--logs", log, "--attacks", filepath.Join(t.TempDir(), "no.csv")}, Status: 1, Want: "no.csv"},
	})
}
