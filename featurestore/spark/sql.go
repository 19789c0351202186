package spark

import (
	"fmt"
	"slices"
	"strings"

	"sluice/featurestore/attack"
	"sluice/featurestore/columns"
	"sluice/featurestore/fault"
	"sluice/featurestore/webrequest"
)

// Options say what the rows are made of.
type Options struct {
	// Windows are what requests are matched with, in the order of row keys
	// (month, then name), as attack.Set.Windows, Months and Hours give them.
	Windows []attack.Window
	// Web says how null derived columns are filled; its profile is
	// webrequest.Wikimedia.
	Web webrequest.Options
	// Filter says which requests count.
	Filter webrequest.Filter
	// Approximate counts distinct values with HyperLogLog++ (Heule, Nunkesser and
	// Hall 2013, as Spark has it), at a relative standard deviation of
	// ApproximateError. It takes one shuffle of a record per address and hour;
	// what needs each path, agent and second by itself is missing then.
	Approximate bool
}

// ApproximateError is the relative standard deviation of approximate counts.
const ApproximateError = 0.01

func (o *Options) check() error {
	if o.Web.Profile == "" {
		o.Web = webrequest.DefaultOptions(webrequest.Wikimedia)
	}
	if o.Web.Profile != webrequest.Wikimedia {
		return fault.Field(fault.Unsupported, "profile", "Spark computes rows by the profile %s only; the rules of %q need this program to read the logs", webrequest.Wikimedia, o.Web.Profile)
	}
	if len(o.Web.TrustedProxies) > 0 {
		return fault.Field(fault.Unsupported, "trusted-proxies", "trusted proxies are not followed on Spark; webrequest's ip is the client already")
	}
	if err := o.Web.Validate(); err != nil {
		return err
	}
	return checkWindows(o.Windows)
}

// source stands in a query for the innermost level, which the script writes.
const source = "{{source}}"

// probePattern is aggregate.IsProbe as a java.util.regex pattern.
const probePattern = `(?i)(?:\A|/)(?:\.(?!/|\z)(?!well-known(?:/|\z))|%2e|` +
	`(?:wp-login\.php|xmlrpc\.php|wlwmanifest\.xml|wp-config\.php|wp-config\.php\.txt|phpmyadmin|pma|myadmin|mysqladmin|adminer\.php|phpinfo\.php` +
	`|cgi-bin|server-status|actuator|_ignition|telescope|phpunit|eval-stdin\.php|boaform|hnap1|gponform|jmx-console|solr|_profiler|web\.config|invoker` +
	`|shell\.php|alfa\.php|wso\.php|c99\.php|r57\.php|setup\.cgi|id_rsa|credentials|docker-compose\.yml)(?:/|\z)` +
	`|[^/]+(?:\.bak|\.backup|\.old|\.orig|\.save|\.swp|\.swo|~|\.sql|\.sql\.gz|\.sql\.zip|\.dump)(?:/|\z))`

const okStatus = `\A(?:[0-9]{3}|[0-9-][0-9]|[0-9-])?\z`

// requests are the common tables up to the requests that count: window, ip, t
// and what is counted of each.
func requests(o *Options, from string, stop string) string {
	var b strings.Builder
	fmt.Fprintf(&b, `WITH sluice_windows AS (
  SELECT win, begins, ends, explode(sequence(begins div 3600, (ends - 1) div 3600)) AS window_hour
  FROM VALUES
    %s
    AS v(win, attack, month, begins, ends)
),
sluice_source AS (
    %s
)`, windowRows(o.Windows), from)
	last := "sluice_source"
	for i, step := range addressSteps() {
		name := fmt.Sprintf("sluice_address_%d", i+1)
		fmt.Fprintf(&b, ",\n%s AS (\n  SELECT *,\n      %s\n  FROM %s\n)", name, strings.Join(step, ",\n      "), last)
		last = name
	}
	fmt.Fprintf(&b, `,
sluice_read AS (
  SELECT *, CASE WHEN user_agent NOT IN ('', '-') THEN user_agent ELSE '' END AS agent,
      coalesce(uri_path, '') AS path
  FROM %s
)`, last)
	if stop == "read" {
		return b.String()
	}
	fmt.Fprintf(&b, `,
sluice_requests AS (
  SELECT /*+ BROADCAST(w) */ w.win, r.*
  FROM sluice_read r
  JOIN sluice_windows w ON w.window_hour = r.t div 3600 AND r.t >= w.begins AND r.t < w.ends
  WHERE %s
)`, strings.Join(conditions(o), "\n    AND "))
	return b.String()
}

// outcomes are why a request is in no row, in the order in which they are
// looked for, as conditions that are true or false.
func outcomes(o *Options) [][2]string {
	out := [][2]string{
		{"time", fmt.Sprintf("coalesce(r.t < %d OR r.t >= %d, TRUE)", minTime, maxTime)},
		{"address", "r.address IS NULL"},
		{"status", fmt.Sprintf("NOT coalesce(r.http_status, '') RLIKE %s", lit(okStatus))},
		{"size", "coalesce(r.response_size < 0, FALSE)"},
	}
	if len(o.Filter.CacheStatus) > 0 {
		var values []string
		for _, v := range slices.Sorted(slices.Values(o.Filter.CacheStatus)) {
			values = append(values, lit(v))
		}
		out = append(out, [2]string{"cache", fmt.Sprintf("NOT coalesce(r.cache_status IN (%s), FALSE)", strings.Join(values, ", "))})
	}
	if o.Filter.ExcludeAPI {
		out = append(out, [2]string{"api", "coalesce(r.is_api_request, FALSE)"})
	}
	return out
}

func conditions(o *Options) []string {
	var out []string
	for _, c := range outcomes(o)[1:] { // the windows, clipped, see to the time
		out = append(out, "NOT ("+c[1]+")")
	}
	return out
}

// sums are the integers that add up over hours.
var sums = []struct{ name, sql string }{
	{"requests", "count(*)"},
	{"size_hi", "sum(shiftright(response_size, 32))"},
	{"size_lo", "sum(response_size & 4294967295L)"},
	{"size_rows", "count(response_size)"},
	{"referers", "count_if(referer NOT IN ('', '-'))"},
	{"languages", "count_if(accept_language NOT IN ('', '-'))"},
	{"pageviews", "count_if(is_pageview)"},
	{"pageview_rows", "count(is_pageview)"},
	{"referer_classes", "count_if(referer_class <> 'none')"},
	{"referer_class_rows", "count(referer_class)"},
	{"spiders", "count_if(agent_type = 'spider')"},
	{"agent_type_rows", "count(agent_type)"},
	{"desktop", "count_if(access_method = 'desktop')"},
	{"mobile_web", "count_if(access_method = 'mobile web')"},
	{"mobile_app", "count_if(access_method = 'mobile app')"},
	{"access_rows", "count(access_method)"},
	{"status_rows", "count_if(length(http_status) = 3 AND substr(http_status, 1, 1) BETWEEN '1' AND '9')"},
	{"status_3xx", "count_if(length(http_status) = 3 AND substr(http_status, 1, 1) = '3')"},
	{"status_4xx", "count_if(length(http_status) = 3 AND substr(http_status, 1, 1) = '4')"},
	{"status_5xx", "count_if(length(http_status) = 3 AND substr(http_status, 1, 1) = '5')"},
	{"posts", "count_if(http_method = 'POST')"},
	{"probes", "count_if(path RLIKE " + lit(probePattern) + ")"},
	{"crawlers", "count_if(contains(agent, '://') OR contains(agent, '@') OR contains(agent, '+www.'))"},
}

// groups are the common tables from requests to one record a row: sluice_sums,
// sluice_values, sluice_agents.
func groups(o *Options) string {
	var b strings.Builder
	b.WriteString(",\nsluice_hours AS (\n  SELECT win, address, t div 3600 AS hour")
	for _, s := range sums {
		fmt.Fprintf(&b, ",\n    %s AS %s", s.sql, s.name)
	}
	b.WriteString(",\n    min(t) AS first_at, max(t) AS last_at\n  FROM sluice_requests\n  GROUP BY win, address, t div 3600\n),\nsluice_sums AS (\n  SELECT win, address")
	for _, s := range sums {
		fmt.Fprintf(&b, ", sum(%s) AS %s", s.name, s.name)
	}
	b.WriteString(`,
    min(first_at) AS first_at, max(last_at) AS last_at, sort_array(collect_list(named_struct('hour', hour, 'requests', requests))) AS hours
  FROM sluice_hours
  GROUP BY win, address
),
`)
	if o.Approximate {
		fmt.Fprintf(&b, `sluice_values AS (
  SELECT win, address, approx_count_distinct(uri_query, %[1]v) AS queries, approx_count_distinct(path, %[1]v) AS paths, approx_count_distinct(agent, %[1]v) AS agents
  FROM sluice_requests
  GROUP BY win, address
)`, ApproximateError)
		return b.String()
	}
	b.WriteString(`sluice_each_value AS (
  SELECT win, address, v.kind, v.value, count(*) AS requests
  FROM sluice_requests LATERAL VIEW explode(array(
    named_struct('kind', 'query', 'value', uri_query), named_struct('kind', 'path', 'value', path), named_struct('kind', 'time', 'value', CAST(t AS STRING)))) AS v
  WHERE v.value IS NOT NULL
  GROUP BY win, address, v.kind, v.value
),
sluice_alike AS (
  SELECT win, address, kind, CASE WHEN kind = 'path' THEN requests ELSE 0 END AS requests, count(*) AS distinct_values,
    collect_list(CASE WHEN kind = 'time' THEN CAST(value AS BIGINT) END) AS times
  FROM sluice_each_value
  GROUP BY win, address, kind, CASE WHEN kind = 'path' THEN requests ELSE 0 END
),
sluice_values AS (
  SELECT win, address, coalesce(sum(CASE WHEN kind = 'query' THEN distinct_values END), 0) AS queries, coalesce(sum(CASE WHEN kind = 'path' THEN distinct_values END), 0) AS paths,
    sort_array(collect_list(CASE WHEN kind = 'path' THEN named_struct('requests', requests, 'paths', distinct_values) END)) AS path_requests,
    sort_array(flatten(collect_list(CASE WHEN kind = 'time' THEN times END))) AS times
  FROM sluice_alike
  GROUP BY win, address
),
sluice_each_agent AS (
  SELECT win, address, agent FROM sluice_requests GROUP BY win, address, agent
),
sluice_agent_ips AS (
  SELECT win, agent, count(*) AS ips FROM sluice_each_agent GROUP BY win, agent
),
sluice_agents AS (
  SELECT e.win, e.address, count(*) AS agents, max(a.ips) AS agent_ips
  FROM sluice_each_agent e JOIN sluice_agent_ips a ON a.win = e.win AND a.agent = e.agent
  GROUP BY e.win, e.address
)`)
	return b.String()
}

// rowsQuery is the query that Build runs: integers, one record a row, in order
// of keys.
func rowsQuery(o *Options) string {
	var b strings.Builder
	b.WriteString(requests(o, source, ""))
	b.WriteString(groups(o))
	agents := "LEFT JOIN sluice_agents a ON a.win = s.win AND a.address = s.address"
	more := "a.agents, a.agent_ips, v.path_requests, v.times"
	if o.Approximate {
		agents = ""
		more = "v.agents, CAST(NULL AS BIGINT) AS agent_ips, CAST(NULL AS ARRAY<STRUCT<requests: BIGINT, paths: BIGINT>>) AS path_requests, CAST(NULL AS ARRAY<BIGINT>) AS times"
	}
	fmt.Fprintf(&b, `,
sluice_joined AS (
  SELECT s.*, v.queries, v.paths, %s
  FROM sluice_sums s
  JOIN sluice_values v ON v.win = s.win AND v.address = s.address
  %s
),
sluice_gaps AS (
  SELECT *, sort_array(transform(slice(times, 2, greatest(size(times) - 1, 0)), (x, i) -> x - times[i])) AS gaps
  FROM sluice_joined
)
SELECT win, address`, more, agents)
	for _, s := range sums {
		fmt.Fprintf(&b, ", %s", s.name)
	}
	b.WriteString(", first_at, last_at, hours, queries, paths, agents, agent_ips, path_requests")
	for q := 1; q <= 3; q++ {
		fmt.Fprintf(&b, ",\n  %s AS gap_q%d", quartile(q), q)
	}
	fmt.Fprintf(&b, `,
  count(*) OVER (PARTITION BY win, %[1]s) AS prefix_ips, sum(requests) OVER (PARTITION BY win, %[1]s) AS prefix_requests
FROM sluice_gaps
ORDER BY win, address`, prefixOf)
	return b.String()
}

// quartile is the q-th of the gaps between requests, in quarters of a second,
// by linear interpolation between ranks: requests of one second are 0 apart,
// the others as the sorted gaps say.
func quartile(q int) string {
	at := func(i string) string {
		return fmt.Sprintf("CASE WHEN %[1]s < requests - 1 - size(gaps) THEN 0 ELSE gaps[CAST(%[1]s - (requests - 1 - size(gaps)) AS INT)] END", i)
	}
	k, rest := fmt.Sprintf("(%d * (requests - 2) div 4)", q), fmt.Sprintf("(%d * (requests - 2) %% 4)", q)
	return fmt.Sprintf("CASE WHEN requests < 2 OR gaps IS NULL THEN NULL WHEN %s = 0 THEN 4 * (%s) ELSE (4 - %s) * (%s) + %s * (%s) END", rest, at(k), rest, at(k), rest, at(k+" + 1"))
}

// countsQuery says what became of the requests that were read.
func countsQuery(o *Options) string {
	var b strings.Builder
	b.WriteString(requests(o, source, "read"))
	b.WriteString("\nSELECT CASE")
	for _, c := range outcomes(o) {
		fmt.Fprintf(&b, "\n    WHEN %s THEN '%s'", c[1], c[0])
	}
	b.WriteString("\n    ELSE 'counted' END AS outcome, count(*) AS requests\nFROM sluice_read r\nGROUP BY 1")
	return b.String()
}

// PrintOptions say what Query reads besides.
type PrintOptions struct {
	Table  string // wmf.webrequest where ""
	Source string // webrequest_source; "" is all
	Labels string // a table with ip, month and abuseipdb_isReported; "" for none
}

// Query is the query that gives the thirteen columns from wmf.webrequest, to be
// read and run by people: month, attack, ip, the twelve, the label. It has the
// common tables that Build runs, and leaves partitions outside the windows
// alone. Errors say which option is not good.
func Query(o Options, p PrintOptions) (string, error) {
	if err := o.check(); err != nil {
		return "", err
	}
	if p.Table == "" {
		p.Table = "wmf.webrequest"
	}
	if strings.ContainsAny(p.Source, `'\`) {
		return "", fault.Field(fault.Usage, "webrequest-source", "webrequest_source %q: want a plain word, as in text", p.Source)
	}
	for _, t := range []string{p.Table, p.Labels} {
		if t != "" && !columns.IsTableName(t) {
			return "", fault.Field(fault.Usage, "table", "table %q: want a name, as in wmf.webrequest", t)
		}
	}
	ds, err := derivedColumns(o.Web)
	if err != nil {
		return "", err
	}
	where := PruneTable(p.Source, o.Windows)
	var b strings.Builder
	b.WriteString(requests(&o, selectSource(p.Table, where, webrequestTypes, sourceColumns(o.Filter), ds), ""))
	share := func(n, of string) string {
		return fmt.Sprintf("CAST(count_if(%s) AS DOUBLE) / nullif(count(%s), 0)", n, of)
	}
	distinct := func(what string) string { return fmt.Sprintf("count(DISTINCT %s)", what) }
	if o.Approximate {
		distinct = func(what string) string { return fmt.Sprintf("approx_count_distinct(%s, %v)", what, ApproximateError) }
	}
	values := [columns.NumFeatures]string{
		columns.RequestCount:               "count(*)",
		columns.ResponseSizeMean:           "CAST(sum(CAST(response_size AS DECIMAL(20, 0))) AS DOUBLE) / nullif(count(response_size), 0)",
		columns.URIQueryCount:              distinct("uri_query"),
		columns.NotNullRefererRatio:        share("referer NOT IN ('', '-')", "*"),
		columns.UserAgentCount:             distinct("agent"),
		columns.NotNullAcceptLanguageRatio: share("accept_language NOT IN ('', '-')", "*"),
		columns.IsPageviewRatio:            share("is_pageview", "is_pageview"),
		columns.DesktopRatio:               share("access_method = 'desktop'", "access_method"),
		columns.MobileWebRatio:             share("access_method = 'mobile web'", "access_method"),
		columns.MobileAppRatio:             share("access_method = 'mobile app'", "access_method"),
		columns.NotNullRefererClassRatio:   share("referer_class <> 'none'", "referer_class"),
		columns.SpiderRatio:                share("agent_type = 'spider'", "agent_type"),
	}
	b.WriteString(",\nsluice_rows AS (\n  SELECT win, address")
	for i, name := range columns.Names() {
		fmt.Fprintf(&b, ",\n    %s AS %s", values[i], name)
	}
	b.WriteString("\n  FROM sluice_requests\n  GROUP BY win, address\n)")
	last := "sluice_rows"
	for i, step := range textSteps() {
		name := fmt.Sprintf("sluice_text_%d", i+1)
		fmt.Fprintf(&b, ",\n%s AS (\n  SELECT *, %s\n  FROM %s\n)", name, step, last)
		last = name
	}
	fmt.Fprintf(&b, "\nSELECT n.month, n.attack, r.ip, %s", strings.Join(prefixed("r.", columns.Names()), ", "))
	label, join := "CAST(NULL AS BOOLEAN)", ""
	if p.Labels != "" {
		label, join = "l."+columns.Label, fmt.Sprintf("\nLEFT JOIN %s l ON l.ip = r.ip AND l.month = n.month", p.Labels)
	}
	fmt.Fprintf(&b, ",\n  %s AS %s\nFROM %s r\nJOIN VALUES\n    %s\n    AS n(win, attack, month, begins, ends) ON n.win = r.win%s\n", label, columns.Label, last, windowRows(o.Windows), join)
	return b.String(), nil
}

func prefixed(with string, names []string) []string {
	out := make([]string, len(names))
	for i, n := range names {
		out[i] = with + n
	}
	return out
}
