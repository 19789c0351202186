package server

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"pgregory.net/rapid"

	pb "sluice/proto/sluice/v1"
)

func TestReplaceIn(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{`{"values":[1,null, null ,"null",2]}`, `{"values":[1,"NaN", "NaN" ,"null",2]}`},
		{`{"a":null,"values" : [null],"b":[null]}`, `{"a":null,"values" : ["NaN"],"b":[null]}`},
		{`{"values":null}`, `{"values":null}`},
		{`{"values":[[null],{"values":[null]},null]}`, `{"values":[[null],{"values":[null]},"NaN"]}`},
		{`{"x":{"values":[null]},"values\"":[null],"y":"values","z":[null]}`, `{"x":{"values":[null]},"values\"":[null],"y":"values","z":[null]}`},
		{`[null]`, `[null]`},
		{`{"values":[nulls,null`, `{"values":[nulls,"NaN"`},
		{`{"values":["\`, `{"values":["\`},
		{``, ``},
		{`]]]{"values":[null]}`, `]]]{"values":["NaN"]}`},
	} {
		if got := string(replaceIn([]byte(c.in), "values", "null", `"NaN"`)); got != c.want {
			t.Errorf("%s becomes %s, want %s", c.in, got, c.want)
		}
	}
}

// What JSON means is what it meant before, but for the entries that are
// replaced.
func TestReplaceInKeeps(t *testing.T) {
	var draw func(*rapid.T, int) any
	draw = func(t *rapid.T, depth int) any {
		switch k := rapid.IntRange(0, 7).Draw(t, "kind"); {
		case k < 2:
			return nil
		case k == 2:
			return rapid.SampledFrom([]string{"null", "values", `"`, `\`, "", "NaN", "[", "}"}).Draw(t, "text")
		case k == 3:
			return rapid.Float64Range(-1e9, 1e9).Draw(t, "number")
		case k < 6 || depth > 3:
			a := []any{}
			for range rapid.IntRange(0, 3).Draw(t, "length") {
				if depth > 3 {
					a = append(a, nil)
					continue
				}
				a = append(a, draw(t, depth+1))
			}
			return a
		}
		o := map[string]any{}
		for range rapid.IntRange(0, 3).Draw(t, "fields") {
			o[rapid.SampledFrom([]string{"values", "a", `values"`, "null"}).Draw(t, "name")] = draw(t, depth+1)
		}
		return o
	}
	rapid.Check(t, func(t *rapid.T) {
		v := draw(t, 0)
		b, err := json.MarshalIndent(v, "", rapid.SampledFrom([]string{"", " "}).Draw(t, "indent"))
		if err != nil {
			t.Fatal(err)
		}
		if o, ok := v.(map[string]any); ok {
			if list, ok := o["values"].([]any); ok {
				for i := range list {
					if list[i] == nil {
						list[i] = "NaN"
					}
				}
			}
		}
		got, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		var x, y any
		if json.Unmarshal(replaceIn(b, "values", "null", `"NaN"`), &x) != nil || json.Unmarshal(got, &y) != nil || !reflect.DeepEqual(x, y) {
			t.Fatalf("%s becomes %s, want %s", b, replaceIn(b, "values", "null", `"NaN"`), got)
		}
	})
}

// A request with null is the one with NaN, and of an answer only the
// confidences change.
func TestRowsJSON(t *testing.T) {
	m := scoreMarshaler{restMarshaler}
	var q pb.ScoreRowsRequest
	if err := m.NewDecoder(strings.NewReader(`{"feature_names":["null"],"values":[null,1,"NaN",null]}`)).Decode(&q); err != nil {
		t.Fatal(err)
	}
	if v := q.Values; len(v) != 4 || v[0] == v[0] || v[1] != 1 || v[2] == v[2] || v[3] == v[3] || q.FeatureNames[0] != "null" {
		t.Errorf("%v", &q)
	}
	for _, body := range []string{`{"feature_names":[null]}`, `{"values":[null,`, `{"values":[[null]]}`} {
		if err := m.NewDecoder(strings.NewReader(body)).Decode(&q); err == nil {
			t.Errorf("%s is read", body)
		}
	}
	a := &pb.ScoreRowsResponse{ModelVersion: "NaN", Confidences: []float64{nan, 0.5}, Errors: []*pb.RowError{{Row: 0}}}
	b, err := m.Marshal(a)
	if err != nil {
		t.Fatal(err)
	}
	var got struct {
		ModelVersion string `json:"model_version"`
		Confidences  []*float64
	}
	if err := json.Unmarshal(b, &got); err != nil || got.ModelVersion != "NaN" || len(got.Confidences) != 2 || got.Confidences[0] != nil || *got.Confidences[1] != 0.5 {
		t.Errorf("%s: %+v, %v", b, got, err)
	}
	a.Errors = nil
	a.Confidences = []float64{0.25}
	b, err = m.Marshal(a)
	var same pb.ScoreRowsResponse
	if err != nil || protojson.Unmarshal(b, &same) != nil || !proto.Equal(&same, a) {
		t.Errorf("%s, %v", b, err)
	}
}
