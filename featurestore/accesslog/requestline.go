package accesslog

import "strings"

// splitRequestLine takes a request line apart. method is "" where the line is
// malformed: no blank in it, or a first token that is no method. Nothing is
// decoded.
func splitRequestLine(line string) (method, authority, path, query string) {
	i := strings.IndexByte(line, ' ')
	if i < 1 || i > 20 {
		return "", "", "", ""
	}
	method = line[:i]
	for j := 0; j < len(method); j++ {
		if c := method[j]; (c < 'A' || c > 'Z') && c != '-' && c != '_' {
			return "", "", "", ""
		}
	}
	target := line[i+1:]
	if j := strings.LastIndexByte(target, ' '); j >= 0 && strings.HasPrefix(target[j+1:], "HTTP/") {
		target = target[:j]
	}
	authority, path, query = splitTarget(target)
	return method, authority, path, query
}

// splitTarget takes a request target apart; authority is "" unless the target
// is absolute. query keeps its "?". It allocates only for an absolute target
// whose authority is followed by a fragment.
func splitTarget(target string) (authority, path, query string) {
	if n := absolutePrefix(target); n > 0 {
		rest := target[n:]
		end := strings.IndexAny(rest, "/?#")
		if end < 0 {
			return rest, "/", ""
		}
		authority, target = rest[:end], rest[end:]
		switch target[0] {
		case '?':
			return authority, "/", target
		case '#':
			target = "/" + target
		}
	}
	if i := strings.IndexByte(target, '?'); i >= 0 {
		return authority, target[:i], target[i:]
	}
	return authority, target, ""
}

// absolutePrefix is the length of "http://" or "https://" at the start of s,
// ignoring case, or 0.
func absolutePrefix(s string) int {
	if len(s) < 7 || s[0]|0x20 != 'h' {
		return 0
	}
	if strings.EqualFold(s[:7], "http://") {
		return 7
	}
	if len(s) >= 8 && strings.EqualFold(s[:8], "https://") {
		return 8
	}
	return 0
}
