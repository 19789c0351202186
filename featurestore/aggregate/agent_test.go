package aggregate

import (
	"regexp"
	"strconv"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"sluice/featurestore/columns"
)

func TestBrowserVersion(t *testing.T) {
	for agent, want := range map[string]uint16{
		"": 0, "curl/8.5.0": 0, "Chrome": 0, "Chrome/": 0, "chrome/126": 0,
		"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36":               126,
		"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/125.0.0.0 Safari/537.36 Edg/124.0.0.0": 125,
		"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) HeadlessChrome/90.0.4400.0 Safari/537.36":               90,
		"Mozilla/5.0 (X11; Linux x86_64; rv:109.0) Gecko/20100101 Firefox/115.0":                                                        115,
		"Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 Safari/604.1":     0,
		"Chrome/x Chrome/7": 7, "Firefox/3 Chrome/4": 4, "Chrome/0 Firefox/5": 5, "Chrome/99999": 9999, "Chrome/0126": 126,
	} {
		if got := traitsOf(agent).browser(); got != want {
			t.Errorf("%q claims %d, want %d", agent, got, want)
		}
	}
}

// The definitions as expressions.
func TestTraits(t *testing.T) {
	chrome, firefox := regexp.MustCompile(`Chrome/([0-9]{1,4})`), regexp.MustCompile(`Firefox/([0-9]{1,4})`)
	rapid.Check(t, func(t *rapid.T) {
		agent := strings.Join(rapid.SliceOf(rapid.SampledFrom([]string{"Chrome/", "Chrome", "Firefox/", "0", "1", "12", "9999", " ", "/", "://", "@", "é", strings.Repeat("x", 30000)})).Draw(t, "parts"), "")
		want := uint64(0)
		for _, re := range []*regexp.Regexp{firefox, chrome} {
			if m := re.FindStringSubmatch(agent); m != nil {
				if v, _ := strconv.ParseUint(m[1], 10, 16); v > 0 {
					want = v
				}
			}
		}
		got := traitsOf(agent)
		if uint64(got.browser()) != want || int(got.length) != min(len(agent), columns.MaxUserAgentLength) || got.crawler() != (strings.Contains(agent, "@") || strings.Contains(agent, "://")) {
			t.Fatalf("%.100q: %+v, want browser %d", agent, got, want)
		}
	})
}
