package accesslog

import (
	"strings"
	"testing"

	"sluice/featurestore/webrequest"
)

const agents = webrequest.FieldReferer | webrequest.FieldUserAgent

// Auto chooses by the first lines and says so.
func TestAuto(t *testing.T) {
	common := `192.0.2.7 - - [10/Oct/2000:13:55:36 -0700] "GET / HTTP/1.1" 200 5`
	for _, c := range []struct {
		name, data, format, chosen string
		has, lacks                 webrequest.Field
	}{
		{"combined", good + "\n" + good, Combined, "combined: 2 of the first 2 lines read as it", agents, webrequest.FieldURIHost | webrequest.FieldTimeFirstbyte},
		{"one line in three has agents", common + "\n" + good + "\n" + common, Combined, "combined: 3 of the first 3 lines", agents, 0},
		{"common", common + "\nrubbish\n" + common, Common, "common: 2 of the first 3 lines read as it", textFields, agents},
		{"virtual host", "www.shop.example:443 " + good, VhostCombined, "vhost-combined: 1 of the first 1 lines", agents | webrequest.FieldURIHost, 0},
		{"virtual host that is an address", "192.0.2.80:80 " + good, VhostCombined, "vhost-combined", agents, 0},
		{"virtual host without agents", "www.shop.example " + common, VhostCombined, "vhost-combined without referer and user agent", webrequest.FieldURIHost, agents},
		{"request times", strings.Repeat(good+" \"x\" 0.25\n", 3), Combined, "the last number of a line is time_firstbyte", webrequest.FieldTimeFirstbyte, 0},
		{"a request time on one line only", good + " 0.25\n" + good, Combined, "", agents, webrequest.FieldTimeFirstbyte},
		{"comments first", "# fields\n\n" + good, Combined, "1 of the first 1 lines", agents, 0},
		{"JSON", `{"dt":"2024-08-01T00:00:00Z","ip":"192.0.2.1","user_agent":null}`, JSON, "json: 1 of the first 1 lines", webrequest.FieldUserAgent, webrequest.FieldReferer},
		{"rubbish before the log", strings.Repeat("rubbish\n", 250) + good, Combined, "1 of the first 251 lines", agents, 0},
		{"much rubbish before the log", strings.Repeat(strings.Repeat("x", 2000)+"\n", 400) + strings.Repeat(good+"\n", 9), Combined, "9 of the first 409 lines", agents, 0},
		{"too much rubbish before the log", strings.Repeat("x\n", 70000) + good, "", "no line reads", 0, 0},
		{"a long line before the log", strings.Repeat("x", 700<<10) + "\n" + good, Combined, "1 of the first 2 lines", agents, 0},
		{"a line above the limit before the log", strings.Repeat("x", 1500<<10) + "\n" + good, Combined, "1 of the first 2 lines", agents, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			l, err := New("test", strings.NewReader(c.data), Options{})
			if c.format == "" {
				if err == nil || !strings.Contains(err.Error(), c.chosen) {
					t.Fatalf("%v", err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if l.Format() != c.format || !strings.Contains(l.Chosen(), c.chosen) {
				t.Errorf("%s: %s", l.Format(), l.Chosen())
			}
			if !l.Available().Has(c.has) || l.Available()&c.lacks != 0 {
				t.Errorf("available: %b", l.Available())
			}
		})
	}
}

// Common asked for by name has no agents, combined always has.
func TestFormatsByName(t *testing.T) {
	common := `192.0.2.7 - - [10/Oct/2000:13:55:36 -0700] "GET / HTTP/1.1" 200 5`
	for format, has := range map[string]bool{Common: false, Combined: true} {
		l, err := New("test", strings.NewReader(common), Options{Format: format})
		if err != nil {
			t.Fatal(err)
		}
		if l.Format() != format || l.Available().Has(agents) != has || l.Chosen() != format+", as asked for" {
			t.Errorf("%s: %s, %b", format, l.Chosen(), l.Available())
		}
	}
}

func TestIdentify(t *testing.T) {
	json := `{"dt":"2024-08-01T00:00:00Z","ip":"192.0.2.1"}`
	for _, c := range []struct {
		format, line, want string
		reason             Reason
	}{
		{Auto, good, Combined, Accepted},
		{"", good, Combined, Accepted},
		{Auto, `192.0.2.7 - - [10/Oct/2000:13:55:36 -0700] "GET / HTTP/1.1" 200 5`, Common, Accepted},
		{Auto, "www.shop.example " + good, VhostCombined, Accepted},
		{Auto, json, JSON, Accepted},
		{Auto, "dt,ip\n2024-08-01T00:00:00Z,192.0.2.1", CSV, Accepted},
		{Auto, "dt\tip\n2024-08-01T00:00:00Z\t192.0.2.1\n", TSV, Accepted},
		{Auto, strings.Replace(good, "192.0.2.7", "crawler.example", 1), Combined, BadIP},
		{Auto, strings.Replace(json, "2024", "1970", 1), JSON, TimeOutOfRange},
		{Combined, json, Combined, BadLine},
		{JSON, good, JSON, BadJSON},
		{"w3c", good, "", UnknownFormat},
		{Auto, "", "", UnknownFormat},
	} {
		var req webrequest.Request
		got, reason := Identify(c.format, []byte(c.line), Options{}, &req)
		if got != c.want || reason != c.reason || (reason == Accepted) != req.IP.IsValid() {
			t.Errorf("%s %q: %s %v, want %s %v", c.format, c.line, got, reason, c.want, c.reason)
		}
		if r := ParseLine(c.format, []byte(c.line), Options{}, &req); r != reason {
			t.Errorf("%s %q: ParseLine says %v, Identify %v", c.format, c.line, r, reason)
		}
	}
}

// Names are stable, and no two columns know a field by the same name.
func TestNames(t *testing.T) {
	names := map[string]bool{}
	for r := Accepted; r < numReasons; r++ {
		if names[r.String()] || r.String() == "" || r.String() != strings.ToLower(r.String()) {
			t.Errorf("reason %d: %q", r, r)
		}
		names[r.String()] = true
	}
	seen := map[string]column{}
	for c := colDT; c < numColumns; c++ {
		for _, s := range columnFacts[c].synonyms {
			if other, ok := seen[s]; ok || plainName(s) != s {
				t.Errorf("%q is a name of %s and of %s", s, columnFacts[c].name, columnFacts[other].name)
			}
			seen[s] = c
		}
		if columnFacts[c].synonyms[0] != columnFacts[c].name {
			t.Errorf("%s: webrequest's name comes first", columnFacts[c].name)
		}
	}
}
