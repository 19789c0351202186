package pipeline

import (
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"sluice/featurestore"
	"sluice/featurestore/build"
	"sluice/featurestore/columns"
	"sluice/featurestore/fault"
	"sluice/featurestore/reputation"
	"sluice/featurestore/row"
)

// Build reads logs and label exports into the store and trains nothing. It
// returns what the store holds afterwards.
func Build(ctx context.Context, c Config, sink Sink) ([]featurestore.MonthInfo, error) {
	st, err := featurestore.Open(c.Home, featurestore.OpenOptions{World: c.World, Context: ctx})
	if err != nil {
		return nil, err
	}
	defer st.Close()
	lists, err := openLabels(ctx, &c, sink)
	if err != nil {
		return nil, err
	}
	if err := readLogs(ctx, &c, st, lists, sink); err != nil {
		return nil, err
	}
	return st.Manifest().Months, nil
}

// readLogs brings the store up to date with the logs and labels given.
func readLogs(ctx context.Context, c *Config, st *featurestore.Store, lists *reputation.Set, sink Sink) error {
	changed := map[row.Month]bool{}
	var labeler featurestore.Labeler
	if lists != nil {
		labeler = lists
		if slices.ContainsFunc(c.Columns, columns.IsEarlier) {
			labeler = reputation.WithEarlier{Set: lists}
		}
	}
	if c.Detect && c.Windows == nil && len(c.Logs) > 0 {
		found, err := DetectAttacks(ctx, c, sink)
		if err != nil {
			return err
		}
		if c.Windows = found.Set; c.Windows == nil {
			return fault.Field(fault.Invalid, "attacks", "no attack stands out in %s; say --attacks none to take each month as one window", strings.Join(baseNames(c.Logs), ", "))
		}
	}
	if labeler != nil {
		check := ""
		if c.Pseudonyms != nil {
			check = c.Pseudonyms.Check()
		}
		if err := st.CheckPseudonyms(check); err != nil {
			return err
		}
		labeler = build.Relabel(withDelay(labeler, c.LabelOptions.Delay), c.Pseudonyms)
	}
	labeler, keeper := keepLabels(st, labeler, lists)
	if len(c.Logs) > 0 {
		begun := time.Now()
		meters := map[string]*meter{}
		res, err := build.Build(ctx, st, build.Config{
			Files: c.Logs, Windows: c.Windows, Zone: c.Zone, Access: c.Access, Web: c.Web, Filter: &c.Filter,
			Labeler: labeler, Pseudonyms: c.Pseudonyms, Threads: c.Threads, Memory: c.Memory,
			Progress: func(p build.Progress) {
				m := meters[p.Stage]
				if m == nil {
					unit := "bytes"
					if p.Stage == build.StageMerge {
						unit = "months"
					}
					m = newMeter(sink, p.Stage, unit)
					meters[p.Stage] = m
				}
				m.at(p.Done, p.Total, p.Detail)
			},
		})
		if err != nil {
			return err
		}
		if len(st.Months()) == 0 {
			return fault.Field(fault.Invalid, "logs", "no request was found in %s (%d lines): nothing to learn from", strings.Join(baseNames(c.Logs), ", "), res.Lines)
		}
		for _, m := range res.Months {
			changed[m] = true
		}
		sink(Event{Stage: &StageEvent{Name: "logs", Summary: buildSummary(res, time.Since(begun)), Facts: map[string]any{"build": res}}})
		for _, w := range res.Warnings {
			sink(Event{Warning: &WarningEvent{Message: w}})
		}
		keeper.warn(sink)
	}
	if lists != nil {
		for _, m := range st.Months() {
			if changed[m] || !lists.Has(m) {
				continue
			}
			if err := st.Label(ctx, m, labeler); err != nil {
				return err
			}
		}
	}
	return nil
}

func buildSummary(r build.Result, took time.Duration) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d files", r.Files)
	if r.Unchanged > 0 {
		fmt.Fprintf(&b, ", %d known already", r.Unchanged)
	}
	if r.Same > 0 {
		fmt.Fprintf(&b, ", %d of the same content as another", r.Same)
	}
	fmt.Fprintf(&b, "; %d lines", r.Lines)
	if s := took.Seconds(); r.Lines > 0 && s > 0 {
		fmt.Fprintf(&b, " (%.0f/s)", float64(r.Lines)/s)
	}
	var rejected int64
	var reasons []string
	for _, k := range slices.Sorted(maps.Keys(r.Rejects)) {
		rejected += r.Rejects[k]
		reasons = append(reasons, fmt.Sprintf("%s %d", k, r.Rejects[k]))
	}
	if rejected > 0 {
		fmt.Fprintf(&b, ", %d rejected (%s), kept in store/rejects", rejected, strings.Join(reasons, ", "))
	}
	fmt.Fprintf(&b, "; %d rows in %s", r.Rows, monthSpan(r.Months))
	return b.String()
}

// dryRun says what a run would do.
func dryRun(ctx context.Context, c Config) (Result, error) {
	res := Result{World: c.World, DryRun: true}
	say := func(format string, args ...any) { res.Plan = append(res.Plan, fmt.Sprintf(format, args...)) }
	sizes, total, err := fileSizes(c.Logs)
	if err != nil {
		return res, err
	}
	for i, f := range c.Logs {
		say("read    %s (%s)", f, bytesText(sizes[i]))
	}
	for _, f := range c.Labels {
		say("labels  %s", f)
	}
	if len(c.Logs) > 0 {
		// Measured on gzip combined logs; see featurestore/README.md.
		say("log bytes in all: %s; what the store has already is only hashed", bytesText(total))
	}
	if lists, err := openLabels(ctx, &c, func(Event) {}); err != nil {
		return res, err
	} else if lists != nil {
		say("labels  say of %s whether an address is reported: %s (%s)", monthSpan(lists.Months()), lists.Definition(), lists.Sentence())
	}
	if st, err := featurestore.Open(c.Home, featurestore.OpenOptions{ReadOnly: true, Context: ctx}); err == nil {
		for _, m := range st.Manifest().Months {
			say("store   %s: %d rows, %d reported, %d not, %d unknown", m.Month, m.Rows, m.Labels.True, m.Labels.False, m.Labels.Unknown)
		}
		st.Close()
	} else if !fault.Is(err, fault.NotFound) {
		return res, err
	}
	months := monthSpan(c.Train)
	if c.LastN > 0 {
		months = fmt.Sprintf("the last %d labelled months before the test month", c.LastN)
	}
	test := "the latest labelled month"
	if len(c.Test) > 0 {
		test = monthSpan(c.Test)
	}
	say("train   on %s: %d rounds, %d columns, seed %d; %d folds by IP for calibration and threshold", months, c.Rounds, len(c.Columns), c.Seed, folds)
	say("test    on %s; target precision %.2f", test, c.TargetPrecision)
	return res, nil
}

func fileSizes(files []string) (sizes []int64, total int64, err error) {
	for _, f := range files {
		var n int64
		if f != "-" {
			fi, err := os.Stat(f)
			if err != nil {
				return nil, 0, fault.Field(fault.Invalid, "logs", "%w", err)
			}
			n = fi.Size()
		}
		sizes, total = append(sizes, n), total+n
	}
	return sizes, total, nil
}

func bytesText(n int64) string {
	switch {
	case n >= 1<<30:
		return fmt.Sprintf("%.1f GiB", float64(n)/(1<<30))
	case n >= 1<<20:
		return fmt.Sprintf("%.1f MiB", float64(n)/(1<<20))
	case n >= 1<<10:
		return fmt.Sprintf("%.1f KiB", float64(n)/(1<<10))
	}
	return fmt.Sprintf("%d bytes", n)
}

// baseNames names files for a message, a few of them.
func baseNames(files []string) []string {
	const most = 3
	var out []string
	for i, f := range files {
		if i == most {
			return append(out, fmt.Sprintf("%d more", len(files)-most))
		}
		out = append(out, filepath.Base(f))
	}
	return out
}
