package serverlogs

import (
	"context"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
	"time"

	"sluice/featurestore/fault"
	"sluice/featurestore/webrequest"
	"sluice/notebooks-port/internal/words"
)

// Analyse reads the logs and finds what there is to say. stdin is read for the
// log "-". Errors have the kinds of accesslog.Open and Scan; a cancelled
// context gives fault.Interrupted.
func Analyse(ctx context.Context, o Options, stdin io.Reader) (*Result, error) {
	c := newCollection(&o)
	defer c.store.close()
	if err := c.read(ctx, stdin); err != nil {
		return nil, err
	}
	d, err := c.settle()
	if err != nil {
		return nil, err
	}
	t, err := d.sum()
	if err != nil {
		return nil, err
	}
	if ctx.Err() != nil {
		return nil, fault.New(fault.Interrupted, "the analysis was interrupted")
	}
	d.ownProducts(t)
	requests := make([]int64, len(d.addrs))
	for i := range t.addrs {
		requests[i] = t.addrs[i].n
	}
	d.name(requests)

	r := &Result{Schema: Schema, Zone: o.Location.String(), Success: o.successText(), Notes: d.coarse}
	if r.Notes == nil {
		r.Notes = []string{}
	}
	for i, n := range r.Notes {
		r.Notes[i] = "Memory was short: " + n + ". Counts are exact at that grain; give more with --memory for a finer one."
	}
	s := t.series()
	d.traffic(r, t)
	rate := d.pace(r, t)
	r.Incidents = d.incidents(t, s, rate)
	downDays := map[int64]bool{}
	var windows []*window
	for i := range r.Incidents {
		for m := r.Incidents[i].from; m <= r.Incidents[i].to; m += 30 {
			downDays[d.clock.local(m*60)/86400] = true
		}
	}
	for i := range r.Incidents {
		windows = append(windows, d.window(&r.Incidents[i], t, downDays))
	}
	suspects, err := d.suspects()
	if err != nil {
		return nil, err
	}
	var peaks []uint32
	for _, i := range topIndex(o.Top, len(t.addrs), func(i int) int64 { return t.addrs[i].n }) {
		peaks = append(peaks, uint32(i))
	}
	var flagged []uint32
	for _, i := range topIndex(4*o.Top, len(t.addrs), func(i int) int64 { return t.addrs[i].getFail }) {
		flagged = append(flagged, uint32(i))
	}
	x, err := d.look(t, windows, suspects, peaks, flagged)
	if err != nil {
		return nil, err
	}
	if ctx.Err() != nil {
		return nil, fault.New(fault.Interrupted, "the analysis was interrupted")
	}
	for i := range r.Incidents {
		d.fill(&r.Incidents[i], windows[i], s, x)
		d.overlay(&r.Incidents[i], t, downDays)
	}
	for i := range r.Days {
		day, _ := time.Parse(time.DateOnly, r.Days[i].Date)
		if sp := t.days[day.Unix()/86400]; sp != nil {
			r.Days[i].Attacks = sp.attacks
		}
	}
	d.profile(r, c, t)
	d.top(r, t, x)
	d.gets(r, t, x)
	d.attacks(r, t, x, suspects)
	d.calendar(r, t)
	d.recommend(r, t, x)
	return r, nil
}

// window sets up the look at the traffic before an incident. Its peers are the
// same time of day on days without an incident: those of the same weekday if
// there are three, else all.
func (d *data) window(in *Incident, t *totals, down map[int64]bool) *window {
	w := &window{from: in.from - before*60, to: in.from, rows: map[int64]bool{}}
	for m := in.from - 60; m <= in.to+60; m += 15 {
		w.rows[d.clock.local(m*60)/3600] = true
	}
	for _, g := range in.Order {
		for m := g.from; m <= g.to; m += 15 {
			w.rows[d.clock.local(m*60)/3600] = true
		}
		w.rows[d.clock.local(g.to*60)/3600] = true
	}
	var same, any []int64
	for day := range t.days {
		shift := (day - d.clock.local(in.from*60)/86400) * 1440
		p := w.from + shift
		if shift == 0 || down[day] || down[day-1] && w.from%1440 > w.to%1440 {
			continue
		}
		if p*60 < t.first || (p+w.to-w.from)*60 > t.last {
			continue
		}
		any = append(any, p)
		if shift/1440%7 == 0 {
			same = append(same, p)
		}
	}
	if len(same) >= minPeers {
		any = same
	}
	slices.Sort(any)
	w.peers = any
	return w
}

// overlay is the requests by hour of the days of an incident beside the normal
// ones.
func (d *data) overlay(in *Incident, t *totals, down map[int64]bool) {
	first, last := d.clock.local(in.from*60)/86400, d.clock.local(in.to*60)/86400
	for day := first; day <= min(last, first+3); day++ {
		hours := make([]float64, 24)
		for h := range hours {
			if sp := t.hours[day*24+int64(h)]; sp != nil {
				hours[h] = float64(sp.n)
			}
		}
		in.days = append(in.days, hours)
		in.dayNames = append(in.dayNames, dayName(day))
	}
	low, mid, high := make([]float64, 24), make([]float64, 24), make([]float64, 24)
	for h := range 24 {
		var xs []float64
		for day := range t.days {
			if down[day] || day*86400 < t.first-86400 || d.partial(t, day) {
				continue
			}
			n := 0.0
			if sp := t.hours[day*24+int64(h)]; sp != nil {
				n = float64(sp.n)
			}
			xs = append(xs, n)
		}
		slices.Sort(xs)
		mid[h] = median(xs)
		if n := len(xs); n > 0 {
			low[h], high[h] = xs[n/4], xs[min(n-1, (3*n)/4)]
		}
	}
	in.days = append(in.days, mid, low, high)
}

// partial: the first or last day, if the log does not cover it.
func (d *data) partial(t *totals, day int64) bool {
	first, last := d.clock.local(t.first), d.clock.local(t.last)
	return day == first/86400 && first%86400 > 3600 || day == last/86400 && last%86400 < 82800
}

// pace gives the requests that are due in a minute: those of the same hour of
// the same weekday in other weeks, the lower quartile of them, a 60th.
func (d *data) pace(r *Result, t *totals) func(minute int64) float64 {
	byWeek, byHour := map[int][]float64{}, map[int][]float64{}
	first, last := d.clock.local(t.first)/3600, d.clock.local(t.last)/3600
	for h := first; h <= last; h++ {
		n := 0.0
		if sp := t.hours[h]; sp != nil {
			n = float64(sp.n)
		}
		if h == first || h == last {
			continue
		}
		byWeek[weekday(h/24)*24+int(h%24)] = append(byWeek[weekday(h/24)*24+int(h%24)], n)
		byHour[int(h%24)] = append(byHour[int(h%24)], n)
	}
	quarter := func(xs []float64) float64 {
		if len(xs) == 0 {
			return 0
		}
		slices.Sort(xs)
		return xs[len(xs)/4]
	}
	var week [168]float64
	r.weekly = make([][]float64, 7)
	for wd := range 7 {
		r.weekly[wd] = make([]float64, 24)
		for h := range 24 {
			xs := byWeek[wd*24+h]
			r.weekly[wd][h] = median(xs)
			if len(xs) <= minPeers {
				xs = byHour[h]
			}
			week[wd*24+h] = quarter(xs) / 60
		}
	}
	return func(minute int64) float64 {
		local := d.clock.local(minute * 60)
		return week[weekday(local/86400)*24+int(local/3600%24)]
	}
}

// columnTypes are the columns of a log that the analysis knows.
var columnTypes = []struct {
	name, kind string
	field      webrequest.Field
}{
	{"ip", "address", webrequest.FieldIP}, {"dt", "time", webrequest.FieldDT}, {"http_method", "text", webrequest.FieldHTTPMethod},
	{"uri_host", "text", webrequest.FieldURIHost}, {"uri_path", "text", webrequest.FieldURIPath}, {"uri_query", "text", webrequest.FieldURIQuery}, {"http_status", "integer", webrequest.FieldHTTPStatus},
	{"response_size", "integer", webrequest.FieldResponseSize}, {"time_firstbyte", "number", webrequest.FieldTimeFirstbyte}, {"referer", "text", webrequest.FieldReferer},
	{"user_agent", "text", webrequest.FieldUserAgent}, {"accept_language", "text", webrequest.FieldAcceptLanguage}, {"x_forwarded_for", "text", webrequest.FieldXForwardedFor},
	{"content_type", "text", webrequest.FieldContentType}, {"cache_status", "text", webrequest.FieldCacheStatus}, {"hostname", "text", webrequest.FieldHostname},
}

func (d *data) profile(r *Result, c *collection, t *totals) {
	p := &r.Profile
	rejected := map[string]int64{}
	for _, f := range c.files {
		ignored := f.log.Ignored()
		if ignored == nil {
			ignored = []string{}
		}
		p.Files = append(p.Files, File{Name: f.name, Format: f.log.Format(), Chosen: f.log.Chosen(), Rows: f.stats.Good, Columns: f.fields, Ignored: ignored, Jumps: f.stats.ClockJumps})
		p.Lines += f.stats.Lines
		p.Skipped += f.stats.Skipped
		for reason, n := range f.stats.Rejected {
			rejected[reason.String()] += n
		}
	}
	p.Rows = t.n
	p.Rejected = []Count{}
	for _, k := range topOf(rejected, len(rejected)) {
		p.Rejected = append(p.Rejected, Count{Name: k, Count: rejected[k], Share: words.Ratio(rejected[k], p.Lines)})
	}
	p.First = time.Unix(t.first, 0).In(d.opts.Location).Format(time.DateTime)
	p.Last = time.Unix(t.last, 0).In(d.opts.Location).Format(time.DateTime)
	p.Days = len(t.days)
	p.CalendarDay = int(d.clock.local(t.last)/86400 - d.clock.local(t.first)/86400 + 1)
	for _, k := range columnTypes {
		col := Column{Name: k.name, Type: k.kind, Here: c.available.Has(k.field)}
		if i := slices.Index(counted[:], k.field); i >= 0 && col.Here {
			col.Missing = &c.missing[i]
		}
		if col.Here && (k.field == webrequest.FieldIP || k.field == webrequest.FieldDT) {
			col.Missing = new(int64) // such lines are rejected
		}
		p.Columns = append(p.Columns, col)
	}
	country := Column{Name: "country", Type: "text", Here: len(d.places) > 0}
	if country.Here {
		country.Missing = new(int64)
		for i := range t.addrs {
			if d.country[i] == 0 {
				*country.Missing += t.addrs[i].n
			}
		}
	}
	p.Columns = append(p.Columns, country)
	methods := map[string]int64{}
	for i, n := range t.methods {
		if n > 0 && i < len(d.methods) {
			methods[words.OrNone(d.methods[i])] += n
		} else if n > 0 {
			methods["(other)"] += n
		}
	}
	for _, m := range topOf(methods, 20) {
		p.Methods = append(p.Methods, Count{Name: m, Count: methods[m], Share: words.Ratio(methods[m], t.n)})
	}
	for _, k := range sortedKeys(t.status) {
		p.Status = append(p.Status, Count{Name: fmt.Sprint(k), Count: t.status[k], Share: words.Ratio(t.status[k], t.n), Note: statusMeaning[int(k)]})
	}
	p.Distinct = []Count{{Name: "addresses", Count: int64(len(d.addrs))}, {Name: "endpoints (path and query)", Count: int64(len(d.targets))}, {Name: "paths", Count: int64(len(d.paths))},
		{Name: "user agents", Count: int64(len(d.agents))}, {Name: "status codes", Count: int64(len(t.status))}, {Name: "methods", Count: int64(len(methods))}, {Name: "countries", Count: int64(len(d.places))}}
	if t.timed > 0 {
		p.Latency = map[string]string{"median": words.Seconds(t.latency.at(.5)), "p95": words.Seconds(t.latency.at(.95)), "p99": words.Seconds(t.latency.at(.99)), "rows": words.Count(t.timed)}
	}
}

func (d *data) top(r *Result, t *totals, x *details) {
	n := d.opts.Top
	r.Top = Top{Addresses: []Count{}, Agents: []Count{}, Endpoints: []Count{}, Countries: []Count{}}
	for _, i := range topIndex(n, len(t.addrs), func(i int) int64 { return t.addrs[i].n }) {
		a := &t.addrs[i]
		minute, second := x.fastest(uint32(i))
		r.Top.Addresses = append(r.Top.Addresses, Count{PeakMinute: minute, PeakSecond: second, Name: d.label[i], Count: a.n, Failed: a.failed, Share: words.Ratio(a.n, t.n), Group: d.groupOf(uint32(i)), Country: d.placeOf(uint32(i))})
	}
	for _, i := range topIndex(n, len(t.agents), func(i int) int64 { return t.agents[i] }) {
		r.Top.Agents = append(r.Top.Agents, Count{Name: words.OrNone(words.Clip(d.agents[i], 160)), Count: t.agents[i], Failed: t.agentFail[i], Share: words.Ratio(t.agents[i], t.n), Note: d.agentIs[i].String()})
	}
	for _, i := range topIndex(n, len(t.pathN), func(i int) int64 { return t.pathN[i] }) {
		r.Top.Endpoints = append(r.Top.Endpoints, Count{Name: words.OrNone(words.Clip(d.paths[i], 160)), Count: t.pathN[i], Failed: t.pathFail[i], Share: words.Ratio(t.pathN[i], t.n)})
	}
	places := map[string]int64{}
	failed := map[string]int64{}
	groups := map[string]int64{}
	groupFail := map[string]int64{}
	for i := range t.addrs {
		if p := d.placeOf(uint32(i)); p != "" {
			places[p] += t.addrs[i].n
			failed[p] += t.addrs[i].failed
		}
		if g := d.groupOf(uint32(i)); g != "" {
			groups[g] += t.addrs[i].n
			groupFail[g] += t.addrs[i].failed
		}
	}
	for _, k := range topOf(places, n) {
		r.Top.Countries = append(r.Top.Countries, Count{Name: k, Count: places[k], Failed: failed[k], Share: words.Ratio(places[k], t.n)})
	}
	r.Groups = []Count{}
	for _, k := range topOf(groups, len(groups)) {
		r.Groups = append(r.Groups, Count{Name: k, Count: groups[k], Failed: groupFail[k], Share: words.Ratio(groups[k], t.n)})
	}
}

// traffic fills the days and the unusual hours.
func (d *data) traffic(r *Result, t *totals) {
	first, last := d.clock.local(t.first)/86400, d.clock.local(t.last)/86400
	var days []int64
	if last-first < 2*maxDays {
		for k := first; k <= last; k++ {
			days = append(days, k)
		}
	} else {
		days = sortedKeys(t.days)
	}
	n, failed := make([]float64, len(days)), make([]float64, len(days))
	for i, k := range days {
		if sp := t.days[k]; sp != nil {
			n[i], failed[i] = float64(sp.n), float64(sp.failed)
		}
	}
	kind := func(i int) int { return weekday(days[i]) }
	any := func(int) int { return 0 }
	dn, df := deviations(n, kind, any), deviations(failed, kind, any)
	for i, k := range days {
		day := Day{Date: dayName(k), Weekday: time.Weekday(weekday(k)).String()[:3], Expected: round2(dn[i].expected), Z: round2(dn[i].z), FailedZ: round2(df[i].z), Partial: d.partial(t, k)}
		if sp := t.days[k]; sp != nil {
			day.Requests, day.Failed, day.Class, day.Bytes, day.GetOK, day.GetFail = sp.n, sp.failed, sp.class, sp.bytes, sp.getOK, sp.getFail
		}
		if dn[i].unusual(n[i], dayBound, 10) && (!day.Partial || dn[i].z > 0) && len(days) > minPeers {
			if dn[i].z > 0 {
				day.Marks = append(day.Marks, "traffic high")
			} else {
				day.Marks = append(day.Marks, "traffic low")
			}
		}
		if df[i].unusual(failed[i], dayBound, 10) && df[i].z > 0 && len(days) > minPeers {
			day.Marks = append(day.Marks, "errors high")
		}
		r.Days = append(r.Days, day)
	}
	r.Hours = []Hour{}
	var hours []int64
	if last-first < 2*maxDays {
		for h := d.clock.local(t.first) / 3600; h <= d.clock.local(t.last)/3600; h++ {
			hours = append(hours, h)
		}
	} else {
		hours = sortedKeys(t.hours)
	}
	hn := make([]float64, len(hours))
	for i, h := range hours {
		if sp := t.hours[h]; sp != nil {
			hn[i] = float64(sp.n)
		}
	}
	hd := hourDeviations(hours, hn)
	for i, h := range hours {
		if !hd[i].unusual(hn[i], hourBound, 30) || i == 0 || i == len(hours)-1 || len(hours) < 72 {
			continue
		}
		hour := Hour{Hour: dayName(h/24) + fmt.Sprintf(" %02d", h%24), Requests: int64(hn[i]), Expected: round2(hd[i].expected), Z: round2(hd[i].z)}
		if sp := t.hours[h]; sp != nil {
			hour.Failed = sp.failed
		}
		r.Hours = append(r.Hours, hour)
	}
}

func hourDeviations(hours []int64, n []float64) []deviation {
	return deviations(n, func(i int) int { return weekday(hours[i]/24)*24 + int(hours[i]%24) }, func(i int) int { return int(hours[i] % 24) })
}

func round2(x float64) float64 {
	if math.IsNaN(x) || math.IsInf(x, 0) {
		return 0
	}
	return math.Round(x*100) / 100
}

// calendar lists what happened by day.
func (d *data) calendar(r *Result, t *totals) {
	r.Calendar = []Event{}
	days := make([]int64, 0, len(r.Days))
	for _, day := range r.Days {
		k, _ := time.Parse(time.DateOnly, day.Date)
		days = append(days, k.Unix()/86400)
		for _, m := range day.Marks {
			if m == "errors high" {
				continue // the codes below say which
			}
			r.Calendar = append(r.Calendar, Event{Date: day.Date, Kind: m, Text: fmt.Sprintf("%s requests, about %s expected", words.Count(day.Requests), words.Count(day.Expected))})
		}
	}
	for i := range r.Incidents {
		in := &r.Incidents[i]
		for day := d.clock.local(in.from*60) / 86400; day <= d.clock.local(in.to*60)/86400; day++ {
			var kinds []string
			for _, g := range in.Signs {
				if d.clock.local(g.from*60)/86400 <= day && d.clock.local(g.to*60)/86400 >= day && !slices.Contains(kinds, g.Kind) {
					kinds = append(kinds, g.Kind)
				}
			}
			if len(kinds) > 0 {
				r.Calendar = append(r.Calendar, Event{Date: dayName(day), Kind: "outage", Text: fmt.Sprintf("%s to %s: %s", in.Onset, in.End, strings.Join(kinds, ", ")), bad: true})
			}
		}
	}
	any := func(int) int { return 0 }
	for _, code := range sortedKeys(t.status) {
		if code < 400 && code != 0 || t.status[code] < 20 {
			continue
		}
		n := make([]float64, len(days))
		for i, k := range days {
			n[i] = float64(t.codes[k][code])
		}
		dv := deviations(n, func(i int) int { return weekday(days[i]) }, any)
		for i := range days {
			if dv[i].z >= codeBound && dv[i].unusual(n[i], codeBound, 15) {
				e := Event{Date: dayName(days[i]), Kind: fmt.Sprintf("%d spike", code), Text: fmt.Sprintf("%s, about %s expected", words.Count(n[i]), words.Count(dv[i].expected)), bad: code >= 499}
				r.Calendar = append(r.Calendar, e)
			}
		}
	}
	r.Calendar = append(r.Calendar, r.Get.Spikes...)
	for _, day := range r.Days {
		if day.Attacks > 0 && float64(day.Attacks) >= max(10, 5*r.Attacks.PerDay) {
			r.Calendar = append(r.Calendar, Event{Date: day.Date, Kind: "attack attempts", Text: fmt.Sprintf("%s, %.1f on an ordinary day", words.Count(day.Attacks), r.Attacks.PerDay)})
		}
	}
	slices.SortStableFunc(r.Calendar, func(a, b Event) int { return strings.Compare(a.Date, b.Date) })
	for _, e := range r.Calendar {
		for i := range r.Days {
			if day := &r.Days[i]; day.Date == e.Date && !slices.Contains(day.Marks, e.Kind) {
				day.Marks = append(day.Marks, e.Kind)
			}
		}
	}
}
