package reputation

import (
	"bytes"
	"strconv"

	"sluice/featurestore/jsonscan"
)

// jsonLines reads lines of JSON of one kind, which come by the million. What it
// finds unlike most lines is left to encoding/json.
type jsonLines struct {
	scan    jsonscan.Scanner
	scratch []byte
	lists   map[string][]string // by their text: few are different
	words   map[string]string
}

// maxWords bounds what is kept of texts that may come again.
const maxWords = 1 << 12

// line reads an object that is all of a line; see object. Not ok says nothing
// about the line.
func (p *jsonLines) line(line []byte, known []string, value func(field int) bool) (ok bool) {
	s := &p.scan
	*s = jsonscan.Scanner{B: line}
	s.Blank()
	ok = p.object(0, known, value)
	s.Blank()
	return ok && s.I == len(line)
}

// at is the byte where the next value begins, 0 at the end.
func (p *jsonLines) at() byte {
	if p.scan.I >= len(p.scan.B) {
		return 0
	}
	return p.scan.B[p.scan.I]
}

// object reads an object's known fields, each at most once, and passes others.
func (p *jsonLines) object(depth int, known []string, value func(field int) bool) bool {
	if p.at() != '{' {
		return false
	}
	s := &p.scan
	if done, ok := s.Open(depth); done || !ok {
		return ok
	}
	had, next := uint(0), 0
	for {
		if p.at() != '"' {
			return false
		}
		field := next // feeds have their fields in one order, with gaps
		for field < len(known) && !s.Name(known[field]) {
			field++
		}
		if field == len(known) {
			name, grown, ok := s.Text(p.scratch[:0])
			p.scratch = grown
			if !ok || !s.Colon() {
				return false
			}
			if field = fieldOf(known, name); field < 0 {
				return false
			}
		}
		switch {
		case field == len(known):
			if !s.Skip(depth + 1) {
				return false
			}
		case had>>field&1 != 0 || !value(field):
			return false
		default:
			had, next = had|1<<field, field+1
		}
		if done, ok := s.Next(true); done || !ok {
			return ok
		}
	}
}

// fieldOf is a name's place among those known, their number for any other, and
// -1 for one that encoding/json takes for a known one.
func fieldOf(known []string, name []byte) int {
	for i, k := range known {
		if string(name) == k {
			return i
		}
		if bytes.EqualFold(name, []byte(k)) {
			return -1
		}
	}
	return len(known)
}

// text reads a string; again says that it may come again.
func (p *jsonLines) text(to *string, again bool) (ok bool) {
	if p.at() != '"' {
		return false
	}
	text, grown, ok := p.scan.Text(p.scratch[:0])
	p.scratch = grown
	if !ok {
		return false
	}
	if again {
		*to = p.word(text)
	} else {
		*to = string(text)
	}
	return true
}

// word is a text as a string, the same one for those that came before.
func (p *jsonLines) word(text []byte) string {
	if w, ok := p.words[string(text)]; ok {
		return w
	}
	w := string(text)
	if len(p.words) < maxWords {
		if p.words == nil {
			p.words = map[string]string{}
		}
		p.words[w] = w
	}
	return w
}

func (p *jsonLines) number(to *float64) bool {
	if c := p.at(); c != '-' && (c < '0' || c > '9') {
		return false
	}
	text, ok := p.scan.Number()
	if !ok {
		return false
	}
	x, err := strconv.ParseFloat(string(text), 64)
	*to = x
	return err == nil
}

// list reads an array of strings. Equal texts give one list, which is not to be
// changed but by sorting.
func (p *jsonLines) list(to *[]string) bool {
	s := &p.scan
	if p.at() != '[' {
		return false
	}
	from := s.I
	if !s.Skip(0) {
		return false
	}
	text := s.B[from:s.I]
	if l, ok := p.lists[string(text)]; ok {
		*to = l
		return true
	}
	end := s.I
	s.I = from
	l := []string{}
	done, ok := s.Open(0)
	for ok && !done {
		var one string
		if !p.text(&one, true) {
			return false
		}
		l = append(l, one)
		done, ok = s.Next(false)
	}
	if !ok || s.I != end {
		return false
	}
	if len(p.lists) < maxWords {
		if p.lists == nil {
			p.lists = map[string][]string{}
		}
		p.lists[string(text)] = l
	}
	*to = l
	return true
}
