package webrequest

import (
	"regexp"
	"strings"
	"testing"
)

var (
	slowApp        = regexp.MustCompile(`Wikipedia(App|/5` + notBreak + `0` + notBreak + `)`)
	slowMobileHost = regexp.MustCompile(`(\A|\.)(m|zero|wap|mobile)\.`)
	slowMobile     = regexp.MustCompile(`\A(lge?|sie|nec|sgh|pg)-|(?s:mobi|240x240|240x320|320x320|alcatel|android|` +
		`audiovox|bada|benq|blackberry|cdm-|compal-|docomo|ericsson|hiptop|htc[-_]|huawei|ipod|kddi-|kindle|meego|` +
		`midp|mitsu|mmp/|mot-|motor|ngm_|nintendo|opera.m|palm|panasonic|philips|phone|playstation|portalmmm|` +
		`sagem-|samsung|sanyo|sec-|semc-browser|sendo|sharp|silk|softbank|symbian|teleca|up.browser|vodafone|webos)`)
	slowTV = regexp.MustCompile(`(?s)SMART-TV.*SamsungBrowser`)
)

func slowIsMobileBrowser(ua string) bool {
	return slowMobile.MatchString(lowerASCII(ua)) && !slowTV.MatchString(ua)
}

func TestAccessMethod(t *testing.T) {
	const plain = "turnip"
	for _, tt := range []struct {
		agent, host, xAnalytics string
		host2024, ismobile      string // by either rule
	}{
		{plain, "en.wikipedia.org", "", AccessDesktop, AccessDesktop},
		{plain, "en.m.wikipedia.org", "", AccessMobileWeb, AccessDesktop},
		{plain, "m.wikipedia.org", "-", AccessMobileWeb, AccessDesktop},
		{plain, "en.zero.wikipedia.org", "", AccessMobileWeb, AccessDesktop},
		{plain, "zero.wikipedia.org", "", AccessMobileWeb, AccessDesktop},
		{plain, "en.wap.wikipedia.org", "", AccessMobileWeb, AccessDesktop},
		{plain, "en.mobile.wikipedia.org", "", AccessMobileWeb, AccessDesktop},
		{plain, "mobile.", "", AccessMobileWeb, AccessDesktop},
		{plain, "m", "", AccessDesktop, AccessDesktop},
		{plain, "en.m", "", AccessDesktop, AccessDesktop},
		{plain, "en.M.wikipedia.org", "", AccessDesktop, AccessDesktop},
		{plain, "enm.wikipedia.org", "", AccessDesktop, AccessDesktop},
		{plain, "en.mx.wikipedia.org", "", AccessDesktop, AccessDesktop},
		{plain, "en.m:80.wikipedia.org", "", AccessDesktop, AccessDesktop},
		{plain, ".m.", "", AccessMobileWeb, AccessDesktop},
		{plain, "-", "", AccessDesktop, AccessDesktop},
		{plain, "", "", AccessDesktop, AccessDesktop},
		{"-", "en.m.wikipedia.org", "", AccessMobileWeb, AccessDesktop},
		{"", "en.m.wikipedia.org", "", AccessMobileWeb, AccessDesktop},
		{pixel, "en.wikipedia.org", "", AccessDesktop, AccessDesktop},

		{plain, "en.wikipedia.org", "ismobile=1", AccessDesktop, AccessMobileWeb},
		{plain, "en.wikipedia.org", "ns=0;ismobile=1;https=1", AccessDesktop, AccessMobileWeb},
		{plain, "en.wikipedia.org", "ismobile=0", AccessDesktop, AccessDesktop},
		{plain, "en.wikipedia.org", "ismobile=", AccessDesktop, AccessDesktop},
		{plain, "en.wikipedia.org", "ismobile", AccessDesktop, AccessDesktop},
		{plain, "en.wikipedia.org", "ismobile=01", AccessDesktop, AccessMobileWeb},
		{plain, "en.wikipedia.org", "ismobile=1.0", AccessDesktop, AccessMobileWeb},
		{plain, "en.wikipedia.org", "ismobile=+1", AccessDesktop, AccessMobileWeb},
		{plain, "en.wikipedia.org", "ismobile= 1 ", AccessDesktop, AccessMobileWeb},
		{plain, "en.wikipedia.org", "ismobile=10e-1", AccessDesktop, AccessMobileWeb},
		{plain, "en.wikipedia.org", "ismobile=11", AccessDesktop, AccessDesktop},
		{plain, "en.wikipedia.org", "ismobile=true", AccessDesktop, AccessDesktop},
		{plain, "en.wikipedia.org", "ismobile=0x1", AccessDesktop, AccessDesktop},
		{plain, "en.wikipedia.org", "ismobile=1e", AccessDesktop, AccessDesktop},
		{plain, "en.wikipedia.org", "ismobile=0;ismobile=1", AccessDesktop, AccessMobileWeb},
		{plain, "en.wikipedia.org", "ismobile=1;ismobile=0", AccessDesktop, AccessDesktop},
		{plain, "en.wikipedia.org", "Ismobile=1", AccessDesktop, AccessDesktop},
		{plain, "en.m.wikipedia.org", "ismobile=1", AccessMobileWeb, AccessMobileWeb},

		{"WikipediaApp/1.2.3", "en.m.wikipedia.org", "ismobile=1", AccessMobileApp, AccessMobileApp},
		{"x WikipediaApp", "en.wikipedia.org", "", AccessMobileApp, AccessMobileApp},
		{"wikipediaapp/1.2.3", "en.wikipedia.org", "", AccessDesktop, AccessDesktop},
		{"Wikipedia/5.0.2", "en.wikipedia.org", "", AccessMobileApp, AccessMobileApp},
		{"Wikipedia/5x0y", "en.wikipedia.org", "", AccessMobileApp, AccessMobileApp},
		{"Wikipedia/5é0😀", "en.wikipedia.org", "", AccessMobileApp, AccessMobileApp},
		{"Wikipedia/500 ", "en.wikipedia.org", "", AccessMobileApp, AccessMobileApp},
		{"Wikipedia/5.0", "en.wikipedia.org", "", AccessDesktop, AccessDesktop},
		{"Wikipedia/5.0\n", "en.wikipedia.org", "", AccessDesktop, AccessDesktop},
		{"Wikipedia/5.0\u2028", "en.wikipedia.org", "", AccessDesktop, AccessDesktop},
		{"Wikipedia/5\n0.", "en.wikipedia.org", "", AccessDesktop, AccessDesktop},
		{"Wikipedia/50.", "en.wikipedia.org", "", AccessDesktop, AccessDesktop},
		{"Wikipedia/6.0.2", "en.wikipedia.org", "", AccessDesktop, AccessDesktop},
		{"Wikipedia/Wikipedia/5.0.2", "en.wikipedia.org", "", AccessMobileApp, AccessMobileApp},
		{"WikipediaWikipediaApp", "en.wikipedia.org", "", AccessMobileApp, AccessMobileApp},
		{"Wikipedia App", "en.wikipedia.org", "", AccessDesktop, AccessDesktop},
	} {
		if got := AccessMethod(tt.agent, tt.host, tt.xAnalytics, AccessHost); got != tt.host2024 {
			t.Errorf("agent %q, host %q: %q by host, want %q", tt.agent, tt.host, got, tt.host2024)
		}
		if got := AccessMethod(tt.agent, tt.host, tt.xAnalytics, AccessIsMobile); got != tt.ismobile {
			t.Errorf("agent %q, x_analytics %q: %q by ismobile, want %q", tt.agent, tt.xAnalytics, got, tt.ismobile)
		}
	}
}

func TestIsMobileBrowser(t *testing.T) {
	words := strings.Fields("mobi 240x240 240x320 320x320 alcatel android audiovox bada benq blackberry cdm- compal- " +
		"docomo ericsson hiptop htc- htc_ huawei ipod kddi- kindle meego midp mitsu mmp/ mot- motor ngm_ nintendo " +
		"opera m opera.m palm panasonic philips phone playstation portalmmm sagem- samsung sanyo sec- semc-browser sendo " +
		"sharp silk softbank symbian teleca up.browser vodafone webos")
	type test struct {
		agent string
		want  bool
	}
	tests := []test{
		{"", false},
		{"-", false},
		{"X/1", false},
		{pixel, true},
		{"Mozilla/5.0 (X11; Linux x86_64) Chrome/126.0 Safari/537.36", false},
		{"Mozilla/5.0 (iPad; CPU OS 17_5 like Mac OS X) Safari/604.1", false},
		{"Mozilla/5.0 (iPhone; CPU)", true},
		{"Opera Mini/8", true},
		{"opera\nm", true},
		{"opera😀m", true},
		{"operam", false},
		{"opera  m", false},
		{"opera opera m", true},
		{"UP\u2028Browser", true},
		{"upbrowser", false},
		{"up", false},
		{"opera ", false},
		{"HTC One", false},
		{"htc-one", true},
		{"lg-x", true}, {"LG-X", true}, {"LGE-x", true}, {"sie-x", true}, {"nec-x", true}, {"sgh-x", true}, {"pg-x", true},
		{"x lg-x", false}, {"x lge-x", false}, {"x sie-x", false}, {"x nec-x", false}, {"x sgh-x", false}, {"x pg-x", false},
		{"lgx", false},
		{"Mozilla/5.0 (SMART-TV; Linux; Tizen 6.0) SamsungBrowser/2.2", false},
		{"Mozilla/5.0 (SMART-TV; Linux) SAMSUNGBROWSER/2.2", true},
		{"Mozilla/5.0 (smart-tv; Linux) SamsungBrowser/2.2", true},
		{"SamsungBrowser/2.2 SMART-TV", true},
		{"SamsungBrowser SMART-TV SamsungBrowser", false},
		{"SMART-TV\nSamsungBrowser", false},
		{"SMART-TV SMART-TV SamsungBrowser Mobile", false},
		{"SMART-TV Mobile", true},
		{"\u212aindle", false},
		{"\u017filk", false},
	}
	for _, w := range words {
		if w == "m" || w == "opera" {
			continue
		}
		tests = append(tests, test{w, true}, test{"X/1 (" + strings.ToUpper(w) + ")", true}, test{w[1:], slowIsMobileBrowser(w[1:])})
	}
	for _, tt := range tests {
		if got := IsMobileBrowser(tt.agent); got != tt.want {
			t.Errorf("IsMobileBrowser(%q) = %v, want %v", tt.agent, got, tt.want)
		}
		if got := slowIsMobileBrowser(tt.agent); got != tt.want {
			t.Errorf("slowIsMobileBrowser(%q) = %v, want %v", tt.agent, got, tt.want)
		}
	}
}

func FuzzMobile(f *testing.F) {
	for _, s := range []string{"", "opera m", "up\u2028browser", "Wikipedia/5.0.2", "WikipediaApp", "en.m.wikipedia.org",
		"SMART-TV SamsungBrowser", "lge-", pixel} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if got, want := IsMobileBrowser(s), slowIsMobileBrowser(s); got != want {
			t.Errorf("IsMobileBrowser(%q) = %v, the regular expression says %v", s, got, want)
		}
		if got, want := isApp(s), slowApp.MatchString(s); got != want {
			t.Errorf("isApp(%q) = %v, the regular expression says %v", s, got, want)
		}
		if got, want := isMobileHost(s), slowMobileHost.MatchString(s); got != want {
			t.Errorf("isMobileHost(%q) = %v, the regular expression says %v", s, got, want)
		}
	})
}
