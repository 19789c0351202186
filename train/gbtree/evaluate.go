package gbtree

import "math"

// rtEps is XGBoost's kRtEps: gains not above it do not split.
const rtEps float32 = 1e-6

// gradStats is a sum of gradient pairs.
type gradStats struct{ g, h float64 }

func (s gradStats) add(t gradStats) gradStats { return gradStats{s.g + t.g, s.h + t.h} }
func (s gradStats) sub(t gradStats) gradStats { return gradStats{s.g - t.g, s.h - t.h} }

// split is the best way found to divide a node; loss 0 is none.
type split struct {
	loss        float32
	feature     int32
	defaultLeft bool
	threshold   float32
	bin         int32 // hist: the last bin that goes left, -1 if none
	left, right gradStats
}

// replacedBy says that a candidate of the given loss takes the place of s. Only
// a larger loss does; an infinite one never.
func (s *split) replacedBy(loss float32) bool {
	return loss > s.loss && loss <= math.MaxFloat32
}

// regularizer is the part of the parameters that weights and gains need.
type regularizer struct {
	lambda, alpha  float64
	maxDeltaStep   float64
	minChildWeight float64
	monotone       []int8 // per feature; nil without constraints
}

func newRegularizer(p *Params, cols int) *regularizer {
	r := &regularizer{
		lambda:         float64(p.Lambda),
		alpha:          float64(p.Alpha),
		maxDeltaStep:   float64(p.MaxDeltaStep),
		minChildWeight: float64(p.MinChildWeight),
	}
	for f, c := range p.MonotoneConstraints {
		if c != 0 {
			if r.monotone == nil {
				r.monotone = make([]int8, cols)
			}
			r.monotone[f] = int8(c)
		}
	}
	return r
}

// bounds limit a node's weight under monotone constraints.
type bounds struct{ lower, upper float32 }

var unbounded = bounds{-math.MaxFloat32, math.MaxFloat32}

// children are the bounds of the two children of a node that splits on f.
func (r *regularizer) children(b bounds, f int32, wl, wr float32) (left, right bounds) {
	left, right = b, b
	if r.monotone == nil {
		return left, right
	}
	mid := (wl + wr) / 2
	switch c := r.monotone[f]; {
	case c < 0:
		left.lower, right.upper = mid, mid
	case c > 0:
		left.upper, right.lower = mid, mid
	}
	return left, right
}

// weight is the best value of a leaf with these sums, before the learning rate.
func (r *regularizer) weight(s gradStats, b bounds) float32 {
	if s.h <= 0 {
		return r.clamp(0, b)
	}
	t := 0.0
	switch {
	case s.g > r.alpha:
		t = s.g - r.alpha
	case s.g < -r.alpha:
		t = s.g + r.alpha
	}
	w := -t / (s.h + r.lambda)
	if r.maxDeltaStep != 0 && math.Abs(w) > r.maxDeltaStep {
		w = math.Copysign(r.maxDeltaStep, w)
	}
	return r.clamp(float32(w), b)
}

func (r *regularizer) clamp(w float32, b bounds) float32 {
	if r.monotone == nil {
		return w
	}
	if w < b.lower {
		return b.lower
	}
	if w > b.upper {
		return b.upper
	}
	return w
}

// gainAt is twice the loss that a leaf of weight w removes. The square is
// rounded to float32 before it is used.
func (r *regularizer) gainAt(s gradStats, w float32) float32 {
	if s.h <= 0 {
		return 0
	}
	sq := float64(float32(w * w))
	wd := float64(w)
	sum := float64(float64(2*s.g)*wd) + float64((s.h+r.lambda)*sq)
	return float32(-(sum + float64(float64(2*r.alpha)*math.Abs(wd))))
}

// gain is gainAt the best weight.
func (r *regularizer) gain(s gradStats, b bounds) float32 { return r.gainAt(s, r.weight(s, b)) }

// splitGain is the gain of two children together, -Inf if they may not be.
func (r *regularizer) splitGain(f int32, b bounds, left, right gradStats) float32 {
	negInf := float32(math.Inf(-1))
	if !(left.h > 0 && right.h > 0 && left.h >= r.minChildWeight && right.h >= r.minChildWeight) {
		return negInf
	}
	wl, wr := r.weight(left, b), r.weight(right, b)
	gain := r.gainAt(left, wl) + r.gainAt(right, wr)
	if r.monotone != nil {
		if c := r.monotone[f]; c > 0 && !(wl <= wr) || c < 0 && !(wl >= wr) {
			return negInf
		}
	}
	return gain
}

// simple says that weights and gains are the plain quotients: no L1 term, no
// step limit, no constraints.
func (r *regularizer) simple() bool {
	return r.alpha == 0 && r.maxDeltaStep == 0 && r.monotone == nil
}

// interactions holds interaction_constraints: which features a node may use,
// by the features used above it.
type interactions struct {
	sets  []map[int32]bool
	cols  int
	limit int // features from here on are not allowed at the root
}

func newInteractions(p *Params, cols, limit int) *interactions {
	if len(p.InteractionConstraints) == 0 {
		return nil
	}
	in := &interactions{cols: cols, limit: limit}
	for _, set := range p.InteractionConstraints {
		m := make(map[int32]bool, len(set))
		for _, f := range set {
			m[int32(f)] = true
		}
		in.sets = append(in.sets, m)
	}
	return in
}

// path is the features used on the way to a node and those it may use.
type path struct {
	used    []int32
	allowed []bool
}

// root allows every feature. A nil *interactions gives a nil path, which allows
// all.
func (in *interactions) root() *path {
	if in == nil {
		return nil
	}
	p := &path{allowed: make([]bool, in.cols)}
	for f := range p.allowed {
		p.allowed[f] = f < in.limit
	}
	return p
}

// child is the path after a split on f: what was used on it stays allowed, and
// so does every set that holds all of that.
func (in *interactions) child(p *path, f int32) *path {
	if in == nil {
		return nil
	}
	c := &path{allowed: make([]bool, in.cols)}
	c.used = append(append(c.used, p.used...), f)
	for _, u := range c.used {
		c.allowed[u] = true
	}
	for _, set := range in.sets {
		all := true
		for _, u := range c.used {
			all = all && set[u]
		}
		if all {
			for k := range set {
				c.allowed[k] = true
			}
		}
	}
	return c
}

func (p *path) allows(f int32) bool { return p == nil || p.allowed[f] }
