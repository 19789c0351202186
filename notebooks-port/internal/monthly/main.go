package monthly

import (
	"context"
	"flag"
	"io"

	"sluice/featurestore/fault"
	"sluice/notebooks-port/internal/program"
	"sluice/notebooks-port/internal/study"
)

const help = `Usage: monthly-analysis --dir HOME [flags]
       monthly-analysis --logs FILES [--labels FILES] [--attacks FILE] [flags]

Describes the months of a store, or of logs read for the occasion, and writes
report.html, report.md and report.json: what was read and left out, the attack
windows with their rows, the days that are there, and how the thirteen columns
are distributed among reported and other addresses.

Examples:
  monthly-analysis --out report --dir site --months 2024-08
  monthly-analysis --out report --logs 'logs/*.gz' --labels 'checks-*.jsonl.gz' --attacks attacks.csv
  monthly-analysis --logs access.log.gz --labels blacklist-2025-08.txt.gz --profile site

Flags:
`

type options struct {
	months      program.Words
	minRequests float64
}

// Main is the program. It gives the exit status: 0 done, 1 failed, 2 wrong
// usage, 130 interrupted.
func Main(ctx context.Context, args []string, _ io.Reader, stdout, stderr io.Writer) int {
	var o options
	return study.Main(ctx, study.Program{
		Name: "monthly-analysis", Help: help,
		Input: study.Input{Logs: study.Required, Labels: study.Optional, Attacks: study.Optional, Home: study.Optional},
		Flags: func(f *flag.FlagSet) {
			f.Var(&o.months, "months", "these `months`, as 2024-07,2024-08; all otherwise")
			f.Float64Var(&o.minRequests, "min-requests", 100, "requests above which an address counts in an attack")
		},
		Run: func(ctx context.Context, in *study.Input) (study.Report, error) {
			if o.minRequests < 0 {
				return nil, fault.Field(fault.Usage, "min-requests", "--min-requests %v; want 0 or more", o.minRequests)
			}
			return analyse(ctx, in, o)
		},
	}, args, stdout, stderr)
}
