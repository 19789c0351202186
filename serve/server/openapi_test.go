package server

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	sluicev1 "sluice/proto/sluice/v1"
)

// A fuzzer that reads the OpenAPI description finds no answer that it does not
// describe, and no 5xx: of a service that knows addresses, overrides and
// crawlers, of one behind tokens, and of one without a feed, whose 503 is
// described.
func TestOpenAPIIsTrue(t *testing.T) {
	py := python(t, "schemathesis", "schemathesis")
	fuzz := func(t *testing.T, s *testServer, more ...string) {
		t.Helper()
		dir := t.TempDir()
		spec := filepath.Join(dir, "openapi.json")
		if err := os.WriteFile(spec, sluicev1.OpenAPI(), 0o600); err != nil {
			t.Fatal(err)
		}
		// The service is stricter than a schema can say, so that valid data may be
		// refused, and so is the fuzzer's own maker of data where it can't write
		// what must not be in a path, or the machine is slow.
		args := append([]string{"run", spec, "--url", "http://" + s.HTTPAddr(), "--seed", "1", "--request-timeout", "300", "--suppress-health-check", "filter_too_much,too_slow", "--no-color"}, more...)
		cmd := exec.Command(py, append([]string{"-m", "schemathesis.cli"}, args...)...)
		if path := filepath.Join(filepath.Dir(py), "schemathesis"); fileExists(path) {
			cmd = exec.Command(path, args...)
		}
		cmd.Dir = dir
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Errorf("%v\n%s", err, out)
			return
		}
		_, summary, _ := strings.Cut(string(out), " SUMMARY ")
		t.Log(strings.Trim(summary, "=\n"))
	}
	t.Run("whole", func(t *testing.T) {
		s := start(t, append(policyLines(), someLines(100)[100:]...), func(c *Config) { c.Policy, c.Appeal = policyFiles(t, saidOverrides), "ask@example.org" })
		fuzz(t, s, "--max-examples", "100", "--exclude-checks", "positive_data_acceptance")
	})
	t.Run("tokens", func(t *testing.T) {
		s := start(t, someLines(10), withTokens(t))
		// Who may not ask at all is not told by which method to.
		except := "positive_data_acceptance,unsupported_method"
		fuzz(t, s, "--max-examples", "20", "--exclude-checks", except, "--header", "Authorization: Bearer "+clientToken)
		fuzz(t, s, "--max-examples", "5", "--exclude-checks", except)
	})
	t.Run("no feed", func(t *testing.T) {
		fuzz(t, start(t, nil), "--max-examples", "20", "--exclude-checks", "positive_data_acceptance,not_a_server_error")
	})
}

func fileExists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// description is what of an OpenAPI description tells whether answers are as it
// says.
type description struct {
	Paths map[string]map[string]struct {
		Responses map[string]struct{ Schema *schema }
	}
	Definitions map[string]*schema
}

type schema struct {
	Ref                  string `json:"$ref"`
	Type, Format         string
	Enum                 []any
	Properties           map[string]*schema
	Items                *schema
	Required             []string
	AdditionalProperties any
	Nullable             bool `json:"x-nullable"`
}

// check says what of a value is not as the schema says; where is its place.
func (d *description) check(s *schema, v any, where string) error {
	if s == nil {
		return nil
	}
	if s.Ref != "" {
		return d.check(d.Definitions[strings.TrimPrefix(s.Ref, "#/definitions/")], v, where)
	}
	wrong := fmt.Errorf("%s is %v, want %s %v", where, v, s.Type, s.Enum)
	if s.Enum != nil && !slices.Contains(s.Enum, v) {
		return wrong
	}
	switch v := v.(type) {
	case nil:
		if !s.Nullable {
			return wrong
		}
	case string:
		if s.Type != "string" && s.Type != "" {
			return wrong
		}
	case bool:
		if s.Type != "boolean" && s.Type != "" {
			return wrong
		}
	case float64:
		if s.Type != "number" && s.Type != "" && (s.Type != "integer" || v != math.Trunc(v)) {
			return wrong
		}
	case []any:
		if s.Type != "array" && s.Type != "" {
			return wrong
		}
		for i, e := range v {
			if err := d.check(s.Items, e, fmt.Sprintf("%s[%d]", where, i)); err != nil {
				return err
			}
		}
	case map[string]any:
		if s.Type != "object" && s.Type != "" {
			return wrong
		}
		for _, name := range s.Required {
			if _, ok := v[name]; !ok {
				return fmt.Errorf("%s has no %s", where, name)
			}
		}
		for name, e := range v {
			of, ok := s.Properties[name]
			if !ok && s.Properties != nil && s.AdditionalProperties == nil {
				return fmt.Errorf("%s has %s, which is not described", where, name)
			}
			if more, isSchema := s.AdditionalProperties.(map[string]any); !ok && isSchema {
				of = &schema{Ref: more["$ref"].(string)}
			}
			if err := d.check(of, e, where+"."+name); err != nil {
				return err
			}
		}
	}
	return nil
}

// answer finds the schema of an answer.
func (d *description) answer(method, path string, code int) (*schema, error) {
	path, _, _ = strings.Cut(path, "?")
	found, literal := "", -1
	for template := range d.Paths {
		pattern := regexp.MustCompile(`\\\{[^/]*?\\\}`).ReplaceAllString(regexp.QuoteMeta(template), "[^/]+")
		plain := len(regexp.MustCompile(`\{[^/]*?\}`).ReplaceAllString(template, ""))
		if regexp.MustCompile("^"+pattern+"$").MatchString(path) && plain > literal {
			found, literal = template, plain
		}
	}
	operation, ok := d.Paths[found][strings.ToLower(method)]
	if !ok {
		return nil, fmt.Errorf("%s %s is not described", method, path)
	}
	r, ok := operation.Responses[fmt.Sprint(code)]
	if !ok {
		r, ok = operation.Responses["default"]
	}
	if !ok {
		return nil, fmt.Errorf("%s %s: %d is not described", method, path, code)
	}
	return r.Schema, nil
}

// Answers that a fuzzer hardly ever gets are as the description says too.
func TestAnswersAreDescribed(t *testing.T) {
	var d description
	if err := json.Unmarshal(sluicev1.OpenAPI(), &d); err != nil {
		t.Fatal(err)
	}
	s := start(t, append(policyLines(), someLines(100)[100:]...), func(c *Config) { c.Policy, c.Appeal = policyFiles(t, saidOverrides), "ask@example.org" })
	older := policyLines()
	older[0].Confidence = 0.75
	writeFeed(t, s.home, "2024-08-30", append(older, testLine("203.0.113.9", 0.5)))
	calls := []struct {
		path, body string
		code       int
	}{
		{"/v1/ips/192.0.2.1", "", 200},
		{"/v1/ips/192.0.2.200", "", 200},
		{"/v1/ips/203.0.113.77", "", 200}, // spoken of, not scored
		{"/v1/ips/198.51.100.7?user_agent=Examplebot", "", 200},
		{"/v1/ips/198.51.100.77", "", 404},
		{"/v1/ips/192.0.2.200:explain", "", 404},
		{"/v1/ips?page_size=5", "", 200},
		{"/v1/ips?filter=x", "", 400},
		{"/v1/ips:batchGet?names=ips/192.0.2.1&names=ips/192.0.2.200", "", 200},
		{"/v1/ips:lookup", `{"ips":["192.0.2.1","203.0.113.7","198.51.100.77","x"],"user_agents":["","","Examplebot",""]}`, 200},
		{"/v1/prefixes?prefix=192.0.2.0/24&page_size=2", "", 200},
		{"/v1/prefixes?prefix=2001:db8:0::/48", "", 200},
		{"/v1/overrides", "", 200},
		{"/v1/rows:score", `{"model_version":"` + challenger + `","feature_names":["request_count","spider_ratio"],"values":[1,2,null,"NaN",1,0.5],"max_reasons":2}`, 200},
		{"/v1/rows:score", `{"feature_names":["request_count"],"values":[1]}`, 400},
		{"/v1/feeds/latest", "", 200},
		{"/v1/feeds/2024-08-31:changes?since=2024-08-30", "", 200},
		{"/v1/feeds/latest:changes?since=2024-08-31", "", 200},
		{"/v1/modelVersions", "", 200},
		{"/v1/modelVersions/champion", "", 200},
		{"/v1/modelVersions/none", "", 404},
		{"/feed/v1/ip/192.0.2.200", "", 200},
		{"/feed/v1/ip/2001:db8:0:5::1", "", 200},
		{"/feed/v1/", "", 200},
		{"/v2", "", 200},
		{"/v2/health/ready", "", 200},
		{"/v2/models/sluice", "", 200},
		{"/v2/models/sluice/versions/" + challenger, "", 200},
		{"/v2/models/sluice/ready", "", 200},
		{"/v2/models/sluice/versions/" + challenger + "/infer", `{"id":"7","inputs":[{"name":"rows","shape":[2,2],"datatype":"FP64","data":[[1,0.5],[null,1]]}]}`, 200},
		{"/v2/models/none", "", 404},
		{"/v1/models", "", 200},
		{"/v1/models/sluice", "", 200},
		{"/v1/models/sluice:predict", `{"instances":[[` + strings.Repeat("0.5,", 11) + `null]]}`, 200},
		{"/healthz", "", 200},
		{"/readyz", "", 200},
	}
	check := func(method, path, body string, code int) {
		t.Helper()
		got, headers, answer := s.rest(t, method, path, body)
		if code != 0 && got != code {
			t.Errorf("%s %s: HTTP %d, want %d: %s", method, path, got, code, answer)
		}
		of, err := d.answer(method, path, got)
		if err != nil {
			t.Error(err)
			return
		}
		if !strings.HasPrefix(headers.Get("Content-Type"), "application/json") {
			return
		}
		var v any
		if err := json.Unmarshal([]byte(answer), &v); err != nil {
			t.Errorf("%s %s: %v", method, path, err)
			return
		}
		if err := d.check(of, v, "the answer"); err != nil {
			t.Errorf("%s %s: %v\n%s", method, path, err, answer)
		}
	}
	for _, c := range calls {
		method := "GET"
		if c.body != "" {
			method = "POST"
		}
		check(method, c.path, c.body, c.code)
	}
	for _, c := range errorCases() {
		if c.path != "" && !strings.Contains(c.path, "%2F") { // a slash that is no part of a path has no template
			check(c.method, c.path, c.body, 0)
		}
	}
}

// The description is held against what it does not describe, too.
func TestDescriptionChecks(t *testing.T) {
	d := description{Definitions: map[string]*schema{"A": {Type: "object", Required: []string{"a"}, Properties: map[string]*schema{
		"a": {Type: "array", Items: &schema{Type: "number"}}, "e": {Type: "string", Enum: []any{"X"}}, "i": {Type: "integer"},
	}}}}
	for text, want := range map[string]string{
		`{"a":[1,2.5],"e":"X","i":3}`: "",
		`{}`:                          "v has no a",
		`{"a":[null]}`:                "v.a[0] is <nil>, want number []",
		`{"a":["NaN"]}`:               "v.a[0] is NaN, want number []",
		`{"a":[],"e":"Y"}`:            "v.e is Y, want string [X]",
		`{"a":[],"i":1.5}`:            "v.i is 1.5, want integer []",
		`{"a":[],"b":1}`:              "v has b, which is not described",
		`{"a":{}}`:                    "v.a is map[], want array []",
		`[]`:                          "v is [], want object []",
	} {
		var v any
		if err := json.Unmarshal([]byte(text), &v); err != nil {
			t.Fatal(err)
		}
		err := d.check(&schema{Ref: "#/definitions/A"}, v, "v")
		if err == nil && want != "" || err != nil && err.Error() != want {
			t.Errorf("%s: %v, want %s", text, err, want)
		}
	}
}
