package sluicev1

import (
	"encoding/json"
	"regexp"
	"testing"
)

// The whole description is valid JSON, every reference in it leads somewhere,
// and operations have names of their own.
func TestOpenAPIIsWhole(t *testing.T) {
	var d struct {
		Swagger     string
		Paths       map[string]map[string]struct{ OperationID string }
		Definitions map[string]any
	}
	if err := json.Unmarshal(OpenAPI(), &d); err != nil {
		t.Fatal(err)
	}
	if d.Swagger != "2.0" {
		t.Errorf("swagger %q", d.Swagger)
	}
	for _, m := range regexp.MustCompile(`"#/definitions/([^"]+)"`).FindAllStringSubmatch(string(OpenAPI()), -1) {
		if d.Definitions[m[1]] == nil {
			t.Errorf("there is no definition %q", m[1])
		}
	}
	seen := map[string]string{}
	for path, methods := range d.Paths {
		for method, o := range methods {
			if before, twice := seen[o.OperationID]; twice || o.OperationID == "" {
				t.Errorf("%s %s: operation %q, as %s", method, path, o.OperationID, before)
			}
			seen[o.OperationID] = path
		}
	}
	for _, path := range []string{"/v1/ips", "/v1/feeds/latest", "/v1/feeds/{date}.jsonl.gz", "/feed/v1/ip/{ip}", "/v2/models/{model}/infer", "/v1/models/{model}:predict"} {
		if d.Paths[path] == nil {
			t.Errorf("%s is not described", path)
		}
	}
}

func TestMergeOpenAPI(t *testing.T) {
	for _, c := range []struct{ into, from, want, err string }{
		{`{"paths":{"/a":1},"x":2}`, `{"info":3,"paths":{"/b":4}}`, `{"info":3,"paths":{"/a":1,"/b":4},"x":2}`, ""},
		{`{"paths":{"/a":1}}`, `{"paths":{"/a":4}}`, "", `paths: "/a" is described twice`},
		{`{}`, `{"host":4}`, "", `"host" can't be added`},
		{`{"definitions":{"A":{"properties":{"b":{"items":{"type":"number"}}}}}}`, `{"nullable":["A.b"]}`,
			`{"definitions":{"A":{"properties":{"b":{"items":{"type":"number","x-nullable":true}}}}}}`, ""},
		{`{"definitions":{"A":{"properties":{"b":{}}}}}`, `{"nullable":["A.b"]}`, "", `nullable: there is no list "A.b"`},
	} {
		got, err := mergeOpenAPI([]byte(c.into), []byte(c.from))
		if err != nil || c.err != "" {
			if err == nil || err.Error() != c.err {
				t.Errorf("%s + %s: error %v, want %s", c.into, c.from, err, c.err)
			}
			continue
		}
		var a, b any
		if json.Unmarshal(got, &a) != nil || json.Unmarshal([]byte(c.want), &b) != nil {
			t.Fatalf("%s", got)
		}
		x, _ := json.Marshal(a)
		if y, _ := json.Marshal(b); string(x) != string(y) {
			t.Errorf("%s + %s: %s", c.into, c.from, x)
		}
	}
}
