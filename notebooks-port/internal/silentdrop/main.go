package silentdrop

import (
	"context"
	"flag"
	"io"

	"sluice/featurestore/fault"
	"sluice/notebooks-port/internal/study"
)

const help = `Usage: silent-drop --drops FILES --logs FILES [flags]

Reads silent-drop records (an address went over the edge's limit of concurrent
requests and got no answer for 300 s) beside the logs, and writes report.html,
report.md and report.json: the most dropped addresses and what they asked for,
who was dropped by mistake (wikis that use Mathoid or Instant Commons) and what
leaving them out changes, and the share of addresses reported by number of
records.

Examples:
  silent-drop --out report --drops silentdrop.2024-08-02.tsv.gz --logs 'logs/*.gz' --labels 'checks-*.jsonl.gz'
  silent-drop --drops simulated-silentdrop-*.jsonl.gz --logs logs/* --labels labels/check/* --attacks attacks.csv
  silent-drop --drops drops.json --logs logs/* --candidates ask-abuseipdb.txt --candidates-from 5

Flags:
`

// options are the program's own flags.
type options struct {
	top            int
	minAddresses   int
	candidatesFrom int
	candidates     string
}

// Main is the program. It gives the exit status: 0 done, 1 failed, 2 wrong
// usage, 130 interrupted.
func Main(ctx context.Context, args []string, _ io.Reader, stdout, stderr io.Writer) int {
	var o options
	return study.Main(ctx, study.Program{
		Name: "silent-drop", Help: help,
		Input: study.Input{Logs: study.Required, Drops: study.Required, Labels: study.Optional, Attacks: study.Optional},
		Flags: func(f *flag.FlagSet) {
			f.IntVar(&o.top, "top", 3, "addresses whose requests are shown")
			f.IntVar(&o.minAddresses, "min-addresses", 20, "least labelled addresses behind a share that is spoken of")
			f.IntVar(&o.candidatesFrom, "candidates-from", 5, "records from which on an address is worth a lookup")
			f.StringVar(&o.candidates, "candidates", "", "write full addresses worth a lookup and not yet known into this `file`, most dropped first")
		},
		Run: func(ctx context.Context, in *study.Input) (study.Report, error) {
			switch {
			case o.top < 1 || o.top > 100:
				return nil, fault.Field(fault.Usage, "top", "--top %d; want 1 to 100", o.top)
			case o.minAddresses < 1:
				return nil, fault.Field(fault.Usage, "min-addresses", "--min-addresses %d; want 1 or more", o.minAddresses)
			case o.candidatesFrom < 1:
				return nil, fault.Field(fault.Usage, "candidates-from", "--candidates-from %d; want 1 or more", o.candidatesFrom)
			}
			return analyse(ctx, in, o)
		},
	}, args, stdout, stderr)
}
