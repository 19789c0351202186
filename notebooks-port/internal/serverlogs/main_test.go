package serverlogs

import (
	"bytes"
	"context"
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the golden files anew")

func call(t *testing.T, stdin []byte, args ...string) (status int, stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	status = Main(context.Background(), args, bytes.NewReader(stdin), &out, &errs)
	return status, out.String(), errs.String()
}

// TestGolden pins all three reports of a small log.
func TestGolden(t *testing.T) {
	var first [3][]byte
	for i, threads := range []string{"1", "5"} {
		dir := t.TempDir()
		status, _, errs := call(t, nil, "--out", dir, "--threads", threads, "--groups", "testdata/own.txt", "testdata/small.log.gz")
		if status != 0 {
			t.Fatal(errs)
		}
		for k, name := range []string{"report.json", "report.md", "report.html"} {
			got, err := os.ReadFile(filepath.Join(dir, name))
			if err != nil {
				t.Fatal(err)
			}
			if i == 0 {
				first[k] = got
			} else if !bytes.Equal(got, first[k]) {
				t.Errorf("%s depends on the number of threads", name)
			}
			golden := filepath.Join("testdata", "golden", name)
			if *update && i == 0 {
				if err := os.MkdirAll(filepath.Dir(golden), 0o755); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(golden, got, 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(got, want) {
				t.Errorf("%s is not the golden one at byte %d; run with -update and read the difference", name, firstDifference(got, want))
			}
		}
	}
}

func firstDifference(a, b []byte) int {
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			return i
		}
	}
	return min(len(a), len(b))
}

// TestMemory: a log that does not fit gives the same counts from the temporary
// file, with names at a coarser grain that are told of.
func TestMemory(t *testing.T) {
	s := newStudy()
	path := filepath.Join(t.TempDir(), "requests.csv")
	if err := os.WriteFile(path, s.b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	o := DefaultOptions()
	o.Logs, o.Memory, o.ShowAddresses = []string{path}, 1<<20, true
	o.Success = []StatusRange{{200, 200}}
	small, err := Analyse(context.Background(), o, nil)
	if err != nil {
		t.Fatal(err)
	}
	whole := result(t)
	if len(small.Notes) == 0 {
		t.Error("nothing tells that names are coarser")
	}
	if small.Profile.Rows != whole.Profile.Rows || small.Get.Failure != whole.Get.Failure || small.Get.Success != whole.Get.Success || len(small.Incidents) != len(whole.Incidents) {
		t.Errorf("counts differ: %d rows, %d GET failures, %d outages", small.Profile.Rows, small.Get.Failure, len(small.Incidents))
	}
	for i := range small.Days {
		a, b := small.Days[i], whole.Days[i]
		if a.Requests != b.Requests || a.Failed != b.Failed || a.Z != b.Z {
			t.Errorf("%s differs", a.Date)
		}
	}
	o.Threads = 7
	again, err := Analyse(context.Background(), o, nil)
	if err != nil {
		t.Fatal(err)
	}
	if a, b := small.Document().Markdown(), again.Document().Markdown(); !bytes.Equal(a, b) {
		t.Errorf("with little memory the result depends on the number of threads, from byte %d", firstDifference(a, b))
	}
}

// TestMasked: no address of the log stands in a report unless asked for.
func TestMasked(t *testing.T) {
	dir := t.TempDir()
	if status, _, errs := call(t, nil, "--out", dir, "testdata/small.log.gz"); status != 0 {
		t.Fatal(errs)
	}
	address := regexp.MustCompile(`\b(192\.0\.2|198\.51\.100|203\.0\.113)\.\d+\b`)
	for _, name := range []string{"report.json", "report.md", "report.html"} {
		b, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		for _, a := range address.FindAllString(string(b), -1) {
			// The one that stands for masked ones in snippets, and one inside a
			// logged payload.
			if a != "192.0.2.1" && a != "198.51.100.99" {
				t.Errorf("%s holds %s", name, a)
			}
		}
		// In Markdown a payload stands in code, which is not markup.
		b = regexp.MustCompile("`[^`]*`").ReplaceAll(b, nil)
		if strings.Contains(string(b), "<script") || strings.Contains(string(b), "<svg/onload") {
			t.Errorf("%s holds a payload as markup", name)
		}
	}
}

func TestStandardInput(t *testing.T) {
	s := newStudy()
	dir := t.TempDir()
	status, out, errs := call(t, s.b.Bytes(), "-", "--out", dir, "--json", "--quiet")
	if status != 0 {
		t.Fatal(errs)
	}
	b, err := os.ReadFile(filepath.Join(dir, "report.json"))
	if err != nil || out != string(b) {
		t.Errorf("--json is not report.json: %v", err)
	}
	if !strings.Contains(out, `"name": "Canada"`) {
		t.Error("the country of standard input is not read")
	}
}

func TestUsage(t *testing.T) {
	missing := filepath.Join(t.TempDir(), "none.log")
	empty := filepath.Join(t.TempDir(), "empty.log")
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		args   []string
		status int
		want   string
	}{
		{nil, 2, "no log is named"},
		{[]string{"--zone", "Mars", "x"}, 2, "want a name as UTC"},
		{[]string{"--memory", "lots", "x"}, 2, "want a size as 64M"},
		{[]string{"--memory", "1k", "x"}, 2, "want 8M or more"},
		{[]string{"--success", "20", "x"}, 2, "is no status"},
		{[]string{"--threads", "0", "x"}, 2, "want 1 to 1024"},
		{[]string{"--top", "0", "x"}, 2, "want 1 to 1000"},
		{[]string{"--map", "ip", "x"}, 2, "want column=field"},
		{[]string{"--format", "iis", "testdata/small.log.gz"}, 2, "the formats are"},
		{[]string{"--nothing", "x"}, 2, "flag provided but not defined"},
		{[]string{"--groups", "testdata/small.log.gz", "x"}, 1, "want one as 10.0.0.0/8"},
		{[]string{"--mmdb", "testdata/own.txt", "testdata/small.log.gz", "--out", t.TempDir()}, 1, "MaxMind database"},
		{[]string{missing}, 1, "none.log"},
		{[]string{missing + "*"}, 1, "no log matches"},
		{[]string{empty}, 1, "no line"},
		{[]string{"testdata/small.log.gz", "testdata/small.log.gz"}, 2, "named twice"},
	} {
		status, out, errs := call(t, nil, c.args...)
		if status != c.status || !strings.Contains(errs, c.want) || out != "" {
			t.Errorf("%v: status %d, %q, want %d and %q", c.args, status, errs, c.status, c.want)
		}
	}
	status, out, _ := call(t, nil, "--help")
	if status != 0 || !strings.Contains(out, "Examples:") || !strings.Contains(out, "--out report") {
		t.Errorf("--help: %d\n%s", status, out)
	}
}

func TestInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	dir := filepath.Join(t.TempDir(), "out")
	var out, errs bytes.Buffer
	if status := Main(ctx, []string{"--out", dir, "testdata/small.log.gz"}, nil, &out, &errs); status != 130 {
		t.Errorf("status %d: %s", status, errs.String())
	}
	if _, err := os.Stat(dir); err == nil {
		t.Error("something was written")
	}
}

// TestNoLists: a list without entries is one in report.json, not null.
func TestNoLists(t *testing.T) {
	path := filepath.Join(t.TempDir(), "one.log")
	if err := os.WriteFile(path, []byte(`192.0.2.1 - - [10/Oct/2024:13:55:36 +0000] "GET / HTTP/1.1" 200 10 "-" "x"`+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	status, out, errs := call(t, nil, "--json", "--out", dir, path)
	if status != 0 {
		t.Fatal(errs)
	}
	for line := range strings.Lines(out) {
		if strings.HasSuffix(strings.TrimRight(line, ",\n"), "null") && !strings.Contains(line, `"missing"`) {
			t.Errorf("report.json has %s", strings.TrimSpace(line))
		}
	}
}
