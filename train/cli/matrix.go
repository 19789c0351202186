package cli

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"strconv"

	"sluice/featurestore/fault"
	"sluice/featurestore/row"
)

// matrix is a plain CSV of numbers with a header: rows*len(names) values,
// row-major; an empty field, NaN or NA is missing.
type matrix struct {
	names []string
	x     []float32
	rows  int
	label []float32 // where a label column was named
	wt    []float32 // where a weight column was named
}

// matrixReader is a CSV matrix whose header has been read.
type matrixReader struct {
	path   string
	header []string
	br     *bufio.Reader
	done   func() error
}

// maxMatrixLine bounds what one line may cost in memory: a file without line
// ends is not a matrix.
const maxMatrixLine = 1 << 27

// readMatrix reads a CSV matrix with all its columns, but for those named label
// and weight ("" for none), which are taken out of the features.
func readMatrix(path string, stdin io.Reader, label, weight string) (*matrix, error) {
	r, err := openMatrix(path, stdin)
	if err != nil {
		return nil, err
	}
	defer r.done()
	return r.read(nil, label, weight)
}

// openMatrix reads the header of the CSV file at path, - for stdin.
func openMatrix(path string, stdin io.Reader) (*matrixReader, error) {
	if path == "-" {
		return newMatrixReader("stdin", stdin, func() error { return nil })
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, fault.Field(fault.Invalid, "data", "%w", err)
	}
	if fi, err := f.Stat(); err == nil && fi.IsDir() {
		f.Close()
		return nil, fault.Field(fault.Invalid, "data", "%s is a directory; want a CSV file", path)
	}
	r, err := newMatrixReader(path, f, f.Close)
	if err != nil {
		f.Close()
	}
	return r, err
}

func newMatrixReader(path string, in io.Reader, done func() error) (*matrixReader, error) {
	r := &matrixReader{path: path, br: bufio.NewReaderSize(in, 1<<20), done: done}
	line, err := readLine(r.br, nil)
	line = bytes.TrimPrefix(line, []byte("\xef\xbb\xbf"))
	switch {
	case err != nil && !errors.Is(err, io.EOF):
		return nil, r.errorf(1, "%w", err)
	case len(bytes.TrimSpace(line)) == 0:
		return nil, fault.Field(fault.Invalid, "data", "%s is empty; want a header line and rows of numbers", path)
	}
	seen := map[string]bool{}
	for more := true; more; {
		var field []byte
		if field, line, more, err = cutField(line); err != nil {
			return nil, r.errorf(1, "column %d: %w", len(r.header)+1, err)
		}
		name := string(field)
		switch {
		case name == "":
			return nil, r.errorf(1, "column %d has no name: want distinct names (from pandas, to_csv(index=False))", len(r.header)+1)
		case seen[name]:
			return nil, r.errorf(1, "column %d is named %q like one before it: want distinct names", len(r.header)+1, name)
		}
		seen[name] = true
		r.header = append(r.header, name)
	}
	return r, nil
}

// errorf is an error about a line. A list of addresses, with or without a
// header, is no matrix: what is quoted of it is masked.
func (r *matrixReader) errorf(line int, format string, args ...any) error {
	return fault.Field(fault.Invalid, "data", "%s:%d: %s", r.path, line, row.MaskText(fmt.Errorf(format, args...).Error()))
}

// read reads the rows. want names the features and their order; nil takes all
// columns. What is in other columns is not looked at, so they may hold text.
func (r *matrixReader) read(want []string, label, weight string) (*matrix, error) {
	place := make(map[string]int, len(r.header))
	for i, h := range r.header {
		place[h] = i
	}
	const unused, labelAt, weightAt = -1, -2, -3
	to := make([]int, len(r.header)) // of each column, the feature it is
	for i := range to {
		to[i] = unused
	}
	for _, s := range []struct {
		flag, name string
		as         int
	}{{"label", label, labelAt}, {"weight", weight, weightAt}} {
		if s.name == "" {
			continue
		}
		i, ok := place[s.name]
		if !ok {
			return nil, fault.Field(fault.Invalid, s.flag, "%s has no column %q%s", r.path, s.name, row.MaskText(fault.DidYouMean(s.name, r.header)))
		}
		to[i] = s.as
	}
	if label != "" && label == weight {
		return nil, fault.Field(fault.Usage, "weight", "--label and --weight are both %q: want two columns", label)
	}
	if want == nil {
		for i, h := range r.header {
			if to[i] == unused {
				want = append(want, h)
			}
		}
	}
	m := &matrix{names: want}
	for j, n := range want {
		i, ok := place[n]
		if !ok {
			return nil, fault.Field(fault.Invalid, n, "%s: the model needs the column %q, which the data lacks%s", r.path, n, row.MaskText(fault.DidYouMean(n, r.header)))
		}
		if to[i] != unused {
			return nil, fault.Field(fault.Invalid, n, "%s: the column %q is a feature of the model; it can't be the label or weight too", r.path, n)
		}
		to[i] = j
	}
	values := make([]float32, len(want))
	var line []byte
	var err error
	for n := 2; ; n++ {
		line, err = readLine(r.br, line[:0])
		if errors.Is(err, io.EOF) && len(line) == 0 {
			break
		}
		if err != nil && !errors.Is(err, io.EOF) {
			return nil, r.errorf(n, "%w", err)
		}
		if len(bytes.TrimSpace(line)) == 0 && len(r.header) > 1 {
			continue
		}
		rest, more := line, true
		for i, h := range r.header {
			if !more {
				return nil, r.errorf(n, "%d fields, the header has %d", i, len(r.header))
			}
			var field []byte
			var bad error
			if field, rest, more, bad = cutField(rest); bad != nil {
				return nil, r.errorf(n, "column %s: %w", h, bad)
			}
			if to[i] == unused {
				continue
			}
			v, bad := parseNumber(field)
			if bad != nil {
				return nil, fault.Field(fault.Invalid, row.MaskText(h), "%s:%d: column %s: %w", r.path, n, row.MaskText(h), bad)
			}
			switch to[i] {
			case labelAt:
				m.label = append(m.label, v)
			case weightAt:
				m.wt = append(m.wt, v)
			default:
				values[to[i]] = v
			}
		}
		if more {
			return nil, r.errorf(n, "more fields than the header's %d", len(r.header))
		}
		m.x = append(m.x, values...)
		m.rows++
	}
	if m.rows == 0 {
		return nil, fault.Field(fault.Invalid, "data", "%s has a header but no rows", r.path)
	}
	return m, nil
}

// readLine appends the next line, without its end, to buf.
func readLine(br *bufio.Reader, buf []byte) ([]byte, error) {
	for {
		part, err := br.ReadSlice('\n')
		buf = append(buf, part...)
		if len(buf) > maxMatrixLine {
			return nil, fault.New(fault.Invalid, "the line is longer than %d MB: is this a CSV file?", maxMatrixLine>>20)
		}
		if errors.Is(err, bufio.ErrBufferFull) {
			continue
		}
		return bytes.TrimRight(buf, "\r\n"), err
	}
}

// cutField takes the first field off a line: without the spaces around it and,
// when it is quoted, without its quotes. more says that a comma followed.
func cutField(line []byte) (field, rest []byte, more bool, err error) {
	start := bytes.TrimLeft(line, " \t")
	if len(start) == 0 || start[0] != '"' {
		field, rest, more = bytes.Cut(line, []byte{','})
		return bytes.TrimSpace(field), rest, more, nil
	}
	start = start[1:]
	for from := 0; ; {
		end := bytes.IndexByte(start[from:], '"')
		if end < 0 {
			return nil, nil, false, fault.New(fault.Invalid, "a quote is opened and not closed on the line")
		}
		end += from
		if end+1 < len(start) && start[end+1] == '"' { // a doubled quote is one
			from = end + 2
			continue
		}
		field = start[:end]
		if from > 0 {
			field = bytes.ReplaceAll(field, []byte(`""`), []byte(`"`))
		}
		rest = bytes.TrimLeft(start[end+1:], " \t")
		if len(rest) == 0 {
			return bytes.TrimSpace(field), nil, false, nil
		}
		if rest[0] != ',' {
			return nil, nil, false, fault.New(fault.Invalid, "%.20q follows the closing quote; want a comma", row.MaskText(string(rest)))
		}
		return bytes.TrimSpace(field), rest[1:], true, nil
	}
}

var nan32 = float32(math.NaN())

// parseNumber reads a float32, rounded once from its decimal form.
func parseNumber(b []byte) (float32, error) {
	switch {
	case len(b) == 0:
		return nan32, nil
	case len(b) == 1 && b[0] >= '0' && b[0] <= '9':
		return float32(b[0] - '0'), nil
	}
	switch string(b) {
	case "NA":
		return nan32, nil
	case "true", "True", "TRUE":
		return 1, nil
	case "false", "False", "FALSE":
		return 0, nil
	}
	v, err := strconv.ParseFloat(string(b), 32)
	switch {
	case errors.Is(err, strconv.ErrRange):
		return 0, fault.New(fault.Invalid, "%.40q is beyond float32, the numbers of a model; write inf if that is meant", row.MaskText(string(b)))
	case err != nil:
		return 0, fault.New(fault.Invalid, "%.40q is no number (empty means missing)", row.MaskText(string(b)))
	}
	return float32(v), nil
}
