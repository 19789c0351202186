package injection

import "strings"

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
