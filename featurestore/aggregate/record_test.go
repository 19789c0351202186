package aggregate

import (
	"bytes"
	"net/netip"
	"testing"

	"sluice/featurestore/fault"
	"sluice/featurestore/row"
)

// Records whose checksums are right and whose numbers can't be are refused.
func TestImplausibleRecords(t *testing.T) {
	for name, change := range map[string]func(*Group){
		"":                       func(*Group) {},
		"no requests":            func(g *Group) { g.Requests, g.Hours = 0, nil },
		"a hash twice":           func(g *Group) { g.Agents = []uint64{5, 5} },
		"the hash 0":             func(g *Group) { g.Queries = []uint64{0, 5} },
		"hashes descending":      func(g *Group) { g.Queries = []uint64{6, 5} },
		"more agents than rows":  func(g *Group) { g.Agents = []uint64{1, 2, 3, 4} },
		"more queries than rows": func(g *Group) { g.QueryRows = 1 },
		"N above Of":             func(g *Group) { g.Spider.N = 4 },
		"Of above requests":      func(g *Group) { g.Referer.Of = 4 },
		"shares above rows":      func(g *Group) { g.Desktop = 4 },
		"sizes without rows":     func(g *Group) { g.SizeRows = 0 },
		"a negative count":       func(g *Group) { g.Pageview.N = -1 },
		"last before first":      func(g *Group) { g.Last = 99 },
		"hours short":            func(g *Group) { g.Hours = g.Hours[:1] },
		"an hour twice":          func(g *Group) { g.Hours[1].Hour = g.Hours[0].Hour },
		"hours descending":       func(g *Group) { g.Hours[1].Hour = g.Hours[0].Hour - 1 },
	} {
		three := Share{N: 1, Of: 3}
		g := &Group{
			Counts: Counts{Requests: 3, SizeLo: 10, SizeRows: 3, QueryRows: 3, AgentRows: 3, Referer: three, AcceptLanguage: three,
				Pageview: three, RefererClass: three, Spider: three, Desktop: 1, MobileWeb: 1, MobileApp: 1, AccessRows: 3, First: 100, Last: 5000},
			Agents: []uint64{1, 2}, Queries: []uint64{3, 4}, Hours: []row.HourCount{{Hour: 0, Requests: 2}, {Hour: 1, Requests: 1}},
		}
		change(g)
		var b bytes.Buffer
		w := NewWriter(&b)
		if err := w.Window(Window{ID: "a", Month: 24294}); err != nil {
			t.Fatal(err)
		}
		if err := w.Add(netip.MustParseAddr("192.0.2.1"), g); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(nil); err != nil {
			t.Fatal(err)
		}
		r, err := OpenBytes(b.Bytes(), "p")
		if err != nil {
			t.Fatal(err)
		}
		rec, err := r.Next()
		switch {
		case name == "" && (err != nil || !sameGroup(&rec.Group, g)):
			t.Errorf("a good record: %+v, %v", rec, err)
		case name != "" && !fault.Is(err, fault.Corrupt):
			t.Errorf("%s: %v", name, err)
		}
	}
}
