package server

import (
	"context"
	"encoding/binary"
	"math"

	"sluice/featurestore/fault"
	"sluice/proto/inference"
)

// inferenceService answers the Open Inference Protocol over gRPC.
type inferenceService struct {
	inference.UnimplementedGRPCInferenceServiceServer
	s *service
}

func (i *inferenceService) ServerLive(context.Context, *inference.ServerLiveRequest) (*inference.ServerLiveResponse, error) {
	return &inference.ServerLiveResponse{Live: true}, nil
}

func (i *inferenceService) ServerReady(context.Context, *inference.ServerReadyRequest) (*inference.ServerReadyResponse, error) {
	return &inference.ServerReadyResponse{Ready: i.s.models.Champion() != ""}, nil
}

func (i *inferenceService) ModelReady(_ context.Context, q *inference.ModelReadyRequest) (*inference.ModelReadyResponse, error) {
	_, err := i.s.inferenceScorer(q.GetName(), q.GetVersion())
	return &inference.ModelReadyResponse{Ready: err == nil}, nil
}

func (i *inferenceService) ServerMetadata(context.Context, *inference.ServerMetadataRequest) (*inference.ServerMetadataResponse, error) {
	return &inference.ServerMetadataResponse{Name: inferenceModel, Version: Version, Extensions: inferenceExtensions}, nil
}

func (i *inferenceService) ModelMetadata(_ context.Context, q *inference.ModelMetadataRequest) (*inference.ModelMetadataResponse, error) {
	m, err := i.s.inferenceScorer(q.GetName(), q.GetVersion())
	if err != nil {
		return nil, err
	}
	versions, err := i.s.versionNames()
	if err != nil {
		return nil, err
	}
	a := &inference.ModelMetadataResponse{
		Name: inferenceModel, Versions: versions, Platform: inferencePlatform,
		Inputs: []*inference.ModelMetadataResponse_TensorMetadata{{
			Name: inferenceInput, Datatype: "FP64", Shape: []int64{-1, int64(len(m.FeatureNames()))},
		}},
		Properties: map[string]string{"version": m.Version(), "schema_hash": m.Schema()},
	}
	for _, o := range inferenceOutputs {
		a.Outputs = append(a.Outputs, &inference.ModelMetadataResponse_TensorMetadata{Name: o.name, Datatype: o.datatype, Shape: []int64{-1}})
	}
	return a, nil
}

func (i *inferenceService) ModelInfer(ctx context.Context, q *inference.ModelInferRequest) (*inference.ModelInferResponse, error) {
	m, err := i.s.inferenceScorer(q.GetModelName(), q.GetModelVersion())
	if err != nil {
		return nil, err
	}
	raw := q.GetRawInputContents()
	if len(raw) > 0 && len(raw) != len(q.GetInputs()) {
		return nil, fault.Field(fault.Invalid, "raw_input_contents", "raw_input_contents: %d entries for %d inputs; want one an input", len(raw), len(q.GetInputs()))
	}
	inputs := make([]tensor, len(q.GetInputs()))
	for n, in := range q.GetInputs() {
		inputs[n] = tensor{name: in.GetName(), shape: in.GetShape()}
		size, err := shapeSize(in.GetName(), in.GetShape())
		if err != nil {
			return nil, err
		}
		switch {
		case len(raw) > 0 && in.GetContents() != nil:
			return nil, fault.Field(fault.Invalid, in.GetName(), "input %q: it has contents beside raw_input_contents; want one of the two", in.GetName())
		case len(raw) > 0:
			inputs[n].data, err = rawTensor(in.GetName(), in.GetDatatype(), raw[n])
		default:
			inputs[n].data, err = typedTensor(in.GetName(), in.GetDatatype(), in.GetContents())
		}
		if err != nil {
			return nil, err
		}
		if len(inputs[n].data) != size {
			return nil, fault.Field(fault.Invalid, in.GetName(), "input %q: %d elements for shape %v, which needs %d", in.GetName(), len(inputs[n].data), in.GetShape(), size)
		}
	}
	asked := make([]string, len(q.GetOutputs()))
	for n, o := range q.GetOutputs() {
		asked[n] = o.GetName()
	}
	outputs, err := wantedOutputs(asked)
	if err != nil {
		return nil, err
	}
	scores, err := i.s.infer(ctx, m, inputs)
	if err != nil {
		return nil, err
	}
	a := &inference.ModelInferResponse{ModelName: inferenceModel, ModelVersion: m.Version(), Id: q.GetId()}
	for _, name := range outputs {
		o := &inference.ModelInferResponse_InferOutputTensor{Name: name, Datatype: outputDatatype(name), Shape: []int64{int64(len(scores))}}
		a.Outputs = append(a.Outputs, o)
		switch {
		case len(raw) > 0: // as it came, so it goes
			a.RawOutputContents = append(a.RawOutputContents, appendOutput(nil, name, scores))
		case o.Datatype == "BYTES":
			o.Contents = &inference.InferTensorContents{}
			for _, s := range scores {
				o.Contents.BytesContents = append(o.Contents.BytesContents, []byte(s.Verdict))
			}
		default:
			o.Contents = &inference.InferTensorContents{Fp64Contents: floats(name, scores)}
		}
	}
	return a, nil
}

// errDatatype refuses a datatype that no feature can have.
func errDatatype(name, datatype string) error {
	return fault.Field(fault.Invalid, name, "input %q: datatype %q; want FP64, FP32, INT8 to INT64, UINT8 to UINT64 or BOOL", name, datatype)
}

// typedTensor reads the field of contents that the datatype names.
func typedTensor(name, datatype string, c *inference.InferTensorContents) ([]float64, error) {
	switch datatype {
	case "FP64":
		return c.GetFp64Contents(), nil
	case "FP32":
		return widen(c.GetFp32Contents()), nil
	case "INT8", "INT16", "INT32":
		return widen(c.GetIntContents()), nil
	case "INT64":
		return widen(c.GetInt64Contents()), nil
	case "UINT8", "UINT16", "UINT32":
		return widen(c.GetUintContents()), nil
	case "UINT64":
		return widen(c.GetUint64Contents()), nil
	case "BOOL":
		v := make([]float64, len(c.GetBoolContents()))
		for i, b := range c.GetBoolContents() {
			if b {
				v[i] = 1
			}
		}
		return v, nil
	}
	return nil, errDatatype(name, datatype)
}

func widen[T float32 | int32 | int64 | uint32 | uint64](in []T) []float64 {
	out := make([]float64, len(in))
	for i, v := range in {
		out[i] = float64(v)
	}
	return out
}

// rawTensor reads little-endian elements.
func rawTensor(name, datatype string, b []byte) ([]float64, error) {
	le := binary.LittleEndian
	var width int
	var read func(b []byte) float64
	switch datatype {
	case "FP64":
		width, read = 8, func(b []byte) float64 { return math.Float64frombits(le.Uint64(b)) }
	case "FP32":
		width, read = 4, func(b []byte) float64 { return float64(math.Float32frombits(le.Uint32(b))) }
	case "INT64":
		width, read = 8, func(b []byte) float64 { return float64(int64(le.Uint64(b))) }
	case "UINT64":
		width, read = 8, func(b []byte) float64 { return float64(le.Uint64(b)) }
	case "INT32":
		width, read = 4, func(b []byte) float64 { return float64(int32(le.Uint32(b))) }
	case "UINT32":
		width, read = 4, func(b []byte) float64 { return float64(le.Uint32(b)) }
	case "INT16":
		width, read = 2, func(b []byte) float64 { return float64(int16(le.Uint16(b))) }
	case "UINT16":
		width, read = 2, func(b []byte) float64 { return float64(le.Uint16(b)) }
	case "INT8":
		width, read = 1, func(b []byte) float64 { return float64(int8(b[0])) }
	case "UINT8":
		width, read = 1, func(b []byte) float64 { return float64(b[0]) }
	case "BOOL":
		width, read = 1, func(b []byte) float64 { return float64(min(b[0], 1)) }
	default:
		return nil, errDatatype(name, datatype)
	}
	if len(b)%width != 0 {
		return nil, fault.Field(fault.Invalid, name, "input %q: %d raw bytes are no whole %s elements", name, len(b), datatype)
	}
	out := make([]float64, len(b)/width)
	for i := range out {
		out[i] = read(b[i*width:])
	}
	return out, nil
}
