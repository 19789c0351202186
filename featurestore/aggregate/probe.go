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
	for {
		i := strings.IndexByte(path, '/')
		if i < 0 {
			return probing(path)
		}
		if probing(path[:i]) {
			return true
		}
		path = path[i+1:]
	}
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

func probing(segment string) bool {
	if segment == "" {
		return false
	}
	if segment[0] == '.' {
		return segment != "." && !equalLower(segment, ".well-known")
	}
	if segment[0] == '%' && len(segment) >= 3 && segment[1] == '2' && segment[2]|0x20 == 'e' {
		return true
	}
	first, last := lower(segment[0]), lower(segment[len(segment)-1])
	word, bit := probeBit(first, last, len(segment))
	named := len(segment) <= longestProbe && probeFilter[word]&bit != 0
	ending := false
	switch last { // of every ending
	case '~':
		ending = true
	case 'k', 'p', 'd', 'g', 'e', 'o', 'l', 'z':
		ending = strings.IndexByte(segment, '.') > 0
	}
	return (named || ending) && isNamed(segment)
}

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
