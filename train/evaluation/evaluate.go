package evaluation

import (
	"context"
	"fmt"
	"math"

	"sluice/featurestore/fault"
	"sluice/models/rules/aim"
	"sluice/models/rules/bound"
)

// intervalLevel is the level of every two-sided interval.
const intervalLevel = 0.95

// RequestCountSlices are the least request_count of the published slices.
var RequestCountSlices = []float64{0, 10, 100, 1e3, 1e4, 1e5}

// Input is the labelled test rows of one split: slices of equal length, one
// element a row. Rows with an unknown label are not in it, only counted.
type Input struct {
	Name   string
	Months Months

	Labels     []bool
	Scores     []float64 // raw probability of the model, [0, 1]
	Calibrated []float64 // calibrated probability, [0, 1]; nil: the raw one
	Groups     []int     // the row's address as any number; rows of one address share it

	// Operating is the threshold, chosen beforehand on training rows.
	Operating OperatingChoice
	BestF1    *OperatingChoice // the threshold of best F1, chosen on the same rows; nil for none

	// RulesAtHalf and RulesOperating are the flags of the rules fitted for the
	// best F1 and for the aim; nil where there are no rules.
	RulesAtHalf, RulesOperating []bool
	RulesAbstain                bool // no rule served the aim

	ListedBefore []bool // listed before the window's start; nil where unknown
	Champion     []bool // flags of the serving model at its operating point; nil without one

	RequestCount []float64 // requests of the row; NaN where unknown
	Seen         []bool    // the address was in the training months; nil where unknown
	Slices       []SliceInput
	Unknown      int // rows of the test months whose label is unknown
}

// SliceInput names part of the rows: one of a family of slices.
type SliceInput struct {
	Family, Name string
	Include      []bool
}

// Options steer an evaluation.
type Options struct {
	Seed    uint64
	Draws   int // bootstrap draws; 0 means 1,000, negative none
	Threads int // 0 means all processors; no figure depends on it
	// Aim is what the operating point was chosen for, the zero aim being a
	// precision of 0.8: it decides comparisons and what hindsight looks for.
	Aim aim.Aim
}

// DefaultDraws is the number of bootstrap draws where none is asked for.
const DefaultDraws = 1000

func (in *Input) check() error {
	n := len(in.Labels)
	if n == 0 {
		return fault.New(fault.Invalid, "evaluation %s: no labelled test row: give the months %v labels, or test on months that have some", in.Name, in.Months.Test)
	}
	for _, c := range []struct {
		name     string
		n        int
		optional bool
	}{
		{"scores", len(in.Scores), false}, {"groups", len(in.Groups), false},
		{"calibrated probabilities", len(in.Calibrated), in.Calibrated == nil},
		{"request counts", len(in.RequestCount), in.RequestCount == nil},
		{"flags of the rules", len(in.RulesAtHalf), in.RulesAtHalf == nil},
		{"flags of the rules at the operating point", len(in.RulesOperating), in.RulesOperating == nil},
		{"flags of earlier listings", len(in.ListedBefore), in.ListedBefore == nil},
		{"flags of the champion", len(in.Champion), in.Champion == nil},
		{"seen flags", len(in.Seen), in.Seen == nil},
	} {
		if !c.optional && c.n != n {
			return fault.New(fault.Invalid, "evaluation %s: %d %s for %d rows", in.Name, c.n, c.name, n)
		}
	}
	if (in.RulesAtHalf == nil) != (in.RulesOperating == nil) {
		return fault.New(fault.Invalid, "evaluation %s: flags of one of the two rules only: want both or neither", in.Name)
	}
	for _, p := range [][]float64{in.Scores, in.Calibrated} {
		bad, missing := 0, 0
		for _, v := range p {
			if math.IsNaN(v) {
				missing++
			} else if !(v >= 0 && v <= 1) {
				bad++
			}
		}
		if bad > 0 || missing == n {
			return fault.Field(fault.Invalid, "scores", "evaluation %s: %d of %d probabilities are NaN or outside [0, 1]; check the model and its columns", in.Name, bad+missing, n)
		}
	}
	for _, s := range in.Slices {
		if len(s.Include) != n {
			return fault.New(fault.Invalid, "evaluation %s: slice %s %q has %d elements for %d rows", in.Name, s.Family, s.Name, len(s.Include), n)
		}
	}
	return nil
}

// Evaluate measures one split. It fails on inputs that do not fit together, on
// scores that are no probabilities and when ctx is cancelled; one class only,
// empty slices and an abstaining model are measured, with null where a figure
// has no value. Rows whose score is NaN are left out, counted and warned of.
func Evaluate(ctx context.Context, in Input, opt Options) (Split, error) {
	if err := in.check(); err != nil {
		return Split{}, err
	}
	if opt.Draws == 0 {
		opt.Draws = DefaultDraws
	}
	opt.Draws = max(0, opt.Draws)
	opt.Aim = opt.Aim.OrDefault()
	if err := opt.Aim.Check(); err != nil {
		return Split{}, err
	}
	in, unscored := in.scored()
	if in.Calibrated == nil {
		in.Calibrated = in.Scores
	}
	groups, clusters := denseGroups(in.Groups)
	e := newEvaluator(&in, opt, groups, clusters)

	s := Split{Name: in.Name, Months: in.Months, Rows: e.rows(), Warnings: []string{}}
	s.Rows.Unscored = unscored
	rank, err := Rank(in.Labels, in.Scores, nil)
	if err != nil {
		return Split{}, err
	}
	s.Result = e.model(rank)
	if in.RulesAtHalf != nil {
		s.Rules = flagResult(e.point(in.RulesAtHalf, nil), e.point(in.RulesOperating, nil))
		s.Rules.AtHalf.ChosenOn = "training months, for the best F1"
		like := e.rulesPoint()
		s.Rules.OperatingPoint.ChosenOn, s.Rules.OperatingPoint.Target, s.Rules.OperatingPoint.Abstains = like.ChosenOn, like.Target, like.Abstains
	}
	if in.ListedBefore != nil {
		p := e.point(in.ListedBefore, nil)
		p.ChosenOn = chosenByList
		s.ListedBefore = flagResult(p, p)
	}
	if in.Champion != nil {
		p := e.point(in.Champion, nil)
		p.ChosenOn = chosenByChampion
		s.Champion = flagResult(p, p)
	}
	s.Slices = e.slices()
	s.Addresses = e.addresses()
	s.Thresholds = e.thresholds(rank)
	s.Hindsight = e.hindsight(rank)
	if err := e.bootstrap(ctx, &s, rank); err != nil {
		return Split{}, err
	}
	s.Incomplete, err = ElkanNoto(ctx, in.Labels, in.Calibrated, e.operating, in.RequestCount, in.Groups, opt.Draws, opt.Threads, mix(opt.Seed+1))
	if err != nil {
		return Split{}, err
	}
	s.Warnings = append(s.Warnings, warnings(&s)...)
	return s, nil
}

// warnings are what limits a split's figures.
func warnings(s *Split) []string {
	var out []string
	if n := s.Rows.Unscored; n > 0 {
		out = append(out, fmt.Sprintf("%s of %s labelled rows have no probability (NaN) and are left out of every figure; check the model's leaves and columns", thousands(float64(n)), thousands(float64(n+s.Rows.Rows))))
	}
	if s.Rows.True == 0 || s.Rows.False == 0 {
		word := map[bool]string{true: "True", false: "False"}[s.Rows.False == 0]
		out = append(out, "every labelled row is "+word+": ROC AUC and what needs both labels have no value")
	}
	if c := s.CalibrationError; c != nil && c.Warning != "" {
		out = append(out, c.Warning)
	}
	return out
}

// The words for points that no training rows chose.
const (
	chosenByList     = "the list as of each window's start"
	chosenByChampion = "the champion's own operating point"
)

type evaluator struct {
	in              *Input
	opt             Options
	groups          []int
	clusters        int
	counter         *bound.Counter
	half, operating []bool
	bestF1          []bool // nil without the choice
}

func newEvaluator(in *Input, opt Options, groups []int, clusters int) *evaluator {
	e := &evaluator{in: in, opt: opt, groups: groups, clusters: clusters, counter: bound.NewCounter(clusters)}
	e.half = make([]bool, len(in.Scores))
	for i, p := range in.Scores {
		e.half[i] = p >= 0.5
	}
	e.operating = in.Operating.Flags(in.Scores)
	if in.BestF1 != nil {
		e.bestF1 = in.BestF1.Flags(in.Scores)
	}
	return e
}

// rulesPoint is how the rules' operating point came to be; nil without rules.
func (e *evaluator) rulesPoint() *Point {
	if e.in.RulesOperating == nil {
		return nil
	}
	return &Point{Target: targetOf(e.opt.Aim), ChosenOn: "training months", Abstains: e.in.RulesAbstain}
}

func (e *evaluator) rows() Rows {
	r := Rows{Rows: len(e.in.Labels), Unknown: e.in.Unknown, IPs: e.clusters}
	for i, y := range e.in.Labels {
		if y {
			r.True++
		} else {
			r.False++
		}
		if e.in.Seen != nil && e.in.Seen[i] {
			r.Seen++
		}
		if e.in.RequestCount != nil && !math.IsNaN(e.in.RequestCount[i]) {
			r.Requests += int64(e.in.RequestCount[i])
		}
	}
	return r
}

func flagResult(half, operating Point) *Result {
	return &Result{
		ROCAUC: NaN(), PRAUC: NaN(), Brier: NaN(), LogLoss: NaN(), BrierRaw: NaN(),
		AtHalf: half, OperatingPoint: operating,
	}
}

func (e *evaluator) model(rank *Ranking) Result {
	in := e.in
	parts := DecomposeBrier(in.Labels, in.Calibrated, reliabilityBins)
	r := Result{
		ROCAUC: rank.ROCAUC(), PRAUC: rank.PRAUC(),
		Brier: Brier(in.Labels, in.Calibrated, nil), LogLoss: LogLoss(in.Labels, in.Calibrated, nil),
		BrierRaw: Brier(in.Labels, in.Scores, nil), BrierParts: &parts,
		AtHalf: e.point(e.half, nil), OperatingPoint: e.point(e.operating, nil),
		Curves: &Curves{
			ROC: rank.ROC(), PR: rank.PR(),
			Reliability: Reliability(in.Labels, in.Calibrated, e.groups, e.clusters),
			RawBins:     Reliability(in.Labels, in.Scores, e.groups, e.clusters),
		},
	}
	r.Curves.Score, r.Curves.ScoreTrue = scoreHistogram(in.Labels, in.Scores)
	r.AtHalf = e.asHalf(r.AtHalf)
	r.OperatingPoint = e.asOperating(r.OperatingPoint)
	if e.bestF1 != nil {
		p := e.point(e.bestF1, nil)
		p.Threshold, p.ChosenOn, p.Abstains = in.BestF1.Threshold, in.BestF1.ChosenOn, in.BestF1.Abstains
		r.BestF1 = &p
	}
	r.CalibrationError = MeasureCalibration(in.Labels, in.Calibrated, in.Scores, e.groups, e.clusters)
	return r
}

func (e *evaluator) asHalf(p Point) Point {
	p.Threshold, p.ChosenOn = 0.5, "fixed"
	return p
}

func (e *evaluator) asOperating(p Point) Point {
	o := e.in.Operating
	p.Threshold, p.Target, p.ChosenOn, p.Abstains = o.Threshold, o.Target, o.ChosenOn, o.Abstains
	if o.Abstains {
		p.Threshold = NaN()
	}
	return p
}

// point measures flags on the rows of include (nil: all).
func (e *evaluator) point(flags, include []bool) Point {
	var c Confusion
	tally := func(of func(i int) (counted, hit bool)) bound.Sums {
		e.counter.Reset()
		for i := range flags {
			if include != nil && !include[i] {
				continue
			}
			if counted, hit := of(i); counted {
				e.counter.Add(e.groups[i], hit, 1)
			}
		}
		return e.counter.Sums
	}
	for i, y := range e.in.Labels {
		if include == nil || include[i] {
			c.add(y, flags[i], 1)
		}
	}
	precision := tally(func(i int) (bool, bool) { return flags[i], e.in.Labels[i] })
	recall := tally(func(i int) (bool, bool) { return e.in.Labels[i], flags[i] })
	p := Point{
		Threshold: NaN(), Target: NaN(), Metrics: c.Metrics(), PrecisionBound: NaN(),
		PrecisionLow: NaN(), PrecisionHigh: NaN(), RecallLow: NaN(), RecallHigh: NaN(),
	}
	two := bound.Z((1 + intervalLevel) / 2)
	if precision.N > 0 {
		p.PrecisionBound = Float(precision.Lower(bound.Z(boundConfidence)))
		lo, hi := precision.Interval(two)
		p.PrecisionLow, p.PrecisionHigh = Float(lo), Float(hi)
	}
	if recall.N > 0 {
		lo, hi := recall.Interval(two)
		p.RecallLow, p.RecallHigh = Float(lo), Float(hi)
	}
	return p
}

// hindsightRows is how many rows a threshold must flag before its precision on
// the test month is worth quoting.
const hindsightRows = 50

func (e *evaluator) hindsight(rank *Ranking) Hindsight {
	h := Hindsight{
		Target: targetOf(e.opt.Aim), Threshold: NaN(), Precision: NaN(), Recall: NaN(),
		Best: NaN(), BestAt: NaN(), MinRows: min(hindsightRows, rank.Len()),
	}
	pos, neg := rank.totals()
	saved := Float(0)
	rank.walk(func(score, tp, fp float64) {
		p := tp / (tp + fp)
		enough := tp+fp >= float64(h.MinRows)
		if enough && (isNaN(h.Best) || p > float64(h.Best)) {
			h.Best, h.BestAt = Float(p), ratio(tp, pos)
		}
		c := Confusion{TN: neg - fp, FP: fp, FN: pos - tp, TP: tp}
		switch e.opt.Aim.Kind() {
		case aim.FalsePositiveRate:
			rate := c.FalsePositiveRate()
			if !(float64(rate) <= e.opt.Aim.FalsePositiveRate) || tp == 0 || h.Reachable && ratio(tp, pos) <= h.Recall {
				return
			}
			h.Rate = &rate
		case aim.Cost:
			s := Saving(e.opt.Aim, c)
			if !(s > saved) {
				return
			}
			saved = s
			h.Saving = &s
		default:
			if !enough || p < e.opt.Aim.Precision {
				return
			}
		}
		h.Reachable = true
		h.Threshold, h.Precision, h.Recall = Float(score), Float(p), ratio(tp, pos)
	})
	return h
}
