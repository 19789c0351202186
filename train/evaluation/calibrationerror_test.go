package evaluation

import (
	"math"
	"math/rand/v2"
	"strings"
	"testing"
)

func draws(n int, seed uint64, chance func(p float64) float64) (labels []bool, p []float64, groups []int) {
	rng := rand.New(rand.NewPCG(seed, 1))
	for i := range n {
		x := rng.Float64()
		p = append(p, x)
		labels = append(labels, rng.Float64() < chance(x))
		groups = append(groups, i)
	}
	return labels, p, groups
}

// Probabilities that are right are not warned of, at any size; those that
// promise twice what comes are.
func TestCalibrationError(t *testing.T) {
	for seed := range uint64(20) {
		labels, p, groups := draws(400, seed, func(p float64) float64 { return p })
		if c := MeasureCalibration(labels, p, p, groups, len(groups)); c.Warning != "" {
			t.Errorf("seed %d: %s (error %v, %d outside)", seed, c.Warning, c.Error, c.Outside)
		}
	}
	labels, p, groups := draws(4000, 1, func(p float64) float64 { return p / 2 })
	c := MeasureCalibration(labels, p, p, groups, len(groups))
	// The mean probability is 1/2, the share 1/4, in every bin p/2 apart.
	if math.Abs(float64(c.Error)-0.25) > 0.02 || math.Abs(float64(c.Bias)-0.25) > 0.02 || c.BiasLow <= 0.2 || c.Outside < 8 || !strings.Contains(c.Warning, "too high on these rows") {
		t.Errorf("%+v", c)
	}
	if c := MeasureCalibration(labels, half(p), p, groups, len(groups)); c.Error >= c.Raw || c.Warning != "" {
		t.Errorf("after calibration %v, before %v: %s", c.Error, c.Raw, c.Warning)
	}
	labels, p, groups = draws(4000, 1, func(p float64) float64 { return 0.5 + p/2 })
	if c := MeasureCalibration(labels, p, p, groups, len(groups)); !strings.Contains(c.Warning, "too low on these rows") {
		t.Errorf("%+v", c)
	}
	if c := MeasureCalibration(nil, nil, nil, nil, 0); c.Error.Defined() || c.Bias.Defined() {
		t.Errorf("of nothing: %+v", c)
	}
}

func half(p []float64) []float64 {
	out := make([]float64, len(p))
	for i := range p {
		out[i] = p[i] / 2
	}
	return out
}

// With one row an address the interval of the bias is the usual one of a mean.
func TestBiasInterval(t *testing.T) {
	labels, p, groups := draws(500, 3, func(p float64) float64 { return p })
	c := MeasureCalibration(labels, p, p, groups, len(groups))
	var sum, sum2 float64
	for i := range p {
		d := p[i] - truth(labels[i])
		sum += d
		sum2 += d * d
	}
	n := float64(len(p))
	sd := math.Sqrt(sum2/n - sum/n*sum/n)
	if want := 1.959963984540054 * sd / math.Sqrt(n); math.Abs(float64(c.BiasHigh-c.Bias)-want) > 1e-12 {
		t.Errorf("half width %v, want %v", c.BiasHigh-c.Bias, want)
	}
}

func TestCalibrationGate(t *testing.T) {
	labels, p, groups := draws(1000, 1, func(p float64) float64 { return p / 2 })
	s := mustEvaluate(t, Input{Name: "t", Labels: labels, Scores: p, Groups: groups, Operating: OperatingChoice{Threshold: 0.5}}, Options{Draws: 5})
	if g := Judge(&s, GateConfig{MaxCalibrationError: 0.1}, Facts{}); g.Passed || g.Checks[0].Name != "max_calibration_error" {
		t.Errorf("%+v", g)
	}
	if g := Judge(&s, GateConfig{MaxCalibrationError: 0.3}, Facts{}); !g.Passed {
		t.Errorf("%+v", g)
	}
	if len(s.Warnings) != 1 || s.Warnings[0] != s.CalibrationError.Warning {
		t.Errorf("warnings %q", s.Warnings)
	}
	if (GateConfig{MaxCalibrationError: 2}).Validate() == nil {
		t.Error("a limit of 2 is taken")
	}
}
