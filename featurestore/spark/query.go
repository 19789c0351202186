package spark

import (
	"fmt"
	"strings"

	"sluice/featurestore/columns"
	"sluice/featurestore/fault"
)

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
	address, last := addresses("sluice_source")
	fmt.Fprintf(&b, `WITH sluice_windows AS (
  SELECT win, begins, ends, explode(sequence(begins div 3600, (ends - 1) div 3600)) AS window_hour
  FROM VALUES
    %s
    AS v(win, attack, month, begins, ends)
),
sluice_source AS (
    %s
)%s,
sluice_requests AS (
  SELECT /*+ BROADCAST(w) */ w.win, r.*, %s AS agent
  FROM %s r
  JOIN sluice_windows w ON w.window_hour = r.t div 3600 AND r.t >= w.begins AND r.t < w.ends
  WHERE %s
)`, windowRows(o.Windows), selectSource(p.Table, where, webrequestTypes, sourceColumns(o.Filter), ds), address, agentOf, last, strings.Join(conditions(&o), "\n    AND "))
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
	last = "sluice_rows"
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

// conditions hold for the requests that count.
func conditions(o *Options) []string {
	var out []string
	for _, c := range outcomes(o)[1:] { // the windows, clipped, see to the time
		out = append(out, "NOT ("+c[1]+")")
	}
	return out
}
