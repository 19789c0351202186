package server

import (
	"context"
	"encoding/binary"
	"math"
	"slices"

	"sluice/featurestore/fault"
	"sluice/models/scorer"
)

// The Open Inference Protocol's view of the service: one model, whose versions
// are the registry's. It takes rows, as one tensor of shape [rows, features] in
// the order of the model's features, or as one tensor per feature under the
// feature's name; and gives the calibrated confidence, the raw probability and
// the verdict of each row.
const (
	inferenceModel    = "sluice"
	inferencePlatform = "xgboost_json"
	inferenceInput    = "rows"
	outputConfidence  = "confidence"
	outputProbability = "probability"
	outputVerdict     = "verdict"
)

// inferenceOutputs are the outputs and their datatypes, in order.
var inferenceOutputs = []struct{ name, datatype string }{
	{outputConfidence, "FP64"}, {outputProbability, "FP64"}, {outputVerdict, "BYTES"},
}

// inferenceExtensions are the protocol's extensions that are answered.
var inferenceExtensions = []string{"binary_tensor_data"}

// outputDatatype is an output's datatype.
func outputDatatype(name string) string {
	for _, o := range inferenceOutputs {
		if o.name == name {
			return o.datatype
		}
	}
	return ""
}

// appendOutput appends an output's elements as raw bytes: little endian, texts
// with four bytes of length before each.
func appendOutput(b []byte, name string, scores []scorer.Score) []byte {
	if outputDatatype(name) == "BYTES" {
		for i := range scores {
			b = binary.LittleEndian.AppendUint32(b, uint32(len(scores[i].Verdict)))
			b = append(b, scores[i].Verdict...)
		}
		return b
	}
	for _, v := range floats(name, scores) {
		b = binary.LittleEndian.AppendUint64(b, math.Float64bits(v))
	}
	return b
}

// tensor is an input as it arrived.
type tensor struct {
	name  string
	shape []int64
	data  []float64 // row-major
}

// size is the number of elements of a shape. Errors: Invalid for a dimension
// below 0 or more elements than a call may have.
func shapeSize(name string, shape []int64) (int, error) {
	const most = maxRows * 1024
	n := int64(1)
	for _, d := range shape {
		if d < 0 {
			return 0, fault.Field(fault.Invalid, name, "input %q: shape %v: a dimension is negative", name, shape)
		}
		if d > 0 && n > most/d {
			return 0, fault.Field(fault.Invalid, name, "input %q: shape %v is too large; want at most %d rows", name, shape, maxRows)
		}
		n *= d
	}
	if len(shape) == 0 {
		return 0, fault.Field(fault.Invalid, name, "input %q: shape is missing", name)
	}
	return int(n), nil
}

// assemble makes rows of the inputs, in the model's order.
func assemble(m Scorer, inputs []tensor) (x []float32, n int, err error) {
	features := m.FeatureNames()
	f := len(features)
	if len(inputs) == 0 {
		return nil, 0, fault.Field(fault.Invalid, "inputs", "inputs: missing; want %q of shape [rows, %d], or one input per feature", inferenceInput, f)
	}
	names, values := features, inputs[0].data
	if len(inputs) == 1 && !slices.Contains(features, inputs[0].name) {
		t := &inputs[0]
		switch {
		case len(t.shape) == 2 && t.shape[1] == int64(f):
		case len(t.shape) == 1 && t.shape[0] == int64(f): // one row
		default:
			return nil, 0, fault.Field(fault.Invalid, t.name, "input %q: shape %v, want [rows, %d]", t.name, t.shape, f)
		}
		n = len(t.data) / f
	} else {
		n = len(inputs[0].data)
		names = make([]string, len(inputs))
		values = make([]float64, n*len(inputs))
		for i := range inputs {
			t := &inputs[i]
			if len(t.data) != n || len(t.shape) > 2 || len(t.shape) == 2 && t.shape[1] != 1 {
				return nil, 0, fault.Field(fault.Invalid, t.name, "input %q: shape %v, want [%d] or [%d, 1] as the inputs before it", t.name, t.shape, n, n)
			}
			names[i] = t.name
			for r, v := range t.data {
				values[r*len(inputs)+i] = v
			}
		}
	}
	switch {
	case n == 0:
		return nil, 0, fault.Field(fault.Invalid, "inputs", "inputs: there are no rows")
	case n > maxRows:
		return nil, 0, fault.Field(fault.Invalid, "inputs", "inputs: %d rows, want at most %d; split them", n, maxRows)
	}
	l, err := newLayout(m, names)
	if err != nil {
		return nil, 0, err
	}
	x = make([]float32, n*f)
	for r := range n {
		for i := range f {
			v := values[r*f+l.at[i]]
			if err := l.check(i, v); err != nil {
				return nil, 0, fault.Field(fault.Invalid, fault.FieldOf(err), "row %d: %w", r, err)
			}
			x[r*f+i] = float32(v)
		}
	}
	return x, n, nil
}

// inferenceScorer gives the scorer that a model name and version mean.
func (s *service) inferenceScorer(model, version string) (Scorer, error) {
	if model != inferenceModel {
		return nil, fault.Field(fault.NotFound, "model_name", "there is no model of that name; the model is %q", inferenceModel)
	}
	return s.models.Scorer(version)
}

// infer scores the inputs.
func (s *service) infer(ctx context.Context, m Scorer, inputs []tensor) ([]scorer.Score, error) {
	x, n, err := assemble(m, inputs)
	if err != nil {
		return nil, err
	}
	if err := spendRows(ctx, n); err != nil {
		return nil, err
	}
	s.metrics.rowsScored(n, 0)
	return m.AppendScores(nil, x, n, s.threads), nil
}

// wantedOutputs are the outputs that a call asks for; none named is all.
func wantedOutputs(asked []string) ([]string, error) {
	var all []string
	for _, o := range inferenceOutputs {
		all = append(all, o.name)
	}
	if len(asked) == 0 {
		return all, nil
	}
	for _, name := range asked {
		if !slices.Contains(all, name) {
			return nil, fault.Field(fault.Invalid, "outputs", "outputs: there is no output %q; there are %q", name, all)
		}
	}
	return asked, nil
}

// floats are the values of a numeric output.
func floats(output string, scores []scorer.Score) []float64 {
	v := make([]float64, len(scores))
	for i := range scores {
		v[i] = scores[i].Confidence
		if output == outputProbability {
			v[i] = scores[i].Probability
		}
	}
	return v
}

// versionNames are the versions that can be asked for.
func (s *service) versionNames() ([]string, error) {
	list, err := s.models.List()
	names := make([]string, 0, len(list))
	for i := range list {
		names = append(names, list[i].Version)
	}
	return names, err
}

var nan = math.NaN()
