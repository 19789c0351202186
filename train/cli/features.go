package cli

import (
	"context"
	"encoding/csv"
	"flag"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"sluice/featurestore"
	"sluice/featurestore/columns"
	"sluice/featurestore/fault"
	"sluice/featurestore/row"
	"sluice/train/pipeline"
)

func featuresCommands() []command {
	return []command{{
		name:    "features build",
		summary: "Read logs and labels into the store's monthly rows",
		long: `What the store has already is not read again; a changed file replaces its rows.
With --labels alone, months in the store are labelled anew. With --engine spark an
existing Spark computes the rows of --months, and the store adopts them.`,
		example: `train features build --logs 'access-*.log.gz' --labels 'blacklist-*.txt'
train features build --labels checks-2024-09.jsonl
train features build --simulated --dir sim --profile wikimedia --logs 'world/logs/*'
train features build --later --logs 'access-2024-09-01T13.log.gz'
train features build --engine spark --remote yarn --table wmf.webrequest --months 2024-08 --staging hdfs:///tmp/sluice`,
		setup: setupFeaturesBuild,
	}, {
		name:    "features list",
		summary: "Show the months in the store, what they were made from, and gaps",
		example: `train features list --dir site`,
		setup:   setupFeaturesList,
	}, {
		name:    "features show",
		summary: "Print a month's rows as CSV: the key, the twelve features, the label",
		example: `train features show --month 2024-08 > rows.csv
train features show --month 2024-08 --addresses`,
		setup: setupFeaturesShow,
	}, {
		name:    "features sql",
		summary: "Print the thirteen columns as a query on a table of webrequest",
		long: `The same definitions for an engine that has the requests already. The table has
webrequest's columns, the derived ones among them. A table of attack windows has
attack, start_dt, end_dt; one of labels ip, month, abuseipdb_isReported.`,
		example: `train features sql --engine presto --table wmf.webrequest --attacks-table my.attacks
train features sql --engine spark --months 2024-08 > rows.sql
train features sql | duckdb lake.db`,
		setup: setupFeaturesSQL,
	}}
}

func setupFeaturesSQL(fs *flag.FlagSet) func(context.Context, *env, []string) error {
	var o columns.SQLOptions
	fs.StringVar(&o.Engine, "engine", columns.DuckDB, "`ENGINE`: duckdb, presto (Trino) or spark")
	fs.StringVar(&o.Table, "table", "webrequest", "`TABLE` of requests")
	fs.StringVar(&o.Attacks, "attacks-table", "", "`TABLE` of attack windows; without it each --window is one")
	fs.StringVar(&o.Window, "window", "month", "`SPAN` of a row without windows: month, day or hour")
	fs.StringVar(&o.Labels, "labels-table", "", "`TABLE` of labels; without it the label is null")
	more := declareSQL(fs)
	fs.StringVar(&o.API, "api", columns.APIRules, "API requests are told by `HOW`: rules (Wikimedia's), column (is_api_request), or keep")
	return func(_ context.Context, e *env, args []string) error {
		if len(args) > 0 {
			return fault.New(fault.Usage, "features sql takes no %q", args[0])
		}
		q, err := more.query(o)
		if err != nil {
			return err
		}
		_, err = io.WriteString(e.stdout, q)
		return err
	}
}

func setupFeaturesBuild(fs *flag.FlagSet) func(context.Context, *env, []string) error {
	d, sp := declareData(fs), declareSpark(fs)
	stored := fs.String("columns", "behaviour", "`COLUMNS` that rows are stored with: behaviour (the twelve and what requests do) or twelve, in about two thirds of the time")
	later := fs.Bool("later", false, "read the logs and leave their months unmerged, so that an hour costs an hour; the next build or run without it merges all that waits")
	return func(ctx context.Context, e *env, args []string) error {
		if len(args) > 0 {
			return fault.New(fault.Usage, "features build takes no %q; see train features build --help", args[0])
		}
		switch *sp.engine {
		case "go":
		case engineSpark:
			e.events.begin("features build")
			months, err := sp.build(ctx, e, fs, d)
			if err != nil {
				return err
			}
			e.events.result(map[string]any{"months": months}, func(w io.Writer) { printMonths(w, months) })
			return nil
		default:
			return fault.Field(fault.Usage, "engine", "--engine %q: want go or spark", *sp.engine)
		}
		if len(d.logs.values)+len(d.labels.values) == 0 {
			return fault.New(fault.Usage, "features build needs --logs or --labels; see train features build --help")
		}
		c := pipeline.Config{Home: e.global.dir, World: d.world(), Threads: threads(e.global.threads)}
		if err := d.fill(&c); err != nil {
			return err
		}
		if *stored != "twelve" && *stored != "behaviour" {
			return fault.Field(fault.Usage, "columns", "--columns %q: rows are stored with twelve or with behaviour", *stored)
		}
		c.Twelve, c.Later = *stored == "twelve", *later
		e.events.begin("features build")
		months, err := pipeline.Build(ctx, c, e.events.send)
		if err != nil {
			return err
		}
		e.events.result(map[string]any{"months": months}, func(w io.Writer) { printMonths(w, months) })
		return nil
	}
}

func printMonths(w io.Writer, months []featurestore.MonthInfo) {
	fmt.Fprintf(w, "%-8s %9s %8s %9s %9s %9s  %-19s %-19s %s\n", "month", "rows", "attacks", "reported", "not", "unknown", "first request", "last request", "label")
	for _, m := range months {
		label := m.Labels.Definition
		if label == "" {
			label = "none"
		}
		fmt.Fprintf(w, "%-8s %9d %8d %9d %9d %9d  %-19s %-19s %s\n", m.Month, m.Rows, len(m.Windows), m.Labels.True, m.Labels.False, m.Labels.Unknown, instant(m.First), instant(m.Last), label)
	}
}

func instant(unix int64) string { return time.Unix(unix, 0).UTC().Format(time.DateTime) }

// listed is the manifest with what the store has of each day.
type listed struct {
	*featurestore.Manifest
	Coverage []featurestore.Coverage `json:"coverage"`
}

func setupFeaturesList(fs *flag.FlagSet) func(context.Context, *env, []string) error {
	return func(_ context.Context, e *env, args []string) error {
		if len(args) > 0 {
			return fault.New(fault.Usage, "features list takes no %q", args[0])
		}
		e.events.begin("features list")
		st, err := featurestore.Open(e.global.dir, featurestore.OpenOptions{ReadOnly: true})
		if err != nil {
			return err
		}
		defer st.Close()
		m := st.Manifest()
		coverage, err := st.Coverage()
		if err != nil {
			return err
		}
		e.events.result(listed{m, coverage}, func(w io.Writer) {
			fmt.Fprintf(w, "%s, %s data, %d log files\n\n", st.Dir(), m.World, len(m.Files))
			printMonths(w, m.Months)
			fmt.Fprintln(w)
			printCoverage(w, coverage)
			for _, mo := range st.Pending() {
				fmt.Fprintf(w, "%s: log files were read that are not merged yet\n", mo)
			}
			for _, mo := range m.Months {
				for _, n := range mo.Notes {
					fmt.Fprintf(w, "%s: %s\n", mo.Month, n)
				}
				for _, c := range mo.Missing {
					fmt.Fprintf(w, "%s: %s is missing in %d rows: %s\n", mo.Month, c.Column, c.Rows, c.Reason)
				}
			}
		})
		return nil
	}
}

// shades are how much of a day a store has: of none of its hours, of up to 8,
// 16, 23 of them, of all.
const shades = ".:+x#"

func shade(d featurestore.Day) byte {
	if d.Hours == 24 {
		return shades[4]
	}
	return shades[(d.Hours+7)/8]
}

// printCoverage draws each month as a line of days.
func printCoverage(w io.Writer, all []featurestore.Coverage) {
	fmt.Fprintf(w, "requests by day (%c none, %c %c %c in up to 8, 16, 23 hours, %c in all)\n", shades[0], shades[1], shades[2], shades[3], shades[4])
	for _, c := range all {
		if c.Rows == 0 {
			fmt.Fprintf(w, "%s  no requests\n", c.Month)
			continue
		}
		var b strings.Builder
		for _, d := range c.Days {
			b.WriteByte(shade(d))
		}
		if gaps := c.Gaps(); len(gaps) > 0 {
			fmt.Fprintf(&b, "  %d days without requests, the first %s", len(gaps), gaps[0])
		}
		fmt.Fprintf(w, "%s  %s\n", c.Month, b.String())
	}
}

func setupFeaturesShow(fs *flag.FlagSet) func(context.Context, *env, []string) error {
	month := fs.String("month", "", "`YYYY-MM` to show")
	addresses := fs.Bool("addresses", false, "show whole addresses; they are masked otherwise")
	return func(_ context.Context, e *env, args []string) error {
		if len(args) > 0 || *month == "" {
			return fault.New(fault.Usage, "features show needs --month; see train features show --help")
		}
		m, err := row.ParseMonth(*month)
		if err != nil {
			return fault.Field(fault.Usage, "month", "--month: %w", err)
		}
		st, err := featurestore.Open(e.global.dir, featurestore.OpenOptions{ReadOnly: true})
		if err != nil {
			return err
		}
		defer st.Close()
		data, err := st.ReadMonth(m)
		if err != nil {
			return err
		}
		w := csv.NewWriter(e.stdout)
		head := append([]string{"month", "attack", "ip"}, data.Columns[:columns.NumFeatures]...)
		head = append(head, columns.Label)
		head = append(head, data.Columns[columns.NumFeatures:]...)
		_ = w.Write(head)
		rec := make([]string, 0, len(head))
		for i := range data.Rows {
			r := &data.Rows[i]
			ip := row.Mask(r.IP)
			if *addresses {
				ip = r.IP.String()
			}
			rec = append(rec[:0], r.Month.String(), r.Attack, ip)
			for j, v := range r.Values {
				if j == columns.NumFeatures {
					rec = append(rec, labelText(r.Label))
				}
				rec = append(rec, number(v))
			}
			if len(r.Values) == columns.NumFeatures {
				rec = append(rec, labelText(r.Label))
			}
			if err := w.Write(rec); err != nil {
				return err
			}
		}
		w.Flush()
		return w.Error()
	}
}

// labelText is 1, 0, or empty where the label is unknown: what a reader of
// numbers takes for missing.
func labelText(l row.Label) string {
	switch l {
	case row.True:
		return "1"
	case row.False:
		return "0"
	}
	return ""
}

func number(v float64) string {
	if v != v {
		return ""
	}
	return strconv.FormatFloat(v, 'g', -1, 64)
}
