package cli

import (
	"context"
	"flag"
	"fmt"
	"io"
	"net/netip"
	"path/filepath"
	"slices"
	"strings"

	"sluice/featurestore/fault"
	"sluice/featurestore/reputation"
	"sluice/featurestore/row"
	"sluice/featurestore/simulate"
	"sluice/train/pipeline"
)

func toolCommands() []command {
	return append(slices.Concat(ablationCommands(), attackCommands(), labelCommands(), dropCommands()), []command{{
		name:    "labels show",
		summary: "Say what label exports hold, or what they say of one address",
		example: `train labels show --labels 'blacklist-*.txt'
train labels show --labels checks.jsonl --ip 192.0.2.7`,
		setup: setupLabelsShow,
	}, {
		name:    "simulate",
		summary: "Write simulated months: logs, label exports, attack windows, the truth",
		example: `train simulate --months 3 --rows 2000 --scale 0.001 --out world`,
		setup:   setupSimulate,
	}, {
		name:    "explain-line",
		summary: "Say how a log line on stdin is read, and why it is a page view or not",
		example: `head -1 access.log | train explain-line --format auto`,
		setup:   setupExplainLine,
	}}...)
}

func setupLabelsShow(fs *flag.FlagSet) func(context.Context, *env, []string) error {
	labels := list{}
	fs.Var(&labels, "labels", "AbuseIPDB export `FILES` or globs")
	month := fs.String("label-month", "", "`YYYY-MM` of exports that do not say their month themselves")
	ip := fs.String("ip", "", "`ADDRESS` to look up")
	mixed := fs.Bool("allow-mixed-labels", false, "accept check answers and lists together")
	return func(ctx context.Context, e *env, args []string) error {
		if len(args) > 0 || len(labels.values) == 0 {
			return fault.New(fault.Usage, "labels show needs --labels; see train labels show --help")
		}
		files, err := expandGlobs("labels", labels.values)
		if err != nil {
			return err
		}
		o := reputation.Options{Threads: threads(e.global.threads), AllowMixed: *mixed}
		if *month != "" {
			if o.Month, err = row.ParseMonth(*month); err != nil {
				return fault.Field(fault.Usage, "label-month", "--label-month: %w", err)
			}
		}
		var addr netip.Addr
		if *ip != "" {
			var ok bool
			if addr, ok = row.ParseIP(*ip); !ok {
				return fault.Field(fault.Usage, "ip", "--ip %q is no IP address; want one as in 192.0.2.1 or 2001:db8::1, without a zone", *ip)
			}
		}
		e.events.begin("labels show")
		set, err := reputation.Open(ctx, files, o)
		if err != nil {
			return err
		}
		type verdict struct {
			Month  string `json:"month"`
			Label  string `json:"label"`
			Reason string `json:"reason"`
		}
		var verdicts []verdict
		if addr.IsValid() {
			for _, m := range set.Months() {
				l, why := set.Explain(addr, m)
				verdicts = append(verdicts, verdict{m.String(), l.String(), string(why)})
			}
		}
		e.events.result(map[string]any{"definition": set.Definition(), "sentence": set.Sentence(), "files": set.Stats(), "labels": verdicts}, func(w io.Writer) {
			fmt.Fprintf(w, "reported means %s: %s\n\n%-28s %-14s %-18s %9s %9s %9s %8s\n", set.Definition(), set.Sentence(), "file", "shape", "months", "good", "IPv4", "IPv6", "rejected")
			for _, f := range set.Stats() {
				rejected := 0
				for _, r := range f.Rejects {
					rejected += r.Count
				}
				fmt.Fprintf(w, "%-28s %-14s %-18s %9d %9d %9d %8d\n", f.Name, f.Shape, months(f.Months), f.Good, f.IPv4, f.IPv6, rejected)
				if f.Note != "" {
					fmt.Fprintf(w, "  %s\n", f.Note)
				}
			}
			for _, v := range verdicts {
				fmt.Fprintf(w, "%s in %s: %s (%s)\n", addr, v.Month, v.Label, v.Reason)
			}
		})
		return nil
	}
}

func setupSimulate(fs *flag.FlagSet) func(context.Context, *env, []string) error {
	n := fs.Int("months", 3, "`N` months")
	start := fs.String("start", "2024-06", "first `MONTH`")
	rows := fs.Int("rows", 6845, "(attack, IP) `PAIRS` a month")
	scale := fs.Float64("scale", 0.001, "`SHARE` of the requests a pair really makes; at least one is left")
	background := fs.Int("background-ips", 2000, "`N` addresses a month outside of every attack")
	seed := fs.Int64("seed", 0, "`N` that every draw starts from")
	format := fs.String("format", "ndjson", "log `FORMAT`: ndjson (webrequest), combined or parquet")
	gz := fs.Bool("gzip", true, "compress text logs")
	byHour := fs.Bool("partition-by-hour", false, "one file an hour, in folders as the data lake has them; else one a day")
	out := fs.String("out", "", "`DIR` to write; must not exist or be empty")
	return func(ctx context.Context, e *env, args []string) error {
		if len(args) > 0 || *out == "" {
			return fault.New(fault.Usage, "simulate needs --out DIR; see train simulate --help")
		}
		m, err := row.ParseMonth(*start)
		if err != nil {
			return fault.Field(fault.Usage, "start", "--start: %w", err)
		}
		// To the world 0 means its default, which is not what was typed.
		switch {
		case *n < 1:
			return fault.Field(fault.Usage, "months", "--months %d: want 1 or more", *n)
		case *rows < 1:
			return fault.Field(fault.Usage, "rows", "--rows %d: want 1 or more pairs a month", *rows)
		case !(*scale > 0):
			return fault.Field(fault.Usage, "scale", "--scale %v: want above 0", *scale)
		case *background < 0:
			return fault.Field(fault.Usage, "background-ips", "--background-ips %d: want 0 or more", *background)
		}
		e.events.begin("simulate")
		res, err := pipeline.Simulate(ctx, simulate.Config{Start: m, Months: *n, Rows: *rows, Scale: *scale, BackgroundIPs: *background, Seed: *seed}, *out,
			simulate.WriteOptions{Format: simulate.Format(*format), Gzip: *gz && simulate.Format(*format) != simulate.Parquet, PartitionByHour: *byHour, Threads: threads(e.global.threads)}, e.events.send)
		if err != nil {
			if e.left = err.Error(); fault.Is(err, fault.Interrupted) {
				e.left = "what was written is removed; run the same command again to begin anew"
			}
			return err
		}
		e.events.result(res, func(w io.Writer) {
			fmt.Fprintf(w, "%d log files below %s/logs\nwindows   %s\nlabels    %s/labels\ntruth     %s\n\nSimulated: nothing in it is real. %s\n", len(res.Logs), *out, res.Attacks, *out, res.Truth, nextStep(res, m, *n, simulate.Format(*format)))
		})
		return nil
	}
}

// nextStep is the command that a new world is for, as a shell takes it.
func nextStep(res pipeline.Simulated, first row.Month, months int, format simulate.Format) string {
	// One pattern for all logs, however deep their folders: each name below the
	// folder of logs becomes a star.
	dir := filepath.Join(filepath.Dir(res.Attacks), "logs")
	depth := 1
	if len(res.Logs) > 0 {
		if rel, err := filepath.Rel(dir, res.Logs[0]); err == nil {
			depth = strings.Count(rel, string(filepath.Separator)) + 1
		}
	}
	profile := ""
	if format != simulate.Combined {
		profile = " --profile wikimedia"
	}
	labels := filepath.Join(filepath.Dir(res.Labels["check"][0]), "*")
	files := fmt.Sprintf("--simulated --dir sluice-simulated%s --logs %s --labels %s --attacks %s", profile,
		quoted(filepath.Join(dir, strings.TrimSuffix(strings.Repeat("*/", depth), "/"))), quoted(labels), quoted(res.Attacks))
	if months < 2 {
		return "Build rows of it in a home of its own:\n  train features build " + files
	}
	var train []string
	for i := range months - 1 {
		train = append(train, (first + row.Month(i)).String())
	}
	return fmt.Sprintf("Train on it in a home of its own:\n  train run %s --train %s --test %s", files, strings.Join(train, ","), first+row.Month(months-1))
}

// quoted is a word for a shell, stars and all.
func quoted(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }
