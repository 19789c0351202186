package scorer

import (
	"bytes"
	"encoding/json"
	"math"
	"slices"

	"sluice/featurestore/fault"
)

// SelfTestVersion is the version of a self-test's JSON form.
const SelfTestVersion = 1

// selfTestTolerance bounds how far a margin may lie from the one written down,
// for each unit of its size: another processor may round the sum of the leaves
// and the sigmoid otherwise in the last digits of float32.
const selfTestTolerance = 1e-5

// SelfTest is rows and what a version answered for them when it was made. It
// lies beside the model, so that who loads the version can see whether it still
// answers the same.
type SelfTest struct {
	SchemaVersion int          `json:"schema_version"`
	Names         []string     `json:"names"`
	Rows          [][]*float32 `json:"rows"` // null is missing
	Margins       []float32    `json:"margins"`
	Confidences   []float64    `json:"confidences"`
}

// SelfTest is what the Scorer answers for n rows, x as in ScoreFloat32.
func (s *Scorer) SelfTest(x []float32, n int) SelfTest {
	f := len(s.schema.Names)
	t := SelfTest{SchemaVersion: SelfTestVersion, Names: s.schema.Names, Rows: make([][]*float32, n)}
	for i, sc := range s.ScoreFloat32(x, n, 1) {
		t.Rows[i] = make([]*float32, f)
		for j, v := range x[i*f:][:f] {
			if v == v {
				t.Rows[i][j] = &v
			}
		}
		t.Margins, t.Confidences = append(t.Margins, sc.Margin), append(t.Confidences, sc.Confidence)
	}
	return t
}

// ParseSelfTest reads a self-test. Errors: Corrupt, Version.
func ParseSelfTest(b []byte) (SelfTest, error) {
	var head struct {
		SchemaVersion int `json:"schema_version"`
	}
	if err := json.Unmarshal(b, &head); err != nil {
		return SelfTest{}, fault.New(fault.Corrupt, "self-test: %w", err)
	}
	if head.SchemaVersion > SelfTestVersion {
		return SelfTest{}, fault.New(fault.Version, "self-test has schema version %d, this program reads up to %d: use a newer one", head.SchemaVersion, SelfTestVersion)
	}
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.DisallowUnknownFields()
	var t SelfTest
	if err := dec.Decode(&t); err != nil {
		return t, fault.New(fault.Corrupt, "self-test: %w", err)
	}
	if len(t.Rows) == 0 || len(t.Margins) != len(t.Rows) || len(t.Confidences) != len(t.Rows) {
		return t, fault.New(fault.Corrupt, "self-test: %d rows, %d margins, %d confidences: want as many of each, and some", len(t.Rows), len(t.Margins), len(t.Confidences))
	}
	for i, r := range t.Rows {
		if len(r) != len(t.Names) {
			return t, fault.New(fault.Corrupt, "self-test: row %d has %d values for %d names", i, len(r), len(t.Names))
		}
	}
	return t, nil
}

// Check asks the Scorer the test's rows. Errors: Corrupt where it answers
// otherwise than the test says.
func (s *Scorer) Check(t SelfTest) error {
	if !slices.Equal(t.Names, s.schema.Names) {
		return fault.New(fault.Corrupt, "version %s: its self-test is of the columns %q, the model's are %q", s.version, t.Names, s.schema.Names)
	}
	x := make([]float32, 0, len(t.Rows)*len(t.Names))
	for _, r := range t.Rows {
		for _, v := range r {
			if v == nil {
				x = append(x, float32(math.NaN()))
			} else {
				x = append(x, *v)
			}
		}
	}
	for i, got := range s.ScoreFloat32(x, len(t.Rows), 1) {
		margin, confidence := float64(t.Margins[i]), t.Confidences[i]
		// Written so that NaN fails.
		if !(math.Abs(float64(got.Margin)-margin) <= selfTestTolerance*max(1, math.Abs(margin))) || !(math.Abs(got.Confidence-confidence) <= selfTestTolerance) {
			return fault.New(fault.Corrupt, "version %s answers otherwise than when it was made: row %d of its self-test gives margin %v and confidence %v, want %v and %v; retrain, or use the program that trained it", s.version, i, got.Margin, got.Confidence, t.Margins[i], confidence)
		}
	}
	return nil
}
