package webrequest

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// lower maps ASCII upper case to lower case and leaves every other byte alone.
// Rules that ignore case ignore it for ASCII only: U+017F and U+212A, which
// Unicode folds to s and k, stay what they are.
var lower = func() (t [256]byte) {
	for i := range t {
		t[i] = byte(i)
	}
	for c := 'A'; c <= 'Z'; c++ {
		t[c] = byte(c) + 'a' - 'A'
	}
	return t
}()

// Classes of ASCII bytes; a byte outside ASCII is in none.
const (
	isLetter uint8 = 1 << iota
	isDigit
	isSpace  // space \t \n \v \f \r
	isLabel  // letters, digits, "-", "_"
	isFrame  // letters, digits, ".", "-"
	isDomain // letters, digits, "_", ".", "-", ":"
)

var class = func() (t [256]uint8) {
	for c := range t {
		b := byte(c)
		if l := b | 0x20; 'a' <= l && l <= 'z' {
			t[c] = isLetter | isLabel | isFrame | isDomain
		}
		if '0' <= b && b <= '9' {
			t[c] = isDigit | isLabel | isFrame | isDomain
		}
	}
	for _, b := range []byte(" \t\n\v\f\r") {
		t[b] |= isSpace
	}
	t['-'] |= isLabel | isFrame | isDomain
	t['_'] |= isLabel | isDomain
	t['.'] |= isFrame | isDomain
	t[':'] |= isDomain
	return t
}()

// absent reports a null, an empty value or the log's "-".
func absent(s string) bool { return s == "" || s == "-" }

// trim removes white space at both ends.
func trim(s string) string {
	for s != "" && class[s[0]]&isSpace != 0 {
		s = s[1:]
	}
	for s != "" && class[s[len(s)-1]]&isSpace != 0 {
		s = s[:len(s)-1]
	}
	return s
}

// trimControl removes white space and control characters at both ends, as
// Java's String.trim does: the trimming of Wikimedia's rules.
func trimControl(s string) string {
	for s != "" && s[0] <= ' ' {
		s = s[1:]
	}
	for s != "" && s[len(s)-1] <= ' ' {
		s = s[:len(s)-1]
	}
	return s
}

// equalFold reports s == t ignoring ASCII case.
func equalFold(s, t string) bool {
	if len(s) != len(t) {
		return false
	}
	for i := range len(s) {
		if lower[s[i]] != lower[t[i]] {
			return false
		}
	}
	return true
}

// hasPrefixFold reports whether s begins with p, which is in lower case.
func hasPrefixFold(s, p string) bool {
	if len(s) < len(p) {
		return false
	}
	for i := range len(p) {
		if lower[s[i]] != p[i] {
			return false
		}
	}
	return true
}

// lowerASCII is s with ASCII letters in lower case; it allocates only if s has
// upper case.
func lowerASCII(s string) string {
	for i := range len(s) {
		if lower[s[i]] != s[i] {
			b := []byte(s)
			for ; i < len(b); i++ {
				b[i] = lower[b[i]]
			}
			return string(b)
		}
	}
	return s
}

// lowerHost is s in lower case as Java's String.toLowerCase has it. It differs
// from ASCII folding in what a host may be disguised with: U+212A becomes k,
// U+0130 becomes i and a combining dot.
func lowerHost(s string) string {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			var b strings.Builder
			for _, r := range s {
				if r == 'İ' {
					b.WriteString("i̇")
					continue
				}
				b.WriteRune(unicode.ToLower(r))
			}
			return b.String()
		}
	}
	return lowerASCII(s)
}

// utf16Len is the number of UTF-16 units of s, an invalid byte counting one.
func utf16Len(s string) int {
	n := 0
	for _, r := range s {
		n++
		if r > 0xFFFF {
			n++
		}
	}
	return n
}

// longerThan reports whether s has more than n UTF-16 units.
func longerThan(s string, n int) bool {
	// A character never has fewer bytes than units.
	return len(s) > n && utf16Len(s) > n
}

// lineBreak is the length in bytes of the line terminator that s begins with:
// \n, \r, U+0085, U+2028 or U+2029; 0 for anything else.
func lineBreak(s string) int {
	if s == "" {
		return 0
	}
	switch s[0] {
	case '\n', '\r':
		return 1
	case 0xC2:
		if len(s) > 1 && s[1] == 0x85 {
			return 2
		}
	case 0xE2:
		if len(s) > 2 && s[1] == 0x80 && (s[2] == 0xA8 || s[2] == 0xA9) {
			return 3
		}
	}
	return 0
}

// indexBreak is the index of the first line terminator of s, or -1.
func indexBreak(s string) int {
	for i := range len(s) {
		switch s[i] {
		case '\n', '\r', 0xC2, 0xE2:
			if lineBreak(s[i:]) > 0 {
				return i
			}
		}
	}
	return -1
}

// cutFinalBreak is s without one line terminator at its very end; \r\n is one.
func cutFinalBreak(s string) string {
	n := len(s)
	switch {
	case strings.HasSuffix(s, "\r\n"):
		return s[:n-2]
	case n > 0 && (s[n-1] == '\n' || s[n-1] == '\r'):
		return s[:n-1]
	case n > 1 && lineBreak(s[n-2:]) == 2:
		return s[:n-2]
	case n > 2 && lineBreak(s[n-3:]) == 3:
		return s[:n-3]
	}
	return s
}

// anyChar is the length in bytes of the character that s begins with, 0 for
// none or a line terminator: what a dot stands for in a pattern.
func anyChar(s string) int {
	if s == "" || lineBreak(s) > 0 {
		return 0
	}
	_, n := utf8.DecodeRuneInString(s)
	return n
}

// charLen is the length in bytes of the character that s begins with, be it a
// line terminator or not; 0 for an empty s.
func charLen(s string) int {
	if s == "" {
		return 0
	}
	_, n := utf8.DecodeRuneInString(s)
	return n
}
