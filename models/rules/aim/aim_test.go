package aim

import (
	"encoding/json"
	"math"
	"testing"

	"sluice/featurestore/fault"
)

func TestAim(t *testing.T) {
	for _, c := range []struct {
		aim                Aim
		kind               Kind
		json, words, flags string
	}{
		{AtPrecision(0.8), Precision, `{"target_precision":0.8}`, "precision 80 %", ""},
		{AtPrecision(0.925), Precision, `{"target_precision":0.925}`, "precision 92.5 %", "--target-precision 0.925"},
		{AtFalsePositiveRate(0.0005), FalsePositiveRate, `{"max_false_positive_rate":0.0005}`, "a false-positive rate of at most 0.05 %", "--max-false-positive-rate 0.0005"},
		{AtCosts(20, 0.5), Cost, `{"cost_false_positive":20,"cost_false_negative":0.5}`, "the least cost, a false positive costing 20 and a missed row 0.5", "--cost-false-positive 20 --cost-false-negative 0.5"},
	} {
		if err := c.aim.Check(); err != nil {
			t.Errorf("%+v: %v", c.aim, err)
		}
		b, err := json.Marshal(c.aim)
		if err != nil || string(b) != c.json {
			t.Errorf("%+v: %s, %v, want %s", c.aim, b, err, c.json)
		}
		if got := c.aim.Kind(); got != c.kind {
			t.Errorf("%+v: kind %v, want %v", c.aim, got, c.kind)
		}
		if got := c.aim.Words(); got != c.words {
			t.Errorf("%+v: %q, want %q", c.aim, got, c.words)
		}
		if got := c.aim.Flags(); got != c.flags {
			t.Errorf("%+v: %q, want %q", c.aim, got, c.flags)
		}
		if c.aim.OrDefault() != c.aim {
			t.Errorf("%+v gives way to the default", c.aim)
		}
	}
	if (Aim{}).OrDefault() != AtPrecision(0.8) {
		t.Errorf("without an aim: %+v", (Aim{}).OrDefault())
	}
}

func TestCheckRefuses(t *testing.T) {
	for _, c := range []struct {
		aim   Aim
		field string
	}{
		{Aim{}, "target-precision"},
		{AtPrecision(80), "target-precision"},
		{AtPrecision(1), "target-precision"},
		{AtPrecision(math.NaN()), "target-precision"},
		{AtFalsePositiveRate(-0.1), "max-false-positive-rate"},
		{AtFalsePositiveRate(math.Inf(1)), "max-false-positive-rate"},
		{AtCosts(3, 0), "cost-false-positive"},
		{AtCosts(-1, 1), "cost-false-positive"},
		{AtCosts(math.Inf(1), 1), "cost-false-positive"},
		{AtCosts(math.NaN(), 1), "cost-false-positive"},
		{AtCosts(1e7, 1), "cost-false-positive"},
		{Aim{Precision: 0.8, FalsePositiveRate: 0.1}, "target-precision"},
		{Aim{FalsePositiveRate: 0.1, CostFalsePositive: 1, CostFalseNegative: 1}, "target-precision"},
	} {
		err := c.aim.Check()
		if !fault.Is(err, fault.Invalid) || fault.FieldOf(err) != c.field {
			t.Errorf("%+v: %v (field %q), want INVALID of %s", c.aim, err, fault.FieldOf(err), c.field)
		}
	}
}
