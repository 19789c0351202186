package cli

import (
	"bytes"
	"encoding/csv"
	"io"
	"math"
	"math/big"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"sluice/featurestore/fault"
)

func readText(text string, want []string, label, weight string) (*matrix, error) {
	r, err := newMatrixReader("x.csv", strings.NewReader(text), nil)
	if err != nil {
		return nil, err
	}
	return r.read(want, label, weight)
}

func TestMatrix(t *testing.T) {
	nan, inf := nan32, float32(math.Inf(1))
	for _, c := range []struct {
		name, text    string
		want          []string
		label, weight string
		names         []string
		x, y          []float32
	}{
		{"plain", "a,b\n1,2\n3,4\n", nil, "", "", []string{"a", "b"}, []float32{1, 2, 3, 4}, nil},
		{"no end of line", "a,b\n1,2", nil, "", "", []string{"a", "b"}, []float32{1, 2}, nil},
		{"crlf and bom", "\xef\xbb\xbfa,b\r\n1,\r\n\r\n,4\r\n", nil, "", "", []string{"a", "b"}, []float32{1, nan, nan, 4}, nil},
		{"quoted", "\"a,\"\"x\"\"\",\"b\"\n\"1.5\",\"\"\n", nil, "", "", []string{`a,"x"`, "b"}, []float32{1.5, nan}, nil},
		{"spaces", " a ,\t\"b\" \n 1 , \"2\" \n", nil, "", "", []string{"a", "b"}, []float32{1, 2}, nil},
		{"missing", "a,b,c,d\nnan,NaN,NA,\n", nil, "", "", []string{"a", "b", "c", "d"}, []float32{nan, nan, nan, nan}, nil},
		{"infinite", "a,b,c\ninf,-Infinity,+Inf\n", nil, "", "", []string{"a", "b", "c"}, []float32{inf, -inf, inf}, nil},
		{"truth", "a,b\ntrue,False\n", nil, "", "", []string{"a", "b"}, []float32{1, 0}, nil},
		{"label between", "a,y,b\n1,0,2\n3,1,4\n", nil, "y", "", []string{"a", "b"}, []float32{1, 2, 3, 4}, []float32{0, 1}},
		{"one column", "a\n1\n\n3\n", nil, "", "", []string{"a"}, []float32{1, nan, 3}, nil},
		{"chosen", "note,b,a\nhello,1,2\n\"x, y\",3,4\n", []string{"a", "b"}, "", "", []string{"a", "b"}, []float32{2, 1, 4, 3}, nil},
		{"rounded once", "a\n0.1\n16777217\n1e-45\n", nil, "", "", []string{"a"}, []float32{0.1, 16777216, 1e-45}, nil},
	} {
		m, err := readText(c.text, c.want, c.label, c.weight)
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		if !slices.Equal(m.names, c.names) || !sameFloats(m.x, c.x) || !sameFloats(m.label, c.y) || m.rows*len(c.names) != len(c.x) {
			t.Errorf("%s: %q %v %v, want %q %v %v", c.name, m.names, m.x, m.label, c.names, c.x, c.y)
		}
	}
}

func TestMatrixErrors(t *testing.T) {
	for _, c := range []struct {
		text, label, weight string
		want                []string
		err                 string
	}{
		{"", "", "", nil, "x.csv is empty"},
		{"\xef\xbb\xbf\n1\n", "", "", nil, "x.csv is empty"},
		{"a,b\n", "", "", nil, "no rows"},
		{",a\n0,1\n", "", "", nil, "column 1 has no name"},
		{"a,a\n0,1\n", "", "", nil, `column 2 is named "a"`},
		{"a,b\n1\n", "", "", nil, "x.csv:2: 1 fields, the header has 2"},
		{"a,b\n1,2,3\n", "", "", nil, "x.csv:2: more fields than the header's 2"},
		{"a,b\n1,2\n\nx,1\n", "", "", nil, `x.csv:4: column a: "x" is no number`},
		{"a\n203.0.113.77\n", "", "", nil, `x.csv:2: column a: "203.0.113.xxx" is no number`},
		{"a\n\"0\" 203.0.113.77\n", "", "", nil, `"203.0.113.xxx" follows`},
		{"203.0.113.77\nx\n", "", "", nil, "column 203.0.113.xxx: "},
		{"203.0.113.77,203.0.113.77\n", "", "", nil, `named "203.0.113.xxx"`},
		{"a\n1e39\n", "", "", nil, "beyond float32"},
		{"a,b\n1,\"2\n", "", "", nil, "x.csv:2: column b: a quote is opened and not closed"},
		{"a,b\n\"1\"2,3\n", "", "", nil, `"2,3" follows the closing quote`},
		{"a,b\n1,2\n", "c", "", nil, `no column "c"`},
		{"a,b\n1,2\n", "a", "a", nil, "both"},
		{"a,b\n1,2\n", "", "", []string{"a", "cc"}, `needs the column "cc"`},
		{"a,b\n1,2\n", "a", "", []string{"a"}, "can't be the label"},
	} {
		_, err := readText(c.text, c.want, c.label, c.weight)
		if err == nil || !strings.Contains(err.Error(), c.err) {
			t.Errorf("%q: %v, want %q", c.text, err, c.err)
		}
		if strings.Contains(err.Error()+fault.FieldOf(err), "203.0.113.77") {
			t.Errorf("%q: an address in %v", c.text, err)
		}
		if k := fault.KindOf(err); k != fault.Invalid && k != fault.Usage {
			t.Errorf("%q: kind %v", c.text, k)
		}
	}
}

// TestWideMatrix reads a header and a row of 200,000 columns, in other order
// than asked for.
func TestWideMatrix(t *testing.T) {
	const n = 200_000
	var b bytes.Buffer
	want := make([]string, n)
	for i := range n {
		want[i] = "c" + strconv.Itoa(i)
	}
	for i := range n {
		b.WriteString(want[n-1-i] + string(separator(i, n)))
	}
	for i := range n {
		b.WriteString(strconv.Itoa(i) + string(separator(i, n)))
	}
	m, err := readText(b.String(), want, "", "")
	if err != nil {
		t.Fatal(err)
	}
	for i, v := range m.x {
		if v != float32(n-1-i) {
			t.Fatalf("column %d is %v", i, v)
		}
	}
}

func sameFloats(a, b []float32) bool {
	return slices.EqualFunc(a, b, func(a, b float32) bool {
		return math.Float32bits(a) == math.Float32bits(b) || a != a && b != b
	})
}

// slowMatrix is readMatrix through encoding/csv and exact arithmetic.
func slowMatrix(text string) (names []string, x []float32, ok bool) {
	r := csv.NewReader(strings.NewReader(strings.TrimPrefix(text, "\xef\xbb\xbf")))
	r.FieldsPerRecord = -1
	r.TrimLeadingSpace = true
	for {
		rec, err := r.Read()
		if err == io.EOF {
			return names, x, len(names) > 0 && len(x) > 0
		}
		if err != nil {
			return nil, nil, false
		}
		if names == nil {
			for _, n := range rec {
				n = strings.TrimSpace(n)
				if n == "" || slices.Contains(names, n) || strings.Contains(n, "\n") {
					return nil, nil, false
				}
				names = append(names, n)
			}
			continue
		}
		if len(rec) == 1 && strings.TrimSpace(rec[0]) == "" && len(names) > 1 {
			continue
		}
		if len(rec) != len(names) {
			return nil, nil, false
		}
		for _, f := range rec {
			if strings.Contains(f, "\n") {
				return nil, nil, false
			}
			v, ok := slowNumber(strings.TrimSpace(f))
			if !ok {
				return nil, nil, false
			}
			x = append(x, v)
		}
	}
}

func slowNumber(s string) (float32, bool) {
	switch strings.ToLower(s) {
	case "":
		return nan32, true
	case "nan", "+nan", "-nan":
		return nan32, s != "+nan" && s[0] != '-' && s[0] != '+'
	case "inf", "+inf", "infinity", "+infinity":
		return float32(math.Inf(1)), true
	case "-inf", "-infinity":
		return float32(math.Inf(-1)), true
	}
	switch s {
	case "NA":
		return nan32, true
	case "true", "True", "TRUE":
		return 1, true
	case "false", "False", "FALSE":
		return 0, true
	}
	if strings.ContainsAny(s, "_/bBoOxXpP") {
		return 0, false
	}
	if i := strings.IndexAny(s, "eE"); i >= 0 && len(s)-i > 5 {
		return 0, false // big.Rat would take the exponent at its word
	}
	q, ok := new(big.Rat).SetString(s)
	if !ok {
		return 0, false
	}
	v, _ := q.Float32()
	if v == 0 && strings.HasPrefix(s, "-") {
		v = float32(math.Copysign(0, -1))
	}
	return v, !math.IsInf(float64(v), 0)
}

// FuzzMatrix holds the reader to encoding/csv: whatever that and exact
// arithmetic read is read alike, and nothing else is.
func FuzzMatrix(f *testing.F) {
	for _, s := range []string{
		"a,b\n1,2\n", "\xef\xbb\xbfa,b\r\n1,\r\n", "\"a,\"\"x\"\"\",b\n\"1.5\",\"\"\n", " a , b\n 1 , 2 \n", "a\n1\n\n2\n",
		"a,b\n\n1,2\n\n", "a,b\n1e39,1e-50\n", "a,b\n-0,inf\n", "a,b\nNA,true\n", "a,b\n1,\"2\n\"\n", "a,b\n\"1\"x,2\n",
		"a,b,c\n0.1,16777217,9.999999e-46\n", "a,,b\n1,2,3\n", "a\n\"\"\n", "a,b\n1\n",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		m, err := readText(text, nil, "", "")
		if k := fault.KindOf(err); err != nil && k != fault.Invalid {
			t.Fatalf("%q: an error of kind %v: %v", text, k, err)
		}
		// A lone carriage return, blank lines of one column and the other
		// spaces are where encoding/csv has rules of its own.
		head, _, _ := strings.Cut(text, "\n")
		if strings.Contains(strings.ReplaceAll(text, "\r\n", "\n"), "\r") || !strings.Contains(head, ",") || strings.ContainsAny(text, "\v\f\u0085\u00a0\x1c\x1d\x1e\x1f_xX") {
			return
		}
		for _, r := range text {
			if r > 0x7f && r != '\ufeff' {
				return
			}
		}
		names, x, ok := slowMatrix(text)
		switch {
		case ok && err != nil:
			t.Fatalf("%q: %v, encoding/csv reads %q %v", text, err, names, x)
		case ok && (!slices.Equal(names, m.names) || !sameFloats(x, m.x)):
			t.Fatalf("%q: %q %v, want %q %v", text, m.names, m.x, names, x)
		case !ok && err == nil:
			// encoding/csv takes no space after a closing quote and drops it
			// before one only; long exponents are left to strconv.
			if !strings.Contains(text, `"`) && !strings.ContainsAny(text, "eE") {
				t.Fatalf("%q: read as %q %v, encoding/csv refuses it", text, m.names, m.x)
			}
		}
	})
}

func BenchmarkMatrix(b *testing.B) {
	var buf bytes.Buffer
	buf.WriteString("a,b,c,d,e,f,g,h,i,j,k,l\n")
	for r := range 20_000 {
		for c := range 12 {
			buf.WriteString(strconv.FormatFloat(float64(r*c%1000)/37, 'g', 7, 32))
			buf.WriteByte(separator(c, 12))
		}
	}
	path := filepath.Join(b.TempDir(), "x.csv")
	if err := os.WriteFile(path, buf.Bytes(), 0o600); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	b.SetBytes(int64(buf.Len()))
	for b.Loop() {
		if _, err := readMatrix(path, nil, "", ""); err != nil {
			b.Fatal(err)
		}
	}
}
