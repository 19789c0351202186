package report

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"sluice/models/drift"
	"sluice/serve/chart"
)

// How many columns' histograms are drawn, and how many months in each.
const (
	driftColumns = 6
	driftMonths  = 4
)

// driftFigures draw the columns that drifted most, month by month, over the
// bins of the training rows: where nothing drifts the lines lie on the dashed
// one.
func driftFigures(r *drift.Report) []figure {
	if len(r.Trained.Columns) != len(r.Columns) {
		return nil // the counts are not at hand
	}
	order := make([]int, len(r.Columns))
	most := make([]float64, len(r.Columns))
	for i := range order {
		order[i] = i
		for _, m := range r.Months {
			if x := m.PSI[i]; !math.IsNaN(x) {
				most[i] = max(most[i], x)
			}
		}
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(most[b], most[a]) })
	months := r.Months[max(0, len(r.Months)-driftMonths):]
	var out []figure
	for _, i := range order[:min(driftColumns, len(order))] {
		h := r.Trained.Columns[i]
		if len(h.Counts) < 2 || most[i] < 0.02 {
			continue // one bin shows nothing, and neither does what did not move
		}
		labels := binLabels(h)
		head := []cell{th("Bin"), thNum("training", "")}
		for _, m := range months {
			head = append(head, thNum(m.Month, ""))
		}
		t := newTable("Share of rows by bin of "+h.Name, head...)
		t.rows = make([][]cell, len(labels))
		for k := range labels {
			t.rows[k] = []cell{name(labels[k])}
		}
		series := []chart.Series{}
		top := 0.0
		add := func(title string, c drift.Histogram, colour int) {
			s := chart.Series{Name: title, Colour: colour, Dots: colour > 0, Dashed: colour == 0}
			for k, v := range shares(c, h.Missing > 0 || anyMissing(r.Months, i)) {
				s.Points = append(s.Points, chart.Point{X: float64(k + 1), Y: v})
				top = max(top, v)
				if k < len(t.rows) {
					t.rows[k] = append(t.rows[k], plainNum(pct(v)))
				}
			}
			series = append(series, s)
		}
		if h.Missing > 0 || anyMissing(r.Months, i) {
			labels = append(labels, "missing")
			t.rows = append(t.rows, []cell{name("missing")})
		}
		add("training months", h, 0)
		for k, m := range months {
			add(fmt.Sprintf("%s (PSI %s)", m.Month, fixed(m.PSI[i], 2)), m.Counted.Columns[i], k%5+1)
		}
		out = append(out, figure{
			svg: chart.Line{
				Head: chart.Head{ID: "drift-" + h.Name, Title: "Drift of " + h.Name, Desc: "Share of rows in each bin of the training rows' values, month by month; the table has the figures."},
				X:    chart.Axis{Label: "bin of " + h.Name + ", from low to high", Min: 0.5, Max: float64(len(labels)) + 0.5, Names: labels}, Y: chart.Axis{Label: "share of rows", Percent: true, Max: top * 1.05},
				Series: series,
			}.SVG(),
			caption: h.Name + ": bins " + labels[0] + " to " + labels[len(h.Counts)-1] + ".", data: t,
		})
	}
	return out
}

func anyMissing(months []drift.Month, column int) bool {
	return slices.ContainsFunc(months, func(m drift.Month) bool { return m.Counted.Columns[column].Missing > 0 })
}

// shares are the bins' shares of all rows, missing ones last where asked for.
func shares(h drift.Histogram, missing bool) []float64 {
	n := float64(max(1, h.Total()))
	var out []float64
	for _, c := range h.Counts {
		out = append(out, float64(c)/n)
	}
	if missing {
		out = append(out, float64(h.Missing)/n)
	}
	return out
}

func binLabels(h drift.Histogram) []string {
	out := make([]string, len(h.Counts))
	for i := range out {
		switch {
		case i == 0:
			out[i] = "≤ " + value(h.Edges[0])
		case i == len(h.Edges):
			out[i] = "> " + value(h.Edges[i-1])
		default:
			out[i] = value(h.Edges[i-1]) + "–" + value(h.Edges[i])
		}
	}
	return out
}
