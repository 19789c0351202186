package injection

import "strings"

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
