package scorer

import (
	"encoding/json"
	"math"
	"strings"
	"testing"

	"sluice/featurestore/columns"
	"sluice/featurestore/fault"
	"sluice/models/calibration"
)

// A version passes its own test, through JSON; another model, other columns and
// a changed answer do not.
func TestSelfTest(t *testing.T) {
	s := newScorer(t, ptr(0.6))
	nan := math.NaN()
	var x []float32
	for _, v := range [][]float64{rowOf(1, 0), rowOf(10, 0), rowOf(10, 1), rowOf(nan, nan)} {
		for _, f := range v {
			x = append(x, float32(f))
		}
	}
	b, err := json.Marshal(s.SelfTest(x, 4))
	if err != nil {
		t.Fatal(err)
	}
	test, err := ParseSelfTest(b)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Check(test); err != nil {
		t.Error(err)
	}
	if test.Rows[3][columns.RequestCount] != nil || *test.Rows[1][columns.RequestCount] != 10 {
		t.Errorf("rows %v", test.Rows)
	}
	other := stump(columns.Names())
	other.Trees[0].SplitConditions[2] += 0.01
	wrong, err := New("2024-07-0123456789ab", other, NewSchema(columns.Names(), OperatingPoint{}), &calibration.Calibrator{})
	if err != nil {
		t.Fatal(err)
	}
	if err := wrong.Check(test); !fault.Is(err, fault.Corrupt) || !strings.Contains(err.Error(), "row 1 of its self-test") {
		t.Errorf("another model: %v", err)
	}
	changed := test
	changed.Names = append([]string{"other"}, test.Names[1:]...)
	if err := s.Check(changed); !fault.Is(err, fault.Corrupt) {
		t.Errorf("other columns: %v", err)
	}
	for text, kind := range map[string]fault.Kind{
		`{"schema_version":2,"x":1}`: fault.Version,
		`{`:                          fault.Corrupt,
		`{"schema_version":1}`:       fault.Corrupt,
		`{"schema_version":1,"names":["a"],"rows":[[1]],"margins":[1],"confidences":[1],"more":1}`: fault.Corrupt,
		`{"schema_version":1,"names":["a"],"rows":[[1,2]],"margins":[1],"confidences":[1]}`:        fault.Corrupt,
		`{"schema_version":1,"names":["a"],"rows":[[1]],"margins":[],"confidences":[1]}`:           fault.Corrupt,
	} {
		if _, err := ParseSelfTest([]byte(text)); !fault.Is(err, kind) {
			t.Errorf("%s: %v, want %v", text, err, kind)
		}
	}
}
