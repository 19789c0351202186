package webrequest

import (
	"strconv"
	"strings"
)

// The values of access_method and agent_type.
const (
	AccessDesktop   = "desktop"
	AccessMobileWeb = "mobile web"
	AccessMobileApp = "mobile app"

	AgentUser   = "user"
	AgentSpider = "spider"
)

// AccessRules says how Wikimedia's rows are told to be mobile.
type AccessRules string

const (
	// AccessHost looks for a label m, mobile, wap or zero in uri_host: the rule
	// until 2025-08-13, and the default.
	AccessHost AccessRules = "host"
	// AccessIsMobile looks for ismobile=1 in X-Analytics: the rule since.
	AccessIsMobile AccessRules = "ismobile"
)

// AccessMethod is Wikimedia's access_method of a request by the rule chosen.
// It reads uri_host as logged (AccessHost) or x_analytics (AccessIsMobile).
func AccessMethod(userAgent, uriHost, xAnalytics string, rules AccessRules) string {
	switch {
	case isApp(userAgent):
		return AccessMobileApp
	case rules == AccessIsMobile && isOne(XAnalyticsValue(xAnalytics, "ismobile")):
		return AccessMobileWeb
	case rules != AccessIsMobile && isMobileHost(uriHost):
		return AccessMobileWeb
	}
	return AccessDesktop
}

const appAgent = "WikipediaApp"

// isApp is the test for Wikipedia's own applications: "WikipediaApp", or
// "Wikipedia/5", any character, "0", any character.
func isApp(userAgent string) bool {
	for s := userAgent; ; {
		i := strings.Index(s, "Wikipedia")
		if i < 0 {
			return false
		}
		s = s[i+len("Wikipedia"):]
		if strings.HasPrefix(s, "App") {
			return true
		}
		if rest, ok := strings.CutPrefix(s, "/5"); ok {
			if n := anyChar(rest); n > 0 && n < len(rest) && rest[n] == '0' && anyChar(rest[n+1:]) > 0 {
				return true
			}
		}
	}
}

// isMobileHost reports whether a label m, zero, wap or mobile is followed by a
// dot.
func isMobileHost(host string) bool {
	for {
		label, rest, dot := strings.Cut(host, ".")
		if !dot {
			return false
		}
		switch label {
		case "m", "zero", "wap", "mobile":
			return true
		}
		host = rest
	}
}

// isOne reports whether s is the number 1, in whatever decimal spelling.
func isOne(s string) bool {
	s = trim(s)
	if s == "1" {
		return true
	}
	if s == "" || len(s) > 32 {
		return false
	}
	for i := range len(s) {
		switch c := s[i]; {
		case '0' <= c && c <= '9', c == '.', c == '+', c == '-', c == 'e', c == 'E':
		default:
			return false
		}
	}
	f, err := strconv.ParseFloat(s, 64)
	return err == nil && f == 1
}

// mobileWords are what a mobile browser calls itself. Two entries have any one
// character between their parts and are tested apart.
var (
	mobileWords = byFirst(
		"mobi", "240x240", "240x320", "320x320", "alcatel", "android", "audiovox",
		"bada", "benq", "blackberry", "cdm-", "compal-", "docomo", "ericsson",
		"hiptop", "htc-", "htc_", "huawei", "ipod", "kddi-", "kindle", "meego",
		"midp", "mitsu", "mmp/", "mot-", "motor", "ngm_", "nintendo", "palm",
		"panasonic", "philips", "phone", "playstation", "portalmmm", "sagem-",
		"samsung", "sanyo", "sec-", "semc-browser", "sendo", "sharp", "silk",
		"softbank", "symbian", "teleca", "vodafone", "webos",
	)
	mobilePrefixes = byFirst("lg-", "lge-", "sie-", "nec-", "sgh-", "pg-")
	mobileGaps     = [...][2]string{{"opera", "m"}, {"up", "browser"}}
)

// IsMobileBrowser reports whether a user agent is a mobile browser, by the
// test with which Wikimedia's caches sent browsers to the m. hosts in 2024.
// Televisions with Samsung's browser are not.
func IsMobileBrowser(userAgent string) bool {
	if userAgent == "" {
		return false
	}
	if !mobilePrefixes.at(userAgent) && !mobileWords.in(userAgent) && !hasMobileGap(userAgent) {
		return false
	}
	if _, rest, ok := strings.Cut(userAgent, "SMART-TV"); ok && strings.Contains(rest, "SamsungBrowser") {
		return false
	}
	return true
}

func hasMobileGap(s string) bool {
	for i := range len(s) {
		switch lower[s[i]] {
		case 'o', 'u':
		default:
			continue
		}
		for _, g := range mobileGaps {
			if !hasPrefixFold(s[i:], g[0]) {
				continue
			}
			rest := s[i+len(g[0]):]
			if n := charLen(rest); n > 0 && hasPrefixFold(rest[n:], g[1]) {
				return true
			}
		}
	}
	return false
}
