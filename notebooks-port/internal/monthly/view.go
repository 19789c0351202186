package monthly

import (
	"fmt"
	"strings"

	"sluice/notebooks-port/internal/page"
	"sluice/notebooks-port/internal/study"
	"sluice/notebooks-port/internal/words"
	"sluice/serve/chart"
	"sluice/train/evaluation"
)

// Document lays the result out. It computes nothing that is not in the result.
func (r *Result) Document() *page.Document {
	d := &page.Document{Title: "The months: what there is to learn from"}
	rows := 0
	for _, m := range r.Months {
		rows += m.Rows
	}
	d.Subtitle = fmt.Sprintf("%s rows of %s in %s", words.Count(rows), words.Plural(int64(len(r.Months)), "month", "months"), words.Plural(int64(r.Sources.Files), "log", "logs"))
	d.Sections = append(d.Sections, page.Section{ID: "summary", Title: "In short", Blocks: r.summary()})
	for i := range r.Months {
		m := &r.Months[i]
		d.Sections = append(d.Sections, page.Section{ID: "m" + m.Month.String(), Title: m.Month.String(), Blocks: m.blocks(r.MinRequests)})
	}
	d.Sections = append(d.Sections, page.Section{ID: "method", Title: "How this was found", Blocks: []page.Block{page.List{
		"**A row** is one address in one attack window; without windows the month is one. It belongs to the month in which its window starts.",
		"**The thirteen columns** are those of the study: twelve features and the label, abuseipdb_isReported. Quantiles are interpolated between neighbours; rows without a value are counted and left out.",
		"**ROC AUC alone** is the chance that a reported row has the greater value than one that is not: one half tells nothing, below it smaller values go with reports.",
		"**Intervals** are exact 95 % ones (Clopper and Pearson), as if rows were independent; an address in several windows has several.",
	}}})
	return d
}

// Summary is told at the end.
func (r *Result) Summary() []string {
	var out []string
	for _, m := range r.Months {
		out = append(out, fmt.Sprintf("%s: %s rows in %s, %s reported of %s with a label", m.Month, words.Count(m.Rows), words.Plural(int64(len(m.Windows)), "window", "windows"), m.Share, words.Count(m.Share.Of)))
	}
	return out
}

func (r *Result) summary() []page.Block {
	var out []page.Block
	if r.Simulated {
		out = append(out, page.Callout{Tone: "note", Text: study.Simulation})
	}
	t := page.NewTable("The months", "Month", "#Windows", "#Rows", "#Addresses", "#In several windows", "#Requests", "#Reported", "#Not reported", "#Unknown", "#Share reported", "#95 % interval", "#Days", "Label")
	for _, m := range r.Months {
		t.Add(m.Month.String(), words.Count(len(m.Windows)), words.Count(m.Rows), words.Count(m.Addresses), words.Count(m.Repeated), words.Count(m.Requests), words.Count(m.Reported), words.Count(m.NotReported), words.Count(m.Unknown), m.Share.String(), m.Share.Interval(), words.Count(m.Coverage.Days), words.OrNone(m.Definition))
	}
	s := &r.Sources
	q := page.NewTable("What became of the requests", "", "#Requests", "#Share")
	for _, x := range []struct {
		name string
		n    int64
	}{{"in rows", s.Kept}, {"answered by a cache", s.Cache}, {"API requests", s.API}, {"outside every window", s.Outside}, {"without an address or a time", s.Invalid}} {
		q.Add(x.name, words.Count(x.n), words.Percent(words.Ratio(x.n, s.Requests)))
	}
	out = append(out, t)
	if s.Files > 0 {
		l := page.List{fmt.Sprintf("%s lines, %s requests.", words.Count(s.Lines), words.Count(s.Requests))}
		for _, x := range s.Rejected {
			l = append(l, fmt.Sprintf("%s: %s.", words.Plural(x.Lines, "line is no request", "lines are no request"), strings.ReplaceAll(x.Reason, "_", " ")))
		}
		for _, n := range s.Notes {
			l = append(l, n+".")
		}
		out = append(out, q, l)
	}
	p := page.NewTable("Beside the study", append([]string{""}, append(r.heads(), "#The study")...)...)
	line := func(name, published string, f func(m *Month) string) {
		row := []string{name}
		for i := range r.Months {
			row = append(row, f(&r.Months[i]))
		}
		p.Add(append(row, published)...)
	}
	line("rows with a label", words.Count(study.PublishedTest.Rows())+" (August 2024)", func(m *Month) string { return words.Count(m.Share.Of) })
	line("reported", words.Percent(float64((study.PublishedTest.FN+study.PublishedTest.TP)/study.PublishedTest.Rows())), func(m *Month) string { return m.Share.String() })
	for k, x := range study.PublishedKept {
		if k > 0 {
			line("with at least "+words.Count(x.MinRequests)+" requests", words.Percent(x.Share), func(m *Month) string { return words.Percent(m.Kept[k].Part) })
		}
	}
	line(fmt.Sprintf("attacks with addresses over %s requests", words.Count(r.MinRequests)), "3 in June, 9 in July 2024", func(m *Month) string {
		n := 0
		for _, w := range m.Windows {
			if w.Above > 0 {
				n++
			}
		}
		return words.Count(n)
	})
	return append(out, p, r.medians())
}

func (r *Result) heads() []string {
	var out []string
	for _, m := range r.Months {
		out = append(out, "#"+m.Month.String())
	}
	return out
}

// medians are how the columns move from month to month.
func (r *Result) medians() *page.Table {
	head := []string{"Column"}
	for _, m := range r.Months {
		head = append(head, "#"+m.Month.String()+" reported", "#"+m.Month.String()+" not", "#AUC")
	}
	t := page.NewTable("Medians of the columns by month and label, with the ROC AUC of the column alone", head...)
	for j := range r.Months[0].Columns {
		row := []string{r.Months[0].Columns[j].Name}
		for i := range r.Months {
			c := &r.Months[i].Columns[j]
			row = append(row, value(c.Reported.Median), value(c.NotReported.Median), auc(c.AUC))
		}
		t.Add(row...)
	}
	return t
}

func value(x evaluation.Float) string { return words.Rounded(float64(x)) }

func auc(x evaluation.Float) string { return words.Decimal(float64(x), 3) }

func (m *Month) blocks(minRequests float64) []page.Block {
	out := []page.Block{page.Paragraph(fmt.Sprintf("%s rows of %s, from %s to %s. %s are in several windows.", words.Count(m.Rows), words.Plural(int64(m.Addresses), "address", "addresses"), m.First[:16], m.Last[:16], words.Plural(int64(m.Repeated), "address", "addresses")))}
	if m.Definition == "" {
		out = append(out, page.Callout{Tone: "note", Text: "**The month has no labels.** Its rows can be scored, not learnt from; give --labels."})
	}
	t := page.NewTable("Attack windows", "Window", "Start", "#Hours", "#Rows", "#Requests", fmt.Sprintf("#Rows over %s requests", words.Count(minRequests)), "#Reported", "#Not reported", "#Unknown", "#Share reported", "#95 % interval")
	for _, w := range m.Windows {
		start, hours := "", ""
		if w.Start != "" {
			start, hours = w.Start[:16], words.Decimal(w.Hours, 1)
		}
		t.Add(w.ID, start, hours, words.Count(w.Rows), words.Count(w.Requests), words.Count(w.Above), words.Count(w.Reported), words.Count(w.NotReported), words.Count(w.Unknown), w.Share.String(), w.Share.Interval())
	}
	t.Limit = 15
	t.DropEmpty()
	c := &m.Coverage
	out = append(out, t, page.Code{Label: fmt.Sprintf("Days with requests in rows: %s of %s, %s hours (· none, ░ up to 8 hours, ▒ up to 16, ▓ fewer than 24, █ all); busiest %s with %s", words.Count(c.Days), words.Count(c.Of), words.Count(c.Hours), words.OrNone(c.Busiest), words.Count(c.Most)), Text: c.Shades})
	if len(m.Missing) > 0 || len(m.Notes) > 0 {
		var l page.List
		for _, x := range m.Missing {
			l = append(l, fmt.Sprintf("**%s** is missing in %s: %s", x.Column, words.Plural(x.Rows, "row", "rows"), x.Reason))
		}
		l = append(l, m.Notes...)
		out = append(out, l)
	}
	d := page.NewTable("The thirteen columns by label", "Column", "Label", "#Rows", "#Missing", "#Mean", "#5 %", "#25 %", "#Median", "#75 %", "#95 %", "#Share of 0", "#ROC AUC alone")
	for _, x := range m.Columns {
		for i, y := range []Distribution{x.Reported, x.NotReported} {
			name, label, a := x.Name, "reported", auc(x.AUC)
			if i == 1 {
				name, label, a = "", "not reported", ""
			}
			d.Add(name, label, words.Count(y.Rows), words.Count(y.Missing), value(y.Mean), value(y.Q05), value(y.Q25), value(y.Median), value(y.Q75), value(y.Q95), words.Percent(float64(y.Zero)), a)
		}
	}
	d.Add("abuseipdb_isReported", "", words.Count(m.Share.Of), words.Count(m.Unknown), value(m.Share.Value))
	k := page.NewTable("Rows by least number of requests", "#At least", "#Rows", "#Share of rows", "#Share reported", "#95 % interval")
	for _, x := range m.Kept {
		k.Add(words.Count(x.MinRequests), words.Count(x.Rows), words.Percent(x.Part), x.Share.String(), x.Share.Interval())
	}
	return append(out, d, k, page.Details{Summary: "The distributions as pictures", Blocks: []page.Block{m.gallery()}})
}

func (m *Month) gallery() page.Gallery {
	var g page.Gallery
	for _, c := range m.Columns {
		if c.Reported.Rows+c.NotReported.Rows == 0 {
			continue
		}
		label := c.Name
		if c.Unit != "" {
			label = "log10(1 + " + c.Name + ")"
		}
		h := chart.Histogram{
			Head: chart.Head{ID: "h-" + m.Month.String() + "-" + strings.ReplaceAll(c.Name, "_", "-"), Title: c.Name, Desc: fmt.Sprintf("median %s of reported rows, %s of the others", value(c.Reported.Median), value(c.NotReported.Median)), Size: chart.Size{Width: 400, Height: 230}},
			X:    chart.Axis{Label: label}, Y: chart.Axis{Label: "share of rows", Percent: true}, Edges: c.Edges, MarkAt: -1,
			Sets: []chart.HistogramSet{{Name: "reported", Colour: 2, Counts: c.SharesTrue}, {Name: "not reported", Colour: 1, Counts: c.SharesFalse}},
		}
		g = append(g, page.Figure{SVG: h.SVG(), Caption: c.Name})
	}
	return g
}
