package calibration

import (
	"bytes"
	"encoding/json"
	"math"
	"slices"

	"sluice/featurestore/fault"
)

// Kind is the form of a calibrator.
type Kind string

// The forms.
const (
	Isotonic Kind = "isotonic"
	Platt    Kind = "platt"
	Identity Kind = "identity"
)

// The rule by which Fit chooses: isotonic regression needs many rows not to
// follow chance; a sigmoid has two parameters and needs few; below MinClassRows
// of either label even those two are chance.
const (
	IsotonicRows = 1000
	MinClassRows = 10
)

// SchemaVersion is the version of calibration.json.
const SchemaVersion = 1

// Calibrator maps raw probabilities to calibrated ones. It is immutable after
// Fit or Parse and safe for concurrent use; the zero value is the identity.
type Calibrator struct {
	SchemaVersion int    `json:"schema_version"`
	Kind          Kind   `json:"kind"`
	Rows          int    `json:"rows"`   // it was fitted on
	Reason        string `json:"reason"` // why this kind
	// X and Y are the knots of the isotonic form, X rising, Y not falling;
	// between knots it is linear, outside them constant.
	X []float64 `json:"x,omitempty"`
	Y []float64 `json:"y,omitempty"`
	// Slope and Intercept are Platt's: 1 / (1 + exp(-(Slope logit(p) +
	// Intercept))), with Slope >= 0.
	Slope     float64 `json:"slope,omitempty"`
	Intercept float64 `json:"intercept,omitempty"`
}

// Apply gives the calibrated probability of a raw one. NaN stays NaN; what
// lies outside [0, 1] is taken as the nearest end.
func (c *Calibrator) Apply(p float64) float64 {
	if math.IsNaN(p) {
		return p
	}
	p = min(max(p, 0), 1)
	switch c.Kind {
	case Isotonic:
		return c.interpolate(p)
	case Platt:
		if c.Slope == 0 {
			return sigmoid(c.Intercept) // 0 times infinity is not 0
		}
		return sigmoid(c.Slope*logit(p) + c.Intercept)
	}
	return p
}

// ApplyAll is Apply of each probability, into dst where that is long enough.
func (c *Calibrator) ApplyAll(dst, p []float64) []float64 {
	if cap(dst) < len(p) {
		dst = make([]float64, len(p))
	}
	dst = dst[:len(p)]
	for i, v := range p {
		dst[i] = c.Apply(v)
	}
	return dst
}

func (c *Calibrator) interpolate(p float64) float64 {
	n := len(c.X)
	if p <= c.X[0] {
		return c.Y[0]
	}
	if p >= c.X[n-1] {
		return c.Y[n-1]
	}
	i, found := slices.BinarySearch(c.X, p)
	if found {
		return c.Y[i]
	}
	x0, x1, y0, y1 := c.X[i-1], c.X[i], c.Y[i-1], c.Y[i]
	// Rounding must not lead past the knot, or the order of rows could turn.
	return min(max(y0+(p-x0)/(x1-x0)*(y1-y0), y0), y1)
}

// sigmoid and logit avoid overflow; logit of 0 and 1 is infinite.
func sigmoid(x float64) float64 {
	if x >= 0 {
		return 1 / (1 + math.Exp(-x))
	}
	e := math.Exp(x)
	return e / (1 + e)
}

func logit(p float64) float64 { return math.Log(p) - math.Log1p(-p) }

// Fit chooses the form by the number of rows and fits it: isotonic from
// IsotonicRows rows on, else Platt, and the identity with fewer than
// MinClassRows rows of either label. p are raw probabilities in [0, 1] of rows
// the model was not trained on.
func Fit(labels []bool, p []float64) (*Calibrator, error) {
	if err := check(labels, p); err != nil {
		return nil, err
	}
	pos := 0
	for _, y := range labels {
		if y {
			pos++
		}
	}
	switch {
	case min(pos, len(labels)-pos) < MinClassRows:
		return &Calibrator{SchemaVersion: SchemaVersion, Kind: Identity, Rows: len(labels), Reason: "too few rows of one label to calibrate on"}, nil
	case len(labels) < IsotonicRows:
		return FitPlatt(labels, p)
	}
	return FitIsotonic(labels, p)
}

func check(labels []bool, p []float64) error {
	if len(labels) != len(p) {
		return fault.New(fault.Invalid, "calibration: %d labels for %d probabilities: want equal lengths", len(labels), len(p))
	}
	bad := 0
	for _, v := range p {
		if !(v >= 0 && v <= 1) {
			bad++
		}
	}
	if bad > 0 {
		return fault.Field(fault.Invalid, "scores", "calibration: %d of %d probabilities are NaN or outside [0, 1]", bad, len(p))
	}
	return nil
}

// MarshalIndent is calibration.json: the same bytes for the same calibrator.
func (c *Calibrator) MarshalIndent() ([]byte, error) {
	b, err := json.MarshalIndent(c, "", "  ")
	return append(b, '\n'), err
}

// Parse reads calibration.json and refuses what is not monotone or not in
// [0, 1].
func Parse(b []byte) (*Calibrator, error) {
	var head struct {
		SchemaVersion int `json:"schema_version"`
	}
	if err := json.Unmarshal(b, &head); err != nil {
		return nil, fault.New(fault.Corrupt, "calibration.json: %w", err)
	}
	if head.SchemaVersion > SchemaVersion {
		return nil, fault.New(fault.Version, "calibration.json has schema version %d, this program reads up to %d: use a newer sluice", head.SchemaVersion, SchemaVersion)
	}
	if head.SchemaVersion < 1 {
		return nil, fault.Field(fault.Corrupt, "schema_version", "calibration.json: schema_version %d: want 1", head.SchemaVersion)
	}
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.DisallowUnknownFields()
	c := &Calibrator{}
	if err := dec.Decode(c); err != nil {
		return nil, fault.New(fault.Corrupt, "calibration.json: %w", err)
	}
	return c, c.validate()
}

func (c *Calibrator) validate() error {
	bad := func(field, format string, args ...any) error {
		return fault.Field(fault.Corrupt, field, "calibration.json: "+format, args...)
	}
	switch c.Kind {
	case Identity:
	case Platt:
		if !(c.Slope >= 0) || math.IsInf(c.Slope+math.Abs(c.Intercept), 0) || math.IsNaN(c.Intercept) {
			return bad("slope", "slope %v, intercept %v: want finite numbers and a slope from 0", c.Slope, c.Intercept)
		}
	case Isotonic:
		if len(c.X) == 0 || len(c.X) != len(c.Y) {
			return bad("x", "%d knots in x, %d in y: want the same number, at least one", len(c.X), len(c.Y))
		}
		for i := range c.X {
			if !(c.X[i] >= 0 && c.X[i] <= 1 && c.Y[i] >= 0 && c.Y[i] <= 1) {
				return bad("x", "knot %d lies outside [0, 1]", i)
			}
			if i > 0 && (c.X[i] <= c.X[i-1] || c.Y[i] < c.Y[i-1]) {
				return bad("x", "knot %d does not rise", i)
			}
		}
	default:
		return bad("kind", "kind is %q: want isotonic, platt or identity", c.Kind)
	}
	return nil
}
