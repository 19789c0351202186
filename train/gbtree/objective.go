package gbtree

import (
	"math"

	"sluice/featurestore/fault"
	"sluice/models/ensemble"
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
			p := ensemble.Sigmoid(m)
			gpair[i] = gradientPair{(p - y) * w, max(p*(1-p), 1e-16) * w}
		} else {
			gpair[i] = gradientPair{(m - y) * w, w}
		}
	}
}

// The constants of ensemble.Expf.
const (
	expInvLn2N   = 0x1.71547652b82fep+0 * 32
	expShift     = 0x1.8p+52 // adding it leaves the nearest integer in the low bits
	expC0        = 0x1.c6af84b912394p-5 / 32 / 32 / 32
	expC1        = 0x1.ebfce50fac4f3p-3 / 32 / 32
	expC2        = 0x1.62e42ff0c52d6p-1 / 32
	expUnderflow = -0x1.5d58ap+6 // ln of the smallest normal float32, nearly
)

// exp2Table holds 2^(i/32), correctly rounded.
var exp2Table = [32]float64{
	0x1.0000000000000p+0, 0x1.059b0d3158574p+0, 0x1.0b5586cf9890fp+0, 0x1.11301d0125b51p+0,
	0x1.172b83c7d517bp+0, 0x1.1d4873168b9aap+0, 0x1.2387a6e756238p+0, 0x1.29e9df51fdee1p+0,
	0x1.306fe0a31b715p+0, 0x1.371a7373aa9cbp+0, 0x1.3dea64c123422p+0, 0x1.44e086061892dp+0,
	0x1.4bfdad5362a27p+0, 0x1.5342b569d4f82p+0, 0x1.5ab07dd485429p+0, 0x1.6247eb03a5585p+0,
	0x1.6a09e667f3bcdp+0, 0x1.71f75e8ec5f74p+0, 0x1.7a11473eb0187p+0, 0x1.82589994cce13p+0,
	0x1.8ace5422aa0dbp+0, 0x1.93737b0cdc5e5p+0, 0x1.9c49182a3f090p+0, 0x1.a5503b23e255dp+0,
	0x1.ae89f995ad3adp+0, 0x1.b7f76f2fb5e47p+0, 0x1.c199bdd85529cp+0, 0x1.cb720dcef9069p+0,
	0x1.d5818dcfba487p+0, 0x1.dfc97337b9b5fp+0, 0x1.ea4afa2a490dap+0, 0x1.f50765b6e4540p+0,
}

// logisticGradients is the logistic part of gradients without weights. The body
// of ensemble.Sigmoid stands here once more, for the compiler does not inline
// it; exponentials below the normal numbers are 0, which the sum with 1 hides.
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
			kd := math.FMA(float64(x), expInvLn2N, expShift)
			k := math.Float64bits(kd)
			kd -= expShift
			r := math.FMA(float64(x), expInvLn2N, -kd)
			s := math.Float64frombits(math.Float64bits(exp2Table[k%32]) + (k&^31)<<(52-5))
			y := math.FMA(math.FMA(expC0, r, expC1), float64(r*r), math.FMA(expC2, r, 1))
			e = float32(float64(y * s))
		}
		p := 1 / (e + 1)
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
		return ensemble.Sigmoid(margin)
	}
	return margin
}

// startMargin is the margin of a base score.
func (o objective) startMargin(baseScore float32) float32 {
	if !o.logistic {
		return baseScore
	}
	p := min(max(baseScore, rtEps), 1-rtEps)
	return -ensemble.Logf(1/p - 1)
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
