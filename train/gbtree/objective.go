package gbtree

import (
	"math"

	"sluice/featurestore/fault"
)

// objective is what the trees are fitted to.
type objective struct {
	logistic       bool
	scalePosWeight float32
}

func newObjective(p *Params) objective {
	return objective{logistic: p.Objective == BinaryLogistic, scalePosWeight: p.ScalePosWeight}
}

// checkLabels refuses labels that the objective has no loss for.
func (o objective) checkLabels(d *DMatrix) error {
	if !o.logistic {
		return nil
	}
	for i, y := range d.label {
		if y < 0 || y > 1 {
			return fault.Field(fault.Invalid, "label", "row %d: label %v; %s needs labels in [0, 1]", i, y, BinaryLogistic)
		}
	}
	return nil
}

// gradients writes the derivatives of the loss at the margins of the rows
// begin … end-1.
func (o objective) gradients(d *DMatrix, margin []float32, gpair []gradientPair, begin, end int) {
	margin, gpair, label := margin[begin:end], gpair[begin:end], d.label[begin:end]
	if o.logistic && o.scalePosWeight == 1 && d.weight == nil {
		n := logisticFast(margin, label, gpair)
		logisticGradients(margin[n:], label[n:], gpair[n:])
		return
	}
	var weight []float32
	if d.weight != nil {
		weight = d.weight[begin:end]
	}
	for i, m := range margin {
		w := float32(1)
		if weight != nil {
			w = weight[i]
		}
		y := label[i]
		if y == 1 {
			w *= o.scalePosWeight
		}
		if o.logistic {
			p := sigmoid(m)
			gpair[i] = gradientPair{(p - y) * w, max(p*(1-p), 1e-16) * w}
		} else {
			gpair[i] = gradientPair{(m - y) * w, w}
		}
	}
}

// logisticGradients is the logistic part of gradients without weights. The body
// of sigmoid stands here once more: the compiler does not inline it, and the
// call takes as long as the work.
func logisticGradients(margin, label []float32, gpair []gradientPair) {
	label = label[:len(margin)]
	gpair = gpair[:len(margin)]
	for i, m := range margin {
		x := -m
		if x > 88.7 {
			x = 88.7
		}
		e := float32(0)
		if !(x < expUnderflow) {
			z := float64(expInvLn2N * float64(x))
			kd := z + expShift
			k := math.Float64bits(kd)
			kd -= expShift
			r := z - kd
			s := math.Float64frombits(math.Float64bits(exp2Table[k%32]) + (k&^31)<<(52-5))
			a := float64(expC0*r) + expC1
			b := float64(expC2*r) + 1
			e = float32(float64((float64(a*float64(r*r)) + b) * s))
		}
		p := 1 / (e + 1 + 1e-16)
		h := float32(p * (1 - p))
		if h < 1e-16 {
			h = 1e-16
		}
		gpair[i] = gradientPair{p - label[i], h}
	}
}

// transform turns a margin into a prediction.
func (o objective) transform(margin float32) float32 {
	if o.logistic {
		return sigmoid(margin)
	}
	return margin
}

// startMargin is the margin of a base score.
func (o objective) startMargin(baseScore float32) float32 {
	if !o.logistic {
		return baseScore
	}
	return logit(min(max(baseScore, rtEps), 1-rtEps))
}

// estimate is the base score where none was given: the mean label, or with a
// factor on the positive rows one Newton step from margin 0.
func (o objective) estimate(d *DMatrix) float32 {
	if math.Abs(float64(o.scalePosWeight-1)) > float64(rtEps) {
		gpair := make([]gradientPair, d.rows)
		o.gradients(d, make([]float32, d.rows), gpair, 0, d.rows)
		var sum gradStats
		for _, p := range gpair {
			sum.g += float64(p.g)
			sum.h += float64(p.h)
		}
		return o.transform(float32(-sum.g / max(sum.h, float64(rtEps))))
	}
	mean := 0.0
	if d.weight == nil {
		n := float64(d.rows)
		for _, y := range d.label {
			mean += float64(y) / n
		}
		return float32(mean)
	}
	total := 0.0
	for _, w := range d.weight {
		total += float64(w)
	}
	for i, y := range d.label {
		mean += float64(float64(y) / total * float64(d.weight[i]))
	}
	return float32(mean)
}
