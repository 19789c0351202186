package study

import (
	"context"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sluice/featurestore/row"
	"sluice/models/rules"
)

func TestNames(t *testing.T) {
	in := &Input{}
	n := in.Names()
	a, b, c := netip.MustParseAddr("192.0.2.7"), netip.MustParseAddr("192.0.2.9"), netip.MustParseAddr("2001:db8::7")
	for i, x := range []struct{ got, want string }{
		{n.Of(a), "192.0.2.xxx #1"}, {n.Of(b), "192.0.2.xxx #2"}, {n.Of(a), "192.0.2.xxx #1"}, {n.Of(c), "2001:db8::/64 #1"},
	} {
		if x.got != x.want {
			t.Errorf("%d: %s, want %s", i, x.got, x.want)
		}
	}
	in.ShowAddresses = true
	if got := in.Names().Of(a); got != "192.0.2.7" {
		t.Error(got)
	}
}

func TestShares(t *testing.T) {
	var tally Tally
	for _, l := range []row.Label{row.True, row.True, row.True, row.False, row.Unknown} {
		tally.Add(l)
	}
	s := tally.Share()
	// Clopper and Pearson's interval of 3 of 4.
	if s.Of != 4 || s.String() != "75.0 %" || s.Interval() != "19.4 – 99.4 %" {
		t.Errorf("%+v, %s", s, s.Interval())
	}
	if s := (Tally{Unknown: 3}).Share(); s.Value.Defined() || s.Interval() != "–" {
		t.Errorf("%+v", s)
	}
}

func TestRuleText(t *testing.T) {
	r := rules.Rule{RequestCount: rules.Condition{Column: "request_count", Op: rules.AtLeast, Threshold: 648}, ResponseSizeMean: rules.Condition{Column: "response_size_mean", Op: rules.AtMost, Threshold: 5916.8333}, Combine: rules.Or}
	if got := RuleText(r); got != "request_count >= 648 OR response_size_mean <= 5916.8" {
		t.Error(got)
	}
	if got := RuleText(rules.Rule{Abstains: true}); !strings.HasPrefix(got, "abstains") {
		t.Error(got)
	}
}

// TestProfile: whose log it is decides what an API request is, and is told by
// its columns unless said.
func TestProfile(t *testing.T) {
	dir := t.TempDir()
	put := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	line := `{"dt":"2024-07-26T20:00:00Z","ip":"192.0.2.7","cache_status":"pass","http_status":"200","response_size":9,"http_method":"GET","uri_host":"en.wikipedia.org","uri_path":"/w/api.php","uri_query":"","user_agent":"x"`
	wiki, site := put("wiki.json", line+`,"x_analytics":"https=1"}`+"\n"), put("site.json", line+"}\nno request\n")
	empty := put("empty.json", "")
	for _, c := range []struct {
		log, profile, want string
		counts             int
		notes              int
	}{{wiki, "", "wikimedia", 0, 0}, {site, "", "site", 1, 1}, {site, "wikimedia", "wikimedia", 0, 0}, {wiki, "site", "site", 1, 1}, {empty, "", "site", 0, 0}} {
		in := &Input{logs: []string{c.log}, profile: c.profile, Zone: time.UTC, Threads: 2}
		s, err := in.OpenLogs()
		if err != nil {
			t.Fatal(err)
		}
		for range 2 { // a source can be read again
			counts := 0
			if err := s.Each(context.Background(), nil, func(int) func(*Request) {
				return func(r *Request) {
					if s.Counts(r) {
						counts++
					}
				}
			}); err != nil {
				t.Fatal(err)
			}
			if a := s.About(); a.Profile != c.want || counts != c.counts || len(a.Notes) != c.notes {
				t.Errorf("%s as %q: %s, %d count, notes %q", filepath.Base(c.log), c.profile, a.Profile, counts, a.Notes)
			}
		}
		if a := s.About(); c.log == site && (a.Requests != 1 || len(a.Rejected) != 1 || a.Rejected[0].Lines != 1) {
			t.Errorf("%+v", a)
		}
		// What holds nothing of a time is not read again.
		read := false
		if err := s.Each(context.Background(), func(first, last int64) bool { return last > 2e9 }, func(int) func(*Request) {
			read = true
			return func(*Request) {}
		}); err != nil || read {
			t.Errorf("read in vain: %v", err)
		}
	}
}
