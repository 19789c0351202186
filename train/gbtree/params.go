package gbtree

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strconv"

	"sluice/featurestore/fault"
)

// Values of the parameters that are names.
const (
	BinaryLogistic  = "binary:logistic"
	RegSquaredError = "reg:squarederror"
	Hist            = "hist"
	Exact           = "exact"
	DepthWise       = "depthwise"
	LossGuide       = "lossguide"
)

// Params are the training parameters under XGBoost's names. The zero value is
// not usable: start from DefaultParams.
type Params struct {
	Objective  string   `json:"objective"`             // binary:logistic or reg:squarederror
	EvalMetric []string `json:"eval_metric,omitempty"` // empty: logloss or rmse; early stopping watches the last
	// BaseScore is the intercept: a probability in (0, 1) for binary:logistic,
	// a value for reg:squarederror. nil: estimated from the labels.
	BaseScore      *float32 `json:"base_score,omitempty"`
	ScalePosWeight float32  `json:"scale_pos_weight"` // weight factor of rows with label 1
	Seed           int64    `json:"seed"`             // of the sampling

	TreeMethod      string  `json:"tree_method"` // hist or exact
	Eta             float32 `json:"eta"`         // learning rate, >= 0
	MaxDepth        int     `json:"max_depth"`   // 0: no limit (hist only)
	MaxLeaves       int     `json:"max_leaves"`  // 0: no limit; hist only
	GrowPolicy      string  `json:"grow_policy"` // depthwise or lossguide; hist only
	MaxBin          int     `json:"max_bin"`     // 2 … 65535; hist only
	MinChildWeight  float32 `json:"min_child_weight"`
	Gamma           float32 `json:"gamma"` // least loss a split must remove
	Lambda          float32 `json:"lambda"`
	Alpha           float32 `json:"alpha"`
	MaxDeltaStep    float32 `json:"max_delta_step"` // 0: no limit
	NumParallelTree int     `json:"num_parallel_tree"`

	Subsample        float32 `json:"subsample"` // share of rows per tree, [0, 1]
	ColsampleByTree  float32 `json:"colsample_bytree"`
	ColsampleByLevel float32 `json:"colsample_bylevel"`
	ColsampleByNode  float32 `json:"colsample_bynode"` // hist only

	// MonotoneConstraints holds -1, 0 or 1 per feature; missing ones are 0.
	MonotoneConstraints []int `json:"monotone_constraints,omitempty"`
	// InteractionConstraints lists sets of feature numbers that may meet on a
	// path.
	InteractionConstraints [][]int `json:"interaction_constraints,omitempty"`

	// NThread is the number of threads where Options.Threads says nothing; 0 is
	// all. It changes no result and is no part of the fingerprint.
	NThread int `json:"nthread,omitempty"`
}

// DefaultParams are XGBoost's defaults with objective binary:logistic.
func DefaultParams() Params {
	return Params{
		Objective: BinaryLogistic, ScalePosWeight: 1,
		TreeMethod: Hist, Eta: 0.3, MaxDepth: 6, GrowPolicy: DepthWise, MaxBin: 256,
		MinChildWeight: 1, Lambda: 1, NumParallelTree: 1,
		Subsample: 1, ColsampleByTree: 1, ColsampleByLevel: 1, ColsampleByNode: 1,
	}
}

// Validate checks ranges and combinations.
func (p Params) Validate() error {
	if p.Objective != BinaryLogistic && p.Objective != RegSquaredError {
		return fault.Field(fault.Unsupported, "objective", "objective %q is not supported; supported are %s and %s", p.Objective, BinaryLogistic, RegSquaredError)
	}
	switch p.TreeMethod {
	case Hist, Exact:
	case "approx", "gpu_hist":
		return fault.Field(fault.Unsupported, "tree_method", "tree_method %s is not supported; use hist or exact", p.TreeMethod)
	default:
		return fault.Field(fault.Invalid, "tree_method", "tree_method %q is not known; use hist or exact", p.TreeMethod)
	}
	if p.GrowPolicy != DepthWise && p.GrowPolicy != LossGuide {
		return fault.Field(fault.Invalid, "grow_policy", "grow_policy %q is not known; use depthwise or lossguide", p.GrowPolicy)
	}
	for _, m := range p.EvalMetric {
		if _, err := newMetric(m); err != nil {
			return err
		}
	}
	if err := p.validateNumbers(); err != nil {
		return err
	}
	return p.validateCombinations()
}

func (p Params) validateNumbers() error {
	for _, c := range []struct {
		name     string
		v        float32
		low, top float64
	}{
		{"eta", p.Eta, 0, math.MaxFloat32},
		{"gamma", p.Gamma, 0, math.MaxFloat32},
		{"min_child_weight", p.MinChildWeight, 0, math.MaxFloat32},
		{"lambda", p.Lambda, 0, math.MaxFloat32},
		{"alpha", p.Alpha, 0, math.MaxFloat32},
		{"max_delta_step", p.MaxDeltaStep, 0, math.MaxFloat32},
		{"scale_pos_weight", p.ScalePosWeight, 0, math.MaxFloat32},
		{"subsample", p.Subsample, 0, 1},
		{"colsample_bytree", p.ColsampleByTree, 0, 1},
		{"colsample_bylevel", p.ColsampleByLevel, 0, 1},
		{"colsample_bynode", p.ColsampleByNode, 0, 1},
	} {
		if v := float64(c.v); !(v >= c.low && v <= c.top) {
			if c.top == 1 {
				return fault.Field(fault.Invalid, c.name, "%s is %v; expected a number in [0, 1]", c.name, c.v)
			}
			return fault.Field(fault.Invalid, c.name, "%s is %v; expected a finite number >= 0", c.name, c.v)
		}
	}
	for _, c := range []struct {
		name        string
		v, low, top int
	}{
		{"max_depth", p.MaxDepth, 0, math.MaxInt32},
		{"max_leaves", p.MaxLeaves, 0, math.MaxInt32},
		{"max_bin", p.MaxBin, 2, 65535},
		{"num_parallel_tree", p.NumParallelTree, 1, math.MaxInt32},
		{"nthread", p.NThread, 0, math.MaxInt32},
	} {
		if c.v < c.low || c.v > c.top {
			return fault.Field(fault.Invalid, c.name, "%s is %d; expected %d to %d", c.name, c.v, c.low, c.top)
		}
	}
	return nil
}

func (p Params) validateCombinations() error {
	if b := p.BaseScore; b != nil {
		if p.Objective == BinaryLogistic && !(*b >= 0 && *b <= 1) {
			return fault.Field(fault.Invalid, "base_score", "base_score is %v; %s expects a probability in (0, 1)", *b, BinaryLogistic)
		}
		if v := float64(*b); math.IsNaN(v) || math.IsInf(v, 0) {
			return fault.Field(fault.Invalid, "base_score", "base_score is %v; expected a finite number", *b)
		}
	}
	if p.TreeMethod == Exact {
		switch {
		case p.MaxDepth == 0:
			return fault.Field(fault.Unsupported, "max_depth", "tree_method exact needs max_depth > 0")
		case p.ColsampleByNode != 1:
			return fault.Field(fault.Unsupported, "colsample_bynode", "tree_method exact does not sample columns by node; use hist or colsample_bylevel")
		}
	}
	if p.TreeMethod == Hist && p.MaxLeaves == 0 && p.MaxDepth > 30 {
		return fault.Field(fault.Invalid, "max_depth", "max_depth is %d; without max_leaves expected at most 30", p.MaxDepth)
	}
	for f, c := range p.MonotoneConstraints {
		if c < -1 || c > 1 {
			return fault.Field(fault.Invalid, "monotone_constraints", "feature %d: %d; expected -1, 0 or 1", f, c)
		}
	}
	for i, set := range p.InteractionConstraints {
		for _, f := range set {
			if f < 0 {
				return fault.Field(fault.Invalid, "interaction_constraints", "set %d: feature number %d is negative", i, f)
			}
		}
	}
	return nil
}

// checkColumns compares what is given per feature with the number of features.
func (p Params) checkColumns(cols int) error {
	if n := len(p.MonotoneConstraints); n > cols {
		return fault.Field(fault.Invalid, "monotone_constraints", "%d constraints for %d features", n, cols)
	}
	for i, set := range p.InteractionConstraints {
		for _, f := range set {
			if f >= cols {
				return fault.Field(fault.Invalid, "interaction_constraints", "set %d names feature %d; there are %d features, counted from 0", i, f, cols)
			}
		}
	}
	return nil
}

// metrics are the metrics of every evaluation set.
func (p Params) metrics() ([]metric, error) {
	names := p.EvalMetric
	if len(names) == 0 {
		names = []string{"logloss"}
		if p.Objective == RegSquaredError {
			names = []string{"rmse"}
		}
	}
	ms := make([]metric, 0, len(names))
	for _, n := range names {
		m, err := newMetric(n)
		if err != nil {
			return nil, err
		}
		if !slices.ContainsFunc(ms, func(o metric) bool { return o.name == m.name }) {
			ms = append(ms, m)
		}
	}
	return ms, nil
}

// Fingerprint is a hash of everything that decides the result: 64 hex digits.
func (p Params) Fingerprint() string {
	p.NThread = 0
	b, err := json.Marshal(p)
	if err != nil { // a number that is not finite: no valid parameters
		b = fmt.Appendf(nil, "%#v", p)
	}
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

func defaultName(f int) string { return "f" + strconv.Itoa(f) }

func sortInt32(s []int32) { slices.Sort(s) }
