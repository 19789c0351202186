package reputation

import (
	"math"
	"net/netip"
	"time"

	"sluice/featurestore/row"
)

// DropShare is how many of the addresses with at least Drops records are
// reported.
type DropShare struct {
	Drops    int     `json:"drops"`     // at least
	Labelled int     `json:"addresses"` // with a known label
	Reported int     `json:"reported"`
	Share    float64 `json:"share"`
	// Low and High are the 95 % interval of E. B. Wilson (1927).
	Low  float64 `json:"low"`
	High float64 `json:"high"`
}

// ReportedByDrops gives, for each k from 1 to most for which there is one, the
// addresses with at least k records in [from, to) and a known label, and how
// many of them are reported.
func (d *Drops) ReportedByDrops(label func(netip.Addr) row.Label, from, to time.Time, most int) []DropShare {
	// Of exactly that many records first; the last entry is of most and more.
	exact := make([]DropShare, most+1)
	for ip, rs := range d.All() {
		a, b := span(rs, from, to)
		if b == a {
			continue
		}
		l := label(ip)
		if l == row.Unknown {
			continue
		}
		e := &exact[min(b-a, most)]
		e.Labelled++
		if l == row.True {
			e.Reported++
		}
	}
	for k := most - 1; k >= 1; k-- {
		exact[k].Labelled += exact[k+1].Labelled
		exact[k].Reported += exact[k+1].Reported
	}
	var out []DropShare
	for k := 1; k <= most && exact[k].Labelled > 0; k++ {
		e := exact[k]
		e.Drops = k
		e.Share = float64(e.Reported) / float64(e.Labelled)
		e.Low, e.High = wilson(e.Reported, e.Labelled)
		out = append(out, e)
	}
	return out
}

// wilson is the 95 % score interval of k of n.
func wilson(k, n int) (low, high float64) {
	const z = 1.959963984540054
	p, m := float64(k)/float64(n), float64(n)
	mid := p + z*z/(2*m)
	half := z * math.Sqrt(p*(1-p)/m+z*z/(4*m*m))
	return max(0, (mid-half)/(1+z*z/m)), min(1, (mid+half)/(1+z*z/m))
}
