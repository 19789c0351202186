package fault

import (
	"fmt"
	"strings"
)

// farthest is the edit distance from which a name is no slip of another.
const farthest = 3

// DidYouMean is a hint for a name that is not known: the candidate nearest to
// it, or one that begins with it, as in ` (did you mean "run"?)`; "" where none
// is near. Of equally near ones it is the first.
func DidYouMean(name string, candidates []string) string {
	best, least := "", farthest
	for _, c := range candidates {
		if d := EditDistance(name, c); d < least || (strings.HasPrefix(c, name) && best == "") {
			best, least = c, min(d, least)
		}
	}
	if best == "" {
		return ""
	}
	return fmt.Sprintf(" (did you mean %q?)", best)
}

// longest bounds the part of a name that is compared.
const longest = 64

// EditDistance is V. I. Levenshtein's distance of two names, bytewise: how many
// bytes to insert, leave out or replace. Of a longer first name only the first
// 64 bytes count.
func EditDistance(a, b string) int {
	a = a[:min(len(a), longest)]
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
