package spark

import (
	"fmt"
	"slices"
	"strings"

	"sluice/featurestore/webrequest"
)

// column is how one column of requests is read from a table. The script reads
// the same list, since only Spark knows what the table has.
type column struct {
	Name string `json:"name"` // webrequest's
	// Types are expressions by the type of the table's column, in which {c} is
	// the column; "" is any other type.
	Types   map[string]string `json:"types"`
	Missing string            `json:"missing"` // where the table has none
}

// derived is a column that is filled by a rule where it is null.
type derived struct {
	Name  string   `json:"name"`
	Own   string   `json:"own"`   // level below
	Needs []string `json:"needs"` // columns that the rule reads
	Rule  string   `json:"rule"`
}

// lit is a text as a literal of Spark SQL.
func lit(s string) string {
	return "'" + strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(s) + "'"
}

const (
	usualTime = `\A[0-9]{4}-[0-9]{2}-[0-9]{2}T(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]Z\z`
	isoTime   = `\A[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ](?:[01][0-9]|2[0-3]):[0-5][0-9]:(?:[0-5][0-9]|60)(?:[.,][0-9]+)?(?: ?(?:Z|z|UTC|GMT|[+-](?:[01][0-9]|2[0-3])(?::?[0-5][0-9])?))?\z`
	zoneAtEnd = `([+-])([0-9]{2}):?([0-9]{2})?\z`
	// The first instant of 1990 and of 2100: what a log's time may lie between.
	minTime int64 = 631152000
	maxTime int64 = 4102444800
)

// textTime reads ISO 8601, a leap second being the next minute's first.
func textTime() string {
	part := func(n int) string { return fmt.Sprintf("regexp_extract({c}, %s, %d)", lit(zoneAtEnd), n) }
	// The usual spelling comes first and takes no look at a zone. A cast to a
	// timestamp would take Spark several times as long as the parts do.
	day := "CAST(unix_date(try_cast(substr({c}, 1, 10) AS DATE)) AS BIGINT) * 86400"
	of := "CAST(substr({c}, 12, 2) AS INT) * 3600 + CAST(substr({c}, 15, 2) AS INT) * 60 + CAST(substr({c}, 18, 2) AS INT)"
	return fmt.Sprintf(`CASE WHEN {c} RLIKE %s THEN %s + %s
        WHEN {c} RLIKE %s THEN %s + %s
        - CASE WHEN length({c}) <= 20 OR %s = '' THEN 0 ELSE CAST(concat(%s, '1') AS BIGINT) * (CAST(%s AS BIGINT) * 3600 + coalesce(try_cast(%s AS BIGINT), 0) * 60) END END`,
		lit(usualTime), day, of, lit(isoTime), day, of, part(1), part(1), part(2), part(3))
}

// numberTime reads seconds, milli-, micro- or nanoseconds since 1970: their
// ranges between 1990 and 2100 don't overlap.
func numberTime() string {
	var b strings.Builder
	b.WriteString("CASE")
	for _, unit := range []int64{1e9, 1e6, 1e3} {
		fmt.Fprintf(&b, " WHEN {c} >= %dL AND {c} < %dL THEN {c} div %d", minTime*unit, maxTime*unit, unit)
	}
	b.WriteString(" ELSE CAST({c} AS BIGINT) END")
	return b.String()
}

const noText = "CAST(NULL AS STRING)"

// sourceColumns are the columns of requests as a table has them.
func sourceColumns(f webrequest.Filter) []column {
	// A table without cache_status is not filtered by it.
	cached := noText
	if len(f.CacheStatus) > 0 {
		cached = lit(f.CacheStatus[0])
	}
	text := func(name string) column {
		return column{name, map[string]string{"string": "{c}", "": "CAST({c} AS STRING)"}, noText}
	}
	// form is a text that is brought into one form.
	form := func(name, as string) column {
		return column{name, map[string]string{"string": fmt.Sprintf(as, "{c}"), "": fmt.Sprintf(as, "CAST({c} AS STRING)")}, noText}
	}
	boolean := func(name string) column {
		return column{name, map[string]string{"boolean": "{c}", "": "CASE WHEN CAST({c} AS STRING) IN ('true', 'True', 'TRUE', 't', '1') THEN TRUE WHEN CAST({c} AS STRING) IN ('false', 'False', 'FALSE', 'f', '0') THEN FALSE END"}, "CAST(NULL AS BOOLEAN)"}
	}
	return []column{
		{"dt", map[string]string{"string": textTime(), "timestamp": "unix_seconds({c})", "timestamp_ntz": "unix_date(CAST({c} AS DATE)) * 86400L + hour({c}) * 3600 + minute({c}) * 60 + CAST(floor(second({c})) AS BIGINT)", "bigint": numberTime(), "int": numberTime()}, ""},
		{"ip", map[string]string{"string": "{c}"}, ""},
		{"cache_status", text("").Types, cached}, form("http_status", "CASE WHEN %[1]s LIKE '%%.0' THEN substr(%[1]s, 1, length(%[1]s) - 2) ELSE %[1]s END"),
		{"response_size", map[string]string{
			"bigint": "{c}", "int": "CAST({c} AS BIGINT)",
			"": "CASE WHEN {c} IS NULL OR CAST({c} AS STRING) IN ('', '\\\\N', 'NULL', 'null', 'NaN', 'nan') THEN NULL WHEN CAST({c} AS STRING) = '-' THEN 0 ELSE coalesce(try_cast(regexp_extract(CAST({c} AS STRING), '\\\\A[+]?([0-9]+)(?:[.]0*)?\\\\z', 1) AS BIGINT), -1) END",
		}, "CAST(NULL AS BIGINT)"},
		text("http_method"), text("uri_host"), text("uri_path"),
		// The mark is the query's, whether a log writes it or not.
		form("uri_query", "CASE WHEN %[1]s LIKE '?%%' THEN %[1]s WHEN %[1]s NOT IN ('', '-') THEN concat('?', %[1]s) END"),
		text("content_type"), text("referer"),
		text("user_agent"), text("accept_language"), text("x_analytics"),
		boolean("is_pageview"), boolean("is_api_request"), text("access_method"), text("agent_type"), text("referer_class"),
	}
}

// level0 are the names under which sourceColumns are handed on, where they
// differ.
var level0 = map[string]string{
	"dt": "t", "ip": "ip_text", "is_pageview": "own_is_pageview", "is_api_request": "own_is_api_request",
	"access_method": "own_access_method", "agent_type": "own_agent_type", "referer_class": "own_referer_class",
}

// derivedColumns are those that rules fill. With again they are computed anew,
// whatever the table has.
func derivedColumns(o webrequest.Options) ([]derived, error) {
	rs, err := rules(o)
	if err != nil {
		return nil, err
	}
	var out []derived
	for _, r := range rs {
		own := "own_" + r.column
		switch r.column {
		case "access_method", "agent_type", "referer_class":
			own = fmt.Sprintf("CASE WHEN %s NOT IN ('', '-') THEN %s END", own, own)
		}
		if o.Derive {
			own = "CAST(NULL AS STRING)"
			if strings.HasPrefix(r.column, "is_") {
				own = "CAST(NULL AS BOOLEAN)"
			}
		}
		out = append(out, derived{r.column, own, r.needs, r.sql})
	}
	return out, nil
}

// webrequestTypes are the columns of wmf.webrequest that are read, by its DDL.
var webrequestTypes = map[string]string{
	"dt": "string", "ip": "string", "cache_status": "string", "http_status": "string", "response_size": "bigint",
	"http_method": "string", "uri_host": "string", "uri_path": "string", "uri_query": "string", "content_type": "string",
	"referer": "string", "user_agent": "string", "accept_language": "string", "x_analytics": "string",
	"is_pageview": "boolean", "is_api_request": "boolean", "access_method": "string", "agent_type": "string", "referer_class": "string",
}

// selectSource is the innermost level of the query, over a table whose columns
// have the types given. The script does the same for what it finds.
func selectSource(table, where string, types map[string]string, cs []column, ds []derived) string {
	var b strings.Builder
	b.WriteString("SELECT *")
	for _, d := range ds {
		sql := d.Own
		if !slices.ContainsFunc(d.Needs, func(n string) bool { return types[n] == "" }) {
			sql = fmt.Sprintf("coalesce(%s, %s)", d.Own, d.Rule)
		}
		fmt.Fprintf(&b, ",\n      %s AS %s", sql, d.Name)
	}
	b.WriteString("\n    FROM (SELECT ")
	for i, c := range cs {
		if i > 0 {
			b.WriteString(",\n        ")
		}
		sql := c.Missing
		if typ := types[c.Name]; typ != "" {
			var ok bool
			if sql, ok = c.Types[typ]; !ok {
				sql = c.Types[""]
			}
			sql = strings.ReplaceAll(sql, "{c}", "`"+c.Name+"`")
		}
		name := c.Name
		if n := level0[name]; n != "" {
			name = n
		}
		fmt.Fprintf(&b, "%s AS %s", sql, name)
	}
	fmt.Fprintf(&b, "\n      FROM %s", table)
	if where != "" {
		fmt.Fprintf(&b, "\n      WHERE %s", where)
	}
	b.WriteString(")")
	return b.String()
}
