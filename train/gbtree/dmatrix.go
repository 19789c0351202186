package gbtree

import (
	"math"
	"sync"

	"sluice/featurestore/columns"
	"sluice/featurestore/fault"
)

// Limits of a DMatrix.
const (
	MaxRows     = math.MaxInt32 - 64 // row numbers are kept in 32 bits
	MaxFeatures = 65535              // the shuffle behind column sampling is the short one
)

// DMatrix holds the rows that a model is trained on or evaluated with. It
// keeps the slices it was given; they must not change while it is in use. It
// is safe for concurrent use.
type DMatrix struct {
	rows, cols int
	x          []float32 // rows*cols, row-major, NaN missing
	label      []float32
	weight     []float32 // nil: 1 each
	names      []string
	present    []int // values per column that are not NaN

	mu     sync.Mutex
	sorted []sortedColumn         // for exact; nil until asked for
	bins   map[binsKey]*quantized // for hist
}

// NewDMatrix makes a DMatrix of len(label) rows. x holds the features row by
// row, len(featureNames) values each, NaN meaning missing; weight is nil or
// one number >= 0 a row. Names may be nil, then the number of columns is
// len(x)/len(label).
//
// Refused are infinite features, labels that are not finite, negative or
// infinite weights, weights that are all 0, repeated names, and a feature
// named like the label column: the label is never an input.
func NewDMatrix(x []float32, label, weight []float32, featureNames []string) (*DMatrix, error) {
	rows := len(label)
	if rows == 0 {
		return nil, fault.Field(fault.Invalid, "label", "no rows: a label per row is needed")
	}
	if rows > MaxRows {
		return nil, fault.Field(fault.Exhausted, "label", "%d rows: at most %d are supported", rows, MaxRows)
	}
	cols := len(featureNames)
	if cols == 0 {
		cols = len(x) / rows
	}
	if cols == 0 || len(x) != rows*cols {
		return nil, fault.Field(fault.Invalid, "x", "%d values do not make %d rows of %d features", len(x), rows, cols)
	}
	if cols > MaxFeatures {
		return nil, fault.Field(fault.Exhausted, "x", "%d features: at most %d are supported", cols, MaxFeatures)
	}
	d := &DMatrix{rows: rows, cols: cols, x: x, label: label, weight: weight, present: make([]int, cols)}
	if err := d.checkNames(featureNames); err != nil {
		return nil, err
	}
	for i, y := range label {
		if math.IsNaN(float64(y)) || math.IsInf(float64(y), 0) {
			return nil, fault.Field(fault.Invalid, "label", "row %d: label %v is not a finite number", i, y)
		}
	}
	if err := d.checkWeights(); err != nil {
		return nil, err
	}
	for i := range rows {
		for f, v := range x[i*cols : i*cols+cols] {
			if v != v {
				continue
			}
			if v > math.MaxFloat32 || v < -math.MaxFloat32 {
				return nil, fault.Field(fault.Invalid, d.FeatureName(f), "row %d: %s is %v; features must be finite or missing", i, d.FeatureName(f), v)
			}
			d.present[f]++
		}
	}
	return d, nil
}

func (d *DMatrix) checkNames(names []string) error {
	seen := make(map[string]bool, len(names))
	for i, n := range names {
		switch {
		case n == "":
			return fault.Field(fault.Invalid, "feature_names", "feature %d has an empty name", i)
		case n == columns.Label:
			return fault.Field(fault.Invalid, "feature_names", "%s is the label and never an input: leave it out of the features", n)
		case seen[n]:
			return fault.Field(fault.Invalid, "feature_names", "feature name %q is used twice", n)
		}
		seen[n] = true
	}
	d.names = names
	return nil
}

func (d *DMatrix) checkWeights() error {
	if d.weight == nil {
		return nil
	}
	if len(d.weight) != d.rows {
		return fault.Field(fault.Invalid, "weight", "%d weights for %d rows", len(d.weight), d.rows)
	}
	sum := 0.0
	for i, w := range d.weight {
		if !(w >= 0) || math.IsInf(float64(w), 0) {
			return fault.Field(fault.Invalid, "weight", "row %d: weight %v; weights are finite numbers >= 0", i, w)
		}
		sum += float64(w)
	}
	if sum == 0 {
		return fault.Field(fault.Invalid, "weight", "every weight is 0: nothing to learn from")
	}
	return nil
}

// Rows is the number of rows.
func (d *DMatrix) Rows() int { return d.rows }

// Cols is the number of features.
func (d *DMatrix) Cols() int { return d.cols }

// FeatureName is the name of feature f, or f0, f1, … where none were given.
func (d *DMatrix) FeatureName(f int) string {
	if d.names != nil {
		return d.names[f]
	}
	return defaultName(f)
}

// dense says that no value is missing anywhere.
func (d *DMatrix) dense() bool {
	for _, n := range d.present {
		if n != d.rows {
			return false
		}
	}
	return true
}
