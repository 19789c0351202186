package cli

import (
	"context"
	"flag"
	"slices"
	"strings"
	"time"

	"sluice/featurestore"
	"sluice/featurestore/attack"
	"sluice/featurestore/columns"
	"sluice/featurestore/fault"
	"sluice/featurestore/row"
	"sluice/featurestore/spark"
	"sluice/featurestore/webrequest"
	"sluice/train/pipeline"
)

// engineSpark is the engine that columns.SQL does not write for.
const engineSpark = "spark"

// sparkFlags say which Spark computes rows, and of what.
type sparkFlags struct {
	engine, remote, table, format, source, staging, submit, python, window *string
	months, conf                                                           list
	approximate                                                            *bool
	stall                                                                  *time.Duration
}

func declareSpark(fs *flag.FlagSet) *sparkFlags {
	s := &sparkFlags{months: list{comma: true}}
	s.engine = fs.String("engine", "go", "`ENGINE` that computes the rows: go (this program) or spark")
	s.remote = fs.String("remote", "", "Spark's `URL`: spark://HOST:7077, yarn, k8s://…, local[*], or sc://HOST for Spark Connect")
	s.table = fs.String("table", "", "Spark: `TABLE` of requests, as in wmf.webrequest; else --logs names folders or URLs")
	s.format = fs.String("table-format", "parquet", "Spark: `FORMAT` of --logs: parquet, orc or json")
	fs.Var(&s.months, "months", "Spark: `MONTHS` to compute, as in 2024-08; those of --attacks unless given")
	s.window = fs.String("window", "month", "Spark: `SPAN` of a row without --attacks: month, day or hour")
	s.source = fs.String("webrequest-source", "text", "Spark: partition webrequest_source to read, where there is one; all for an empty `SOURCE`")
	s.staging = fs.String("staging", "", "Spark: new folder or `URL` that the cluster writes to; in the home unless given, for a cluster on this machine")
	s.submit = fs.String("spark-submit", "", "Spark: `PROGRAM`; that of SPARK_HOME or the path unless given")
	s.python = fs.String("python", "", "Spark: `PROGRAM` that has pyspark, for sc://; PYSPARK_PYTHON's or python3 unless given")
	fs.Var(&s.conf, "spark-conf", "Spark: `NAME=VALUE` of its settings, as in spark.executor.memory=8g")
	s.approximate = fs.Bool("approximate-distinct", false, "Spark: count distinct values approximately (HyperLogLog++, 1 %); columns that need each value are missing")
	s.stall = fs.Duration("stall", 10*time.Minute, "Spark: `TIME` after which a stage that no worker takes is given up")
	return s
}

// windows are those of --attacks, or of --months by --window, in order of keys.
func windowsOf(set *attack.Set, monthValues []string, window string, zone *time.Location) ([]attack.Window, error) {
	months, err := parseMonths("months", monthValues)
	if err != nil {
		return nil, err
	}
	if set != nil {
		if len(months) == 0 {
			return set.Windows(), nil
		}
		var out []attack.Window
		for _, w := range set.Windows() {
			for _, m := range months {
				if w.Month == m {
					out = append(out, w)
				}
			}
		}
		if len(out) == 0 {
			return nil, fault.Field(fault.Usage, "months", "none of the attack windows begins in %v", months)
		}
		return out, nil
	}
	if len(months) == 0 {
		return nil, fault.Field(fault.Usage, "months", "Spark reads only what is asked for: name --months, as in 2024-08, or --attacks FILE")
	}
	spans := map[string]func([]row.Month, *time.Location) []attack.Window{"month": spark.Months, "day": spark.Days, "hour": spark.Hours}
	make, ok := spans[window]
	if !ok {
		return nil, fault.Field(fault.Usage, "window", "--window %q: want month, day or hour", window)
	}
	return make(months, zone), nil
}

// build runs features build on Spark.
func (s *sparkFlags) build(ctx context.Context, e *env, fs *flag.FlagSet, d *dataFlags) ([]featurestore.MonthInfo, error) {
	paths := d.logs.values
	d.logs.values = nil // folders and URLs, which are Spark's to open
	if !flagGiven(fs, "profile") {
		*d.profile = string(webrequest.Wikimedia)
	}
	c := pipeline.Config{Home: e.global.dir, World: d.world(), Threads: threads(e.global.threads)}
	if err := d.fill(&c); err != nil {
		return nil, err
	}
	if c.Detect {
		return nil, fault.Field(fault.Unsupported, "attacks", "attacks are not detected on Spark; find them with train attacks detect and give the file, or say --window hour")
	}
	if c.Describe {
		return nil, fault.Field(fault.Unsupported, "describe-attacks", "--describe-attacks reads logs on this machine; leave it out with --engine spark")
	}
	ws, err := windowsOf(c.Windows, s.months.values, *s.window, c.Zone)
	if err != nil {
		return nil, err
	}
	c.Web.TrustedProxies = c.Access.TrustedProxies
	return pipeline.BuildOnSpark(ctx, c, spark.Config{
		Options: spark.Options{Windows: ws, Web: c.Web, Filter: c.Filter, Approximate: *s.approximate},
		Cluster: spark.Cluster{Remote: *s.remote, Submit: *s.submit, Python: *s.python, Conf: s.conf.values, Stall: *s.stall},
		Table:   *s.table, Paths: paths, Format: *s.format, Source: *s.source, Mapping: c.Access.Mapping, Staging: *s.staging,
	}, e.events.send)
}

// sqlFlags are those of features sql beside columns.SQLOptions.
type sqlFlags struct {
	months                list
	attacks, source, zone *string
	approximate           *bool
}

func declareSQL(fs *flag.FlagSet) *sqlFlags {
	s := &sqlFlags{months: list{comma: true}}
	fs.Var(&s.months, "months", "`MONTHS` whose partitions year, month, day, hour are read, as in 2024-08; spark needs them or --attacks")
	s.attacks = fs.String("attacks", "none", "spark: `FILE` of attack windows, which are written into the query")
	s.source = fs.String("webrequest-source", "text", "`SOURCE`: the partition webrequest_source that is read, with --months")
	s.zone = fs.String("zone", "UTC", "spark: time `ZONE` of windows")
	s.approximate = fs.Bool("approximate-distinct", false, "spark: count distinct values approximately")
	return s
}

// query writes the query of an engine.
func (s *sqlFlags) query(o columns.SQLOptions) (string, error) {
	zone, err := time.LoadLocation(*s.zone)
	if err != nil {
		return "", fault.Field(fault.Usage, "zone", "--zone %q: want a name of the time zone database, as in UTC", *s.zone)
	}
	if o.Engine != engineSpark && !slices.Contains(columns.Engines(), o.Engine) {
		return "", fault.Field(fault.Usage, "engine", "--engine %q: want %s or %s", o.Engine, strings.Join(columns.Engines(), ", "), engineSpark)
	}
	if o.Engine != engineSpark {
		if len(s.months.values) > 0 {
			ws, err := windowsOf(nil, s.months.values, "month", time.UTC)
			if err != nil {
				return "", err
			}
			o.Where = spark.PruneTable(*s.source, ws)
		}
		q, err := columns.SQL(o)
		return q, fault.As(fault.Usage, err)
	}
	if o.Attacks != "" {
		return "", fault.Field(fault.Usage, "attacks-table", "--engine spark writes windows into the query, so that partitions are pruned: give --attacks FILE")
	}
	var set *attack.Set
	if *s.attacks != "none" && *s.attacks != "" {
		if set, err = attack.ReadFile(*s.attacks, zone); err != nil {
			return "", err
		}
	}
	ws, err := windowsOf(set, s.months.values, o.Window, zone)
	if err != nil {
		return "", err
	}
	filter := webrequest.DefaultFilter(webrequest.Wikimedia)
	web := webrequest.DefaultOptions(webrequest.Wikimedia)
	filter.ExcludeAPI = o.API != columns.APIKeep
	table := o.Table
	if table == "webrequest" {
		table = "wmf.webrequest"
	}
	return spark.Query(spark.Options{Windows: ws, Filter: filter, Web: web, Approximate: *s.approximate}, spark.PrintOptions{Table: table, Source: *s.source, Labels: o.Labels})
}
