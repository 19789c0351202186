package xgboost

import (
	"bytes"
	"fmt"
	"math"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"

	"sluice/featurestore/fault"
)

// jsonParser reads JSON as XGBoost writes it: RFC 8259, and the numbers NaN,
// Infinity and -Infinity besides. (encoding/json refuses those three, and is
// slower: a model is one large heap of numbers.)
type jsonParser struct {
	data     []byte
	at       int
	depth    int
	maxDepth int
	left     budget
}

func parseJSON(data []byte) (value, error) { return parseJSONTo(data, maxDepth, maxValues) }

// parseDeepJSON is parseJSON for dumps, which nest as deep as their trees.
func parseDeepJSON(data []byte) (value, error) { return parseJSONTo(data, maxDumpDepth, maxDumpValues) }

func parseJSONTo(data []byte, depth, values int) (value, error) {
	p := jsonParser{data: data, maxDepth: depth, left: newBudget(len(data), values)}
	v, err := p.value()
	if err != nil {
		return v, err
	}
	if p.space(); p.at != len(data) {
		return v, p.errorf("has more after its end")
	}
	return v, nil
}

func (p *jsonParser) errorf(format string, args ...any) error {
	line := 1 + bytes.Count(p.data[:min(p.at, len(p.data))], []byte{'\n'})
	return fault.New(fault.Invalid, "JSON, line %d, byte %d: %s", line, p.at, fmt.Sprintf(format, args...))
}

// unexpected names what stands where something else should.
func (p *jsonParser) unexpected(expected string) error {
	if p.at >= len(p.data) {
		return p.errorf("ends early: expected %s (is the file complete?)", expected)
	}
	return p.errorf("found %q: expected %s", p.data[p.at], expected)
}

func (p *jsonParser) space() {
	for p.at < len(p.data) {
		switch p.data[p.at] {
		case ' ', '\n', '\t', '\r':
			p.at++
		default:
			return
		}
	}
}

// next skips space and takes c if it is next.
func (p *jsonParser) next(c byte) bool {
	p.space()
	if p.at < len(p.data) && p.data[p.at] == c {
		p.at++
		return true
	}
	return false
}

func (p *jsonParser) value() (value, error) {
	p.space()
	if p.at >= len(p.data) {
		return value{}, p.unexpected("a value")
	}
	if !p.left.spend() {
		return value{}, p.errorf("holds too many values: this is not a model")
	}
	switch c := p.data[p.at]; c {
	case '{', '[':
		if p.depth++; p.depth > p.maxDepth {
			return value{}, p.errorf("nests deeper than %d levels: this is not a model", p.maxDepth)
		}
		defer func() { p.depth-- }()
		p.at++
		if c == '{' {
			return p.object()
		}
		return p.array()
	case '"':
		s, err := p.string()
		return value{kind: stringKind, str: s}, err
	case 't', 'f', 'n':
		for _, w := range [...]struct {
			word string
			value
		}{
			{"true", value{kind: boolKind, ints: []int64{1}}},
			{"false", value{kind: boolKind, ints: []int64{0}}},
			{"null", value{}},
		} {
			if p.word(w.word) {
				return w.value, nil
			}
		}
		return value{}, p.unexpected("a value")
	}
	i, f, isInt, err := p.number()
	if err != nil {
		return value{}, err
	}
	if isInt {
		return value{kind: intKind, ints: []int64{i}}, nil
	}
	return value{kind: floatKind, floats: []float32{f}}, nil
}

func (p *jsonParser) word(w string) bool {
	if len(p.data)-p.at >= len(w) && string(p.data[p.at:p.at+len(w)]) == w {
		p.at += len(w)
		return true
	}
	return false
}

func (p *jsonParser) object() (value, error) {
	v := value{kind: objectKind}
	if p.next('}') {
		return v, nil
	}
	for {
		p.space()
		if p.at >= len(p.data) || p.data[p.at] != '"' {
			return v, p.unexpected(`"`)
		}
		name, err := p.string()
		if err != nil {
			return v, err
		}
		for i := range v.members {
			if v.members[i].name == name {
				return v, p.errorf("has the key %s twice in one object", quote(name))
			}
			if i == 64 { // only attributes have more; a map would cost every object
				break
			}
		}
		if !p.next(':') {
			return v, p.unexpected("a colon")
		}
		m, err := p.value()
		if err != nil {
			return v, err
		}
		v.members = append(v.members, member{name, m})
		switch {
		case p.next(','):
		case p.next('}'):
			return v, nil
		default:
			return v, p.unexpected("a comma or }")
		}
	}
}

// array reads numbers and booleans flat for as long as there is nothing else.
func (p *jsonParser) array() (value, error) {
	if p.next(']') {
		return value{kind: arrayKind}, nil
	}
	p.space()
	if p.at < len(p.data) {
		switch p.data[p.at] {
		case '{', '[', '"', 'n':
			return p.items()
		}
	}
	// A number and its comma take two bytes at least.
	var ints []int64
	var floats []float32
	bools := p.at < len(p.data) && (p.data[p.at] == 't' || p.data[p.at] == 'f')
	for {
		p.space()
		switch {
		case bools:
			switch {
			case p.word("true"):
				ints = append(ints, 1)
			case p.word("false"):
				ints = append(ints, 0)
			default:
				return value{}, p.unexpected("true or false")
			}
		default:
			i, f, isInt, err := p.number()
			switch {
			case err != nil:
				return value{}, err
			case isInt && floats == nil:
				ints = append(ints, i)
			case isInt:
				floats = append(floats, float32(i))
			default:
				if floats == nil {
					floats = make([]float32, len(ints), 2*len(ints)+32)
					for k, n := range ints {
						floats[k] = float32(n)
					}
				}
				floats = append(floats, f)
			}
		}
		switch {
		case p.next(','):
		case p.next(']'):
			if floats != nil {
				return value{kind: floatsKind, floats: floats}, nil
			}
			return value{kind: intsKind, ints: ints}, nil
		default:
			return value{}, p.unexpected("a comma or ]")
		}
	}
}

func (p *jsonParser) items() (value, error) {
	v := value{kind: arrayKind}
	for {
		item, err := p.value()
		if err != nil {
			return v, err
		}
		v.items = append(v.items, item)
		switch {
		case p.next(','):
		case p.next(']'):
			return v, nil
		default:
			return v, p.unexpected("a comma or ]")
		}
	}
}

// number reads a number: an integer that fits int64 without fraction and
// exponent, or the float32 nearest to what is written.
func (p *jsonParser) number() (i int64, f float32, isInt bool, err error) {
	d, start := p.data, p.at
	at := start
	neg := at < len(d) && d[at] == '-'
	if neg {
		at++
	}
	if at < len(d) && (d[at] == 'I' || d[at] == 'N') {
		p.at = at
		switch {
		case p.word("Infinity"):
			f = float32(math.Inf(1))
			if neg {
				f = -f
			}
			return 0, f, false, nil
		case !neg && p.word("NaN"):
			return 0, float32(math.NaN()), false, nil
		}
		return 0, 0, false, p.unexpected("a number")
	}
	// mantissa and scale: value = mantissa * 10^scale, exact for 18 digits
	var mantissa uint64
	digits, scale := 0, 0
	whole := at
	for at < len(d) && d[at]-'0' <= 9 {
		if digits < 18 {
			mantissa = mantissa*10 + uint64(d[at]-'0')
			if mantissa > 0 {
				digits++
			}
		} else {
			digits++
			scale++
		}
		at++
	}
	if at == whole || d[whole] == '0' && at > whole+1 {
		return 0, 0, false, p.unexpected("a value")
	}
	isInt = true
	if at < len(d) && d[at] == '.' {
		isInt = false
		at++
		fraction := at
		for at < len(d) && d[at]-'0' <= 9 {
			if digits < 18 {
				mantissa = mantissa*10 + uint64(d[at]-'0')
				scale--
				if mantissa > 0 {
					digits++
				}
			} else {
				digits++
			}
			at++
		}
		if at == fraction {
			p.at = at
			return 0, 0, false, p.unexpected("a digit")
		}
	}
	if at < len(d) && d[at]|0x20 == 'e' {
		isInt = false
		at++
		down := at < len(d) && d[at] == '-'
		if at < len(d) && (d[at] == '-' || d[at] == '+') {
			at++
		}
		exp, first := 0, at
		for at < len(d) && d[at]-'0' <= 9 {
			exp = min(exp*10+int(d[at]-'0'), 100000)
			at++
		}
		if at == first {
			p.at = at
			return 0, 0, false, p.unexpected("a digit")
		}
		if down {
			exp = -exp
		}
		scale += exp
	}
	p.at = at
	if isInt && digits <= 18 && (!neg || mantissa != 0) { // -0 is a float
		if i = int64(mantissa); neg {
			i = -i
		}
		return i, 0, true, nil
	}
	f, ok := decimal32(mantissa, scale)
	if ok && digits <= 18 {
		if neg {
			f = -f
		}
		return 0, f, false, nil
	}
	v, perr := strconv.ParseFloat(string(d[start:at]), 32)
	if perr != nil { // a number beyond float32 is ±Inf, as strtof has it
		return 0, float32(v), false, nil
	}
	return 0, float32(v), false, nil
}

// decimal32 rounds mantissa * 10^scale to the nearest float32 where float64
// arithmetic can prove it: the product is then correctly rounded to float64,
// and rounding that again is wrong only if it lies exactly between two float32.
func decimal32(mantissa uint64, scale int) (float32, bool) {
	if mantissa == 0 {
		return 0, true
	}
	if mantissa > 1<<53 || scale < -22 || scale > 22 {
		return 0, false
	}
	f := float64(mantissa)
	if scale < 0 {
		f /= powersOfTen[-scale]
	} else {
		f *= powersOfTen[scale]
	}
	const halfway = 1 << 28
	if f < 0x1p-125 || f > 0x1p127 || math.Float64bits(f)&(1<<29-1) == halfway {
		return 0, false
	}
	return float32(f), true
}

var powersOfTen = [...]float64{1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11,
	1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22}

// string reads a string; p.at is at its opening quote.
func (p *jsonParser) string() (string, error) {
	p.at++
	start := p.at
	end := bytes.IndexAny(p.data[start:], "\"\\")
	if end < 0 {
		p.at = len(p.data)
		return "", p.unexpected(`a closing "`)
	}
	if p.data[start+end] == '"' {
		s := p.data[start : start+end]
		p.at = start + end + 1
		return string(s), nil
	}
	buf := append([]byte(nil), p.data[start:start+end]...)
	p.at = start + end
	for p.at < len(p.data) {
		c := p.data[p.at]
		p.at++
		switch {
		case c == '"':
			return string(buf), nil
		case c != '\\':
			buf = append(buf, c)
			continue
		}
		if p.at >= len(p.data) {
			break
		}
		c = p.data[p.at]
		p.at++
		switch c {
		case '"', '\\', '/':
			buf = append(buf, c)
		case 'b':
			buf = append(buf, '\b')
		case 'f':
			buf = append(buf, '\f')
		case 'n':
			buf = append(buf, '\n')
		case 'r':
			buf = append(buf, '\r')
		case 't':
			buf = append(buf, '\t')
		case 'u':
			r, ok := p.hex4()
			if !ok {
				return "", p.unexpected("four hexadecimal digits")
			}
			if utf16.IsSurrogate(r) && p.word(`\u`) {
				low, ok := p.hex4()
				if !ok {
					return "", p.unexpected("four hexadecimal digits")
				}
				r = utf16.DecodeRune(r, low)
			}
			buf = utf8.AppendRune(buf, r)
		default:
			p.at--
			return "", p.unexpected("an escape of JSON")
		}
	}
	return "", p.unexpected(`a closing "`)
}

func (p *jsonParser) hex4() (rune, bool) {
	if len(p.data)-p.at < 4 {
		return 0, false
	}
	n, err := strconv.ParseUint(string(p.data[p.at:p.at+4]), 16, 32)
	if err != nil {
		return 0, false
	}
	p.at += 4
	return rune(n), true
}
