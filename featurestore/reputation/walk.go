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

// Walk is Enrich for rows in their order, for one goroutine; again says that the
// values are those of the call before.
func (w WithEarlier) Walk() func(ip netip.Addr, start, end time.Time) (values []float64, again bool) {
	e := &earlierWalk{set: w.Set}
	for _, m := range w.Set.months {
		e.answers = e.answers || len(w.Set.answers[m]) > 0
		for _, p := range w.Set.pages[m] {
			e.pages = append(e.pages, pageWalk{page: p})
		}
	}
	var last Earlier
	var at time.Time
	var values []float64
	return func(ip netip.Addr, start, _ time.Time) ([]float64, bool) {
		var now Earlier
		if ip.Is4() {
			now = e.before(ip, start)
		} else {
			now = w.Set.ListedBefore(ip, start)
		}
		if now == last && at == start && values != nil {
			return values, true
		}
		last, at = now, start
		values = appendEarlier(values[:0], now, start)
		return values, false
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
	total   int       // of listed
	begun   bool      // prefix, listed and total hold
	answers bool      // there are any, of single addresses
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
	o := byte(key)
	own := w.listed[o/64]&(1<<(o%64)) != 0
	if !own && !w.answers {
		return Earlier{Exports: w.exports, Neighbours: w.total}
	}
	e := Earlier{Exports: w.exports}
	n := neighbours{ip: ip, seen4: w.listed}
	if own {
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
	w.total = 0
	for _, word := range w.listed {
		w.total += bits.OnesCount64(word)
	}
}

// Walk is Enrich for rows in their order, for one goroutine; again says that the
// values are those of the call before.
func (d *Drops) Walk() func(ip netip.Addr, start, end time.Time) (values []float64, again bool) {
	var begun, ended time.Time
	at, inside, none := 0, false, false // none: values are those of no records
	var values []float64
	return func(ip netip.Addr, start, end time.Time) ([]float64, bool) {
		if begun != start || ended != end {
			begun, ended, at, inside, none = start, end, 0, d.any(start, end), false
		}
		var rs []Drop
		if ip.Is4() {
			key := key4(ip)
			if at == len(d.v4) || at > 0 && d.v4[at-1] >= key {
				at = 0
			}
			if at = gallop(d.v4, at, key); at < len(d.v4) && d.v4[at] == key {
				rs = d.records[d.of4[at]:d.of4[at+1]]
			}
		} else {
			rs = d.Of(ip)
		}
		if len(rs) == 0 && none {
			return values, true
		}
		none = len(rs) == 0
		values = d.enrich(values[:0], rs, inside, start, end)
		return values, false
	}
}

// Walk is Enrich for rows in their order, for one goroutine; again says that the
// values are those of the call before.
func (s *SpurFeeds) Walk() func(ip netip.Addr, start, end time.Time) (values []float64, again bool) {
	w := &spurWalk{SpurFeeds: s}
	var last *Spur
	var lastKnown bool
	var values []float64
	return func(ip netip.Addr, start, _ time.Time) ([]float64, bool) {
		e, known := w.at(ip, start)
		if e == last && known == lastKnown && values != nil {
			return values, true
		}
		last, lastKnown = e, known
		values = appendSpur(values[:0], e, known)
		return values, false
	}
}

// spurWalk is Before for addresses in ascending order.
type spurWalk struct {
	*SpurFeeds
	begun time.Time
	feeds []spurReading // at hand before begun, of the latest day
}

type spurReading struct {
	*spurFeed
	at int
}

func (w *spurWalk) at(ip netip.Addr, start time.Time) (entry *Spur, known bool) {
	if len(w.records) > 0 {
		return w.Before(ip, start)
	}
	if w.begun != start || start.IsZero() {
		w.begun, w.feeds = start, w.feeds[:0]
		for _, f := range w.latest(start) {
			w.feeds = append(w.feeds, spurReading{f, 0})
		}
	}
	for i := range w.feeds {
		f := &w.feeds[i]
		if !ip.Is4() {
			if e := f.find(ip); e != nil {
				return e, true
			}
			continue
		}
		key := key4(ip)
		if f.at == len(f.v4) || f.at > 0 && f.v4[f.at-1] >= key {
			f.at = 0
		}
		if f.at = gallop(f.v4, f.at, key); f.at < len(f.v4) && f.v4[f.at] == key {
			return f.of4[f.at], true
		}
		if len(f.bits) > 0 {
			if e := f.network(ip); e != nil {
				return e, true
			}
		}
	}
	return nil, len(w.feeds) > 0
}
