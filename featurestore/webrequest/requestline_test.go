package webrequest

import (
	"strings"
	"testing"
)

func TestSplitRequestLine(t *testing.T) {
	bad := Target{Malformed: true}
	for _, tt := range []struct {
		line string
		want Target
	}{
		{"GET / HTTP/1.1", Target{"GET", "", "/", "", false}},
		{"GET /a?b=c HTTP/2.0", Target{"GET", "", "/a", "?b=c", false}},
		{"GET /a?b?c HTTP/1.1", Target{"GET", "", "/a", "?b?c", false}},
		{"GET /a? HTTP/1.1", Target{"GET", "", "/a", "?", false}},
		{"GET ?x HTTP/1.1", Target{"GET", "", "", "?x", false}},
		{"GET /a#b?c HTTP/1.1", Target{"GET", "", "/a#b", "?c", false}},
		{"GET /", Target{"GET", "", "/", "", false}},
		{"GET HTTP/1.1", Target{"GET", "", "HTTP/1.1", "", false}},
		{"GET  HTTP/1.1", Target{"GET", "", "", "", false}},
		{"GET ", Target{"GET", "", "", "", false}},
		{"GET /a b HTTP/1.1", Target{"GET", "", "/a b", "", false}},
		{"GET /a  b  HTTP/1.1", Target{"GET", "", "/a  b ", "", false}},
		{"GET /a b", Target{"GET", "", "/a b", "", false}},
		{"GET /a HTTP/1.1 ", Target{"GET", "", "/a HTTP/1.1 ", "", false}},
		{"GET /a http/1.1", Target{"GET", "", "/a http/1.1", "", false}},
		{"GET /a HTTP/", Target{"GET", "", "/a", "", false}},
		{"GET /a HTTP", Target{"GET", "", "/a HTTP", "", false}},
		{"OPTIONS * HTTP/1.0", Target{"OPTIONS", "", "*", "", false}},
		{"CONNECT a.example:443 HTTP/1.1", Target{"CONNECT", "", "a.example:443", "", false}},
		{"M-SEARCH * HTTP/1.1", Target{"M-SEARCH", "", "*", "", false}},
		{"RPC_IN_DATA /x HTTP/1.1", Target{"RPC_IN_DATA", "", "/x", "", false}},
		{"ABCDEFGHIJKLMNOPQRST / HTTP/1.1", Target{"ABCDEFGHIJKLMNOPQRST", "", "/", "", false}},
		{"ABCDEFGHIJKLMNOPQRSTU / HTTP/1.1", bad},
		{"get / HTTP/1.1", bad},
		{"GET1 / HTTP/1.1", bad},
		{"G\tT / HTTP/1.1", bad},
		{" GET / HTTP/1.1", bad},
		{"GET", bad},
		{"GET\t/", bad},
		{"", bad},
		{"-", bad},
		{"- -", Target{"-", "", "-", "", false}},
		{"\x16\x03\x01", bad},
		{"\\x16\\x03\\x01 \\x00", bad},
		{"GET http://www.shop.example?x=1 HTTP/1.1", Target{"GET", "www.shop.example", "/", "?x=1", false}},
		{"GET http://www.shop.example HTTP/1.1", Target{"GET", "www.shop.example", "/", "", false}},
		{"GET http://www.shop.example/ HTTP/1.1", Target{"GET", "www.shop.example", "/", "", false}},
		{"GET HTTPS://U@www.Shop.example:8443/a/b?c HTTP/1.1", Target{"GET", "U@www.Shop.example:8443", "/a/b", "?c", false}},
		{"GET http://a.example#x/y HTTP/1.1", Target{"GET", "a.example", "/#x/y", "", false}},
		{"GET http://a.example#x?y HTTP/1.1", Target{"GET", "a.example", "/#x", "?y", false}},
		{"GET http:/// HTTP/1.1", Target{"GET", "", "/", "", false}},
		{"GET http:// HTTP/1.1", Target{"GET", "", "/", "", false}},
		{"GET http:/a HTTP/1.1", Target{"GET", "", "http:/a", "", false}},
		{"GET ftp://a.example/ HTTP/1.1", Target{"GET", "", "ftp://a.example/", "", false}},
		{"GET /http://a.example/ HTTP/1.1", Target{"GET", "", "/http://a.example/", "", false}},
		{"GET /%2e%2E/./A HTTP/1.1", Target{"GET", "", "/%2e%2E/./A", "", false}},
	} {
		if got := SplitRequestLine(tt.line); got != tt.want {
			t.Errorf("SplitRequestLine(%q) = %+v, want %+v", tt.line, got, tt.want)
		}
		if got := slowSplit(tt.line); got != tt.want {
			t.Errorf("slowSplit(%q) = %+v, want %+v", tt.line, got, tt.want)
		}
	}
}

// slowSplit does it by splitting the line into its tokens.
func slowSplit(line string) Target {
	tokens := strings.Split(line, " ")
	method := tokens[0]
	if len(tokens) < 2 || len(method) < 1 || len(method) > 20 || !slowMethod(method) {
		return Target{Malformed: true}
	}
	rest := tokens[1:]
	if len(tokens) >= 3 && strings.HasPrefix(tokens[len(tokens)-1], "HTTP/") {
		rest = rest[:len(rest)-1]
	}
	target, authority := strings.Join(rest, " "), ""
	for _, scheme := range []string{"http://", "https://"} {
		if len(target) >= len(scheme) && lowerASCII(target[:len(scheme)]) == scheme {
			target = target[len(scheme):]
			authority = strings.FieldsFunc(" "+target, func(r rune) bool { return strings.ContainsRune("/?#", r) })[0][1:]
			target = target[len(authority):]
			if !strings.HasPrefix(target, "/") {
				target = "/" + target
			}
			break
		}
	}
	path, query, ok := strings.Cut(target, "?")
	if ok {
		query = "?" + query
	}
	return Target{Method: method, Authority: authority, Path: path, Query: query}
}

func slowMethod(s string) bool {
	for _, r := range s {
		if !strings.ContainsRune("ABCDEFGHIJKLMNOPQRSTUVWXYZ-_", r) {
			return false
		}
	}
	return true
}

func FuzzSplitRequestLine(f *testing.F) {
	for _, s := range []string{"GET / HTTP/1.1", "GET http://a.example#x?y HTTP/1.1", "\x16\x03", "GET  HTTP/1.1", "POST /a b?c d"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, line string) {
		if got, want := SplitRequestLine(line), slowSplit(line); got != want {
			t.Errorf("SplitRequestLine(%q) = %+v, token by token it is %+v", line, got, want)
		}
	})
}

func TestWithMark(t *testing.T) {
	for in, want := range map[string]string{"": "", "-": "", "a=b": "?a=b", "?a=b": "?a=b", "?": "?", "--": "?--"} {
		if got := WithMark(in); got != want {
			t.Errorf("WithMark(%q) = %q, want %q", in, got, want)
		}
	}
}
