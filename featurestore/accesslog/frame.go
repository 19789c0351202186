package accesslog

import "bytes"

// framer finds where records end.
type framer interface {
	// frame gives the length of the complete records at the start of b, each
	// with its line break. atEOF says that nothing follows b, which then ends
	// with a line break.
	frame(b []byte, atEOF bool) int
	// record gives the length of the first record of b, with its line break,
	// where b holds complete records.
	record(b []byte) int
}

// lines frames records of one line.
type lines struct{}

func (lines) frame(b []byte, atEOF bool) int {
	if atEOF {
		return len(b)
	}
	return bytes.LastIndexByte(b, '\n') + 1
}

func (lines) record(b []byte) int {
	if i := bytes.IndexByte(b, '\n'); i >= 0 {
		return i + 1
	}
	return len(b)
}

// csvRecords frames records of RFC 4180, in which a quoted field may hold line
// breaks. A record that would be longer than maxLine, that does not end, or
// whose quoted field goes on after its end, is one line: it is rejected, and
// the next line is read afresh, so that a stray quote costs one line.
type csvRecords struct {
	delimiter byte
	maxLine   int
}

func (f csvRecords) frame(b []byte, atEOF bool) int {
	n := 0
	for n < len(b) {
		i, complete := f.first(b[n:])
		if !complete && !atEOF {
			break
		}
		n += i
	}
	return n
}

func (f csvRecords) record(b []byte) int {
	n, _ := f.first(b)
	return n
}

// first measures the first record of b; complete is false if more bytes could
// change the answer.
func (f csvRecords) first(b []byte) (n int, complete bool) {
	line := bytes.IndexByte(b, '\n') + 1
	if line == 0 {
		return len(b), false
	}
	if bytes.IndexByte(b[:line], '"') < 0 {
		return line, true
	}
	start := 0 // of the field
	for {
		if start < len(b) && b[start] == '"' {
			end, verdict := f.quotedEnd(b, start)
			if verdict != quotedGood {
				return line, verdict == quotedBad
			}
			start = end
		} else {
			i := bytes.IndexByte(b[start:], '\n')
			j := bytes.IndexByte(b[start:], f.delimiter)
			switch {
			case i < 0 && j < 0:
				return line, len(b) > f.maxLine+1
			case j < 0 || i >= 0 && i < j:
				return f.bounded(start+i+1, line), true
			}
			start += j
		}
		switch {
		case start >= len(b):
			return line, false
		case b[start] == '\n':
			return f.bounded(start+1, line), true
		case b[start] == '\r' && start+1 >= len(b):
			return line, false
		case b[start] == '\r' && b[start+1] == '\n':
			return f.bounded(start+2, line), true
		}
		start++ // the delimiter
	}
}

// bounded is n, the length of a record, unless it is too long.
func (f csvRecords) bounded(n, line int) int {
	if n > f.maxLine+2 {
		return line
	}
	return n
}

type quotedVerdict uint8

const (
	quotedGood  quotedVerdict = iota
	quotedBad                 // it is malformed, or too long
	quotedShort               // more bytes are needed
)

// quotedEnd finds what follows the quoted field at start.
func (f csvRecords) quotedEnd(b []byte, start int) (end int, v quotedVerdict) {
	limit := min(len(b), f.maxLine+2)
	for i := start + 1; i < limit; {
		j := bytes.IndexByte(b[i:limit], '"')
		if j < 0 {
			break
		}
		i += j + 1
		if i >= len(b) {
			return 0, quotedShort
		}
		switch c := b[i]; {
		case c == '"':
			i++
		case c == f.delimiter, c == '\n':
			return i, quotedGood
		case c == '\r' && (i+1 == len(b) || b[i+1] == '\n'):
			return i, quotedGood
		default:
			return 0, quotedBad
		}
	}
	if limit < len(b) || limit == f.maxLine+2 {
		return 0, quotedBad
	}
	return 0, quotedShort
}
