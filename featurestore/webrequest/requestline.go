package webrequest

import "strings"

// Target is a request line taken apart.
type Target struct {
	Method    string
	Authority string // of an absolute target ("http://host/…"); else ""
	Path      string
	Query     string // with its "?"; "" without one
	// Malformed lines have no method, path or query: they count as requests,
	// and are neither page views nor API requests.
	Malformed bool
}

// SplitRequestLine takes apart the request line of an access log ("GET /a?b
// HTTP/1.1"). Nothing is decoded, folded or tidied. Inner spaces of a target
// are kept; a line without a space, or whose method is not 1 to 20 characters
// of A-Z, "-" and "_", is malformed. The parts point into the line.
func SplitRequestLine(line string) Target {
	method, target, ok := strings.Cut(line, " ")
	if !ok || !isMethod(method) {
		return Target{Malformed: true}
	}
	if i := strings.LastIndexByte(target, ' '); i >= 0 && strings.HasPrefix(target[i+1:], "HTTP/") {
		target = target[:i]
	}
	t := Target{Method: method}
	t.Authority, t.Path, t.Query = SplitTarget(target)
	return t
}

// SplitTarget takes apart a request target: the authority of an absolute one,
// the path, the query with its "?".
func SplitTarget(target string) (authority, path, query string) {
	absolute := 0
	switch {
	case hasPrefixFold(target, "http://"):
		absolute = len("http://")
	case hasPrefixFold(target, "https://"):
		absolute = len("https://")
	}
	slash := true
	if absolute > 0 {
		target = target[absolute:]
		end := strings.IndexAny(target, "/?#")
		if end < 0 {
			end = len(target)
		}
		authority, target = target[:end], target[end:]
		slash = target != "" && target[0] == '/'
	}
	path = target
	if i := strings.IndexByte(target, '?'); i >= 0 {
		path, query = target[:i], target[i:]
	}
	switch {
	case slash:
	case path == "":
		path = "/"
	default: // a fragment follows the authority
		path = "/" + path
	}
	return authority, path, query
}

func isMethod(s string) bool {
	if s == "" || len(s) > 20 {
		return false
	}
	for i := range len(s) {
		if c := s[i]; !('A' <= c && c <= 'Z' || c == '-' || c == '_') {
			return false
		}
	}
	return true
}

// WithMark is a query as a log has it in a field of its own, in the form of
// uri_query: with a leading "?", "" for an absent one. It allocates if it has
// to add the mark.
func WithMark(query string) string {
	if absent(query) || query[0] == '?' {
		if query == "-" {
			return ""
		}
		return query
	}
	return "?" + query
}
