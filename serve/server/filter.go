package server

import (
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"sluice/featurestore/fault"
	"sluice/serve/feed"
)

// A filter is AIP-160's: comparisons joined by AND, OR, NOT (or -) and
// parentheses, where OR binds tighter than AND and a space between two
// comparisons means AND.

// matcher tells whether a line is asked for.
type matcher func(*feed.Line) bool

// The bounds of a filter.
const (
	maxFilter      = 4096
	maxFilterDepth = 32
)

// parseFilter reads a filter; the empty one matches every line. Errors: Invalid,
// with the place.
func parseFilter(s string) (matcher, error) {
	if len(s) > maxFilter {
		return nil, fault.Field(fault.Invalid, "filter", "filter: %d bytes, want at most %d", len(s), maxFilter)
	}
	if strings.TrimSpace(s) == "" {
		return func(*feed.Line) bool { return true }, nil
	}
	p := &filterParser{src: s}
	if err := p.scan(); err != nil {
		return nil, err
	}
	m, err := p.expression(0)
	if err != nil {
		return nil, err
	}
	if p.tok.kind != filterEnd {
		return nil, p.errorf("expected AND, OR or the end")
	}
	return m, nil
}

type filterKind uint8

const (
	filterEnd filterKind = iota
	filterWord
	filterString
	filterOperator // = != < <= > >= :
	filterOpen
	filterClose
	filterMinus
)

type filterToken struct {
	kind filterKind
	text string
	at   int
}

type filterParser struct {
	src string
	pos int
	tok filterToken
}

func (p *filterParser) errorf(format string, args ...any) error {
	found := fmt.Sprintf("%q", p.tok.text)
	if p.tok.kind == filterEnd {
		found = "the end"
	}
	return fault.Field(fault.Invalid, "filter", "filter, character %d: found %s, %s", utf8.RuneCountInString(p.src[:p.tok.at])+1, found, fmt.Sprintf(format, args...))
}

// scan reads the next token.
func (p *filterParser) scan() error {
	for p.pos < len(p.src) && strings.IndexByte(" \t\r\n", p.src[p.pos]) >= 0 {
		p.pos++
	}
	p.tok = filterToken{at: p.pos}
	if p.pos == len(p.src) {
		return nil
	}
	take := func(kind filterKind, n int) error {
		p.tok.kind, p.tok.text = kind, p.src[p.pos:p.pos+n]
		p.pos += n
		return nil
	}
	rest := p.src[p.pos:]
	switch c := rest[0]; {
	case c == '(':
		return take(filterOpen, 1)
	case c == ')':
		return take(filterClose, 1)
	case strings.HasPrefix(rest, "!="), strings.HasPrefix(rest, "<="), strings.HasPrefix(rest, ">="):
		return take(filterOperator, 2)
	case c == '=' || c == '<' || c == '>' || c == ':':
		return take(filterOperator, 1)
	case c == '"' || c == '\'':
		return p.quoted(c)
	case c == '-' && len(rest) > 1 && (rest[1] == '(' || isLetter(rest[1])):
		return take(filterMinus, 1)
	}
	n := strings.IndexAny(rest, " \t\r\n()=!<>:\"'")
	if n < 0 {
		n = len(rest)
	}
	if n == 0 {
		p.tok.kind, p.tok.text = filterWord, rest[:1]
		return p.errorf("which no filter holds here")
	}
	return take(filterWord, n)
}

func isLetter(c byte) bool { return 'a' <= c|0x20 && c|0x20 <= 'z' }

func (p *filterParser) quoted(quote byte) error {
	var b strings.Builder
	for i := p.pos + 1; i < len(p.src); i++ {
		switch c := p.src[i]; {
		case c == '\\' && i+1 < len(p.src):
			i++
			b.WriteByte(p.src[i])
		case c == quote:
			p.tok.kind, p.tok.text = filterString, b.String()
			p.pos = i + 1
			return nil
		default:
			b.WriteByte(c)
		}
	}
	p.tok.kind, p.tok.text = filterString, p.src[p.pos:]
	return p.errorf("which lacks its closing quote")
}

// keyword reports whether the token is a keyword, which stands in capitals.
func (p *filterParser) keyword(s string) bool { return p.tok.kind == filterWord && p.tok.text == s }

// expression: sequences joined by AND, or by standing side by side.
func (p *filterParser) expression(depth int) (matcher, error) {
	if depth > maxFilterDepth {
		return nil, p.errorf("which nests deeper than %d", maxFilterDepth)
	}
	m, err := p.factor(depth)
	for err == nil {
		switch {
		case p.keyword("AND"):
			if err := p.scan(); err != nil {
				return nil, err
			}
		case p.tok.kind == filterEnd || p.tok.kind == filterClose:
			return m, nil
		case p.keyword("OR"):
			return nil, p.errorf("expected a comparison")
		}
		left := m
		right, e := p.factor(depth)
		err = e
		m = func(l *feed.Line) bool { return left(l) && right(l) }
	}
	return nil, err
}

// factor: terms joined by OR.
func (p *filterParser) factor(depth int) (matcher, error) {
	m, err := p.term(depth)
	for err == nil && p.keyword("OR") {
		if err := p.scan(); err != nil {
			return nil, err
		}
		left := m
		right, e := p.term(depth)
		err = e
		m = func(l *feed.Line) bool { return left(l) || right(l) }
	}
	return m, err
}

// term: a comparison or a parenthesis, perhaps negated.
func (p *filterParser) term(depth int) (matcher, error) {
	negated := p.keyword("NOT") || p.tok.kind == filterMinus
	if negated {
		if err := p.scan(); err != nil {
			return nil, err
		}
	}
	var m matcher
	var err error
	if p.tok.kind == filterOpen {
		if err := p.scan(); err != nil {
			return nil, err
		}
		if m, err = p.expression(depth + 1); err != nil {
			return nil, err
		}
		if p.tok.kind != filterClose {
			return nil, p.errorf("expected )")
		}
		if err := p.scan(); err != nil {
			return nil, err
		}
	} else if m, err = p.comparison(); err != nil {
		return nil, err
	}
	if negated {
		inner := m
		return func(l *feed.Line) bool { return !inner(l) }, nil
	}
	return m, nil
}

// filterFields are the fields that a filter may name.
const filterFields = "ip, confidence, verdict, model_version, as_of, expire_time, reasons.feature and windows.attack"

func (p *filterParser) comparison() (matcher, error) {
	field := p.tok
	if field.kind != filterWord || field.text == "AND" || field.text == "OR" || field.text == "NOT" {
		return nil, p.errorf("expected a field: %s", filterFields)
	}
	build, known := filterBuilders[field.text]
	if !known {
		return nil, p.errorf("which is no field; the fields are %s", filterFields)
	}
	if err := p.scan(); err != nil {
		return nil, err
	}
	if p.tok.kind != filterOperator {
		return nil, p.errorf("expected = != < <= > >= or : after %s", field.text)
	}
	op := p.tok.text
	if err := p.scan(); err != nil {
		return nil, err
	}
	if p.tok.kind != filterWord && p.tok.kind != filterString {
		return nil, p.errorf("expected a value after %s %s", field.text, op)
	}
	m, wrong := build(op, p.tok.text)
	if wrong != "" {
		return nil, p.errorf("%s", wrong)
	}
	return m, p.scan()
}

// filterBuilders make a comparison with a field; wrong says why one can't be.
var filterBuilders = map[string]func(op, value string) (m matcher, wrong string){
	"ip": texts(func(l *feed.Line, yield func(string) bool) { yield(l.IP.String()) }),
	"model_version": texts(func(l *feed.Line, yield func(string) bool) {
		yield(l.ModelVersion)
	}),
	"reasons.feature": texts(func(l *feed.Line, yield func(string) bool) {
		for i := range l.Reasons {
			if !yield(l.Reasons[i].Feature) {
				return
			}
		}
	}),
	"windows.attack": texts(func(l *feed.Line, yield func(string) bool) {
		for i := range l.Windows {
			if !yield(l.Windows[i].Attack) {
				return
			}
		}
	}),
	"confidence":  filterConfidence,
	"verdict":     filterVerdict,
	"as_of":       times(func(l *feed.Line) time.Time { return l.AsOf }),
	"expire_time": times(func(l *feed.Line) time.Time { return l.ExpiresAt }),
}

// texts compares any of a line's texts; != asks that none be equal. A value may
// begin or end with *.
func texts(of func(*feed.Line, func(string) bool)) func(op, value string) (matcher, string) {
	return func(op, value string) (matcher, string) {
		equal, wrong := wildcard(value)
		if wrong != "" {
			return nil, wrong
		}
		has := func(l *feed.Line) bool {
			found := false
			of(l, func(s string) bool {
				found = equal(s)
				return !found
			})
			return found
		}
		switch op {
		case "=", ":":
			return has, ""
		case "!=":
			return func(l *feed.Line) bool { return !has(l) }, ""
		}
		return nil, "but a text is compared by = != or :"
	}
}

func wildcard(value string) (equal func(string) bool, wrong string) {
	before, after, has := strings.Cut(value, "*")
	switch {
	case !has:
		return func(s string) bool { return s == value }, ""
	case strings.Contains(after, "*") && before == "" && strings.Count(after, "*") == 1 && strings.HasSuffix(after, "*"):
		return func(s string) bool { return strings.Contains(s, after[:len(after)-1]) }, ""
	case strings.Contains(after, "*"):
		return nil, "but * may stand once, or at both ends"
	}
	return func(s string) bool {
		return len(s) >= len(before)+len(after) && strings.HasPrefix(s, before) && strings.HasSuffix(s, after)
	}, ""
}

func filterConfidence(op, value string) (matcher, string) {
	v, err := strconv.ParseFloat(value, 64)
	if err != nil || v != v {
		return nil, "expected a number, as in confidence >= 0.9"
	}
	compare := ordered[float64](op)
	if compare == nil {
		return nil, "but a number is compared by = != < <= > or >="
	}
	return func(l *feed.Line) bool { return compare(l.Confidence, v) }, ""
}

func filterVerdict(op, value string) (matcher, string) {
	v, ok := feed.ParseVerdict(strings.ToLower(strings.TrimPrefix(value, "VERDICT_")))
	if !ok || strings.ToUpper(value) != value {
		return nil, "expected ABUSIVE, NOT_ABUSIVE or ABSTAIN"
	}
	switch op {
	case "=", ":":
		return func(l *feed.Line) bool { return l.Verdict == v }, ""
	case "!=":
		return func(l *feed.Line) bool { return l.Verdict != v }, ""
	}
	return nil, "but a verdict is compared by = or !="
}

func times(of func(*feed.Line) time.Time) func(op, value string) (matcher, string) {
	return func(op, value string) (matcher, string) {
		t, err := time.Parse(time.RFC3339, value)
		if err != nil {
			return nil, `expected an instant in quotes, as in "2024-09-01T00:00:00Z"`
		}
		compare := ordered[int64](op)
		if compare == nil {
			return nil, "but an instant is compared by = != < <= > or >="
		}
		return func(l *feed.Line) bool { return compare(of(l).UnixNano(), t.UnixNano()) }, ""
	}
}

// ordered is the comparison of an operator, or nil.
func ordered[T int64 | float64](op string) func(a, b T) bool {
	switch op {
	case "=":
		return func(a, b T) bool { return a == b }
	case "!=":
		return func(a, b T) bool { return a != b }
	case "<":
		return func(a, b T) bool { return a < b }
	case "<=":
		return func(a, b T) bool { return a <= b }
	case ">":
		return func(a, b T) bool { return a > b }
	case ">=":
		return func(a, b T) bool { return a >= b }
	}
	return nil
}
