package evaluation

import (
	"math"
	"testing"
)

// By hand: address 1 has a window above the threshold and one below, address 2
// none, address 3 is innocent and flagged once.
func TestAddresses(t *testing.T) {
	in := Input{
		Name: "t", Labels: []bool{true, true, true, false, false, true},
		Scores: []float64{0.9, 0.1, 0.2, 0.8, 0.1, 0.7}, Groups: []int{1, 1, 2, 3, 3, 4},
		RulesAtHalf: make([]bool, 6), RulesOperating: []bool{false, true, false, false, false, false},
		Operating: OperatingChoice{Threshold: 0.6, Target: 0.8, ChosenOn: "folds"},
	}
	a := mustEvaluate(t, in, Options{Draws: 5}).Addresses
	if a.IPs != 4 || a.True != 3 || a.False != 1 || a.Several != 2 || a.Both != 0 {
		t.Errorf("counts %+v", a)
	}
	if c := a.OperatingPoint.Confusion; c != (Confusion{FP: 1, FN: 1, TP: 2}) {
		t.Errorf("model %+v", c)
	}
	if c := a.Rules.Confusion; c != (Confusion{TN: 1, FN: 2, TP: 1}) {
		t.Errorf("rules %+v", c)
	}
	if a.OperatingPoint.Threshold != 0.6 || a.OperatingPoint.Target != 0.8 || a.AtHalf.Threshold != 0.5 || a.Rules.ChosenOn != "training months" {
		t.Errorf("points %+v %+v", a.OperatingPoint, a.Rules)
	}
	// 0.9 and 0.7 of the abusive, 0.2 below the innocent's 0.8: one pair of three.
	if math.Abs(float64(a.ROCAUC)-1.0/3) > 1e-15 {
		t.Errorf("ROC AUC %v", a.ROCAUC)
	}
}

// One row an address: both views are one.
func TestAddressesAreRows(t *testing.T) {
	in := fixture(300, 5)
	for i := range in.Groups {
		in.Groups[i] = 1000 - i
	}
	s := mustEvaluate(t, in, Options{Draws: 5})
	a := s.Addresses
	if a.ROCAUC != s.ROCAUC || a.PRAUC != s.PRAUC || a.AtHalf.Metrics != s.AtHalf.Metrics || a.OperatingPoint != s.OperatingPoint || a.Several != 0 {
		t.Errorf("%+v\n%+v", a.OperatingPoint, s.OperatingPoint)
	}
}

// The gate judges what it is told to: here rows would pass and addresses fail.
func TestGateByAddress(t *testing.T) {
	in := Input{Name: "t", Operating: OperatingChoice{Threshold: 0.6, Target: 0.8}}
	add := func(group int, label bool, score float64) {
		in.Labels, in.Scores, in.Groups = append(in.Labels, label), append(in.Scores, score), append(in.Groups, group)
	}
	for range 9 { // one busy address, nine windows
		add(1, true, 0.9)
	}
	add(2, false, 0.9)
	add(3, true, 0.1)
	s := mustEvaluate(t, in, Options{Draws: 5})
	if g := Judge(&s, GateConfig{MinPrecision: 0.8}, Facts{}); !g.Passed {
		t.Errorf("by row: %+v", g)
	}
	g := Judge(&s, GateConfig{MinPrecision: 0.8, ByAddress: true}, Facts{})
	if g.Passed || g.Checks[0].Observed != 0.5 {
		t.Errorf("by address: %+v", g)
	}
}
