package attackagents

import (
	"context"
	"flag"
	"io"
	"net"
	"os"
	"slices"
	"strings"

	"sluice/featurestore/fault"
	"sluice/notebooks-port/internal/program"
	"sluice/notebooks-port/internal/study"
	"sluice/serve/policy"
)

const help = `Usage: agents-by-attack --logs FILES --attacks FILE [flags]

Reads logs and attack windows and writes report.html, report.md and report.json:
for each window the addresses with more than a request a second, how many of
them AbuseIPDB reports, their user agents, and the crawlers that are there,
declared and verified; and the busiest hour of each crawler.

Examples:
  agents-by-attack --out report --logs 'logs/*.gz' --attacks attacks.csv --labels 'checks-*.jsonl.gz'
  agents-by-attack --logs logs/* --attacks detect --crawlers Googlebot=googlebot.json GPTBot=gptbot.json
  agents-by-attack --logs logs/* --attacks attacks.csv --rate 0.05 --resolve

Flags:
`

type options struct {
	rate        float64
	minRequests int64
	few         int
	top         int
	crawlers    program.List
	resolve     bool
}

// Main is the program. It gives the exit status: 0 done, 1 failed, 2 wrong
// usage, 130 interrupted.
func Main(ctx context.Context, args []string, _ io.Reader, stdout, stderr io.Writer) int {
	var o options
	return study.Main(ctx, study.Program{
		Name: "agents-by-attack", Help: help,
		Input: study.Input{Logs: study.Required, Attacks: study.Required, Labels: study.Optional},
		Flags: func(f *flag.FlagSet) {
			f.Float64Var(&o.rate, "rate", 1, "requests a second over the whole window above which an address is abusive")
			f.Int64Var(&o.minRequests, "min-requests", 100, "requests above which an address counts in an attack")
			f.IntVar(&o.few, "few", 10, "abusive addresses up to which a window has few")
			f.IntVar(&o.top, "top", 10, "agents shown of each window")
			f.Var(&o.crawlers, "crawlers", "published ranges of crawlers: `NAME=FILE`, as Googlebot=googlebot.json")
			f.BoolVar(&o.resolve, "resolve", false, "ask the domain name system whether addresses are the crawlers that they say")
		},
		Run: func(ctx context.Context, in *study.Input) (study.Report, error) {
			switch {
			case !(o.rate > 0):
				return nil, fault.Field(fault.Usage, "rate", "--rate %v; want a number above 0", o.rate)
			case o.minRequests < 0:
				return nil, fault.Field(fault.Usage, "min-requests", "--min-requests %d; want 0 or more", o.minRequests)
			case o.few < 0:
				return nil, fault.Field(fault.Usage, "few", "--few %d; want 0 or more", o.few)
			case o.top < 1 || o.top > 1000:
				return nil, fault.Field(fault.Usage, "top", "--top %d; want 1 to 1000", o.top)
			}
			v, err := o.verifier()
			if err != nil {
				return nil, err
			}
			return analyse(ctx, in, o, v)
		},
	}, args, stdout, stderr)
}

// verifier knows the crawlers of serve/policy and those whose ranges were
// given.
func (o *options) verifier() (*verifier, error) {
	v := &verifier{crawlers: policy.KnownCrawlers()}
	for _, s := range o.crawlers {
		name, path, ok := strings.Cut(s, "=")
		if !ok || name == "" || path == "" {
			return nil, fault.Field(fault.Usage, "crawlers", "--crawlers %q; want NAME=FILE, as Googlebot=googlebot.json", s)
		}
		f, err := os.Open(path)
		if err != nil {
			return nil, fault.Field(fault.NotFound, "crawlers", "--crawlers: %w", err)
		}
		r, err := policy.ParseRanges(f, path, name)
		f.Close()
		if err != nil {
			return nil, err
		}
		i := slices.IndexFunc(v.crawlers, func(c policy.Crawler) bool { return strings.EqualFold(c.Name, name) })
		if i < 0 {
			v.crawlers = append(v.crawlers, policy.Crawler{Name: name, Agents: []string{name}})
			i = len(v.crawlers) - 1
		}
		v.crawlers[i].Ranges = append(v.crawlers[i].Ranges, r.Prefixes...)
		v.crawlers[i].Date = r.Date
	}
	var resolver policy.Resolver
	if o.resolve {
		resolver, v.resolves = net.DefaultResolver, true
	}
	v.Verifier = policy.NewVerifier(v.crawlers, resolver)
	return v, nil
}
