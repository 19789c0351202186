package aggregate

import (
	"math"

	"sluice/featurestore/columns"
	"sluice/featurestore/row"
)

// Summary is a Group whose distinct values were counted elsewhere, by an engine
// that can't hand them over.
type Summary struct {
	Counts
	Agents, Queries, URIPaths int64
	// Paths are how many of the paths had how many requests, ascending by
	// requests.
	Paths []PathCount
	Hours []row.HourCount
	// Quartiles are those of the gaps between requests, in quarters of a second,
	// so that interpolation leaves them whole; of use where HasGaps.
	Quartiles [3]int64
	HasGaps   bool
}

// PathCount is the number of paths that had so many requests each.
type PathCount struct{ Requests, Paths int64 }

// AddSize adds hi·2⁶⁴ + lo to the sum of response_size, in bytes.
func (s *Summary) AddSize(hi, lo uint64) { s.addSize(hi, lo) }

// Values appends what Group.Values and Group.Behaviour append for the same
// requests, bit for bit. Without Paths the entropy is missing where uri_path
// is there, and so are the two columns of gaps without HasGaps.
func (s *Summary) Values(dst []float64, shared Shared) []float64 {
	g := Group{Counts: s.Counts, Hours: s.Hours}
	dst = g.Values(dst)
	v := dst[len(dst)-columns.NumFeatures:]
	v[columns.URIQueryCount] = distinct(int(s.Queries), s.QueryRows)
	v[columns.UserAgentCount] = distinct(int(s.Agents), s.AgentRows)

	g.Timed = 0
	dst = g.Behaviour(dst, shared)
	v = dst[len(dst)-columns.NumBehaviour:]
	v[columns.URIPathCount] = distinct(int(s.URIPaths), s.Probe.Of)
	v[columns.DistinctURIPathRatio] = ratio(s.URIPaths, s.Probe.Of)
	v[columns.URIPathEntropy] = s.entropy()
	if s.HasGaps && s.Requests > 1 {
		q1, q2, q3 := float64(s.Quartiles[0])/4, float64(s.Quartiles[1])/4, float64(s.Quartiles[2])/4
		v[columns.InterarrivalMedian], v[columns.InterarrivalSpread] = q2, 0
		if q1+q3 > 0 {
			v[columns.InterarrivalSpread] = (q3 - q1) / (q3 + q1)
		}
	}
	return dst
}

// entropy is Group.entropy: the same additions in the same order.
func (s *Summary) entropy() float64 {
	switch {
	case s.Probe.Of == 0 || len(s.Paths) == 0:
		return math.NaN()
	case s.URIPaths == 1:
		return 0
	}
	n, sum := int64(0), 0.0
	for _, p := range s.Paths {
		n = add(n, p.Requests*p.Paths)
		if p.Requests > 1 {
			term := float64(p.Requests) * math.Log2(float64(p.Requests))
			for range p.Paths {
				sum += term
			}
		}
	}
	return entropyOf(n, sum)
}
