package simulate

import (
	"math"
	"math/bits"
	"sort"
	"time"
)

// slotSeconds is the grain of the background's rhythm.
const slotSeconds = 600

// rhythm is when the background is awake: a cumulative weight per ten minutes
// of a month, with days and weeks in it and nothing inside the windows, so
// that a window's rows are its own.
type rhythm struct {
	start int64
	cum   []float64 // cum[k]: weight before slot k; the last is the whole
}

func newRhythm(m *month) rhythm {
	start, end := m.month.Start(time.UTC).Unix(), m.month.End(time.UTC).Unix()
	rh := rhythm{start: start, cum: make([]float64, 1, (end-start)/slotSeconds+1)}
	for t := start; t < end; t += slotSeconds {
		weight := 0.0
		if !m.attacked(t) {
			at := time.Unix(t, 0).UTC()
			hour := float64(at.Hour()) + float64(at.Minute())/60
			weight = 1 + .6*math.Sin(2*math.Pi*(hour-9)/24) // quiet at 03, busy at 15 UTC
			if d := at.Weekday(); d == time.Saturday || d == time.Sunday {
				weight *= .8
			}
		}
		rh.cum = append(rh.cum, rh.cum[len(rh.cum)-1]+weight)
	}
	return rh
}

// attacked reports whether the slot that begins at t touches a window.
func (m *month) attacked(t int64) bool {
	for _, w := range m.windows {
		if t+slotSeconds > w.Start && t < w.End {
			return true
		}
	}
	return false
}

// at is the instant by which a share u of a month's background was sent.
func (rh *rhythm) at(u float64) int64 {
	whole := rh.cum[len(rh.cum)-1]
	x := u * whole
	k := sort.SearchFloat64s(rh.cum, x)
	if k == len(rh.cum) || rh.cum[k] > x {
		k--
	}
	for k+1 < len(rh.cum)-1 && rh.cum[k+1] <= rh.cum[k] {
		k++ // x lies on the edge of a window: the next waking slot
	}
	weight := rh.cum[k+1] - rh.cum[k]
	return rh.start + int64(k)*slotSeconds + int64(min(.9999, (x-rh.cum[k])/weight)*slotSeconds)
}

// share is the part of a month's background that was sent before t.
func (rh *rhythm) share(t int64) float64 {
	k := (t - rh.start) / slotSeconds
	if t < rh.start {
		return 0
	}
	if k >= int64(len(rh.cum)-1) {
		return 1
	}
	part := float64((t-rh.start)%slotSeconds) / slotSeconds
	return (rh.cum[k] + part*(rh.cum[k+1]-rh.cum[k])) / rh.cum[len(rh.cum)-1]
}

// clock tells when n requests are sent: request i lies in the i-th of n equal
// parts of the span, at a place that depends on i alone, so any request's time
// can be had without the others', and times never go back.
type clock struct {
	id     uint64
	n      int64
	start  int64
	length float64
	rhythm *rhythm // nil: evenly over the span
}

// newClock is the clock of the requests that the profile's row is made of.
func newClock(p *Profile, rh *rhythm) clock {
	return clock{id: p.id, n: p.Requests, start: p.Start, length: float64(p.End - p.Start), rhythm: rh}
}

// newExtraClock is the clock of the requests that the filter drops.
func newExtraClock(p *Profile, rh *rhythm) clock {
	c := newClock(p, rh)
	c.id, c.n = mix(p.id^0xe), p.Hits+p.API
	return c
}

// at is the Unix second of request i of all that the client sends.
func (c *clock) at(i int64) int64 {
	u := (float64(i) + unit(mix(c.id+uint64(i)))) / float64(c.n)
	if c.rhythm != nil {
		return c.rhythm.at(u)
	}
	return c.start + int64(u*c.length)
}

// unit turns bits into [0, 1).
func unit(x uint64) float64 { return float64(x>>11) / (1 << 53) }

// first is the first request at or after t; n if there is none. Request i lies
// in the i-th n-th of the span, so it is one of two.
func (c *clock) first(t int64) int64 {
	i := int64(c.share(t)*float64(c.n)) - 1
	i = min(max(i, 0), c.n)
	for i < c.n && c.at(i) < t {
		i++
	}
	return i
}

// share is the part of the requests sent before t, in [0, 1].
func (c *clock) share(t int64) float64 {
	if c.rhythm != nil {
		return c.rhythm.share(t)
	}
	return min(1, max(0, float64(t-c.start)/c.length))
}

// stride walks 0 … n-1 in an order that looks shuffled and needs no memory:
// position i stands for (a·i + b) mod n with a prime to n. Exactly k of the n
// positions stand for a number below k, spread evenly; with that, a share is
// exact over all requests and any part can be made alone.
type stride struct {
	a, at, n uint64
}

func newStride(id uint64, n int64, i int64) stride {
	s := stride{n: uint64(n)}
	// Near the golden section successive numbers are far apart.
	s.a = uint64(float64(n)*(.55+.3*unit(mix(id)))) | 1
	for gcd(s.a, s.n) != 1 {
		s.a += 2
	}
	s.a %= s.n
	b := mix(id+1) % s.n
	hi, lo := bits.Mul64(s.a, uint64(i))
	_, s.at = bits.Div64(hi%s.n, lo, s.n)
	s.at = (s.at + b) % s.n
	return s
}

func (s *stride) next() {
	s.at += s.a
	if s.at >= s.n {
		s.at -= s.n
	}
}

func gcd(a, b uint64) uint64 {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}
