package webrequest

import "strings"

// ParseXAnalytics reads an X-Analytics header into a map: pairs parted by ";",
// key and value by the first "=", nothing trimmed, the last of equal keys
// wins. A null ("" or "-") gives nil; a piece without "=" is a key with an
// empty value. The key wprov alone is cleaned: blanks around the key are
// dropped and its value is reduced to a code.
func ParseXAnalytics(s string) map[string]string {
	if absent(s) {
		return nil
	}
	m := make(map[string]string, strings.Count(s, ";")+1)
	for piece := range strings.SplitSeq(s, ";") {
		k, v := xAnalyticsPair(piece)
		m[k] = v
	}
	return m
}

// XAnalyticsValue is the value of one key of an X-Analytics header, as
// ParseXAnalytics has it, without building the map; "" for a missing key.
func XAnalyticsValue(s, key string) string {
	if absent(s) {
		return ""
	}
	for end := len(s); ; {
		start := strings.LastIndexByte(s[:end], ';')
		if k, v := xAnalyticsPair(s[start+1 : end]); k == key {
			return v
		}
		if start < 0 {
			return ""
		}
		end = start
	}
}

const wprov = "wprov"

func xAnalyticsPair(piece string) (key, value string) {
	key, value, ok := strings.Cut(piece, "=")
	if ok && len(key) >= len(wprov) {
		if k := trim(key); len(k) == len(wprov) && hasPrefixFold(k, wprov) {
			return k, provenance(value)
		}
	}
	return key, value
}

// provenance is the code that a value of wprov begins with: trimmed, cut at an
// "http" that is not at its beginning, its leading lower-case letters and
// digits.
func provenance(v string) string {
	v = trimControl(v)
	for i := 1; i < len(v); i++ {
		if hasPrefixFold(v[i:], "http") {
			v = v[:i]
			break
		}
	}
	for i := range len(v) {
		if c := v[i]; !('a' <= c && c <= 'z' || '0' <= c && c <= '9') {
			return v[:i]
		}
	}
	return v
}
