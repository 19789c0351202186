package cli

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"math"
	"os"
	"slices"
	"strconv"
	"strings"

	"sluice/featurestore/fault"
)

// matrix is a plain CSV of numbers with a header: rows*len(names) values,
// row-major; an empty field, NaN or "nan" is missing.
type matrix struct {
	names []string
	x     []float32
	rows  int
	label []float32 // where a label column was named
	wt    []float32 // where a weight column was named
}

// readMatrix reads a CSV matrix. The columns named label and weight ("" for
// none) are taken out of the features. Quoted fields are taken as numbers
// without their quotes; numbers hold no comma, so no field spans one.
func readMatrix(path, label, weight string) (*matrix, error) {
	var r io.Reader = os.Stdin
	if path != "-" {
		f, err := os.Open(path)
		if err != nil {
			return nil, fault.Field(fault.Invalid, "data", "%w", err)
		}
		defer f.Close()
		if fi, err := f.Stat(); err == nil && fi.IsDir() {
			return nil, fault.Field(fault.Invalid, "data", "%s is a directory; want a CSV file", path)
		}
		r = f
	}
	br := bufio.NewReaderSize(r, 1<<20)
	line, err := readLine(br, nil)
	if err != nil {
		return nil, fault.Field(fault.Invalid, "data", "%s is empty; want a header line and rows of numbers", path)
	}
	line = bytes.TrimPrefix(line, []byte("\xef\xbb\xbf"))
	var header []string
	for _, h := range strings.Split(string(line), ",") {
		header = append(header, unquote(h))
	}
	for i, h := range header {
		if h == "" || slices.Contains(header[:i], h) {
			return nil, fault.Field(fault.Invalid, "data", "%s:1: column %d is named %q: want distinct names", path, i+1, h)
		}
	}
	m := &matrix{}
	li, wi := -1, -1
	for i, h := range header {
		switch h {
		case label:
			li = i
		case weight:
			wi = i
		default:
			m.names = append(m.names, h)
		}
	}
	if label != "" && li < 0 {
		return nil, fault.Field(fault.Invalid, "label", "%s has no column %q%s", path, label, didYouMean(label, header))
	}
	if weight != "" && wi < 0 {
		return nil, fault.Field(fault.Invalid, "weight", "%s has no column %q%s", path, weight, didYouMean(weight, header))
	}
	for n := 2; ; n++ {
		line, err = readLine(br, line[:0])
		if errors.Is(err, io.EOF) && len(line) == 0 {
			break
		}
		if err != nil && !errors.Is(err, io.EOF) {
			return nil, fault.Field(fault.Invalid, "data", "%s:%d: %w", path, n, err)
		}
		if len(bytes.TrimSpace(line)) == 0 && len(header) > 1 {
			continue
		}
		rest, more := line, true
		for i := range header {
			if !more {
				return nil, fault.Field(fault.Invalid, "data", "%s:%d: %d fields, the header has %d", path, n, i, len(header))
			}
			var field []byte
			field, rest, more = bytes.Cut(rest, []byte{','})
			v, err := parseNumber(field)
			if err != nil {
				return nil, fault.Field(fault.Invalid, header[i], "%s:%d: column %s: %q is no number (empty means missing)", path, n, header[i], field)
			}
			switch i {
			case li:
				m.label = append(m.label, v)
			case wi:
				m.wt = append(m.wt, v)
			default:
				m.x = append(m.x, v)
			}
		}
		if more {
			return nil, fault.Field(fault.Invalid, "data", "%s:%d: more fields than the header's %d", path, n, len(header))
		}
		m.rows++
	}
	if m.rows == 0 {
		return nil, fault.Field(fault.Invalid, "data", "%s has a header but no rows", path)
	}
	return m, nil
}

// readLine appends the next line, without its end, to buf.
func readLine(br *bufio.Reader, buf []byte) ([]byte, error) {
	for {
		part, err := br.ReadSlice('\n')
		buf = append(buf, part...)
		if errors.Is(err, bufio.ErrBufferFull) {
			continue
		}
		return bytes.TrimRight(buf, "\r\n"), err
	}
}

func unquote(s string) string {
	s = strings.TrimSpace(s)
	if len(s) >= 2 && s[0] == '"' && s[len(s)-1] == '"' {
		s = strings.ReplaceAll(s[1:len(s)-1], `""`, `"`)
	}
	return s
}

var nan32 = float32(math.NaN())

// parseNumber reads a float32, rounded once from its decimal form.
func parseNumber(b []byte) (float32, error) {
	b = bytes.TrimSpace(b)
	if len(b) >= 2 && b[0] == '"' && b[len(b)-1] == '"' {
		b = b[1 : len(b)-1]
	}
	switch {
	case len(b) == 0:
		return nan32, nil
	case len(b) == 1 && b[0] >= '0' && b[0] <= '9':
		return float32(b[0] - '0'), nil
	case len(b) == 3 && strings.EqualFold(string(b), "nan"):
		return nan32, nil
	}
	switch string(b) {
	case "true", "True", "TRUE":
		return 1, nil
	case "false", "False", "FALSE":
		return 0, nil
	}
	v, err := strconv.ParseFloat(string(b), 32)
	return float32(v), err
}

// columns gives the matrix with its columns in the order of names.
func (m *matrix) columns(names []string) ([]float32, error) {
	if slices.Equal(names, m.names) {
		return m.x, nil
	}
	at := make([]int, len(names))
	for j, n := range names {
		at[j] = slices.Index(m.names, n)
		if at[j] < 0 {
			return nil, fault.Field(fault.Invalid, n, "the model needs the column %q, which the data lacks%s", n, didYouMean(n, m.names))
		}
	}
	out := make([]float32, m.rows*len(names))
	for i := range m.rows {
		for j, k := range at {
			out[i*len(names)+j] = m.x[i*len(m.names)+k]
		}
	}
	return out, nil
}
