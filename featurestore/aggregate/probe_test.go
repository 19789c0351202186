package aggregate

import (
	"fmt"
	"maps"
	"math"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"sluice/featurestore/attack"
	"sluice/featurestore/columns"
	"sluice/featurestore/webrequest"
)

func TestIsProbe(t *testing.T) {
	for path, want := range map[string]bool{
		"": false, "/": false, "/wiki/Main_Page": false, "/a.b/c.html": false, "/.": false, "/old": false, "/x.sqlite": false,
		"/.env": true, "/a/.git/config": true, "/.GIT/HEAD": true, "/.well-known/acme-challenge/x": false, "/.Well-Known/x": false,
		"/../etc/passwd": true, "/%2e%2e/x": true, "/%2Fa": false,
		"/wp-login.php": true, "//blog//WP-Login.php": true, "/wp-login.php5": false, "/phpMyAdmin/index.php": true, "/pma": true, "/pmatch": false,
		"/index.php.bak": true, "/index.php~": true, "/dump.SQL.gz": true, "/site.sql": true, "/.sql": true, "/bak": false, "/a.tar.gz": false,
		"/" + string(make([]byte, 100)) + ".bak": true, "/" + string(make([]byte, 100)) + "wp-login.php": false,
	} {
		if got := IsProbe(path); got != want {
			t.Errorf("IsProbe(%.40q) = %v", path, got)
		}
	}
	if n := testing.AllocsPerRun(100, func() { IsProbe("/w/index.php/Some_Page/which_is_rather_long_and_has.many.dots") }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// A slow and obvious twin.
func TestIsProbeAgain(t *testing.T) {
	slow := func(path string) bool {
		for _, segment := range strings.Split(strings.ToLower(path), "/") {
			if len(segment) > 1 && segment[0] == '.' && segment != ".well-known" || strings.HasPrefix(segment, "%2e") {
				return true
			}
			if _, ok := probeNames[segment]; ok {
				return true
			}
			for _, e := range backupEndings {
				if len(segment) > len(e) && strings.HasSuffix(segment, e) && segment[0] != '.' {
					return true
				}
			}
		}
		return false
	}
	parts := append(slices.Sorted(maps.Keys(probeNames)), backupEndings[:]...)
	parts = append(parts, "/", "/", "/", ".", "x", "%2e", "%2E", ".well-known", "WP-", "A", "z", "~", "@")
	rapid.Check(t, func(t *rapid.T) {
		path := strings.Join(rapid.SliceOfN(rapid.SampledFrom(parts), 0, 5).Draw(t, "parts"), "")
		if got := IsProbe(path); got != slow(path) {
			t.Fatalf("%q: %v", path, got)
		}
	})
}

// What is remembered of a text is what looking says, whatever came between.
func TestClassCache(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var m reading
		for range rapid.IntRange(1, 60).Draw(t, "requests") {
			path := rapid.SampledFrom([]string{"/", "/a", "/.env", "/b.bak", "/wp-login.php", "-", ""}).Draw(t, "path")
			if rapid.Bool().Draw(t, "other") {
				path += fmt.Sprint(rapid.IntRange(0, 9999).Draw(t, "n"))
			}
			r := webrequest.Request{Available: webrequest.FieldURIPath, URIPath: path}
			if got := m.facts(&r, true).probe; got != IsProbe(path) {
				t.Fatalf("%q: %v", path, got)
			}
		}
	})
}

func TestMomentsAreASet(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		times := rapid.SliceOfN(rapid.Int64Range(0, 200), 1, 600).Draw(t, "times")
		var do doings
		var spare spares
		first, last, bytes := times[0], times[0], 0
		seen := map[int64]bool{times[0]: true}
		for _, at := range times[1:] {
			bytes += do.moment(at, first, last, &spare)
			first, last = min(first, at), max(last, at)
			seen[at] = true
		}
		got := do.sortedMoments(nil, first, last)
		room, want := 0, 0
		if m := do.moments; m != nil {
			if room, want = cap(m.seconds), momentsBytes; room > len(m.inline) {
				want += 8 * room
			}
		}
		if len(got) != len(seen) || bytes != want || room > 13+4*len(seen) {
			t.Fatalf("%d seconds of %d, %d bytes with room for %d", len(got), len(seen), bytes, room)
		}
		for i, at := range got {
			if !seen[at] || i > 0 && got[i-1] >= at {
				t.Fatalf("%v", got)
			}
		}
	})
}

// A window with too many agents has none counted; the one after it has.
func TestTooManyAgents(t *testing.T) {
	defer func(n int) { maxAgents = n }(maxAgents)
	maxAgents = 100
	var roll, numbered Rollup
	a, b := &Window{ID: "a"}, &Window{ID: "b"}
	ip := netip.MustParseAddr("192.0.2.1")
	g := &Group{Counts: Counts{Requests: 1}}
	for i := range uint64(101) {
		g.Agents = append(g.Agents, i+1)
	}
	one := &Group{Counts: Counts{Requests: 1}, Agents: []uint64{5}}
	roll.Add(a, ip, g)
	roll.Add(a, ip.Next(), one)
	roll.Add(b, ip, one)
	roll.Rewind()
	many := numbered.AddNumbered(a, ip, g, nil)
	first := numbered.AddNumbered(a, ip.Next(), one, nil)
	second := numbered.AddNumbered(b, ip, one, nil)
	numbered.Rewind()
	for i, n := range [][]uint32{many, first, second} {
		if got, want := numbered.NextNumbered(n), (Shared{int64(i / 2), int64(2 - i/2), int64(2 - i/2)}); got != want {
			t.Errorf("%d: %+v, want %+v", i, got, want)
		}
	}
	if s := roll.Next(g.Agents); s != (Shared{PrefixIPs: 2, PrefixRequests: 2}) {
		t.Errorf("%+v", s)
	}
	roll.Next(one.Agents)
	if s := roll.Next(one.Agents); s != (Shared{AgentIPs: 1, PrefixIPs: 1, PrefixRequests: 1}) {
		t.Errorf("%+v", s)
	}
}

// Groups of one kind have the same first behaviour columns, bit for bit.
func TestKind(t *testing.T) {
	var head [NumKinds][]float64
	of, kinds := 0, 0
	rapid.Check(t, func(t *rapid.T) {
		rs := drawRequests(t, "requests", 2)
		if len(rs) == 0 {
			return
		}
		if rapid.Bool().Draw(t, "all") {
			for i := range rs {
				rs[i].Available, rs[i].HTTPStatus = allFields, rapid.SampledFrom([]string{"200", "302", "404", "503"}).Draw(t, "status")
			}
		}
		var st state
		var do doings
		var g Group
		for _, r := range rs {
			d, f := ownColumns{}.Derive(&r), new(reading).facts(&r, true)
			c := f.count(&r, &d, true)
			st.add(&c, &f, &do, new(spares))
		}
		st.group(&g, &do)
		kind, ok := g.Kind()
		if ok && len(rs) > 1 {
			t.Fatalf("%d requests are of kind %d", len(rs), kind)
		}
		if len(rs) == 1 {
			of++
		}
		if !ok {
			return
		}
		kinds++
		v := g.BehaviourHead(nil)
		if head[kind] == nil {
			head[kind] = v
		}
		for i, x := range v {
			if math.Float64bits(x) != math.Float64bits(head[kind][i]) {
				t.Fatalf("kind %d: %v and %v", kind, v, head[kind])
			}
		}
	})
	if kinds == 0 {
		t.Errorf("none of %d groups of one request is of a kind", of)
	}
}

// BenchmarkBehaviour is what behaviour adds to the twelve where partials become
// rows; BenchmarkAdd has what it takes before.
func BenchmarkBehaviour(b *testing.B) {
	rs := traffic(200_000, 20_000)
	set := attack.Months(time.UTC)
	part := partialOf(b, Options{Windows: set}, rs)
	for _, c := range []struct {
		name string
		all  bool
	}{{"twelve", false}, {"all", true}} {
		b.Run(c.name, func(b *testing.B) {
			var v []float64
			b.ReportAllocs()
			for b.Loop() {
				r, err := OpenBytes(part, "p")
				if err != nil {
					b.Fatal(err)
				}
				err = Merge([]*Reader{r}, 0, func(_ *Window, _ netip.Addr, g *Group) error {
					v = g.Values(v[:0])
					if c.all {
						v = g.Behaviour(v, Shared{})
					}
					return nil
				})
				if err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// A count of hundreds would name the agent; what the column holds stops before.
func TestUserAgentIPCountStops(t *testing.T) {
	for ips, want := range map[int64]float64{1: 1, 63: 63, 64: 64, 65: 64, 1 << 40: 64} {
		v := (&Group{Counts: Counts{AgentRows: 1, Requests: 1}}).Behaviour(nil, Shared{AgentIPs: ips})
		if got := v[columns.UserAgentIPCount]; got != want {
			t.Errorf("of %d addresses: %v, want %v", ips, got, want)
		}
	}
}
