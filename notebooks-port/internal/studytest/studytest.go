package studytest

import (
	"bytes"
	"context"
	"flag"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"sluice/featurestore"
	"sluice/featurestore/accesslog"
	"sluice/featurestore/attack"
	"sluice/featurestore/simulate"
	"sluice/featurestore/webrequest"
	"sluice/train/pipeline"
)

var update = flag.Bool("update", false, "write the golden files anew")

// Main is a program.
type Main func(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int

// Call runs a program.
func Call(t *testing.T, main Main, args ...string) (status int, stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	status = main(context.Background(), args, strings.NewReader(""), &out, &errs)
	return status, out.String(), errs.String()
}

// World is a simulated world on disk.
type World struct {
	*simulate.Files
	// Addresses are all in the logs, in full.
	Addresses []string
	// Config is what it was made of.
	Config simulate.Config
}

// NewWorld writes three months with few addresses.
func NewWorld(t *testing.T) *World {
	t.Helper()
	c := simulate.Config{Seed: 5, Months: 3, Rows: 150, Scale: .004, BackgroundIPs: 20}
	w, err := simulate.New(c)
	if err != nil {
		t.Fatal(err)
	}
	f, err := w.Write(context.Background(), filepath.Join(t.TempDir(), "world"), simulate.WriteOptions{Gzip: true, Threads: 2})
	if err != nil {
		t.Fatal(err)
	}
	out := &World{Files: f, Config: w.Config()}
	for i := range 3 {
		for _, p := range slices.Concat(w.Month(i), w.Background(i)) {
			out.Addresses = append(out.Addresses, p.IP.String())
		}
	}
	slices.Sort(out.Addresses)
	out.Addresses = slices.Compact(out.Addresses)
	return out
}

// Args are the flags that name the world's files: logs, and what is asked for
// of attacks, labels and drops.
func (w *World) Args(what ...string) []string {
	args := append([]string{"--logs"}, w.Logs...)
	for _, x := range what {
		switch x {
		case "attacks":
			args = append(args, "--attacks", w.Attacks)
		case "labels":
			args = append(append(args, "--labels"), w.Labels["check"]...)
		case "drops":
			args = append(args, "--drops")
			for _, f := range w.SilentDrop {
				if strings.HasSuffix(f, ".jsonl.gz") {
					args = append(args, f)
				}
			}
		}
	}
	return args
}

// Home builds a home of the world and gives the flags that name it.
func (w *World) Home(t *testing.T) []string {
	t.Helper()
	windows, err := attack.ReadFile(w.Attacks, time.UTC)
	if err != nil {
		t.Fatal(err)
	}
	home := t.TempDir()
	_, err = pipeline.Build(context.Background(), pipeline.Config{
		Home: home, World: featurestore.Simulated, Logs: w.Logs, Labels: w.Labels["check"], Windows: windows, Zone: time.UTC, Threads: 2,
		Web: webrequest.DefaultOptions(webrequest.Wikimedia), Filter: webrequest.DefaultFilter(webrequest.Wikimedia),
	}, func(pipeline.Event) {})
	if err != nil {
		t.Fatal(err)
	}
	return []string{"--dir", home}
}

// Each hands out every request of the world's logs, one after the other.
func (w *World) Each(t *testing.T, f func(r *webrequest.Request)) {
	t.Helper()
	for _, name := range w.Logs {
		log, err := accesslog.Open(name, accesslog.Options{})
		if err != nil {
			t.Fatal(err)
		}
		err = log.Scan(context.Background(), 1, func(_ int, r *webrequest.Request) error {
			f(r)
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

var reports = []string{"report.json", "report.md", "report.html"}

// Golden runs a program with one thread and with five, and holds the reports
// against those in testdata/golden.
func Golden(t *testing.T, main Main, args ...string) {
	t.Helper()
	first := map[string][]byte{}
	for i, threads := range []string{"1", "5"} {
		dir := t.TempDir()
		if status, _, errs := Call(t, main, append(slices.Clone(args), "--out", dir, "--threads", threads)...); status != 0 {
			t.Fatal(errs)
		}
		for _, name := range reports {
			got := read(t, filepath.Join(dir, name))
			if i == 0 {
				first[name] = got
			} else if !bytes.Equal(got, first[name]) {
				t.Errorf("%s depends on the number of threads, from byte %d", name, difference(got, first[name]))
			}
		}
	}
	for _, name := range reports {
		golden := filepath.Join("testdata", "golden", name)
		if *update {
			if err := os.MkdirAll(filepath.Dir(golden), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(golden, first[name], 0o644); err != nil {
				t.Fatal(err)
			}
		}
		if want := read(t, golden); !bytes.Equal(first[name], want) {
			at := difference(first[name], want)
			t.Errorf("%s is not the golden one at byte %d (%q, want %q); run with -update and read the difference", name, at, around(first[name], at), around(want, at))
		}
	}
}

func around(b []byte, at int) []byte { return b[max(0, at-20):min(len(b), at+40)] }

func read(t *testing.T, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func difference(a, b []byte) int {
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			return i
		}
	}
	return min(len(a), len(b))
}

// Masked checks that no address of the world is in the reports, and that
// --show-addresses puts one there where shows says so.
func Masked(t *testing.T, main Main, w *World, shows bool, args ...string) {
	t.Helper()
	for _, show := range []bool{false, true} {
		dir, all := t.TempDir(), slices.Clone(args)
		if show {
			all = append(all, "--show-addresses")
		}
		if status, _, errs := Call(t, main, append(all, "--out", dir)...); status != 0 {
			t.Fatal(errs)
		}
		for _, name := range reports {
			text, any := string(read(t, filepath.Join(dir, name))), false
			for _, ip := range w.Addresses {
				if !strings.Contains(text, ip) || !stands(text, ip) {
					continue
				}
				any = true
				if !show {
					t.Fatalf("%s holds an address of the logs", name)
				}
			}
			if show && shows && !any {
				t.Errorf("%s holds no address though they were asked for", name)
			}
		}
	}
}

// stands reports whether ip stands in text as a whole word: 1.2.3.4 is not in
// 11.2.3.45.
func stands(text, ip string) bool {
	for {
		i := strings.Index(text, ip)
		if i < 0 {
			return false
		}
		before, after := byte(' '), byte(' ')
		if i > 0 {
			before = text[i-1]
		}
		if i+len(ip) < len(text) {
			after = text[i+len(ip)]
		}
		const part = "0123456789abcdefABCDEF:."
		if !strings.ContainsRune(part, rune(before)) && !strings.ContainsRune(part, rune(after)) {
			return true
		}
		text = text[i+1:]
	}
}

// Usage is a call that has to fail.
type Usage struct {
	Args   []string
	Status int
	Want   string // in the one line on stderr
}

// Fails checks that calls fail with a line that says what to do, and write
// nothing; and that --help has an example.
func Fails(t *testing.T, main Main, calls []Usage) {
	t.Helper()
	for _, c := range calls {
		dir := filepath.Join(t.TempDir(), "out")
		status, out, errs := Call(t, main, append(slices.Clone(c.Args), "--out", dir)...)
		if status != c.Status || !strings.Contains(errs, c.Want) || out != "" {
			t.Errorf("%v: status %d, %q, want %d and %q", c.Args, status, errs, c.Status, c.Want)
		}
		lines := strings.Count(errs, "\n")
		if status == 2 {
			lines-- // where help is
		}
		if lines != 1 {
			t.Errorf("%v: %d lines: %q", c.Args, lines, errs)
		}
		if _, err := os.Stat(dir); err == nil {
			t.Errorf("%v: something was written", c.Args)
		}
	}
	status, out, errs := Call(t, main, "--help")
	if status != 0 || errs != "" || !strings.Contains(out, "Examples:\n") || !strings.Contains(out, "--out report") {
		t.Errorf("--help: %d\n%s%s", status, out, errs)
	}
}

// Interrupted checks that a cancelled program ends with 130 and writes nothing.
func Interrupted(t *testing.T, main Main, args ...string) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	dir := filepath.Join(t.TempDir(), "out")
	var out, errs bytes.Buffer
	if status := main(ctx, append(slices.Clone(args), "--out", dir), nil, &out, &errs); status != 130 {
		t.Errorf("status %d: %s", status, errs.String())
	}
	if _, err := os.Stat(dir); err == nil {
		t.Error("something was written")
	}
}
