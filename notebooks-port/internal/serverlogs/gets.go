package serverlogs

import (
	"cmp"
	"fmt"
	"math/bits"
	"slices"
	"time"

	"sluice/notebooks-port/internal/injection"
	"sluice/notebooks-port/internal/words"
)

// neverOK is how many failures without a success mark an address.
const neverOK = 1000

// gets looks at GET requests. A request succeeds if its status is in the set
// of Options.Success.
func (d *data) gets(r *Result, t *totals, x *details) {
	g := &r.Get
	g.Addresses, g.BySuccess, g.Countries, g.Failing, g.Succeeding, g.NeverOK, g.Mismatches, g.Spikes, g.BusyDays = []GetRow{}, []GetRow{}, []GetRow{}, []GetRow{}, []GetRow{}, []GetRow{}, []Mismatch{}, []Event{}, []GetDayNote{}
	g.ByCountry, g.FailByCountry, g.ByDate = []Cross{}, []Cross{}, []Cross{}
	for i := range t.targets {
		g.Success += t.targets[i].getOK
		g.Failure += t.targets[i].getFail
		if t.targets[i].getFail > 0 {
			g.FailTargets++
		}
	}
	address := func(i int) GetRow {
		a := &t.addrs[i]
		row := GetRow{Name: d.label[i], Success: a.getOK, Failure: a.getFail, Country: d.placeOf(uint32(i)), Group: d.groupOf(uint32(i)), Attack: a.classes.String()}
		row.Targets = int64(len(x.failSet[uint32(i)]))
		return row
	}
	n := d.opts.Top
	for _, i := range topIndex(n, len(t.addrs), func(i int) int64 { return t.addrs[i].getFail }) {
		g.Addresses = append(g.Addresses, address(i))
	}
	for _, i := range topIndex(n, len(t.addrs), func(i int) int64 { return t.addrs[i].getOK }) {
		g.BySuccess = append(g.BySuccess, address(i))
	}
	for _, i := range topIndex(4*n, len(t.addrs), func(i int) int64 {
		if a := &t.addrs[i]; a.getOK == 0 && a.getFail >= neverOK {
			return a.getFail
		}
		return 0
	}) {
		g.NeverOK = append(g.NeverOK, address(i))
	}
	target := func(i int) GetRow {
		return GetRow{Name: words.Clip(d.targets[i], 200), Success: t.targets[i].getOK, Failure: t.targets[i].getFail, Attack: d.classes[i].String()}
	}
	for _, i := range topIndex(n, len(t.targets), func(i int) int64 { return t.targets[i].getFail }) {
		g.Failing = append(g.Failing, target(i))
	}
	for _, i := range topIndex(2*n, len(t.targets), func(i int) int64 { return t.targets[i].getOK }) {
		g.Succeeding = append(g.Succeeding, target(i))
	}
	d.getCountries(g, t, x)
	d.mismatches(g, t)
	d.getDays(r, t, x)
}

func (d *data) getCountries(g *Get, t *totals, x *details) {
	if len(d.places) == 0 {
		return
	}
	rows := make([]GetRow, len(d.places)+1)
	for i := range t.addrs {
		row := &rows[d.country[i]]
		row.Success += t.addrs[i].getOK
		row.Failure += t.addrs[i].getFail
	}
	for i := range rows {
		rows[i].Name = "(unknown)"
		if i > 0 {
			rows[i].Name = d.places[i-1]
		}
	}
	for i, set := range x.places {
		for _, w := range set {
			rows[i].Targets += int64(bits.OnesCount64(w))
		}
	}
	rows = slices.DeleteFunc(rows, func(r GetRow) bool { return r.Success+r.Failure == 0 })
	slices.SortStableFunc(rows, func(a, b GetRow) int { return cmp.Compare(b.Success+b.Failure, a.Success+a.Failure) })
	g.Countries = rows[:min(len(rows), 2*d.opts.Top)]
	for side := range 2 {
		var keys []placeTarget
		for k, c := range x.byPlace {
			if c[side] > 0 {
				keys = append(keys, k)
			}
		}
		slices.SortFunc(keys, func(a, b placeTarget) int {
			return cmp.Or(cmp.Compare(x.byPlace[b][side], x.byPlace[a][side]), cmp.Compare(a.place, b.place), cmp.Compare(a.target, b.target))
		})
		for _, k := range keys[:min(len(keys), 2*d.opts.Top)] {
			c := Cross{Key: "(unknown)", Endpoint: words.Clip(d.targets[k.target], 160), Count: x.byPlace[k][side], Attack: d.classes[k.target].String()}
			if k.place > 0 {
				c.Key = d.places[k.place-1]
			}
			if side == 0 {
				g.ByCountry = append(g.ByCountry, c)
			} else {
				g.FailByCountry = append(g.FailByCountry, c)
			}
		}
	}
}

// mismatches are the paths that refuse a method (405, 501), and those that
// fail every time they are asked with GET while another method succeeds.
func (d *data) mismatches(g *Get, t *totals) {
	best := map[uint32]pathMethod{}
	for k, m := range t.byMethod {
		if b, ok := best[k.path]; m.ok > 0 && (!ok || m.ok > t.byMethod[b].ok || m.ok == t.byMethod[b].ok && d.methods[min(int(k.method), len(d.methods)-1)] < d.methods[min(int(b.method), len(d.methods)-1)]) {
			best[k.path] = k
		}
	}
	for k, m := range t.byMethod {
		b, served := best[k.path]
		other := served && b.method != k.method
		if m.refused >= 3 || m.ok == 0 && m.n >= 5 && other && t.byMethod[b].ok >= 5 {
			name := ""
			if other {
				name = d.methods[b.method]
			}
			g.Mismatches = append(g.Mismatches, Mismatch{Endpoint: words.Clip(d.paths[k.path], 160), Method: words.OrNone(d.methods[min(int(k.method), len(d.methods)-1)]), Requests: m.n, OK: m.ok, Refused: m.refused, Served: name})
		}
	}
	slices.SortFunc(g.Mismatches, func(a, b Mismatch) int {
		return cmp.Or(cmp.Compare(b.Requests, a.Requests), cmp.Compare(a.Endpoint, b.Endpoint), cmp.Compare(a.Method, b.Method))
	})
	g.Mismatches = g.Mismatches[:min(len(g.Mismatches), 2*d.opts.Top)]
}

// getDays finds the days with unusually many failing or succeeding GETs.
func (d *data) getDays(r *Result, t *totals, x *details) {
	g := &r.Get
	days := make([]int64, len(r.Days))
	fail, ok := make([]float64, len(r.Days)), make([]float64, len(r.Days))
	for i := range r.Days {
		k, _ := time.Parse(time.DateOnly, r.Days[i].Date)
		days[i] = k.Unix() / 86400
		fail[i], ok[i] = float64(r.Days[i].GetFail), float64(r.Days[i].GetOK)
	}
	kind, any := func(i int) int { return weekday(days[i]) }, func(int) int { return 0 }
	df, do := deviations(fail, kind, any), deviations(ok, kind, any)
	for i := range days {
		if len(days) <= minPeers {
			break
		}
		if df[i].z > 0 && df[i].unusual(fail[i], dayBound, 20) {
			g.Spikes = append(g.Spikes, Event{Date: r.Days[i].Date, Kind: "GET failures", Text: fmt.Sprintf("%s GET requests failed, about %s expected", words.Count(fail[i]), words.Count(df[i].expected))})
		}
		if do[i].z > 0 && do[i].unusual(ok[i], dayBound, 5) {
			g.BusyDays = append(g.BusyDays, GetDayNote{r.Days[i].Date, r.Days[i].GetOK, round2(do[i].z)})
		}
	}
	var keys []dayTarget
	for k := range x.byDay {
		keys = append(keys, k)
	}
	slices.SortFunc(keys, func(a, b dayTarget) int {
		attack := func(k dayTarget) int {
			if d.classes[k.target]&injection.Attacks != 0 {
				return 1
			}
			return 0
		}
		return cmp.Or(cmp.Compare(attack(b), attack(a)), cmp.Compare(x.byDay[b], x.byDay[a]), cmp.Compare(a.day, b.day), cmp.Compare(a.target, b.target))
	})
	for _, k := range keys[:min(len(keys), 3*d.opts.Top)] {
		g.ByDate = append(g.ByDate, Cross{Key: dayName(k.day), Endpoint: words.Clip(d.targets[k.target], 160), Count: x.byDay[k], Attack: d.classes[k.target].String()})
	}
}
