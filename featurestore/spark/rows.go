package spark

import (
	"fmt"
	"strings"

	"sluice/featurestore/columns"
)

// A request is scanned once. It is counted in one group of each kind: those of
// its address and query, path, agent, second and flags. So a value is counted
// before its address is, and no task holds all requests of an address. What is
// in no window has no address, and minus one minus its outcome for flags. The
// kinds' numbers are Spark's grouping_id() of eachKeys.
const (
	kindQuery = 0b0001111
	kindPath  = 0b0010111
	kindAgent = 0b0011011
	kindTime  = 0b0011101
	kindFlags = 0b0011110

	eachKeys = "win, address, query, path, agent, t, flags"
)

// bits are what a request can be, each a bit of its flags.
var bits = []struct{ name, sql string }{
	{"size_rows", "response_size IS NOT NULL"},
	{"referers", "referer NOT IN ('', '-')"},
	{"languages", "accept_language NOT IN ('', '-')"},
	{"pageviews", "is_pageview"},
	{"pageview_rows", "is_pageview IS NOT NULL"},
	{"referer_classes", "referer_class <> 'none'"},
	{"referer_class_rows", "referer_class IS NOT NULL"},
	{"spiders", "agent_type = 'spider'"},
	{"agent_type_rows", "agent_type IS NOT NULL"},
	{"desktop", "access_method = 'desktop'"},
	{"mobile_web", "access_method = 'mobile web'"},
	{"mobile_app", "access_method = 'mobile app'"},
	{"access_rows", "access_method IS NOT NULL"},
	{"status_rows", "length(http_status) = 3 AND substr(http_status, 1, 1) BETWEEN '1' AND '9'"},
	{"status_3xx", "length(http_status) = 3 AND substr(http_status, 1, 1) = '3'"},
	{"status_4xx", "length(http_status) = 3 AND substr(http_status, 1, 1) = '4'"},
	{"status_5xx", "length(http_status) = 3 AND substr(http_status, 1, 1) = '5'"},
	{"posts", "http_method = 'POST'"},
	{"robots", pathOf + " = '/robots.txt'"},
	{"crawlers", "contains(user_agent, '://') OR contains(user_agent, '@') OR contains(user_agent, '+www.')"},
}

// isProbe looks for the pattern in a path; it is dear, and so is asked of each
// path rather than each request where paths are told apart.
func isProbe(path string) string { return path + " RLIKE " + lit(probePattern) }

// agentLength and browserOf are what aggregate measures of an agent's text.
func agentLength(agent string) string {
	return fmt.Sprintf("CAST(least(octet_length(%s), %d) AS BIGINT)", agent, columns.MaxUserAgentLength)
}

func browserOf(agent string) string {
	after := func(name string) string {
		return fmt.Sprintf("nullif(CAST(nullif(regexp_extract(%s, '%s/([0-9]{1,4})', 1), '') AS BIGINT), 0)", agent, name)
	}
	return fmt.Sprintf("coalesce(%s, %s)", after("Chrome"), after("Firefox"))
}

// again is the flag of a request in a further window of several.
const again int64 = 1 << 40

// flags are the bits that requests are given.
func flags(o *Options) []struct{ name, sql string } {
	if !o.Approximate {
		return bits
	}
	return append(bits[:len(bits):len(bits)], struct{ name, sql string }{"probes", isProbe(pathOf)})
}

// rowsQuery is the query that Build runs: integers, one record a row, in order
// of keys. Before them stands one of window -1, whose hours are the outcomes by
// number and how many requests had each.
func rowsQuery(o *Options) string {
	var b strings.Builder
	fmt.Fprintf(&b, `WITH sluice_windows AS (
  SELECT win, nth, begins, ends, explode(sequence(begins div 3600, (ends - 1) div 3600)) AS window_hour
  FROM VALUES
    %s
    AS v(win, nth, begins, ends)
)`, segmentRows(o.Windows))
	// Few columns are handed on: the levels that follow copy each.
	fmt.Fprintf(&b, `,
sluice_source AS (
    %s
),
sluice_narrow AS (
  SELECT ip_text, t, uri_query AS query, %s AS path, %s AS agent,
      response_size & 4294967295L AS size_lo, shiftright(response_size, 32) AS size_hi, CASE`, source, pathOf, agentOf)
	all := outcomes(o)
	for i, c := range all {
		if i != outcomeAddress {
			fmt.Fprintf(&b, "\n      WHEN %s THEN %d", c[1], i)
		}
	}
	fmt.Fprintf(&b, "\n      ELSE %d END AS verdict,\n      CAST(0 AS BIGINT)", len(all))
	for i, f := range flags(o) {
		fmt.Fprintf(&b, "\n      | CASE WHEN %s THEN %dL ELSE 0L END", f.sql, 1<<i)
	}
	address, last := addresses("sluice_narrow")
	// An outer join: Spark would write conditions of an inner one, the address
	// among them, once more into a filter.
	fmt.Fprintf(&b, ` AS flags
  FROM sluice_source r
)%s,
sluice_judged AS (
  SELECT *, CASE WHEN verdict <> 0 AND address IS NULL THEN %d ELSE verdict END AS outcome
  FROM %s
),
sluice_requests AS (
  SELECT /*+ BROADCAST(w) */ w.win, CASE WHEN w.win IS NULL THEN -1 - r.outcome WHEN w.nth > 0 THEN r.flags | %dL ELSE r.flags END AS flags`, address, outcomeAddress, last, again)
	for _, name := range []string{"address", "query", "path", "agent", "t", "size_hi", "size_lo"} {
		fmt.Fprintf(&b, ",\n      CASE WHEN w.win IS NOT NULL THEN r.%[1]s END AS %[1]s", name)
	}
	fmt.Fprintf(&b, `
  FROM sluice_judged r
  LEFT JOIN sluice_windows w ON r.outcome = %d AND w.window_hour = r.t div 3600 AND r.t >= w.begins AND r.t < w.ends
)`, len(all))
	if o.Approximate {
		b.WriteString(approximateGroups(o))
	} else {
		b.WriteString(exactGroups(o))
	}
	names := []string{"requests", "size_hi", "size_lo", "first_at", "last_at", "hours", "again"}
	for _, f := range bits {
		names = append(names, f.name)
	}
	names = append(names, "probes", "queries", "paths", "agents", "agent_ips", "agent_length", "browser", "path_requests")
	fmt.Fprintf(&b, `,
sluice_gaps AS (
  SELECT coalesce(win, -1) AS win, %s AS address, %s,
    sort_array(transform(slice(times, 2, greatest(size(times) - 1, 0)), (x, i) -> x - times[i])) AS gaps
  FROM sluice_sums
)
SELECT win, address, %[2]s`, addressKey("address"), strings.Join(names, ", "))
	for q := 1; q <= 3; q++ {
		fmt.Fprintf(&b, ",\n  %s AS gap_q%d", quartile(q), q)
	}
	fmt.Fprintf(&b, `,
  count(*) OVER (PARTITION BY win, %[1]s) AS prefix_ips, sum(requests) OVER (PARTITION BY win, %[1]s) AS prefix_requests
FROM sluice_gaps
ORDER BY win, address`, prefixOf)
	return b.String()
}

// exactGroups are the common tables up to sluice_sums. The least of 0 and what
// is never less is 0: a plain kind = … Spark would move below the groups, where
// it would have to scan the table once more for it.
func exactGroups(o *Options) string {
	var b strings.Builder
	fmt.Fprintf(&b, `,
sluice_each AS (
  SELECT win, address, grouping_id() AS kind, coalesce(query, path, agent) AS value, coalesce(t, flags) AS n,
    count(*) AS requests, sum(size_hi) AS size_hi, sum(size_lo) AS size_lo
  FROM sluice_requests
  GROUP BY %[1]s
  GROUPING SETS ((win, address, query), (win, address, path), (win, address, agent), (win, address, t), (win, address, flags))
),
sluice_alike AS (
  SELECT win, address, kind, CASE kind WHEN %[3]d THEN requests WHEN %[4]d THEN n div 3600 WHEN %[5]d THEN n END AS which,
    count(value) AS distinct_values, sum(requests) AS requests, sum(size_hi) AS size_hi, sum(size_lo) AS size_lo,
    sum(CASE WHEN kind = %[3]d AND %[6]s THEN requests END) AS probes,
    min(CASE WHEN kind = %[4]d THEN n END) AS first_at, max(CASE WHEN kind = %[4]d THEN n END) AS last_at,
    collect_list(CASE WHEN kind = %[4]d THEN n END) AS times, CAST(NULL AS BIGINT) AS agent_ips,
    max(CASE WHEN kind = %[7]d THEN %[8]s END) AS agent_length, max(CASE WHEN kind = %[7]d THEN %[9]s END) AS browser
  FROM sluice_each
  GROUP BY 1, 2, 3, 4
  UNION ALL
  SELECT win, address, 0, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, count(*) OVER (PARTITION BY win, value), NULL, NULL
  FROM sluice_each
  WHERE kind = %[7]d + least(0, requests, size_hi, size_lo)
),
sluice_sums AS (
  SELECT win, address`, eachKeys, kindQuery, kindPath, kindTime, kindFlags, isProbe("value"), kindAgent, agentLength("value"), browserOf("value"))
	sumsOf(&b, o)
	for _, c := range []struct {
		name string
		kind int
	}{{"queries", kindQuery}, {"paths", kindPath}, {"agents", kindAgent}} {
		fmt.Fprintf(&b, ",\n    coalesce(sum(CASE WHEN kind = %d THEN distinct_values END), 0) AS %s", c.kind, c.name)
	}
	fmt.Fprintf(&b, `,
    coalesce(sum(probes), 0) AS probes, max(agent_ips) AS agent_ips, max(agent_length) AS agent_length, max(browser) AS browser,
    sort_array(collect_list(CASE WHEN kind = %[1]d THEN named_struct('requests', which, 'paths', distinct_values) END)) AS path_requests,
    sort_array(flatten(collect_list(CASE WHEN kind = %[2]d THEN times END))) AS times
  FROM sluice_alike
  GROUP BY win, address
)`, kindPath, kindTime)
	return b.String()
}

// approximateGroups are the same without a group for each value.
func approximateGroups(o *Options) string {
	var b strings.Builder
	fmt.Fprintf(&b, `,
sluice_alike AS (
  SELECT win, address, kind, coalesce(hour, flags) AS which, requests, size_hi, size_lo, first_at, last_at,
    CAST(NULL AS BIGINT) AS queries, CAST(NULL AS BIGINT) AS paths, CAST(NULL AS BIGINT) AS agents, CAST(NULL AS BIGINT) AS agent_length, CAST(NULL AS BIGINT) AS browser
  FROM (SELECT win, address, CASE grouping_id() WHEN 1 THEN %[1]d ELSE %[2]d END AS kind, hour, flags, count(*) AS requests, sum(size_hi) AS size_hi, sum(size_lo) AS size_lo, min(t) AS first_at, max(t) AS last_at
    FROM (SELECT *, t div 3600 AS hour FROM sluice_requests)
    GROUP BY win, address, hour, flags
    GROUPING SETS ((win, address, hour), (win, address, flags)))
  UNION ALL
  SELECT win, address, 0, NULL, NULL, NULL, NULL, NULL, NULL, approx_count_distinct(query, %[3]v), approx_count_distinct(path, %[3]v), approx_count_distinct(agent, %[3]v), max(%[4]s), max(%[5]s)
  FROM sluice_requests
  GROUP BY win, address
),
sluice_sums AS (
  SELECT win, address`, kindTime, kindFlags, ApproximateError, agentLength("agent"), browserOf("agent"))
	sumsOf(&b, o)
	fmt.Fprintf(&b, `,
    max(queries) AS queries, max(paths) AS paths, max(agents) AS agents, CAST(NULL AS BIGINT) AS agent_ips, max(agent_length) AS agent_length, max(browser) AS browser,
    CAST(NULL AS ARRAY<STRUCT<requests: BIGINT, paths: BIGINT>>) AS path_requests, CAST(NULL AS ARRAY<BIGINT>) AS times
  FROM sluice_alike
  GROUP BY win, address
)`)
	return b.String()
}

// sumsOf are the sums of sluice_alike that both ways have.
func sumsOf(b *strings.Builder, o *Options) {
	fmt.Fprintf(b, `,
    coalesce(sum(CASE WHEN kind = %[1]d THEN requests END), 0) AS requests, min(first_at) AS first_at, max(last_at) AS last_at,
    coalesce(sum(CASE WHEN kind = %[2]d THEN size_hi END), 0) AS size_hi, coalesce(sum(CASE WHEN kind = %[2]d THEN size_lo END), 0) AS size_lo,
    sort_array(collect_list(CASE WHEN kind = %[1]d AND win IS NOT NULL THEN named_struct('hour', which, 'requests', requests) WHEN kind = %[2]d AND which < 0 THEN named_struct('hour', -1 - which, 'requests', requests) END)) AS hours,
    coalesce(sum(CASE WHEN kind = %[2]d AND which & %[3]d <> 0 THEN requests END), 0) AS again`,
		kindTime, kindFlags, again)
	for i, f := range flags(o) {
		fmt.Fprintf(b, ",\n    coalesce(sum(CASE WHEN kind = %d AND which & %d <> 0 THEN requests END), 0) AS %s", kindFlags, 1<<i, f.name)
	}
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
