package injection

import (
	"strings"
	"unicode/utf8"
)

// rounds bounds how often a value is decoded; attackers stop at two.
const rounds = 3

// maxValue bounds how much of a value is judged, in bytes.
const maxValue = 8 << 10

// Decode undoes the encodings under which a value reaches a program, again and
// again until nothing changes (three times at most): percent (%3C, %u003C),
// \xHH and \uHHHH, HTML entities, overlong UTF-8, full-width letters. plus
// says that a plus sign is a blank, as in a query. NUL bytes are dropped.
func Decode(s string, plus bool) string {
	if !needsDecoding(s, plus) {
		return s
	}
	for range rounds {
		next := decodeOnce(s, plus)
		if next == s {
			break
		}
		s = next
		// What is still encoded was encoded twice, and its blanks with it.
		plus = plus && escaped(s)
	}
	return s
}

// escaped reports whether s has a percent sign with two hexadecimal digits.
func escaped(s string) bool {
	for i := 0; i+2 < len(s); i++ {
		if s[i] == '%' && isHex(s[i+1]) && isHex(s[i+2]) {
			return true
		}
	}
	return false
}

func needsDecoding(s string, plus bool) bool {
	for i := range len(s) {
		switch c := s[i]; {
		case c == '%' || c == '\\' || c == '&' || c == 0 || c >= 0x80:
			return true
		case c == '+' && plus:
			return true
		}
	}
	return false
}

// percentOnce decodes percent signs and plus signs alone.
func percentOnce(s string, plus bool) string {
	if !strings.ContainsAny(s, "%+") {
		return s
	}
	b := make([]byte, 0, len(s))
	for i := 0; i < len(s); {
		c := s[i]
		switch {
		case c == '%' && i+2 < len(s) && isHex(s[i+1]) && isHex(s[i+2]):
			b = append(b, unhex(s[i+1])<<4|unhex(s[i+2]))
			i += 3
			continue
		case c == '+' && plus:
			c = ' '
		}
		b = append(b, c)
		i++
	}
	return string(b)
}

func decodeOnce(s string, plus bool) string {
	b := make([]byte, 0, len(s))
	for i := 0; i < len(s); {
		c := s[i]
		switch c {
		case '%':
			if i+5 < len(s) && s[i+1]|0x20 == 'u' && hexRun(s[i+2:], 4) {
				b = utf8.AppendRune(b, rune(hexValue(s[i+2:i+6])))
				i += 6
				continue
			}
			if i+2 < len(s) && isHex(s[i+1]) && isHex(s[i+2]) {
				b = append(b, unhex(s[i+1])<<4|unhex(s[i+2]))
				i += 3
				continue
			}
		case '+':
			if plus {
				c = ' '
			}
		case '\\':
			if r, n := escape(s[i:]); n > 0 {
				b = appendPlain(b, r)
				i += n
				continue
			}
		case '&':
			if r, n := entity(s[i:]); n > 0 {
				b = appendPlain(b, r)
				i += n
				continue
			}
		}
		b = append(b, c)
		i++
	}
	return fold(b)
}

func appendPlain(b []byte, r rune) []byte {
	if r < 0x80 {
		return append(b, byte(r))
	}
	return utf8.AppendRune(b, r)
}

// escape reads \xHH, \uHHHH, \u{H...} and \" at the start of s.
func escape(s string) (rune, int) {
	if len(s) < 2 {
		return 0, 0
	}
	switch s[1] {
	case '"':
		return '"', 2
	case 'x', 'X':
		if len(s) >= 4 && hexRun(s[2:], 2) {
			return rune(hexValue(s[2:4])), 4
		}
	case 'u', 'U':
		if len(s) >= 6 && hexRun(s[2:], 4) {
			return rune(hexValue(s[2:6])), 6
		}
		if len(s) >= 5 && s[2] == '{' {
			if end := strings.IndexByte(s[:min(len(s), 12)], '}'); end > 3 && hexRun(s[3:], end-3) {
				return rune(hexValue(s[3:end])), end + 1
			}
		}
	}
	return 0, 0
}

// named are the HTML entities that stand for a character with a meaning in
// markup, script or SQL.
var named = map[string]rune{"lt": '<', "gt": '>', "amp": '&', "quot": '"', "apos": '\'', "nbsp": ' ', "tab": '\t', "newline": '\n',
	"colon": ':', "lpar": '(', "rpar": ')', "sol": '/', "bsol": '\\', "equals": '=', "semi": ';', "comma": ',', "period": '.',
	"grave": '`', "num": '#', "excl": '!', "lbrace": '{', "rbrace": '}', "lbrack": '[', "rbrack": ']', "plus": '+', "dollar": '$'}

// entity reads an HTML entity at the start of s; the semicolon may be missing
// from a number and from lt, gt, amp and quot, as in HTML.
func entity(s string) (rune, int) {
	if len(s) < 3 {
		return 0, 0
	}
	if s[1] == '#' {
		i, base := 2, 10
		if s[2]|0x20 == 'x' {
			i, base = 3, 16
		}
		start, v := i, 0
		for ; i < len(s) && i < start+10; i++ {
			d := int(unhex(s[i]))
			if !isHex(s[i]) || d >= base {
				break
			}
			v = min(v*base+d, utf8.MaxRune+1)
		}
		if i == start || v > utf8.MaxRune {
			return 0, 0
		}
		if i < len(s) && s[i] == ';' {
			i++
		}
		return rune(v), i
	}
	i := 1
	for i < len(s) && i < 10 && isLetter(s[i]) {
		i++
	}
	if i < len(s) && s[i] == ';' {
		if r, ok := named[strings.ToLower(s[1:i])]; ok {
			return r, i + 1
		}
	}
	return 0, 0
}

// fold drops NUL bytes, and writes overlong UTF-8 and full-width characters as
// the ASCII that lenient programs take them for.
func fold(b []byte) string {
	plain := true
	for _, c := range b {
		if c == 0 || c >= 0x80 {
			plain = false
			break
		}
	}
	if plain {
		return string(b)
	}
	out := make([]byte, 0, len(b))
	for i := 0; i < len(b); {
		c := b[i]
		switch {
		case c == 0:
			i++
		case c < 0x80:
			out = append(out, c)
			i++
		case (c == 0xC0 || c == 0xC1) && i+1 < len(b) && (b[i+1] >= 0x80 && b[i+1] < 0xC0):
			out = append(out, (c&1)<<6|b[i+1]&0x3F)
			i += 2
		case c == 0xE0 && i+2 < len(b) && b[i+1] == 0x80 && b[i+2]&0xC0 == 0x80, c == 0xE0 && i+2 < len(b) && b[i+1] == 0x81 && b[i+2]&0xC0 == 0x80:
			out = append(out, (b[i+1]&1)<<6|b[i+2]&0x3F)
			i += 3
		default:
			r, n := utf8.DecodeRune(b[i:])
			switch {
			case r >= 0xFF01 && r <= 0xFF5E:
				out = append(out, byte(r-0xFF01+'!'))
			case r == 0x2018 || r == 0x2019 || r == 0x2032 || r == 0x02B9 || r == 0x02BC:
				// Kept: typographic quotes are prose far more often than an
				// attack on a program that folds them.
				out = append(out, b[i:i+n]...)
			case r == 0x2044 || r == 0x2215:
				out = append(out, '/')
			case r == 0xA0 || r == 0x3000 || r >= 0x2000 && r <= 0x200A:
				out = append(out, ' ')
			default:
				out = append(out, b[i:i+n]...)
			}
			i += n
		}
	}
	return string(out)
}

func isHex(c byte) bool    { return c >= '0' && c <= '9' || c|0x20 >= 'a' && c|0x20 <= 'f' }
func isLetter(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' }
func isDigit(c byte) bool  { return c >= '0' && c <= '9' }
func isSpace(c byte) bool {
	return c == ' ' || c >= '\t' && c <= '\r' || c == 0xA0
}
func isWord(c byte) bool { return isLetter(c) || isDigit(c) || c == '_' || c == '$' || c >= 0x80 }

func unhex(c byte) byte {
	switch {
	case c >= '0' && c <= '9':
		return c - '0'
	case c|0x20 >= 'a' && c|0x20 <= 'f':
		return c | 0x20 - 'a' + 10
	}
	return 0xFF
}

func hexRun(s string, n int) bool {
	if len(s) < n {
		return false
	}
	for i := range n {
		if !isHex(s[i]) {
			return false
		}
	}
	return true
}

func hexValue(s string) (v uint32) {
	for i := range len(s) {
		v = v<<4 | uint32(unhex(s[i]))
	}
	return v
}
