package pipeline

import (
	"math"
	"slices"

	"sluice/models/drift"
	"sluice/models/registry"
	"sluice/models/scorer"
)

// selfTestRows is how many training rows a version's self-test holds.
const selfTestRows = 30

// writeServing writes what a service holds a version against: a self-test, and
// the histograms of what it was trained on; folds are the training rows' raw
// probabilities out of fold.
func (w *work) writeServing(d *registry.Draft, op scorer.OperatingPoint, folds []float64) error {
	s, err := scorer.New(w.version, w.model, scorer.NewSchema(w.train.names, op), w.calibration)
	if err != nil {
		return err
	}
	x, n := w.selfTestRows()
	if err := d.WriteJSON(registry.SelfTestFile, s.SelfTest(x, n)); err != nil {
		return err
	}
	p, err := drift.NewProfile(append(slices.Clone(w.train.names), drift.ScoreColumn), append(w.train.columnValues(), folds))
	if err != nil {
		return err
	}
	b, err := p.MarshalIndent()
	if err != nil {
		return err
	}
	return d.WriteFile(registry.ProfileFile, b)
}

// selfTestRows are rows from all over the training rows, one of zeroes and one
// of which nothing is known.
func (w *work) selfTestRows() (x []float32, n int) {
	f := len(w.train.names)
	many := min(selfTestRows, w.train.len())
	for i := range many {
		x = append(x, w.train.x[i*w.train.len()/many*f:][:f]...)
	}
	x = append(x, make([]float32, f)...)
	for range f {
		x = append(x, float32(math.NaN()))
	}
	return x, many + 2
}
