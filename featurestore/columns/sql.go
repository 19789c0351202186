package columns

import (
	"fmt"
	"regexp"
	"strings"
)

// The dialects of SQL.
const (
	DuckDB = "duckdb"
	Presto = "presto" // Trino too
)

// Engines are the dialects that SQL writes.
func Engines() []string { return []string{DuckDB, Presto} }

// What SQLOptions.API may be.
const (
	APIColumn = "column" // the table has is_api_request
	APIRules  = "rules"  // Wikimedia's rules, by uri_host and uri_path
	APIKeep   = "keep"   // API requests count
)

// SQLOptions say what the query reads. Tables are names, with schemas and
// catalogues in front if need be.
type SQLOptions struct {
	Engine string // one of Engines; "" is DuckDB
	// Table has wmf.webrequest's columns, the derived ones among them, and dt as
	// text (2024-08-01T00:00:00Z); "" is webrequest.
	Table string
	// Attacks, if not "", is a table of windows: attack, start_dt and end_dt, the
	// latter two as dt is. Without it every Window is one.
	Attacks string
	// Window is month (the default), day or hour.
	Window string
	// Labels, if not "", is a table with ip, month (2024-08) and
	// abuseipdb_isReported, one row for each of the first two. Without it the
	// label is null.
	Labels string
	// API says how API requests are told, which don't count; "" is APIRules.
	API string
	// Where, if not "", is a further condition on the table's columns, such as
	// one on its partitions. It is not checked.
	Where string
}

var tableName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*){0,2}$`)

// IsTableName reports whether a text is a table's name, with schema and
// catalogue in front if need be.
func IsTableName(s string) bool { return tableName.MatchString(s) }

// SQL is the query that gives the rows of a table of requests: month, attack,
// ip, the twelve features and the label. It is the definition that this
// program follows, for engines that can't call it; requests that a log reader
// rejects (no time, no address, a negative size) are left out. Times are UTC
// and addresses are compared as they are written. Errors say which option is
// not good.
func SQL(o SQLOptions) (string, error) {
	for _, d := range []struct{ p, value *string }{{&o.Engine, ptr(DuckDB)}, {&o.Table, ptr("webrequest")}, {&o.Window, ptr("month")}, {&o.API, ptr(APIRules)}} {
		if *d.p == "" {
			*d.p = *d.value
		}
	}
	digits := map[string]int{"month": 7, "day": 10, "hour": 13}[o.Window]
	switch {
	case o.Engine != DuckDB && o.Engine != Presto:
		return "", fmt.Errorf("engine %q is not known; want %s", o.Engine, strings.Join(Engines(), " or "))
	case digits == 0:
		return "", fmt.Errorf("window %q: want month, day or hour", o.Window)
	case o.API != APIColumn && o.API != APIRules && o.API != APIKeep:
		return "", fmt.Errorf("API requests %q: want %s, %s or %s", o.API, APIColumn, APIRules, APIKeep)
	}
	for _, t := range []string{o.Table, o.Attacks, o.Labels} {
		if t != "" && !IsTableName(t) {
			return "", fmt.Errorf("table %q: want a name, as in wmf.webrequest", t)
		}
	}
	var b strings.Builder
	month, attack, group := "substr(w.dt, 1, 7)", fmt.Sprintf("substr(w.dt, 1, %d)", digits), "1, 2, 3"
	from := o.Table + " w"
	if o.Attacks != "" {
		month, attack = "substr(a.start_dt, 1, 7)", "a.attack"
		from += "\n  JOIN " + o.Attacks + " a ON substr(w.dt, 1, 19) >= substr(a.start_dt, 1, 19) AND substr(w.dt, 1, 19) < substr(a.end_dt, 1, 19)"
	}
	fmt.Fprintf(&b, "WITH sluice_rows AS (\n  SELECT %s AS month, %s AS attack, w.ip AS ip", month, attack)
	for i, c := range twelve {
		fmt.Fprintf(&b, ",\n    %s AS %s", features[i], c.Name)
	}
	fmt.Fprintf(&b, "\n  FROM %s\n  WHERE w.dt NOT IN ('', '-') AND w.ip NOT IN ('', '-', 'unknown')\n    AND coalesce(w.response_size, 0) >= 0\n    AND w.cache_status IN ('miss', 'pass', 'int-front')", from)
	if o.Where != "" {
		fmt.Fprintf(&b, "\n    AND %s", o.Where)
	}
	switch o.API {
	case APIColumn:
		b.WriteString("\n    AND NOT coalesce(w.is_api_request, FALSE)")
	case APIRules:
		match := map[string]string{DuckDB: "regexp_matches", Presto: "regexp_like"}[o.Engine]
		fmt.Fprintf(&b, `
    AND NOT coalesce(w.uri_path LIKE '/w/api.php%%' OR w.uri_path LIKE '/w/rest.php%%'
      OR %s(w.uri_path, '^/api/rest_v[0-9]'), FALSE)
    AND NOT coalesce(w.uri_host = 'api.wikimedia.org'
      OR w.uri_host = 'query.wikidata.org' AND w.uri_path LIKE '/bigdata/namespace/wdq/sparql%%'
      OR w.uri_host = 'commons-query.wikimedia.org' AND w.uri_path LIKE '/sparql%%'
      OR w.uri_host = 'stream.wikimedia.org' AND w.uri_path LIKE '/v2/stream%%', FALSE)`, match)
	}
	fmt.Fprintf(&b, "\n  GROUP BY %s\n)\nSELECT r.month, r.attack, r.ip", group)
	for _, c := range twelve {
		fmt.Fprintf(&b, ", r.%s", c.Name)
	}
	if o.Labels == "" {
		fmt.Fprintf(&b, ",\n  CAST(NULL AS BOOLEAN) AS \"%s\"\nFROM sluice_rows r\n", Label)
	} else {
		fmt.Fprintf(&b, ",\n  l.\"%s\" AS \"%s\"\nFROM sluice_rows r\nLEFT JOIN %s l ON l.ip = r.ip AND l.month = r.month\n", Label, Label, o.Labels)
	}
	return b.String(), nil
}

func ptr(s string) *string { return &s }

// features are the twelve as SQL. A share is of the rows in which its column
// says something; "-" and "" say nothing, as NULL does.
var features = [NumFeatures]string{
	RequestCount:               "count(*)",
	ResponseSizeMean:           "CAST(sum(w.response_size) AS DOUBLE) / count(w.response_size)",
	URIQueryCount:              "count(DISTINCT CASE WHEN w.uri_query NOT IN ('', '-') THEN w.uri_query END)",
	NotNullRefererRatio:        share("w.referer NOT IN ('', '-')", "*"),
	UserAgentCount:             "count(DISTINCT CASE WHEN w.user_agent NOT IN ('', '-') THEN w.user_agent ELSE '' END)",
	NotNullAcceptLanguageRatio: share("w.accept_language NOT IN ('', '-')", "*"),
	IsPageviewRatio:            share("w.is_pageview", "w.is_pageview"),
	DesktopRatio:               share("w.access_method = 'desktop'", present("w.access_method")),
	MobileWebRatio:             share("w.access_method = 'mobile web'", present("w.access_method")),
	MobileAppRatio:             share("w.access_method = 'mobile app'", present("w.access_method")),
	NotNullRefererClassRatio:   share("w.referer_class NOT IN ('', '-', 'none')", present("w.referer_class")),
	SpiderRatio:                share("w.agent_type = 'spider'", present("w.agent_type")),
}

func share(of, in string) string {
	return fmt.Sprintf("CAST(count(CASE WHEN %s THEN 1 END) AS DOUBLE) / count(%s)", of, in)
}

func present(column string) string {
	return fmt.Sprintf("CASE WHEN %s NOT IN ('', '-') THEN 1 END", column)
}
