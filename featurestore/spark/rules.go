package spark

import (
	"fmt"
	"strings"

	"sluice/featurestore/webrequest"
)

// The patterns are java.util.regex's, which Spark uses. \z is the very end: $
// would let a line break follow.

const (
	pageHosts = `(?:(?:advisory|commons|foundation|incubator|meta|outreach|species|strategy|usability|wikimania|wikitech|(?!doc\.)[a-z]{2,3})\.(?:(?:m|mobile|wap|zero)\.)?wikimedia` +
		`|(?:(?!www|donate|arbcom|sysop)[a-z][a-z0-9_-]*\.)*(?:wikibooks|wikinews|wikipedia|wikiquote|wikisource|wiktionary|wikiversity|wikivoyage)` +
		`|(?:(?!test|query)[a-z0-9_-]+\.)*(?:wikifunctions|wikidata|mediawiki|wikimediafoundation))\.org`
	pagePaths   = `\A/(?:w|wiki|v|view|sr|sr-e[cl]|zh|zh-cn|zh-hans|zh-hant|zh-hk|zh-mo|zh-my|zh-sg|zh-tw)/`
	pageQueries = `\?(?:title|curid|oldid|search)=`
	appAgents   = `WikipediaApp|Wikipedia/5.0.`
	mobileHosts = `(?:\A|\.)(?:m|zero|wap|mobile)\.`
)

// rule fills a derived column where the log has none.
type rule struct {
	column string
	needs  []string // log columns that must be there
	sql    string
}

// rules are Wikimedia's, as package webrequest has them.
func rules(o webrequest.Options) ([]rule, error) {
	text, devices, err := webrequest.SpiderPatterns(o.Spider)
	if err != nil {
		return nil, err
	}
	// Null and empty agents differ: the one is absent, the other is a text in
	// which no spider is named.
	spider := fmt.Sprintf("user_agent IS NULL OR user_agent = '-' OR user_agent RLIKE %s", lit(text))
	if len(devices) > 0 {
		// ua-parser is not asked about agents of more than 400 UTF-16 units.
		var any []string
		for _, d := range devices {
			any = append(any, "user_agent RLIKE "+lit(d))
		}
		spider += "\n        OR octet_length(encode(user_agent, 'UTF-16BE')) <= 800 AND (" + strings.Join(any, "\n          OR ") + ")"
	}
	mobile := fmt.Sprintf("uri_host RLIKE %s", lit(mobileHosts))
	accessNeeds := []string{"user_agent", "uri_host"}
	if o.AccessMethod == webrequest.AccessIsMobile {
		mobile = fmt.Sprintf("try_cast(%s AS DOUBLE) = 1", xAnalytics("ismobile"))
		accessNeeds[1] = "x_analytics"
	}
	return []rule{
		{"is_api_request", []string{"uri_host", "uri_path"}, apiRule},
		{"is_pageview", []string{"http_status", "uri_host", "uri_path", "uri_query", "content_type", "user_agent", "x_analytics"}, pageRule(o.Pageview)},
		{"access_method", accessNeeds, fmt.Sprintf("CASE WHEN coalesce(user_agent RLIKE %s, FALSE) THEN 'mobile app' WHEN coalesce(%s, FALSE) THEN 'mobile web' ELSE 'desktop' END", lit(appAgents), mobile)},
		{"agent_type", []string{"user_agent"}, fmt.Sprintf("CASE WHEN %s THEN 'spider' ELSE 'user' END", spider)},
		// Which class it is does not matter to any column, only whether there is
		// one, and that is the referer's presence.
		{"referer_class", []string{"referer"}, "CASE WHEN referer NOT IN ('', '-') THEN 'unknown' ELSE 'none' END"},
	}, nil
}

const apiRule = `coalesce(uri_path LIKE '/w/api.php%' OR uri_path LIKE '/w/rest.php%' OR uri_path RLIKE '^/api/rest_v[0-9]', FALSE)
        OR coalesce(uri_host = 'api.wikimedia.org'
          OR uri_host = 'query.wikidata.org' AND uri_path LIKE '/bigdata/namespace/wdq/sparql%'
          OR uri_host = 'commons-query.wikimedia.org' AND uri_path LIKE '/sparql%'
          OR uri_host = 'stream.wikimedia.org' AND uri_path LIKE '/v2/stream%', FALSE)`

// xAnalytics is the value of a key of X-Analytics, the last of equal keys; ”
// for none.
func xAnalytics(key string) string {
	return fmt.Sprintf("regexp_extract(coalesce(x_analytics, ''), %s, 1)", lit(`(?s)\A(?:.*;)?`+key+`(?:=([^;]*))?(?:;.*)?\z`))
}

// trimmed is java.lang.String's trim.
func trimmed(sql string) string {
	return fmt.Sprintf("regexp_replace(%s, %s, '')", sql, lit(`\A[\x00-\x20]+|[\x00-\x20]+\z`))
}

func pageRule(o webrequest.PageviewRules) string {
	hosts := `\A` + pageHosts
	if o.TrailingDot {
		hosts += `\.?`
	}
	special := "'search', 'recentchanges', 'version', 'viewobject'"
	if o.AllEvents {
		special += ", 'allevents'"
	}
	is, preview, debug := trimmed(xAnalytics("special")), trimmed(xAnalytics("preview")), trimmed(xAnalytics("debug"))
	host := trimmed("lower(uri_host)")
	return fmt.Sprintf(`coalesce(http_status IN ('200', '304') AND length(%s) <= 800 AND %s RLIKE %s
        AND CASE WHEN %s = '' AND %s = '' AND %s = '' THEN TRUE
          WHEN %s = '1' OR %s = '1' THEN FALSE
          ELSE lower(%s) IN (%s) END
        AND CASE WHEN coalesce(contains(user_agent, 'WikipediaApp'), FALSE) THEN %s = '1'
          ELSE content_type IN ('text/html', 'text/html; charset=iso-8859-1', 'text/html; charset=ISO-8859-1', 'text/html; charset=utf-8', 'text/html; charset=UTF-8')
            AND NOT contains(coalesce(uri_path, ''), 'api.php')
            AND (coalesce(uri_path RLIKE %s, FALSE) OR coalesce(uri_query RLIKE %s, FALSE))
            AND NOT contains(coalesce(uri_query, ''), 'action=edit') AND NOT contains(coalesce(uri_query, ''), 'action=submit') END, FALSE)`,
		host, host, lit(hosts+`\z`), is, preview, debug, preview, debug, is, special, trimmed(xAnalytics("pageview")), lit(pagePaths), lit(pageQueries))
}
