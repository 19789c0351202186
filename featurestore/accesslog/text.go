package accesslog

import (
	"bytes"
	"strconv"
	"strings"
	"unsafe"

	"sluice/featurestore/fault"
	"sluice/featurestore/webrequest"
)

// lineParser reads one line, without its line break, into a cleared Request.
// It belongs to one goroutine. The Request's strings point into the line or
// into the parser's own scratch, and last until the next call.
type lineParser interface {
	parse(line []byte, req *webrequest.Request) Reason
}

// alias is b as a string without a copy. The caller sees to it that b is not
// written while the string is in use.
func alias(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }

// textFormat is what combined, common and vhost-combined have in common.
type textFormat struct {
	vhost     bool     // the first field is the virtual host
	agents    bool     // referer and user agent follow the size
	firstbyte bool     // the last field is a time in seconds
	extras    [][2]int // {column, number of the extra field}
	opts      Options  //
	available webrequest.Field
}

const textFields = webrequest.FieldDT | webrequest.FieldIP | webrequest.FieldHTTPStatus | webrequest.FieldResponseSize |
	webrequest.FieldHTTPMethod | webrequest.FieldURIPath | webrequest.FieldURIQuery

func newTextFormat(name string, o Options) (*textFormat, error) {
	f := &textFormat{vhost: name == VhostCombined, agents: name != Common, opts: o, available: textFields}
	if f.vhost {
		f.available |= webrequest.FieldURIHost
	}
	if f.agents {
		f.available |= webrequest.FieldReferer | webrequest.FieldUserAgent
	}
	for _, key := range sortedKeys(o.Mapping) {
		want := o.Mapping[key]
		c, _ := columnByName(key)
		number, ok := strings.CutPrefix(want, "extra")
		n, err := strconv.Atoi(number)
		if !ok || err != nil || n < 1 || n > 100 {
			return nil, fault.Field(fault.Usage, "mapping", "mapping of column %q to %q: a %s log has extra1, extra2, ..., the fields behind those of the format", key, want, name)
		}
		switch c {
		case colXFF, colFirstbyte, colHost, colType, colLanguage, colCache, colXAnalytics, colHostname:
		default:
			return nil, fault.Field(fault.Usage, "mapping", "mapping of column %q: a %s log has it in a place of its own", key, name)
		}
		f.extras = append(f.extras, [2]int{int(c), n})
		f.available |= columnFacts[c].fields
	}
	return f, nil
}

// textParser reads the lines of one textFormat.
type textParser struct {
	*textFormat
	clock clock
}

func (p *textParser) parse(line []byte, req *webrequest.Request) Reason {
	if p.vhost {
		i := bytes.IndexByte(line, ' ')
		if i < 1 {
			return BadLine
		}
		req.URIHost = alias(line[:i])
		line = line[i+1:]
	}
	i := bytes.IndexByte(line, ' ')
	if i < 1 {
		return BadLine
	}
	addr, rest := line[:i], line[i:]

	rest, reason := p.time(rest, req)
	if reason != Accepted {
		return reason
	}
	if len(rest) < 2 || rest[0] != '"' {
		return BadLine
	}
	request, status, size, rest, ok := requestAndStatus(rest[1:])
	if !ok {
		return BadLine
	}
	if req.ResponseSize, req.HasSize = clfSize(size); !req.HasSize {
		return BadSize
	}
	req.HTTPStatus = alias(status)
	setTarget(req, webrequest.SplitRequestLine(alias(request)))
	if p.agents {
		rest = p.refererAndAgent(rest, req)
	}
	if p.firstbyte {
		if v, ok := lastSeconds(rest); ok {
			req.TimeFirstbyte = v
		}
	}
	if len(p.extras) > 0 {
		p.extraFields(rest, req)
	}
	req.IP, reason = clientAddress(alias(addr), req.XForwardedFor, p.opts.TrustedProxies)
	return reason
}

func setTarget(req *webrequest.Request, t webrequest.Target) {
	req.HTTPMethod, req.Authority, req.URIPath, req.URIQuery = t.Method, t.Authority, t.Path, t.Query
}

// time finds the bracketed time and gives what follows it. A user name may
// hold brackets and blanks, so the first bracket that holds a time is taken,
// but none beyond the first quote that is not escaped.
func (p *textParser) time(rest []byte, req *webrequest.Request) ([]byte, Reason) {
	reason := BadLine
	for {
		i := bytes.IndexByte(rest, '[')
		if i < 0 {
			return nil, reason
		}
		if closingQuote(rest[:i], 0, true) >= 0 {
			return nil, reason
		}
		rest = rest[i+1:]
		j := bytes.IndexByte(rest[:min(len(rest), 48)], ']')
		if j < 0 {
			continue
		}
		if j == 26 && rest[11] == ':' { // the common case, without the checks of any
			if sec, _, ok := p.clock.clf(rest[:26]); ok && sec >= minTime && sec < maxTime {
				req.Time = sec
				return afterBlank(rest[j+1:]), Accepted
			}
		}
		sec, nanos, r := p.clock.any(rest[:j])
		if r == Accepted {
			req.Time, req.Nanos = sec, nanos
			return afterBlank(rest[j+1:]), Accepted
		}
		if reason == BadLine {
			reason = r
		}
	}
}

func afterBlank(b []byte) []byte {
	for len(b) > 0 && b[0] == ' ' {
		b = b[1:]
	}
	return b
}

// requestAndStatus reads `GET / HTTP/1.1" 200 512` and gives what follows the
// size. A quote ends the request if no backslash stands before it and a status
// and a size follow. If there is no such quote, the writer did not escape, and
// backslashes count as any other byte.
func requestAndStatus(b []byte) (request, status, size, rest []byte, ok bool) {
	for _, escapes := range [2]bool{true, false} {
		for from := 0; ; {
			i := closingQuote(b, from, escapes)
			if i < 0 {
				break
			}
			if status, size, rest, ok = statusAndSize(b[i+1:]); ok {
				return b[:i], status, size, rest, true
			}
			from = i + 1
		}
	}
	return nil, nil, nil, nil, false
}

// closingQuote is the index of the first quote in b at or after from, or -1.
// With escapes, a quote behind a backslash does not count.
func closingQuote(b []byte, from int, escapes bool) int {
	for {
		i := bytes.IndexByte(b[from:], '"')
		if i < 0 {
			return -1
		}
		i += from
		if !escapes || i == 0 || b[i-1] != '\\' {
			return i
		}
		// An odd number of backslashes escapes the quote.
		n := 0
		for n < i && b[i-1-n] == '\\' {
			n++
		}
		if n%2 == 0 {
			return i
		}
		from = i + 1
	}
}

// statusAndSize reads " 200 512".
func statusAndSize(b []byte) (status, size, rest []byte, ok bool) {
	if len(b) < 4 || b[0] != ' ' {
		return nil, nil, nil, false
	}
	b = afterBlank(b)
	i := bytes.IndexByte(b, ' ')
	if i < 0 || !isStatus(b[:i]) {
		return nil, nil, nil, false
	}
	status, b = b[:i], afterBlank(b[i+1:])
	i = bytes.IndexByte(b, ' ')
	if i < 0 {
		i = len(b)
	}
	if i == 0 || b[0] == '"' {
		return nil, nil, nil, false
	}
	return status, b[:i], b[i:], true
}

// isStatus reports whether b is up to three digits, "-", or HAProxy's "-1".
func isStatus(b []byte) bool {
	switch {
	case len(b) == 3:
		return b[0]-'0' <= 9 && b[1]-'0' <= 9 && b[2]-'0' <= 9
	case len(b) == 1:
		return b[0]-'0' <= 9 || b[0] == '-'
	case len(b) == 2:
		return (b[0]-'0' <= 9 || b[0] == '-') && b[1]-'0' <= 9
	}
	return false
}

// clfSize reads a size in bytes; "-" is 0. HAProxy writes "+512" where it
// logged before the end of the answer.
func clfSize(b []byte) (int64, bool) {
	if len(b) == 1 && b[0] == '-' {
		return 0, true
	}
	if len(b) > 1 && b[0] == '+' {
		b = b[1:]
	}
	return wholeNumber(b)
}

// wholeNumber reads decimal digits that fit an int64.
func wholeNumber(b []byte) (int64, bool) {
	if len(b) == 0 || len(b) > 19 {
		return 0, false
	}
	var n int64
	for _, c := range b {
		if c-'0' > 9 {
			return 0, false
		}
		n = n*10 + int64(c-'0')
	}
	return n, n >= 0
}

// refererAndAgent reads the two fields behind the size. An unquoted "-" stands
// for an absent one; any other unquoted field in front of them is passed over.
// It gives what follows.
func (p *textParser) refererAndAgent(rest []byte, req *webrequest.Request) []byte {
	for n := 0; n < 2; {
		b := afterBlank(rest)
		if len(b) == 0 {
			req.Nulls |= webrequest.FieldUserAgent
			if n == 0 {
				req.Nulls |= webrequest.FieldReferer
			}
			return nil
		}
		var value []byte
		quoted := b[0] == '"'
		value, rest = nextField(b)
		if !quoted && !(len(value) == 1 && value[0] == '-') {
			continue
		}
		if n == 0 {
			req.Referer = alias(value)
		} else {
			req.UserAgent = alias(value)
		}
		n++
	}
	return rest
}

// nextField reads a quoted or unquoted field at the start of b and gives what
// follows it. A quote ends a field if no backslash stands before it and a
// blank or nothing follows; if there is none, any quote that a blank or
// nothing follows does; if there is none of those, the field goes on to the
// end of the line.
func nextField(b []byte) (value, rest []byte) {
	if b[0] != '"' {
		i := bytes.IndexByte(b, ' ')
		if i < 0 {
			return b, nil
		}
		return b[:i], b[i:]
	}
	b = b[1:]
	for _, escapes := range [2]bool{true, false} {
		for from := 0; ; {
			i := closingQuote(b, from, escapes)
			if i < 0 {
				break
			}
			if i+1 == len(b) || b[i+1] == ' ' {
				return b[:i], b[i+1:]
			}
			from = i + 1
		}
	}
	return b, nil
}

// lastSeconds reads the last field of a line if it is digits, a point, digits.
func lastSeconds(rest []byte) (float64, bool) {
	rest = bytes.TrimRight(rest, " ")
	i := bytes.LastIndexByte(rest, ' ')
	if i < 0 {
		return 0, false
	}
	b := rest[i+1:]
	point := bytes.IndexByte(b, '.')
	if point < 1 || point == len(b)-1 || len(b) > 15 {
		return 0, false
	}
	var n, scale int64 = 0, 1
	for j, c := range b {
		if j == point {
			continue
		}
		if c-'0' > 9 {
			return 0, false
		}
		n = n*10 + int64(c-'0')
		if j > point {
			scale *= 10
		}
	}
	return float64(n) / float64(scale), true
}

// extraFields reads the fields that a mapping names behind those of the format.
func (p *textParser) extraFields(rest []byte, req *webrequest.Request) {
	for n := 1; ; n++ {
		rest = afterBlank(rest)
		if len(rest) == 0 {
			return
		}
		var value []byte
		value, rest = nextField(rest)
		for _, e := range p.extras {
			if e[1] == n {
				setText(req, column(e[0]), value)
			}
		}
	}
}

// setText fills the one field of a Request that holds a mapped extra.
func setText(req *webrequest.Request, c column, value []byte) {
	s := alias(value)
	switch c {
	case colXFF:
		req.XForwardedFor = s
	case colHost:
		req.URIHost = s
	case colType:
		req.ContentType = s
	case colLanguage:
		req.AcceptLang = s
	case colCache:
		req.CacheStatus = s
	case colXAnalytics:
		req.XAnalytics = s
	case colHostname:
		req.Hostname = s
	case colFirstbyte:
		if v, err := strconv.ParseFloat(s, 64); err == nil && v >= 0 {
			req.TimeFirstbyte = v
		}
	}
}
