package cli

import (
	"context"
	"flag"
	"fmt"
	"io"
	"net/netip"
	"time"

	"sluice/featurestore/fault"
	"sluice/featurestore/reputation"
	"sluice/featurestore/row"
)

// mostDrops is the last line of a month's table: of that many drops and more.
const mostDrops = 20

// dropMonth is one month's table.
type dropMonth struct {
	Month   row.Month              `json:"month"`
	Mathoid bool                   `json:"with_mathoid"` // records from before its clients were left out
	Shares  []reputation.DropShare `json:"shares"`
}

func dropCommands() []command {
	return []command{{
		name:    "labels drops",
		summary: "Share of reported addresses among those with at least k silent drops",
		long: `Counts silent-drop records (JSON lines, tab-separated, or the proxy's debug lines)
by address and month, and says of the addresses with at least k of them how many
the label exports report, with the 95 % interval of Wilson. Records from before
2024-08-02 hold Mathoid's clients, which are no abuse: such months are marked.`,
		example: `train labels drops --drops 'silent-drop-*.jsonl.gz' --labels 'blacklist-*.txt' --months 2024-07,2024-08`,
		setup:   setupDrops,
	}}
}

func setupDrops(fs *flag.FlagSet) func(context.Context, *env, []string) error {
	months, drops, labels := list{comma: true}, list{}, list{}
	fs.Var(&drops, "drops", "silent-drop records, `FILES` or globs")
	fs.Var(&labels, "labels", "AbuseIPDB export `FILES` or globs")
	fs.Var(&months, "months", "`MONTHS` to count; those of the exports unless given")
	return func(ctx context.Context, e *env, args []string) error {
		if len(args) > 0 || len(drops.values) == 0 || len(labels.values) == 0 {
			return fault.New(fault.Usage, "labels drops needs --drops and --labels; see train labels drops --help")
		}
		ms, err := parseMonths("months", months.values)
		if err != nil {
			return err
		}
		dropFiles, err := expandGlobs("drops", drops.values)
		if err != nil {
			return err
		}
		labelFiles, err := expandGlobs("labels", labels.values)
		if err != nil {
			return err
		}
		e.events.begin("labels drops")
		d, err := reputation.OpenDrops(ctx, dropFiles)
		if err != nil {
			return err
		}
		set, err := reputation.Open(ctx, labelFiles, reputation.Options{Threads: threads(e.global.threads)})
		if err != nil {
			return err
		}
		if len(ms) == 0 {
			ms = set.Months()
		}
		var out []dropMonth
		for _, m := range ms {
			label := func(ip netip.Addr) row.Label { return set.Label(ip, m) }
			shares := d.ReportedByDrops(label, m.Start(time.UTC), m.End(time.UTC), mostDrops)
			out = append(out, dropMonth{m, m.Start(time.UTC).Before(reputation.MathoidExcluded), shares})
		}
		e.events.result(map[string]any{"definition": set.Definition(), "months": out}, func(w io.Writer) { printDrops(w, out) })
		return nil
	}
}

func printDrops(w io.Writer, months []dropMonth) {
	fmt.Fprintf(w, "%-8s %8s %10s %9s %7s  %s\n", "month", "drops", "addresses", "reported", "share", "95 % interval")
	for _, m := range months {
		if len(m.Shares) == 0 {
			fmt.Fprintf(w, "%-8s no record of a labelled address\n", m.Month)
		}
		for _, s := range m.Shares {
			fmt.Fprintf(w, "%-8s %8s %10d %9d %7.3f  %.3f to %.3f\n", m.Month, fmt.Sprint("≥", s.Drops), s.Labelled, s.Reported, s.Share, s.Low, s.High)
		}
		if m.Mathoid && len(m.Shares) > 0 {
			fmt.Fprintf(w, "%-8s with Mathoid's clients, which are left out from %s on\n", m.Month, reputation.MathoidExcluded.Format(time.DateOnly))
		}
	}
}
