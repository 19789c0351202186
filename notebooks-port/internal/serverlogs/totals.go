package serverlogs

import (
	"maps"
	"slices"

	"sluice/featurestore/fault"
	"sluice/notebooks-port/internal/injection"
)

// minute is what happened in a minute. sized are the answers of 2xx that have a
// body as a rule, empty those among them without a byte. Errors don't count: a
// proxy's page for them has bytes while the site behind it is down.
type minute struct {
	n, sized, empty, e5, e4, e499 uint32
}

// span is what happened in an hour or a day.
type span struct {
	n, failed         int64 // failed: status 400 and above, or none
	class             [6]int64
	bytes             int64
	getOK, getFail    int64
	sized, empty      int64
	attacks           int64
	latencies         int64
	latency           float64
	firstSec, lastSec int64 // local seconds
}

type addressTotals struct {
	n, failed, getOK, getFail, bytes int64
	attacks                          int64
	classes                          injection.Class
	first, last                      int64
}

type targetTotals struct{ n, failed, ok, getOK, getFail int64 }

type pathMethod struct {
	path   uint32
	method uint8
}

type methodTotals struct{ n, ok, refused int64 }

// totals are the sums over all records.
type totals struct {
	n           int64
	first, last int64
	minutes     map[int64]*[1440]minute // by UTC day
	hours       map[int64]*span         // by local hour
	days        map[int64]*span         // by local day
	codes       map[int64]map[uint16]int64
	status      map[uint16]int64
	methods     []int64
	addrs       []addressTotals
	targets     []targetTotals
	pathN       []int64
	pathFail    []int64
	byMethod    map[pathMethod]*methodTotals
	agents      []int64
	agentFail   []int64
	sized       int64
	timed       int64
	latency     quantiles
}

// maxDays bounds the days of one report.
const maxDays = 1100

func (d *data) sum() (*totals, error) {
	t := &totals{
		minutes: map[int64]*[1440]minute{}, hours: map[int64]*span{}, days: map[int64]*span{},
		codes: map[int64]map[uint16]int64{}, status: map[uint16]int64{},
		methods: make([]int64, 256), addrs: make([]addressTotals, len(d.addrs)), targets: make([]targetTotals, len(d.targets)),
		pathN: make([]int64, len(d.paths)), pathFail: make([]int64, len(d.paths)), byMethod: map[pathMethod]*methodTotals{},
		agents: make([]int64, len(d.agents)), agentFail: make([]int64, len(d.agents)),
	}
	var (
		lastDay, lastHour, lastUTC int64 = -1, -1, -1
		day, hour                  *span
		codes                      map[uint16]int64
		minutes                    *[1440]minute
		lastPM                     pathMethod
		pm                         *methodTotals
		tooMany                    bool
	)
	err := d.each(func(r *record) {
		at := int64(r.time)
		local := d.clock.local(at)
		if k := local / 86400; k != lastDay {
			if day = t.days[k]; day == nil {
				if len(t.days) >= maxDays {
					tooMany = true
					return
				}
				day = &span{firstSec: local, lastSec: local}
				t.days[k], t.codes[k] = day, map[uint16]int64{}
			}
			codes, lastDay = t.codes[k], k
		}
		if k := local / 3600; k != lastHour {
			if hour = t.hours[k]; hour == nil {
				hour = &span{}
				t.hours[k] = hour
			}
			lastHour = k
		}
		if k := at / 86400; k != lastUTC {
			if minutes = t.minutes[k]; minutes == nil {
				minutes = new([1440]minute)
				t.minutes[k] = minutes
			}
			lastUTC = k
		}
		if t.n == 0 || at < t.first {
			t.first = at
		}
		t.last = max(t.last, at)
		t.n++
		day.firstSec, day.lastSec = min(day.firstSec, local), max(day.lastSec, local)
		m := &minutes[at%86400/60]
		m.n++
		failed := r.status >= 400 || r.status == 0
		ok := d.opts.succeeded(r.status)
		class := min(r.status/100, 5)
		a, g := &t.addrs[r.ip], &t.targets[r.target]
		path := d.pathOf[r.target]
		for _, s := range [2]*span{day, hour} {
			s.n++
			s.class[class]++
			if failed {
				s.failed++
			}
			if r.size > 0 {
				s.bytes += r.size
			}
		}
		codes[r.status]++
		t.status[r.status]++
		t.methods[r.method]++
		t.agents[r.agent]++
		t.pathN[path]++
		if a.n == 0 || at < a.first {
			a.first = at
		}
		a.last = max(a.last, at)
		a.n++
		g.n++
		if ok {
			g.ok++
		}
		if failed {
			a.failed++
			g.failed++
			t.pathFail[path]++
			t.agentFail[r.agent]++
			switch {
			case r.status == 499:
				m.e499++
			case r.status >= 500:
				m.e5++
			case r.status == 422 || r.status == 400:
				m.e4++
			}
		}
		if r.size >= 0 {
			t.sized++
			a.bytes += r.size
			if r.status >= 200 && r.status < 300 && r.status != 204 && d.hasBody(r.method) {
				m.sized++
				day.sized++
				hour.sized++
				if r.size == 0 {
					m.empty++
					day.empty++
					hour.empty++
				}
			}
		}
		if r.latency >= 0 {
			t.timed++
			t.latency.add(float64(r.latency))
			hour.latencies++
			hour.latency += float64(r.latency)
		}
		if r.method == d.get {
			if ok {
				day.getOK++
				a.getOK++
				g.getOK++
			} else {
				day.getFail++
				a.getFail++
				g.getFail++
			}
		}
		if k := (pathMethod{path, r.method}); k != lastPM || pm == nil {
			if pm = t.byMethod[k]; pm == nil {
				pm = &methodTotals{}
				t.byMethod[k] = pm
			}
			lastPM = k
		}
		pm.n++
		if ok {
			pm.ok++
		}
		if r.status == 405 || r.status == 501 {
			pm.refused++
		}
	})
	switch {
	case err != nil:
		return nil, err
	case tooMany:
		return nil, fault.Field(fault.Invalid, "logs", "the requests fall on more than %d days; give the logs of fewer months", maxDays)
	case t.n == 0:
		return nil, fault.Field(fault.Invalid, "logs", "the logs have no line that can be read; look at one with --format, or train explain-line")
	}
	return t, nil
}

func (d *data) hasBody(method uint8) bool {
	m := d.methods[min(int(method), len(d.methods)-1)]
	return m != "HEAD" && m != "OPTIONS"
}

// verdict is what a record attempts.
func (d *data) verdict(r *record) injection.Class {
	c := d.classes[r.target] | d.agentIs[r.agent]
	if r.referer > 0 {
		c |= 1 << (r.referer - 1)
	}
	return c
}

// ownProducts takes back the verdict on paths that the site serves itself: on
// a site with WordPress /wp-login.php is no probe.
func (d *data) ownProducts(t *totals) {
	served := map[uint32]bool{}
	ok, n := make([]int64, len(d.paths)), make([]int64, len(d.paths))
	for i := range d.targets {
		if d.classes[i]&injection.Scanner != 0 && d.classes[i]&injection.Attacks == 0 {
			p := d.pathOf[i]
			ok[p] += t.targets[i].n - t.targets[i].failed
			n[p] += t.targets[i].n
		}
	}
	for p := range d.paths {
		if n[p] > 0 && 2*ok[p] > n[p] {
			served[uint32(p)] = true
		}
	}
	for i := range d.targets {
		if served[d.pathOf[i]] {
			d.classes[i] &^= injection.Scanner
		}
	}
}

func sortedKeys[K int64 | uint16 | string, V any](m map[K]V) []K { return slices.Sorted(maps.Keys(m)) }
