package server

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"strings"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"sluice/featurestore/columns"
	"sluice/proto/inference"
)

type inferTensor = inference.ModelInferRequest_InferInputTensor

// Raw and typed tensors of every datatype, whole rows and one tensor per
// feature give the same answers.
func TestModelInfer(t *testing.T) {
	s := start(t, nil)
	c := inference.NewGRPCInferenceServiceClient(s.conn)
	model := s.models.scorers[challenger] // spider_ratio, request_count
	rows := [][]float32{{0, 1}, {1, 3}, {1, 0}}
	var want []float64
	for _, r := range rows {
		want = append(want, model.of(r).Confidence)
	}
	le := binary.LittleEndian
	for _, c2 := range []struct {
		datatype string
		contents func(v []float32) *inference.InferTensorContents
		raw      func(b []byte, v float32) []byte
	}{
		{"FP64", func(v []float32) *inference.InferTensorContents {
			return &inference.InferTensorContents{Fp64Contents: widen(v)}
		}, func(b []byte, v float32) []byte { return le.AppendUint64(b, math.Float64bits(float64(v))) }},
		{"FP32", func(v []float32) *inference.InferTensorContents {
			return &inference.InferTensorContents{Fp32Contents: v}
		}, func(b []byte, v float32) []byte { return le.AppendUint32(b, math.Float32bits(v)) }},
		{"INT64", func(v []float32) *inference.InferTensorContents {
			return &inference.InferTensorContents{Int64Contents: convert[int64](v)}
		}, func(b []byte, v float32) []byte { return le.AppendUint64(b, uint64(v)) }},
		{"UINT64", func(v []float32) *inference.InferTensorContents {
			return &inference.InferTensorContents{Uint64Contents: convert[uint64](v)}
		}, func(b []byte, v float32) []byte { return le.AppendUint64(b, uint64(v)) }},
		{"INT32", func(v []float32) *inference.InferTensorContents {
			return &inference.InferTensorContents{IntContents: convert[int32](v)}
		}, func(b []byte, v float32) []byte { return le.AppendUint32(b, uint32(v)) }},
		{"UINT32", func(v []float32) *inference.InferTensorContents {
			return &inference.InferTensorContents{UintContents: convert[uint32](v)}
		}, func(b []byte, v float32) []byte { return le.AppendUint32(b, uint32(v)) }},
		{"INT16", func(v []float32) *inference.InferTensorContents {
			return &inference.InferTensorContents{IntContents: convert[int32](v)}
		}, func(b []byte, v float32) []byte { return le.AppendUint16(b, uint16(v)) }},
		{"UINT16", func(v []float32) *inference.InferTensorContents {
			return &inference.InferTensorContents{UintContents: convert[uint32](v)}
		}, func(b []byte, v float32) []byte { return le.AppendUint16(b, uint16(v)) }},
		{"INT8", func(v []float32) *inference.InferTensorContents {
			return &inference.InferTensorContents{IntContents: convert[int32](v)}
		}, func(b []byte, v float32) []byte { return append(b, byte(v)) }},
		{"UINT8", func(v []float32) *inference.InferTensorContents {
			return &inference.InferTensorContents{UintContents: convert[uint32](v)}
		}, func(b []byte, v float32) []byte { return append(b, byte(v)) }},
	} {
		for _, raw := range []bool{false, true} {
			for _, perFeature := range []bool{false, true} {
				q := &inference.ModelInferRequest{ModelName: "sluice", ModelVersion: challenger, Id: "7"}
				add := func(name string, shape []int64, v []float32) {
					in := &inferTensor{Name: name, Datatype: c2.datatype, Shape: shape}
					if raw {
						var b []byte
						for _, x := range v {
							b = c2.raw(b, x)
						}
						q.RawInputContents = append(q.RawInputContents, b)
					} else {
						in.Contents = c2.contents(v)
					}
					q.Inputs = append(q.Inputs, in)
				}
				if perFeature {
					add("request_count", []int64{3, 1}, []float32{1, 3, 0})
					add("spider_ratio", []int64{3}, []float32{0, 1, 1})
				} else {
					add("input-0", []int64{3, 2}, []float32{0, 1, 1, 3, 1, 0})
				}
				a, err := c.ModelInfer(ctx, q)
				if err != nil {
					t.Errorf("%s, raw %v, per feature %v: %v", c2.datatype, raw, perFeature, err)
					continue
				}
				if a.Id != "7" || a.ModelVersion != challenger || len(a.Outputs) != 3 || a.Outputs[0].Name != "confidence" || a.Outputs[2].Datatype != "BYTES" {
					t.Errorf("%v", a)
				}
				for i := range want {
					var got float64
					if raw {
						got = math.Float64frombits(le.Uint64(a.RawOutputContents[0][8*i:]))
					} else {
						got = a.Outputs[0].Contents.Fp64Contents[i]
					}
					if got != want[i] {
						t.Errorf("%s, raw %v: row %d: %v, want %v", c2.datatype, raw, i, got, want[i])
					}
				}
				if raw && string(a.RawOutputContents[2][4:4+le.Uint32(a.RawOutputContents[2])]) != string(model.of(rows[0]).Verdict) {
					t.Errorf("verdicts %q", a.RawOutputContents[2])
				}
			}
		}
	}
}

func convert[T int32 | int64 | uint32 | uint64](v []float32) []T {
	out := make([]T, len(v))
	for i, x := range v {
		out[i] = T(x)
	}
	return out
}

func TestModelInferRefuses(t *testing.T) {
	s := start(t, nil)
	c := inference.NewGRPCInferenceServiceClient(s.conn)
	fp64 := func(name string, shape []int64, v ...float64) *inferTensor {
		return &inferTensor{Name: name, Datatype: "FP64", Shape: shape, Contents: &inference.InferTensorContents{Fp64Contents: v}}
	}
	for _, x := range []struct {
		want string
		code codes.Code
		q    *inference.ModelInferRequest
	}{
		{`there is no model of that name; the model is "sluice"`, codes.NotFound, &inference.ModelInferRequest{ModelName: "other"}},
		{"there is no version of that name", codes.NotFound, &inference.ModelInferRequest{ModelName: "sluice", ModelVersion: "1"}},
		{`inputs: missing; want "rows" of shape [rows, 2], or one input per feature`, codes.InvalidArgument, &inference.ModelInferRequest{}},
		{`input "x": shape [1 3], want [rows, 2]`, codes.InvalidArgument, &inference.ModelInferRequest{Inputs: []*inferTensor{fp64("x", []int64{1, 3}, 1, 2, 3)}}},
		{`input "x": 1 elements for shape [1 2], which needs 2`, codes.InvalidArgument, &inference.ModelInferRequest{Inputs: []*inferTensor{fp64("x", []int64{1, 2}, 1)}}},
		{`input "x": shape [-1 2]: a dimension is negative`, codes.InvalidArgument, &inference.ModelInferRequest{Inputs: []*inferTensor{fp64("x", []int64{-1, 2}, 1)}}},
		{`input "x": shape [4611686018427387904 4] is too large; want at most 10000 rows`, codes.InvalidArgument, &inference.ModelInferRequest{Inputs: []*inferTensor{fp64("x", []int64{1 << 62, 4})}}},
		{`input "x": shape is missing`, codes.InvalidArgument, &inference.ModelInferRequest{Inputs: []*inferTensor{fp64("x", nil, 1)}}},
		{`inputs: there are no rows`, codes.InvalidArgument, &inference.ModelInferRequest{Inputs: []*inferTensor{fp64("x", []int64{0, 2})}}},
		{`inputs: 10001 rows, want at most 10000; split them`, codes.InvalidArgument, &inference.ModelInferRequest{Inputs: []*inferTensor{fp64("x", []int64{10001, 2}, make([]float64, 20002)...)}}},
		{`row 1: spider_ratio is 5: want a share in [0, 1]`, codes.InvalidArgument, &inference.ModelInferRequest{Inputs: []*inferTensor{fp64("x", []int64{2, 2}, 0, 1, 5, 1)}}},
		{`feature_names: version ` + challenger + ` needs "request_count"; give NaN where it is missing`, codes.InvalidArgument, &inference.ModelInferRequest{Inputs: []*inferTensor{fp64("spider_ratio", []int64{1}, 1)}}},
		{`input "request_count": shape [2], want [1] or [1, 1] as the inputs before it`, codes.InvalidArgument, &inference.ModelInferRequest{Inputs: []*inferTensor{fp64("spider_ratio", []int64{1}, 1), fp64("request_count", []int64{2}, 1, 2)}}},
		{`input "x": datatype "BYTES"; want FP64, FP32, INT8 to INT64, UINT8 to UINT64 or BOOL`, codes.InvalidArgument, &inference.ModelInferRequest{Inputs: []*inferTensor{{Name: "x", Datatype: "BYTES", Shape: []int64{1, 2}}}}},
		{`raw_input_contents: 2 entries for 1 inputs; want one an input`, codes.InvalidArgument, &inference.ModelInferRequest{Inputs: []*inferTensor{{Name: "x", Datatype: "FP64", Shape: []int64{1, 2}}}, RawInputContents: [][]byte{{}, {}}}},
		{`input "x": it has contents beside raw_input_contents; want one of the two`, codes.InvalidArgument, &inference.ModelInferRequest{Inputs: []*inferTensor{fp64("x", []int64{1, 2}, 1, 2)}, RawInputContents: [][]byte{{}}}},
		{`input "x": 9 raw bytes are no whole FP64 elements`, codes.InvalidArgument, &inference.ModelInferRequest{Inputs: []*inferTensor{{Name: "x", Datatype: "FP64", Shape: []int64{1, 2}}}, RawInputContents: [][]byte{make([]byte, 9)}}},
		{`outputs: there is no output "p"; there are ["confidence" "probability" "verdict"]`, codes.InvalidArgument, &inference.ModelInferRequest{Inputs: []*inferTensor{fp64("x", []int64{1, 2}, 1, 2)}, Outputs: []*inference.ModelInferRequest_InferRequestedOutputTensor{{Name: "p"}}}},
	} {
		if x.q.ModelName == "" {
			x.q.ModelName, x.q.ModelVersion = "sluice", challenger
		}
		_, err := c.ModelInfer(ctx, x.q)
		if status.Code(err) != x.code || status.Convert(err).Message() != x.want {
			t.Errorf("%v\nwant %v %s", err, x.code, x.want)
		}
	}
}

func TestInferenceMetadata(t *testing.T) {
	s := start(t, nil)
	c := inference.NewGRPCInferenceServiceClient(s.conn)
	if a, err := c.ServerLive(ctx, &inference.ServerLiveRequest{}); err != nil || !a.Live {
		t.Error(a, err)
	}
	if a, err := c.ServerMetadata(ctx, &inference.ServerMetadataRequest{}); err != nil || a.Name != "sluice" {
		t.Error(a, err)
	}
	for name, want := range map[string]bool{"sluice": true, "other": false} {
		if a, err := c.ModelReady(ctx, &inference.ModelReadyRequest{Name: name}); err != nil || a.Ready != want {
			t.Error(name, a, err)
		}
	}
	a, err := c.ModelMetadata(ctx, &inference.ModelMetadataRequest{Name: "sluice"})
	if err != nil || len(a.Versions) != 2 || a.Inputs[0].Shape[1] != 12 || a.Platform != "xgboost_json" || a.Outputs[2].Name != "verdict" {
		t.Error(a, err)
	}
	if a, err := c.ServerReady(ctx, &inference.ServerReadyRequest{}); err != nil || !a.Ready {
		t.Error(a, err)
	}
	s.models.promote("")
	if a, err := c.ServerReady(ctx, &inference.ServerReadyRequest{}); err != nil || a.Ready {
		t.Error(a, err)
	}
	if code, _, body := s.rest(t, "GET", "/v2/health/ready", ""); code != 503 || compact(strings.TrimSpace(body)) != `{"ready":false}` {
		t.Error(code, body)
	}
	if code, _, body := s.rest(t, "POST", "/v2/models/sluice/infer", "{}"); code != 503 {
		t.Error(code, body)
	}
}

// Every path of the REST form of the Open Inference Protocol and of KServe's
// first protocol, right and wrong.
func TestInferenceREST(t *testing.T) {
	s := start(t, nil)
	two := "/v2/models/sluice/versions/" + challenger
	var b strings.Builder
	for _, c := range []struct{ method, path, body string }{
		{"GET", "/v2", ""}, {"GET", "/v2/", ""}, {"GET", "/v2/health/live", ""}, {"GET", "/v2/health/ready", ""},
		{"GET", "/v2/models/sluice", ""}, {"GET", "/v2/models/sluice/ready", ""}, {"GET", two, ""}, {"GET", two + "/ready", ""},
		{"POST", two + "/infer", `{"id":"a","inputs":[{"name":"rows","shape":[2,2],"datatype":"FP64","data":[[0,1],[null,3.5]]}]}`},
		{"POST", two + "/infer", `{"inputs":[{"name":"rows","shape":[2,2],"datatype":"FP32","data":[0,1,1,3]}],"outputs":[{"name":"verdict"}]}`},
		{"POST", two + "/infer", `{"inputs":[{"name":"spider_ratio","shape":[1],"datatype":"BOOL","data":[true]},{"name":"request_count","shape":[1],"datatype":"INT64","data":[4]}],"outputs":[{"name":"probability"}]}`},
		{"GET", "/v1/models", ""}, {"GET", "/v1/models/sluice", ""},
		// wrong
		{"GET", "/v2/health", ""}, {"POST", "/v2/health/live", ""}, {"GET", "/v2/models/other", ""}, {"GET", "/v2/models/sluice/versions/1", ""},
		{"GET", "/v2/models/sluice/versions/..%2f..%2fetc", ""}, {"GET", "/v2/models/sluice/infer", ""}, {"GET", "/v2/models/sluice/other", ""}, {"GET", "/v2/models", ""},
		{"POST", two + "/infer", ""}, {"POST", two + "/infer", "[]"}, {"POST", two + "/infer", "{}"},
		{"POST", two + "/infer", `{"inputs":[{"name":"rows","shape":[1,2],"datatype":"BYTES","data":["a","b"]}]}`},
		{"POST", two + "/infer", `{"inputs":[{"name":"rows","shape":[1,2],"datatype":"FP64","data":["a",1]}]}`},
		{"POST", two + "/infer", `{"inputs":[{"name":"rows","shape":[1,2],"datatype":"FP64","data":[1e999,1]}]}`},
		{"POST", two + "/infer", `{"inputs":[{"name":"rows","shape":[1,2],"datatype":"FP64","data":[{"a":1},1]}]}`},
		{"POST", two + "/infer", `{"inputs":[{"name":"rows","shape":[1,2],"datatype":"FP64","data":[1,2,3]}]}`},
		{"POST", two + "/infer", `{"inputs":[{"name":"rows","shape":[1,2],"datatype":"FP64","data":[1]}]}`},
		{"POST", two + "/infer", `{"inputs":[{"name":"rows","shape":[1,2],"datatype":"FP64"}]}`},
		{"POST", "/v1/models/sluice", ""}, {"GET", "/v1/models/sluice:predict", ""}, {"POST", "/v1/models/other:predict", "{}"}, {"GET", "/v1/models/a/b", ""},
		{"POST", "/v1/models/sluice:predict", "{}"}, {"POST", "/v1/models/sluice:predict", `{"instances":[[1,2]]}`},
		{"POST", "/v1/models/sluice:predict", `{"instances":[{"asn":1}]}`}, {"POST", "/v1/models/sluice:predict", `{"instances":[{"spider_ratio":"x"}]}`},
	} {
		code, head, body := s.rest(t, c.method, c.path, c.body)
		if head.Get("Content-Type") != "application/json" || !json.Valid([]byte(body)) {
			t.Errorf("%s %s: %v %s", c.method, c.path, head, body)
		}
		if code >= 400 {
			var e struct {
				Error string `json:"error"`
			}
			if json.Unmarshal([]byte(body), &e) != nil || e.Error == "" {
				t.Errorf("%s %s: no error in %s", c.method, c.path, body)
			}
		}
		fmt.Fprintf(&b, "%s %s %s: HTTP %d\n%s\n", c.method, c.path, c.body, code, strings.TrimSpace(body))
	}
	golden(t, "inference.golden", b.String())
}

func TestPredict(t *testing.T) {
	s := start(t, nil)
	names := columns.Names()
	x := make([]float32, len(names))
	for i := range x {
		x[i] = float32(math.NaN())
	}
	x[columns.RequestCount], x[columns.SpiderRatio] = 3, 0.5
	list := "[3" + strings.Repeat(",null", len(names)-2) + ",0.5]"
	code, _, body := s.rest(t, "POST", "/v1/models/sluice:predict", `{"instances":[`+list+`,{"request_count":3,"spider_ratio":0.5,"desktop_ratio":null}]}`)
	var a struct {
		Predictions []float64 `json:"predictions"`
		Verdicts    []string  `json:"verdicts"`
		Version     string    `json:"model_version"`
	}
	if err := json.Unmarshal([]byte(body), &a); err != nil || code != 200 {
		t.Fatal(code, body)
	}
	want := s.models.scorers[champion].of(x)
	if len(a.Predictions) != 2 || a.Predictions[0] != want.Confidence || a.Predictions[1] != want.Confidence || a.Verdicts[1] != string(want.Verdict) || a.Version != champion {
		t.Errorf("%+v, want %+v", a, want)
	}
}

// Reading a tensor's data never goes wrong in another way than with an error.
func FuzzFlatten(f *testing.F) {
	for _, s := range []string{"[1,2]", "[[1],[null]]", "1", `["NaN"]`, "[true,false,-1e-3]", "[]", "{}"} {
		f.Add([]byte(s), 2)
	}
	f.Fuzz(func(t *testing.T, b []byte, size int) {
		if !json.Valid(b) || size < 0 || size > 1<<20 {
			return
		}
		v, err := flatten("x", b, size)
		if (err == nil) != (v != nil) || err == nil && len(v) != size {
			t.Fatalf("%v, %v", v, err)
		}
	})
}
