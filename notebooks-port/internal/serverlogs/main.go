package serverlogs

import (
	"context"
	"flag"
	"fmt"
	"io"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"time"

	"sluice/featurestore/accesslog"
	"sluice/featurestore/fault"
	"sluice/notebooks-port/internal/program"
	"sluice/notebooks-port/internal/words"
)

const help = `Usage: server-logs [flags] LOG...

Reads access logs (Apache, nginx, HAProxy, Caddy; combined, JSON, CSV; plain,
gzip or zstd) and writes report.html, report.md and report.json: what the
traffic was, when the site was down and why it may have been, which GET requests
failed, what attacks were tried and how they were answered, and what to do.
LOG is a file, a quoted pattern, or - for standard input.

Examples:
  server-logs --out report access.log.1.gz access.log
  server-logs --out report --zone Europe/London --mmdb country.mmdb 'logs/*.gz'
  server-logs --out report --groups own.txt --success 200 requests.csv
  server-logs --out report --map ip=src,dt=when,request_uri=endpoint export.csv
  zcat access.log.*.gz | server-logs --out report -

Flags:
`

// Main is the program. It gives the exit status: 0 done, 1 failed, 2 wrong
// usage, 130 interrupted.
func Main(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	return program.Status("server-logs", run(ctx, args, stdin, stdout, stderr), stderr)
}

func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) error {
	o := DefaultOptions()
	o.Threads = runtime.GOMAXPROCS(0)
	f := flag.NewFlagSet("server-logs", flag.ContinueOnError)
	out := f.String("out", "server-logs-report", "write the reports into this `folder`, which is made if it is missing")
	zone := f.String("zone", "UTC", "time `zone` of days and hours, as Europe/London")
	format := f.String("format", accesslog.Auto, "log `format`: "+strings.Join(accesslog.Formats(), ", "))
	mapping := f.String("map", "", "fields of the log for columns: `column=field,...`")
	proxies := f.String("trusted-proxies", "", "networks whose X-Forwarded-For is believed: `CIDR,...`")
	f.StringVar(&o.Country, "country", "", "`field` of the log that holds the country; found by name otherwise")
	f.StringVar(&o.MMDB, "mmdb", "", "MaxMind database `file` with countries")
	groups := f.String("groups", "", "`file` with networks of your own and of partners: \"CIDR name\" a line")
	success := f.String("success", "2xx", "`statuses` with which a GET request succeeds: 200, 2xx,304, 200-299")
	memory := f.String("memory", "256M", "memory for records and names; beyond it records go to a temporary file and names get coarser")
	f.IntVar(&o.Threads, "threads", o.Threads, "goroutines that read a log")
	f.IntVar(&o.Top, "top", o.Top, "rows of a list")
	f.BoolVar(&o.ShowAddresses, "show-addresses", false, "write full addresses; without it they are masked")
	asJSON := f.Bool("json", false, "write report.json's content to standard output too")
	quiet := f.Bool("quiet", false, "no progress, no closing lines")
	logs, err := program.Parse(f, help, args, stdout)
	if err != nil {
		return err
	}
	if o.Location, err = time.LoadLocation(*zone); err != nil {
		return fault.Field(fault.Usage, "zone", "--zone %q is not known; want a name as UTC or Europe/London", *zone)
	}
	if o.Memory, err = parseSize(*memory); err != nil {
		return err
	}
	if o.Success, err = ParseSuccess(*success); err != nil {
		return err
	}
	if o.Threads < 1 || o.Threads > 1024 {
		return fault.Field(fault.Usage, "threads", "--threads %d; want 1 to 1024", o.Threads)
	}
	if o.Top < 1 || o.Top > 1000 {
		return fault.Field(fault.Usage, "top", "--top %d; want 1 to 1000", o.Top)
	}
	o.Log.Format = *format
	if o.Log.Mapping, err = program.Mapping(*mapping); err != nil {
		return err
	}
	if o.Log.TrustedProxies, err = program.Networks("trusted-proxies", *proxies); err != nil {
		return err
	}
	if *groups != "" {
		if o.Groups, err = ReadGroups(*groups); err != nil {
			return err
		}
	}
	if o.Logs, err = program.Expand("log", logs); err != nil {
		return err
	}
	if len(o.Logs) == 0 {
		return fault.Field(fault.Usage, "logs", "no log is named; give files, a quoted pattern, or - for standard input")
	}
	bar := program.NewProgress(stderr, *quiet)
	o.Progress = bar.Show
	started := time.Now()
	r, err := Analyse(ctx, o, stdin)
	bar.Done()
	if err != nil {
		return err
	}
	return write(r, *out, *asJSON, *quiet, stdout, stderr, time.Since(started))
}

// leastMemory is what the analysis needs at least.
const leastMemory = 8 << 20

func parseSize(s string) (int64, error) {
	text, unit := strings.ToUpper(strings.TrimSpace(s)), int64(1)
	text = strings.TrimSuffix(strings.TrimSuffix(text, "B"), "I")
	for i, u := range []string{"K", "M", "G", "T"} {
		if t, ok := strings.CutSuffix(text, u); ok {
			text, unit = t, 1<<(10*(i+1))
			break
		}
	}
	v, err := strconv.ParseFloat(strings.TrimSpace(text), 64)
	if err != nil || v <= 0 || v*float64(unit) > 1<<50 {
		return 0, fault.Field(fault.Usage, "memory", "--memory %q; want a size as 64M or 2G", s)
	}
	if n := int64(v * float64(unit)); n >= leastMemory {
		return n, nil
	}
	return 0, fault.Field(fault.Usage, "memory", "--memory %q is too little; want 8M or more", s)
}

// write writes the three reports.
func write(r *Result, dir string, asJSON, quiet bool, stdout, stderr io.Writer, took time.Duration) error {
	b, err := program.Write(dir, r.Document(), r)
	if err != nil {
		return err
	}
	if asJSON {
		if _, err := stdout.Write(b); err != nil {
			return err
		}
	}
	if !quiet {
		n := float64(r.Profile.Rows)
		fmt.Fprintf(stderr, "%s requests in %.1f s (%s a second); %s, %s, %s\n", words.Count(r.Profile.Rows), took.Seconds(), words.Count(n/max(took.Seconds(), 1e-3)),
			words.Plural(int64(len(r.Incidents)), "outage", "outages"), words.Plural(r.Attacks.Requests, "attack attempt", "attack attempts"), words.Plural(int64(len(r.Recommendations)), "recommendation", "recommendations"))
		var rejected int64
		for _, c := range r.Profile.Rejected {
			rejected += c.Count
		}
		if rejected > 0 {
			fmt.Fprintf(stderr, "%s could not be read; the report says why\n", words.Plural(rejected, "line", "lines"))
		}
		for _, n := range r.Notes {
			fmt.Fprintln(stderr, n)
		}
		fmt.Fprintf(stderr, "wrote %s\n", filepath.Join(dir, "report.html, report.md, report.json"))
	}
	return nil
}
