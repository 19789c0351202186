package attack

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"sluice/featurestore/fault"
)

func TestReadShapes(t *testing.T) {
	const want = "1 2024-07-26T20:00:00Z 2024-07-26T21:00:00Z claude | b,c 2024-08-02T00:00:00Z 2024-08-03T00:00:00Z "
	for name, in := range map[string]string{
		"csv":             "start,end,name,note\n2024-07-26T20:00:00Z,2024-07-26 21:00:00,1,claude\n2024-08-02T02:00:00+02:00,2024-08-03T00:00:00Z,\"b,c\",\n",
		"csv, any order":  "\xef\xbb\xbfName, end ,START,note\r\n1,2024-07-26 21:00:00,2024-07-26 20:00:00,claude\r\n# a remark\r\n\"b,c\",2024-08-03 00:00:00,2024-08-02 00:00:00,\r\n",
		"json array":      "[\n {\"start\":\"2024-07-26T20:00:00.9Z\",\"end\":\"2024-07-26T21:00:00Z\",\"name\":\"1\",\"note\":\"claude\"},\n {\"start\":\"2024-08-02T00:00:00\",\"end\":\"2024-08-03T00:00:00Z\",\"id\":\"b,c\"}\n]\n",
		"json lines":      "{\"name\":\"1\",\"start\":\"2024-07-26T20:00:00Z\",\"end\":\"2024-07-26T21:00:00Z\",\"note\":\"claude\"}\n\n{\"name\":\"b,c\",\"start\":\"2024-08-02T00:00:00Z\",\"end\":\"2024-08-03T00:00:00Z\"}\n",
		"csv, other rows": "start,end,name,note\n2024-08-02 00:00:00,2024-08-03 00:00:00,\"b,c\",\n2024-07-26 20:00:00,2024-07-26 21:00:00,1,claude\n",
	} {
		s, err := Read(strings.NewReader(in), name, nil)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		var got []string
		for _, w := range s.Windows() {
			got = append(got, w.ID+" "+stamp(w.Start)+" "+stamp(w.End)+" "+w.Note)
		}
		if g := strings.Join(got, " | "); g != want {
			t.Errorf("%s:\n got %s\nwant %s", name, g, want)
		}
	}
}

func TestReadRefuses(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{"", "w: no attack windows"},
		{"start,end,name\n", "w: no attack windows"},
		{"[]", "w: no attack windows"},
		{"start,end\n", "w:1: the header lacks the column name"},
		{"start,end,name,colour\n", `w:1: column "colour"`},
		{"start,end,name,id\n", `w:1: column "name" stands twice`},
		{"start,end,name\n2024-07-26 20:00:00,2024-07-26 19:00:00,a\n", `w:2: window "a" ends at 2024-07-26T19:00:00Z, which is not after its start`},
		{"start,end,name\n2024-07-26 20:00:00,2024-07-26 20:00:00,a\n", "w:2: window"},
		{"start,end,name\n2024-07-26 20:00:00,2024-07-26 21:00:00,a\n\n2024-07-27 20:00:00,2024-07-27 21:00:00,a\n", `w:4: window "a" is given twice, first in line 2`},
		{"start,end,name\n2024-07-26 20:00:00,2024-07-26 21:00:00,\n", "w:2: the name is empty"},
		{"start,end,name\n26/Jul/2024,2024-07-26 21:00:00,a\n", `w:2: start: time "26/Jul/2024": want RFC 3339`},
		{"start,end,name\n203.0.113.77,x,a\n", `w:2: start: time "203.0.113.xxx": want`},
		{"2001:db8::7,x,a\n", `w:1: column "2001:db8::/64": want`},
		{"[{\"start\":\"203.0.113.77\"}]", `w:1: start: time "203.0.113.xxx": want`},
		{"start,end,name\n2024-07-26 20:00:00,1969-07-26 21:00:00,a\n", "w:2: end: time"},
		{"start,end,name\na,b\n", "w:2: wrong number of fields"},
		{"start,end,name\n\"a,b\n", "w:2: extraneous or missing"},
		{"[\n{\"start\":1}]", "w:2: cannot unmarshal number"},
		{"[\n{\"start\":\"2024-07-26 20:00:00\",\"end\":\"2024-07-26 21:00:00\",\"name\":\"a\"},\n\n{\"begin\":\"x\"}]", `w:4: unknown field "begin"`},
		{"[{\"start\":\"2024-07-26 20:00:00\",\"end\":\"2024-07-26 21:00:00\",\"name\":\"a\"}", "w:1: the JSON array has no end"},
		{"[{\"start\":\"2024-07-26 20:00:00\",\"end\":\"2024-07-26 21:00:00\",\"name\":\"a\"}]\n[]", "w:2: something follows"},
		{"{\"start\":\"2024-07-26 20:00:00\",\"end\":\"2024-07-26 21:00:00\",\"name\":\"a\"} {}\n", "w:1: more than one JSON object"},
		{"{}\n", "w:1: start: time"},
		{"{\"start\":\"2024-07-26 20:00:00\",\n\"end\":1}", "w:1: unexpected EOF"},
	} {
		_, err := Read(strings.NewReader(c.in), "w", nil)
		if !fault.Is(err, fault.Invalid) || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%q:\n got %v\nwant %s", c.in, err, c.want)
		}
	}
}

func TestReadFile(t *testing.T) {
	dir := t.TempDir()
	if _, err := ReadFile(filepath.Join(dir, "none.csv"), nil); !fault.Is(err, fault.NotFound) {
		t.Errorf("a file that isn't there: %v", err)
	}
	if _, err := ReadFile(dir, nil); !fault.Is(err, fault.Invalid) {
		t.Errorf("a directory: %v", err)
	}
	path := filepath.Join(dir, "w.csv")
	if err := os.WriteFile(path, []byte("start,end,name\n2024-07-31 22:30:00,2024-08-01 01:00:00,x\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	s, err := ReadFile(path, time.FixedZone("", 2*3600))
	if err != nil || s.Window(0).Month.String() != "2024-08" {
		t.Errorf("%v, %v", s, err)
	}
}

func FuzzRead(f *testing.F) {
	f.Add("start,end,name\n2024-07-26 20:00:00,2024-07-26 21:00:00,a\n")
	f.Add("[{\"start\":\"2024-07-26 20:00:00\",\"end\":\"2024-07-26 21:00:00\",\"name\":\"a\"}]")
	f.Add("{\"name\":\"1\",\"start\":\"2024-07-26T20:00:00Z\",\"end\":\"2024-07-26T21:00:00Z\"}\n{}")
	f.Add("name,start,end\n\"a")
	f.Add("[[")
	f.Fuzz(func(t *testing.T, in string) {
		s, err := Read(strings.NewReader(in), "w", nil)
		if err != nil {
			if fault.KindOf(err) == fault.Unknown || strings.ContainsAny(err.Error(), "\n\r") {
				t.Fatalf("error %q", err)
			}
			return
		}
		for i, w := range s.Windows() {
			if w.End <= w.Start || w.ID == "" || w.Month == 0 {
				t.Fatalf("window %+v", w)
			}
			if got := s.Match(w.Start, nil); len(got) == 0 || !slices.Contains(got, int32(i)) {
				t.Fatalf("window %d does not match its own start", i)
			}
		}
	})
}
