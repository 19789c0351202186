package serverlogs

import (
	"cmp"
	"maps"
	"slices"

	"sluice/notebooks-port/internal/injection"
)

// cell names an hour and a status.
type cell struct {
	hour   int64 // local
	status uint16
}

// errorCell counts the errors of one hour and status.
type errorCell struct {
	n     int64
	paths map[uint32]int64
	addrs map[uint32]int64
}

// answered is how a target with a verdict was answered with one status.
type answered struct {
	n, bytesN int64
	sizes     map[int64]int64 // to three digits; at most 64 of them
	slowest   float32
	addrs     map[uint32]struct{}
}

type hitKey struct {
	target uint32
	status uint16
}

// window is one incident's look at the traffic in front of it.
type window struct {
	from, to  int64   // UTC minutes
	peers     []int64 // where the same time of other days begins
	addrs     map[uint32]int64
	failed    int64
	fresh     int64
	now, then quantiles
	rows      map[int64]bool // local hours whose errors are listed
}

// details is what the second look at the records gives.
type details struct {
	errors   map[cell]*errorCell
	windows  []*window
	hits     map[hitKey]*answered
	usual    map[uint32]map[int64]int64 // by path: sizes of ordinary answers, to three digits
	stories  map[uint32][]record        // by address: what a dossier tells
	perClass [8]classDetail
	attempts int64
	minute   map[addrMinute]uint32
	second   map[addrMinute]uint32
	byPlace  map[placeTarget]*[2]int64 // success, failure
	byDay    map[dayTarget]int64
	failSet  map[uint32]map[uint32]struct{} // by address: distinct targets that failed
	agentsOf map[uint32]map[uint32]int64
	odd2xx   int64
}

type classDetail struct {
	n     int64
	addrs map[uint32]struct{}
}

type addrMinute struct {
	addr uint32
	at   int64
}
type placeTarget struct {
	place  uint16
	target uint32
}
type dayTarget struct {
	day    int64
	target uint32
}

// storyLimit bounds the records told of one address, and hitLimit the targets
// of attacks that are looked at one by one.
const (
	storyLimit = 20000
	hitLimit   = 200000
	sizeLimit  = 64
	crossLimit = 200000
	peakLimit  = 2000000
)

// threeDigits rounds a size to three digits.
func threeDigits(n int64) int64 {
	p := int64(1)
	for m := n; m >= 1000; m /= 10 {
		p *= 10
	}
	return n / p * p
}

// signal reports whether a status tells of a server or a client giving up, as
// against a page that is not there.
func signal(status uint16) bool {
	switch status {
	case 0, 400, 408, 413, 422, 429, 499:
		return true
	}
	return status >= 500
}

// look goes through the records a second time, with what the first look asks
// for.
func (d *data) look(t *totals, windows []*window, stories []uint32, peaks []uint32, flagged []uint32) (*details, error) {
	x := &details{errors: map[cell]*errorCell{}, windows: windows, hits: map[hitKey]*answered{}, usual: map[uint32]map[int64]int64{},
		stories: map[uint32][]record{}, minute: map[addrMinute]uint32{}, second: map[addrMinute]uint32{},
		byPlace: map[placeTarget]*[2]int64{}, byDay: map[dayTarget]int64{}, failSet: map[uint32]map[uint32]struct{}{}, agentsOf: map[uint32]map[uint32]int64{}}
	for i := range x.perClass {
		x.perClass[i].addrs = map[uint32]struct{}{}
	}
	attacked := map[uint32]bool{}
	for i := range d.targets {
		if d.classes[i] != 0 {
			attacked[d.pathOf[i]] = true
		}
	}
	rows := map[int64]bool{}
	for _, w := range windows {
		maps.Copy(rows, w.rows)
		w.addrs = map[uint32]int64{}
	}
	tell, peak, flag := bools(len(d.addrs), stories), bools(len(d.addrs), peaks), bools(len(d.addrs), flagged)
	err := d.each(func(r *record) {
		at := int64(r.time)
		local := d.clock.local(at)
		minute := at / 60
		verdict := d.verdict(r)
		if signal(r.status) && rows[local/3600] {
			k := cell{local / 3600, r.status}
			e := x.errors[k]
			if e == nil {
				e = &errorCell{paths: map[uint32]int64{}, addrs: map[uint32]int64{}}
				x.errors[k] = e
			}
			e.n++
			e.paths[d.pathOf[r.target]]++
			e.addrs[r.ip]++
		}
		// Errors and missing pages are quick; only what was served is compared.
		answered := r.latency >= 0 && r.status >= 200 && r.status < 300
		for _, w := range windows {
			if minute >= w.from && minute < w.to {
				w.addrs[r.ip]++
				if r.status >= 400 || r.status == 0 {
					w.failed++
				}
				if t.addrs[r.ip].first >= w.from*60 {
					w.fresh++
				}
				if answered {
					w.now.add(float64(r.latency))
				}
			} else if answered {
				for _, p := range w.peers {
					if minute >= p && minute < p+w.to-w.from {
						w.then.add(float64(r.latency))
						break
					}
				}
			}
		}
		if verdict != 0 {
			x.attempts++
			a := &t.addrs[r.ip]
			a.attacks++
			a.classes |= verdict
			t.days[local/86400].attacks++
			for i, c := range injection.Classes() {
				if verdict&c != 0 {
					x.perClass[i].n++
					x.perClass[i].addrs[r.ip] = struct{}{}
				}
			}
			if d.classes[r.target] != 0 {
				x.hit(r)
			}
		} else if path := d.pathOf[r.target]; attacked[path] && r.status >= 200 && r.status < 300 && r.size >= 0 {
			m := x.usual[path]
			if m == nil {
				m = map[int64]int64{}
				x.usual[path] = m
			}
			if k := threeDigits(r.size); len(m) < 4096 || m[k] > 0 {
				m[k]++
			}
		}
		if tell[r.ip] && (t.addrs[r.ip].n <= storyLimit || verdict != 0) && len(x.stories[r.ip]) < 4*storyLimit {
			x.stories[r.ip] = append(x.stories[r.ip], *r)
		}
		if tell[r.ip] {
			if x.agentsOf[r.ip] == nil {
				x.agentsOf[r.ip] = map[uint32]int64{}
			}
			x.agentsOf[r.ip][r.agent]++
		}
		if (peak[r.ip] || tell[r.ip]) && len(x.second) < peakLimit {
			x.minute[addrMinute{r.ip, minute}]++
			x.second[addrMinute{r.ip, at}]++
		}
		if r.method != d.get {
			return
		}
		ok := d.opts.succeeded(r.status)
		if flag[r.ip] && !ok {
			m := x.failSet[r.ip]
			if m == nil {
				m = map[uint32]struct{}{}
				x.failSet[r.ip] = m
			}
			m[r.target] = struct{}{}
		}
		if k := (placeTarget{d.country[r.ip], r.target}); len(x.byPlace) < crossLimit || x.byPlace[k] != nil {
			c := x.byPlace[k]
			if c == nil {
				c = new([2]int64)
				x.byPlace[k] = c
			}
			if ok {
				c[0]++
			} else {
				c[1]++
			}
		}
		if ok {
			if k := (dayTarget{local / 86400, r.target}); len(x.byDay) < crossLimit || x.byDay[k] > 0 {
				x.byDay[k]++
			}
		}
	})
	return x, err
}

func bools(n int, at []uint32) []bool {
	b := make([]bool, n)
	for _, i := range at {
		b[i] = true
	}
	return b
}

func (x *details) hit(r *record) {
	k := hitKey{r.target, r.status}
	h := x.hits[k]
	if h == nil {
		if len(x.hits) >= hitLimit {
			return
		}
		h = &answered{sizes: map[int64]int64{}, addrs: map[uint32]struct{}{}}
		x.hits[k] = h
	}
	h.n++
	if len(h.addrs) < 1000 {
		h.addrs[r.ip] = struct{}{}
	}
	if r.size >= 0 {
		h.bytesN++
		if s := threeDigits(r.size); len(h.sizes) < sizeLimit || h.sizes[s] > 0 {
			h.sizes[s]++
		}
	}
	h.slowest = max(h.slowest, r.latency)
}

// topOf are the n largest counts, ties in the order of the names' numbers.
func topOf[K cmp.Ordered](m map[K]int64, n int) []K {
	keys := slices.Collect(maps.Keys(m))
	slices.SortFunc(keys, func(a, b K) int { return cmp.Or(cmp.Compare(m[b], m[a]), cmp.Compare(a, b)) })
	return keys[:min(n, len(keys))]
}

// topIndex are the numbers of the n largest values above zero.
func topIndex(n, length int, value func(i int) int64) []int {
	var out []int
	for i := range length {
		v := value(i)
		if v <= 0 {
			continue
		}
		if len(out) == n && v <= value(out[n-1]) {
			continue
		}
		at, _ := slices.BinarySearchFunc(out, v, func(j int, v int64) int {
			if value(j) >= v {
				return -1
			}
			return 1
		})
		out = slices.Insert(out, at, i)
		if len(out) > n {
			out = out[:n]
		}
	}
	return out
}

// middle is the median of sizes counted to three digits, and how far half of
// them lie around it; ok is false without any.
func middle(sizes map[int64]int64) (mid, around int64, n int64, ok bool) {
	for _, c := range sizes {
		n += c
	}
	if n == 0 {
		return 0, 0, 0, false
	}
	quantile := func(m map[int64]int64) int64 {
		var seen int64
		for _, k := range sortedKeys(m) {
			if seen += m[k]; 2*seen >= n {
				return k
			}
		}
		return 0
	}
	mid = quantile(sizes)
	far := map[int64]int64{}
	for k, c := range sizes {
		far[max(k-mid, mid-k)] += c
	}
	return mid, quantile(far), n, true
}
