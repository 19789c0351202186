package evaluation

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"
)

// UnlabelledEstimate corrects precision for abusive addresses that nobody has
// reported, after C. Elkan and K. Noto, "Learning classifiers from only
// positive and unlabeled data", KDD 2008. With s = reported and y = abusive it
// assumes that whether an abusive address gets reported does not depend on its
// features: p(s=1 | x, y=1) = c. Then p(y=1 | x) = p(s=1 | x) / c. Under the
// same assumption recall against reported addresses is recall against all.
//
// The assumption is doubtful wherever busy addresses are reported more
// readily; Warning says so when the data do.
type UnlabelledEstimate struct {
	E1 Float `json:"e1"` // mean of p over reported rows
	E2 Float `json:"e2"` // sum of p over reported rows / sum of p
	E3 Float `json:"e3"` // greatest p
	C  Float `json:"c"`  // the estimate used: e1
	// CLow and CHigh are the bootstrap interval of c, by IP.
	CLow  Float `json:"c_low"`
	CHigh Float `json:"c_high"`
	// Abusive is the estimated share of abusive rows, p(s=1)/c, at most 1.
	Abusive Float `json:"abusive_share"`
	// Precision is the estimated true precision at the operating point, at its
	// most; the precision against the labels is its least. It is the mean over flagged rows of 1 for reported ones and of
	// p(y=1 | x, s=0) = (1-c)/c * p/(1-p), at most 1, for the others.
	Precision     Float `json:"precision"`
	PrecisionLow  Float `json:"precision_low"`
	PrecisionHigh Float `json:"precision_high"`
	// Deciles is e1 within tenths of request_count.
	Deciles []UnlabelledDecile `json:"deciles"`
	Warning string             `json:"warning"`
}

// UnlabelledDecile is c estimated within a tenth of the rows by request_count.
type UnlabelledDecile struct {
	RequestsFrom Float `json:"request_count_from"`
	RequestsTo   Float `json:"request_count_to"`
	Reported     int   `json:"reported"`
	C            Float `json:"c"`
	Low          Float `json:"low"` // 95 % interval of the mean
	High         Float `json:"high"`
}

// ElkanNoto estimates c and what follows from it. p are calibrated
// probabilities of rows the model was not trained on; flags may be nil (no
// precision then); requestCount may be nil (no deciles then). It needs
// reported rows with positive p; without them every figure is NaN.
func ElkanNoto(ctx context.Context, labels []bool, p []float64, flags []bool, requestCount []float64, groups []int, draws, threads int, seed uint64) (*UnlabelledEstimate, error) {
	u := &UnlabelledEstimate{
		E1: NaN(), E2: NaN(), E3: NaN(), C: NaN(), CLow: NaN(), CHigh: NaN(), Abusive: NaN(),
		Precision: NaN(), PrecisionLow: NaN(), PrecisionHigh: NaN(), Deciles: []UnlabelledDecile{},
	}
	var sumPos, sum, top float64
	var pos int
	for i, y := range labels {
		sum += p[i]
		top = max(top, p[i])
		if y {
			sumPos += p[i]
			pos++
		}
	}
	if pos == 0 || sumPos == 0 {
		u.Warning = "no reported row has a positive probability: nothing can be estimated"
		return u, nil
	}
	u.E1, u.E2, u.E3 = Float(sumPos/float64(pos)), Float(sumPos/sum), Float(top)
	u.C = u.E1
	u.Abusive = Float(min(1, float64(pos)/float64(len(labels))/float64(u.C)))
	u.Precision = Float(correctedPrecision(labels, p, flags, float64(u.C)))
	if requestCount != nil {
		u.Deciles = unlabelledDeciles(labels, p, requestCount)
		u.Warning = decileWarning(u.Deciles)
	}
	if w := overlapWarning(u); w != "" {
		if u.Warning != "" {
			u.Warning += "; "
		}
		u.Warning += w
	}

	// Bootstrap by address: c anew in each draw, then the precision under it.
	dense, clusters := denseGroups(groups)
	b := &Bootstrap{clusters: clusters, verdicts: 0}
	rowsOf := make([]uint32, len(labels))
	for i, g := range dense {
		rowsOf[i] = uint32(g)
	}
	res, err := b.each(ctx, draws, 2, threads, seed, func(counts []uint16, out []float64) {
		var s, n float64
		for i, y := range labels {
			if y {
				w := float64(counts[rowsOf[i]])
				s += w * p[i]
				n += w
			}
		}
		c := s / n
		out[0] = c
		var hit, total float64
		for i, f := range flags {
			if f {
				w := float64(counts[rowsOf[i]])
				hit += w * abusive(labels[i], p[i], c)
				total += w
			}
		}
		out[1] = hit / total
	})
	if err != nil {
		return nil, err
	}
	u.CLow, u.CHigh, _ = percentiles(res, 0, intervalLevel)
	u.PrecisionLow, u.PrecisionHigh, _ = percentiles(res, 1, intervalLevel)
	return u, nil
}

// abusive is p(y=1 | x, s).
func abusive(reported bool, p, c float64) float64 {
	if reported {
		return 1
	}
	if p >= 1 {
		return 1
	}
	return min(1, max(0, (1-c)/c*p/(1-p)))
}

func correctedPrecision(labels []bool, p []float64, flags []bool, c float64) float64 {
	var hit, n float64
	for i, f := range flags {
		if f {
			hit += abusive(labels[i], p[i], c)
			n++
		}
	}
	return hit / n
}

func unlabelledDeciles(labels []bool, p, requestCount []float64) []UnlabelledDecile {
	order := make([]int32, 0, len(labels))
	for i, x := range requestCount {
		if !math.IsNaN(x) {
			order = append(order, int32(i))
		}
	}
	slices.SortFunc(order, func(a, b int32) int {
		return cmp.Or(cmp.Compare(requestCount[a], requestCount[b]), cmp.Compare(a, b))
	})
	out := []UnlabelledDecile{}
	start := 0
	for d := 1; d <= 10; d++ {
		end := len(order) * d / 10
		if end <= start {
			continue
		}
		for end < len(order) && requestCount[order[end]] == requestCount[order[end-1]] {
			end++
		}
		u := UnlabelledDecile{
			RequestsFrom: Float(requestCount[order[start]]), RequestsTo: Float(requestCount[order[end-1]]),
			C: NaN(), Low: NaN(), High: NaN(),
		}
		var s, ss float64
		for _, i := range order[start:end] {
			if labels[i] {
				u.Reported++
				s += p[i]
				ss += p[i] * p[i]
			}
		}
		if n := float64(u.Reported); n > 1 {
			m := s / n
			half := 1.96 * math.Sqrt(max(0, ss/n-m*m)/(n-1))
			u.C, u.Low, u.High = Float(m), Float(max(0, m-half)), Float(min(1, m+half))
		}
		out = append(out, u)
		start = end
	}
	return out
}

// overlapWarning speaks up when e1 and e3 tell different stories. Were abusive
// and innocent rows told apart by their features, both would be c; where they
// overlap e1 is pulled down by unclear rows, and what follows from it is a
// limit, not an estimate.
func overlapWarning(u *UnlabelledEstimate) string {
	const much = 1.25
	if u.E3 < much*u.E1 {
		return ""
	}
	return fmt.Sprintf("e1 is %.2f and e3 %.2f: features do not tell abusive and innocent rows apart cleanly, so the precision estimated from e1 is the most it can be", float64(u.E1), float64(u.E3))
}

// decileWarning speaks up when the smallest and the greatest c of the tenths
// with enough reported rows differ by a quarter or more and have intervals
// that do not touch: smaller differences come from how clear the cases of a
// tenth are.
func decileWarning(deciles []UnlabelledDecile) string {
	const enough, much = 30, 1.25
	var lo, hi *UnlabelledDecile
	for i := range deciles {
		d := &deciles[i]
		if d.Reported < enough || !d.C.Defined() {
			continue
		}
		if lo == nil || d.C < lo.C {
			lo = d
		}
		if hi == nil || d.C > hi.C {
			hi = d
		}
	}
	if lo == nil || lo.High >= hi.Low || hi.C < much*lo.C {
		return ""
	}
	return fmt.Sprintf("reporting depends on request_count: c is %.2f at %s and %.2f at %s, so the assumption behind this estimate does not hold and it is a rough guide only",
		float64(lo.C), lo.Range(), float64(hi.C), hi.Range())
}

// Range is the tenth's requests in words: "1 request", "4 to 9 requests".
func (d UnlabelledDecile) Range() string {
	from, to := thousands(float64(d.RequestsFrom)), thousands(float64(d.RequestsTo))
	switch {
	case from == to && from == "1":
		return "1 request"
	case from == to:
		return from + " requests"
	}
	return from + " to " + to + " requests"
}
