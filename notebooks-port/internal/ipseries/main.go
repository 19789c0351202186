package ipseries

import (
	"context"
	"flag"
	"io"
	"net/netip"

	"sluice/featurestore/fault"
	"sluice/featurestore/row"
	"sluice/notebooks-port/internal/program"
	"sluice/notebooks-port/internal/study"
)

const help = `Usage: ip-series --logs FILES [flags]

Draws the requests of single addresses by the hour, with attack windows and
silent drops marked, and writes report.html, report.md and report.json: the
busiest addresses of the windows, the most dropped ones, or those that are
named, which of them were ever dropped, and how the two kinds differ.

Examples:
  ip-series --out report --logs 'logs/*.gz' --attacks attacks.csv --drops 'silentdrop*.tsv.gz'
  ip-series --logs logs/* --ips 192.0.2.7 2001:db8::1 --show-addresses
  ip-series --logs logs/* --attacks attacks.csv --top 20 --top-dropped 0

Flags:
`

type options struct {
	top, topDropped int
	ips             program.Words
	named           []netip.Addr
}

// Main is the program. It gives the exit status: 0 done, 1 failed, 2 wrong
// usage, 130 interrupted.
func Main(ctx context.Context, args []string, _ io.Reader, stdout, stderr io.Writer) int {
	var o options
	return study.Main(ctx, study.Program{
		Name: "ip-series", Help: help,
		Input: study.Input{Logs: study.Required, Attacks: study.Optional, Drops: study.Optional, Labels: study.Optional},
		Flags: func(f *flag.FlagSet) {
			f.IntVar(&o.top, "top", 7, "addresses with most requests that count, inside windows where there are any")
			f.IntVar(&o.topDropped, "top-dropped", 3, "addresses with most silent-drop records")
			f.Var(&o.ips, "ips", "these `addresses` instead of the busiest and most dropped")
		},
		Run: func(ctx context.Context, in *study.Input) (study.Report, error) {
			if o.top < 0 || o.topDropped < 0 || o.top+o.topDropped > 100 {
				return nil, fault.Field(fault.Usage, "top", "--top %d and --top-dropped %d; want 0 or more, 100 together at most", o.top, o.topDropped)
			}
			for _, s := range o.ips.List {
				ip, ok := row.ParseIP(s)
				if !ok {
					return nil, fault.Field(fault.Usage, "ips", "--ips %q is no address; want one as 192.0.2.7 or 2001:db8::1", s)
				}
				o.named = append(o.named, ip)
			}
			return analyse(ctx, in, o)
		},
	}, args, stdout, stderr)
}
