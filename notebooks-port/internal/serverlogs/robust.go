package serverlogs

import (
	"math"
	"slices"
)

func median(xs []float64) float64 {
	if len(xs) == 0 {
		return math.NaN()
	}
	s := slices.Sorted(slices.Values(xs))
	n := len(s)
	if n%2 == 1 {
		return s[n/2]
	}
	return (s[n/2-1] + s[n/2]) / 2
}

// spread is the median distance from zero, scaled to a normal distribution's
// standard deviation.
func spread(xs []float64) float64 {
	abs := make([]float64, len(xs))
	for i, x := range xs {
		abs[i] = math.Abs(x)
	}
	return 1.4826 * median(abs)
}

// deviation is how far a value lies from what its peers let expect.
type deviation struct {
	expected float64
	z        float64
}

// minPeers is how many other values of the same kind a baseline needs.
const minPeers = 3

// deviations compares each value with the median of its peers: the values
// that share its first kind (the same weekday, or the same hour of the same
// weekday); where those are fewer than three others, its second kind (the same
// hour); else all. The value itself is left out. The distance is the logarithm
// of (x+1)/(median+1), in units of 1.4826 times the median of all absolute
// distances, and of at least 1/sqrt(median+4), about the spread of counts, and
// 0.1.
// Medians are not moved by the very days that are looked for.
func deviations(x []float64, first, second func(i int) int) []deviation {
	byFirst, bySecond := map[int][]int{}, map[int][]int{}
	for i := range x {
		byFirst[first(i)] = append(byFirst[first(i)], i)
		bySecond[second(i)] = append(bySecond[second(i)], i)
	}
	all := make([]int, len(x))
	for i := range all {
		all[i] = i
	}
	out := make([]deviation, len(x))
	logs := make([]float64, len(x))
	var peers []float64
	for i := range x {
		group := byFirst[first(i)]
		if len(group) <= minPeers {
			group = bySecond[second(i)]
		}
		if len(group) <= minPeers {
			group = all
		}
		peers = peers[:0]
		for _, j := range group {
			if j != i {
				peers = append(peers, x[j])
			}
		}
		b := x[i]
		if len(peers) > 0 {
			b = median(peers)
		}
		out[i].expected = b
		logs[i] = math.Log((x[i] + 1) / (b + 1))
	}
	scale := 0.0
	if len(logs) > 0 {
		scale = spread(logs)
	}
	for i := range out {
		out[i].z = logs[i] / max(scale, 1/math.Sqrt(out[i].expected+4), 0.1)
	}
	return out
}

// The bounds beyond which a day and an hour are marked.
const (
	dayBound  = 3.5
	hourBound = 6.0
	codeBound = 5.0
)

// unusual: the deviation is beyond the bound, and large enough to matter.
func (d deviation) unusual(x, bound, least float64) bool {
	return math.Abs(d.z) >= bound && math.Abs(x-d.expected) >= max(least, 0.25*d.expected)
}

// quantiles counts positive values in bins 2 % wide.
type quantiles struct {
	bins [1400]uint32
	n    int64
}

const binsPerE = 50.0

func (q *quantiles) add(x float64) {
	i := 0
	if x > 1e-6 {
		i = 1 + int((math.Log(x)-math.Log(1e-6))*binsPerE)
	}
	q.bins[min(max(i, 0), len(q.bins)-1)]++
	q.n++
}

// at is the value that a share of the values does not exceed, to 2 %.
func (q *quantiles) at(share float64) float64 {
	if q.n == 0 {
		return math.NaN()
	}
	want := int64(math.Ceil(share * float64(q.n)))
	var seen int64
	for i, c := range q.bins {
		if seen += int64(c); seen >= max(want, 1) {
			if i == 0 {
				return 0
			}
			return 1e-6 * math.Exp((float64(i)-0.5)/binsPerE)
		}
	}
	return math.NaN()
}
