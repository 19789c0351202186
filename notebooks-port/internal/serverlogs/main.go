package serverlogs

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/netip"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/google/renameio/v2"
	"golang.org/x/term"

	"sluice/featurestore/accesslog"
	"sluice/featurestore/fault"
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
	err := run(ctx, args, stdin, stdout, stderr)
	switch {
	case err == nil, errors.Is(err, flag.ErrHelp):
		return 0
	}
	fmt.Fprintf(stderr, "server-logs: %v\n", err)
	if fault.KindOf(err) == fault.Usage {
		fmt.Fprintln(stderr, "server-logs --help shows the flags, with examples")
	}
	return fault.KindOf(err).ExitStatus()
}

func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) error {
	o := DefaultOptions()
	o.Threads = runtime.GOMAXPROCS(0)
	f := flag.NewFlagSet("server-logs", flag.ContinueOnError)
	f.SetOutput(io.Discard)
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
	if err := f.Parse(interleaved(f, args)); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			fmt.Fprint(stdout, help)
			f.SetOutput(stdout)
			f.PrintDefaults()
			return err
		}
		return fault.As(fault.Usage, err)
	}
	var err error
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
	if o.Log.Mapping, err = parseMapping(*mapping); err != nil {
		return err
	}
	for p := range strings.SplitSeq(*proxies, ",") {
		if p = strings.TrimSpace(p); p != "" {
			prefix, err := netip.ParsePrefix(p)
			if err != nil {
				return fault.Field(fault.Usage, "trusted-proxies", "--trusted-proxies: %q is no network; want one as 10.0.0.0/8", p)
			}
			o.Log.TrustedProxies = append(o.Log.TrustedProxies, prefix)
		}
	}
	if *groups != "" {
		if o.Groups, err = ReadGroups(*groups); err != nil {
			return err
		}
	}
	if o.Logs, err = expand(f.Args()); err != nil {
		return err
	}
	bar := &progress{w: stderr, on: !*quiet && isTerminal(stderr)}
	o.Progress = bar.show
	started := time.Now()
	r, err := Analyse(ctx, o, stdin)
	bar.done()
	if err != nil {
		return err
	}
	return write(r, *out, *asJSON, *quiet, stdout, stderr, time.Since(started))
}

// interleaved moves flags in front of the logs, so that both orders work.
func interleaved(f *flag.FlagSet, args []string) []string {
	var flags, rest []string
	for i := 0; i < len(args); i++ {
		a := args[i]
		if a == "--" {
			rest = append(rest, args[i+1:]...)
			break
		}
		if a == "-" || !strings.HasPrefix(a, "-") {
			rest = append(rest, a)
			continue
		}
		flags = append(flags, a)
		name := strings.TrimLeft(a, "-")
		if known := f.Lookup(name); known != nil && i+1 < len(args) {
			if b, ok := known.Value.(interface{ IsBoolFlag() bool }); !ok || !b.IsBoolFlag() {
				i++
				flags = append(flags, args[i])
			}
		}
	}
	return append(append(flags, "--"), rest...)
}

func expand(args []string) ([]string, error) {
	var logs []string
	for _, a := range args {
		if a == "-" || !strings.ContainsAny(a, "*?[") {
			logs = append(logs, a)
			continue
		}
		found, err := filepath.Glob(a)
		if err != nil || len(found) == 0 {
			if _, err := os.Stat(a); err == nil {
				logs = append(logs, a)
				continue
			}
			return nil, fault.Field(fault.NotFound, "logs", "no log matches %s", a)
		}
		slices.Sort(found)
		logs = append(logs, found...)
	}
	if len(logs) == 0 {
		return nil, fault.Field(fault.Usage, "logs", "no log is named; give files, a quoted pattern, or - for standard input")
	}
	return logs, nil
}

func parseMapping(s string) (map[string]string, error) {
	if s == "" {
		return nil, nil
	}
	m := map[string]string{}
	for pair := range strings.SplitSeq(s, ",") {
		column, field, ok := strings.Cut(pair, "=")
		if !ok || column == "" || field == "" {
			return nil, fault.Field(fault.Usage, "map", "--map: %q; want column=field, as ip=src", pair)
		}
		m[strings.TrimSpace(column)] = strings.TrimSpace(field)
	}
	return m, nil
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
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fault.As(fault.Invalid, fault.Wrap(err, "--out"))
	}
	doc := r.Document()
	b, err := json.MarshalIndent(r, "", " ")
	if err != nil {
		return fault.Wrap(err, "report.json")
	}
	b = append(b, '\n')
	for _, f := range []struct {
		name string
		data []byte
	}{{"report.html", doc.HTML()}, {"report.md", doc.Markdown()}, {"report.json", b}} {
		if err := renameio.WriteFile(filepath.Join(dir, f.name), f.data, 0o644); err != nil {
			return fault.As(fault.Exhausted, fault.Wrap(err, "%s", filepath.Join(dir, f.name)))
		}
	}
	if asJSON {
		if _, err := stdout.Write(b); err != nil {
			return err
		}
	}
	if !quiet {
		n := float64(r.Profile.Rows)
		fmt.Fprintf(stderr, "%s requests in %.1f s (%s a second); %s, %s, %s\n", count(r.Profile.Rows), took.Seconds(), count(n/max(took.Seconds(), 1e-3)),
			plural(int64(len(r.Incidents)), "outage", "outages"), plural(r.Attacks.Requests, "attack attempt", "attack attempts"), plural(int64(len(r.Recommendations)), "recommendation", "recommendations"))
		var rejected int64
		for _, c := range r.Profile.Rejected {
			rejected += c.Count
		}
		if rejected > 0 {
			fmt.Fprintf(stderr, "%s could not be read; the report says why\n", plural(rejected, "line", "lines"))
		}
		for _, n := range r.Notes {
			fmt.Fprintln(stderr, n)
		}
		fmt.Fprintf(stderr, "wrote %s\n", filepath.Join(dir, "report.html, report.md, report.json"))
	}
	return nil
}

// progress shows how far reading is, on a terminal only.
type progress struct {
	w    io.Writer
	on   bool
	mu   sync.Mutex // workers report from several goroutines
	last time.Time
	any  bool
}

func (p *progress) show(done, total int64) {
	if !p.on || !p.mu.TryLock() {
		return
	}
	defer p.mu.Unlock()
	if now := time.Now(); now.Sub(p.last) > 200*time.Millisecond {
		p.last, p.any = now, true
		if total > 0 {
			fmt.Fprintf(p.w, "\rreading: %3d %% of this file and those before it ", min(100, done*100/total))
		} else {
			fmt.Fprintf(p.w, "\rreading: %s ", bytesText(done))
		}
	}
}

func (p *progress) done() {
	if p.any {
		fmt.Fprint(p.w, "\r\033[K")
	}
}

func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}
