package silentdrop

import (
	"fmt"
	"strings"

	"sluice/notebooks-port/internal/study"
	"sluice/notebooks-port/internal/words"
)

// foreign reports whether a kind is that of wikis elsewhere, which were dropped
// by mistake.
func (k class) foreign() bool { return k == mathoid || k == commons }

// exclusions are the addresses that are left, by what is left out.
var exclusions = []struct {
	name, without string
	keep          func(x *address) bool
}{
	{"all dropped addresses", "nothing", func(*address) bool { return true }},
	{"without clients of Mathoid", "clients of Mathoid", func(x *address) bool { return x.kind != mathoid }},
	{"without clients of Mathoid and Instant Commons", "and of Instant Commons", func(x *address) bool { return !x.kind.foreign() }},
	{"without any client of an API", "and of any other API", func(x *address) bool { return !x.kind.foreign() && x.kind != api }},
}

// curves are the shares reported by least number of records, of all addresses
// and without those that are wikis elsewhere or other clients of the API.
func (a *analysis) curves() []Curve {
	out := []Curve{}
	for _, e := range []int{0, 2, 3} {
		c := Curve{Name: exclusions[e].name, Points: []Point{}}
		most := 0
		for _, x := range a.found {
			if exclusions[e].keep(x) {
				most = max(most, len(x.drops))
			}
		}
		for k := 1; k <= most; k++ {
			p := Point{K: k}
			for _, x := range a.found { // by records, most first
				if len(x.drops) < k {
					break
				}
				if exclusions[e].keep(x) {
					p.Add(x.label)
				}
			}
			p.Share = p.Tally.Share()
			c.Points = append(c.Points, p)
		}
		out = append(out, c)
	}
	return out
}

func (a *analysis) exclusion(peak int) []Excluded {
	var out []Excluded
	for _, e := range exclusions {
		x := Excluded{Name: e.without}
		for _, f := range a.found {
			if !e.keep(f) {
				continue
			}
			x.Records += len(f.drops)
			x.Add(f.label)
			if len(f.drops) >= max(peak, 2) {
				x.PeakTally.Add(f.label)
			}
		}
		x.Share, x.PeakShare = x.Tally.Share(), x.PeakTally.Share()
		out = append(out, x)
	}
	return out
}

// reversal finds where the share of all addresses is greatest and what becomes
// of it further on.
func (a *analysis) reversal(curves []Curve) Reversal {
	r := Reversal{}
	if a.labels == nil {
		r.Text = "Without labels there is no share reported."
		return r
	}
	var best, tail *Point
	for i := range curves[0].Points {
		p := &curves[0].Points[i]
		if p.Share.Of < a.o.minAddresses {
			break
		}
		if best == nil || p.Share.Value > best.Share.Value {
			best = p
		}
		tail = p
	}
	if best == nil {
		r.Text = fmt.Sprintf("Fewer than %d dropped addresses have a label: too few to speak of shares.", a.o.minAddresses)
		return r
	}
	first := &curves[0].Points[0]
	r.Peak, r.Tail, r.Reverses = best.K, tail.K, tail.Share.Value < best.Share.Value
	var b strings.Builder
	switch {
	case best.K == 1 && r.Reverses:
		fmt.Fprintf(&b, "The share reported is greatest among all dropped addresses (%s)", best.Share)
	case best.K == 1:
		fmt.Fprintf(&b, "The share reported is %s; too few addresses have several records to say how it goes on.", best.Share)
	default:
		fmt.Fprintf(&b, "The share reported goes from %s of those with a record to %s of those with at least %d", first.Share, best.Share, best.K)
	}
	if !r.Reverses {
		if best.K > 1 {
			b.WriteString(", and does not fall as far as there are enough addresses to tell.")
		}
		r.Text = b.String()
		return r
	}
	fmt.Fprintf(&b, ", and falls to %s of those with at least %d. ", tail.Share, tail.K)
	foreign, apis, n := 0, 0, 0
	var strangers study.Tally
	for _, x := range a.found {
		if len(x.drops) < tail.K {
			break
		}
		n++
		if x.kind.foreign() {
			foreign++
			strangers.Add(x.label)
		} else if x.kind == api {
			apis++
		}
	}
	fmt.Fprintf(&b, "Of the %s with at least %d records, %s are wikis elsewhere that use Mathoid or Instant Commons (reported: %s) and %s other clients of the API. ",
		words.Plural(int64(n), "address", "addresses"), tail.K, words.Count(foreign), strangers.Share(), words.Count(apis))
	// Held side by side where enough are left without the wikis.
	var with, without *Point
	for i := range curves[1].Points {
		p := &curves[1].Points[i]
		if p.Share.Of < a.o.minAddresses || p.K > tail.K {
			break
		}
		with, without = &curves[0].Points[i], p
	}
	switch {
	case foreign == 0:
		b.WriteString("So the fall is not theirs.")
	case without == nil || without.K <= best.K:
		b.WriteString("Too few addresses are left without them to say whether the fall is theirs.")
	default:
		fmt.Fprintf(&b, "Of those with at least %d, as far as enough are left without the wikis, %s are reported with them and %s (%s) without: ", without.K, with.Share, without.Share, without.Share.Interval())
		switch {
		case without.Share.Value >= best.Share.Value:
			b.WriteString("**the fall is theirs.**")
		case without.Share.Value > with.Share.Value:
			b.WriteString("**part of the fall is theirs.**")
		default:
			b.WriteString("they don't explain the fall.")
		}
	}
	r.Text = b.String()
	return r
}
