package serverlogs

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"sluice/notebooks-port/internal/page"
	"sluice/notebooks-port/internal/words"
	"sluice/serve/chart"
)

// Document lays the result out. It computes nothing that is not in the result.
func (r *Result) Document() *page.Document {
	p := &r.Profile
	d := &page.Document{Title: "Server logs: what happened, what was tried, what to do",
		Subtitle: fmt.Sprintf("%s requests from %s to %s (%s)", words.Count(p.Rows), p.First, p.Last, r.Zone)}
	d.Sections = []page.Section{
		{ID: "summary", Title: "In short", Blocks: r.summary()},
		{ID: "data", Title: "The data", Blocks: r.dataBlocks()},
		{ID: "traffic", Title: "Traffic", Blocks: r.trafficBlocks()},
		{ID: "outages", Title: "Outages", Blocks: r.outageBlocks()},
		{ID: "calendar", Title: "Calendar", Blocks: r.calendarBlocks()},
		{ID: "get", Title: "GET requests", Blocks: r.getBlocks()},
		{ID: "attacks", Title: "Attack attempts", Blocks: r.attackBlocks()},
		{ID: "recommendations", Title: "What to do", Blocks: r.recommendationBlocks()},
		{ID: "method", Title: "How this was found", Blocks: r.methodBlocks()},
	}
	return d
}

func (r *Result) summary() []page.Block {
	p := &r.Profile
	var failed int64
	for _, d := range r.Days {
		failed += d.Failed
	}
	var down int64
	for i := range r.Incidents {
		down += r.Incidents[i].Minutes
	}
	var out []page.Block
	for _, n := range r.Notes {
		out = append(out, page.Callout{Tone: "note", Text: n})
	}
	switch n := len(r.Incidents); n {
	case 0:
		out = append(out, page.Callout{Tone: "good", Text: "**No outage was found.** No run of empty responses, no silence and no burst of server errors stands out."})
	default:
		longest := 0
		for i := range r.Incidents {
			if r.Incidents[i].Minutes > r.Incidents[longest].Minutes {
				longest = i
			}
		}
		in := &r.Incidents[longest]
		out = append(out, page.Callout{Tone: "bad", Text: fmt.Sprintf("**%s.** The longest began at %s and lasted %s. %s", words.Plural(int64(n), "outage was found", "outages were found"), in.Onset, words.Minutes(in.Minutes), in.First)})
	}
	act, watch, ignore := []string{}, []string{}, []string{}
	for _, f := range r.Attacks.Findings {
		switch f.State {
		case stateAct:
			act = append(act, f.Title)
		case stateWatch:
			watch = append(watch, f.Title)
		default:
			ignore = append(ignore, f.Title)
		}
	}
	list := func(s []string) string {
		for i := range s {
			if !strings.HasPrefix(s[i], "SQL") && !strings.HasPrefix(s[i], "API") {
				s[i] = strings.ToLower(s[i][:1]) + s[i][1:]
			}
		}
		return strings.Join(s, ", ")
	}
	if r.Attacks.Requests == 0 {
		out = append(out, page.Callout{Tone: "good", Text: "**No attempt at an attack was found.**"})
	} else {
		tone, text := "good", fmt.Sprintf("**%s from %s.** ", words.Plural(r.Attacks.Requests, "attempt", "attempts"), words.Plural(r.Attacks.Addresses, "address", "addresses"))
		if len(watch) > 0 {
			tone = "note"
			text += "To watch: " + list(watch) + ". "
		}
		if len(act) > 0 {
			tone = "bad"
			text += "**To act on: " + list(act) + ".** "
		}
		if len(ignore) > 0 {
			text += "May be ignored: " + list(ignore) + "."
		}
		out = append(out, page.Callout{Tone: tone, Text: strings.TrimSpace(text)})
	}
	unusual := 0
	for _, d := range r.Days {
		if len(d.Marks) > 0 {
			unusual++
		}
	}
	g := &r.Get
	out = append(out, page.Cards{
		{Label: "Requests", Value: words.Count(p.Rows), Note: fmt.Sprintf("on %d of %d days", p.Days, p.CalendarDay)},
		{Label: "Errors (4xx, 5xx, none)", Value: words.Percent(words.Ratio(failed, p.Rows)), Note: words.Count(failed) + " requests"},
		{Label: "Unusual days", Value: words.Count(unusual), Note: "they stand in the calendar"},
		{Label: "Outages", Value: words.Count(len(r.Incidents)), Note: words.Minutes(down) + " in all"},
		{Label: "GET requests that failed", Value: words.Percent(words.Ratio(g.Failure, g.Failure+g.Success)), Note: words.Count(g.Failure) + " of " + words.Count(g.Failure+g.Success)},
		{Label: "Attack attempts", Value: words.Count(r.Attacks.Requests), Note: "from " + words.Plural(r.Attacks.Addresses, "address", "addresses")},
	})
	if len(r.Recommendations) > 0 {
		var l page.List
		for _, rec := range r.Recommendations {
			l = append(l, rec.Title)
		}
		out = append(out, page.Paragraph("**What to do**, with reasons and ready-made configuration at the end:"), l)
	}
	return out
}

func (r *Result) dataBlocks() []page.Block {
	p := &r.Profile
	files := page.NewTable("The logs read", "File", "Format", "#Rows", "#Columns", "#Clock set back", "~Read as")
	for _, f := range p.Files {
		files.Add(words.Clip(f.Name, 80), f.Format, words.Count(f.Rows), words.Count(f.Columns), words.Count(f.Jumps), f.Chosen)
	}
	files.Limit = 10
	reject := page.NewTable("Lines that were not counted", "Reason", "#Lines", "#Share")
	for _, c := range p.Rejected {
		reject.Add(c.Name, words.Count(c.Count), words.Percent(c.Share))
	}
	reject.Add("blank, comment or header (skipped)", words.Count(p.Skipped), words.Percent(words.Ratio(p.Skipped, p.Lines)))
	distinct := page.NewTable("Distinct values", "Of", "#Values")
	for _, c := range p.Distinct {
		distinct.Add(c.Name, words.Count(c.Count))
	}
	columns := page.NewTable("Columns", "Column", "Type", "In the log", "#Missing")
	for _, c := range p.Columns {
		here := "no"
		if c.Here {
			here = "yes"
		}
		missing := words.None
		if c.Missing != nil {
			missing = words.Count(*c.Missing)
		}
		columns.Add(c.Name, c.Type, here, missing)
	}
	columns.Limit = 6
	status := page.NewTable("Status codes", "#Status", "#Requests", "#Share", "~Meaning")
	for _, c := range p.Status {
		status.Add(c.Name, words.Count(c.Count), words.Percent(c.Share), c.Note)
	}
	methods := page.NewTable("Methods", "Method", "#Requests", "#Share")
	for _, c := range p.Methods {
		methods.Add(words.Clip(c.Name, 32), words.Count(c.Count), words.Percent(c.Share))
	}
	out := []page.Block{page.Paragraph(fmt.Sprintf("%s rows from %s to %s, on %d distinct days of %d; times are in %s.", words.Count(p.Rows), p.First, p.Last, p.Days, p.CalendarDay, r.Zone)), files, page.Beside{distinct, status, methods, columns, reject}}
	if p.Latency != nil {
		out = append(out, page.Paragraph(fmt.Sprintf("Response time: median %s, 95 in 100 within %s, 99 in 100 within %s (%s rows have one).", p.Latency["median"], p.Latency["p95"], p.Latency["p99"], p.Latency["rows"])))
	}
	return out
}

func counts(caption, name string, list []Count, notes bool) *page.Table {
	head := []string{name, "#Requests", "#Share", "#Errors"}
	if notes {
		head = append(head, "#In a minute", "#In a second", "Country", "Group")
	}
	t := page.NewTable(caption, head...)
	for _, c := range list {
		row := []string{c.Name, words.Count(c.Count), words.Percent(c.Share), words.Percent(words.Ratio(c.Failed, c.Count))}
		if notes {
			row = append(row, peakText(c.PeakMinute), peakText(c.PeakSecond), c.Country, c.Group)
		}
		t.Add(row...)
	}
	t.Limit = 10
	t.DropEmpty()
	return t
}

func peakText(n int64) string {
	if n == 0 {
		return ""
	}
	return words.Count(n)
}

func (r *Result) trafficBlocks() []page.Block {
	var req, exp, ratePts []chart.Point
	var marks []chart.Mark
	days := page.NewTable("Requests by day", "Day", "", "#Requests", "#Expected", "#Deviation", "#Errors", "#Error rate", "#2xx", "#3xx", "#4xx", "#5xx", "~Marked")
	for i, d := range r.Days {
		x := float64(i)
		req = append(req, chart.Point{X: x, Y: float64(d.Requests)})
		exp = append(exp, chart.Point{X: x, Y: d.Expected})
		ratePts = append(ratePts, chart.Point{X: x, Y: words.Ratio(d.Failed, d.Requests)})
		days.Add(d.Date, d.Weekday, words.Count(d.Requests), words.Count(d.Expected), fmt.Sprintf("%+.1f", d.Z), words.Count(d.Failed), words.Percent(words.Ratio(d.Failed, d.Requests)), words.Count(d.Class[2]), words.Count(d.Class[3]), words.Count(d.Class[4]), words.Count(d.Class[5]), strings.Join(d.Marks, ", "))
		if len(d.Marks) > 0 {
			days.Mark()
			if len(marks) < 12 {
				marks = append(marks, chart.Mark{X: x, Y: float64(d.Requests), Label: d.Date[5:], Colour: 2})
			}
		}
	}
	days.Limit = 14
	axis := "days since " + r.Days[0].Date
	size := chart.Size{Width: 960, Height: 320}
	most := 1.0
	for _, p := range append(slices.Clone(req), exp...) {
		most = max(most, p.Y)
	}
	out := []page.Block{
		page.Figure{Wide: true, Caption: "Requests by day, what the same weekday lets expect, and the days marked as unusual.", SVG: chart.Line{Head: chart.Head{ID: "days", Title: "Requests by day", Desc: "A line of the requests of each day with the expected number beside it", Size: size},
			X: chart.Axis{Label: axis}, Y: chart.Axis{Label: "requests", Max: 1.08 * most}, Series: []chart.Series{{Name: "requests", Colour: 1, Points: req}, {Name: "expected", Colour: 0, Dashed: true, Points: exp}}, Marks: marks}.SVG(), Data: nil},
		page.Figure{Wide: true, Caption: "Share of requests that ended in an error (4xx, 5xx or without a status), by day.", SVG: chart.Line{Head: chart.Head{ID: "errors", Title: "Error rate by day", Desc: "A line of the share of errors of each day", Size: chart.Size{Width: 960, Height: 240}},
			X: chart.Axis{Label: axis}, Y: chart.Axis{Label: "share of errors", Percent: true, Min: 0, Max: 1}, Series: []chart.Series{{Colour: 2, Points: ratePts}}}.SVG()},
		page.Paragraph("A day is marked if it lies **3.5 or more robust standard deviations** from the median of the same weekday in the other weeks, and at least a quarter of that median away. See the last section for the method. The first and the last day are not marked as low if the log does not cover them."),
		days,
		r.weekFigure(),
	}
	if len(r.Hours) > 0 {
		hours := page.NewTable("Hours unlike the same hour of the same weekday", "Hour", "#Requests", "#Expected", "#Deviation", "#Errors")
		for _, h := range r.Hours {
			hours.Add(h.Hour+" h", words.Count(h.Requests), words.Count(h.Expected), fmt.Sprintf("%+.1f", h.Z), words.Count(h.Failed))
		}
		hours.Limit = 12
		out = append(out, hours)
	}
	tables := page.Beside{counts("Most requests by address", "Address", r.Top.Addresses, true), counts("Most requests by endpoint", "`Endpoint", r.Top.Endpoints, false)}
	if len(r.Top.Countries) > 0 {
		tables = append(tables, counts("Most requests by country", "Country", r.Top.Countries, false))
	}
	if len(r.Groups) > 0 {
		tables = append(tables, counts("Named groups of addresses", "Group", r.Groups, false))
	}
	return append(out, tables, counts("Most requests by agent", "`Agent", r.Top.Agents, false))
}

func (r *Result) weekFigure() page.Block {
	names := []string{"Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"}
	most := 0.0
	for _, row := range r.weekly {
		for _, v := range row {
			most = max(most, v)
		}
	}
	m := chart.Matrix{Head: chart.Head{ID: "week", Title: "The ordinary week", Desc: "Median requests by weekday and hour", Size: chart.Size{Width: 960, Height: 260}}, Rows: names, ColumnTitle: "hour of the day", RowTitle: "weekday"}
	data := page.NewTable("Median requests by weekday and hour", "Weekday")
	for h := range 24 {
		m.Columns = append(m.Columns, fmt.Sprint(h))
		data.Head = append(data.Head, fmt.Sprintf("#%d", h))
	}
	for i := range names {
		var cells []chart.Cell
		row := []string{names[i]}
		for h := range 24 {
			v := r.weekly[(i+1)%7][h]
			if v != v {
				cells = append(cells, chart.Cell{})
				row = append(row, words.None)
				continue
			}
			cells = append(cells, chart.Cell{Text: chart.Short(math.Round(v)), Shade: v / max(most, 1)})
			row = append(row, words.Count(v))
		}
		m.Cells = append(m.Cells, cells)
		data.Add(row...)
	}
	return page.Figure{Wide: true, Caption: "The ordinary week: the median of the requests in each hour.", SVG: m.SVG(), Data: data}
}

func (r *Result) outageBlocks() []page.Block {
	if len(r.Incidents) == 0 {
		return []page.Block{page.Paragraph("No run of empty responses, no silence and no burst of server errors stands out. The last section says what would.")}
	}
	list := page.NewTable("Outages", "Began", "Ended", "Lasted", "Signs", "~What came first")
	for i := range r.Incidents {
		in := &r.Incidents[i]
		var kinds []string
		for _, s := range in.Signs {
			if !slices.Contains(kinds, s.Kind) {
				kinds = append(kinds, s.Kind)
			}
		}
		list.Add(in.Onset, in.End, words.Minutes(in.Minutes), strings.Join(kinds, ", "), in.First)
	}
	out := []page.Block{list}
	for i := range r.Incidents {
		blocks := r.incident(i)
		if i < 6 {
			out = append(out, page.Heading(r.Incidents[i].Name))
			out = append(out, blocks...)
		} else {
			out = append(out, page.Details{Summary: r.Incidents[i].Name, Blocks: blocks})
		}
	}
	return out
}

func (r *Result) incident(i int) []page.Block {
	in := &r.Incidents[i]
	b := &in.Before
	order := page.NewTable("In the order in which they began", "Sign", "From", "To", "#Minutes after the first", "~What was seen")
	for _, s := range in.Order {
		order.Add(s.Kind, s.From, s.To, words.Count(s.Lead), s.Text)
	}
	out := []page.Block{page.Callout{Tone: "bad", Text: "**" + in.Onset + " to " + in.End + "** (" + words.Minutes(in.Minutes) + "). " + in.First}, order}
	if n := len(in.days); n > 3 {
		points := func(ys []float64) (p []chart.Point) {
			for h, y := range ys {
				p = append(p, chart.Point{X: float64(h), Y: y})
			}
			return p
		}
		l := chart.Line{Head: chart.Head{ID: fmt.Sprintf("incident-%d", i+1), Title: "Requests by hour", Desc: "The days of the outage beside the median of ordinary days", Size: chart.Size{Width: 960, Height: 300}}, X: chart.Axis{Label: "hour of the day", Min: 0, Max: 23}, Y: chart.Axis{Label: "requests"}}
		l.Series = append(l.Series, chart.Series{Name: "ordinary days: median, and half of the days", Colour: 0, Dashed: true, Points: points(in.days[n-3]), Low: in.days[n-2], High: in.days[n-1]})
		data := page.NewTable("Requests by hour", "#Hour", "#Ordinary")
		for k, ys := range in.days[:n-3] {
			l.Series = append(l.Series, chart.Series{Name: in.dayNames[k], Colour: k + 1, Points: points(ys)})
			data.Head = append(data.Head, "#"+in.dayNames[k])
		}
		for h := range 24 {
			row := []string{fmt.Sprint(h), words.Count(in.days[n-3][h])}
			for _, ys := range in.days[:n-3] {
				row = append(row, words.Count(ys[h]))
			}
			data.Add(row...)
		}
		out = append(out, page.Figure{Wide: true, SVG: l.SVG(), Caption: "Requests by hour on the days of the outage, beside ordinary days.", Data: data})
	}
	if len(in.Errors) > 0 {
		t := page.NewTable("Errors by hour and status", "Date", "#Hour", "#Status", "`Top endpoint", "~Top addresses", "#Count")
		for _, e := range in.Errors {
			t.Add(e.Date, fmt.Sprint(e.Hour), fmt.Sprint(e.Status), e.Endpoint, strings.Join(e.Addresses, ", "), words.Count(e.Count))
		}
		t.Limit = 20
		out = append(out, t)
		var l page.List
		for _, c := range in.Codes {
			if c.Note != "" {
				l = append(l, fmt.Sprintf("**%s** (%s): %s", c.Name, words.Count(c.Count), c.Note))
			}
		}
		out = append(out, l)
	}
	before := page.NewTable(fmt.Sprintf("The %d hours before, against the same time of %d normal days", b.Hours, b.NormalDays), "Figure", "#Before", "#Normal")
	before.Add("requests", words.Count(b.Requests), words.Count(b.Normal))
	before.Add("fastest minute", words.Count(b.PeakMinute), words.Count(b.NormalPeak))
	if b.HasLatency {
		before.Add("response time, median", words.Seconds(b.Median), words.Seconds(b.NormalMed))
		before.Add("response time, 95 in 100", words.Seconds(b.P95), words.Seconds(b.NormalP95))
	}
	if len(b.Addresses) == 0 {
		out = append(out, before)
	} else {
		t := page.NewTable("Who asked in the hours before", "Address", "#Requests", "#Share", "Country", "Group")
		for _, c := range b.Addresses {
			t.Add(c.Name, words.Count(c.Count), words.Percent(c.Share), c.Country, c.Group)
		}
		t.Limit = 5
		t.DropEmpty()
		out = append(out, page.Beside{before, t})
	}
	causes := page.NewTable("Likely causes", "~Cause", "Verdict", "~For", "~Against")
	for _, c := range in.Causes {
		causes.Add(c.Name, c.Verdict, sentences(c.For), sentences(c.Against))
		if c.Verdict == "supported" {
			causes.Mark()
		}
	}
	return append(out, causes)
}

func sentences(s []string) string {
	if len(s) == 0 {
		return words.None
	}
	return strings.Join(s, "; ")
}

func (r *Result) calendarBlocks() []page.Block {
	if len(r.Calendar) == 0 {
		return []page.Block{page.Paragraph("No day stands out.")}
	}
	t := page.NewTable("What happened by day", "Date", "Event", "~What was seen")
	for _, e := range r.Calendar {
		t.Add(e.Date, e.Kind, e.Text)
		if e.bad {
			t.Mark()
		}
	}
	t.Limit = 40
	return []page.Block{t}
}
