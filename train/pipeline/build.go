package pipeline

import (
	"context"
	"fmt"
	"maps"
	"os"
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
	if err := c.refuseSimulated(); err != nil {
		return nil, err
	}
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
	groups, threads, restore := build.LimitMemory(c.Memory, c.Threads, c.Further.mapped())
	defer restore()
	further, err := openFurther(ctx, c, st)
	if err != nil {
		return err
	}
	defer further.close()
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
		if c.Windows, err = detectedWindows(st, c, found, sink); err != nil {
			return err
		}
		if found.Set != nil {
			err = keepSeen(st, found.Set.Windows(), found.Signatures, found.Hours)
		} else {
			err = keepSeen(st, nil, nil, found.Hours)
		}
		if err != nil {
			return err
		}
	} else if c.Describe && c.Windows != nil && len(c.Logs) > 0 {
		signatures, hours, err := DescribeAttacks(ctx, c, sink)
		if err != nil {
			return err
		}
		if err := keepSeen(st, c.Windows.Windows(), signatures, hours); err != nil {
			return err
		}
	}
	had := furtherGroups(st)
	if labeler != nil {
		if err := st.CheckPseudonyms(pseudonymCheck(c)); err != nil {
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
			Labeler: labeler, Pseudonyms: c.Pseudonyms, Threads: threads, Memory: groups, Twelve: c.Twelve, Later: c.Later, Columns: further.sources,
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
		if len(st.Months()) == 0 && len(res.Pending) == 0 {
			return fault.Field(fault.Invalid, "logs", "no request was found in %s (%d lines): nothing to learn from", strings.Join(fewNames(c.Logs), ", "), res.Lines)
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
	if err := mergePending(ctx, c, st, featurestore.Change{Labeler: labeler, Threads: threads, Memory: groups}, further, changed, sink); err != nil {
		return err
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
	if err := enrich(ctx, further, changed, sink); err != nil {
		return err
	}
	warnOfLost(st, had, sink)
	return nil
}

// mergePending merges months that waited for a run which names no log.
func mergePending(ctx context.Context, c *Config, st *featurestore.Store, change featurestore.Change, further *furtherSources, changed map[row.Month]bool, sink Sink) error {
	if c.Later || len(st.Pending()) == 0 {
		return nil
	}
	m := newMeter(sink, build.StageMerge, "months")
	change.Progress = func(month row.Month, done, total int) {
		m.at(int64(done), int64(total), month.String())
	}
	var err error
	change.Columns, err = further.sources(ctx, func() (*featurestore.AddressSet, error) { return st.Addresses(ctx, &change) })
	if err != nil {
		return err
	}
	months, err := st.Apply(ctx, change)
	if err != nil {
		return err
	}
	for _, month := range months {
		changed[month] = true
	}
	sink(Event{Stage: &StageEvent{Name: "merge", Summary: "log files read before, merged into " + monthSpan(months)}})
	return nil
}

// pseudonymCheck names the key of the pseudonyms; "" where addresses are kept.
func pseudonymCheck(c *Config) string {
	if c.Pseudonyms == nil {
		return ""
	}
	return c.Pseudonyms.Check()
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
	if len(r.Pending) > 0 {
		fmt.Fprintf(&b, "; %s to be merged later", monthSpan(r.Pending))
		return b.String()
	}
	return b.String() + rowsIn(r.Rows, r.Months)
}

// rowsIn says which months were made anew.
func rowsIn(rows int64, months []row.Month) string {
	if len(months) == 0 {
		return "; no month changed"
	}
	return fmt.Sprintf("; %d rows in %s", rows, monthSpan(months))
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

// fewNames names files for a message as they were given, a few of them.
func fewNames(files []string) []string {
	const most = 3
	var out []string
	for i, f := range files {
		if i == most {
			return append(out, fmt.Sprintf("%d more", len(files)-most))
		}
		out = append(out, f)
	}
	return out
}
