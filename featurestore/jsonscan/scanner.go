package jsonscan

import (
	"encoding/binary"
	"math/bits"
	"unicode/utf16"
	"unicode/utf8"
)

// maxDepth is how deep objects and arrays may nest, as in encoding/json.
const maxDepth = 10000

// Scanner walks over one JSON text. It accepts exactly what encoding/json
// accepts. Its methods report false at the first error and leave I anywhere.
type Scanner struct {
	B []byte // the text
	I int    // where the next value, name or bracket stands
}

// Blank passes white space; most often there is none.
func (s *Scanner) Blank() {
	if s.I < len(s.B) && s.B[s.I] <= ' ' {
		s.blanks()
	}
}

func (s *Scanner) blanks() {
	for s.I < len(s.B) {
		switch s.B[s.I] {
		case ' ', '\t', '\n', '\r':
			s.I++
		default:
			return
		}
	}
}

const (
	swarLow  = 0x0101010101010101
	swarHigh = 0x8080808080808080
)

// Text reads a string at the opening quote. What stands in B as it is comes
// back as a part of B; what has escapes or is not UTF-8 is written to scratch.
func (s *Scanner) Text(scratch []byte) (text, grown []byte, ok bool) {
	start := s.I + 1
	plain, ascii, ok := s.skipText()
	if !ok {
		return nil, scratch, false
	}
	raw := s.B[start : s.I-1]
	if plain && (ascii || utf8.Valid(raw)) {
		return raw, scratch, true
	}
	n := len(scratch)
	scratch = unescape(scratch, raw)
	return scratch[n:], scratch, true
}

// skipText passes a string at the opening quote. plain says that it has no
// escapes, ascii that all its bytes are ASCII.
func (s *Scanner) skipText() (plain, ascii, ok bool) {
	b, i := s.B, s.I+1
	plain, ascii = true, true
	for {
		// Eight bytes at a time: stop at a quote, a backslash, a control
		// character or a byte beyond ASCII.
		for i+8 <= len(b) {
			w := binary.LittleEndian.Uint64(b[i:])
			q := w ^ 0x2222222222222222
			e := w ^ 0x5c5c5c5c5c5c5c5c
			m := ((q-swarLow)&^q | (e-swarLow)&^e | (w-0x2020202020202020)&^w | w) & swarHigh
			if m != 0 {
				i += bits.TrailingZeros64(m) / 8
				break
			}
			i += 8
		}
		if i >= len(b) {
			return false, false, false
		}
		switch c := b[i]; {
		case c == '"':
			s.I = i + 1
			return plain, ascii, true
		case c == '\\':
			plain = false
			if i+1 >= len(b) {
				return false, false, false
			}
			switch b[i+1] {
			case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
				i += 2
			case 'u':
				if i+6 > len(b) || hex4(b[i+2:i+6]) < 0 {
					return false, false, false
				}
				i += 6
			default:
				return false, false, false
			}
		case c < 0x20:
			return false, false, false
		case c >= utf8.RuneSelf:
			ascii = false
			for i < len(b) && b[i] >= utf8.RuneSelf {
				i++
			}
		default: // the last seven bytes of the line
			i++
		}
	}
}

// hex4 reads four hexadecimal digits, or gives -1.
func hex4(b []byte) rune {
	var r rune
	for _, c := range b[:4] {
		switch {
		case c-'0' <= 9:
			c -= '0'
		case c|0x20 >= 'a' && c|0x20 <= 'f':
			c = c | 0x20 - 'a' + 10
		default:
			return -1
		}
		r = r<<4 | rune(c)
	}
	return r
}

// unescape appends raw, the inside of a string that skipText has passed, to
// dst as encoding/json reads it: each invalid byte of UTF-8 and each lone
// surrogate becomes U+FFFD.
func unescape(dst, raw []byte) []byte {
	for i := 0; i < len(raw); {
		c := raw[i]
		switch {
		case c == '\\':
			i++
			switch c = raw[i]; c {
			case 'u':
				r := hex4(raw[i+1 : i+5])
				i += 5
				if utf16.IsSurrogate(r) {
					full := rune(utf8.RuneError)
					if i+6 <= len(raw) && raw[i] == '\\' && raw[i+1] == 'u' {
						full = utf16.DecodeRune(r, hex4(raw[i+2:i+6]))
					}
					if full != utf8.RuneError {
						i += 6
					}
					r = full
				}
				dst = utf8.AppendRune(dst, r)
				continue
			case 'b':
				c = '\b'
			case 'f':
				c = '\f'
			case 'n':
				c = '\n'
			case 'r':
				c = '\r'
			case 't':
				c = '\t'
			}
			dst = append(dst, c)
			i++
		case c < utf8.RuneSelf:
			dst = append(dst, c)
			i++
		default:
			r, n := utf8.DecodeRune(raw[i:])
			dst = utf8.AppendRune(dst, r)
			i += n
		}
	}
	return dst
}

// Number passes a number and gives it as written.
func (s *Scanner) Number() ([]byte, bool) {
	b, start, i := s.B, s.I, s.I
	digits := func() bool {
		from := i
		for i < len(b) && b[i]-'0' <= 9 {
			i++
		}
		return i > from
	}
	if i < len(b) && b[i] == '-' {
		i++
	}
	if i < len(b) && b[i] == '0' {
		i++
	} else if !digits() {
		return nil, false
	}
	if i < len(b) && b[i] == '.' {
		i++
		if !digits() {
			return nil, false
		}
	}
	if i < len(b) && b[i]|0x20 == 'e' {
		i++
		if i < len(b) && (b[i] == '+' || b[i] == '-') {
			i++
		}
		if !digits() {
			return nil, false
		}
	}
	s.I = i
	return b[start:i], true
}

// Literal passes true, false or null and gives it as written.
func (s *Scanner) Literal() ([]byte, bool) {
	for _, w := range [...]string{"true", "false", "null"} {
		if n := s.I + len(w); n <= len(s.B) && string(s.B[s.I:n]) == w {
			text := s.B[s.I:n]
			s.I = n
			return text, true
		}
	}
	return nil, false
}

// Skip passes any value. depth is the number of objects and arrays around it.
func (s *Scanner) Skip(depth int) bool {
	if s.I >= len(s.B) {
		return false
	}
	switch c := s.B[s.I]; c {
	case '"':
		_, _, ok := s.skipText()
		return ok
	case '{', '[':
		return s.skipMembers(depth)
	case 't', 'f', 'n':
		_, ok := s.Literal()
		return ok
	default:
		_, ok := s.Number()
		return ok
	}
}

// skipMembers passes an object or array at its opening bracket.
func (s *Scanner) skipMembers(depth int) bool {
	object := s.B[s.I] == '{'
	if done, ok := s.Open(depth); done || !ok {
		return ok
	}
	for {
		if object && !s.skipName() || !s.Skip(depth+1) {
			return false
		}
		if done, ok := s.Next(object); done || !ok {
			return ok
		}
	}
}

// Open passes the opening bracket of an object or array; done says that it is
// empty and has been passed whole.
func (s *Scanner) Open(depth int) (done, ok bool) {
	if depth >= maxDepth {
		return false, false
	}
	end := s.B[s.I] + 2 // '{' to '}', '[' to ']'
	s.I++
	s.Blank()
	if s.I < len(s.B) && s.B[s.I] == end {
		s.I++
		return true, true
	}
	return false, true
}

// Next passes the comma or closing bracket behind a member.
func (s *Scanner) Next(object bool) (done, ok bool) {
	s.Blank()
	if s.I >= len(s.B) {
		return false, false
	}
	c := s.B[s.I]
	s.I++
	if c == ',' {
		s.Blank()
		return false, true
	}
	done = c == '}' && object || c == ']' && !object
	return done, done
}

func (s *Scanner) skipName() bool {
	if s.I >= len(s.B) || s.B[s.I] != '"' {
		return false
	}
	_, _, ok := s.skipText()
	return ok && s.Colon()
}

// Name passes the name of a member and its colon if it is the one expected,
// written without escapes.
func (s *Scanner) Name(want string) bool {
	i := s.I + 1
	end := i + len(want)
	if end+1 >= len(s.B) || s.B[end] != '"' || string(s.B[i:end]) != want {
		return false
	}
	from := s.I
	s.I = end + 1
	if !s.Colon() {
		s.I = from
		return false
	}
	return true
}

func (s *Scanner) Colon() bool {
	s.Blank()
	if s.I >= len(s.B) || s.B[s.I] != ':' {
		return false
	}
	s.I++
	s.Blank()
	return true
}
