package injection

import "strings"

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
