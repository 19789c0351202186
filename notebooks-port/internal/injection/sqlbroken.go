package injection

import "strings"

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
