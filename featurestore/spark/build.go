package spark

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"sluice/featurestore"
	"sluice/featurestore/columns"
	"sluice/featurestore/fault"
	"sluice/featurestore/row"
)

// Config says which Spark computes what, and where it writes.
type Config struct {
	Options
	Cluster

	// Table is a table that Spark knows, as wmf.webrequest; else Paths are
	// folders or files, anything that Spark can open, in Format (parquet where
	// ""; orc, json). Their columns are webrequest's.
	Table  string
	Paths  []string
	Format string
	// Source is the value of the partition webrequest_source to read, where
	// there is one; "" reads all.
	Source string
	// Mapping names the table's columns that have other names, by webrequest's.
	Mapping map[string]string

	// Staging is where the cluster writes, a folder that must not exist: a URL
	// (hdfs://, s3a://), which is fetched through Spark, or a path that every
	// worker and this machine see alike. "" is a folder in the home, for a
	// cluster on this machine.
	Staging string

	// Labeler labels the rows; nil leaves their labels unknown.
	Labeler featurestore.Labeler
	// Progress is told how far the work is, from one goroutine; may be nil.
	Progress func(Progress)
	// Explain is told the plan of the query before it runs; may be nil.
	Explain func(plan string)
}

// The stages of a build, as Progress names them.
const (
	StageRows  = "spark-rows" // tasks
	StageAdopt = "adopt"      // rows
)

// Progress is how far a stage is.
type Progress struct {
	Stage       string
	Done, Total int64 // tasks so far, of those known so far, or rows
	Active      int64 // tasks that run
}

// Result is what a build did.
type Result struct {
	Version string `json:"spark_version"`
	// Pruned says that partitions outside the windows were not read.
	Pruned bool `json:"partitions_pruned"`
	// Outcomes count requests by what became of them: counted, or left out for
	// time, address, status, size, cache, api.
	Outcomes map[string]int64 `json:"requests"`
	// Lacking are the columns that the table has not.
	Lacking  []string    `json:"columns_lacking,omitempty"`
	Months   []row.Month `json:"months"`
	Rows     int64       `json:"rows"`
	Warnings []string    `json:"warnings,omitempty"`
}

// rowsAFile bounds the files that the cluster writes, so that each can be
// fetched whole: 200,000 rows take about 15 MB.
const rowsAFile = 200_000

// Build has Spark compute rows and puts them into the store in the place of
// all that it has of the windows' months. On any error, and when ctx is done,
// the store stays as it was. Errors: Usage, Unsupported, Conflict (a month
// holds rows read from files), NotFound (no spark-submit), Unavailable (the
// cluster failed, and what to do), Invalid (the table), Corrupt, Exhausted,
// Interrupted.
func Build(ctx context.Context, store *featurestore.Store, home string, c Config) (Result, error) {
	if err := c.check(); err != nil {
		return Result{}, err
	}
	r := &run{Config: &c, home: home}
	r.result.Outcomes = map[string]int64{}
	for _, w := range c.Windows {
		if n := len(r.result.Months); n == 0 || r.result.Months[n-1] != w.Month {
			r.result.Months = append(r.result.Months, w.Month)
		}
	}
	if err := refuse(store, r.result.Months); err != nil {
		return Result{}, err
	}
	dir := filepath.Join(home, "spark")
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return Result{}, featurestore.DiskError("what Spark hands over", err)
	}
	// What a killed run left. The store's lock is held, so none is at work.
	stale, _ := filepath.Glob(filepath.Join(dir, "run-*"))
	for _, path := range stale {
		os.RemoveAll(path)
	}
	work, err := os.MkdirTemp(dir, "run-")
	if err != nil {
		return Result{}, featurestore.DiskError("what Spark hands over", err)
	}
	defer os.RemoveAll(work)
	if work, err = filepath.Abs(work); err != nil {
		return Result{}, err
	}
	r.work = work
	if err := r.compute(ctx); err != nil {
		return Result{}, interrupted(ctx, err)
	}
	if err := r.adopt(ctx, store); err != nil {
		return Result{}, interrupted(ctx, err)
	}
	return r.result, nil
}

// interrupted gives an error that a done context brought about its kind.
func interrupted(ctx context.Context, err error) error {
	if ctx.Err() != nil && fault.KindOf(err) != fault.Interrupted {
		return fault.As(fault.Interrupted, err)
	}
	return err
}

func (c *Config) check() error {
	if err := c.Options.check(); err != nil {
		return err
	}
	switch {
	case c.Table == "" && len(c.Paths) == 0:
		return fault.Field(fault.Usage, "table", "Spark needs a table (wmf.webrequest) or paths to read")
	case c.Table != "" && len(c.Paths) > 0:
		return fault.Field(fault.Usage, "table", "both a table and paths are named; Spark reads the one or the other")
	case c.Table != "" && !columns.IsTableName(c.Table):
		return fault.Field(fault.Usage, "table", "table %q: want a name, as in wmf.webrequest", c.Table)
	case !slices.Contains([]string{"", "parquet", "orc", "json"}, c.Format):
		return fault.Field(fault.Usage, "format", "format %q: on Spark want parquet, orc or json", c.Format)
	case strings.ContainsAny(c.Source, `'\`):
		return fault.Field(fault.Usage, "webrequest-source", "webrequest_source %q: want a plain word, as in text", c.Source)
	}
	known := sourceColumns(c.Filter)
	for name := range c.Mapping {
		if !slices.ContainsFunc(known, func(k column) bool { return k.Name == name }) {
			return fault.Field(fault.Usage, "mapping", "mapping of %q: it is none of webrequest's columns that rows are made of", name)
		}
	}
	return c.Cluster.check()
}

// refuse looks before the work whether the store would take its outcome.
func refuse(store *featurestore.Store, months []row.Month) error {
	for _, src := range store.Sources() {
		for _, w := range src.Windows {
			if slices.Contains(months, w.Month) {
				return fault.New(fault.Conflict, "month %s holds rows of %s, read from files; remove those first (train features remove), or give another home", w.Month, src.Name)
			}
		}
	}
	return store.CheckPseudonyms("")
}

// spec is what job.py is told.
type spec struct {
	Name     string            `json:"name"`
	Remote   string            `json:"remote"`
	Conf     map[string]string `json:"conf"`
	Table    string            `json:"table"`
	Paths    []string          `json:"paths"`
	Format   string            `json:"format"`
	Source   string            `json:"source"`
	Mapping  map[string]string `json:"mapping"`
	Columns  []specColumn      `json:"columns"`
	Derived  []derived         `json:"derived"`
	Prune    string            `json:"prune"`
	SQL      string            `json:"sql"`
	Explain  bool              `json:"explain"`
	Staging  string            `json:"staging"`
	Fetch    string            `json:"fetch"` // folder to fetch into; "" needs none
	RowsFile int               `json:"rows_a_file"`
	Stall    float64           `json:"stall"` // seconds
}

type specColumn struct {
	column
	Level0 string `json:"level0"`
}

// spec writes down the work; parts is where its outcome lies on this machine.
func (c *Config) spec(work string) (s spec, parts string, err error) {
	s = spec{
		Name: "features", Remote: c.Remote, Conf: map[string]string{}, Table: c.Table, Paths: []string{}, Format: c.Format, Source: c.Source,
		Mapping: map[string]string{}, Prune: Prune(c.Windows), RowsFile: rowsAFile, Stall: c.stall().Seconds(),
	}
	if s.Format == "" {
		s.Format = "parquet"
	}
	for _, kv := range c.Conf {
		k, v, _ := strings.Cut(kv, "=")
		s.Conf[k] = v
	}
	for k, v := range c.Mapping {
		s.Mapping[k] = v
	}
	for _, p := range c.Paths {
		s.Paths = append(s.Paths, absolute(p))
	}
	for _, col := range sourceColumns(c.Filter) {
		name := col.Name
		if n := level0[name]; n != "" {
			name = n
		}
		s.Columns = append(s.Columns, specColumn{col, name})
	}
	if s.Derived, err = derivedColumns(c.Web); err != nil {
		return s, "", err
	}
	s.SQL, s.Explain = rowsQuery(&c.Options), c.Explain != nil
	parts = filepath.Join(work, "parts")
	s.Staging = c.Staging
	switch {
	case s.Staging == "":
		s.Staging = (&url.URL{Scheme: "file", Path: parts}).String()
	case c.fetch:
		s.Staging, s.Fetch = absolute(s.Staging), parts
	case strings.Contains(s.Staging, "://") && !strings.HasPrefix(s.Staging, "file://"):
		s.Fetch = parts
	default:
		parts = strings.TrimPrefix(s.Staging, "file://")
		if parts, err = filepath.Abs(parts); err != nil {
			return s, "", err
		}
		s.Staging = (&url.URL{Scheme: "file", Path: parts}).String()
	}
	return s, parts, nil
}

// absolute is a local path as Spark, which runs elsewhere, understands it.
func absolute(path string) string {
	if strings.Contains(path, "://") {
		return path
	}
	if abs, err := filepath.Abs(path); err == nil {
		path = abs
	}
	return "file://" + path
}

// reason says why a column is missing in some rows.
func (r *run) reason(name string) string {
	c, _ := columns.ByName(name)
	for _, need := range c.Source {
		if slices.Contains(r.result.Lacking, need) {
			return fmt.Sprintf("the table has no %s", need)
		}
	}
	switch name {
	case "uri_path_entropy", "interarrival_median", "interarrival_spread", "user_agent_ip_count":
		if r.Approximate {
			return "distinct values were counted approximately"
		}
	}
	return ""
}

// notes are recorded with each month. They hold no time and no host.
func (r *run) notes() []string {
	from := r.Table
	if from == "" {
		from = fmt.Sprintf("%d paths", len(r.Paths))
	}
	out := []string{"rows computed by Spark from " + from}
	if r.Approximate {
		out = append(out, fmt.Sprintf("uri_query_count, user_agent_count and uri_path_count are approximate (HyperLogLog++, relative standard deviation %v)", ApproximateError))
	}
	if len(r.Filter.CacheStatus) > 0 && slices.Contains(r.result.Lacking, "cache_status") {
		out = append(out, "cache filter not applied: the table has no cache_status, so request_count holds cache hits too")
	}
	return out
}

// stall is how long a stage may wait without a worker that takes any of it.
func (c *Cluster) stall() time.Duration {
	if c.Stall > 0 {
		return c.Stall
	}
	return 10 * time.Minute
}
