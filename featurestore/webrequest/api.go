package webrequest

import "strings"

// IsAPIRequest is Wikimedia's is_api_request: the wikis' APIs by path, the
// query, commons-query, stream and api hosts by name. Host and path are
// compared as logged, byte by byte; status, method and agent don't matter.
func IsAPIRequest(uriHost, uriPath string) bool {
	const (
		rest   = "/api/rest_v"
		sparql = "/bigdata/namespace/wdq/sparql"
	)
	switch {
	case strings.HasPrefix(uriPath, "/w/api.php"), strings.HasPrefix(uriPath, "/w/rest.php"):
		return true
	case strings.HasPrefix(uriPath, rest) && len(uriPath) > len(rest) && class[uriPath[len(rest)]]&isDigit != 0:
		return true
	}
	switch uriHost {
	case "api.wikimedia.org":
		return true
	case "query.wikidata.org":
		return strings.HasPrefix(uriPath, sparql)
	case "commons-query.wikimedia.org":
		return strings.HasPrefix(uriPath, "/sparql")
	case "stream.wikimedia.org":
		return strings.HasPrefix(uriPath, "/v2/stream")
	}
	return false
}
