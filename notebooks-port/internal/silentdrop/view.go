package silentdrop

import (
	"fmt"
	"slices"

	"sluice/notebooks-port/internal/page"
	"sluice/notebooks-port/internal/study"
	"sluice/notebooks-port/internal/words"
	"sluice/serve/chart"
)

// Document lays the result out. It computes nothing that is not in the result.
func (r *Result) Document() *page.Document {
	return &page.Document{
		Title:    "Silent drops: who, why, and who by mistake",
		Subtitle: fmt.Sprintf("%s records from %s to %s; %s", words.Count(r.Drops.Records), r.Drops.First[:10], r.Drops.Last[:10], r.Input.Subtitle()),
		Sections: []page.Section{
			{ID: "summary", Title: "In short", Blocks: r.summary()},
			{ID: "top", Title: "The most dropped addresses", Blocks: r.topBlocks()},
			{ID: "clients", Title: "Dropped by mistake", Blocks: r.clientBlocks()},
			{ID: "curve", Title: "Share reported by number of records", Blocks: r.curveBlocks()},
			{ID: "signal", Title: "What else the records tell", Blocks: r.signalBlocks()},
			r.Input.Section(
				"**A silent drop** is recorded when an address goes over the edge's limit of requests at once; it then gets no answer for five minutes. So an address's number of records is how often it went over the limit, not how many of its requests were dropped.",
				"**Reported**: "+study.Sentence(r.Labels)+". An address counts as reported if it was in any month in which it was dropped, as not reported if it was checked in one and never reported; the others are unknown and in no share.",
				"**A client's kind** is what at least half of its requests were on the days on which it was dropped. Mathoid: paths below "+mathPrefix+". Instant Commons: agents that name ForeignAPIRepo, and MediaWiki asking the API of commons.wikimedia.org. The edge itself leaves out single requests, not addresses.",
				"**Intervals** are exact 95 % ones (Clopper and Pearson). The sets of a curve contain each other, so its points are not independent.",
			),
		},
	}
}

// Summary is told at the end.
func (r *Result) Summary() []string {
	return []string{fmt.Sprintf("%s records of %s in %s requests. %s", words.Count(r.Drops.Records), words.Plural(int64(r.Drops.Addresses), "address", "addresses"), words.Count(r.Input.Requests), r.Reversal.plain())}
}

// plain is the text without its stress.
func (r Reversal) plain() string {
	var b []byte
	for i := 0; i < len(r.Text); i++ {
		if r.Text[i] == '*' {
			continue
		}
		b = append(b, r.Text[i])
	}
	return string(b)
}

func (r *Result) client(name string) Client {
	if i := slices.IndexFunc(r.Clients, func(c Client) bool { return c.Name == name }); i >= 0 {
		return r.Clients[i]
	}
	return Client{Name: name, Share: study.Tally{}.Share()}
}

func (r *Result) summary() []page.Block {
	out := r.Input.Banner()
	m, c := r.client(classNames[mathoid]), r.client(classNames[commons])
	inLogs := r.Drops.Records - r.Drops.NotInLogs
	mistaken := m.Records + c.Records
	tone := "good"
	if mistaken > 0 {
		tone = "bad"
	}
	text := fmt.Sprintf("**%s of the records are of wikis elsewhere** that use Mathoid or Instant Commons: %s of %s addresses. They mean no harm and are dropped by mistake.",
		words.Percent(words.Ratio(int64(mistaken), int64(inLogs))), words.Count(m.Addresses+c.Addresses), words.Count(r.Drops.Addresses))
	if o := r.client(classNames[api]); o.Addresses > 0 {
		text += fmt.Sprintf(" Another %s are of %s of the API", words.Percent(words.Ratio(int64(o.Records), int64(inLogs))), words.Plural(int64(o.Addresses), "other client", "other clients"))
		if o.Share.Of > 0 {
			text += fmt.Sprintf(", of which %s are reported", o.Share)
		}
		text += "."
	}
	out = append(out, page.Callout{Tone: tone, Text: text}, page.Callout{Tone: "note", Text: r.Reversal.Text})
	all := r.Exclusion[0]
	cards := page.Cards{
		{Label: "Records", Value: words.Count(r.Drops.Records), Note: "on " + words.Plural(int64(r.Drops.Days), "day", "days")},
		{Label: "Addresses", Value: words.Count(r.Drops.Addresses), Note: "of those in the logs"},
		{Label: "Reported", Value: all.Share.String(), Note: fmt.Sprintf("of %s with a label", words.Count(all.Share.Of))},
		{Label: "Most records of one", Value: words.Count(r.Top[0].Records), Note: r.Top[0].Kind},
	}
	if w := r.Windows; w != nil {
		cards = append(cards, page.Card{Label: "Records in attack windows", Value: words.Percent(words.Ratio(int64(w.RecordsInside), int64(w.RecordsInside+w.RecordsOutside))), Note: words.Plural(int64(w.Windows), "window", "windows")})
	}
	out = append(out, cards)
	if r.Drops.NotInLogs > 0 {
		missing := int64(r.Drops.AllAddresses - r.Drops.Addresses)
		out = append(out, page.Paragraph(fmt.Sprintf("%s of the records are of %s without a request in these logs; but for their days and ports nothing more is said of them.", words.Count(r.Drops.NotInLogs), words.Plural(missing, "address", "addresses"))))
	}
	return out
}

func (r *Result) topBlocks() []page.Block {
	t := page.NewTable("The most dropped addresses", "Address", "#Records", "#On days", "#In windows", "Client", "#Requests on these days", "#Mathoid", "#Instant Commons", "#Other API", "#Cache hits", "Label")
	for _, d := range r.Top {
		t.Add(d.Name, words.Count(d.Records), words.Count(d.Days), words.Count(d.InWindow), d.Kind, words.Count(d.Requests), words.Percent(d.Mathoid), words.Percent(d.Commons), words.Percent(d.API), words.Percent(d.Hits), d.Label)
		if d.Kind == classNames[mathoid] || d.Kind == classNames[commons] {
			t.Mark()
		}
	}
	t.Limit = 10
	out := []page.Block{page.Paragraph("Marked: wikis elsewhere. Below, what the first ones asked for on the day on which they were dropped most."), t}
	for _, q := range r.Requests {
		t := page.NewTable(fmt.Sprintf("%s on %s, dropped %s that day; %s", q.Name, q.Date, times(q.Records), words.Plural(q.Requests, "request", "requests")), "`user_agent", "`uri_host", "`uri_path", "#count")
		for _, x := range q.Rows {
			t.Add(x.Agent, x.Host, x.Path, words.Count(x.Count))
		}
		out = append(out, t)
		if q.AtOnce >= 0 {
			out = append(out, page.Paragraph(fmt.Sprintf("At most %s at once, %s without Mathoid and Instant Commons, estimated from dt and time_firstbyte (the edge's own limit was 500, and it counts what it has open).", words.Plural(int64(q.AtOnce), "request", "requests"), words.Count(q.Without))))
		}
		if q.Other > 0 {
			out = append(out, page.Paragraph(fmt.Sprintf("%s further requests differ so much that they are not told apart.", words.Count(q.Other))))
		}
	}
	var tables []*page.Table
	for _, p := range study.PublishedDropped {
		t := page.NewTable("The study: a dropped address on "+p.Date, "`user_agent", "`uri_host", "`uri_path", "#count")
		for _, x := range p.Rows {
			t.Add(x.Agent, x.Host, x.Path, words.Count(x.Count))
		}
		tables = append(tables, t)
	}
	return append(out, page.Heading("What the study saw"), page.Paragraph("The first lines of its tables; hashes are left out."), page.Beside(tables))
}

func times(n int) string {
	switch n {
	case 1:
		return "once"
	case 2:
		return "twice"
	}
	return words.Count(n) + " times"
}

func (r *Result) clientBlocks() []page.Block {
	t := page.NewTable("Dropped addresses by what they mostly asked for", "Client", "#Addresses", "#Records", "#Records an address", "#Reported", "#Not reported", "#Unknown", "#Share reported", "#95 % interval")
	for _, c := range r.Clients {
		t.Add(c.Name, words.Count(c.Addresses), words.Count(c.Records), words.Decimal(float64(c.Records)/float64(max(1, c.Addresses)), 1), words.Count(c.Reported), words.Count(c.NotReported), words.Count(c.Unknown), c.Share.String(), c.Share.Interval())
		if c.Name == classNames[mathoid] || c.Name == classNames[commons] {
			t.Mark()
		}
	}
	e := page.NewTable(fmt.Sprintf("What leaving clients out changes; \"many\" is at least %d records", max(r.Reversal.Peak, 2)), "Left out", "#Records", "#Addresses", "#Share reported", "#95 % interval", "#Addresses with many", "#Share reported of these", "#95 % interval ")
	for _, x := range r.Exclusion {
		e.Add(x.Name, words.Count(x.Records), words.Count(x.Addresses), x.Share.String(), x.Share.Interval(), words.Count(x.PeakTally.Addresses), x.PeakShare.String(), x.PeakShare.Interval())
	}
	m := page.NewTable("Records by month", append([]string{"Month", "#Records"}, monthHeads()...)...)
	for _, x := range r.Months {
		row := []string{x.Month, words.Count(x.Records)}
		for _, n := range classNames {
			row = append(row, words.Count(x.Clients[n]))
		}
		m.Add(row...)
	}
	for i := len(classNames) - 1; i >= 0; i-- { // kinds that no month has
		if r.client(classNames[i]).Addresses == 0 {
			m.Head = slices.Delete(m.Head, i+2, i+3)
			for k := range m.Rows {
				m.Rows[k] = slices.Delete(m.Rows[k], i+2, i+3)
			}
		}
	}
	return []page.Block{
		page.Paragraph("A wiki elsewhere that renders formulas here, or shows files from here, sends its readers' requests from one address. That is many at once, and no attack. In August 2024 the edge stopped counting requests for formulas, so records of Mathoid's clients end there; Instant Commons it still counts."),
		t, e, m,
	}
}

func monthHeads() []string {
	var out []string
	for _, n := range classNames {
		out = append(out, "#"+n)
	}
	return out
}

func (r *Result) curveBlocks() []page.Block {
	out := []page.Block{page.Paragraph(r.Reversal.Text)}
	last := max(r.Reversal.Tail, 1)
	line := chart.Line{
		Head: chart.Head{ID: "share-by-records", Title: "Share reported by least number of records", Desc: r.Reversal.plain(), Size: chart.Size{Width: 720, Height: 340}},
		X:    chart.Axis{Label: "at least so many records", Min: 1, Max: float64(max(last, study.PublishedDropPeak) + 1)},
		Y:    chart.Axis{Label: "share reported", Min: 0, Max: 1, Percent: true},
	}
	for i, c := range r.Curves {
		s := chart.Series{Name: c.Name, Colour: []int{1, 3, 4}[i], Dashed: i == 2}
		for _, p := range c.Points {
			if p.K > last || p.Share.Of == 0 {
				continue
			}
			s.Points = append(s.Points, chart.Point{X: float64(p.K), Y: float64(p.Share.Value)})
			if i < 2 {
				s.Low, s.High = append(s.Low, float64(p.Share.Low)), append(s.High, float64(p.Share.High))
			}
		}
		if len(s.Points) > 0 {
			line.Series = append(line.Series, s)
		}
	}
	line.Marks = []chart.Mark{{X: study.PublishedDropPeak, Y: study.PublishedDropShare, Label: "the study's greatest", Colour: 2}}
	data := page.NewTable("Share reported by least number of records", "#At least", "#Addresses", "#With a label", "#Share reported", "#95 % interval", "#Without wikis: with a label", "#share", "#95 % interval ", "#Without any API client: with a label", "#share ")
	for i, p := range r.Curves[0].Points {
		if p.K > last {
			break
		}
		row := []string{words.Count(p.K), words.Count(p.Addresses), words.Count(p.Share.Of), p.Share.String(), p.Share.Interval()}
		for j, c := range r.Curves[1:] {
			q := Point{Share: study.Tally{}.Share()}
			if i < len(c.Points) {
				q = c.Points[i]
			}
			row = append(row, words.Count(q.Share.Of), q.Share.String())
			if j == 0 {
				row = append(row, q.Share.Interval())
			}
		}
		data.Add(row...)
		if p.K == r.Reversal.Peak {
			data.Mark()
		}
	}
	data.Limit = 15
	compare := page.NewTable("Beside the study", "", "#The study", "#Here")
	peak, tail := r.point(r.Reversal.Peak), r.point(r.Reversal.Tail)
	compare.Add("greatest share reported", "about 80 %", peak.Share.String())
	compare.Add("at so many records", "8", words.Count(r.Reversal.Peak))
	compare.Add("further on", "falls", fmt.Sprintf("%s at %d", tail.Share, r.Reversal.Tail))
	compare.Add("its explanation", "clients of Mathoid and of APIs", "see above")
	out = append(out, page.Figure{SVG: line.SVG(), Caption: "Lines end where fewer labelled addresses are left than are spoken of. Bands are 95 % intervals.", Wide: true}, data, compare)
	return out
}

// point is the curve of all addresses at k.
func (r *Result) point(k int) Point {
	for _, p := range r.Curves[0].Points {
		if p.K == k {
			return p
		}
	}
	return Point{Share: study.Tally{}.Share()}
}

func (r *Result) signalBlocks() []page.Block {
	var out []page.Block
	if w := r.Windows; w != nil {
		t := page.NewTable("Addresses by whether they were dropped in an attack window", "Dropped", "#Records", "#Addresses", "#Reported", "#Not reported", "#Share reported", "#95 % interval")
		t.Add("in a window", words.Count(w.RecordsInside), words.Count(w.Inside.Addresses), words.Count(w.Inside.Reported), words.Count(w.Inside.NotReported), w.InsideShare.String(), w.InsideShare.Interval())
		t.Add("only outside", words.Count(w.RecordsOutside), words.Count(w.Outside.Addresses), words.Count(w.Outside.Reported), words.Count(w.Outside.NotReported), w.OutsideShare.String(), w.OutsideShare.Interval())
		out = append(out, page.Paragraph("The study expected drops during attacks to be a good signal."), t)
	}
	k := max(r.Reversal.Peak, 2)
	t := page.NewTable(fmt.Sprintf("What addresses with at least %d records asked for most, wikis elsewhere left out", k), "Date", "`uri_host", "`uri_path", "#Addresses", "#Requests", "#Cache hits")
	for _, x := range r.Targets {
		t.Add(x.Date, words.Clip(x.Host, 100), words.Clip(x.Path, 200), words.Count(x.Addresses), words.Count(x.Requests), words.Percent(x.Hits))
		if x.Hits >= .5 {
			t.Mark()
		}
	}
	out = append(out,
		page.Paragraph(fmt.Sprintf("Whoever is answered from the cache is invisible to a count of cache-busting requests. Of %s with at least %d records that are no wikis, %s sent nothing else on the days on which they were dropped. The study found such in www.wikipedia.org/ on 31 July and in en.m.wikipedia.org/wiki/united_states on 15 July, all answered from the cache.",
			words.Plural(int64(r.Missed.Of), "address", "addresses"), k, words.Count(r.Missed.Addresses))), t)
	c := r.Candidates
	days := (c.Unknown + 999) / 1000
	out = append(out, page.Paragraph(fmt.Sprintf("**Worth a lookup of their own**: %s have two or more records, %s at least %d; of these %s are wikis and %s have no label yet, which takes %s at 1,000 checks a day. In the study a few thousand had several and fewer than 1,000 at least five.",
		words.Plural(int64(c.Several), "address", "addresses"), words.Count(c.Addresses), c.From, words.Count(c.Excluded), words.Count(c.Unknown), words.Plural(int64(days), "day", "days"))))
	return out
}
