package injection

import (
	"strings"
	"sync"

	"github.com/corazawaf/libinjection-go"
)

// SQL reports whether a decoded value carries SQL that would take effect in a
// query, and names the technique.
func SQL(v string) (technique string, ok bool) {
	v = bound(v)
	if !sqlPossible(v) {
		return "", false
	}
	toks := sqlPool.Get().(*[]sqlToken)
	defer sqlPool.Put(toks)
	for _, quote := range [...]byte{0, '\'', '"', '`'} {
		if quote != 0 && strings.IndexByte(v, quote) < 0 {
			continue
		}
		*toks = sqlTokens(*toks, v, quote)
		r := sqlReader{toks: *toks, quoted: quote != 0, quote: quote}
		if t := r.read(); t != "" {
			return t, true
		}
	}
	if is, print := libinjection.IsSQLi(v); is && !proseLike(print, v) {
		return "token pattern " + print, true
	}
	return "", false
}

var sqlPool = sync.Pool{New: func() any { t := make([]sqlToken, 0, 64); return &t }}

// sqlPossible rules out what has neither a blank nor a sign of SQL, which is
// nearly every parameter.
func sqlPossible(v string) bool {
	if len(v) < 3 {
		return false
	}
	for i := range len(v) {
		switch c := v[i]; {
		case isLetter(c), isDigit(c), c == '.', c == ':', c == '?', c == '[', c == ']', c == '{', c == '}', c >= 0x80:
		case c == '-', c == '_':
		default:
			return true
		}
	}
	return strings.Contains(v, "--") || strings.Contains(v, "@@") || sysNamed(v)
}

// proseLike tells fingerprints of libinjection that sentences have too: they
// need a sign that no sentence has.
func proseLike(print, v string) bool {
	if strings.ContainsAny(v, "=<>();@\\") && strings.ContainsAny(v, "'\"`()") || strings.Contains(v, "/*") || strings.Contains(v, "*/") {
		// Brackets and quotes alone are prose: "(it's)", "5 (or 6)".
		if strings.ContainsAny(v, "=<>;@*") || strings.Contains(v, "--") {
			return strings.HasPrefix(strings.TrimLeft(v, " \n"), "{") || strings.HasPrefix(v, "http")
		}
		return !strings.ContainsAny(print, "fE(") || !strings.Contains(v, "(") || strings.Contains(v, " (") && !strings.ContainsAny(v, "'\"")
	}
	if t := strings.TrimRight(v, " -+"); strings.ContainsAny(v, "'\"") && (strings.HasSuffix(v, "--") || strings.HasSuffix(v, "-- ") || strings.HasSuffix(v, "#")) && len(t) < 64 {
		return false
	}
	return true
}

// sqlReader looks for structures of SQL in a run of pieces.
type sqlReader struct {
	toks   []sqlToken
	quoted bool // the value was read from inside a string
	quote  byte // and of which kind; 0: none
}

func (r *sqlReader) at(i int) sqlToken {
	if i < 0 || i >= len(r.toks) {
		return sqlToken{kind: sqlEnd}
	}
	return r.toks[i]
}

func (r *sqlReader) word(i int, words ...string) bool {
	t := r.at(i)
	if t.kind != sqlWord {
		return false
	}
	for _, w := range words {
		if t.text == w {
			return true
		}
	}
	return false
}

func (r *sqlReader) skip(i int, kinds ...sqlKind) int {
	for {
		hit := false
		for _, k := range kinds {
			hit = hit || r.at(i).kind == k && i < len(r.toks)
		}
		if !hit {
			return i
		}
		i++
	}
}

func (r *sqlReader) hasWord(from int, w string) bool {
	for i := from; i < len(r.toks); i++ {
		if r.toks[i].kind == sqlWord && r.toks[i].text == w {
			return true
		}
	}
	return false
}

func (r *sqlReader) hasKind(from int, k sqlKind) bool {
	for i := from; i < len(r.toks); i++ {
		if r.toks[i].kind == k {
			return true
		}
	}
	return false
}

// read is the first structure found, by name; "" if there is none.
func (r *sqlReader) read() string {
	if r.quoted {
		if t := r.brokenString(); t != "" {
			return t
		}
	}
	for i := range r.toks {
		t := r.toks[i]
		var found string
		switch t.kind {
		case sqlWord:
			found = r.keyword(i)
		case sqlVariable:
			if sysVariables[t.text] || strings.HasPrefix(t.text, "@@") && len(t.text) > 4 && isLetter(t.text[2]) && r.at(i-1).kind != sqlWord {
				found = "server variable"
			}
		case sqlLogic:
			found = r.logic(i)
		case sqlSemicolon:
			if r.statement(i + 1) {
				found = "stacked statement"
			}
		case sqlOpen:
			if r.subquery(i + 1) {
				found = "subquery"
			}
		case sqlOther:
			if t.text == "/*!" {
				found = "comment that MySQL runs"
			}
		}
		if found != "" {
			return found
		}
	}
	if !r.quoted && len(r.toks) > 2 {
		if t := r.leading(); t != "" {
			return t
		}
	}
	return r.numeric()
}

func hasUpper(s string) bool {
	for i := range len(s) {
		if s[i] >= 'A' && s[i] <= 'Z' {
			return true
		}
	}
	return false
}

func set(words ...string) map[string]bool {
	m := make(map[string]bool, len(words))
	for _, w := range words {
		m[w] = true
	}
	return m
}

func bound(v string) string {
	if len(v) > maxValue {
		return v[:maxValue]
	}
	return v
}
