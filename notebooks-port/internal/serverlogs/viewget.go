package serverlogs

import (
	"fmt"
	"strings"

	"sluice/notebooks-port/internal/page"
	"sluice/notebooks-port/internal/words"
	"sluice/serve/chart"
)

func getTable(caption, name string, rows []GetRow, country bool) *page.Table {
	head := []string{name, "#Success", "#Failure", "#Failure rate"}
	if country {
		head = append(head, "#Endpoints that failed", "Country", "Group")
	}
	head = append(head, "Attempts")
	t := page.NewTable(caption, head...)
	for _, g := range rows {
		row := []string{g.Name, words.Count(g.Success), words.Count(g.Failure), words.Percent(words.Ratio(g.Failure, g.Failure+g.Success))}
		if country {
			targets := words.None
			if g.Targets > 0 {
				targets = words.Count(g.Targets)
			}
			row = append(row, targets, g.Country, g.Group)
		}
		t.Add(append(row, g.Attack)...)
		if g.Attack != "" {
			t.Mark()
		}
	}
	t.Limit = 10
	t.DropEmpty()
	return t
}

func (r *Result) getBlocks() []page.Block {
	g := &r.Get
	if g.Success+g.Failure == 0 {
		return []page.Block{page.Paragraph("The log has no GET request.")}
	}
	var ok, bad []chart.Point
	days := page.NewTable("GET requests by day", "Day", "#Success", "#Failure", "#Failure rate")
	for i, d := range r.Days {
		ok = append(ok, chart.Point{X: float64(i), Y: float64(d.GetOK)})
		bad = append(bad, chart.Point{X: float64(i), Y: float64(d.GetFail)})
		days.Add(d.Date, words.Count(d.GetOK), words.Count(d.GetFail), words.Percent(words.Ratio(d.GetFail, d.GetOK+d.GetFail)))
	}
	out := []page.Block{
		page.Paragraph(fmt.Sprintf("A GET request succeeds if its status is one of **%s**. %s succeeded and %s failed (%s), at %s distinct endpoints.", r.Success, words.Count(g.Success), words.Count(g.Failure), words.Percent(words.Ratio(g.Failure, g.Failure+g.Success)), words.Count(g.FailTargets))),
		page.Figure{Wide: true, Caption: "GET requests by day.", Data: days, SVG: chart.Line{Head: chart.Head{ID: "gets", Title: "GET requests by day", Desc: "Two lines: successful and failed GET requests of each day", Size: chart.Size{Width: 960, Height: 280}}, X: chart.Axis{Label: "days since " + r.Days[0].Date}, Y: chart.Axis{Label: "GET requests"}, Series: []chart.Series{{Name: "failure", Colour: 2, Points: bad}, {Name: "success", Colour: 3, Points: ok}}}.SVG()},
	}
	if len(g.Spikes) > 0 {
		t := page.NewTable("Days with unusually many failures", "Date", "~What was seen")
		for _, e := range g.Spikes {
			t.Add(e.Date, e.Text)
		}
		out = append(out, t)
	}
	if len(g.NeverOK) > 0 {
		out = append(out, page.Callout{Tone: "note", Text: fmt.Sprintf("**%s failed %s times or more without a single success.** Such addresses are programs: bots, or clients that are set up wrongly.", words.Plural(int64(len(g.NeverOK)), "address", "addresses"), words.Count(neverOK))},
			getTable("Addresses that never succeeded", "Address", g.NeverOK, true))
	}
	out = append(out, getTable("Addresses by failures", "Address", g.Addresses, true), getTable("Addresses by successes", "Address", g.BySuccess, true))
	if len(g.Countries) > 0 {
		t := page.NewTable("Countries", "Country", "#Success", "#Failure", "#Failure rate", "#Endpoints that failed")
		for _, c := range g.Countries {
			t.Add(c.Name, words.Count(c.Success), words.Count(c.Failure), words.Percent(words.Ratio(c.Failure, c.Failure+c.Success)), words.Count(c.Targets))
		}
		t.Limit = 10
		out = append(out, t)
	}
	out = append(out, getTable("Endpoints by failures", "`Endpoint", g.Failing, false), getTable("Endpoints by successes", "`Endpoint", g.Succeeding, false))
	cross := func(caption, key string, rows []Cross) {
		if len(rows) == 0 {
			return
		}
		t := page.NewTable(caption, key, "`Endpoint", "#Requests", "Attempts")
		for _, c := range rows {
			t.Add(c.Key, c.Endpoint, words.Count(c.Count), c.Attack)
			if c.Attack != "" {
				t.Mark()
			}
		}
		t.Limit = 10
		t.DropEmpty()
		out = append(out, t)
	}
	cross("Successes by country and endpoint", "Country", g.ByCountry)
	cross("Failures by country and endpoint", "Country", g.FailByCountry)
	cross("Successes by date and endpoint, those with a payload first", "Date", g.ByDate)
	if len(g.BusyDays) > 0 {
		t := page.NewTable("Days with unusually many successes", "Date", "#Success", "#Deviation")
		for _, b := range g.BusyDays {
			t.Add(b.Date, words.Count(b.Success), fmt.Sprintf("%+.1f", b.Z))
		}
		out = append(out, t)
	}
	if len(g.Mismatches) > 0 {
		t := page.NewTable("Endpoints asked with a method that they do not take", "`Endpoint", "Method", "#Requests", "#Success", "#Refused (405, 501)", "Served by")
		for _, m := range g.Mismatches {
			t.Add(m.Endpoint, m.Method, words.Count(m.Requests), words.Count(m.OK), words.Count(m.Refused), m.Served)
		}
		t.Limit = 10
		out = append(out, t)
	}
	return out
}

func (r *Result) attackBlocks() []page.Block {
	a := &r.Attacks
	if a.Requests == 0 {
		return []page.Block{page.Paragraph("No request carried a payload or looked for what is not meant to be served.")}
	}
	out := []page.Block{page.Paragraph("**A 200 is not a breach.** It says that the server answered. An answer is compared with what the same page usually weighs, and with what the site answers to paths that do not exist; only what differs is worth a look, and only content where there should be none looks like a success.")}
	triage := page.NewTable("Triage", "What", "State", "~Impact, rate and reasons", "~Plausibility", "~May be ignored if")
	for _, f := range a.Findings {
		reasons := []string{f.Impact, f.Rate}
		for _, why := range f.Reasons {
			if why != f.Impact {
				reasons = append(reasons, why)
			}
		}
		triage.Add(f.Title, f.State, strings.Join(reasons, "; "), f.Plausible, f.Repudiated)
		if f.State == stateAct {
			triage.Mark()
		}
	}
	classes := page.NewTable("What was attempted, and how it was answered", "Kind", "#Requests", "#Addresses", "#Answered 2xx", "#As usual", "#Otherwise", "#Likely success", "~Techniques")
	for _, c := range a.Classes {
		classes.Add(c.Name, words.Count(c.Requests), words.Count(c.Addresses), words.Count(c.Answered), words.Count(c.AsUsual), words.Count(c.Differs), words.Count(c.Likely), strings.Join(c.Techniques, ", "))
	}
	out = append(out, triage, classes)
	if len(a.Answered) > 0 {
		t := page.NewTable("Attempts that were answered with 2xx", "`Target", "Kind", "#Answered", "#Size", "#Usual size", "Outcome", "~Why")
		for _, row := range a.Answered {
			t.Add(row.Target, row.Class, words.Count(row.Answered), words.Bytes(row.Size), words.Bytes(row.Usual), row.Outcome, row.Why)
			if row.Outcome == outcomeLikely {
				t.Mark()
			}
		}
		t.Limit = 15
		out = append(out, t)
	}
	t := page.NewTable("Targets of attempts", "`As the programs read it", "Kind", "~Techniques", "#Requests", "#Addresses", "Status", "Outcome")
	for _, row := range a.Targets {
		var st []string
		for _, s := range row.Status {
			st = append(st, s.Name+"×"+words.Count(s.Count))
		}
		t.Add(row.Decoded, row.Class, strings.Join(row.Techniques, ", "), words.Count(row.Requests), words.Count(row.Addresses), strings.Join(st, " "), row.Outcome)
	}
	t.Limit = 15
	out = append(out, t, page.Heading("The kinds of attempts"))
	kinds := page.NewTable("What each kind is", "Kind", "~Description", "~Risk", "~What to do")
	for _, c := range a.Classes {
		kinds.Add(c.Name, c.Description, c.Risk, c.Action)
	}
	out = append(out, kinds)
	if len(a.Dossiers) > 0 {
		out = append(out, page.Heading("Addresses, one by one"))
	}
	for i := range a.Dossiers {
		s := &a.Dossiers[i]
		tl := page.NewTable("Timeline", "Time", "Method", "`Target, decoded", "#Status", "#Times", "#Size", "Kind")
		for _, e := range s.Timeline {
			tl.Add(e.Time, e.Method, e.Target, fmt.Sprint(e.Status), words.Count(e.Count), words.Bytes(e.Size), e.Class)
			if e.Class != "" {
				tl.Mark()
			}
		}
		tl.Limit = 25
		var phases []string
		for _, p := range s.Phases {
			phases = append(phases, fmt.Sprintf("%s (%s, from %s)", p.Name, words.Plural(p.Requests, "request", "requests"), p.From))
		}
		var facts page.List
		from := ""
		if s.Country != "" {
			from += ", " + s.Country
		}
		if s.Group != "" {
			from += ", group " + s.Group
		}
		facts = append(facts, fmt.Sprintf("%s requests from %s to %s%s; %s, %s", words.Count(s.Requests), s.First, s.Last, from, words.Plural(s.Attempts, "attempt", "attempts"), s.Classes),
			"**"+s.State+"**: "+strings.Join(s.Reasons, "; "))
		if s.Peak > 0 {
			facts = append(facts, fmt.Sprintf("at most %s in a minute and %s in a second", words.Plural(s.Peak, "request", "requests"), words.Plural(s.PeakSec, "request", "requests")))
		}
		facts = append(facts, "phases: "+strings.Join(phases, "; "), "agents: "+strings.Join(s.Agents, " | "))
		blocks := []page.Block{facts, tl}
		if s.Omitted > 0 {
			blocks = append(blocks, page.Paragraph(fmt.Sprintf("%s of the timeline are left out.", words.Plural(int64(s.Omitted), "row", "rows"))))
		}
		out = append(out, page.Details{Summary: fmt.Sprintf("%s: %s (%s)", s.Address, s.State, words.Plural(s.Attempts, "attempt", "attempts")), Blocks: blocks})
	}
	return out
}

func (r *Result) recommendationBlocks() []page.Block {
	if len(r.Recommendations) == 0 {
		return []page.Block{page.Paragraph("Nothing that was found calls for a change.")}
	}
	out := []page.Block{page.Paragraph("Each follows from rows of this log, which stand below it. The pieces of configuration are starting points: try them in a test first, and exempt the site's own machines.")}
	for i, rec := range r.Recommendations {
		t := page.NewTable("The rows behind it", "`What", "#Count", "~Which")
		for _, c := range rec.Rows {
			t.Add(c.Name, words.Count(c.Count), c.Note)
		}
		t.Limit = 8
		var code []page.Block
		for _, s := range rec.Snippets {
			code = append(code, page.Code{Label: s.For, Text: s.Text})
		}
		out = append(out, page.Heading(fmt.Sprintf("%d. %s", i+1, rec.Title)), page.Paragraph(rec.Why), t, page.Details{Summary: "Configuration for HAProxy, nginx and others", Blocks: code})
	}
	return out
}

func (r *Result) methodBlocks() []page.Block {
	return []page.Block{page.List{
		"**Unusual days and hours.** A day is compared with the median of the same weekday in the other weeks, an hour with the same hour of the same weekday; with fewer than three of those, with all days or with the same hour of all days. The distance is the logarithm of (value + 1) / (median + 1), divided by 1.4826 times the median absolute distance of all days (hours), at least 1/√(median + 4) and 0.1. Days are marked from 3.5 on, hours from 6, daily counts of a status from 5. Medians are not moved by the days that are looked for.",
		"**Empty responses.** A run of responses without a byte, of five minutes or more, that would come by accident less than once in a thousand million times at the site's usual share of empty responses. Only 2xx count, as a proxy's error page has bytes while the site behind it is down, and no answers that never have a body (HEAD, OPTIONS, 204).",
		"**Silence.** No request for so long that thirty were due at the pace of the same hours of other weeks, and three times as long as the longest gap of an ordinary day.",
		"**Server errors.** Minutes with 5xx, at most a quarter of an hour apart, 15 of them or more, and half of all requests of those minutes (a quarter from 200 on).",
		"**Order.** Signs within six hours are one outage. The beginning of errors is the first minute from which five fall within half an hour; a traffic burst is ten minutes with three times the usual pace. To the minute, as the log allows.",
		"**Causes** are weighed by points for and against: supported from two points on, possible with one. They are leads, not proofs: a log does not show memory or disks.",
		"**Attempts** are judged after decoding (percent signs twice, plus signs, HTML entities, unicode), by structure in the context where a value would take effect, with libinjection and lists of the OWASP Core Rule Set.",
		"**Addresses** are masked unless asked for; #1, #2 tell masked ones apart.",
	}}
}
