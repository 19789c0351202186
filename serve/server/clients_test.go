package server

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	sluicev1 "sluice/proto/sluice/v1"
)

// python finds a Python that has modules: SLUICE_PYTHON, python3, or one that is
// made for the test with packages from PyPI.
func python(t *testing.T, modules string, packages ...string) string {
	t.Helper()
	if os.Getenv("SLUICE_LONG") == "" {
		t.Skip("set SLUICE_LONG=1 to try public clients")
	}
	path := os.Getenv("SLUICE_PYTHON")
	if path == "" {
		path = "python3"
	}
	if exec.Command(path, "-c", "import "+modules).Run() == nil {
		return path
	}
	dir := t.TempDir()
	if out, err := exec.Command(path, "-m", "venv", dir).CombinedOutput(); err != nil {
		t.Skipf("%s has no %s, and python3 -m venv fails: %v\n%s", path, modules, err, out)
	}
	path = filepath.Join(dir, "bin", "python")
	if out, err := exec.Command(path, append([]string{"-m", "pip", "install", "-q"}, packages...)...).CombinedOutput(); err != nil {
		t.Skipf("%q can't be installed from PyPI: %v\n%s", packages, err, out)
	}
	if out, err := exec.Command(path, "-c", "import "+modules).CombinedOutput(); err != nil {
		t.Skipf("%q are installed but don't load: %v\n%s", packages, err, out)
	}
	return path
}

const clientToken = "token-of-a-client-0"

// withTokens protects a service by tokens.
func withTokens(t *testing.T) func(*Config) {
	path := filepath.Join(t.TempDir(), "tokens")
	if err := os.WriteFile(path, []byte("client score,feed "+clientToken+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return func(c *Config) { c.Tokens = path }
}

// clientAnswers is what the scripts under testdata print.
type clientAnswers struct {
	Name, Verdict           string
	Confidence              float64
	Unknown                 bool
	Lookup, Reasons         []int
	Listed, Changes, Batch  []string
	Feed                    string
	Refused, Denied, Nobody string
	Rows                    []any // nil for a row with an error
}

func runClient(t *testing.T, cmd *exec.Cmd) clientAnswers {
	t.Helper()
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v\n%s%s", err, out, &stderr)
	}
	var a clientAnswers
	if err := json.Unmarshal(out, &a); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if a.Name != "ips/192.0.2.77" || a.Confidence != 77.0/256 || !a.Unknown || !slices.Equal(a.Lookup, []int{0, 5, 3}) {
		t.Errorf("%+v", a)
	}
	var want []string
	for i := range 100 {
		want = append(want, fmt.Sprintf("192.0.2.%d", i))
	}
	if !slices.Equal(a.Listed, want) {
		t.Errorf("listed %q", a.Listed)
	}
	return a
}

func checkRows(t *testing.T, a clientAnswers, m *fakeScorer, rows ...[]float32) {
	t.Helper()
	if len(a.Rows) != len(rows) || len(a.Reasons) != len(rows) {
		t.Fatalf("%d confidences and %d reasons for %d rows", len(a.Rows), len(a.Reasons), len(rows))
	}
	for i, r := range rows {
		if want := m.of(r).Confidence; a.Rows[i] != want || a.Reasons[i] != 1 {
			t.Errorf("row %d: %v with %d reasons, want %v with 1", i, a.Rows[i], a.Reasons[i], want)
		}
	}
}

// The Python client is generated and calls a service with tokens.
func TestPythonClient(t *testing.T) {
	py := python(t, "grpc, grpc_tools.protoc", "grpcio", "grpcio-tools", "setuptools")
	s := start(t, someLines(100), withTokens(t))
	generated := t.TempDir()
	generate := exec.Command("sh", "../clients/python/generate.sh", generated)
	generate.Env = append(os.Environ(), "PYTHON="+py)
	if out, err := generate.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	cmd := exec.Command(py, "-B", "testdata/client.py", s.GRPCAddr(), clientToken)
	cmd.Env = append(os.Environ(), "PYTHONPATH="+generated+string(os.PathListSeparator)+"../clients/python")
	a := runClient(t, cmd)
	if a.Verdict != "NOT_ABUSIVE" || a.Refused != "INVALID_ARGUMENT" || a.Denied != "UNAUTHENTICATED" {
		t.Errorf("%+v", a)
	}
	checkRows(t, a, s.models.scorers[challenger], []float32{0, 1}, []float32{1, 3}, []float32{float32(nan), 2})
}

// The PHP client calls a service with tokens, and downloads a feed over
// connections that break.
func TestPHPClient(t *testing.T) {
	if os.Getenv("SLUICE_LONG") == "" {
		t.Skip("set SLUICE_LONG=1 to try the PHP client")
	}
	if out, err := exec.Command("php", "-r", "exit(extension_loaded('curl') ? 0 : 1);").CombinedOutput(); err != nil {
		t.Skipf("no PHP with curl (Debian: php-cli and php-curl): %v %s", err, out)
	}
	s := start(t, someLines(100), withTokens(t))
	older := someLines(99)
	older[5].Confidence = 0.9
	writeFeed(t, s.home, "2024-08-30", older)
	want, err := os.ReadFile(filepath.Join(s.home, "feeds", "2024-08-31.jsonl.gz"))
	if err != nil {
		t.Fatal(err)
	}
	var broken atomic.Int64
	breaking := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		q := r.Clone(r.Context())
		q.URL.Scheme, q.URL.Host, q.RequestURI = "http", s.HTTPAddr(), ""
		a, err := http.DefaultTransport.RoundTrip(q)
		if err != nil {
			panic(http.ErrAbortHandler)
		}
		defer a.Body.Close()
		maps.Copy(w.Header(), a.Header)
		w.WriteHeader(a.StatusCode)
		most := int64(len(want)/3 + 1)
		if n, _ := io.CopyN(w, a.Body, most); n == most {
			broken.Add(1)
			_ = http.NewResponseController(w).Flush()
			panic(http.ErrAbortHandler)
		}
	}))
	defer breaking.Close()
	file := filepath.Join(t.TempDir(), "feed.jsonl.gz")
	a := runClient(t, exec.Command("php", "testdata/client.php", "../clients/php/SluiceClient.php", "http://"+s.HTTPAddr(), breaking.URL, clientToken, file))
	if a.Verdict != "VERDICT_NOT_ABUSIVE" || a.Refused != "400 INVALID name" || a.Denied != "401 UNAUTHENTICATED " || a.Nobody != "0  " {
		t.Errorf("%+v", a)
	}
	// Two addresses are new, one has another score.
	if len(a.Changes) != 3 {
		t.Errorf("changes %q", a.Changes)
	}
	got, err := os.ReadFile(file)
	if err != nil || !bytes.Equal(got, want) || broken.Load() == 0 {
		t.Errorf("the feed of %d bytes arrived as %d after %d breaks, %v", len(want), len(got), broken.Load(), err)
	}
	half, none := make([]float32, 12), make([]float32, 12)
	for i := range half {
		half[i], none[i] = 0.5, float32(nan)
	}
	checkRows(t, a, s.models.scorers[champion], half, none)
}

// The PHP client that is generated from the OpenAPI description calls a service
// with tokens.
func TestGeneratedPHPClient(t *testing.T) {
	py := python(t, "openapi_generator_cli", "openapi-generator-cli")
	if out, err := exec.Command("java", "-version").CombinedOutput(); err != nil {
		t.Skipf("no Java for the generator (Debian: default-jre-headless): %v %s", err, out)
	}
	if out, err := exec.Command("php", "-r", `require "GuzzleHttp/autoload.php"; exit(extension_loaded("curl") && extension_loaded("mbstring") ? 0 : 1);`).CombinedOutput(); err != nil {
		t.Skipf("no PHP with Guzzle, curl and mbstring (Debian: php-guzzlehttp-guzzle, php-curl, php-mbstring): %v %s", err, out)
	}
	s := start(t, someLines(100), withTokens(t))
	older := someLines(99)
	older[5].Confidence = 0.9
	writeFeed(t, s.home, "2024-08-30", older)
	dir := t.TempDir()
	description := filepath.Join(dir, "openapi.json")
	if err := os.WriteFile(description, sluicev1.OpenAPI(), 0o600); err != nil {
		t.Fatal(err)
	}
	generate := exec.Command("sh", "../clients/php/generate.sh", description, filepath.Join(dir, "php"))
	generate.Env = append(os.Environ(), "OPENAPI_GENERATOR="+filepath.Join(filepath.Dir(py), "openapi-generator-cli"))
	if out, err := generate.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	a := runClient(t, exec.Command("php", "testdata/generated.php", filepath.Join(dir, "php"), "http://"+s.HTTPAddr(), clientToken))
	if a.Verdict != "VERDICT_NOT_ABUSIVE" || a.Refused != "400 INVALID name" || a.Denied != "401 UNAUTHENTICATED " {
		t.Errorf("%+v", a)
	}
	if len(a.Changes) != 3 || a.Feed != "2024-08-31 200" || !slices.Equal(a.Batch, []string{"192.0.2.2", "2001:db8:0:5::1"}) {
		t.Errorf("changes %q, feed %q, batch %q", a.Changes, a.Feed, a.Batch)
	}
	half, quarter, none := make([]float32, 12), make([]float32, 12), make([]float32, 12)
	for i := range half {
		half[i], quarter[i], none[i] = 0.5, 0.25, float32(nan)
	}
	// The last row has an error, and no confidence: not 0, which is one.
	if n := len(a.Rows); n != 4 || a.Rows[3] != nil || a.Reasons[3] != 0 {
		t.Fatalf("rows %v, reasons %v", a.Rows, a.Reasons)
	}
	a.Rows, a.Reasons = a.Rows[:3], a.Reasons[:3]
	checkRows(t, a, s.models.scorers[champion], half, quarter, none)
}

// Triton's own clients read the same answers over every transport and encoding.
func TestTritonClient(t *testing.T) {
	py := python(t, "tritonclient.grpc, tritonclient.http", "tritonclient[all]")
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

// KServe's own clients read the same answers: over gRPC, typed and raw, over
// REST as JSON and as bytes, and by the first protocol.
func TestKServeClient(t *testing.T) {
	py := python(t, "kserve", "kserve")
	s := start(t, someLines(1))
	cmd := exec.Command(py, "-B", "testdata/kserve_client.py", s.GRPCAddr(), s.HTTPAddr())
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	var a struct {
		Answers []struct {
			Confidence []float64
			Verdict    []string
		}
		Predicted struct{ Predictions []float64 }
	}
	if err := json.Unmarshal(out, &a); err != nil || len(a.Answers) != 5 || len(a.Predicted.Predictions) != 2 {
		t.Fatalf("%v: %s", err, out)
	}
	for r, v := range []float32{0.5, 0.25} {
		want := s.models.scorers[champion].of(slices.Repeat([]float32{v}, 12))
		for i, one := range a.Answers {
			if one.Confidence[r] != want.Confidence || one.Verdict[r] != string(want.Verdict) {
				t.Errorf("answer %d, row %d: %+v, want %+v", i, r, one, want)
			}
		}
		if a.Predicted.Predictions[r] != want.Confidence {
			t.Errorf("predicted %v, want %v", a.Predicted.Predictions[r], want.Confidence)
		}
	}
}
