package aggregate

import "strings"

// IsProbe reports whether a path, as logged, looks for a weakness rather than
// for a page. One of its segments, in lower case,
//
//   - begins with a dot (.env, .git, .aws, and .. or its percent-encoding), but
//     for .well-known (RFC 8615);
//   - is the log-in, console or test page of widespread software (probeNames);
//   - ends as editors, dumps and people name copies (backupEndings).
//
// The lists are short and of names that no page links to: what CRS, the
// ModSecurity core rules, hold in restricted-files and what scanners' word
// lists begin with. A site that runs such software sees its own people in the
// column, as shares of many other requests.
func IsProbe(path string) bool {
	from := 0
	for i := 0; i < len(path); i++ {
		if path[i] == '/' {
			if from < i && probing(path[from:i]) {
				return true
			}
			from = i + 1
		}
	}
	return from < len(path) && probing(path[from:])
}

var probeNames = map[string]struct{}{}

// probeFilter has a bit for the length, the first and the last letter of each
// name: nearly all segments of real paths miss it.
var probeFilter [1 << 9]uint64

func probeBit(first, last byte, length int) (word uint, bit uint64) {
	h := uint(first) + uint(last)<<5 + uint(length)<<10
	return h >> 6 & (1<<9 - 1), 1 << (h & 63)
}

func init() {
	for _, n := range [...]string{
		"wp-login.php", "xmlrpc.php", "wlwmanifest.xml", "wp-config.php", "wp-config.php.txt",
		"phpmyadmin", "pma", "myadmin", "mysqladmin", "adminer.php", "phpinfo.php",
		"cgi-bin", "server-status", "actuator", "_ignition", "telescope", "phpunit", "eval-stdin.php",
		"boaform", "hnap1", "gponform", "jmx-console", "solr", "_profiler", "web.config", "invoker",
		"shell.php", "alfa.php", "wso.php", "c99.php", "r57.php", "setup.cgi",
		"id_rsa", "credentials", "docker-compose.yml",
	} {
		probeNames[n] = struct{}{}
		w, b := probeBit(n[0], n[len(n)-1], len(n))
		probeFilter[w] |= b
	}
}

var backupEndings = [...]string{".bak", ".backup", ".old", ".orig", ".save", ".swp", ".swo", "~", ".sql", ".sql.gz", ".sql.zip", ".dump"}

// longestProbe is above the length of every name and ending.
const longestProbe = 32

// probing says it of a segment that is not empty.
func probing(segment string) bool {
	first, last := lower(segment[0]), lower(segment[len(segment)-1])
	word, bit := probeBit(first, last, len(segment))
	switch {
	case first == '%' && len(segment) >= 3 && segment[1] == '2' && segment[2]|0x20 == 'e':
		return true
	case first == '.':
		return segment != "." && !equalLower(segment, ".well-known")
	case probeFilter[word]&bit != 0:
		return isNamed(segment)
	case last >= 64 && endingLetters>>(last&63)&1 != 0:
		return (last == '~' || strings.IndexByte(segment, '.') > 0) && isNamed(segment)
	}
	return false
}

// endingLetters has a bit for the last letter of every ending, all of which are
// above 63.
const endingLetters uint64 = 1<<('~'&63) | 1<<('k'&63) | 1<<('p'&63) | 1<<('d'&63) | 1<<('g'&63) | 1<<('e'&63) | 1<<('o'&63) | 1<<('l'&63) | 1<<('z'&63)

func lower(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		c |= 0x20
	}
	return c
}

// isNamed looks a segment up, without regard to case, among names and endings.
func isNamed(segment string) bool {
	var buf [longestProbe]byte
	tail := segment
	if len(tail) > longestProbe {
		tail = tail[len(tail)-longestProbe:]
	}
	low := buf[:len(tail)]
	for i := range low {
		low[i] = lower(tail[i])
	}
	if len(segment) <= longestProbe {
		if _, ok := probeNames[string(low)]; ok {
			return true
		}
	}
	for _, e := range backupEndings {
		if len(low) > len(e) && string(low[len(low)-len(e):]) == e {
			return true
		}
	}
	return false
}

func equalLower(s, lower string) bool {
	return len(s) == len(lower) && strings.EqualFold(s, lower)
}
