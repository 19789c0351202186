package webrequest

import (
	"regexp/syntax"
	"slices"
	"unicode/utf8"
)

// A regular expression of ua-parser's takes some hundred microseconds on an
// agent it doesn't match, which is nearly every agent. Most can be told
// without it: a match has to contain certain texts, and looking for texts is
// cheap.

// needs are texts that every match contains: at least one of each list,
// ignoring ASCII case.
type needs []*words

// in reports whether s may match. Folding beyond ASCII, which Go's regular
// expressions have, is not heeded: s must be ASCII.
func (n needs) in(s string) bool {
	for _, w := range n {
		if !w.in(s) {
			return false
		}
	}
	return true
}

// needsOf reads the needs off an expression; nil if it has none.
func needsOf(expr string) (needs, error) {
	re, err := syntax.Parse(expr, syntax.Perl)
	if err != nil {
		return nil, err
	}
	var n needs
	for _, set := range textsOf(re).all() {
		n = append(n, byFirst(set...))
	}
	return n, nil
}

const (
	maxTexts = 400 // in one set
	minText  = 3   // bytes; shorter ones tell too little
)

// texts are what is known of an expression's matches.
type texts struct {
	// exact are all matches, in lower case, if ok is set.
	exact []string
	ok    bool
	// sets each have one text at least that every match contains.
	sets [][]string
}

// all are the sets worth looking for.
func (t texts) all() [][]string {
	sets := t.sets
	if t.ok {
		sets = append(slices.Clone(sets), t.exact)
	}
	return slices.DeleteFunc(slices.Clone(sets), func(s []string) bool { return shortest(s) < minText })
}

// two are the two sets whose shortest texts are longest; one of them twice if
// there is no other, nil if there is none.
func (t texts) two() (best, second []string) {
	for _, s := range t.all() {
		switch {
		case best == nil || shortest(s) > shortest(best):
			best, second = s, best
		case second == nil || shortest(s) > shortest(second):
			second = s
		}
	}
	if second == nil {
		second = best
	}
	return best, second
}

func shortest(set []string) int {
	if len(set) == 0 || len(set) > maxTexts {
		return 0
	}
	n := len(set[0])
	for _, s := range set {
		n = min(n, len(s))
	}
	return n
}

func textsOf(re *syntax.Regexp) texts {
	switch re.Op {
	case syntax.OpLiteral:
		return texts{exact: []string{lowerASCII(string(re.Rune))}, ok: true}
	case syntax.OpCharClass:
		class := smallClass(re.Rune)
		return texts{exact: class, ok: class != nil}
	case syntax.OpEmptyMatch, syntax.OpBeginLine, syntax.OpEndLine, syntax.OpBeginText, syntax.OpEndText,
		syntax.OpWordBoundary, syntax.OpNoWordBoundary:
		return texts{exact: []string{""}, ok: true}
	case syntax.OpCapture:
		return textsOf(re.Sub[0])
	case syntax.OpPlus:
		return texts{sets: textsOf(re.Sub[0]).all()}
	case syntax.OpRepeat:
		if re.Min > 0 {
			return texts{sets: textsOf(re.Sub[0]).all()}
		}
	case syntax.OpQuest:
		if t := textsOf(re.Sub[0]); t.ok {
			return texts{exact: append(slices.Clone(t.exact), ""), ok: true}
		}
	case syntax.OpAlternate:
		return alternate(re.Sub)
	case syntax.OpConcat:
		return concat(re.Sub)
	}
	return texts{}
}

// smallClass are the ASCII characters of a class that has few of them, in
// lower case, else nil.
func smallClass(ranges []rune) []string {
	var list []string
	for i := 0; i+1 < len(ranges); i += 2 {
		for r := ranges[i]; r <= min(ranges[i+1], utf8.RuneSelf-1); r++ {
			if c := lowerASCII(string(r)); !slices.Contains(list, c) {
				list = append(list, c)
			}
			if len(list) > 8 {
				return nil
			}
		}
	}
	return list
}

// alternate needs a text of either branch. One set of each branch makes one of
// the whole; so does another of each.
func alternate(subs []*syntax.Regexp) texts {
	var exact, first, other []string
	ok, known := true, true
	for _, sub := range subs {
		t := textsOf(sub)
		exact, ok = append(exact, t.exact...), ok && t.ok
		best, second := t.two()
		first, other = append(first, best...), append(other, second...)
		known = known && best != nil
	}
	switch {
	case ok && len(exact) <= maxTexts:
		return texts{exact: exact, ok: true}
	case known:
		return texts{sets: [][]string{first, other}}
	}
	return texts{}
}

func concat(subs []*syntax.Regexp) texts {
	out := texts{ok: true}
	run := []string{""} // all matches of the last subs in a row that are exact
	flush := func() {
		if shortest(run) >= minText {
			out.sets = append(out.sets, run)
		}
		run = []string{""}
	}
	for _, sub := range subs {
		t := textsOf(sub)
		out.sets = append(out.sets, t.sets...)
		if !t.ok {
			out.ok = false
			flush()
			continue
		}
		if len(run)*len(t.exact) > maxTexts {
			out.ok = false
			flush()
		}
		var next []string
		for _, a := range run {
			for _, b := range t.exact {
				next = append(next, a+b)
			}
		}
		run = next
	}
	if out.ok {
		out.exact = run
		return out
	}
	flush()
	return out
}

// isASCII reports whether s has ASCII bytes only.
func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}
