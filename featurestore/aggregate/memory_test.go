package aggregate

import (
	"fmt"
	"io"
	"net/netip"
	"os"
	"runtime"
	"testing"

	"sluice/featurestore/attack"
	"sluice/featurestore/webrequest"
)

func heap() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// The memory that an Aggregator believes it uses, and spills by, is what it
// uses.
func TestMemoryIsCounted(t *testing.T) {
	rs := traffic(100_000, 20_000)
	before := heap()
	a := New(Options{Windows: attack.Months(nil), Deriver: func(int) Deriver { return ownColumns{} }})
	defer a.Close()
	for i := range rs {
		if err := a.Add(0, &rs[i]); err != nil {
			t.Fatal(err)
		}
	}
	used, counted := heap()-before, a.workers[0].memory()
	groups := int64(0)
	for _, p := range a.workers[0].panes {
		groups += int64(p.n)
	}
	t.Logf("%d groups: %d bytes used, %d counted; %d a group", groups, used, counted, used/groups)
	if ratio := float64(used) / float64(counted); ratio < 0.7 || ratio > 1.3 {
		t.Errorf("%d bytes are used and %d counted", used, counted)
	}
	runtime.KeepAlive(rs)
}

// Tiny groups, which most addresses have, cost their state and nothing more.
func TestTinyGroupsAllocateNothing(t *testing.T) {
	var st state
	var do doings
	var spare spares
	r := webrequest.Request{Available: allFields, Time: base, URIQuery: "?a", UserAgent: "x", Referer: "y"}
	var d webrequest.Derived
	var m reading
	n := testing.AllocsPerRun(100, func() {
		st, do = state{}, doings{}
		for i, q := range []string{"?a", "?b", "", "?a"} {
			r.URIQuery, r.UserAgent = q, []string{"x", "y"}[i%2]
			f := m.facts(&r, true)
			c := f.count(&r, &d, true)
			st.add(&c, &f, &do, &spare)
		}
	})
	if n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// 20 million requests of 300,000 addresses in month windows, two goroutines.
func TestMemoryOfTwentyMillionRequests(t *testing.T) {
	if os.Getenv("SLUICE_LONG") == "" {
		t.Skip("twenty million requests: set SLUICE_LONG=1")
	}
	const n, ips = 20_000_000, 300_000
	rs := traffic(1_000_000, ips)
	before := heap()
	a := New(Options{Windows: attack.Months(nil), Deriver: func(int) Deriver { return ownColumns{} }, Workers: 2, Memory: 8 << 30})
	defer a.Close()
	for i := range n {
		r := &rs[i%len(rs)]
		r.Time = base - 28*86400 + int64(i)*28*86400/n
		if i%3 == 0 {
			r.URIQuery = fmt.Sprint("?a query like no other ", i)
		}
		r.IP = netip.AddrFrom4([4]byte{10, byte(i * 7 % ips >> 16), byte(i * 7 % ips >> 8), byte(i * 7 % ips)})
		if err := a.Add(i%2, r); err != nil {
			t.Fatal(err)
		}
	}
	used := heap() - before
	t.Logf("%d MB, %d MB counted", used>>20, (a.workers[0].memory()+a.workers[1].memory())>>20)
	if used > 2<<30 {
		t.Errorf("%d bytes for twenty million requests", used)
	}
	h, err := a.Finish(t.Context(), io.Discard, nil)
	if err != nil || h.Records() != ips {
		t.Errorf("%d records, %v", h.Records(), err)
	}
	runtime.KeepAlive(rs)
}
