package thresholds

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
	var months []string
	for _, m := range r.Train {
		months = append(months, m.String())
	}
	return &page.Document{
		Title:    "Two thresholds at the edge",
		Subtitle: fmt.Sprintf("fitted on %s, measured on %s; label %s", strings.Join(months, ", "), r.Test, words.OrNone(r.Definite)),
		Sections: []page.Section{
			{ID: "summary", Title: "In short", Blocks: r.summary()},
			{ID: "rule", Title: "The thresholds", Blocks: r.ruleBlocks()},
			{ID: "effect", Title: "What it would have stopped", Blocks: r.effectBlocks()},
			{ID: "proposal", Title: "The proposal", Blocks: r.proposalBlocks()},
			{ID: "method", Title: "How this was found", Blocks: []page.Block{page.List{
				"**A row** is one address in one attack window. The thresholds are fitted on the training months alone and measured on the month after.",
				"**Stopped** are requests that count in rows: inside windows, not answered by a cache, no API requests. What an edge would stop beyond these is not counted.",
				fmt.Sprintf("**Judged live**: an address is stopped from the request on with which it passes the thresholds; a mean size is judged from %d requests on, and taken to be what it is in the end.", r.JudgeFrom),
				"**A limit** is measured by whole hours, as the store keeps requests: an edge that counts by shorter periods stops bursts besides.",
				"**Readers** are addresses that are not reported and no declared crawlers; **crawlers** have at least half of their requests from agents that say so. Not reported is not innocent.",
				"**Intervals** are 95 % (Wilson).",
			}}},
		},
	}
}

// Summary is told at the end.
func (r *Result) Summary() []string {
	t := r.OnTest.Classes.True
	out := []string{fmt.Sprintf("%s: precision %s, recall %s on %s", r.Text, three(t.Precision), three(t.Recall), r.Test)}
	if r.Note != "" {
		out = append(out, r.Note)
	}
	if r.Limit != nil {
		out = append(out, "as a limit: "+r.Limit.text())
	}
	if n := len(r.List.Written); n > 0 {
		out = append(out, fmt.Sprintf("%d lists with full addresses are written", n))
	}
	return out
}

func three(x evaluation.Float) string { return words.Decimal(float64(x), 3) }

func within(low, high evaluation.Float) string {
	if !low.Defined() || !high.Defined() {
		return words.None
	}
	return three(low) + " – " + three(high)
}

func (l *Limit) text() string {
	return fmt.Sprintf("%s in %s (%s a second)", words.Plural(l.Requests, "request", "requests"), seconds(l.Period), words.Rounded(l.PerSecond))
}

func seconds(n int64) string {
	switch {
	case n >= 3600:
		return words.Plural(n/3600, "hour", "hours")
	case n >= 60:
		return words.Minutes(n / 60)
	}
	return words.Plural(n, "second", "seconds")
}

// everyoneReaders is the share of readers' requests that the limit for everyone
// takes.
func (r *Result) everyoneReaders() float64 {
	for _, s := range r.Sweep {
		if s.PerSecond == r.Everyone.PerSecond {
			return s.OfReaders
		}
	}
	return 0
}

func (r *Result) effect(i int) *Effect {
	if i < len(r.Effects) {
		return &r.Effects[i]
	}
	return nil
}

func (r *Result) summary() []page.Block {
	var out []page.Block
	if r.Simulated {
		out = append(out, page.Callout{Tone: "note", Text: study.Simulation})
	}
	if r.Note != "" {
		out = append(out, page.Callout{Tone: "bad", Text: "**" + strings.Replace(r.Note, ". ", ".** ", 1)})
	}
	t := r.OnTest.Classes.True
	tone, verdict := "good", "holds"
	if float64(t.Precision) < r.Target || !t.Precision.Defined() {
		tone, verdict = "bad", "does not hold"
	}
	out = append(out, page.Callout{Tone: tone, Text: fmt.Sprintf("**%s** %s the precision asked for, %s, on %s: %s (%s), and finds %s of the reported addresses.", r.Text, verdict, words.Percent(r.Target), r.Test, words.Percent(float64(t.Precision)), within(r.OnTest.PrecisionLow, r.OnTest.PrecisionHigh), words.Percent(float64(t.Recall)))})
	cards := page.Cards{
		{Label: "Precision of True", Value: three(t.Precision), Note: "on " + r.Test.String()},
		{Label: "Recall of True", Value: three(t.Recall), Note: "on " + r.Test.String()},
		{Label: "Addresses on the list", Value: words.Count(r.List.Addresses), Note: words.Plural(int64(r.List.Stats.Entries), "entry", "entries")},
	}
	if r.Limit != nil {
		cards = append(cards, page.Card{Label: "As a limit", Value: words.Count(r.Limit.Requests) + " in " + seconds(r.Limit.Period), Note: "for the list"})
		everyone := page.Card{Label: "For everyone", Value: "none", Note: "readers would lose too much"}
		if e := r.Everyone; e != nil {
			everyone.Value, everyone.Note = words.Count(e.Requests)+" in "+seconds(e.Period), "takes "+words.Percent(r.everyoneReaders())+" of readers' requests"
		}
		cards = append(cards, everyone)
	}
	if e := r.effect(1); e != nil {
		cards = append(cards, page.Card{Label: "Stopped if judged live", Value: words.Percent(words.Ratio(e.Requests, r.All.Requests)), Note: "of the month's requests; " + words.Percent(words.Ratio(e.ReaderRequests, e.Requests)) + " of these are readers'"})
	}
	return append(out, cards)
}

func (r *Result) ruleBlocks() []page.Block {
	how := map[string]string{"given": "It was given.", "target": "It is the one of greatest recall that holds the precision on the training months, also on folds of addresses that it was not fitted on.", "best-f1": "It is the one of best F1 on the training months; the precision asked for played no part."}
	t := page.NewTable("The thresholds' figures", "Months", "#Rows", "#TN", "#FP", "#FN", "#TP", "#Precision", "#95 % interval", "#Recall", "#95 % interval ", "#F1")
	for _, x := range []struct {
		name string
		m    *Measured
	}{{"training months", &r.OnTrain}, {r.Test.String(), &r.OnTest}} {
		c := x.m.Confusion
		t.Add(x.name, words.Count(x.m.Rows), words.Count(c.TN), words.Count(c.FP), words.Count(c.FN), words.Count(c.TP), three(x.m.Classes.True.Precision), within(x.m.PrecisionLow, x.m.PrecisionHigh), three(x.m.Classes.True.Recall), within(x.m.RecallLow, x.m.RecallHigh), three(x.m.Classes.True.F1))
	}
	p := study.PublishedTest.Metrics().Classes.True
	t.Add("the study's model, for comparison", words.Count(study.PublishedTest.Rows()), words.Count(study.PublishedTest.TN), words.Count(study.PublishedTest.FP), words.Count(study.PublishedTest.FN), words.Count(study.PublishedTest.TP), three(p.Precision), words.None, three(p.Recall), words.None, three(p.F1))
	n := page.NewTable("How much hangs on the thresholds: others on "+r.Test.String(), "#request_count", "#response_size_mean", "#Precision", "#Recall", "#F1")
	for i, x := range r.Nearby {
		n.Add(words.Rounded(x.RequestCount), words.Rounded(x.SizeMean), three(x.Precision), three(x.Recall), three(x.F1))
		if i == len(r.Nearby)/2 {
			n.Mark()
		}
	}
	return []page.Block{
		page.Paragraph("**" + r.Text + ".** " + how[r.Chosen] + " The study recommended two thresholds on these columns, its model's most important ones, and says that they do as well; it gives neither them nor their figures."), t,
		page.Paragraph("The same rule with half and twice the thresholds; the middle row is the one above."), n,
	}
}

func (r *Result) effectBlocks() []page.Block {
	t := page.NewTable(fmt.Sprintf("What each measure would have stopped in %s", r.Test), "Measure", "#Requests", "#Share", "#Addresses", "#Reported", "#Not reported", "#Unknown", "#Precision", "#Readers", "#Readers' requests", "#Crawlers", "#Crawlers' requests")
	add := func(name string, s *Effect) {
		precision := words.None
		if s.Precision != nil {
			precision = words.Decimal(*s.Precision, 3)
		}
		t.Add(name, words.Count(s.Requests), words.Percent(words.Ratio(s.Requests, r.All.Requests)), words.Count(s.Addresses), words.Count(s.Reported), words.Count(s.NotReported), words.Count(s.Unknown), precision, words.Count(s.Readers), words.Count(s.ReaderRequests), words.Count(s.Crawlers), words.Count(s.CrawlerRequests))
	}
	add("everything", &Effect{Stopped: r.All})
	var l page.List
	for i := range r.Effects {
		add(r.Effects[i].Name, &r.Effects[i])
		l = append(l, "**"+r.Effects[i].Name+"**: "+r.Effects[i].How+".")
	}
	out := []page.Block{page.Paragraph("Addresses are those of which a measure stops anything."), t, l}
	if len(r.Sweep) == 0 {
		return append(out, page.Paragraph(r.NoLimit))
	}
	line := chart.Line{
		Head: chart.Head{ID: "limits", Title: "What a limit for everyone stops, by its height", Desc: "Shares of the requests of reported addresses and of readers.", Size: chart.Size{Width: 560, Height: 300}},
		X:    chart.Axis{Label: "requests a second", Log: true}, Y: chart.Axis{Label: "share of their requests stopped", Min: 0, Max: 1, Percent: true},
	}
	a, b := chart.Series{Name: "of reported addresses", Colour: 2, Dots: true}, chart.Series{Name: "of readers", Colour: 1, Dots: true}
	data := page.NewTable("A limit for everyone, by its height, measured by the hour", "#Times the thresholds' rate", "#Requests a second", "#Of readers' requests in the training months", "#Requests stopped", "#Of reported addresses' requests", "#Of readers' requests", "#Addresses", "#Reported", "#Readers", "#Crawlers")
	for _, s := range r.Sweep {
		a.Points = append(a.Points, chart.Point{X: s.PerSecond, Y: s.OfReported})
		b.Points = append(b.Points, chart.Point{X: s.PerSecond, Y: s.OfReaders})
		data.Add(words.Rounded(s.Times), words.Rounded(s.PerSecond), words.Percent(s.Before), words.Count(s.Requests), words.Percent(s.OfReported), words.Percent(s.OfReaders), words.Count(s.Addresses), words.Count(s.Reported), words.Count(s.Readers), words.Count(s.Crawlers))
		if r.Everyone != nil && s.PerSecond == r.Everyone.PerSecond {
			data.Mark()
		}
	}
	line.Series = []chart.Series{a, b}
	text := fmt.Sprintf("None of the limits that were tried takes at most %s of the readers' requests in the training months, so there should be none for everyone.", words.Percent(r.MaxReaders))
	if r.Everyone != nil {
		text = fmt.Sprintf("The least limit for everyone that takes at most %s of the readers' requests in the training months is **%s**, %s times the thresholds' rate: a count over hours says little about what a person may do in minutes.", words.Percent(r.MaxReaders), r.Everyone.text(), words.Rounded(r.Everyone.PerSecond/r.Limit.PerSecond))
	}
	return append(out, page.Paragraph(text), page.Figure{SVG: line.SVG(), Caption: "What a limit for everyone would take."}, data)
}

func (r *Result) proposalBlocks() []page.Block {
	var out []page.Block
	if r.Limit != nil {
		out = append(out, page.Paragraph(fmt.Sprintf("request_count is counted over a window, %s hours in the training months. So its threshold is a rate of %s a second: **%s**, the shortest usual period in which ten or more are allowed. That is what an address of the list may still send. Begin with what only records, look at what it matches, and put the list in force before any limit for everyone.", words.Rounded(r.WindowHours), words.Rounded(r.Limit.PerSecond), r.Limit.text())))
	}
	if r.NoLimit != "" {
		out = append(out, page.Callout{Tone: "note", Text: r.NoLimit})
	}
	s := r.List.Stats
	t := page.NewTable(fmt.Sprintf("The list: %s flagged in the training months, in %s", words.Plural(int64(r.List.Addresses), "address", "addresses"), words.Plural(int64(s.Entries), "entry", "entries")), "Format", "#Bytes", "#Entries left out")
	for _, f := range r.List.Formats {
		t.Add(string(f.Format), words.Count(f.Bytes), words.Count(f.Inexpressible))
	}
	written := "It is not written unless asked for (--lists), for it holds full addresses."
	if len(r.List.Written) > 0 {
		written = "Written: " + strings.Join(r.List.Written, ", ") + "."
	}
	out = append(out, t, page.Paragraph(written+" An address of a month ago may be somebody else's now: renew the list every month."))
	for _, c := range r.Config {
		out = append(out, page.Code{Label: c.For, Text: c.Text}, page.Paragraph(c.Says))
	}
	return out
}
