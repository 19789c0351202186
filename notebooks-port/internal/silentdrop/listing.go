package silentdrop

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"net/netip"
	"os"
	"slices"
	"strings"

	"github.com/google/renameio/v2"

	"sluice/featurestore/fault"
	"sluice/featurestore/row"
	"sluice/featurestore/webrequest"
	"sluice/notebooks-port/internal/study"
	"sluice/notebooks-port/internal/words"
)

// request is what a table of requests tells apart.
type request struct{ agent, host, path string }

// tally counts one request.
type tally struct{ count, hits int64 }

// mostKinds bounds the kinds of requests that are told apart of one address on
// one day, mostSpans the response times.
const (
	mostKinds = 100_000
	mostSpans = 2_000_000
)

// listing is what one address asked for on one day.
type listing struct {
	kinds  map[request]*tally
	other  int64
	spans  []span
	timed  bool // the log has response times
	chosen bool // its requests are shown, so their spans are kept
}

// span is when a request was being answered, in milliseconds.
type span struct {
	from, to int64
	excluded bool
}

// list reads the requests of the addresses that are shown, on their day with
// most records, and of those with at least k records, on every such day.
func (a *analysis) list(ctx context.Context, k int) error {
	type key struct {
		ip  netip.Addr
		day int64
	}
	chosen := map[key]bool{} // whether its table is shown
	for i, x := range a.found {
		if i < a.o.top {
			day, _ := x.worst(a)
			chosen[key{x.ip, day}] = true
		}
		if len(x.drops) >= k {
			for day := range x.days {
				if k := (key{x.ip, day}); !chosen[k] {
					chosen[k] = false
				}
			}
		}
	}
	days, who := map[int64]bool{}, map[netip.Addr]bool{}
	for id := range chosen {
		days[id.day], who[id.ip] = true, true
	}
	holds := func(first, last int64) bool {
		for day := a.day(first); day <= a.day(last); day++ {
			if days[day] {
				return true
			}
		}
		return false
	}
	files := make([]map[key]*listing, len(a.source.Files))
	err := a.source.Each(ctx, holds, func(file int) func(*study.Request) {
		here := map[key]*listing{}
		files[file] = here
		return func(r *study.Request) {
			if !who[r.IP] {
				return
			}
			id := key{r.IP, a.day(r.Time)}
			shown, ok := chosen[id]
			if !ok {
				return
			}
			l := here[id]
			if l == nil {
				l = &listing{kinds: map[request]*tally{}, chosen: shown}
				here[id] = l
			}
			l.add(a.source, r)
		}
	})
	if err != nil {
		return err
	}
	for _, x := range a.found {
		x.listing = map[int64]*listing{}
		for day := range x.days {
			for _, here := range files {
				if l := here[key{x.ip, day}]; l != nil {
					if x.listing[day] == nil {
						x.listing[day] = &listing{kinds: map[request]*tally{}}
					}
					x.listing[day].merge(l)
				}
			}
		}
	}
	return nil
}

func (l *listing) add(s *study.Source, r *study.Request) {
	c := classOf(s, r)
	if l.chosen && r.Available.Has(webrequest.FieldTimeFirstbyte) && len(l.spans) < mostSpans {
		l.timed = true
		from := r.Time*1000 + int64(r.Nanos)/1e6
		l.spans = append(l.spans, span{from, from + int64(r.TimeFirstbyte*1000) + 1, c == mathoid || c == commons})
	}
	k := request{r.UserAgent, r.URIHost, r.URIPath}
	t := l.kinds[k]
	if t == nil {
		if len(l.kinds) >= mostKinds {
			l.other++
			return
		}
		t = &tally{}
		l.kinds[request{strings.Clone(k.agent), strings.Clone(k.host), strings.Clone(k.path)}] = t
	}
	t.count++
	if c == hits {
		t.hits++
	}
}

func (l *listing) merge(o *listing) {
	for k, t := range o.kinds {
		e := l.kinds[k]
		if e == nil {
			e = &tally{}
			l.kinds[k] = e
		}
		e.count += t.count
		e.hits += t.hits
	}
	l.other += o.other
	l.timed = l.timed || o.timed
	l.spans = append(l.spans, o.spans...)
}

// atOnce is the greatest number of spans that hold one instant.
func (l *listing) atOnce(excluded bool) int {
	if !l.timed {
		return -1
	}
	type edge struct {
		at    int64
		delta int
	}
	var edges []edge
	for _, s := range l.spans {
		if excluded && s.excluded {
			continue
		}
		edges = append(edges, edge{s.from, 1}, edge{s.to, -1})
	}
	slices.SortFunc(edges, func(x, y edge) int { return cmp.Or(cmp.Compare(x.at, y.at), cmp.Compare(x.delta, y.delta)) })
	now, most := 0, 0
	for _, e := range edges {
		now += e.delta
		most = max(most, now)
	}
	return most
}

// worst is the day with most records, the first of several.
func (x *address) worst(a *analysis) (day int64, records int) {
	by := map[int64]int{}
	for _, d := range x.drops {
		by[a.day(d.Time)]++
	}
	for _, k := range slices.Sorted(maps.Keys(by)) {
		if by[k] > records {
			day, records = k, by[k]
		}
	}
	return day, records
}

func (a *analysis) top() []Dropped {
	out := []Dropped{}
	for _, x := range a.found[:min(len(a.found), max(10, a.o.top))] {
		n := x.counts.all()
		out = append(out, Dropped{
			Name: a.names.Of(x.ip), Records: len(x.drops), Days: len(x.days), InWindow: x.inside, Kind: classNames[x.kind], Requests: n,
			Mathoid: words.Ratio(x.counts[mathoid], n), Commons: words.Ratio(x.counts[commons], n), API: words.Ratio(x.counts[api], n), Hits: words.Ratio(x.counts[hits], n),
			Label: study.LabelWord(x.label),
		})
	}
	return out
}

func (a *analysis) topTables() []TopTable {
	out := []TopTable{}
	for _, x := range a.found[:min(len(a.found), a.o.top)] {
		day, n := x.worst(a)
		t := TopTable{Name: a.names.Of(x.ip), Date: dayText(day), Records: n, Rows: []TopRequest{}, AtOnce: -1, Without: -1}
		if l := x.listing[day]; l != nil {
			for k, c := range l.kinds {
				t.Rows = append(t.Rows, TopRequest{words.Clip(k.agent, 200), words.Clip(k.host, 100), words.Clip(k.path, 200), c.count})
				t.Requests += c.count
			}
			t.Other = l.other
			t.Requests += l.other
			t.AtOnce, t.Without = l.atOnce(false), l.atOnce(true)
		}
		slices.SortFunc(t.Rows, func(p, q TopRequest) int {
			return cmp.Or(cmp.Compare(q.Count, p.Count), cmp.Compare(p.Agent, q.Agent), cmp.Compare(p.Host, q.Host), cmp.Compare(p.Path, q.Path))
		})
		t.Rows = t.Rows[:min(len(t.Rows), 10)]
		out = append(out, t)
	}
	return out
}

// targets are what the addresses with at least k records asked for most on each
// day, wikis elsewhere left out.
func (a *analysis) targets(k int) ([]Target, Missed) {
	by := map[[2]string]*Target{} // date, host and path
	hitsOf := map[[2]string]int64{}
	missed := Missed{}
	for _, x := range a.found {
		if len(x.drops) < k {
			break
		}
		if x.kind.foreign() || x.kind == absent {
			continue
		}
		missed.Of++
		if x.counts[busting] == 0 && x.counts[hits] > 0 {
			missed.Addresses++
			missed.Tally.Add(x.label)
		}
		for day, l := range x.listing {
			host, path, t := l.favourite()
			id := [2]string{dayText(day), host + path}
			e := by[id]
			if e == nil {
				e = &Target{Date: id[0], Host: host, Path: path}
				by[id] = e
			}
			e.Addresses++
			e.Requests += t.count
			hitsOf[id] += t.hits
		}
	}
	out := []Target{}
	for id, e := range by {
		e.Hits = words.Ratio(hitsOf[id], e.Requests)
		out = append(out, *e)
	}
	slices.SortFunc(out, func(p, q Target) int {
		return cmp.Or(cmp.Compare(q.Addresses, p.Addresses), cmp.Compare(q.Requests, p.Requests), cmp.Compare(p.Date, q.Date), cmp.Compare(p.Host+p.Path, q.Host+q.Path))
	})
	return out[:min(len(out), 10)], missed
}

// favourite is the most frequent host and path.
func (l *listing) favourite() (host, path string, sum tally) {
	by := map[[2]string]tally{}
	for k, t := range l.kinds {
		id := [2]string{k.host, k.path}
		e := by[id]
		by[id] = tally{e.count + t.count, e.hits + t.hits}
	}
	for id, t := range by {
		if t.count > sum.count || t.count == sum.count && (host+path == "" || id[0]+id[1] < host+path) {
			host, path, sum = id[0], id[1], t
		}
	}
	return host, path, sum
}

// candidates are the addresses worth a lookup of their own, and the file of
// those without a label.
func (a *analysis) candidates() (Candidate, error) {
	c := Candidate{From: a.o.candidatesFrom}
	var b strings.Builder
	for _, x := range a.found {
		if len(x.drops) >= 2 {
			c.Several++
		}
		if len(x.drops) < c.From {
			continue
		}
		c.Addresses++
		switch {
		case x.kind.foreign():
			c.Excluded++
		case x.label == row.Unknown:
			c.Unknown++
			fmt.Fprintln(&b, x.ip)
		}
	}
	if a.o.candidates == "" {
		return c, nil
	}
	// Full addresses: for the one who asked.
	if err := renameio.WriteFile(a.o.candidates, []byte(b.String()), os.FileMode(0o600)); err != nil {
		return c, fault.As(fault.Invalid, fault.Wrap(err, "--candidates"))
	}
	return c, nil
}
