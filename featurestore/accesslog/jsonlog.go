package accesslog

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
	"unicode"

	"sluice/featurestore/jsonscan"
	"sluice/featurestore/webrequest"
)

// maxNames bounds how many names of fields that no column is read from a
// parser remembers per object, so that a hostile log cannot grow it.
const maxNames = 256

// jsonNode is a field of the log: an object with fields of its own, or one
// that a column is read from, or one that is passed over.
type jsonNode struct {
	name   string
	column column
	fields map[string]*jsonNode
	inside []column    // the columns of this field and all beneath it
	seen   int64       // number of the last line that had this field, if it has fields
	hints  []*jsonNode // the field that stood at each position of the last line
}

// field finds the field of a name that stood at this position, and remembers
// it for the next line.
func (n *jsonNode) field(position int, name []byte) *jsonNode {
	f := n.fields[string(name)]
	if f == nil {
		if len(n.fields) >= maxNames+int(numColumns) {
			return nil
		}
		f = &jsonNode{name: string(name)}
		n.fields[f.name] = f
	}
	// Only a name that stands in the line as it is can be looked for there.
	if strings.ContainsAny(f.name, "\"\\") || strings.IndexFunc(f.name, unicode.IsControl) >= 0 {
		return f
	}
	switch {
	case position < len(n.hints):
		n.hints[position] = f
	case position == len(n.hints) && position < maxNames:
		n.hints = append(n.hints, f)
	}
	return f
}

// jsonFields are the fields of the sample's lines, with dots for those inside
// objects. A line that is no object has none.
func jsonFields(lines [][]byte) []string {
	seen := map[string]bool{}
	var walk func(prefix string, v map[string]any)
	walk = func(prefix string, v map[string]any) {
		for name, inner := range v {
			if m, ok := inner.(map[string]any); ok && strings.Count(prefix, ".") < 8 {
				walk(prefix+name+".", m)
				continue
			}
			seen[prefix+name] = true
		}
	}
	for _, line := range lines {
		var v map[string]any
		if json.Unmarshal(line, &v) == nil {
			walk("", v)
		}
	}
	// Caddy leaves out a header that a request lacks. Where headers are logged
	// at all, the ones that columns are read from can be there.
	for _, name := range sortedKeys(seen) {
		if strings.HasPrefix(name, "request.headers.") {
			for _, h := range []string{"Referer", "User-Agent", "Accept-Language", "X-Forwarded-For"} {
				seen["request.headers."+h] = true
			}
		}
		if strings.HasPrefix(name, "resp_headers.") {
			seen["resp_headers.Content-Type"] = true
		}
	}
	return sortedKeys(seen)
}

// jsonParser reads JSON lines by a layout.
type jsonParser struct {
	record
	scan jsonscan.Scanner
	root *jsonNode
	line int64 // lines so far
}

func newJSONParser(l *layout, o Options) *jsonParser {
	p := &jsonParser{record: newRecord(l, o), root: &jsonNode{fields: map[string]*jsonNode{}}}
	for c, source := range l.source {
		if source != "" {
			p.root.add(source, column(c))
		}
	}
	return p
}

// add makes the nodes under which a dotted name can stand: as one field, or as
// a field of an object, however the dots are meant.
func (n *jsonNode) add(name string, c column) {
	n.inside = append(n.inside, c)
	n.child(name).set(c)
	for i := range len(name) {
		if name[i] == '.' {
			n.child(name[:i]).add(name[i+1:], c)
		}
	}
}

func (n *jsonNode) child(name string) *jsonNode {
	if n.fields == nil {
		n.fields = map[string]*jsonNode{}
	}
	f := n.fields[name]
	if f == nil {
		f = &jsonNode{name: name}
		n.fields[name] = f
	}
	return f
}

func (n *jsonNode) set(c column) {
	n.column = c
	if !slices.Contains(n.inside, c) {
		n.inside = append(n.inside, c)
	}
}

func (p *jsonParser) parse(line []byte, req *webrequest.Request) Reason {
	p.clear()
	p.line++
	p.scan = jsonscan.Scanner{B: line}
	p.scan.Blank()
	if p.scan.I >= len(line) || line[p.scan.I] != '{' || !p.object(p.root, 0) {
		return BadJSON
	}
	p.scan.Blank()
	if p.scan.I != len(line) {
		return BadJSON
	}
	return p.fill(req)
}

// object reads the object at n.
func (p *jsonParser) object(n *jsonNode, depth int) bool {
	s := &p.scan
	if done, ok := s.Open(depth); done || !ok {
		return ok
	}
	for position := 0; ; position++ {
		if s.I >= len(s.B) || s.B[s.I] != '"' {
			return false
		}
		// The lines of a log have their fields in the same order, so the field
		// that stood at this position before is tried first.
		var f *jsonNode
		if position < len(n.hints) && s.Name(n.hints[position].name) {
			f = n.hints[position]
		} else {
			name, grown, ok := s.Text(p.scratch)
			p.scratch = grown
			if !ok || !s.Colon() {
				return false
			}
			f = n.field(position, name)
		}
		if f == nil || len(f.inside) == 0 {
			if !s.Skip(depth + 1) {
				return false
			}
		} else if !p.value(f, depth+1) {
			return false
		}
		if done, ok := s.Next(true); done || !ok {
			return ok
		}
	}
}

// value reads the value of a field that a column hangs on. It replaces
// whatever an earlier field of the same name has set.
func (p *jsonParser) value(f *jsonNode, depth int) (ok bool) {
	if f.fields != nil {
		if f.seen == p.line {
			for _, c := range f.inside {
				p.values[c] = nil
			}
		}
		f.seen = p.line
	}
	s := &p.scan
	if s.I >= len(s.B) {
		return false
	}
	var text []byte
	switch s.B[s.I] {
	case '"':
		text, p.scratch, ok = s.Text(p.scratch)
	case '{':
		if f.fields != nil {
			return p.object(f, depth)
		}
		ok = s.Skip(depth)
	case '[':
		text, ok = p.list(depth)
	case 'n':
		_, ok = s.Literal()
	case 't', 'f':
		text, ok = s.Literal()
	default:
		text, ok = s.Number()
	}
	p.values[f.column] = text
	return ok
}

// list reads an array: its strings, joined by commas, are the value, as the
// lines of a header that came more than once are.
func (p *jsonParser) list(depth int) (text []byte, ok bool) {
	s := &p.scan
	if done, ok := s.Open(depth); done || !ok {
		return nil, ok
	}
	for n := 0; ; {
		if s.I < len(s.B) && s.B[s.I] == '"' {
			var one []byte
			one, p.scratch, ok = s.Text(p.scratch)
			switch n++; n {
			case 1:
				text = one
			case 2:
				text = bytes.Join([][]byte{text, one}, []byte(", "))
			default:
				text = append(append(text, ", "...), one...)
			}
		} else {
			ok = s.Skip(depth + 1)
		}
		if !ok {
			return nil, false
		}
		if done, ok := s.Next(false); done || !ok {
			return text, ok
		}
	}
}
