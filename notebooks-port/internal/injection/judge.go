package injection

import (
	"slices"
	"strings"
)

// Finding is one thing found in a request.
type Finding struct {
	Class     Class
	Technique string // a few words, stable
	Where     string // "path", "query", "user agent", "referer", or a parameter's name
	Value     string // the decoded value, at most 200 bytes
}

// Verdict is all that was found; the zero Verdict is nothing.
type Verdict struct {
	Classes  Class
	Findings []Finding
}

func (v *Verdict) add(c Class, technique, where, value string) {
	for _, f := range v.Findings {
		if f.Class == c && f.Where == where {
			return
		}
	}
	v.Classes |= c
	if len(value) > 200 {
		value = strings.ToValidUTF8(value[:197], "") + "..."
	}
	v.Findings = append(v.Findings, Finding{c, technique, where, strings.Clone(value)})
}

// maxParameters bounds how many parameters of a query are judged one by one.
const maxParameters = 200

// Judge judges a request's path and query as logged. The query may have its
// leading "?". Findings stand in the order of the request.
func Judge(path, query string) Verdict {
	var v Verdict
	query = strings.TrimPrefix(query, "?")
	v.path(path)
	if query == "" {
		return v
	}
	for n := 0; query != "" && n < maxParameters; n++ {
		var pair string
		pair, query, _ = cutPair(query)
		name, value, has := strings.Cut(pair, "=")
		if !has {
			name, value = "", pair
		}
		where := name
		if needsDecoding(where, true) {
			where = Decode(where, true)
		}
		switch {
		case where == "":
			where = "query"
		case len(where) > 40:
			where = strings.ToValidUTF8(where[:37], "") + "..."
		}
		if value != "" {
			v.value(value, where, true)
		}
		if has && !ordinaryName(name) {
			v.value(name, "name of a parameter", true)
			if strings.Contains(name, "[$") || strings.Contains(name, "%5B%24") || strings.Contains(name, "[%24") {
				v.add(Code, "operator of NoSQL", "name of a parameter", Decode(name, true))
			}
			// A "=" inside an attack splits it from its name.
			if strings.ContainsAny(name, "<'\"(") || strings.Contains(name, "%3") || strings.Contains(name, "%2") {
				v.value(pair, "query", true)
			}
		}
	}
	return v
}

// cutPair cuts at the next "&" that is not part of an HTML entity.
func cutPair(q string) (pair, rest string, more bool) {
	for i := 0; ; {
		n := strings.IndexByte(q[i:], '&')
		if n < 0 {
			return q, "", false
		}
		i += n
		if _, size := entity(q[i:]); size == 0 {
			return q[:i], q[i+1:], true
		}
		i++
	}
}

func ordinaryName(s string) bool {
	for i := range len(s) {
		if c := s[i]; !isLetter(c) && !isDigit(c) && c != '_' && c != '-' && c != '.' && c != '[' && c != ']' {
			return false
		}
	}
	return true
}

// JudgeValue judges one parameter's value as it stands in a query, or plain.
func JudgeValue(value string) Verdict {
	var v Verdict
	v.value(value, "query", true)
	return v
}

// quiet rules out the values that nearly all requests have: letters and
// digits, and dots or hyphens between them.
func quiet(s string) bool {
	for i := range len(s) {
		c := s[i]
		if isLetter(c) || isDigit(c) || c == '_' || c == ',' {
			continue
		}
		if (c == '-' || c == '.') && (i == 0 || s[i-1] != c) {
			continue
		}
		return false
	}
	return true
}

func (v *Verdict) value(raw, where string, plus bool) {
	if quiet(raw) && !sysNamed(raw) {
		return
	}
	first := percentOnce(raw, plus)
	full := Decode(raw, plus)
	forms := [...]string{full, first, raw}
	for i, s := range forms {
		if i > 0 && (slices.Contains(forms[:i], s)) {
			continue
		}
		// In a query a plus sign is a blank. A value with blanks or quotes of
		// its own was not encoded, and its plus signs are what they look like.
		if i == 2 && !(strings.Contains(raw, "+") && strings.ContainsAny(raw, " '\"<")) {
			break
		}
		if v.Classes&SQLi == 0 || !v.has(SQLi, where) {
			if t, ok := SQL(s); ok {
				v.add(SQLi, t, where, s)
			}
		}
		if !v.has(XSS, where) {
			if t, ok := HTML(s); ok {
				v.add(XSS, t, where, s)
			}
		}
		if !v.has(Traversal, where) {
			if t, ok := Climbs(s, false); ok {
				v.add(Traversal, t, where, s)
			}
		}
		if !v.has(Command, where) {
			if t, ok := Shell(s); ok {
				v.add(Command, t, where, s)
			}
		}
		if !v.has(Code, where) {
			if t, ok := Interpreted(s); ok {
				v.add(Code, t, where, s)
			}
		}
	}
	v.settle(where)
}

// settle drops what another finding explains: script has brackets and
// semicolons as SQL and shells do, and a climb may end in a quote.
func (v *Verdict) settle(where string) {
	if v.has(XSS, where) && v.has(SQLi, where) {
		for i, f := range v.Findings {
			if f.Class == SQLi && f.Where == where && !sqlBeyondScript(f) {
				v.Findings = slices.Delete(v.Findings, i, i+1)
				v.Classes = 0
				for _, f := range v.Findings {
					v.Classes |= f.Class
				}
				break
			}
		}
	}
}

// sqlBeyondScript: the finding is one that no script explains.
func sqlBeyondScript(f Finding) bool {
	switch {
	case strings.HasPrefix(f.Technique, "token pattern"), f.Technique == "operator between strings", f.Technique == "comment cuts off the query", f.Technique == "comparison of strings":
		low := strings.ToLower(f.Value)
		return strings.Contains(low, "select") || strings.Contains(low, " or ") || strings.Contains(low, " and ")
	}
	return true
}

func (v *Verdict) has(c Class, where string) bool {
	if v.Classes&c == 0 {
		return false
	}
	for _, f := range v.Findings {
		if f.Class == c && f.Where == where {
			return true
		}
	}
	return false
}

func (v *Verdict) path(raw string) {
	if raw == "" || raw == "/" {
		return
	}
	p := Decode(raw, false)
	if t, ok := documentation(p); ok {
		v.add(APIDocs, t, "path", p)
	}
	if t, ok := secret(p); ok {
		v.add(Secrets, t, "path", p)
	}
	if product(p) {
		v.add(Scanner, "path of a product", "path", p)
	}
	if t, ok := Climbs(p, true); ok {
		v.add(Traversal, t, "path", p)
	}
	if p == raw && !strings.ContainsAny(p, "<>'\"`;|$(){}\\ ") {
		return
	}
	// A path may carry a payload in place of an identifier: /item/1' OR 1=1.
	last := strings.TrimLeft(p, "/")
	for _, s := range [...]string{last, last[strings.LastIndexByte(last, '/')+1:]} {
		if s == "" {
			continue
		}
		if t, ok := SQL(s); ok && !v.has(SQLi, "path") {
			v.add(SQLi, t, "path", s)
		}
		if t, ok := HTML(s); ok && !v.has(XSS, "path") {
			v.add(XSS, t, "path", s)
		}
		if t, ok := Shell(s); ok && !v.has(Command, "path") {
			v.add(Command, t, "path", s)
		}
		if t, ok := Interpreted(s); ok && !v.has(Code, "path") {
			v.add(Code, t, "path", s)
		}
	}
	v.settle("path")
}

// JudgeAgent judges a user agent.
func JudgeAgent(agent string) Verdict {
	var v Verdict
	if agent == "" || agent == "-" {
		return v
	}
	name := ""
	scannerAgents().find(agent, func(w string, _ int) bool {
		name = w
		return false
	})
	if name != "" {
		v.add(Scanner, "agent "+name, "user agent", agent)
	}
	v.header(agent, "user agent")
	return v
}

// JudgeReferer judges a referer.
func JudgeReferer(referer string) Verdict {
	var v Verdict
	v.header(referer, "referer")
	return v
}

// header looks for what is never in a header by itself; its prose is full of
// brackets, semicolons and quotes.
func (v *Verdict) header(s, where string) {
	if !strings.ContainsAny(s, "<{$'\"`\\%") {
		return
	}
	s = bound(Decode(s, false))
	low := strings.ToLower(s)
	if t, ok := Interpreted(s); ok && (strings.Contains(low, "${") || strings.Contains(low, "{{") || strings.Contains(low, "<?")) {
		v.add(Code, t, where, s)
	}
	if strings.Contains(low, "() {") || strings.Contains(low, "(){") {
		if t, ok := Shell(s); ok {
			v.add(Command, t, where, s)
		}
	}
	if t := tag(s); t != "" && strings.HasPrefix(t, "tag ") {
		v.add(XSS, t, where, s)
	}
	if strings.ContainsAny(s, "'\"") && (strings.Contains(low, "select") || strings.Contains(low, "sleep") || strings.Contains(low, " or ") || strings.Contains(low, "waitfor") || strings.Contains(low, "benchmark(")) {
		if t, ok := SQL(s); ok {
			v.add(SQLi, t, where, s)
		}
	}
}
