package pipeline

import (
	"context"
	"fmt"
	"math"
	"slices"

	"sluice/featurestore"
	"sluice/featurestore/columns"
	"sluice/featurestore/fault"
	"sluice/featurestore/row"
	"sluice/train/evaluation"
)

// AblationRow is one set of columns, measured on rows that all sets share.
type AblationRow struct {
	Set     string `json:"set"`  // "twelve", "behaviour", "earlier listings"
	Rows    string `json:"rows"` // "all", "never listed before"
	N       int    `json:"n"`
	True    int    `json:"true"`
	Columns int    `json:"columns"`
	// Intervals hold 95 percentile intervals over draws of addresses; the draws
	// are the same for every set.
	ROCAUC AblationFigure `json:"roc_auc"`
	PRAUC  AblationFigure `json:"pr_auc"`
	// Gain is the set's ROC AUC less that of the set before; absent for the first.
	Gain *AblationFigure `json:"gain,omitempty"`
}

// AblationFigure is a figure with its interval; NaN figures are null.
type AblationFigure struct {
	Estimate evaluation.Float `json:"estimate"`
	Low      evaluation.Float `json:"low"`
	High     evaluation.Float `json:"high"`
}

// Ablation is what further columns are worth.
type Ablation struct {
	Split string        `json:"split"`
	Draws int           `json:"draws"`
	Rows  []AblationRow `json:"rows"`
	// ListedBefore is the verdict "was on an export known before the window":
	// what the columns of earlier listings say alone.
	ListedPrecision evaluation.Float `json:"listed_before_precision"`
	ListedRecall    evaluation.Float `json:"listed_before_recall"`
}

const ablationDraws = 1000

// Ablate trains three models on the same rows, the twelve columns, those with
// behaviour, those with earlier listings, and measures them on the same test
// rows, with paired intervals by address; and once more on the addresses that
// no export known before the window names. It needs c.Labels for the earlier
// listings and writes nothing.
func Ablate(ctx context.Context, c Config, sink Sink) (*Ablation, error) {
	if err := c.check(); err != nil {
		return nil, err
	}
	lists, err := openLabels(ctx, &c, sink)
	if err != nil {
		return nil, err
	}
	if lists == nil {
		return nil, fault.Field(fault.Usage, "labels", "the columns of earlier listings come of label exports; give them with --labels")
	}
	st, err := featurestore.Open(c.Home, featurestore.OpenOptions{ReadOnly: true, Context: ctx})
	if err != nil {
		return nil, err
	}
	defer st.Close()
	if err := c.chooseMonths(st); err != nil {
		return nil, err
	}
	stored := columns.Stored()
	full := append(slices.Clone(stored), columns.EarlierNames()...)
	ids := groupNumbers{}
	// The exports at hand may be more than those that the months were labelled
	// with, so earlier listings are made anew.
	load := func(flag string, months []row.Month) (have []string, rows []row.Row, err error) {
		if have, rows, err = readRows(st, flag, months); err != nil {
			return nil, nil, err
		}
		if len(have) < len(stored) || !slices.Equal(have[:len(stored)], stored) {
			return nil, nil, fault.Field(fault.Invalid, "columns", "%s was built before all of today's behaviour columns were stored; build it again from its logs with train features build --logs", monthSpan(months))
		}
		return withEarlier(&c, st, lists, have, rows)
	}
	trainHave, trainRows, err := load("train", c.Train)
	if err != nil {
		return nil, err
	}
	testHave, testRows, err := load("test", c.Test)
	if err != nil {
		return nil, err
	}
	out := &Ablation{Split: monthSpan(c.Train) + " → " + monthSpan(c.Test), Draws: ablationDraws}
	meter := newMeter(sink, "ablation", "models")
	type measured struct {
		name   string
		width  int
		scores []float64
	}
	var sets []measured
	var test *table
	for i, set := range []struct {
		name  string
		names []string
	}{{"twelve", full[:columns.NumFeatures]}, {"behaviour", stored}, {"earlier listings", full}} {
		train, err := newTable(trainHave, trainRows, set.names, ids, true)
		if err != nil {
			return nil, err
		}
		if test, err = newTable(testHave, testRows, set.names, ids, true); err != nil {
			return nil, err
		}
		_, pred, err := fit(ctx, &c, c.Params, c.Rounds, set.names, train.x, train.float32Labels(), nil)
		if err != nil {
			return nil, err
		}
		sets = append(sets, measured{set.name, len(set.names), probabilities(pred, test, c.Threads)})
		meter.at(int64(i+1), 3, set.name)
	}
	// Of the last table, which has every column.
	listed := slices.Index(testHave, columns.EarlierNames()[columns.ListedBefore])
	var hits, flagged, positive float64
	for i := range test.rows {
		was := test.rows[i].Values[listed] == 1
		if was {
			flagged++
		}
		if test.labels[i] {
			positive++
			if was {
				hits++
			}
		}
	}
	out.ListedPrecision, out.ListedRecall = evaluation.Float(hits/flagged), evaluation.Float(hits/positive)

	for _, part := range []struct {
		name string
		keep func(r *row.Row) bool
	}{{"all", func(*row.Row) bool { return true }}, {"never listed before", func(r *row.Row) bool { return r.Values[listed] == 0 }}} {
		var at []int
		for i := range test.rows {
			if part.keep(&test.rows[i]) {
				at = append(at, i)
			}
		}
		labels, groups, n := make([]bool, len(at)), make([]int, len(at)), 0
		for k, i := range at {
			labels[k], groups[k] = test.labels[i], test.groups[i]
			if labels[k] {
				n++
			}
		}
		if n == 0 || n == len(at) {
			continue // no AUC without both classes
		}
		var before [][]float64
		var was evaluation.Drawn
		for _, s := range sets {
			scores := make([]float64, len(at))
			for k, i := range at {
				scores[k] = s.scores[i]
			}
			b, err := evaluation.NewBootstrap(labels, scores, nil, groups)
			if err != nil {
				return nil, err
			}
			// One seed and the same groups: draw i is of the same addresses for
			// every set, so differences are paired.
			draws, err := b.Run(ctx, ablationDraws, 2, c.Threads, uint64(c.Seed), func(d *evaluation.Drawn, out []float64) {
				out[0], out[1] = float64(d.ROCAUC), float64(d.PRAUC)
			})
			if err != nil {
				return nil, err
			}
			now := b.Estimate()
			r := AblationRow{Set: s.name, Rows: part.name, N: len(at), True: n, Columns: s.width,
				ROCAUC: interval(now.ROCAUC, draws, func(i int) float64 { return draws[i][0] }),
				PRAUC:  interval(now.PRAUC, draws, func(i int) float64 { return draws[i][1] })}
			if before != nil {
				last := before
				g := interval(now.ROCAUC-was.ROCAUC, draws, func(i int) float64 { return draws[i][0] - last[i][0] })
				r.Gain = &g
			}
			before, was = draws, now
			out.Rows = append(out.Rows, r)
		}
	}
	sink(Event{Stage: &StageEvent{Name: "ablation", Summary: fmt.Sprintf("%s: %d models, %d draws by IP", out.Split, len(sets), ablationDraws)}})
	return out, nil
}

// interval is the 95 % percentile interval of a figure over draws.
func interval(estimate evaluation.Float, draws [][]float64, figure func(i int) float64) AblationFigure {
	v := make([]float64, 0, len(draws))
	for i := range draws {
		if x := figure(i); !math.IsNaN(x) {
			v = append(v, x)
		}
	}
	f := AblationFigure{Estimate: estimate, Low: evaluation.NaN(), High: evaluation.NaN()}
	if len(v) > 0 {
		slices.Sort(v)
		f.Low, f.High = evaluation.Float(v[len(v)*25/1000]), evaluation.Float(v[len(v)-1-len(v)*25/1000])
	}
	return f
}
