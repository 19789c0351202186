package pipeline

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"sluice/featurestore"
	"sluice/featurestore/fault"
	"sluice/featurestore/reputation"
	"sluice/featurestore/spark"
)

// BuildOnSpark has a cluster compute the rows of sc's windows and labels them
// as Build does. Of c it reads the home, its world, labels and what they mean.
func BuildOnSpark(ctx context.Context, c Config, sc spark.Config, sink Sink) ([]featurestore.MonthInfo, error) {
	if c.Pseudonyms != nil {
		return nil, fault.Field(fault.Unsupported, "pseudonymise", "pseudonyms are not made on Spark, where addresses have been read already; pseudonymise the table, or read its files with --engine go")
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
	var labeler featurestore.Labeler
	if lists != nil {
		labeler = withDelay(lists, c.LabelOptions.Delay)
	}
	labeler, keeper := keepLabels(st, labeler, lists)
	sc.Labeler = labeler
	meters := map[string]*meter{}
	sc.Progress = func(p spark.Progress) {
		m := meters[p.Stage]
		if m == nil {
			unit := "tasks"
			if p.Stage == spark.StageAdopt {
				unit = "rows"
			}
			m = newMeter(sink, p.Stage, unit)
			meters[p.Stage] = m
		}
		m.at(p.Done, p.Total, fmt.Sprintf("%d running", p.Active))
	}
	begun := time.Now()
	res, err := spark.Build(ctx, st, c.Home, sc)
	if err != nil {
		return nil, err
	}
	sink(Event{Stage: &StageEvent{Name: "spark", Summary: sparkSummary(res, time.Since(begun)), Facts: map[string]any{"spark": res}}})
	for _, w := range res.Warnings {
		sink(Event{Warning: &WarningEvent{Message: w}})
	}
	keeper.warn(sink)
	return st.Manifest().Months, labelOthers(ctx, st, lists, labeler, res)
}

// labelOthers labels the months that labels speak of and Spark did not compute.
func labelOthers(ctx context.Context, st *featurestore.Store, lists *reputation.Set, labeler featurestore.Labeler, res spark.Result) error {
	if lists == nil {
		return nil
	}
	for _, m := range st.Months() {
		if slices.Contains(res.Months, m) || !lists.Has(m) {
			continue
		}
		if err := st.Label(ctx, m, labeler); err != nil {
			return err
		}
	}
	return nil
}

func sparkSummary(r spark.Result, took time.Duration) string {
	var total int64
	var left []string
	for _, k := range slices.Sorted(maps.Keys(r.Outcomes)) {
		total += r.Outcomes[k]
		if k != "counted" && r.Outcomes[k] > 0 {
			left = append(left, fmt.Sprintf("%s %d", k, r.Outcomes[k]))
		}
	}
	out := fmt.Sprintf("Spark %s; %d requests in %s", r.Version, total, took.Round(time.Second))
	if len(left) > 0 {
		out += fmt.Sprintf(", left out: %s", strings.Join(left, ", "))
	}
	return out + rowsIn(r.Rows, r.Months)
}
