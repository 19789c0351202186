package server

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"sluice/proto/sluice/v1"
)

// python finds a Python that has a module: SLUICE_PYTHON, else python3.
func python(t *testing.T, module string) string {
	t.Helper()
	if os.Getenv("SLUICE_LONG") == "" {
		t.Skip("set SLUICE_LONG=1 to try public clients")
	}
	path := os.Getenv("SLUICE_PYTHON")
	if path == "" {
		path = "python3"
	}
	if err := exec.Command(path, "-c", "import "+module).Run(); err != nil {
		t.Skipf("%s has no module %s: pip install it, and name that Python by SLUICE_PYTHON", path, module)
	}
	return path
}

// Triton's own clients read the same answers over every transport and encoding.
func TestTritonClient(t *testing.T) {
	py := python(t, "tritonclient.grpc, tritonclient.http")
	s := start(t, someLines(1))
	cmd := exec.Command(py, "testdata/triton.py", s.GRPCAddr(), s.HTTPAddr(), challenger)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	var answers []struct {
		Confidence []float64 `json:"confidence"`
		Verdict    []string  `json:"verdict"`
	}
	if err := json.Unmarshal(out, &answers); err != nil || len(answers) != 8 {
		t.Fatalf("%v: %s", err, out)
	}
	model := s.models.scorers[challenger]
	for _, a := range answers {
		for i, r := range [][]float32{{0, 1}, {1, 3}, {float32(nan), 2}} {
			want := model.of(r)
			if a.Confidence[i] != want.Confidence || a.Verdict[i] != string(want.Verdict) {
				t.Errorf("row %d: %v %s, want %+v", i, a.Confidence[i], a.Verdict[i], want)
			}
		}
	}
}

// A fuzzer that reads the OpenAPI description finds no answer that it does not
// describe, and no 5xx.
func TestOpenAPIIsTrue(t *testing.T) {
	py := python(t, "schemathesis")
	s := start(t, someLines(100))
	spec := filepath.Join(t.TempDir(), "openapi.json")
	if err := os.WriteFile(spec, sluicev1.OpenAPI, 0o600); err != nil {
		t.Fatal(err)
	}
	// The service is stricter than a schema can say, so valid data may be refused.
	cmd := exec.Command(py, "-m", "schemathesis.cli", "run", spec, "--url", "http://"+s.HTTPAddr(), "--max-examples", "100", "--exclude-checks", "positive_data_acceptance", "--no-color")
	if _, err := os.Stat(filepath.Join(filepath.Dir(py), "schemathesis")); err == nil {
		cmd = exec.Command(filepath.Join(filepath.Dir(py), "schemathesis"), cmd.Args[3:]...)
	}
	cmd.Dir = t.TempDir()
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}
