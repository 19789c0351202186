package evaluation

import (
	"math"
	"strconv"
)

// The families of slices that Evaluate makes itself, and the slice that tells
// most about a model whose labels come from a list.
const (
	FamilyRequestCount = "request_count"
	FamilySeen         = "seen"
	FamilyListedBefore = "listed_before"
	SliceNeverListed   = "never listed before"
)

// slices measures the six request_count slices, rows of seen and unseen
// addresses, those never seen nor listed, and the caller's own families.
func (e *evaluator) slices() []Slice {
	in := e.in
	n := len(in.Labels)
	out := []Slice{}
	if in.RequestCount != nil {
		for _, least := range RequestCountSlices {
			inc := make([]bool, n)
			for i, x := range in.RequestCount {
				// The first slice is everything, rows of unknown count too.
				inc[i] = least == 0 || x >= least
			}
			out = append(out, e.slice(FamilyRequestCount, "≥ "+thousands(least), inc))
		}
	}
	not := func(v []bool) []bool {
		o := make([]bool, n)
		for i := range v {
			o[i] = !v[i]
		}
		return o
	}
	if in.Seen != nil {
		out = append(out,
			e.slice(FamilySeen, "address seen in training", in.Seen),
			e.slice(FamilySeen, "address never seen in training", not(in.Seen)))
	}
	if in.ListedBefore != nil {
		out = append(out,
			e.slice(FamilyListedBefore, "listed before", in.ListedBefore),
			e.slice(FamilyListedBefore, SliceNeverListed, not(in.ListedBefore)))
		if in.Seen != nil {
			inc := not(in.Seen)
			for i := range inc {
				inc[i] = inc[i] && !in.ListedBefore[i]
			}
			out = append(out, e.slice(FamilyListedBefore, "never listed, never seen", inc))
		}
	}
	for _, s := range in.Slices {
		out = append(out, e.slice(s.Family, s.Name, s.Include))
	}
	return out
}

func (e *evaluator) slice(family, name string, include []bool) Slice {
	in := e.in
	var labels []bool
	var scores []float64
	ips := make(map[int]struct{})
	for i, ok := range include {
		if ok {
			labels = append(labels, in.Labels[i])
			scores = append(scores, in.Scores[i])
			ips[e.groups[i]] = struct{}{}
		}
	}
	s := Slice{
		Family: family, Name: name, Rows: len(labels), IPs: len(ips),
		Coverage: ratio(float64(len(labels)), float64(len(in.Labels))),
		Share:    ratio(float64(len(ips)), float64(e.clusters)),
		ROCAUC:   NaN(), PRAUC: NaN(),
		AtHalf:  e.asHalf(e.point(e.half, include)),
		Operate: e.asOperating(e.point(e.operating, include)),
	}
	if r, err := Rank(labels, scores, nil); err == nil {
		s.ROCAUC, s.PRAUC = r.ROCAUC(), r.PRAUC()
	}
	if in.RulesOperating != nil {
		p := e.point(in.RulesOperating, include)
		like := e.rulesPoint()
		p.Target, p.ChosenOn, p.Abstains = like.Target, like.ChosenOn, like.Abstains
		s.Rules = &p
	}
	if in.ListedBefore != nil {
		p := e.point(in.ListedBefore, include)
		s.Listed = &p
	}
	return s
}

// thousands is a whole number with comma separators.
func thousands(x float64) string {
	s := strconv.FormatFloat(x, 'f', 0, 64)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// thresholds is what each of a fixed set of thresholds and the operating point
// would flag.
func (e *evaluator) thresholds(rank *Ranking) []ThresholdRow {
	in := e.in
	op := math.NaN()
	if !in.Operating.Abstains {
		op = float64(in.Operating.Threshold)
	}
	levels := []float64{}
	placed := math.IsNaN(op)
	for _, t := range []float64{0.95, 0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2, 0.1} {
		if !placed && op >= t {
			levels = append(levels, op)
			placed = true
			if op == t {
				continue
			}
		}
		levels = append(levels, t)
	}
	if !placed {
		levels = append(levels, op)
	}
	pos, _ := rank.totals()
	var total float64
	requests := func(i int32) float64 {
		if in.RequestCount == nil || math.IsNaN(in.RequestCount[i]) {
			return 0
		}
		return in.RequestCount[i]
	}
	for i := range in.Labels {
		total += requests(int32(i))
	}
	ips, readers := map[int]struct{}{}, map[int]struct{}{}
	var tp, fp, req, readerReq float64
	k := 0
	out := []ThresholdRow{}
	for _, t := range levels {
		for ; k < len(rank.order) && rank.scores[rank.order[k]] >= t; k++ {
			i := rank.order[k]
			ips[e.groups[i]] = struct{}{}
			req += requests(i)
			if in.Labels[i] {
				tp++
			} else {
				fp++
				readers[e.groups[i]] = struct{}{}
				readerReq += requests(i)
			}
		}
		out = append(out, ThresholdRow{
			Threshold: Float(t), Operating: t == op, IPs: len(ips), Rows: k,
			Precision: ratio(tp, tp+fp), Recall: ratio(tp, pos),
			Requests: int64(req), RequestShare: ratio(req, total),
			Unreported: len(readers), UnreportedReq: int64(readerReq),
		})
	}
	return out
}
