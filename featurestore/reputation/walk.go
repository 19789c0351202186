package reputation

import (
	"math/bits"
	"net/netip"
	"slices"
	"time"
)

// Rows come window by window, addresses ascending, and so do lists: what is
// known of a row lies a few steps behind what was known of the one before.

// gallop is the first index from from on whose key is not below key.
func gallop(keys []uint32, from int, key uint32) int {
	step, lo := 1, from
	for lo < len(keys) && keys[lo] < key {
		from = lo + 1
		lo += step
		step *= 2
	}
	hi := min(lo, len(keys))
	for from < hi {
		if mid := int(uint(from+hi) >> 1); keys[mid] < key {
			from = mid + 1
		} else {
			hi = mid
		}
	}
	return from
}

// Walk is Enrich for rows in their order.
func (w WithEarlier) Walk() func([]float64, netip.Addr, time.Time, time.Time) []float64 {
	e := &earlierWalk{set: w.Set}
	for _, m := range w.Set.months {
		for _, p := range w.Set.pages[m] {
			e.pages = append(e.pages, pageWalk{page: p})
		}
	}
	return func(dst []float64, ip netip.Addr, start, _ time.Time) []float64 {
		if !ip.Is4() {
			return appendEarlier(dst, w.Set.ListedBefore(ip, start), start)
		}
		return appendEarlier(dst, e.before(ip, start), start)
	}
}

// earlierWalk is ListedBefore for IPv4 addresses in ascending order.
type earlierWalk struct {
	set     *Set
	pages   []pageWalk
	start   time.Time
	known   int64 // start, as ListedBefore counts it
	exports int   // known before start
	prefix  uint32
	listed  [4]uint64 // of the prefix, by last octet
	begun   bool      // prefix and listed hold
}

// pageWalk is where the addresses of the open prefix lie in a page.
type pageWalk struct {
	*page
	known    uint64
	from, to int
}

func (w *earlierWalk) before(ip netip.Addr, start time.Time) Earlier {
	if w.start != start || w.start.IsZero() {
		w.window(start)
	}
	key := key4(ip)
	if prefix := key &^ 0xff; !w.begun || prefix != w.prefix {
		w.enter(prefix)
	}
	e := Earlier{Exports: w.exports}
	n := neighbours{ip: ip, seen4: w.listed}
	o := byte(key)
	if w.listed[o/64]&(1<<(o%64)) != 0 {
		n.seen4[o/64] &^= 1 << (o % 64)
		for i := range w.pages {
			p := &w.pages[i]
			if at, ok := slices.BinarySearch(p.v4[p.from:p.to], key); ok {
				if mask := maskAt(p.mask4, p.from+at) & p.known; mask != 0 {
					e.named(p.page.known[bits.TrailingZeros64(mask)], bits.OnesCount64(mask))
					e.named(p.page.known[63-bits.LeadingZeros64(mask)], 0)
				}
			}
		}
	}
	for _, m := range w.set.months {
		if as := w.set.answers[m]; len(as) > 0 {
			e.addAnswers(as, &n, w.known)
		}
	}
	e.Neighbours = n.count()
	return e
}

// window begins a window.
func (w *earlierWalk) window(start time.Time) {
	w.start, w.known, w.exports, w.begun = start, start.Unix(), 0, false
	if start.Nanosecond() > 0 {
		w.known++
	}
	for i := range w.pages {
		p := &w.pages[i]
		p.known, p.from, p.to = p.before(w.known), 0, 0
		w.exports += bits.OnesCount64(p.known)
	}
}

// enter goes to another prefix.
func (w *earlierWalk) enter(prefix uint32) {
	back := w.begun && prefix < w.prefix
	w.prefix, w.begun, w.listed = prefix, true, [4]uint64{}
	for i := range w.pages {
		p := &w.pages[i]
		if p.known == 0 {
			continue
		}
		if back {
			p.to = 0
		}
		p.from = gallop(p.v4, p.to, prefix)
		for p.to = p.from; p.to < len(p.v4) && p.v4[p.to]&^0xff == prefix; p.to++ {
			if maskAt(p.mask4, p.to)&p.known != 0 {
				o := byte(p.v4[p.to])
				w.listed[o/64] |= 1 << (o % 64)
			}
		}
	}
}

// Walk is Enrich for rows in their order.
func (d *Drops) Walk() func([]float64, netip.Addr, time.Time, time.Time) []float64 {
	var begun, ended time.Time
	at, inside := 0, false
	return func(dst []float64, ip netip.Addr, start, end time.Time) []float64 {
		if begun != start || ended != end {
			begun, ended, at, inside = start, end, 0, d.any(start, end)
		}
		if !ip.Is4() {
			return d.enrich(dst, d.Of(ip), inside, start, end)
		}
		key := key4(ip)
		if at == len(d.v4) || at > 0 && d.v4[at-1] >= key {
			at = 0
		}
		var rs []Drop
		if at = gallop(d.v4, at, key); at < len(d.v4) && d.v4[at] == key {
			rs = d.records[d.of4[at]:d.of4[at+1]]
		}
		return d.enrich(dst, rs, inside, start, end)
	}
}

// Walk is Enrich for rows in their order.
func (s *SpurFeeds) Walk() func([]float64, netip.Addr, time.Time, time.Time) []float64 {
	if len(s.records) > 0 {
		return s.Enrich
	}
	type reading struct {
		*spurFeed
		at int
	}
	var begun time.Time
	var feeds []reading // at hand before begun, of the latest day
	known := false
	return func(dst []float64, ip netip.Addr, start, _ time.Time) []float64 {
		if begun != start || start.IsZero() {
			begun, feeds = start, feeds[:0]
			for _, f := range s.latest(start) {
				feeds = append(feeds, reading{f, 0})
			}
			known = len(feeds) > 0
		}
		for i := range feeds {
			f := &feeds[i]
			if !ip.Is4() {
				if e := f.find(ip); e != nil {
					return appendSpur(dst, e, true)
				}
				continue
			}
			key := key4(ip)
			if f.at == len(f.v4) || f.at > 0 && f.v4[f.at-1] >= key {
				f.at = 0
			}
			if f.at = gallop(f.v4, f.at, key); f.at < len(f.v4) && f.v4[f.at] == key {
				return appendSpur(dst, f.of4[f.at], true)
			}
			if len(f.bits) > 0 {
				if e := f.network(ip); e != nil {
					return appendSpur(dst, e, true)
				}
			}
		}
		return appendSpur(dst, nil, known)
	}
}
