package accesslog

import (
	"bytes"
	"slices"
	"strconv"
	"strings"

	"sluice/featurestore/fault"
	"sluice/featurestore/webrequest"
)

// csvFormat is the shape of one CSV or TSV file.
type csvFormat struct {
	delimiter byte
	header    bool     // the first record names the fields
	fields    []string // the names, or the numbers from 1
	columns   []column // by position
	*layout
}

// newCSVFormat reads the first record: the header, or, where the mapping has
// numbers only, a record like the others.
func newCSVFormat(name string, first []byte, o Options) (*csvFormat, error) {
	f := &csvFormat{header: true, delimiter: '\t'}
	if name == CSV {
		f.delimiter = ','
		if bytes.Count(first, []byte{';'}) > bytes.Count(first, []byte{','}) {
			f.delimiter = ';'
		}
	}
	var sp csvSplitter
	if !sp.split(first, f.delimiter) {
		return nil, fault.New(fault.Invalid, "the header has a quoted field that does not end")
	}
	f.header = len(o.Mapping) == 0 || slices.ContainsFunc(sortedKeys(o.Mapping), func(k string) bool {
		_, err := strconv.Atoi(o.Mapping[k])
		return err != nil
	})
	for i, v := range sp.fields {
		field := strconv.Itoa(i + 1)
		if f.header {
			field = string(bytes.TrimSpace(v))
		}
		f.fields = append(f.fields, field)
	}
	var err error
	if f.layout, err = newLayout(f.fields, o); err != nil {
		return nil, err
	}
	f.columns = make([]column, len(f.fields))
	for c, source := range f.source {
		if source != "" {
			f.columns[slices.Index(f.fields, source)] = column(c)
		}
	}
	var missing []string
	for _, c := range []column{colDT, colIP} {
		if f.source[c] == "" {
			missing = append(missing, columnFacts[c].name)
		}
	}
	if missing != nil {
		return nil, fault.New(fault.Invalid, "the header has no field for %s; map one", strings.Join(missing, " and "))
	}
	return f, nil
}

// csvParser reads the records of one csvFormat.
type csvParser struct {
	record
	*csvFormat
	splitter csvSplitter
}

func (p *csvParser) parse(line []byte, req *webrequest.Request) Reason {
	p.clear()
	if !p.splitter.split(line, p.delimiter) {
		return BadCSV
	}
	if len(p.splitter.fields) != len(p.columns) {
		return FieldCount
	}
	for i, c := range p.columns {
		if c == colNone {
			continue
		}
		v := p.splitter.fields[i]
		if c == colDT || c == colIP || c == colStatus || c == colSize {
			v = bytes.TrimSpace(v)
		}
		if string(v) == `\N` {
			v = nil
		}
		p.values[c] = v
	}
	return p.fill(req)
}

// csvSplitter takes a record apart. Its fields point into the record, or into
// its scratch where a field has doubled quotes.
type csvSplitter struct {
	fields  [][]byte
	scratch []byte
}

// split reports whether the record is well formed. A quote inside an unquoted
// field is a character as any other. In tab-separated values a quote at the
// start of a field opens a quoted one only if another ends it; exports of
// tables write user agents there as they are.
func (s *csvSplitter) split(b []byte, delimiter byte) bool {
	s.fields, s.scratch = s.fields[:0], s.scratch[:0]
	for {
		if len(b) > 0 && b[0] == '"' {
			n, doubled, ok := quotedField(b, delimiter)
			if ok {
				v := b[1 : n-1]
				if doubled {
					v = s.undouble(v)
				}
				s.fields = append(s.fields, v)
				if n == len(b) {
					return true
				}
				b = b[n+1:]
				continue
			}
			if delimiter != '\t' {
				return false
			}
		}
		n := bytes.IndexByte(b, delimiter)
		if n < 0 {
			s.fields = append(s.fields, b)
			return true
		}
		s.fields = append(s.fields, b[:n])
		b = b[n+1:]
	}
}

func (s *csvSplitter) undouble(v []byte) []byte {
	start := len(s.scratch)
	for {
		i := bytes.Index(v, []byte(`""`))
		if i < 0 {
			break
		}
		s.scratch = append(s.scratch, v[:i+1]...)
		v = v[i+2:]
	}
	s.scratch = append(s.scratch, v...)
	return s.scratch[start:]
}

// quotedField measures a quoted field with its quotes. ok is false if it does
// not end, or if something other than a delimiter follows its end.
func quotedField(b []byte, delimiter byte) (n int, doubled, ok bool) {
	for i := 1; ; {
		j := bytes.IndexByte(b[i:], '"')
		if j < 0 {
			return 0, doubled, false
		}
		i += j + 1
		switch {
		case i == len(b) || b[i] == delimiter:
			return i, doubled, true
		case b[i] != '"':
			return 0, doubled, false
		}
		doubled = true
		i++
	}
}
