package geo

import (
	"net/netip"
	"slices"
	"time"

	"sluice/featurestore/row"
)

// maxPlaces bounds how many records of a database a walk remembers.
const maxPlaces = 1 << 16

// walk is At for one goroutine: databases have few different records, and
// neighbouring addresses lie in one network.
type walk struct {
	d     *Databases
	seen  []seen
	end   time.Time
	older int // databases built by end
}

// seen is what is remembered of one database.
type seen struct {
	network netip.Prefix // of the last look-up
	last    Place
	places  map[uintptr]Place // by offset
}

// Walk is Enrich for rows in their order, for one goroutine; again says that the
// values are those of the call before.
func (d *Databases) Walk() func(ip netip.Addr, start, end time.Time) (values []float64, again bool) {
	w := &walk{d: d, seen: make([]seen, len(d.all))}
	var last Place
	var values []float64
	return func(ip netip.Addr, _, end time.Time) ([]float64, bool) {
		p := w.at(ip, end)
		if p == last && values != nil {
			return values, true
		}
		last, values = p, appendPlace(values[:0], p)
		return values, false
	}
}

func (w *walk) at(ip netip.Addr, t time.Time) Place {
	ip, ok := row.Canonical(ip)
	if !ok {
		return Place{}
	}
	if w.end != t || t.IsZero() {
		w.end = t
		w.older, _ = slices.BinarySearchFunc(w.d.all, t, builtAfter)
	}
	var p Place
	for i := w.older - 1; i >= 0 && !p.whole(); i-- {
		p.add(w.lookup(i, ip))
	}
	for i := w.older; i < len(w.d.all) && !p.whole(); i++ {
		p.add(w.lookup(i, ip))
	}
	return p
}

// add takes what is unknown so far.
func (p *Place) add(o Place) {
	if p.Country == "" {
		p.Country = o.Country
	}
	if p.ASN == 0 {
		p.ASN = o.ASN
	}
}

func (w *walk) lookup(i int, ip netip.Addr) Place {
	s := &w.seen[i]
	if s.network.IsValid() && s.network.Contains(ip) {
		return s.last
	}
	r := w.d.all[i].db.Lookup(ip)
	s.network, s.last = r.Prefix(), Place{}
	if !r.Found() {
		return s.last
	}
	p, ok := s.places[r.Offset()]
	if !ok {
		p.fill(r)
		if s.places == nil || len(s.places) >= maxPlaces {
			s.places = map[uintptr]Place{}
		}
		s.places[r.Offset()] = p
	}
	s.last = p
	return p
}
