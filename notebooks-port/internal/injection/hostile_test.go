package injection

import (
	"strconv"
	"strings"
	"testing"
)

// BenchmarkHostile judges eight KiB of one piece again and again: none may be
// much slower than the others.
func BenchmarkHostile(b *testing.B) {
	for _, piece := range []string{"(", "((select ", "<", "<a ", "</", "<x=", "'", "\"'", "' or ", "or 1", "1+", "a+", "a.", "/*", "/**/", "--", "-- \n", "`", "`id", ";id", ";ls/", "$(", "${", "{{", "../", "..", ".", "%2", "%25", "&#x3c;", "&lt", "\\u003c", "\\", "on", " on", " onx=", "onerror!", "alert", "alert)", "alert).", ")(", "javascript:", "data:", "java\t", "|", "&", "&a=", "union ", "union(", "select ", "case when ", "@", "@@a", "[a]", "[", "=", "!=", "char(", "1,", "\n", "\n#", ":expression(", "\" style", "' x=", "location=", "\xc0\xae", "＜"} {
		v := strings.Repeat(piece, maxValue/len(piece)+1)
		b.Run(strconv.Quote(piece), func(b *testing.B) {
			for b.Loop() {
				JudgeValue(v)
				Judge("/"+v, "")
				JudgeAgent(v)
			}
		})
	}
}
