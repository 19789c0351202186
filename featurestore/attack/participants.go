package attack

import (
	"encoding/binary"
	"math"
	"math/bits"
	"net/netip"
	"slices"
	"time"
)

// The time around a window is looked at in bins, outward from its end: a near
// part, in which the attack's tail is looked for, then one to compare it with,
// then one further off.
const (
	binSeconds = 120
	partBins   = 64 // of a part: two hours
	near       = 0
	calm       = 1
	far        = 2
	parts      = 3
	reach      = parts * partBins * binSeconds
)

// maxSampled bounds the addresses held for a window. Where there are more, those
// are held whose hash begins with enough zeros (adaptive sampling, due to M.
// Wegman: P. Flajolet, On Adaptive Sampling, Computing 43, 1990): the same ones
// in whatever order requests come. A variable for the sake of a test.
var maxSampled = 1 << 16

// Participants refines the windows that Timeline.Detect found by who was there.
// Where an attack swells up and ebbs away below the traffic around it, counts of
// requests don't show its ends; the addresses that took part do. It is for one
// goroutine, and several of the same windows merge exactly; it holds at most
// 65,536 addresses a window, about 10 MiB.
type Participants struct {
	found   []Detected
	set     *Set // the windows with the time around them
	matcher *Matcher
	crowds  []crowd // of each window
}

// NewParticipants takes what Timeline.Detect found, as it stands. Errors: those
// of New.
func NewParticipants(found []Detected) (*Participants, error) {
	p := &Participants{found: found, crowds: make([]crowd, len(found))}
	if len(found) == 0 {
		return p, nil
	}
	around := make([]Window, len(found))
	for i, d := range found {
		around[i] = Window{ID: d.ID, Start: d.Start - reach, End: d.End + reach}
	}
	var err error
	if p.set, err = New(around, nil); err != nil { // in the same order: ids name the start
		return nil, err
	}
	p.matcher = p.set.Matcher()
	return p, nil
}

// Add takes a request of an instant, in Unix seconds.
func (p *Participants) Add(unix int64, ip netip.Addr) {
	if p.set == nil {
		return
	}
	for _, i := range p.matcher.Match(unix) {
		if a := p.crowds[i].get(ip); a != nil {
			switch d := &p.found[i]; {
			case unix < d.Start:
				a.before.set((d.Start - 1 - unix) / binSeconds)
			case unix >= d.End:
				a.after.set((unix - d.End) / binSeconds)
			case a.inside < math.MaxUint32:
				a.inside++
			}
		}
	}
}

// Merge adds what o took.
func (p *Participants) Merge(o *Participants) {
	for i := range o.crowds {
		p.crowds[i].thin(o.crowds[i].level)
		for ip, b := range o.crowds[i].seen {
			if a := p.crowds[i].get(ip); a != nil {
				a.inside = uint32(min(uint64(a.inside)+uint64(b.inside), math.MaxUint32))
				for k := range parts {
					a.before[k] |= b.before[k]
					a.after[k] |= b.after[k]
				}
			}
		}
	}
}

// crowd is who was seen in a window and around it.
type crowd struct {
	level int // leading zeros of the hashes of those held
	seen  map[netip.Addr]*presence
}

// presence is when an address was seen.
type presence struct {
	inside        uint32 // requests
	before, after outward
}

// outward is in which bins on one side of a window.
type outward [parts]uint64

func (o *outward) set(bin int64) { o[bin/partBins] |= 1 << (bin % partBins) }

// get is the presence of an address; nil where it is not in the sample.
func (c *crowd) get(ip netip.Addr) *presence {
	if a := c.seen[ip]; a != nil {
		return a
	}
	if zeros(ip) < c.level {
		return nil
	}
	if c.seen == nil {
		c.seen = map[netip.Addr]*presence{}
	}
	a := new(presence)
	c.seen[ip] = a
	for len(c.seen) > maxSampled {
		c.thin(c.level + 1)
	}
	return c.seen[ip]
}

// thin keeps those whose hashes begin with at least level zeros.
func (c *crowd) thin(level int) {
	if level <= c.level {
		return
	}
	c.level = level
	for ip := range c.seen {
		if zeros(ip) < level {
			delete(c.seen, ip)
		}
	}
}

// zeros is how many zeros an address's hash begins with.
func zeros(ip netip.Addr) int {
	b := ip.As16()
	h := binary.BigEndian.Uint64(b[:8])*0x9e3779b97f4a7c15 ^ binary.BigEndian.Uint64(b[8:])
	h = (h ^ h>>30) * 0xbf58476d1ce4e5b9 // the finaliser of splitmix64
	h = (h ^ h>>27) * 0x94d049bb133111eb
	return bits.LeadingZeros64(h ^ h>>31)
}

const (
	// participantRatio is how many times oftener an address that takes part is
	// there inside than in the calm and far parts: it tells participants from
	// the site's regulars.
	participantRatio = 3
	// evidence is the logarithm of the likelihood ratio from which a tail is
	// believed: A. W. F. Edwards's two units of support (Likelihood, 1972).
	evidence = 2.
	// tailShare is how small a tail is looked for: its participants a bin
	// against those inside.
	tailShare = .05
	// sharedCrowd is the share of the smaller crowd from which two neighbouring
	// windows are one attack.
	sharedCrowd = .25
)

// Refine gives the windows with their ends moved outward to where their
// participants come and go, windows of one crowd made one.
//
// Participants are the addresses whose rate inside is at least three times that
// around it, more than two hours off. Two minutes by two minutes outward from
// the window's end they are counted, and against them those who'd be there
// anyhow: visitors straddle any instant, so their number is that of the addresses
// that straddle the instants two and four hours off in the same manner. The end
// is then the change-point of greatest likelihood between two Poisson counts
// (D. V. Hinkley, Inference about the Change-Point in a Sequence of Random
// Variables, Biometrika 57, 1970), where the evidence is worth two units of
// support. The rhythm of day and week is in both counts alike, hours apart, and
// whoever is there every day is in neither.
//
// Two windows at most four hours apart whose participants are the same, a
// quarter of the smaller crowd, are one attack with a lull in it. Windows still
// never overlap. The counts of t are those of the windows given out.
func (p *Participants) Refine(t *Timeline) []Detected {
	type span struct{ first, last int } // windows that are one attack
	var spans []span
	in := make([][]*presence, len(p.found)) // participants of each
	for i := range p.found {
		in[i] = p.participants(i)
		if n := len(spans); n > 0 && p.found[i].Start-p.found[i-1].End <= 2*partBins*binSeconds && p.sameCrowd(i-1, i, in) {
			spans[n-1].last = i
		} else {
			spans = append(spans, span{i, i})
		}
	}
	out := make([]Detected, 0, len(spans))
	for n, s := range spans {
		d := Detected{}
		d.Start = p.found[s.first].Start - binSeconds*int64(p.tail(s.first, true, in[s.first]))
		d.End = p.found[s.last].End + binSeconds*int64(p.tail(s.last, false, in[s.last]))
		if n > 0 {
			d.Start = max(d.Start, out[n-1].End)
		}
		for _, f := range p.found[s.first : s.last+1] {
			d.Score = max(d.Score, f.Score)
		}
		d.ID = detectedID(d.Start)
		out = append(out, d)
	}
	t.measure(out)
	return out
}

func detectedID(start int64) string {
	return "detected-" + time.Unix(start, 0).UTC().Format("2006-01-02T1504Z")
}

// elsewhere tells which bins on one side of window i touch no other window.
func (p *Participants) elsewhere(i int, before bool) (free outward) {
	for k := range int64(parts * partBins) {
		from := p.found[i].End + k*binSeconds
		if before {
			from = p.found[i].Start - (k+1)*binSeconds
		}
		j, _ := slices.BinarySearchFunc(p.found, from, func(d Detected, at int64) int {
			if d.End <= at {
				return -1
			}
			return 1
		})
		if j == len(p.found) || p.found[j].Start >= from+binSeconds {
			free.set(k)
		}
	}
	return free
}

// and counts the bins of some parts that are in o and in free.
func (o *outward) and(free *outward, of ...int) (n float64) {
	for _, k := range of {
		n += float64(bits.OnesCount64(o[k] & free[k]))
	}
	return n
}

// participants are those of window i.
func (p *Participants) participants(i int) (in []*presence) {
	before, after := p.elsewhere(i, true), p.elsewhere(i, false)
	length := float64(p.found[i].End-p.found[i].Start) / binSeconds
	around := max(1, before.and(&before, calm, far)+after.and(&after, calm, far))
	for _, a := range p.crowds[i].seen {
		if a.takesPart(length, &before, &after, around) {
			in = append(in, a)
		}
	}
	return in
}

func (a *presence) takesPart(length float64, before, after *outward, around float64) bool {
	off := a.before.and(before, calm, far) + a.after.and(after, calm, far)
	return a.inside > 0 && float64(a.inside)/length >= participantRatio*off/around
}

// sameCrowd reports whether the participants of windows i and j are the same.
func (p *Participants) sameCrowd(i, j int, in [][]*presence) bool {
	a, b := &p.crowds[i], &p.crowds[j]
	least := max(a.level, b.level)
	of := func(c *crowd, in []*presence) map[netip.Addr]bool {
		takes := make(map[*presence]bool, len(in))
		for _, x := range in {
			takes[x] = true
		}
		out := make(map[netip.Addr]bool, len(in))
		for ip, x := range c.seen {
			if takes[x] && zeros(ip) >= least {
				out[ip] = true
			}
		}
		return out
	}
	one, two := of(a, in[i]), of(b, in[j])
	both := 0
	for ip := range one {
		if two[ip] {
			both++
		}
	}
	return both > 0 && float64(both) >= sharedCrowd*float64(min(len(one), len(two)))
}

// tail is how many bins outward from an end of window i its participants are
// there beyond what visitors explain.
func (p *Participants) tail(i int, before bool, in []*presence) int {
	free := p.elsewhere(i, before)
	side := func(a *presence) (this, that *outward) {
		if before {
			return &a.before, &a.after
		}
		return &a.after, &a.before
	}
	length := float64(p.found[i].End-p.found[i].Start) / binSeconds
	var there, straddle [partBins]float64
	inside := 0.0
	for _, a := range in {
		inside += min(float64(a.inside), length)
		this, _ := side(a)
		for b := this[near]; b != 0; b &= b - 1 {
			there[bits.TrailingZeros64(b)]++
		}
	}
	inside /= length
	controls := p.straddlers(i, &straddle)
	best, sum, at := evidence, 0.0, 0
	for k := range partBins {
		if free[near]>>k&1 == 0 {
			break // another attack
		}
		// Five bins together scatter less; the sixty-fourth part stands for
		// none seen in as many bins.
		usual, n := 0.0, 0.0
		for j := max(0, k-2); j <= min(partBins-1, k+2); j++ {
			usual, n = usual+straddle[j], n+controls
		}
		usual = usual/n + 1./partBins
		rate := max(tailShare*inside, usual+3*math.Sqrt(usual))
		if sum += there[k]*math.Log(rate/usual) - (rate - usual); sum > best {
			best, at = sum, k+1
		}
	}
	return at
}

// straddlers counts who would be taken for participants of a window that isn't
// there: had it lain in the near or in the calm part of either side, who was
// there outward of it, by bin. It gives the number of such windows.
func (p *Participants) straddlers(i int, straddle *[partBins]float64) (windows float64) {
	free := [2]outward{p.elsewhere(i, true), p.elsewhere(i, false)}
	for _, window := range [...]int{near, calm} {
		for s := range free {
			this, that := &free[s], &free[1-s]
			if this[window] != math.MaxUint64 || this[window+1] != math.MaxUint64 {
				continue // another attack
			}
			windows++
			rest := []int{far}
			if window == calm {
				rest = nil
			}
			around := max(1, this.and(this, rest...)+that.and(that, calm, far))
			for _, a := range p.crowds[i].seen {
				side := [2]*outward{&a.before, &a.after}
				o, x := side[s], side[1-s]
				if a.inside > 0 || o[window] == 0 || o[window+1] == 0 {
					continue
				}
				off := o.and(this, rest...) + x.and(that, calm, far)
				if float64(bits.OnesCount64(o[window]))/partBins < participantRatio*off/around {
					continue
				}
				for b := o[window+1]; b != 0; b &= b - 1 {
					straddle[bits.TrailingZeros64(b)]++
				}
			}
		}
	}
	return max(windows, 1)
}
