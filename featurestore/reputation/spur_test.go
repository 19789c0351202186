package reputation

import (
	"context"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sluice/featurestore/fault"
)

// spurFile puts a feed where the service's own layout has it.
func spurFile(t testing.TB, day, name, body string) string {
	t.Helper()
	p := filepath.Join(t.TempDir(), day, name)
	if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(p, []byte(body), 0o644); err != nil {
		t.Fatal(err)
	}
	return p
}

const spurLine = `{"ip":"5.6.7.8","as":{"number":1,"organization":"x"},"infrastructure":"RESIDENTIAL","client":{"types":["MOBILE","DESKTOP"],"proxies":["A_PROXY","B_PROXY"],"count":7,"countries":2,"spread":11.5,"concentration":{"density":0.25,"skew":40}},"tunnels":[{"operator":"T","type":"TOR","anonymous":true},{"operator":"V","type":"VPN"}],"risks":["TUNNEL","CALLBACK_PROXY"],"new":1}`

func TestSpur(t *testing.T) {
	july := spurFile(t, "20240731", "feed.json.gz", gz(spurLine+"\n"+`{"network":"2a01:4f8::/32","infrastructure":"DATACENTER"}`+"\n"+`{"network":"2a01:4f8:1::/48","infrastructure":"MOBILE"}`+"\n"))
	august := spurFile(t, "x", "feed-2024-08-10.json", `{"ip":"5.6.7.8","infrastructure":"MOBILE"}`+"\n"+`{"ip":"::ffff:5.6.7.9"}`+"\n")
	s, err := OpenSpur(context.Background(), []string{august, july}, SpurOptions{})
	if err != nil {
		t.Fatal(err)
	}
	day := func(m time.Month, d int) time.Time { return time.Date(2024, m, d, 0, 0, 0, 0, time.UTC) }
	whole := &Spur{Infrastructure: "RESIDENTIAL", Count: 7, Countries: 2, Spread: 11.5, Density: .25, Skew: 40, Proxies: 2, Tunnels: 2,
		Anonymous: true, Tor: true, Types: []string{"DESKTOP", "MOBILE"}, Risks: []string{"CALLBACK_PROXY", "TUNNEL"}}
	for _, c := range []struct {
		ip     string
		before time.Time
		want   *Spur
		known  bool
	}{
		{"5.6.7.8", day(7, 31), nil, false},
		{"5.6.7.8", day(8, 1), whole, true},
		{"5.6.7.8", day(8, 10), whole, true},
		{"5.6.7.8", day(8, 11), &Spur{Infrastructure: "MOBILE"}, true},
		{"5.6.7.9", day(8, 1), nil, true},
		{"5.6.7.9", day(8, 11), &Spur{}, true},
		{"2a01:4f8:2::1", day(8, 1), &Spur{Infrastructure: "DATACENTER"}, true},
		{"2a01:4f8:1::1", day(8, 1), &Spur{Infrastructure: "MOBILE"}, true},
		{"2a01:4f9::1", day(8, 1), nil, true},
	} {
		got, known := s.Before(ip(c.ip), c.before)
		if d := cmp.Diff(c.want, got); d != "" || known != c.known {
			t.Errorf("%s before %v: known %v, %s", c.ip, c.before, known, d)
		}
	}
	only, err := OpenSpur(context.Background(), []string{july}, SpurOptions{Keep: func(a netip.Addr) bool { return false }})
	if err != nil {
		t.Fatal(err)
	}
	if e, known := only.Before(ip("5.6.7.8"), day(8, 1)); e != nil || !known {
		t.Error("an address that was not to be kept is there")
	}
}

func TestSpurErrors(t *testing.T) {
	ctx := context.Background()
	for _, c := range []struct{ day, body, says string }{
		{"x", spurLine, "YYYYMMDD"}, {"20240731", "", "empty"}, {"20240731", `{"as":{}}`, "neither ip nor network"},
		{"20240731", `{"ip":"x"}`, "not an IP address"}, {"20240731", `{"network":"1.2.3.4"}`, "not a network"}, {"20240731", `{`, "not JSON"},
	} {
		_, err := OpenSpur(ctx, []string{spurFile(t, c.day, "feed.json", c.body)}, SpurOptions{})
		if !fault.Is(err, fault.Invalid) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%q: %v", c.body, err)
		}
	}
}

func FuzzSpur(f *testing.F) {
	f.Add([]byte(spurLine))
	f.Add([]byte(`{"network":"2a01:4f8::/32"}`))
	f.Add([]byte(`{"ip":1}`))
	f.Add([]byte(`{"fetched_at":"2024-08-10T12:00:00Z","body":{"ip":"5.6.7.8"}}`))
	f.Fuzz(func(t *testing.T, line []byte) {
		feed := spurFeed{dated: true, byIP: map[netip.Addr]*Spur{}, byNet: map[netip.Prefix]*Spur{}}
		s := SpurFeeds{feeds: []*spurFeed{&feed}}
		new(spurLines).same(t, line)
		_, reason := s.line(line, new(spurLines), &feed, &SpurOptions{}, func(int64) {})
		if n := len(feed.byIP) + len(feed.byNet) + len(s.records); (reason == "") != (n == 1) {
			t.Fatalf("%q: %d kept", reason, n)
		}
	})
}

// Files read at once say what they say one after the other, and of several that
// can't be read the first one is named.
func TestOpenSpurThreads(t *testing.T) {
	var files []string
	for day := range 6 {
		files = append(files, spurFile(t, fmt.Sprintf("2024080%d", 1+day/2), fmt.Sprintf("feed-%d.json", day), fmt.Sprintf(`{"ip":"5.6.7.8","infrastructure":"MOBILE","client":{"count":%d}}
{"ip":"5.6.7.%d"}
{"fetched_at":"2024-08-10T12:00:00Z","body":{"ip":"5.6.7.9","client":{"count":%d}}}
nonsense
`, day, 10+day, day)))
	}
	one, err := OpenSpur(t.Context(), files, SpurOptions{})
	if err != nil {
		t.Fatal(err)
	}
	many, err := OpenSpur(t.Context(), files, SpurOptions{Threads: 4})
	if err != nil || !reflect.DeepEqual(one, many) {
		t.Errorf("%+v, %+v, %v", one, many, err)
	}
	bad := []string{files[0], spurFile(t, "none", "a.json", `{"ip":"5.6.7.8"}`), spurFile(t, "none", "b.json", `{"ip":"5.6.7.8"}`)}
	first := slices.Min(bad[1:])
	for range 20 {
		if _, err := OpenSpur(t.Context(), bad, SpurOptions{Threads: 3}); err == nil || !strings.Contains(err.Error(), first) {
			t.Fatalf("%v, want one of %s", err, first)
		}
	}
}
