package aggregate

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"sluice/featurestore/attack"
	"sluice/featurestore/columns"
	"sluice/featurestore/fault"
	"sluice/featurestore/row"
	"sluice/featurestore/webrequest"
)

var base = time.Date(2024, 7, 30, 20, 0, 0, 0, time.UTC).Unix()

const allFields = webrequest.FieldDT | webrequest.FieldIP | webrequest.FieldCacheStatus | webrequest.FieldResponseSize |
	webrequest.FieldURIQuery | webrequest.FieldUserAgent | webrequest.FieldReferer | webrequest.FieldAcceptLanguage |
	webrequest.FieldHTTPStatus | webrequest.FieldHTTPMethod | webrequest.FieldURIPath

// drawRequest is a request out of small sets of values, so that they repeat.
func drawRequest(t *rapid.T, available webrequest.Field) webrequest.Request {
	ips := []string{"192.0.2.1", "192.0.2.2", "203.0.113.200", "2001:db8::1", "2001:db8::2", "::1", "0.0.0.0", "255.255.255.255"}
	pick := func(label string, values ...string) string { return rapid.SampledFrom(values).Draw(t, label) }
	return webrequest.Request{
		Available:    available,
		Time:         base + rapid.OneOf(rapid.Int64Range(0, 60*3600), rapid.Int64Range(36000, 36020)).Draw(t, "time"),
		IP:           netip.MustParseAddr(rapid.SampledFrom(ips).Draw(t, "ip")),
		CacheStatus:  pick("cache", "miss", "pass", "int-front", "hit-front"),
		ResponseSize: rapid.OneOf(rapid.Int64Range(0, 100), rapid.Int64Range(1<<62, 1<<63-1)).Draw(t, "size"),
		HasSize:      rapid.Bool().Draw(t, "has size"),
		URIQuery:     pick("query", "", "-", "?a", "?b", "?c", "?d", "?e", "?"),
		UserAgent: pick("agent", "", "-", "x", "y", "curl/8", "absent", "bot (+https://bot.example/)", "who@example.org",
			"Chrome/ Mozilla HeadlessChrome/126.0.0.0 Firefox/200", "Firefox/115.0", "Chrome/000 Firefox/9", "Chrome/123456", strings.Repeat("x", 70000)),
		HTTPStatus:   pick("status", "", "-", "200", "301", "404", "503", "99", "2000"),
		HTTPMethod:   pick("method", "", "GET", "POST", "post"),
		URIPath:      pick("path", "", "/", "/a", "/b", "/c", "/.env", "/wp-login.php", "/robots.txt", "/wiki/.well-known/x"),
		Referer:      pick("referer", "", "-", "https://a.example/"),
		AcceptLang:   pick("language", "", "-", "en"),
		IsPageview:   webrequest.Tri(rapid.IntRange(0, 2).Draw(t, "pageview")),
		IsAPIRequest: webrequest.Tri(rapid.IntRange(0, 2).Draw(t, "api")),
		AccessMethod: pick("access", "", "desktop", "mobile web", "mobile app"),
		AgentType:    pick("agent type", "", "user", "spider"),
		RefererClass: pick("class", "", "none", "external"),
	}
}

func drawRequests(t *rapid.T, label string, most int) []webrequest.Request {
	available := allFields &^ webrequest.Field(rapid.Uint32().Draw(t, label+" lacks"))
	rs := make([]webrequest.Request, rapid.IntRange(0, most).Draw(t, label))
	for i := range rs {
		rs[i] = drawRequest(t, available)
	}
	return rs
}

func drawSet(t *rapid.T) *attack.Set {
	n := rapid.IntRange(0, 4).Draw(t, "windows")
	if n == 0 {
		return attack.Months(nil)
	}
	var ws []attack.Window
	for i := range n {
		start := base + rapid.Int64Range(0, 60*3600).Draw(t, "start")
		ws = append(ws, attack.Window{ID: fmt.Sprint("w", 9-i), Start: start, End: start + rapid.Int64Range(1, 30*3600).Draw(t, "length")})
	}
	s, err := attack.New(ws, nil)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// The rows are those of the twin; and however requests are dealt to files,
// workers and runs, the rows and the bytes of a partial stay the same.
func TestRowsAreThoseOfTheTwin(t *testing.T) {
	dir := t.TempDir()
	rapid.Check(t, func(rt *rapid.T) {
		set := drawSet(rt)
		filter := webrequest.DefaultFilter(webrequest.Wikimedia)
		files := [][]webrequest.Request{drawRequests(rt, "file 1", 60), drawRequests(rt, "file 2", 40), drawRequests(rt, "file 3", 10)}
		slow := newTwin(set, filter, ownColumns{})
		var parts [][]byte
		for _, f := range files {
			for i := range f {
				slow.add(&f[i])
			}
			parts = append(parts, partialOf(t, Options{Windows: set, Filter: filter}, f))
		}
		want := slow.rows()
		if err := same(rowsOf(t, parts...), want); err != nil {
			rt.Fatal(err)
		}
		if err := same(rowsOf(t, parts[2], parts[0], parts[1]), want); err != nil {
			rt.Fatal("files in another order: ", err)
		}
		shuffled := slices.Clone(files[0])
		rand.Shuffle(len(shuffled), func(i, j int) { shuffled[i], shuffled[j] = shuffled[j], shuffled[i] })
		for _, o := range []Options{
			{Workers: 3},
			{Workers: 2, Memory: 3000, TempDir: dir}, // runs after a few groups
			{Workers: 1, Memory: 1, TempDir: dir},    // a run per request
		} {
			o.Windows, o.Filter = set, filter
			if !bytes.Equal(partialOf(t, o, shuffled), parts[0]) {
				rt.Fatalf("other bytes with %d workers and %d bytes of memory", o.Workers, o.Memory)
			}
		}
	})
}

func TestMergeOfGroupsIsAssociativeAndCommutative(t *testing.T) {
	group := rapid.Custom(func(t *rapid.T) *Group {
		var s state
		var do doings
		for _, r := range drawRequests(t, "requests", 12) {
			d, f := ownColumns{}.Derive(&r), new(reading).facts(&r, true)
			c := f.count(&r, &d, true)
			s.add(&c, &f, &do, new(spares))
		}
		g := new(Group)
		if s.requests() > 0 {
			s.group(g, &do)
		}
		if rapid.IntRange(0, 4).Draw(t, "huge") == 0 { // sums that reach their end
			g.Requests, g.SizeHi, g.SizeRows = 1<<63-1, 1<<64-1, 1<<62
		}
		return g
	})
	sumOf := func(gs ...*Group) string {
		var g Group
		for _, o := range gs {
			g.Merge(o)
		}
		return fmt.Sprintf("%+v", g)
	}
	rapid.Check(t, func(t *rapid.T) {
		a, b, c := group.Draw(t, "a"), group.Draw(t, "b"), group.Draw(t, "c")
		var bc, s Group
		bc.Merge(b)
		bc.Merge(c)
		s.Merge(a)
		s.Merge(&bc)
		want := sumOf(a, b, c)
		if got := fmt.Sprintf("%+v", s); got != want {
			t.Fatalf("a(bc) = %s\n(ab)c = %s", got, want)
		}
		if got := sumOf(c, a, b); got != want {
			t.Fatalf("cab = %s\nabc = %s", got, want)
		}
		var q sum
		for _, g := range []*Group{b, a, c} {
			q.merge(g)
		}
		if got := fmt.Sprintf("%+v", *q.group()); !sameGroup(q.group(), &s) {
			t.Fatalf("sum %s\nMerge %s", got, want)
		}
	})
}

func sameGroup(a, b *Group) bool {
	return a.Counts == b.Counts && slices.Equal(a.Agents, b.Agents) && slices.Equal(a.Queries, b.Queries) && slices.Equal(a.Hours, b.Hours) &&
		slices.Equal(a.Paths, b.Paths) && slices.Equal(a.Moments, b.Moments)
}

func TestStats(t *testing.T) {
	set, err := attack.New([]attack.Window{{ID: "a", Start: 1000, End: 2000}, {ID: "b", Start: 1500, End: 3000}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	a := New(Options{Windows: set, Filter: webrequest.DefaultFilter(webrequest.Wikimedia), Deriver: func(int) Deriver { return ownColumns{} }, Workers: 2})
	defer a.Close()
	ip := netip.MustParseAddr("192.0.2.1")
	for i, r := range []webrequest.Request{
		{IP: ip, Time: 1000, CacheStatus: "miss"},
		{IP: ip, Time: 1600, CacheStatus: "miss"}, // in both windows
		{IP: ip, Time: 999, CacheStatus: "miss"},
		{IP: ip, Time: 3000, CacheStatus: "miss"},
		{IP: ip, Time: 1700, CacheStatus: "hit-front"},
		{IP: ip, Time: 4000, CacheStatus: "pass", IsAPIRequest: webrequest.Yes},
		{Time: 1700},
		{IP: ip, Time: -1},
	} {
		r.Available = allFields
		if err := a.Add(i%2, &r); err != nil {
			t.Fatal(err)
		}
	}
	want := Stats{Requests: 8, Kept: 2, Outside: 2, Invalid: 2, Cache: 1, API: 1, First: 999, Last: 4000}
	if got := a.Stats(); got != want {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
	var b bytes.Buffer
	h, err := a.Finish(t.Context(), &b, map[string]int{"x": 1})
	if err != nil {
		t.Fatal(err)
	}
	if h.Records() != 2 || len(h.Windows) != 2 || string(h.Info) != `{"x":1}` {
		t.Errorf("header %+v", h)
	}
	empty := New(Options{Windows: set, Deriver: func(int) Deriver { return ownColumns{} }})
	if s := empty.Stats(); s.Last >= s.First {
		t.Errorf("no requests have the span %d to %d", s.First, s.Last)
	}
}

func TestFinishStops(t *testing.T) {
	rs := make([]webrequest.Request, 20000)
	for i := range rs {
		rs[i] = webrequest.Request{Available: allFields, IP: netip.AddrFrom4([4]byte{10, 0, byte(i >> 8), byte(i)}), Time: base, CacheStatus: "miss"}
	}
	a := New(Options{Windows: attack.Months(nil), Deriver: func(int) Deriver { return ownColumns{} }, Workers: 2})
	defer a.Close()
	for i := range rs {
		if err := a.Add(i%2, &rs[i]); err != nil {
			t.Fatal(err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := a.Finish(ctx, new(bytes.Buffer), nil); !fault.Is(err, fault.Interrupted) {
		t.Errorf("Finish after cancel: %v", err)
	}
}

func TestHoursBeyond32Bits(t *testing.T) {
	h := hours{first: hourCount{5, 1<<32 - 1}, rest: []hourCount{{7, 1<<32 - 1}}}
	for _, hour := range []int32{5, 7, 7, 6, 4, 5} {
		h.add(hour)
	}
	want := []row.HourCount{{Hour: 4, Requests: 1}, {Hour: 5, Requests: 1<<32 + 1}, {Hour: 6, Requests: 1}, {Hour: 7, Requests: 1<<32 + 1}}
	if got := h.list(nil); !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestSetHoldsWhatWasAdded(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var s set
		twin := map[uint64]bool{}
		bytes := 0
		for range rapid.IntRange(0, 200).Draw(t, "adds") {
			h := rapid.Uint64Range(1, 300).Draw(t, "hash") << rapid.SampledFrom([]int{0, 32, 55}).Draw(t, "shift")
			bytes += s.add(h)
			twin[h] = true
		}
		got := s.sorted(nil)
		size := 0
		if s.table != nil {
			size = tableBytes + 8*cap(s.table.slots)
		}
		if len(got) != len(twin) || !slices.IsSorted(got) || bytes != size {
			t.Fatalf("%d values, want %d", len(got), len(twin))
		}
		for _, h := range got {
			if !twin[h] {
				t.Fatalf("%d was not added", h)
			}
		}
	})
}

// The hash stands in partial files: another one would need another format
// version. The values are SipHash-2-4's, computed apart from this package's
// dependency.
func TestHashIsStable(t *testing.T) {
	for in, want := range map[string]uint64{"": 0x32c03100c3d80b1e, "?a=1": 0xd978cd1b105a33ab} {
		if got := hashString(in); got != want {
			t.Errorf("hashString(%q) = %#x, want %#x", in, got, want)
		}
	}
}

// Without what behaviour columns need, rows have the same twelve columns.
func TestTwelveAreTheSame(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		set, filter := drawSet(rt), webrequest.DefaultFilter(webrequest.Wikimedia)
		rs := drawRequests(rt, "requests", 80)
		want := rowsOf(t, partialOf(t, Options{Windows: set, Filter: filter}, rs))
		got := rowsOf(t, partialOf(t, Options{Windows: set, Filter: filter, Twelve: true, Workers: 2}, rs))
		if len(got) != len(want) {
			rt.Fatalf("%d rows, want %d", len(got), len(want))
		}
		for _, side := range [][]row.Row{got, want} {
			for i := range side {
				side[i].Values = side[i].Values[:columns.NumFeatures]
			}
		}
		if err := same(got, want); err != nil {
			rt.Fatal(err)
		}
	})
}

// Many addresses, of both kinds, with many workers and little memory.
func TestManyGroups(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 7))
	set := attack.Months(nil)
	slow := newTwin(set, webrequest.Filter{}, ownColumns{})
	var rs []webrequest.Request
	for i := range 2500 {
		a := [16]byte{0: 0x20, 1: 1, 15: byte(rng.IntN(100))}
		r := webrequest.Request{Available: allFields, IP: netip.AddrFrom16(a), Time: base + int64(i), UserAgent: fmt.Sprint("agent ", i%500)}
		if i%3 > 0 {
			r.IP = netip.AddrFrom4([4]byte{10, 0, byte(rng.IntN(4)), byte(rng.IntN(100))})
		}
		rs = append(rs, r)
		slow.add(&r)
	}
	want := slow.rows()
	for _, o := range []Options{{Workers: 1}, {Workers: 3}, {Workers: 2, Memory: 200_000, TempDir: t.TempDir()}} {
		o.Windows = set
		if err := same(rowsOf(t, partialOf(t, o, rs)), want); err != nil {
			t.Fatal(o.Workers, o.Memory, err)
		}
	}
}

// A group that has more requests than its lanes hold, over more than one hour
// and with sums beyond 64 bits, is counted as the twin counts it.
func TestManyRequestsOfOneGroup(t *testing.T) {
	set := attack.Months(nil)
	slow := newTwin(set, webrequest.Filter{}, ownColumns{})
	var rs []webrequest.Request
	for i := range 2000 {
		r := webrequest.Request{Available: allFields, IP: netip.MustParseAddr("192.0.2.1"), Time: base + int64(i/900*3600+i%7), ResponseSize: 1 << 62, HasSize: true,
			URIQuery: fmt.Sprint("?", i%50), UserAgent: fmt.Sprint(i % 3), URIPath: fmt.Sprint("/", i%9), HTTPStatus: "404", HTTPMethod: "POST", IsPageview: webrequest.TriOf(i%3 == 0)}
		rs = append(rs, r)
		slow.add(&r)
	}
	if err := same(rowsOf(t, partialOf(t, Options{Windows: set}, rs)), slow.rows()); err != nil {
		t.Fatal(err)
	}
}
