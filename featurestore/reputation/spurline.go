package reputation

import (
	"bytes"
	"strconv"

	"sluice/featurestore/jsonscan"
)

// spurLines reads lines of feeds, which come by the million, into a spurRaw. What
// it finds unlike the lines that feeds have is left to encoding/json.
type spurLines struct {
	scan    jsonscan.Scanner
	scratch []byte
	lists   map[string][]string // by their text: few are different
	words   map[string]string
}

// The fields it knows of a line, of its client, of the concentration and of a
// tunnel.
var (
	spurFields          = []string{"ip", "network", "infrastructure", "client", "tunnels", "risks"}
	spurClientFields    = []string{"types", "proxies", "count", "countries", "spread", "concentration"}
	spurDensityFields   = []string{"density", "skew"}
	spurTunnelFields    = []string{"operator", "type", "anonymous"}
	spurOfOtherMeanings = []string{"fetched_at", "dt", "body"} // an answer's
)

// maxSpurWords bounds what is kept of texts that may come again.
const maxSpurWords = 1 << 12

// read is json.Unmarshal(line, r), of an empty r, for most lines; not ok says
// nothing about the line.
func (p *spurLines) read(line []byte, r *spurRaw) (ok bool) {
	s := &p.scan
	*s = jsonscan.Scanner{B: line}
	s.Blank()
	if p.at() != '{' {
		return false
	}
	ok = p.object(0, spurFields, func(field int) bool {
		switch field {
		case 0:
			return p.text(&r.IP, false)
		case 1:
			return p.text(&r.Network, false)
		case 2:
			return p.text(&r.Infrastructure, true)
		case 3:
			return p.at() == '{' && p.object(1, spurClientFields, func(field int) bool {
				switch field {
				case 0:
					return p.list(&r.Client.Types)
				case 1:
					return p.list(&r.Client.Proxies)
				case 2:
					return p.number(&r.Client.Count)
				case 3:
					return p.number(&r.Client.Countries)
				case 4:
					return p.number(&r.Client.Spread)
				}
				return p.at() == '{' && p.object(2, spurDensityFields, func(field int) bool {
					if field == 0 {
						return p.number(&r.Client.Concentration.Density)
					}
					return p.number(&r.Client.Concentration.Skew)
				})
			})
		case 4:
			return p.tunnels(r)
		}
		return p.list(&r.Risks)
	})
	s.Blank()
	return ok && s.I == len(line)
}

// at is the byte where the next value begins, 0 at the end.
func (p *spurLines) at() byte {
	if p.scan.I >= len(p.scan.B) {
		return 0
	}
	return p.scan.B[p.scan.I]
}

// object reads an object's known fields, each at most once, and passes others.
func (p *spurLines) object(depth int, known []string, value func(field int) bool) bool {
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
			if field = spurField(known, name); field < 0 {
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

// spurField is a name's place among those known, their number for any other, and
// -1 for one that encoding/json takes for a known one, or for an answer's.
func spurField(known []string, name []byte) int {
	for i, k := range known {
		if string(name) == k {
			return i
		}
		if bytes.EqualFold(name, []byte(k)) {
			return -1
		}
	}
	for _, k := range spurOfOtherMeanings {
		if bytes.EqualFold(name, []byte(k)) {
			return -1
		}
	}
	return len(known)
}

// text reads a string; again says that it may come again.
func (p *spurLines) text(to *string, again bool) (ok bool) {
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
func (p *spurLines) word(text []byte) string {
	if w, ok := p.words[string(text)]; ok {
		return w
	}
	w := string(text)
	if len(p.words) < maxSpurWords {
		if p.words == nil {
			p.words = map[string]string{}
		}
		p.words[w] = w
	}
	return w
}

func (p *spurLines) number(to *float64) bool {
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
func (p *spurLines) list(to *[]string) bool {
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
	if len(p.lists) < maxSpurWords {
		if p.lists == nil {
			p.lists = map[string][]string{}
		}
		p.lists[string(text)] = l
	}
	*to = l
	return true
}

func (p *spurLines) tunnels(r *spurRaw) bool {
	if p.at() != '[' {
		return false
	}
	r.Tunnels = r.Tunnels[:0]
	done, ok := p.scan.Open(1)
	for ok && !done {
		var t spurTunnel
		if p.at() != '{' || !p.object(2, spurTunnelFields, func(field int) bool {
			switch field {
			case 0:
				return p.text(&t.Operator, true)
			case 1:
				return p.text(&t.Type, true)
			}
			word, ok := p.scan.Literal()
			t.Anonymous = string(word) == "true"
			return ok && string(word) != "null"
		}) {
			return false
		}
		r.Tunnels = append(r.Tunnels, t)
		done, ok = p.scan.Next(false)
	}
	return ok
}
