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

// brokenString: the value ends the string it stands in. What follows is SQL if
// it is an operator and another string, a comparison, or a comment to the end.
func (r *sqlReader) brokenString() string {
	if len(r.toks) < 2 || !r.toks[0].lead || r.toks[0].open {
		return ""
	}
	i := r.skip(1, sqlClose, sqlSemicolon)
	t := r.at(i)
	switch t.kind {
	case sqlComment:
		text := strings.TrimSpace(t.text)
		if len(strings.Fields(text)) <= 1 && len(text) <= 24 && (i > 1 || len(r.toks[0].text) < 64) || strings.ContainsAny(text, "=()|") && len(r.toks[0].text) < 32 {
			return "comment cuts off the query"
		}
	case sqlWord:
		last := r.toks[len(r.toks)-1]
		// Searches quote words with double quotes: "not" stuffed, 16" or 18".
		if !r.word(i, "or", "and", "xor", "is", "like", "rlike", "sounds", "not", "div", "mod", "regexp") || r.quote != '\'' || !r.dense(i) || len(r.toks) > 16 {
			break
		}
		if next := r.at(i + 1); next.kind == sqlString && next.open && len(r.toks) == i+2 {
			return "operator between strings"
		}
		if (last.kind == sqlString && last.open || last.kind == sqlComment) && len(r.toks) > i+2 {
			return "expression behind a broken string"
		}
	case sqlCompare, sqlLogic, sqlArith:
		n := r.at(i + 1)
		for n.kind == sqlArith || n.kind == sqlOpen || n.kind == sqlCompare {
			i++
			n = r.at(i + 1)
		}
		last := r.toks[len(r.toks)-1]
		switch {
		case n.kind == sqlString && (n.open || r.at(i+2).kind == sqlComment || r.at(i+2).kind == sqlClose):
			return "operator between strings"
		case (n.kind == sqlNumber || n.kind == sqlVariable) && t.kind == sqlCompare && (r.at(i+2).kind == sqlEnd || r.at(i+2).kind == sqlComment):
			return "comparison behind a string"
		case (n.kind == sqlWord || n.kind == sqlNumber) && last.kind == sqlString && last.open && t.kind != sqlArith && i+3 <= len(r.toks) && len(r.toks) <= i+8 && r.at(i+2).kind != sqlWord:
			return "operator between strings"
		case n.kind == sqlWord && r.at(i+2).kind == sqlOpen && functions[n.text]:
			return "function behind a string"
		}
	}
	return ""
}

// operators are the words between which SQL, unlike prose, needs nothing but
// operands.
var operators = set("or", "and", "xor", "not", "like", "rlike", "regexp", "is", "in", "between", "div", "mod", "binary", "sounds", "null", "true", "false", "unknown", "similar", "to", "ilike", "glob", "collate")

// dense reports whether the pieces from i on could be an expression: no two
// words without an operator between them, as sentences have.
func (r *sqlReader) dense(i int) bool {
	for ; i+1 < len(r.toks); i++ {
		a, b := r.toks[i], r.toks[i+1]
		if a.kind == sqlWord && b.kind == sqlWord && !operators[a.text] && !operators[b.text] || a.kind == sqlComma || a.kind == sqlOther {
			return false
		}
	}
	return true
}

// leading looks at values that begin with an operator, which no value of
// their own does: they are what is appended to one.
func (r *sqlReader) leading() string {
	last := r.toks[len(r.toks)-1].kind
	switch {
	case r.word(0, "order", "group") && r.word(1, "by") && r.at(2).kind == sqlNumber:
		i := 3
		for r.at(i).kind == sqlComma && r.at(i+1).kind == sqlNumber {
			i += 2
		}
		if k := r.at(i).kind; k == sqlEnd || k == sqlComment {
			return "ORDER BY a column's number"
		}
	case r.word(0, "or", "and", "having", "where") && r.at(0).kind == sqlWord && len(r.toks) <= 12:
		i, kind := r.operand(1)
		if i == 0 {
			return ""
		}
		if r.at(i).kind == sqlCompare && r.at(i).text == "=" {
			j, _ := r.operand(i + 1)
			if k := r.at(j).kind; j > 0 && (k == sqlEnd || k == sqlComment) && r.at(i-1).text == r.at(i+1).text {
				return "comparison that is always true or false"
			}
		}
		if last == sqlComment && i == len(r.toks)-1 && (kind == sqlNumber || kind == sqlString || r.word(1, "true", "false")) {
			return "logical word and a comment"
		}
	}
	return ""
}

// expression reports whether a select list can begin at i: prose cannot.
func (r *sqlReader) expression(i int) bool {
	if r.word(i, "all", "distinct", "distinctrow", "top") {
		i++
		if r.word(i-1, "top") && r.at(i).kind == sqlNumber {
			i++
		}
		if r.word(i, "from") {
			return true
		}
	}
	t := r.at(i)
	switch t.kind {
	case sqlNumber, sqlString, sqlVariable, sqlOpen:
		return true
	case sqlArith:
		return t.text == "*" && (r.word(i+1, "from") || r.at(i+1).kind != sqlWord) || r.at(i+1).kind != sqlWord && r.at(i+1).kind != sqlEnd
	case sqlWord:
		if t.text == "null" || t.text == "case" {
			return true
		}
		switch n := r.at(i + 1); n.kind {
		case sqlOpen, sqlDot, sqlLogic, sqlArith:
			return true
		case sqlComma:
			return r.hasWord(i, "from") || r.at(i+2).kind == sqlNumber
		case sqlWord:
			return n.text == "from" && (r.target(i+2) || r.quoted) || n.text == "into"
		}
	case sqlEnd, sqlComment:
		return true
	}
	return false
}

// target reports whether a table of a database, and no prose, is named at i.
func (r *sqlReader) target(i int) bool {
	t := r.at(i)
	if t.kind == sqlOpen {
		return true
	}
	if t.kind != sqlWord {
		return t.kind == sqlString && t.text != ""
	}
	if sysNamed(t.text) || t.text == "dual" || strings.Contains(t.text, "_") {
		return true
	}
	switch n := r.at(i + 1); n.kind {
	case sqlDot, sqlComment, sqlSemicolon, sqlClose:
		return true
	case sqlWord:
		return n.text == "where" || n.text == "limit" || n.text == "order" || n.text == "group" || n.text == "having"
	}
	return false
}

func (r *sqlReader) hasWord(from int, w string) bool {
	for i := from; i < len(r.toks); i++ {
		if r.toks[i].kind == sqlWord && r.toks[i].text == w {
			return true
		}
	}
	return false
}

// subquery: what an opening bracket holds is a query.
func (r *sqlReader) subquery(i int) bool {
	i = r.skip(i, sqlOpen)
	switch {
	case r.word(i, "select"):
		return r.expression(i+1) || r.hasWord(i, "from") && r.at(i+1).kind == sqlWord && r.at(i+2).kind != sqlWord
	case r.word(i, "case"):
		return r.word(i+1, "when")
	}
	return false
}

// statement: a statement begins at i.
func (r *sqlReader) statement(i int) bool {
	i = r.skip(i, sqlSemicolon)
	t, n, m := r.at(i), r.at(i+1), r.at(i+2)
	if t.kind == sqlOpen {
		return r.subquery(i + 1)
	}
	if t.kind != sqlWord {
		return false
	}
	ended := func(k sqlToken) bool {
		return k.kind == sqlEnd || k.kind == sqlComment || k.kind == sqlSemicolon || k.kind == sqlClose
	}
	switch t.text {
	case "select":
		return n.kind != sqlEnd && (r.expression(i+1) || r.hasWord(i, "from"))
	case "insert", "replace":
		return r.word(i+1, "into")
	case "update":
		return n.kind == sqlWord && r.hasWord(i+2, "set")
	case "delete":
		return r.word(i+1, "from") || n.kind == sqlWord && r.hasWord(i, "where")
	case "drop", "alter", "create", "truncate":
		return r.word(i+1, "table", "database", "schema", "view", "user", "procedure", "function", "trigger", "index", "login", "role", "or", "assembly", "alias") && m.kind == sqlWord || r.word(i+1, "table", "database") && ended(m)
	case "exec", "execute":
		return n.kind == sqlOpen || n.kind == sqlWord || n.kind == sqlVariable || n.kind == sqlString
	case "declare":
		return n.kind == sqlVariable || n.kind == sqlWord && m.kind == sqlWord
	case "waitfor":
		return r.word(i+1, "delay", "time")
	case "shutdown", "rollback", "commit":
		return ended(n) || r.word(i+1, "with")
	case "call", "handler", "prepare", "grant", "revoke", "attach", "copy", "load", "backup", "use", "merge", "do", "pragma", "vacuum", "open", "print", "kill":
		return n.kind == sqlWord && (m.kind == sqlOpen || m.kind == sqlDot || r.hasWord(i+2, "from") || r.hasWord(i+2, "to") || r.hasWord(i+2, "into")) || t.text == "do" && n.kind == sqlOpen || n.kind == sqlVariable
	case "begin":
		return ended(n) || n.kind == sqlWord && m.kind == sqlOpen || n.kind == sqlWord && m.kind == sqlDot
	case "if", "iif", "while":
		return n.kind == sqlOpen || n.kind == sqlWord && r.at(i+2).kind == sqlOpen || r.word(i+1, "exists", "not")
	case "set":
		return n.kind == sqlVariable || n.kind == sqlWord && m.kind == sqlCompare
	case "case":
		return r.word(i+1, "when") || r.hasWord(i, "then")
	case "with":
		return n.kind == sqlWord && r.word(i+2, "as")
	}
	return n.kind == sqlOpen && functions[t.text]
}

// keyword looks at what begins with the word at i.
func (r *sqlReader) keyword(i int) string {
	t, n := r.at(i), r.at(i+1)
	if n.kind == sqlOpen && r.at(i-1).kind != sqlDot {
		if found := r.function(i); found != "" {
			return found
		}
	}
	switch t.text {
	case "union", "intersect", "except", "minus":
		j := i + 1
		if r.word(j, "all", "distinct", "distinctrow") {
			j++
		}
		j = r.skip(j, sqlOpen, sqlComment, sqlArith)
		bare := i > 0 && r.at(i-1).kind == sqlWord && (r.at(j+1).kind == sqlEnd || r.at(j+1).kind == sqlWord && r.at(j+2).kind == sqlEnd)
		if r.word(j, "select") && !bare && (r.expression(j+1) || r.quoted || i > 0 && r.at(i-1).kind != sqlWord) {
			return "UNION SELECT"
		}
		if r.word(j, "values", "table") && j > i+1 {
			return "UNION SELECT"
		}
	case "select":
		if r.at(i-1).kind != sqlOpen && r.at(i-1).kind != sqlSemicolon && r.expression(i+1) && (r.at(i+1).kind != sqlEnd && r.at(i+1).kind != sqlComment) {
			for j := i + 2; j < len(r.toks); j++ {
				if r.word(j, "from") && r.at(j-1).kind != sqlEnd && r.target(j+1) || r.word(j, "into") && r.word(j+1, "outfile", "dumpfile") {
					return "query"
				}
			}
			if n.kind == sqlVariable && strings.HasPrefix(n.text, "@@") || n.kind == sqlWord && r.at(i+2).kind == sqlOpen && functions[n.text] || (i == 0 || r.quoted) && n.kind == sqlNumber && (r.at(i+2).kind == sqlComma || r.quoted) {
				return "query"
			}
		}
	case "or", "and", "xor", "having", "where", "when", "not", "on", "rlike", "regexp", "div", "mod", "like", "between", "in", "is", "if", "collate":
		return r.logic(i)
	case "order", "group":
		if r.word(i+1, "by") && r.at(i+2).kind == sqlNumber && (r.at(i-1).kind == sqlString || r.at(i-1).kind == sqlClose || r.at(i-1).kind == sqlNumber && i == 1) {
			return "ORDER BY a column's number"
		}
		if r.word(i+1, "by") && (r.at(i-1).kind == sqlString || r.at(i-1).kind == sqlClose || r.at(i-1).kind == sqlNumber) && r.toks[len(r.toks)-1].kind == sqlComment {
			return "ORDER BY behind a value"
		}
		if r.word(i+1, "by") && r.at(i+2).kind == sqlOpen && r.subquery(i+3) {
			return "subquery"
		}
	case "limit":
		if n.kind == sqlNumber && (r.word(i+2, "into", "procedure", "union") || r.at(i+2).kind == sqlComma && r.word(i+4, "into", "procedure", "union")) {
			return "LIMIT with a clause behind it"
		}
	case "into":
		if r.word(i+1, "outfile", "dumpfile") {
			return "writing a file"
		}
	case "procedure":
		if r.word(i+1, "analyse", "analyze") && r.at(i+2).kind == sqlOpen {
			return "PROCEDURE ANALYSE"
		}
	case "waitfor":
		if r.word(i+1, "delay", "time") && (r.at(i+2).kind == sqlString || r.at(i+2).kind == sqlNumber || r.at(i+2).kind == sqlVariable) {
			return "waiting"
		}
	case "case":
		if r.word(i+1, "when") && r.hasWord(i+2, "then") && (r.hasWord(i+2, "end") || r.hasWord(i+2, "else")) && r.hasKind(i, sqlCompare) {
			return "CASE with a comparison"
		}
	case "insert", "delete", "update", "drop", "alter", "create", "exec", "execute", "declare", "truncate", "shutdown", "load", "grant", "attach", "iif", "replace":
		prev := r.at(i - 1).kind
		if (prev == sqlString || prev == sqlClose || prev == sqlNumber && i == 1) && r.quoted && r.statement(i) {
			return "stacked statement"
		}
		if r.wholeStatement(i) {
			return "statement"
		}
	}
	if sysNamed(t.text) {
		return "name of a system table"
	}
	return ""
}

// wholeStatement: the words at i alone can be nothing but SQL.
func (r *sqlReader) wholeStatement(i int) bool {
	if i > 0 && r.at(i-1).kind == sqlWord && !r.word(i-1, "go", "begin", "then", "else", "do") {
		return false
	}
	switch r.at(i).text {
	case "insert", "replace":
		return r.word(i+1, "into") && (r.hasWord(i, "values") || r.hasWord(i, "select")) && r.hasKind(i, sqlOpen)
	case "delete":
		return r.word(i+1, "from") && r.hasWord(i, "where") && r.hasKind(i, sqlCompare)
	case "update":
		return r.at(i+1).kind == sqlWord && r.word(i+2, "set") && r.hasKind(i, sqlCompare)
	case "drop", "create", "alter", "truncate":
		if !r.word(i+1, "table", "database", "user", "login", "procedure", "view", "function") || i > 0 && r.at(i-1).kind == sqlWord {
			return false
		}
		n := r.at(i + 3).kind
		return r.at(i+2).kind == sqlWord && (n == sqlComment || n == sqlSemicolon || n == sqlOpen || r.word(i+3, "identified", "if", "with", "add", "as") || n == sqlEnd && i == 0 && r.at(i).text != "create")
	case "exec", "execute":
		n := r.at(i + 1)
		return n.kind == sqlWord && (strings.HasPrefix(n.text, "xp_") || strings.HasPrefix(n.text, "sp_") || n.text == "master" || n.text == "immediate") || n.kind == sqlOpen && r.at(i+2).kind == sqlString || n.kind == sqlVariable
	case "declare":
		return r.at(i+1).kind == sqlVariable && r.at(i+2).kind == sqlWord
	case "load":
		return r.word(i+1, "data") && (r.word(i+2, "infile") || r.word(i+3, "infile"))
	case "grant":
		return r.hasWord(i, "on") && r.hasWord(i, "to") && r.word(i+1, "all", "select", "connect", "dba", "insert", "update", "execute") && r.hasKind(i, sqlDot)
	case "shutdown":
		return r.word(i+1, "with") && r.word(i+2, "nowait")
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

// operand is the index behind the operand at i; 0 if there is none. hard says
// that it is one that prose does not have: a string, a call, a variable.
func (r *sqlReader) operand(i int) (next int, kind sqlKind) {
	for r.at(i).kind == sqlArith || r.at(i).kind == sqlOpen && i < len(r.toks) || r.word(i, "not", "binary", "distinct", "all", "any") {
		if r.at(i).kind == sqlOpen && r.subquery(i+1) {
			return r.balanced(i), sqlOpen
		}
		i++
	}
	t := r.at(i)
	switch t.kind {
	case sqlNumber, sqlVariable:
		i++
	case sqlString:
		i++
		for r.at(i).kind == sqlString && i < len(r.toks) {
			i++
		}
	case sqlWord:
		i++
		for r.at(i).kind == sqlDot && (r.at(i+1).kind == sqlWord || r.at(i+1).kind == sqlArith) {
			i += 2
		}
		if r.at(i).kind == sqlOpen {
			return r.balanced(i), sqlOpen
		}
	default:
		return 0, sqlEnd
	}
	for r.at(i).kind == sqlArith || r.at(i).kind == sqlLogic && r.at(i).text == "||" {
		n, k := r.operand(i + 1)
		if n == 0 || k == sqlWord {
			break
		}
		i = n
	}
	return r.skip(i, sqlClose), t.kind
}

// balanced is the index behind the bracket that closes the one at i.
func (r *sqlReader) balanced(i int) int {
	depth := 0
	for ; i < len(r.toks); i++ {
		switch r.toks[i].kind {
		case sqlOpen:
			depth++
		case sqlClose:
			if depth--; depth == 0 {
				return r.skip(i+1, sqlClose)
			}
		}
	}
	return len(r.toks)
}

// comparison is the index behind a comparison operator at i; 0 without one.
func (r *sqlReader) comparison(i int) int {
	if r.word(i, "not") {
		i++
	}
	switch {
	case r.at(i).kind == sqlCompare:
		return i + 1
	case r.word(i, "like", "rlike", "regexp", "ilike", "in", "between", "glob", "similar"):
		return i + 1
	case r.word(i, "sounds") && r.word(i+1, "like"):
		return i + 2
	case r.word(i, "is"):
		if r.word(i+1, "not") {
			return i + 2
		}
		return i + 1
	}
	return 0
}

// logic looks at the logical or relational word or sign at i: a comparison
// behind it that prose does not have.
func (r *sqlReader) logic(i int) string {
	before := r.at(i - 1)
	// A value that was cut off in front of the word: a number, a string that
	// the value ends, brackets.
	broken := i == 0 || before.kind == sqlString || before.kind == sqlClose || before.kind == sqlSemicolon || before.kind == sqlVariable ||
		before.kind == sqlNumber && (i == 1 || r.at(i-2).kind != sqlWord) || r.toks[0].lead
	isWord := r.at(i).kind == sqlWord
	if isWord && r.word(i, "in", "is", "like", "between", "on", "if", "not", "when", "collate", "mod", "div", "regexp") && !r.quoted {
		if before.kind == sqlWord || i == 0 {
			return ""
		}
	}
	left, lk := r.operand(i + 1)
	if left == 0 {
		return ""
	}
	after := r.at(left)
	if cmp := r.comparison(left); cmp > 0 {
		right, rk := r.operand(cmp)
		switch {
		case right == 0:
		case lk == sqlNumber && rk == sqlNumber && (broken || isWord && after.kind == sqlCompare):
			return "comparison that is always true or false"
		case lk == sqlString && (rk == sqlString || rk == sqlNumber):
			return "comparison of strings"
		case lk == sqlOpen || lk == sqlVariable:
			if after.kind == sqlCompare || broken {
				return "comparison with a call or a subquery"
			}
		case lk == sqlNumber && (rk == sqlWord && r.word(cmp, "null", "true", "false") || rk == sqlOpen) && broken:
			return "comparison that is always true or false"
		case lk == sqlWord && broken && (after.kind == sqlCompare || rk != sqlWord || r.word(cmp, "null")) && i > 0:
			if r.toks[0].lead || before.kind == sqlString || before.kind == sqlClose || before.kind == sqlNumber && i == 1 && rk != sqlWord {
				return "comparison behind a broken value"
			}
			if r.word(cmp, "null") {
				return "comparison behind a broken value"
			}
		}
	}
	if r.at(i+1).kind == sqlOpen && r.subquery(i+2) {
		return "subquery"
	}
	if lk == sqlOpen && broken && i > 0 {
		j := r.skip(i+1, sqlArith, sqlOpen)
		if w := r.at(j); w.kind == sqlWord && functions[w.text] || r.word(j, "select", "exists") || r.word(j, "not") {
			return "call behind a broken value"
		}
	}
	if !r.word(i, "or", "and", "xor", "having", "where", "rlike") && isWord {
		return ""
	}
	if broken && i > 0 && (before.kind == sqlString && (before.lead || r.quoted) || before.kind == sqlClose && r.quoted || !isWord && before.kind == sqlNumber) {
		// ' or 1 --, ') or true#, ' or 'x
		switch {
		case r.word(i, "having", "where", "rlike") && after.kind != sqlComment:
		case lk == sqlNumber && (after.kind == sqlComment || after.kind == sqlEnd || after.kind == sqlSemicolon):
			return "logical word behind a broken string"
		case r.word(i+1, "true", "false", "null", "1") && (after.kind == sqlComment || after.kind == sqlEnd):
			return "logical word behind a broken string"
		case lk == sqlString && (r.at(left-1).open || after.kind == sqlComment || after.kind == sqlEnd):
			return "logical word behind a broken string"
		}
	}
	if isWord && i > 0 && (lk == sqlNumber || r.word(i+1, "true", "false")) && after.kind == sqlComment && (before.kind == sqlNumber && i == 1 || before.kind == sqlClose) {
		return "logical word and a comment"
	}
	return ""
}

// numeric looks at values that begin with a number or a bracket: a comment or
// a query right behind it.
func (r *sqlReader) numeric() string {
	if len(r.toks) < 2 {
		return ""
	}
	i := r.skip(0, sqlArith)
	if r.at(i).kind == sqlNumber || r.at(i).kind == sqlString && r.at(i).lead {
		j := r.skip(i+1, sqlClose)
		if j > i+1 && r.at(j).kind == sqlComment && len(strings.TrimSpace(r.at(j).text)) <= 2 {
			return "comment cuts off the query"
		}
		if (j > i+1 || r.quoted) && r.at(j).kind == sqlOpen && r.subquery(j+1) {
			return "subquery"
		}
	}
	return ""
}

// function judges the call at i.
func (r *sqlReader) function(i int) string {
	name := r.at(i).text
	arg := r.at(i + 2)
	prev := r.at(i - 1)
	switch {
	case strings.HasPrefix(name, "xp_"), strings.HasPrefix(name, "dbms_"), strings.HasPrefix(name, "utl_"), strings.HasPrefix(name, "pg_") && functions[name]:
		return "function of a database"
	case name == "sleep" || name == "waitfor" || name == "pg_sleep":
		if arg.kind == sqlNumber || arg.kind == sqlOpen || arg.kind == sqlString || arg.kind == sqlWord && r.at(i+3).kind == sqlOpen {
			return "waiting"
		}
	case name == "benchmark":
		if arg.kind == sqlNumber && r.at(i+3).kind == sqlComma {
			return "waiting"
		}
	case strong[name]:
		if arg.kind != sqlEnd && arg.kind != sqlClose {
			return "function of a database"
		}
	case functions[name]:
		// A call alone may be prose or another language; in a query, nested,
		// or with what SQL compares it is not.
		inner := arg.kind == sqlWord && r.at(i+3).kind == sqlOpen && functions[arg.text] || r.subquery(i+2)
		if inner {
			return "nested calls of a database"
		}
		end := r.balanced(i + 1)
		cmp := r.comparison(end)
		if cmp > 0 && (prev.kind == sqlWord && logical[prev.text] || prev.kind == sqlLogic || prev.kind == sqlString) {
			return "comparison with a call"
		}
		if r.at(end).kind == sqlLogic && r.at(end).text == "||" && r.at(end+1).kind == sqlWord && r.at(end+2).kind == sqlOpen {
			return "characters put together"
		}
		if r.at(end).kind == sqlArith && r.at(end).text == "+" && (name == "char" || name == "chr" || name == "nchar") && r.at(end+2).kind == sqlOpen {
			return "characters put together"
		}
		if (name == "concat" || name == "concat_ws") && arg.kind == sqlNumber && strings.HasPrefix(arg.text, "0x") {
			return "characters put together"
		}
	case name == "iif" || name == "if":
		if _, k := r.operand(i + 2); k != sqlEnd {
			j, lk := r.operand(i + 2)
			if c := r.comparison(j); c > 0 && (lk == sqlNumber || lk == sqlOpen || lk == sqlString) && r.at(c).kind != sqlWord {
				return "condition on a comparison"
			}
		}
	}
	return ""
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
