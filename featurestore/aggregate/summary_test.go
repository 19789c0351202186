package aggregate

import (
	"math"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"sluice/featurestore/row"
)

// summaryOf counts a group's distinct values, as an engine elsewhere would.
func summaryOf(g *Group) Summary {
	s := Summary{Counts: g.Counts, Agents: int64(len(g.Agents)), Queries: int64(len(g.Queries)), URIPaths: int64(len(g.Paths)), Hours: g.Hours}
	byRequests := map[int64]int64{}
	for _, p := range g.Paths {
		byRequests[p.Requests]++
	}
	for n, c := range byRequests {
		s.Paths = append(s.Paths, PathCount{n, c})
	}
	slices.SortFunc(s.Paths, func(a, b PathCount) int { return int(a.Requests - b.Requests) })
	if g.Requests < 2 || g.Timed != g.Requests {
		return s
	}
	// Every gap in a slice, and the quartiles by the textbook.
	var gaps []int64
	for i := range g.Moments[1:] {
		gaps = append(gaps, g.Moments[i+1]-g.Moments[i])
	}
	for int64(len(gaps)) < g.Requests-1 {
		gaps = append(gaps, 0)
	}
	slices.Sort(gaps)
	s.HasGaps = true
	for q := range int64(3) {
		at := (q + 1) * (g.Requests - 2)
		k, rest := at/4, at%4
		s.Quartiles[q] = 4 * gaps[k]
		if rest > 0 {
			s.Quartiles[q] += (gaps[k+1] - gaps[k]) * rest
		}
	}
	return s
}

// TestSummary holds a summary's values against those of the group it is of.
func TestSummary(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.Int64Range(1, 60).Draw(t, "requests")
		part := func(name string) int64 { return rapid.Int64Range(0, n).Draw(t, name) }
		g := &Group{Counts: Counts{Requests: n, SizeLo: rapid.Uint64().Draw(t, "size"), SizeHi: uint64(part("high")), SizeRows: part("sizes"), QueryRows: n * rapid.Int64Range(0, 1).Draw(t, "query"), AgentRows: n * rapid.Int64Range(0, 1).Draw(t, "agent"),
			Referer: Share{part("referers"), n}, Pageview: Share{0, part("pageviews")}, Desktop: part("desktop"), AccessRows: n, StatusRows: part("status"), Status3: 1, Post: Share{part("posts"), n}, Crawler: Share{part("crawlers"), n}}}
		for i := range part("agents") {
			g.Agents = append(g.Agents, uint64(i+1))
		}
		for i := range part("queries") {
			g.Queries = append(g.Queries, uint64(i+1))
		}
		if rapid.Bool().Draw(t, "paths") {
			left := n
			for i := uint64(1); left > 0; i++ {
				c := rapid.Int64Range(1, left).Draw(t, "path")
				g.Paths = append(g.Paths, HashCount{i, c})
				left -= c
			}
			g.Probe = Share{part("probes"), n}
		}
		if rapid.Bool().Draw(t, "timed") {
			g.Timed = n
			at := rapid.Int64Range(0, 1<<32).Draw(t, "first")
			for range rapid.Int64Range(1, n).Draw(t, "seconds") {
				g.Moments = append(g.Moments, at)
				at += rapid.Int64Range(1, 1<<20).Draw(t, "gap")
			}
		}
		for i := range rapid.Int64Range(1, 40).Draw(t, "hours") {
			g.Hours = append(g.Hours, row.HourCount{Hour: 3 * i, Requests: 1})
		}
		shared := Shared{AgentIPs: part("a"), PrefixIPs: part("b"), PrefixRequests: part("c")}
		want := g.Behaviour(g.Values(nil), shared)
		s := summaryOf(g)
		got := s.Values(nil, shared)
		for i := range want {
			if math.Float64bits(got[i]) != math.Float64bits(want[i]) && !(math.IsNaN(got[i]) && math.IsNaN(want[i])) {
				t.Fatalf("value %d is %v, the group says %v", i, got[i], want[i])
			}
		}
	})
}
