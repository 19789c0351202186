package server

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"sluice/featurestore/fault"
)

// inferenceREST answers the Open Inference Protocol over REST (/v2) and KServe's
// first protocol (/v1/models). Their errors are {"error": "..."}.
type inferenceREST struct{ s *service }

// fail writes an error in the protocols' form.
func fail(w http.ResponseWriter, r *http.Request, err error) {
	if o, ok := r.Context().Value(outcomeKey{}).(*outcome); ok {
		o.err = err
	}
	st := toStatus(err)
	setAllow(w.Header(), r, err)
	writeJSON(w, httpStatus(err, st), map[string]string{"error": st.Message()})
}

// only lets one HTTP method through.
func only(w http.ResponseWriter, r *http.Request, method string) bool {
	if r.Method == method {
		return true
	}
	fail(w, r, errMethod(method))
	return false
}

// v2 answers /v2/...
func (i *inferenceREST) v2(w http.ResponseWriter, r *http.Request) {
	parts := strings.Split(strings.Trim(strings.TrimPrefix(r.URL.EscapedPath(), "/v2"), "/"), "/")
	for n, p := range parts {
		text, err := url.PathUnescape(p)
		if err != nil {
			fail(w, r, routeError(http.StatusBadRequest))
			return
		}
		parts[n] = text
	}
	switch {
	case len(parts) == 1 && parts[0] == "":
		if only(w, r, http.MethodGet) {
			writeJSON(w, http.StatusOK, map[string]any{"name": inferenceModel, "version": Version, "extensions": inferenceExtensions})
		}
	case slices.Equal(parts, []string{"health", "live"}):
		if only(w, r, http.MethodGet) {
			writeJSON(w, http.StatusOK, map[string]bool{"live": true})
		}
	case slices.Equal(parts, []string{"health", "ready"}):
		if only(w, r, http.MethodGet) {
			ready := i.s.models.Champion() != ""
			writeJSON(w, readyCode(ready), map[string]bool{"ready": ready})
		}
	case len(parts) >= 2 && parts[0] == "models":
		i.model(w, r, parts[1], parts[2:])
	default:
		fail(w, r, routeError(http.StatusNotFound))
	}
}

func readyCode(ready bool) int {
	if ready {
		return http.StatusOK
	}
	return http.StatusServiceUnavailable
}

// model answers /v2/models/{name}[/versions/{v}]...
func (i *inferenceREST) model(w http.ResponseWriter, r *http.Request, name string, rest []string) {
	version := ""
	if len(rest) >= 2 && rest[0] == "versions" {
		version, rest = rest[1], rest[2:]
	}
	action := ""
	if len(rest) == 1 {
		action = rest[0]
	}
	if len(rest) > 1 || action != "" && action != "ready" && action != "infer" {
		fail(w, r, routeError(http.StatusNotFound))
		return
	}
	method := http.MethodGet
	if action == "infer" {
		method = http.MethodPost
	}
	if !only(w, r, method) {
		return
	}
	m, err := i.s.inferenceScorer(name, version)
	if action == "ready" && err == nil {
		writeJSON(w, http.StatusOK, map[string]any{"name": inferenceModel, "ready": true})
		return
	}
	if err != nil {
		fail(w, r, err)
		return
	}
	if action == "infer" {
		i.infer(w, r, m)
		return
	}
	versions, err := i.s.versionNames()
	if err != nil {
		fail(w, r, err)
		return
	}
	type tensorJSON struct {
		Name     string  `json:"name"`
		Datatype string  `json:"datatype"`
		Shape    []int64 `json:"shape"`
	}
	var outputs []tensorJSON
	for _, o := range inferenceOutputs {
		outputs = append(outputs, tensorJSON{o.name, o.datatype, []int64{-1}})
	}
	writeJSON(w, http.StatusOK, struct {
		Name     string       `json:"name"`
		Versions []string     `json:"versions"`
		Platform string       `json:"platform"`
		Inputs   []tensorJSON `json:"inputs"`
		Outputs  []tensorJSON `json:"outputs"`
	}{inferenceModel, versions, inferencePlatform, []tensorJSON{{inferenceInput, "FP64", []int64{-1, int64(len(m.FeatureNames()))}}}, outputs})
}

type inferRequest struct {
	ID         string          `json:"id"`
	Parameters inferParameters `json:"parameters"`
	Inputs     []struct {
		Name       string          `json:"name"`
		Shape      []int64         `json:"shape"`
		Datatype   string          `json:"datatype"`
		Parameters inferParameters `json:"parameters"`
		Data       json.RawMessage `json:"data"`
	} `json:"inputs"`
	Outputs []struct {
		Name       string          `json:"name"`
		Parameters inferParameters `json:"parameters"`
	} `json:"outputs"`
}

// inferParameters are those of the binary tensor data extension: elements
// follow the JSON as raw bytes, whose length a header and these tell.
type inferParameters struct {
	BinaryDataSize   *int  `json:"binary_data_size"`
	BinaryData       *bool `json:"binary_data"`
	BinaryDataOutput *bool `json:"binary_data_output"`
}

// inferenceHeader says how long the JSON before the raw bytes is.
const inferenceHeader = "Inference-Header-Content-Length"

type inferOutput struct {
	Name       string         `json:"name"`
	Shape      []int          `json:"shape"`
	Datatype   string         `json:"datatype"`
	Parameters map[string]int `json:"parameters,omitempty"`
	Data       any            `json:"data,omitempty"`
}

func (i *inferenceREST) infer(w http.ResponseWriter, r *http.Request, m Scorer) {
	a, binary, err := i.inferred(r, m)
	if err != nil {
		fail(w, r, err)
		return
	}
	if len(binary) == 0 {
		writeJSON(w, http.StatusOK, a)
		return
	}
	head, err := json.Marshal(a)
	if err != nil {
		fail(w, r, err)
		return
	}
	h := w.Header()
	h.Set("Content-Type", "application/octet-stream")
	h.Set("Cache-Control", "no-store")
	h.Set(inferenceHeader, strconv.Itoa(len(head)))
	_, _ = w.Write(append(head, binary...))
}

type inferResponse struct {
	ModelName    string        `json:"model_name"`
	ModelVersion string        `json:"model_version"`
	ID           string        `json:"id,omitempty"`
	Outputs      []inferOutput `json:"outputs"`
}

// inferred reads and answers a call; binary are the raw bytes that follow the
// answer's JSON.
func (i *inferenceREST) inferred(r *http.Request, m Scorer) (a *inferResponse, binary []byte, err error) {
	q, raw, err := readInfer(r)
	if err != nil {
		return nil, nil, err
	}
	inputs := make([]tensor, len(q.Inputs))
	for n, in := range q.Inputs {
		size, err := shapeSize(in.Name, in.Shape)
		if err != nil {
			return nil, nil, err
		}
		t := tensor{name: in.Name, shape: in.Shape}
		if b := in.Parameters.BinaryDataSize; b != nil {
			if *b < 0 || *b > len(raw) || in.Data != nil {
				return nil, nil, fault.Field(fault.Invalid, in.Name, "input %q: binary_data_size %d does not fit the %d bytes that are left, or stands beside data", in.Name, *b, len(raw))
			}
			t.data, err = rawTensor(in.Name, in.Datatype, raw[:*b])
			raw = raw[*b:]
			if err == nil && len(t.data) != size {
				err = fault.Field(fault.Invalid, in.Name, "input %q: %d elements for shape %v, which needs %d", in.Name, len(t.data), in.Shape, size)
			}
		} else if _, err = rawTensor(in.Name, in.Datatype, nil); err == nil {
			t.data, err = flatten(in.Name, in.Data, size)
		}
		if err != nil {
			return nil, nil, err
		}
		inputs[n] = t
	}
	if len(raw) > 0 {
		return nil, nil, fault.Field(fault.Invalid, "inputs", "inputs: %d bytes after the JSON belong to no input", len(raw))
	}
	asked := make([]string, len(q.Outputs))
	asBytes := map[string]bool{}
	for n, o := range q.Outputs {
		asked[n] = o.Name
		asBytes[o.Name] = isTrue(o.Parameters.BinaryData) || o.Parameters.BinaryData == nil && isTrue(q.Parameters.BinaryDataOutput)
	}
	outputs, err := wantedOutputs(asked)
	if err != nil {
		return nil, nil, err
	}
	scores, err := i.s.infer(r.Context(), m, inputs)
	if err != nil {
		return nil, nil, err
	}
	a = &inferResponse{inferenceModel, m.Version(), q.ID, nil}
	for _, name := range outputs {
		o := inferOutput{Name: name, Shape: []int{len(scores)}, Datatype: outputDatatype(name)}
		switch {
		case asBytes[name] || len(asked) == 0 && isTrue(q.Parameters.BinaryDataOutput):
			from := len(binary)
			binary = appendOutput(binary, name, scores)
			o.Parameters = map[string]int{"binary_data_size": len(binary) - from}
		case o.Datatype == "BYTES":
			verdicts := make([]string, len(scores))
			for n := range scores {
				verdicts[n] = string(scores[n].Verdict)
			}
			o.Data = verdicts
		default:
			o.Data = floats(name, scores)
		}
		a.Outputs = append(a.Outputs, o)
	}
	return a, binary, nil
}

func isTrue(b *bool) bool { return b != nil && *b }

// readInfer reads a request and the raw bytes after its JSON.
func readInfer(r *http.Request) (q *inferRequest, raw []byte, err error) {
	b, err := readBody(r)
	if err != nil {
		return nil, nil, err
	}
	if s := r.Header.Get(inferenceHeader); s != "" {
		n, err := strconv.Atoi(s)
		if err != nil || n < 0 || n > len(b) {
			return nil, nil, fault.Field(fault.Invalid, inferenceHeader, "%s: want the length of the JSON, 0 to %d", inferenceHeader, len(b))
		}
		b, raw = b[:n], b[n:]
	}
	q = &inferRequest{}
	return q, raw, parseJSON(b, q)
}

// readJSON reads a request's body into v.
func readJSON(r *http.Request, v any) error {
	b, err := readBody(r)
	if err != nil {
		return err
	}
	return parseJSON(b, v)
}

// parseJSON reads JSON, and NaN as null where a number is missing: clients in
// Python write it so.
func parseJSON(b []byte, v any) error {
	err := json.Unmarshal(b, v)
	if err != nil && bytes.Contains(b, []byte("NaN")) {
		err = json.Unmarshal(nullForNaN(b), v)
	}
	if err != nil {
		return fault.Field(fault.Invalid, "body", "body: %w", err)
	}
	return nil
}

// nullForNaN replaces NaN by null, outside of strings.
func nullForNaN(b []byte) []byte {
	out := make([]byte, 0, len(b)+len(b)/8)
	quoted := false
	for i := 0; i < len(b); i++ {
		switch {
		case quoted && b[i] == '\\' && i+1 < len(b):
			out = append(out, b[i])
			i++
		case b[i] == '"':
			quoted = !quoted
		case !quoted && bytes.HasPrefix(b[i:], []byte("NaN")):
			out = append(out, "null"...)
			i += 2
			continue
		}
		out = append(out, b[i])
	}
	return out
}

// flatten reads the numbers of a tensor, flat or nested, row by row; null is
// missing. b is valid JSON.
func flatten(name string, b []byte, size int) ([]float64, error) {
	bad := func(what string) error {
		return fault.Field(fault.Invalid, name, "input %q: %s; want numbers, or null where one is missing", name, what)
	}
	out := make([]float64, 0, min(size, len(b)))
	for len(b) > 0 {
		switch c := b[0]; {
		case c == '[' || c == ']' || c == ',' || c == ' ' || c == '\n' || c == '\t' || c == '\r':
			b = b[1:]
			continue
		case c == '{':
			return nil, bad("data holds an object")
		case c == '"':
			return nil, bad("data holds a string")
		}
		n := bytes.IndexAny(b, ",] \n\t\r")
		if n < 0 {
			n = len(b)
		}
		if len(out) == size {
			return nil, fault.Field(fault.Invalid, name, "input %q: data has more than the %d elements of its shape", name, size)
		}
		switch text := string(b[:n]); text {
		case "null":
			out = append(out, nan)
		case "true":
			out = append(out, 1)
		case "false":
			out = append(out, 0)
		default:
			v, err := strconv.ParseFloat(text, 64)
			if err != nil {
				return nil, bad("a number is out of range")
			}
			out = append(out, v)
		}
		b = b[n:]
	}
	if len(out) != size {
		return nil, fault.Field(fault.Invalid, name, "input %q: data has %d elements, its shape needs %d", name, len(out), size)
	}
	return out, nil
}

// v1 answers /v1/models, /v1/models/{m} and /v1/models/{m}:predict.
func (i *inferenceREST) v1(w http.ResponseWriter, r *http.Request) {
	rest := strings.TrimPrefix(strings.TrimPrefix(r.URL.Path, "/v1/models"), "/")
	if rest == "" {
		if only(w, r, http.MethodGet) {
			writeJSON(w, http.StatusOK, map[string][]string{"models": {inferenceModel}})
		}
		return
	}
	name, predict := strings.CutSuffix(rest, ":predict")
	method := http.MethodGet
	if predict {
		method = http.MethodPost
	}
	if strings.Contains(name, "/") {
		fail(w, r, routeError(http.StatusNotFound))
		return
	}
	if !only(w, r, method) {
		return
	}
	m, err := i.s.inferenceScorer(name, "")
	switch {
	case err != nil:
		fail(w, r, err)
	case predict:
		i.predict(w, r, m)
	default:
		writeJSON(w, http.StatusOK, map[string]any{"name": inferenceModel, "ready": true})
	}
}

// predict answers {"instances": [...]}: each instance a list of values in the
// model's order, or an object by feature name; null or a name left out is
// missing.
func (i *inferenceREST) predict(w http.ResponseWriter, r *http.Request, m Scorer) {
	var q struct {
		Instances []json.RawMessage `json:"instances"`
	}
	if err := readJSON(r, &q); err != nil {
		fail(w, r, err)
		return
	}
	features := m.FeatureNames()
	t := tensor{name: inferenceInput, shape: []int64{int64(len(q.Instances)), int64(len(features))}}
	for n, b := range q.Instances {
		row, err := instance(indexed("instances", n), b, features)
		if err != nil {
			fail(w, r, err)
			return
		}
		t.data = append(t.data, row...)
	}
	scores, err := i.s.infer(r.Context(), m, []tensor{t})
	if err != nil {
		fail(w, r, err)
		return
	}
	verdicts := make([]string, len(scores))
	for n := range scores {
		verdicts[n] = string(scores[n].Verdict)
	}
	writeJSON(w, http.StatusOK, struct {
		Predictions  []float64 `json:"predictions"` // confidences
		Verdicts     []string  `json:"verdicts"`
		ModelName    string    `json:"model_name"`
		ModelVersion string    `json:"model_version"`
	}{floats(outputConfidence, scores), verdicts, inferenceModel, m.Version()})
}

// instance reads one instance.
func instance(field string, b []byte, features []string) ([]float64, error) {
	row := make([]float64, len(features))
	if len(b) > 0 && b[0] == '{' {
		var named map[string]*float64
		if err := json.Unmarshal(b, &named); err != nil {
			return nil, fault.Field(fault.Invalid, field, "%s: want numbers by feature name: %w", field, err)
		}
		for name := range named {
			if !slices.Contains(features, name) {
				return nil, fault.Field(fault.Invalid, field, "%s: there is no feature %q; there are %q", field, name, features)
			}
		}
		for n, f := range features {
			row[n] = nan
			if v := named[f]; v != nil {
				row[n] = *v
			}
		}
		return row, nil
	}
	var values []*float64
	if err := json.Unmarshal(b, &values); err != nil || len(values) != len(features) {
		return nil, fault.Field(fault.Invalid, field, "%s: want a list of %d numbers or nulls, or an object by feature name", field, len(features))
	}
	for n, v := range values {
		row[n] = nan
		if v != nil {
			row[n] = *v
		}
	}
	return row, nil
}
