package injection

import "strings"

// matcher finds any of many strings in one pass, without regard to case
// (Aho and Corasick, 1975). It is read-only once made.
type matcher struct {
	class [256]uint8 // letters that no pattern has share class 0
	width int
	next  []int32 // [node*width + class]
	found []int32 // longest pattern that ends at a node, by number; -1 for none
	words []string
}

func newMatcher(words []string) *matcher {
	m := &matcher{width: 1}
	for _, w := range words {
		w = strings.ToLower(w)
		m.words = append(m.words, w)
		for i := range len(w) {
			if m.class[w[i]] == 0 {
				m.class[w[i]] = uint8(m.width)
				m.width++
			}
		}
	}
	for c := 'A'; c <= 'Z'; c++ {
		m.class[c] = m.class[c|0x20]
	}
	m.node()
	for n, w := range m.words {
		at := int32(0)
		for i := range len(w) {
			slot := int(at)*m.width + int(m.class[w[i]])
			if m.next[slot] == 0 {
				to := m.node()
				m.next[slot] = to
			}
			at = m.next[slot]
		}
		m.found[at] = int32(n)
	}
	m.link()
	return m
}

func (m *matcher) node() int32 {
	m.next = append(m.next, make([]int32, m.width)...)
	m.found = append(m.found, -1)
	return int32(len(m.found) - 1)
}

// link turns the tree into an automaton, breadth first.
func (m *matcher) link() {
	fail := make([]int32, len(m.found))
	var queue []int32
	for c := range m.width {
		if to := m.next[c]; to != 0 {
			queue = append(queue, to)
		}
	}
	for len(queue) > 0 {
		at := queue[0]
		queue = queue[1:]
		if m.found[at] < 0 {
			m.found[at] = m.found[fail[at]]
		}
		for c := range m.width {
			slot := int(at)*m.width + c
			back := m.next[int(fail[at])*m.width+c]
			if to := m.next[slot]; to != 0 {
				fail[to] = back
				queue = append(queue, to)
			} else {
				m.next[slot] = back
			}
		}
	}
}

// find calls yield with each pattern that ends somewhere in s, and where, until
// it returns false.
func (m *matcher) find(s string, yield func(word string, end int) bool) {
	at := int32(0)
	for i := range len(s) {
		at = m.next[int(at)*m.width+int(m.class[s[i]])]
		if n := m.found[at]; n >= 0 && !yield(m.words[n], i+1) {
			return
		}
	}
}
