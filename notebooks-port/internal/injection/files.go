package injection

import "strings"

// Climbs reports whether a decoded value, or the path of a request, leaves its
// folder or names a file of the system, and names the technique.
func Climbs(v string, inPath bool) (technique string, ok bool) {
	v = bound(v)
	if !strings.ContainsAny(v, `/\:`) && !strings.Contains(v, "..") {
		return "", false
	}
	s := v
	if strings.IndexByte(s, '\\') >= 0 {
		s = strings.ReplaceAll(s, `\`, "/")
	}
	low := strings.ToLower(s)
	ups := 0
	for i := 0; ; {
		n := strings.Index(low[i:], "..")
		if n < 0 {
			break
		}
		i += n
		j := i
		for j < len(low) && low[j] == '.' {
			j++
		}
		// "../", "..;/", "....//" and their ends: a piece of a path that is
		// nothing but dots.
		k := j
		for k < len(low) && (low[k] == ';' || low[k] == ' ') {
			k++
		}
		startOK := i == 0 || low[i-1] == '/' || !isWord(low[i-1])
		endOK := k == len(low) && i > 0 && low[i-1] == '/' || k < len(low) && low[k] == '/'
		if startOK && endOK && j-i <= 8 {
			ups++
			if j-i > 2 || k > j {
				ups++
			}
		}
		i = j
	}
	// Other programs and encodings write the slash differently.
	ups += strings.Count(low, "0x2e0x2e") + strings.Count(low, "..0x2f") + strings.Count(low, "..0x5c") + strings.Count(low, "%2e%2e") + strings.Count(low, "..%") + strings.Count(low, "..\u2215")
	file := ""
	systemFiles().find(low, func(word string, end int) bool {
		start := end - len(word)
		if start == 0 || !isWord(low[start-1]) || word[0] == '/' {
			file = word
			return false
		}
		return true
	})
	switch {
	case ups >= 2, ups == 1 && (inPath || file != ""):
		return "climbs out of its folder", true
	case file != "" && (strings.HasPrefix(low, "/") || strings.HasPrefix(low, "file:") || strings.Contains(low, ":/")) && !inPath && !strings.HasPrefix(low, "http"):
		return "names a file of the system", true
	case file != "" && inPath && (strings.Contains(low, "etc/passwd") || strings.Contains(low, "etc/shadow") || strings.Contains(low, "proc/self") || strings.Contains(low, "win.ini") || strings.Contains(low, "web-inf/")):
		return "names a file of the system", true
	case file != "" && !inPath && (strings.HasPrefix(low, "etc/passwd") || strings.HasPrefix(low, "web-inf") || strings.HasPrefix(low, "boot.ini") || strings.HasPrefix(low, "proc/self")):
		return "names a file of the system", true
	case strings.HasPrefix(low, "file:/"), strings.Contains(low, "php://"), strings.HasPrefix(low, "expect://"), strings.HasPrefix(low, "phar://"), strings.HasPrefix(low, "zip://"):
		return "wrapper for reading files", true
	}
	return "", false
}
