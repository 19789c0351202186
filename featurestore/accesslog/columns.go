package accesslog

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"sluice/featurestore/fault"
	"sluice/featurestore/webrequest"
)

// column is a column that a log may carry: webrequest's, and the two that hold
// several of them in one field.
type column uint8

const (
	colNone column = iota
	colDT
	colIP
	colStatus
	colSize
	colMethod
	colHost
	colPath
	colQuery
	colRequest   // "GET /a?b HTTP/1.1"
	colTarget    // "/a?b"
	colType      // response header Content-Type
	colReferer   // request headers from here
	colUserAgent //
	colLanguage  //
	colXAnalytics
	colXFF
	colCache
	colFirstbyte
	colIsPageview
	colIsAPI
	colAccess
	colAgentType
	colRefererClass
	colHostname
	colSequence
	numColumns
)

// columnFacts is one column's name, the fields of a Request that it fills, and
// the names under which logs carry it, best first. Names are compared in the
// form that plainName gives them.
var columnFacts = [numColumns]struct {
	name     string
	fields   webrequest.Field
	synonyms []string
}{
	colNone: {"", 0, nil},
	colDT: {"dt", webrequest.FieldDT, []string{"dt", "time_iso8601", "timestamp", "msec", "ts", "time", "time_local",
		"datetime", "date_time", "event_time", "request_timestamp"}},
	colIP: {"ip", webrequest.FieldIP, []string{"ip", "client_ip", "remote_addr", "remote_ip", "remoteip", "remote_address",
		"remoteaddr", "clientip", "ip_address", "client_address", "source_ip", "src_ip", "c_ip", "client",
		"request.client_ip", "request.remote_ip", "request.remote_addr"}},
	colStatus: {"http_status", webrequest.FieldHTTPStatus, []string{"http_status", "status", "status_code", "statuscode",
		"response_code", "http_code", "sc_status", "response"}},
	colSize: {"response_size", webrequest.FieldResponseSize, []string{"response_size", "body_bytes_sent", "bytes_sent",
		"bytessent", "size", "bytes", "response_bytes", "bytes_out", "sc_bytes", "content_length"}},
	colMethod: {"http_method", webrequest.FieldHTTPMethod, []string{"http_method", "request_method", "requestmethod",
		"method", "verb", "cs_method", "request.method"}},
	colHost: {"uri_host", webrequest.FieldURIHost, []string{"uri_host", "host", "http_host", "vhost", "virtual_host",
		"virtualhost", "domain", "server_name", "servername", "cs_host", "request.host"}},
	colPath: {"uri_path", webrequest.FieldURIPath, []string{"uri_path", "request_path", "requestpath", "path", "cs_uri_stem"}},
	colQuery: {"uri_query", webrequest.FieldURIQuery, []string{"uri_query", "query_string", "querystring", "query",
		"args", "cs_uri_query"}},
	colRequest: {"request", webrequest.FieldHTTPMethod | webrequest.FieldURIPath | webrequest.FieldURIQuery,
		[]string{"request", "request_line", "requestline"}},
	colTarget: {"request_uri", webrequest.FieldURIPath | webrequest.FieldURIQuery, []string{"request_uri", "requesturi",
		"url", "endpoint", "resource", "uri", "request_url", "request.uri"}},
	colType: {"content_type", webrequest.FieldContentType, []string{"content_type", "sent_http_content_type", "contenttype",
		"mime_type", "resp_headers.content_type"}},
	colReferer: {"referer", webrequest.FieldReferer, []string{"referer", "http_referer", "referrer", "http_referrer",
		"request.headers.referer"}},
	colUserAgent: {"user_agent", webrequest.FieldUserAgent, []string{"user_agent", "http_user_agent", "useragent", "agent",
		"request.headers.user_agent"}},
	colLanguage: {"accept_language", webrequest.FieldAcceptLanguage, []string{"accept_language", "http_accept_language",
		"request.headers.accept_language"}},
	colXAnalytics: {"x_analytics", webrequest.FieldXAnalytics, []string{"x_analytics"}},
	colXFF: {"x_forwarded_for", webrequest.FieldXForwardedFor, []string{"x_forwarded_for", "http_x_forwarded_for", "xff",
		"request.headers.x_forwarded_for"}},
	colCache: {"cache_status", webrequest.FieldCacheStatus, []string{"cache_status", "upstream_cache_status"}},
	colFirstbyte: {"time_firstbyte", webrequest.FieldTimeFirstbyte, []string{"time_firstbyte", "request_time",
		"response_time", "duration"}},
	colIsPageview:   {"is_pageview", webrequest.FieldIsPageview, []string{"is_pageview"}},
	colIsAPI:        {"is_api_request", webrequest.FieldIsAPIRequest, []string{"is_api_request"}},
	colAccess:       {"access_method", webrequest.FieldAccessMethod, []string{"access_method"}},
	colAgentType:    {"agent_type", webrequest.FieldAgentType, []string{"agent_type"}},
	colRefererClass: {"referer_class", webrequest.FieldRefererClass, []string{"referer_class"}},
	colHostname:     {"hostname", webrequest.FieldHostname, []string{"hostname"}},
	colSequence:     {"sequence", webrequest.FieldSequence, []string{"sequence"}},
}

func columnByName(name string) (column, bool) {
	for c := colDT; c < numColumns; c++ {
		if columnFacts[c].name == name {
			return c, true
		}
	}
	return colNone, false
}

func columnNames() []string {
	names := make([]string, 0, numColumns-1)
	for c := colDT; c < numColumns; c++ {
		names = append(names, columnFacts[c].name)
	}
	return names
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

// plainName is a field's name as it is compared: lower case, "_" for blanks
// and hyphens, without nginx's "$" and Elastic's "@".
func plainName(s string) string {
	s = strings.ToLower(strings.TrimLeft(strings.TrimSpace(s), "$@"))
	return strings.Map(func(r rune) rune {
		if r == '-' || r == ' ' {
			return '_'
		}
		return r
	}, s)
}

// layout says which field of a log holds which column.
type layout struct {
	source    [numColumns]string // the log's name of the field; "" where it has none
	available webrequest.Field
	ignored   []string // fields that no column is read from, sorted
}

// newLayout chooses a source for each column among the fields a log has. A
// mapping wins; otherwise the column's first synonym that is there.
func newLayout(fields []string, o Options) (*layout, error) {
	byName := map[string]string{}
	fields = slices.Clone(fields)
	slices.Sort(fields)
	for _, f := range fields {
		if p := plainName(f); byName[p] == "" {
			byName[p] = f
		}
	}
	l := &layout{}
	mapped := map[string]bool{}
	for _, f := range o.Mapping {
		mapped[f] = true
	}
	for c := colDT; c < numColumns; c++ {
		facts := &columnFacts[c]
		if want := o.Mapping[facts.name]; want != "" {
			if !slices.Contains(fields, want) {
				return nil, mappingFault(facts.name, want, fields)
			}
			l.source[c] = want
			continue
		}
		for _, s := range facts.synonyms {
			if f := byName[s]; f != "" && !mapped[f] {
				l.source[c] = f
				break
			}
		}
	}
	// Behind a trusted proxy the walk must start at the peer, not at an
	// address that some other program took from the header.
	if len(o.TrustedProxies) > 0 && o.Mapping["ip"] == "" {
		for _, s := range []string{"request.remote_ip", "request.remote_addr"} {
			if f := byName[s]; f != "" {
				l.source[colIP] = f
				break
			}
		}
	}
	l.settleRequest(o)
	used := map[string]bool{}
	for c, f := range l.source {
		if f != "" {
			used[f] = true
			l.available |= columnFacts[c].fields
		}
	}
	for _, f := range fields {
		if !used[f] {
			l.ignored = append(l.ignored, f)
		}
	}
	return l, nil
}

// settleRequest keeps one source of method, path and query: separate fields if
// the log has them, else the request line, else a target with path and query.
func (l *layout) settleRequest(o Options) {
	drop := func(cols ...column) {
		for _, c := range cols {
			if o.Mapping[columnFacts[c].name] == "" {
				l.source[c] = ""
			}
		}
	}
	has := func(c column) bool { return l.source[c] != "" }
	switch {
	case has(colRequest) && o.Mapping["request"] != "", has(colRequest) && !has(colPath) && o.Mapping["request_uri"] == "" && o.Mapping["uri_path"] == "":
		drop(colMethod, colPath, colQuery, colTarget)
	case has(colTarget) && (o.Mapping["request_uri"] != "" || !has(colPath)):
		drop(colRequest, colPath)
		// nginx's $uri is a path and $args its query; a target of another
		// name has its query in it.
		if n := plainName(l.source[colTarget]); n != "uri" && n != "url" && n != "endpoint" && n != "resource" {
			drop(colQuery)
		}
	default:
		drop(colRequest, colTarget)
	}
}

func mappingFault(name, want string, fields []string) error {
	return fault.Field(fault.Invalid, "mapping", "mapping of column %q: the log has no field %q; it has %s", name, want, listOf(fields))
}

// listOf names at most thirty fields, shortened: they come from a file.
func listOf(fields []string) string {
	if len(fields) == 0 {
		return "none"
	}
	var b strings.Builder
	for i, f := range fields {
		if i == 30 {
			fmt.Fprintf(&b, " and %d more", len(fields)-i)
			break
		}
		if i > 0 {
			b.WriteString(", ")
		}
		if len(f) > 40 {
			f = f[:40] + "..."
		}
		fmt.Fprintf(&b, "%q", f)
	}
	return b.String()
}
