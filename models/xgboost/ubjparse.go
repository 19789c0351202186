package xgboost

import (
	"encoding/binary"
	"math"

	"sluice/featurestore/fault"
)

// ubjParser reads UBJSON (draft 12) as XGBoost writes it, and the few freedoms
// other writers take: lengths of any integer type, arrays without a count.
type ubjParser struct {
	data  []byte
	at    int
	depth int
	left  budget
}

func parseUBJSON(data []byte) (value, error) {
	p := ubjParser{data: data, left: newBudget(len(data), maxValues)}
	v, err := p.value()
	if err == nil && p.at != len(data) {
		err = p.errorf("has more after its end")
	}
	return v, err
}

func (p *ubjParser) errorf(format string, args ...any) error {
	return fault.New(fault.Invalid, "UBJSON, byte %d: "+format, append([]any{p.at}, args...)...)
}

// take gives the next n bytes.
func (p *ubjParser) take(n int) ([]byte, error) {
	if n > len(p.data)-p.at {
		return nil, p.errorf("ends early: %d bytes expected, %d left (is the file complete?)", n, len(p.data)-p.at)
	}
	b := p.data[p.at : p.at+n]
	p.at += n
	return b, nil
}

func (p *ubjParser) marker() (byte, error) {
	for {
		b, err := p.take(1)
		if err != nil {
			return 0, err
		}
		if b[0] != 'N' { // no-op
			return b[0], nil
		}
	}
}

func (p *ubjParser) peek() byte {
	if p.at < len(p.data) {
		return p.data[p.at]
	}
	return 0
}

// numberSize is the width of a number by its marker, 0 for what is no number.
func numberSize(marker byte) int {
	switch marker {
	case 'i', 'U':
		return 1
	case 'I':
		return 2
	case 'l', 'd':
		return 4
	case 'L', 'D':
		return 8
	}
	return 0
}

func isFloat(marker byte) bool { return marker == 'd' || marker == 'D' }

func decodeInt(marker byte, b []byte) int64 {
	switch marker {
	case 'i':
		return int64(int8(b[0]))
	case 'U':
		return int64(b[0])
	case 'I':
		return int64(int16(binary.BigEndian.Uint16(b)))
	case 'l':
		return int64(int32(binary.BigEndian.Uint32(b)))
	}
	return int64(binary.BigEndian.Uint64(b))
}

func decodeFloat(marker byte, b []byte) float32 {
	if marker == 'd' {
		return math.Float32frombits(binary.BigEndian.Uint32(b))
	}
	return float32(math.Float64frombits(binary.BigEndian.Uint64(b)))
}

// length reads a count or a string's length and checks that as many elements
// of size bytes can follow.
func (p *ubjParser) length(size int) (int, error) {
	m, err := p.marker()
	if err != nil {
		return 0, err
	}
	w := numberSize(m)
	if w == 0 || isFloat(m) {
		return 0, p.errorf("has %q where a length is expected", m)
	}
	b, err := p.take(w)
	if err != nil {
		return 0, err
	}
	n := decodeInt(m, b)
	if left := int64(len(p.data) - p.at); n < 0 || n > left/int64(size) {
		return 0, p.errorf("announces %d elements, but only %d bytes are left (is the file complete?)", n, left)
	}
	return int(n), nil
}

func (p *ubjParser) string() (string, error) {
	n, err := p.length(1)
	if err != nil {
		return "", err
	}
	b, err := p.take(n)
	return string(b), err
}

func (p *ubjParser) value() (value, error) {
	m, err := p.marker()
	if err != nil {
		return value{}, err
	}
	return p.after(m)
}

// after reads the value whose marker has been taken.
func (p *ubjParser) after(m byte) (value, error) {
	if numberSize(m) == 0 && !p.left.spend() {
		return value{}, p.errorf("holds too many values: this is not a model")
	}
	switch m {
	case '{', '[':
		if p.depth++; p.depth > maxDepth {
			return value{}, p.errorf("nests deeper than %d levels: this is not a model", maxDepth)
		}
		defer func() { p.depth-- }()
		if m == '{' {
			return p.object()
		}
		return p.array()
	case 'S':
		s, err := p.string()
		return value{kind: stringKind, str: s}, err
	case 'C':
		b, err := p.take(1)
		return value{kind: stringKind, str: string(b)}, err
	case 'Z':
		return value{}, nil
	case 'T':
		return value{kind: boolKind, ints: []int64{1}}, nil
	case 'F':
		return value{kind: boolKind, ints: []int64{0}}, nil
	}
	w := numberSize(m)
	if w == 0 {
		return value{}, p.errorf("has the marker %q: expected a value of UBJSON", m)
	}
	b, err := p.take(w)
	switch {
	case err != nil:
		return value{}, err
	case isFloat(m):
		return value{kind: floatKind, floats: []float32{decodeFloat(m, b)}}, nil
	}
	return value{kind: intKind, ints: []int64{decodeInt(m, b)}}, nil
}

func (p *ubjParser) object() (value, error) {
	v := value{kind: objectKind}
	if c := p.peek(); c == '#' || c == '$' {
		return v, p.errorf("has an object with a count, which XGBoost does not write")
	}
	for {
		if p.peek() == '}' {
			p.at++
			return v, nil
		}
		name, err := p.string()
		if err != nil {
			return v, err
		}
		for i := 0; i < min(len(v.members), 64); i++ {
			if v.members[i].name == name {
				return v, p.errorf("has the key %s twice in one object", quote(name))
			}
		}
		m, err := p.value()
		if err != nil {
			return v, err
		}
		v.members = append(v.members, member{name, m})
	}
}

func (p *ubjParser) array() (value, error) {
	switch p.peek() {
	case '$':
		p.at++
		m, err := p.marker()
		if err != nil {
			return value{}, err
		}
		w := numberSize(m)
		if w == 0 {
			return value{}, p.errorf("has an array of %q: expected a type of number", m)
		}
		if c, err := p.marker(); err != nil {
			return value{}, err
		} else if c != '#' {
			return value{}, p.errorf("has a typed array without a count")
		}
		n, err := p.length(w)
		if err != nil {
			return value{}, err
		}
		b, err := p.take(n * w)
		if err != nil {
			return value{}, err
		}
		return typed(m, n, b), nil
	case '#':
		p.at++
		n, err := p.length(1)
		if err != nil {
			return value{}, err
		}
		return p.items(n)
	}
	return p.items(-1)
}

func typed(m byte, n int, b []byte) value {
	w := numberSize(m)
	if isFloat(m) {
		v := value{kind: floatsKind, floats: make([]float32, n)}
		for i := range v.floats {
			v.floats[i] = decodeFloat(m, b[i*w:])
		}
		return v
	}
	v := value{kind: intsKind, ints: make([]int64, n)}
	for i := range v.ints {
		v.ints[i] = decodeInt(m, b[i*w:])
	}
	return v
}

// items reads n values, or up to the closing bracket when n is -1, flat while
// they are numbers of one sort.
func (p *ubjParser) items(n int) (value, error) {
	var ints []int64
	var floats []float32
	var items []value
	for i := 0; i != n; i++ {
		m, err := p.marker()
		if err != nil {
			return value{}, err
		}
		if n < 0 && m == ']' {
			break
		}
		v, err := p.after(m)
		if err != nil {
			return value{}, err
		}
		switch {
		case items == nil && floats == nil && (v.kind == intKind || v.kind == boolKind):
			ints = append(ints, v.ints[0])
		case items == nil && ints == nil && v.kind == floatKind:
			floats = append(floats, v.floats[0])
		case items == nil && ints != nil && v.kind == floatKind,
			items == nil && floats != nil && v.kind == intKind:
			return value{}, p.errorf("mixes integers and numbers in one array")
		case ints != nil || floats != nil:
			return value{}, p.errorf("mixes numbers and %v in one array", v.kind)
		default:
			items = append(items, v)
		}
	}
	switch {
	case ints != nil:
		return value{kind: intsKind, ints: ints}, nil
	case floats != nil:
		return value{kind: floatsKind, floats: floats}, nil
	}
	return value{kind: arrayKind, items: items}, nil
}
