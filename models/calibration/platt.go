package calibration

import "math"

// FitPlatt fits a sigmoid of the log odds by maximum likelihood (J. Platt,
// "Probabilistic outputs for support vector machines", 1999), by the damped
// Newton method of H.-T. Lin, C.-J. Lin, R. C. Weng ("A note on Platt's
// probabilistic outputs", Machine Learning 68, 2007). Labels count as (N+ +
// 1)/(N+ + 2) and 1/(N- + 2), Platt's guard against certainty. A relation that
// falls gives slope 0: the base rate for every row. Log odds are clipped to
// +-maxLogit.
func FitPlatt(labels []bool, p []float64) (*Calibrator, error) {
	if err := check(labels, p); err != nil {
		return nil, err
	}
	c := &Calibrator{SchemaVersion: SchemaVersion, Kind: Platt, Rows: len(labels), Reason: "too few rows for a free form"}
	x := make([]float64, len(p))
	var pos, neg float64
	for i, v := range p {
		x[i] = min(max(logit(v), -maxLogit), maxLogit)
		if labels[i] {
			pos++
		} else {
			neg++
		}
	}
	if len(p) == 0 {
		return &Calibrator{SchemaVersion: SchemaVersion, Kind: Identity, Reason: "no rows to calibrate on"}, nil
	}
	hi, lo := (pos+1)/(pos+2), 1/(neg+2)
	target := func(i int) float64 {
		if labels[i] {
			return hi
		}
		return lo
	}
	loss := func(a, b float64) float64 {
		var sum float64
		for i, v := range x {
			f := a*v + b
			// log(1 + e^-f) + (1 - t) f, without overflow.
			sum += max(0, -f) + math.Log1p(math.Exp(-math.Abs(f))) + (1-target(i))*f
		}
		return sum
	}
	a, b := 0.0, math.Log((pos+1)/(neg+1))
	value := loss(a, b)
	for range 100 {
		var ga, gb, haa, hab, hbb float64
		for i, v := range x {
			q := sigmoid(a*v + b)
			g, h := q-target(i), q*(1-q)
			ga += g * v
			gb += g
			haa += h * v * v
			hab += h * v
			hbb += h
		}
		if math.Abs(ga)+math.Abs(gb) < 1e-9*float64(len(x)) {
			break
		}
		haa += 1e-12
		hbb += 1e-12
		det := haa*hbb - hab*hab
		if !(det > 0) {
			break
		}
		da, db := -(hbb*ga-hab*gb)/det, -(haa*gb-hab*ga)/det
		step, moved := 1.0, false
		for step > 1e-10 {
			if v := loss(a+step*da, b+step*db); v < value+1e-4*step*(ga*da+gb*db) {
				a, b, value, moved = a+step*da, b+step*db, v, true
				break
			}
			step /= 2
		}
		if !moved {
			break
		}
	}
	if !(a > 0) {
		var t float64
		for i := range x {
			t += target(i)
		}
		a, b = 0, logit(t/float64(len(x)))
		c.Reason = "labels do not rise with the raw probability: the base rate for every row"
	}
	c.Slope, c.Intercept = a, b
	return c, nil
}

// maxLogit bounds the log odds that Platt's fit sees: 0 and 1 have none.
const maxLogit = 35
