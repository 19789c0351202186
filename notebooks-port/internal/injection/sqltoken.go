package injection

import "strings"

// sqlKind is the kind of a piece of SQL.
type sqlKind uint8

const (
	sqlWord sqlKind = iota
	sqlNumber
	sqlString
	sqlVariable // @x, @@x
	sqlOpen
	sqlClose
	sqlComma
	sqlSemicolon
	sqlDot
	sqlCompare // = < > <> != <=> :=
	sqlLogic   // && ||
	sqlArith   // + - * / % ^ | & ~ !
	sqlComment
	sqlOther
	sqlEnd
)

// sqlToken is one piece. text is lower case for words, and what follows the
// marker for comments.
type sqlToken struct {
	kind sqlKind
	text string
	open bool // a string that the value does not end
	lead bool // a string that the value does not begin
}

// maxTokens bounds how much of a value is read as SQL.
const maxTokens = 400

// sqlTokens reads s as SQL. quote is the kind of quote that s begins inside
// of, 0 for none. toks is reused.
func sqlTokens(toks []sqlToken, s string, quote byte) []sqlToken {
	toks = toks[:0]
	i := 0
	if quote != 0 {
		end := closing(s, 0, quote)
		if end < 0 {
			return append(toks, sqlToken{kind: sqlString, text: s, open: true, lead: true})
		}
		toks = append(toks, sqlToken{kind: sqlString, text: s[:end], lead: true})
		i = end + 1
	}
	for i < len(s) && len(toks) < maxTokens {
		c := s[i]
		switch {
		case isSpace(c):
			i++
		case isLetter(c) || c == '_' || c >= 0x80 || c == '$' && i+1 < len(s) && isLetter(s[i+1]):
			j := i + 1
			for j < len(s) && isWord(s[j]) {
				j++
			}
			toks = append(toks, sqlToken{kind: sqlWord, text: strings.ToLower(s[i:j])})
			i = j
		case isDigit(c) || c == '.' && i+1 < len(s) && isDigit(s[i+1]):
			j := number(s, i)
			if j < len(s) && (isLetter(s[j]) || s[j] == '_') && !digitsThenKeyword(s[j:]) {
				// 2nd, 80s, 4GB: a word.
				k := j
				for k < len(s) && isWord(s[k]) {
					k++
				}
				toks = append(toks, sqlToken{kind: sqlWord, text: strings.ToLower(s[i:k])})
				i = k
				break
			}
			toks = append(toks, sqlToken{kind: sqlNumber, text: s[i:j]})
			i = j
		case c == '\'' || c == '"' || c == '`':
			end := closing(s, i+1, c)
			if end < 0 {
				return append(toks, sqlToken{kind: sqlString, text: s[i+1:], open: true})
			}
			toks = append(toks, sqlToken{kind: sqlString, text: s[i+1 : end]})
			i = end + 1
		case c == '[' && bracketed(s[i:]) > 0:
			n := bracketed(s[i:])
			toks = append(toks, sqlToken{kind: sqlWord, text: strings.ToLower(s[i+1 : i+n-1])})
			i += n
		case c == '@':
			j := i + 1
			for j < len(s) && (s[j] == '@' || isWord(s[j]) || s[j] == '`') {
				j++
			}
			toks = append(toks, sqlToken{kind: sqlVariable, text: strings.ToLower(s[i:j])})
			i = j
		case c == '-' && i+1 < len(s) && s[i+1] == '-', c == '#':
			n := 1
			if c == '-' {
				n = 2
			}
			// A comment ends with its line.
			end := strings.IndexByte(s[i:], '\n')
			if end < 0 {
				return append(toks, sqlToken{kind: sqlComment, text: s[i+n:]})
			}
			i += end + 1
		case c == '/' && i+1 < len(s) && s[i+1] == '*':
			end := strings.Index(s[i+2:], "*/")
			body := s[i+2:]
			if end >= 0 {
				body = s[i+2 : i+2+end]
			}
			if strings.HasPrefix(body, "!") {
				// MySQL runs what is in such a comment.
				toks = append(toks, sqlToken{kind: sqlOther, text: "/*!"})
				i += 3
				for i < len(s) && isDigit(s[i]) {
					i++
				}
				break
			}
			if end < 0 {
				return append(toks, sqlToken{kind: sqlComment, text: body})
			}
			i += 4 + end
		case c == '*' && i+1 < len(s) && s[i+1] == '/':
			i += 2
		case c == '(':
			toks, i = append(toks, sqlToken{kind: sqlOpen}), i+1
		case c == ')':
			toks, i = append(toks, sqlToken{kind: sqlClose}), i+1
		case c == ',':
			toks, i = append(toks, sqlToken{kind: sqlComma}), i+1
		case c == ';':
			toks, i = append(toks, sqlToken{kind: sqlSemicolon}), i+1
		case c == '.':
			toks, i = append(toks, sqlToken{kind: sqlDot}), i+1
		case c == '&' && strings.HasPrefix(s[i:], "&&"), c == '|' && strings.HasPrefix(s[i:], "||"):
			toks, i = append(toks, sqlToken{kind: sqlLogic, text: s[i : i+2]}), i+2
		case c == '=' || c == '<' || c == '>' || c == '!' && i+1 < len(s) && s[i+1] == '=':
			j := i + 1
			for j < len(s) && (s[j] == '=' || s[j] == '<' || s[j] == '>') {
				j++
			}
			toks = append(toks, sqlToken{kind: sqlCompare, text: s[i:j]})
			i = j
		case strings.IndexByte("+-*/%^|&~!", c) >= 0:
			toks, i = append(toks, sqlToken{kind: sqlArith, text: s[i : i+1]}), i+1
		default:
			toks, i = append(toks, sqlToken{kind: sqlOther, text: s[i : i+1]}), i+1
		}
	}
	return toks
}

// closing is where the string that begins at from ends; -1 if it doesn't.
// A doubled quote and one behind a backslash belong to the string.
func closing(s string, from int, quote byte) int {
	for i := from; i < len(s); i++ {
		switch {
		case s[i] == '\\' && i+1 < len(s) && s[i+1] == quote && from > 0:
			i++
		case s[i] == quote:
			if i+1 < len(s) && s[i+1] == quote && from > 0 && i+2 < len(s) {
				i++
				continue
			}
			return i
		}
	}
	return -1
}

// number is where the number at i ends.
func number(s string, i int) int {
	if s[i] == '0' && i+2 < len(s) && s[i+1]|0x20 == 'x' && isHex(s[i+2]) {
		for i += 2; i < len(s) && isHex(s[i]); i++ {
		}
		return i
	}
	for i < len(s) && (isDigit(s[i]) || s[i] == '.') {
		i++
	}
	if i+1 < len(s) && s[i]|0x20 == 'e' && (isDigit(s[i+1]) || (s[i+1] == '-' || s[i+1] == '+') && i+2 < len(s) && isDigit(s[i+2])) {
		for i += 2; i < len(s) && isDigit(s[i]); i++ {
		}
	}
	return i
}

// digitsThenKeyword: "1or 1=1", "1union select" and "1e0union" are read by
// databases as a number and a keyword.
func digitsThenKeyword(s string) bool {
	j := 0
	for j < len(s) && isWord(s[j]) {
		j++
	}
	switch strings.ToLower(s[:j]) {
	case "or", "and", "union", "xor", "having", "where", "order", "group", "limit", "rlike", "like", "div", "mod", "in", "is", "between", "from", "procedure":
		return true
	}
	return false
}

// bracketed is the length of a SQL Server name in brackets at the start of s.
func bracketed(s string) int {
	for i := 1; i < len(s) && i < 64; i++ {
		switch {
		case s[i] == ']' && i > 1:
			return i + 1
		case !isWord(s[i]) && s[i] != ' ':
			return 0
		}
	}
	return 0
}
