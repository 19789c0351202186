package report

import (
	"math"
	"slices"

	"sluice/serve/chart"
)

// swarmFigure is the summary of contributions: each dot one row of the test
// months, at what the feature contributed to it. Nil without any.
func swarmFigure(fs []SwarmFeature) []figure {
	if len(fs) == 0 {
		return nil
	}
	w := chart.Swarm{
		Head: chart.Head{ID: "swarm", Title: "Contributions by feature and value", Desc: "For each feature, the contributions to the margin of a sample of test rows; colour tells low values from high ones. The table has the means."},
		X:    chart.Axis{Label: "contribution to the margin, log odds: right of 0 speaks for abusive"},
	}
	t := newTable("Mean contribution by value", th("Feature"), thNum("Low third of values", "shap"), thNum("High third", "shap"), thNum("Missing", "shap"), thNum("Mean |contribution|", "shap"))
	rows := 0
	for _, f := range fs {
		w.Rows = append(w.Rows, chart.SwarmRow{Name: f.Feature, X: f.Contributions, Values: f.Values})
		low, high, missing, all := thirds(f)
		t.add(name(f.Feature), plainNum(signed(low, 3)), plainNum(signed(high, 3)), plainNum(signed(missing, 3)), tdNum(fixed(all, 3), "shap"))
		rows = len(f.Contributions)
	}
	return []figure{{svg: w.SVG(), caption: "Contributions of " + plural(rows, "test row", "test rows") + " drawn by lot, features by mean |contribution|; the colour is the value's rank within its feature.", data: t}}
}

// thirds are the mean contributions of the rows with the lowest and the highest
// values, of those without, and the mean absolute one; NaN where there are
// none.
func thirds(f SwarmFeature) (low, high, missing, all float64) {
	var known []int
	var sum, m, n float64
	for i, v := range f.Values {
		sum += math.Abs(f.Contributions[i])
		if math.IsNaN(v) {
			m += f.Contributions[i]
			n++
			continue
		}
		known = append(known, i)
	}
	slices.SortStableFunc(known, func(a, b int) int {
		switch {
		case f.Values[a] < f.Values[b]:
			return -1
		case f.Values[a] > f.Values[b]:
			return 1
		}
		return 0
	})
	mean := func(part []int) float64 {
		var s float64
		for _, i := range part {
			s += f.Contributions[i]
		}
		return s / float64(len(part))
	}
	k := (len(known) + 2) / 3
	return mean(known[:k]), mean(known[len(known)-k:]), m / n, sum / float64(len(f.Values))
}
