package thresholds

import (
	"context"
	"flag"
	"io"
	"regexp"
	"strconv"
	"strings"

	"sluice/featurestore/columns"
	"sluice/featurestore/fault"
	"sluice/models/rules"
	"sluice/notebooks-port/internal/program"
	"sluice/notebooks-port/internal/study"
)

const help = `Usage: thresholds --dir HOME [flags]
       thresholds --logs FILES --labels FILES [--attacks FILE] [flags]

Fits two thresholds, on request_count and response_size_mean, to earlier months,
or takes them as given, and writes report.html, report.md and report.json: what
they find in a later month, the proposal for the edge (lists, rules for HAProxy,
nginx, nftables, requestctl and Varnish), and what each would have stopped and of
whom.

Examples:
  thresholds --out report --dir site --train 2024-06,2024-07 --test 2024-08
  thresholds --dir site --rule best-f1 --lists lists --name sluice
  thresholds --dir site --request-count '>=500' --response-size-mean '<=4000' --combine and
  thresholds --logs 'logs/*.gz' --labels 'checks-*.jsonl.gz' --attacks attacks.csv

Flags:
`

type options struct {
	train, test program.Words
	target      float64
	rule        string
	count, size string
	combine     string
	lists, name string
	given       *rules.Rule
	judgeFrom   int
	windowHours float64
	maxReaders  float64
}

// Main is the program. It gives the exit status: 0 done, 1 failed, 2 wrong
// usage, 130 interrupted.
func Main(ctx context.Context, args []string, _ io.Reader, stdout, stderr io.Writer) int {
	var o options
	return study.Main(ctx, study.Program{
		Name: "thresholds", Help: help,
		Input: study.Input{Logs: study.Required, Labels: study.Required, Attacks: study.Optional, Home: study.Optional},
		Flags: func(f *flag.FlagSet) {
			f.Var(&o.train, "train", "`months` to fit on; the two labelled ones before the test month otherwise")
			f.Var(&o.test, "test", "`month` to measure on; the last labelled otherwise")
			f.Float64Var(&o.target, "target-precision", 0.8, "precision that the thresholds are to hold")
			f.StringVar(&o.rule, "rule", "target", "which thresholds: target (greatest recall at the precision asked for) or best-f1")
			f.StringVar(&o.count, "request-count", "", "threshold of your own, as `'>=500'`, instead of a fitted one")
			f.StringVar(&o.size, "response-size-mean", "", "threshold of your own in bytes, as `'<=4000'`")
			f.StringVar(&o.combine, "combine", "and", "how your own are joined: and, or")
			f.IntVar(&o.judgeFrom, "judge-from", 10, "requests from which on a mean size is judged while requests come")
			f.Float64Var(&o.windowHours, "window-hours", 0, "hours over which request_count is counted; the median length of the training windows otherwise")
			f.Float64Var(&o.maxReaders, "max-readers", 0.01, "share of readers' requests that a limit for everyone may stop")
			f.StringVar(&o.lists, "lists", "", "write the lists, with full addresses, into this `folder`")
			f.StringVar(&o.name, "name", "sluice", "`name` of the list where it is used")
		},
		Run: func(ctx context.Context, in *study.Input) (study.Report, error) {
			if err := o.check(); err != nil {
				return nil, err
			}
			return analyse(ctx, in, o)
		},
	}, args, stdout, stderr)
}

func (o *options) check() error {
	switch {
	case !(o.target > 0 && o.target < 1):
		return fault.Field(fault.Usage, "target-precision", "--target-precision %v; want a number between 0 and 1, as in 0.8", o.target)
	case o.rule != "target" && o.rule != "best-f1":
		return fault.Field(fault.Usage, "rule", "--rule %q; want target or best-f1", o.rule)
	case o.judgeFrom < 1:
		return fault.Field(fault.Usage, "judge-from", "--judge-from %d; want 1 or more", o.judgeFrom)
	case !(o.windowHours >= 0) || o.windowHours > 24*366:
		return fault.Field(fault.Usage, "window-hours", "--window-hours %v; want hours, up to a year", o.windowHours)
	case !(o.maxReaders >= 0 && o.maxReaders < 1):
		return fault.Field(fault.Usage, "max-readers", "--max-readers %v; want a share below 1, as 0.01", o.maxReaders)
	}
	if o.count == "" && o.size == "" {
		return nil
	}
	if o.count == "" || o.size == "" {
		return fault.Field(fault.Usage, "request-count", "give both --request-count and --response-size-mean, or neither")
	}
	r := rules.Rule{}
	var err error
	if r.RequestCount, err = condition("request-count", columns.Twelve()[columns.RequestCount].Name, o.count); err != nil {
		return err
	}
	if r.ResponseSizeMean, err = condition("response-size-mean", columns.Twelve()[columns.ResponseSizeMean].Name, o.size); err != nil {
		return err
	}
	switch strings.ToLower(o.combine) {
	case "and":
		r.Combine = rules.And
	case "or":
		r.Combine = rules.Or
	default:
		return fault.Field(fault.Usage, "combine", "--combine %q; want and, or", o.combine)
	}
	o.given = &r
	return nil
}

var conditionShape = regexp.MustCompile(`^\s*(>=|<=)\s*([0-9.eE+]+)\s*$`)

func condition(name, column, s string) (rules.Condition, error) {
	m := conditionShape.FindStringSubmatch(s)
	if m == nil {
		return rules.Condition{}, fault.Field(fault.Usage, name, "--%s %q; want a comparison as '>=500' or '<=4000'", name, s)
	}
	x, err := strconv.ParseFloat(m[2], 64)
	if err != nil || x > 1e15 {
		return rules.Condition{}, fault.Field(fault.Usage, name, "--%s %q; want a comparison with a number, as '>=500'", name, s)
	}
	return rules.Condition{Column: column, Op: rules.Op(m[1]), Threshold: x}, nil
}
