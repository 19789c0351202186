package leavesadapter

import (
	"bufio"
	"bytes"
	"fmt"
	"math"

	"github.com/dmitryikh/leaves"

	"sluice/featurestore/fault"
)

// Model is a model read by leaves. It is safe for concurrent use.
type Model struct {
	ensemble *leaves.Ensemble
	features int
	outputs  int
}

// Read tells LightGBM's text, LightGBM's JSON and scikit-learn's pickle apart
// by their first bytes and reads the model. With transformed, Predict answers
// through the objective's transformation (probabilities), else with raw scores;
// scikit-learn models answer raw scores only. Errors are of kind Invalid for a
// damaged file and Unsupported for one that leaves cannot answer for.
func Read(data []byte, transformed bool) (*Model, error) {
	head := bytes.TrimLeft(data[:min(len(data), 64)], " \t\r\n")
	switch {
	case bytes.HasPrefix(head, []byte("tree")):
		return ReadLightGBM(data, transformed)
	case bytes.HasPrefix(head, []byte("{")):
		return ReadLightGBMJSON(data, transformed)
	case bytes.HasPrefix(head, []byte("ccopy_reg")), bytes.HasPrefix(head, []byte("csklearn")):
		return ReadSklearn(data)
	case len(data) >= 2 && data[0] == 0x80 && data[1] <= 5:
		return nil, fault.New(fault.Unsupported, "this pickle has protocol %d: save it with pickle.dump(model, f, protocol=0)", data[1])
	}
	return nil, fault.New(fault.Invalid,
		"this is neither a LightGBM model (text begins with \"tree\", JSON with \"{\") nor a scikit-learn pickle; XGBoost models are read by models/xgboost")
}

// ReadLightGBM reads LightGBM's text form.
func ReadLightGBM(data []byte, transformed bool) (*Model, error) {
	features, err := checkText(data)
	if err != nil {
		return nil, fault.Wrap(err, "LightGBM text")
	}
	return load("LightGBM text", features, func() (*leaves.Ensemble, error) {
		return leaves.LGEnsembleFromReader(bufio.NewReader(bytes.NewReader(data)), transformed)
	})
}

// ReadLightGBMJSON reads what LightGBM's dump_model gives. leaves knows raw
// scores only of this form: transformed must be false.
func ReadLightGBMJSON(data []byte, transformed bool) (*Model, error) {
	if transformed {
		return nil, fault.New(fault.Unsupported,
			"LightGBM JSON: leaves answers raw scores only from this form: save the model as text for probabilities")
	}
	features, err := checkJSON(data)
	if err != nil {
		return nil, fault.Wrap(err, "LightGBM JSON")
	}
	return load("LightGBM JSON", features, func() (*leaves.Ensemble, error) {
		return leaves.LGEnsembleFromJSON(bytes.NewReader(data), false)
	})
}

// ReadSklearn reads a pickle, protocol 0, of a GradientBoostingClassifier. It
// runs no code of the pickle. Answers are raw scores.
func ReadSklearn(data []byte) (*Model, error) {
	if err := checkPickle(data); err != nil {
		return nil, fault.Wrap(err, "scikit-learn pickle")
	}
	return load("scikit-learn pickle", -1, func() (*leaves.Ensemble, error) {
		return leaves.SKEnsembleFromReader(bufio.NewReader(bytes.NewReader(data)), false)
	})
}

// guard turns a panic inside leaves into an error.
func guard(what string, err *error) {
	if r := recover(); r != nil {
		*err = fault.New(fault.Invalid, "%s: leaves gave up on this model (%s): it is damaged, or of a version that leaves does not know", what, fmt.Sprint(r))
	}
}

// load reads a checked model; features is the row length the check found, -1
// when only leaves knows it.
func load(what string, features int, read func() (*leaves.Ensemble, error)) (m *Model, err error) {
	defer guard(what, &err)
	e, err := read()
	if err != nil {
		return nil, fault.New(fault.Invalid, "%s: %w", what, err)
	}
	m = &Model{ensemble: e, features: e.NFeatures(), outputs: e.NOutputGroups()}
	if features >= 0 { // leaves says 0 for a model of one feature
		m.features = features
	}
	if m.features < 1 || m.features > maxFeatures || m.outputs < 1 || m.outputs > maxOutputs {
		return nil, fault.New(fault.Invalid, "%s: it has %d features and %d outputs: expected 1 to %d, and 1 to %d",
			what, m.features, m.outputs, maxFeatures, maxOutputs)
	}
	// One prediction of nothing but missing values shows a tree that points
	// outside its arrays on that path; others come back from Predict.
	row := make([]float64, m.features)
	for i := range row {
		row[i] = math.NaN()
	}
	if err := m.Predict(make([]float64, m.outputs), row); err != nil {
		return nil, err
	}
	return m, nil
}

// NumFeature is the length of a row.
func (m *Model) NumFeature() int { return m.features }

// Outputs is the number of values per row that Predict writes.
func (m *Model) Outputs() int { return m.outputs }

// Name is leaves' name of the kind of model, such as lightgbm.gbdt.
func (m *Model) Name() string { return m.ensemble.Name() }

// Predict answers one row of NumFeature values, NaN missing, with Outputs
// values in dst.
func (m *Model) Predict(dst, row []float64) (err error) {
	if len(row) != m.features || len(dst) < m.outputs {
		return fault.New(fault.Invalid, "a row of %d values and room for %d answers: this model takes %d and gives %d",
			len(row), len(dst), m.features, m.outputs)
	}
	defer guard(m.Name(), &err)
	if err := m.ensemble.Predict(row, 0, dst); err != nil {
		return fault.New(fault.Invalid, "%s: %w", m.Name(), err)
	}
	return nil
}

// PredictDense answers rows rows of row-major x with rows*Outputs values in
// dst, one row after the other.
func (m *Model) PredictDense(dst, x []float64, rows int) error {
	if rows < 0 || len(x) != rows*m.features || len(dst) < rows*m.outputs {
		return fault.New(fault.Invalid, "%d values for %d rows and room for %d answers: this model takes %d and gives %d a row",
			len(x), rows, len(dst), m.features, m.outputs)
	}
	for r := range rows {
		if err := m.Predict(dst[r*m.outputs:][:m.outputs], x[r*m.features:][:m.features]); err != nil {
			return fault.Wrap(err, "row %d", r)
		}
	}
	return nil
}
