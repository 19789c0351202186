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
	sizes     map[int64]int64 // to three digits
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
	byPlace  map[placeTarget]*[2]int64 // success, failure, of the chosen endpoints
	byDay    map[dayTarget]int64
	places   [][]uint64                     // by country: a bit for each target that failed there
	failSet  map[uint32]map[uint32]struct{} // by address: distinct targets that failed
	agentsOf map[uint32]map[uint32]int64
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

// storyLimit is about how many records are told of one address, secondLimit
// the requests up to which its fastest second is sought, and crossed how many
// endpoints the cross tables are made of. None depends on the order of lines.
const (
	storyLimit  = 20000
	secondLimit = 50000
	crossed     = 200
)

// crossTargets are the endpoints with the most successes, those with the most
// failures, and those with a payload that succeeded.
func (d *data) crossTargets(t *totals) []bool {
	chosen := make([]bool, len(d.targets))
	for _, i := range topIndex(crossed, len(d.targets), func(i int) int64 { return t.targets[i].getOK }) {
		chosen[i] = true
	}
	for _, i := range topIndex(crossed, len(d.targets), func(i int) int64 { return t.targets[i].getFail }) {
		chosen[i] = true
	}
	for i := range d.targets {
		if d.classes[i]&injection.Attacks != 0 && t.targets[i].getOK > 0 {
			chosen[i] = true
		}
	}
	return chosen
}

// told reports whether a record belongs to the story of an address with so
// many attempts: all of them, or an even share of them chosen by content.
func told(r *record, attempts int64) bool {
	k := uint32(attempts/storyLimit + 1)
	return k == 1 || (r.time*2654435761^r.target*40503)%k == 0
}

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
		byPlace: map[placeTarget]*[2]int64{}, byDay: map[dayTarget]int64{}, places: make([][]uint64, len(d.places)+1), failSet: map[uint32]map[uint32]struct{}{}, agentsOf: map[uint32]map[uint32]int64{}}
	for i := range x.perClass {
		x.perClass[i].addrs = map[uint32]struct{}{}
	}
	cross := d.crossTargets(t)
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
			m[threeDigits(r.size)]++
		}
		if tell[r.ip] {
			if n := t.addrs[r.ip].n; n <= storyLimit || verdict != 0 && told(r, d.tries[r.ip]) {
				x.stories[r.ip] = append(x.stories[r.ip], *r)
			}
			if x.agentsOf[r.ip] == nil {
				x.agentsOf[r.ip] = map[uint32]int64{}
			}
			x.agentsOf[r.ip][r.agent]++
		}
		if peak[r.ip] || tell[r.ip] {
			x.minute[addrMinute{r.ip, minute}]++
			if t.addrs[r.ip].n <= secondLimit {
				x.second[addrMinute{r.ip, at}]++
			}
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
		if !ok {
			bits := x.places[d.country[r.ip]]
			if bits == nil {
				bits = make([]uint64, (len(d.targets)+63)/64)
				x.places[d.country[r.ip]] = bits
			}
			bits[r.target/64] |= 1 << (r.target % 64)
		}
		if !cross[r.target] {
			return
		}
		k := placeTarget{d.country[r.ip], r.target}
		c := x.byPlace[k]
		if c == nil {
			c = new([2]int64)
			x.byPlace[k] = c
		}
		if !ok {
			c[1]++
			return
		}
		c[0]++
		x.byDay[dayTarget{local / 86400, r.target}]++
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
		h = &answered{sizes: map[int64]int64{}, addrs: map[uint32]struct{}{}}
		x.hits[k] = h
	}
	h.n++
	h.addrs[r.ip] = struct{}{}
	if r.size >= 0 {
		h.bytesN++
		h.sizes[threeDigits(r.size)]++
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
