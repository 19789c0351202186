package program

import (
	"bytes"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"sluice/featurestore/fault"
	"sluice/notebooks-port/internal/page"
)

func TestParse(t *testing.T) {
	for _, c := range []struct {
		args              string
		logs, names, rest []string
		n                 int
		on                bool
	}{
		{"--logs a b c", []string{"a", "b", "c"}, nil, nil, 1, false},
		{"x --logs a b -n 3 y", []string{"a", "b"}, nil, []string{"x", "y"}, 3, false},
		{"--logs=a --logs b", []string{"a", "b"}, nil, nil, 1, false},
		{"--names a,b c --on d", nil, []string{"a", "b", "c"}, []string{"d"}, 1, true},
		{"--logs - -- --logs", []string{"-"}, nil, []string{"--logs"}, 1, false},
		{"- x", nil, nil, []string{"-", "x"}, 1, false},
		{"-n=4 --on=false", nil, nil, nil, 4, false},
	} {
		f := flag.NewFlagSet("p", flag.ContinueOnError)
		var logs List
		var names Words
		f.Var(&logs, "logs", "")
		f.Var(&names, "names", "")
		n, on := f.Int("n", 1, ""), f.Bool("on", false, "")
		rest, err := Parse(f, "", strings.Fields(c.args), nil)
		if err != nil || !slices.Equal(logs, c.logs) || !slices.Equal(names.List, c.names) || !slices.Equal(rest, c.rest) || *n != c.n || *on != c.on {
			t.Errorf("%s: %q, %q, %q, %d, %v, %v", c.args, logs, names.List, rest, *n, *on, err)
		}
	}
	for _, args := range []string{"--nothing", "-n x", "--logs", "--names a,,b"} {
		f := flag.NewFlagSet("p", flag.ContinueOnError)
		f.Var(&List{}, "logs", "")
		f.Var(&Words{}, "names", "")
		f.Int("n", 1, "")
		if _, err := Parse(f, "", strings.Fields(args), nil); fault.KindOf(err) != fault.Usage {
			t.Errorf("%s: %v", args, err)
		}
	}
	var out bytes.Buffer
	f := flag.NewFlagSet("p", flag.ContinueOnError)
	f.Int("n", 1, "so many")
	if _, err := Parse(f, "Usage: p\n", []string{"--help"}, &out); !errors.Is(err, flag.ErrHelp) || !strings.Contains(out.String(), "so many") {
		t.Errorf("%v, %s", err, out.String())
	}
}

func TestExpand(t *testing.T) {
	dir := t.TempDir()
	for _, n := range []string{"b.log", "a.log", "odd[1].log"} {
		if err := os.WriteFile(filepath.Join(dir, n), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	at := func(n string) string { return filepath.Join(dir, n) }
	got, err := Expand("log", []string{at("*.log"), at("b.log"), "-", at("odd[1].log")})
	want := []string{at("a.log"), at("b.log"), at("odd[1].log"), at("b.log"), "-", at("odd[1].log")}
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("%q, %v", got, err)
	}
	for _, c := range []struct {
		pattern, want string
		kind          fault.Kind
	}{{at("*.gz"), "no log matches", fault.NotFound}, {dir, "is a folder", fault.Invalid}} {
		if _, err := Expand("log", []string{c.pattern}); fault.KindOf(err) != c.kind || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", c.pattern, err)
		}
	}
}

func TestStatus(t *testing.T) {
	for _, c := range []struct {
		err  error
		want int
		text string
	}{
		{nil, 0, ""}, {flag.ErrHelp, 0, ""}, {fault.New(fault.Usage, "no"), 2, "p: no\np --help shows the flags, with examples\n"},
		{fault.New(fault.Corrupt, "no"), 1, "p: no\n"}, {fault.New(fault.Interrupted, "no"), 130, "p: no\n"},
	} {
		var b bytes.Buffer
		if got := Status("p", c.err, &b); got != c.want || b.String() != c.text {
			t.Errorf("%v: %d, %q", c.err, got, b.String())
		}
	}
}

func TestWrite(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a", "b")
	b, err := Write(dir, &page.Document{Title: "T"}, map[string]int{"x": 1})
	if err != nil || string(b) != "{\n \"x\": 1\n}\n" {
		t.Errorf("%q, %v", b, err)
	}
	for _, n := range []string{"report.html", "report.md", "report.json"} {
		if _, err := os.Stat(filepath.Join(dir, n)); err != nil {
			t.Error(err)
		}
	}
	file := filepath.Join(dir, "report.md")
	if _, err := Write(filepath.Join(file, "c"), &page.Document{}, nil); fault.KindOf(err) != fault.Invalid {
		t.Errorf("a file as a folder: %v", err)
	}
}
