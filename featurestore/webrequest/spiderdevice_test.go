package webrequest

import (
	"strings"
	"sync"
	"testing"

	"sluice/featurestore/fault"
)

func mustDevices(t testing.TB, rules SpiderRules) *SpiderDevices {
	t.Helper()
	d, err := NewSpiderDevices(rules)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestSpiderDevices(t *testing.T) {
	seven, full, none := mustDevices(t, SpiderSeven), mustDevices(t, SpiderFull), mustDevices(t, SpiderRegex)
	if n := len(seven.seven); n != 7 {
		t.Errorf("ua-parser has %d rules that answer Spider; 7 are known", n)
	}
	fill := func(n int) string { return "BingPreview/1.0 " + strings.Repeat("x", n-len("BingPreview/1.0 ")) }
	for _, tt := range []struct {
		agent       string
		seven, full bool
	}{
		{"", false, false},
		{"-", false, false},
		{"Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0", false, false},
		{pixel, false, false},
		{"WhatsApp/2.24.1 A", true, true},
		{"ExampleCrawler/1.0", true, true},
		{"Mozilla/5.0 (Windows NT 10.0) Chrome/126.0 PTST/240601.1", true, true},
		{"Mozilla/5.0 (Windows NT 10.0) Chrome/126.0 PTST/x", false, false},
		{"Mozilla/5.0 (X11; Datanyze; Linux x86_64)", true, true},
		{"Mozilla/5.0 (Linux; Android 7.0;) Mobile Safari/537.36 (PetalBot)", true, true},
		{"Mozilla/5.0 (compatible; BingPreview/1.0b)", true, true},
		{"Google Web Preview", true, true},
		{"Xenu Link Sleuth/1.3.8", true, true},
		{"StatusCake", true, true},
		{"Nutch-1.19", true, true},
		{"WHATWEB/0.5", true, true},
		// A named device stands before the broad word list: no spider in full.
		{"Mozilla/5.0 (Linux; Android 9; KFMAWI) AppleWebKit/537.36 (KHTML, like Gecko) Silk/120.1 like Chrome/120.0 Safari/537.36", true, false},
		// Length in UTF-16 units.
		{fill(400), true, true},
		{fill(401), false, false},
		{"BingPreview " + strings.Repeat("é", 388), true, true},
		{"BingPreview " + strings.Repeat("é", 389), false, false},
		{"BingPreview " + strings.Repeat("\U0001f600", 194), true, true},
		{"BingPreview " + strings.Repeat("\U0001f600", 194) + "x", false, false},
	} {
		if got := seven.IsSpiderDevice(tt.agent); got != tt.seven {
			t.Errorf("seven rules: %.60q is %v, want %v", tt.agent, got, tt.seven)
		}
		if got := full.IsSpiderDevice(tt.agent); got != tt.full {
			t.Errorf("all rules: %.60q is %v, want %v", tt.agent, got, tt.full)
		}
		if none.IsSpiderDevice(tt.agent) {
			t.Errorf("no rules: %.60q is a spider", tt.agent)
		}
		if tt.full && !tt.seven {
			t.Errorf("%q: the seven rules are to be a superset", tt.agent)
		}
	}
	for _, tt := range []struct {
		agent string
		rules SpiderRules
		want  string
	}{
		{"-", SpiderRegex, AgentSpider},
		{"", SpiderSeven, AgentUser},
		{"WhatsApp/2.24.1 A", SpiderRegex, AgentUser},
		{"WhatsApp/2.24.1 A", SpiderSeven, AgentSpider},
		{"WhatsApp/2.24.1 A", SpiderFull, AgentSpider},
		{"curl/8.5", SpiderRegex, AgentSpider},
		{fill(401), SpiderSeven, AgentUser},
		{fill(401) + " bot", SpiderSeven, AgentSpider},
		{pixel, SpiderFull, AgentUser},
	} {
		if got := mustDevices(t, tt.rules).AgentType(tt.agent); got != tt.want {
			t.Errorf("%s: agent_type of %.60q is %s, want %s", tt.rules, tt.agent, got, tt.want)
		}
	}
	if _, err := NewSpiderDevices("some"); fault.KindOf(err) != fault.Invalid {
		t.Errorf("an unknown choice: %v", err)
	}
	if s := SpiderDefinitions(); !strings.HasPrefix(s, "uap-core sha256:") || len(s) != len("uap-core sha256:")+12 {
		t.Errorf("SpiderDefinitions() = %q", s)
	}
}

func TestSpiderDevicesConcurrently(t *testing.T) {
	for _, rules := range []SpiderRules{SpiderSeven, SpiderFull} {
		var wg sync.WaitGroup
		for range 4 {
			wg.Go(func() {
				d, err := NewSpiderDevices(rules)
				if err != nil {
					t.Error(err)
					return
				}
				if !d.IsSpiderDevice("WhatsApp/2.24.1 A") || d.IsSpiderDevice("X/1") {
					t.Errorf("%s: a wrong answer", rules)
				}
			})
		}
		wg.Wait()
	}
}
