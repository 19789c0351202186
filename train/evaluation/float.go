package evaluation

import (
	"encoding/json"
	"math"
	"strconv"
)

// Float is a float64 that JSON writes as null where it is not a finite number,
// and reads back as NaN.
type Float float64

// NaN is the undefined figure.
func NaN() Float { return Float(math.NaN()) }

// Defined reports whether f is a finite number.
func (f Float) Defined() bool { return !math.IsNaN(float64(f)) && !math.IsInf(float64(f), 0) }

// MarshalJSON writes the shortest text that reads back as f, or null.
func (f Float) MarshalJSON() ([]byte, error) {
	if !f.Defined() {
		return []byte("null"), nil
	}
	return json.Marshal(float64(f))
}

// UnmarshalJSON reads a number or null.
func (f *Float) UnmarshalJSON(b []byte) error {
	if string(b) == "null" {
		*f = NaN()
		return nil
	}
	v, err := strconv.ParseFloat(string(b), 64)
	*f = Float(v)
	return err
}
