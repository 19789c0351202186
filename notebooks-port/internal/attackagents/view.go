package attackagents

import (
	"fmt"
	"math"
	"strconv"

	"sluice/notebooks-port/internal/page"
	"sluice/notebooks-port/internal/study"
	"sluice/notebooks-port/internal/words"
	"sluice/serve/chart"
)

// Document lays the result out. It computes nothing that is not in the result.
func (r *Result) Document() *page.Document {
	return &page.Document{
		Title:    "Attack windows: who was there",
		Subtitle: fmt.Sprintf("%s; %s", words.Plural(int64(len(r.Windows)), "window", "windows"), r.Input.Subtitle()),
		Sections: []page.Section{
			{ID: "summary", Title: "In short", Blocks: r.summary()},
			{ID: "windows", Title: "The windows", Blocks: r.windowBlocks()},
			{ID: "agents", Title: "Agents of each window", Blocks: r.agentBlocks()},
			{ID: "crawlers", Title: "Crawlers", Blocks: r.crawlerBlocks()},
			r.Input.Section(
				fmt.Sprintf("**Abusive** is an address with more than %s over the whole window, counted on requests that count.", r.rate()),
				"**Reported**: "+study.Sentence(r.Labels)+", in the month of the window.",
				"**Declared crawlers** are agents that name themselves as robots or tools (agent_type spider); their names are the agents' own words. Of an address at least half of the requests must be.",
				"**Verified** by "+r.Verifies+". Who can't be told has neither published ranges that were given nor names that were asked for (--crawlers, --resolve).",
				"**Intervals** are exact 95 % ones (Clopper and Pearson).",
			),
		},
	}
}

func (r *Result) rate() string {
	s := strconv.FormatFloat(r.Rate, 'g', -1, 64)
	if r.Rate == 1 {
		return "1 request a second"
	}
	return s + " requests a second"
}

// Summary is told at the end.
func (r *Result) Summary() []string {
	n := 0
	for _, w := range r.Windows {
		n += w.Abusive.Addresses
	}
	return []string{fmt.Sprintf("%s, %s above %s; reported: %s in windows with at most %d of them, %s in the others",
		words.Plural(int64(len(r.Windows)), "window", "windows"), words.Plural(int64(n), "address", "addresses"), r.rate(), r.Few.Share, r.FewAre, r.Many.Share)}
}

func (r *Result) summary() []page.Block {
	out := r.Input.Banner()
	var abusive, declared, sure int
	var requests int64
	for _, w := range r.Windows {
		abusive += w.Abusive.Addresses
		declared += w.Abusive.Declared
		sure += w.Abusive.Verified
		requests += w.Requests
	}
	switch f, m := r.Few.Share, r.Many.Share; {
	case abusive == 0:
		out = append(out, page.Callout{Tone: "note", Text: fmt.Sprintf("**No address sends more than %s over a whole window.** On sampled or small logs lower --rate.", r.rate())})
	case f.Of == 0 || m.Of == 0:
		which := "at most"
		if f.Of == 0 {
			which = "more than"
		}
		out = append(out, page.Callout{Tone: "note", Text: fmt.Sprintf("All windows with labelled abusive addresses have %s %d of them, so windows with few can't be held against windows with many.", which, r.FewAre)})
	case f.High < m.Low:
		out = append(out, page.Callout{Tone: "good", Text: fmt.Sprintf("**As in the study, windows with few abusive addresses hold fewer reported ones**: %s (%s) in windows with at most %d, %s (%s) in the others.", f, f.Interval(), r.FewAre, m, m.Interval())})
	case f.Low > m.High:
		out = append(out, page.Callout{Tone: "note", Text: fmt.Sprintf("**Other than in the study, windows with few abusive addresses hold more reported ones**: %s (%s) in windows with at most %d, %s (%s) in the others.", f, f.Interval(), r.FewAre, m, m.Interval())})
	default:
		out = append(out, page.Callout{Tone: "note", Text: fmt.Sprintf("**The share reported does not tell windows with few abusive addresses from others**, as it did in the study: %s (%s) in windows with at most %d, %s (%s) in the others.", f, f.Interval(), r.FewAre, m, m.Interval())})
	}
	return append(out, page.Cards{
		{Label: "Windows", Value: words.Count(len(r.Windows)), Note: words.Count(requests) + " requests that count"},
		{Label: "Abusive addresses", Value: words.Count(abusive), Note: "above " + r.rate() + ", once a window"},
		{Label: "Declared crawlers among them", Value: words.Count(declared), Note: words.Count(sure) + " verified"},
	})
}

func (r *Result) windowBlocks() []page.Block {
	t := page.NewTable("The windows", "Window", "Start", "#Hours", "#Requests that count", "#Addresses", fmt.Sprintf("#Over %s requests", words.Count(r.MinRequests)), "#Abusive", "#Their requests", "#Reported", "#Share", "#95 % interval", "#Declared crawlers")
	line := chart.Line{
		Head: chart.Head{ID: "share-by-number", Title: "Share reported by number of abusive addresses", Desc: "One dot a window.", Size: chart.Size{Width: 720, Height: 340}},
		X:    chart.Axis{Label: "abusive addresses in the window", Log: true}, Y: chart.Axis{Label: "share reported", Min: 0, Max: 1, Percent: true},
	}
	dots := chart.Series{Colour: 1, Dots: true}
	for _, w := range r.Windows {
		t.Add(w.ID, w.Start[:16], words.Decimal(float64(w.Seconds)/3600, 1), words.Count(w.Requests), words.Count(w.Addresses), words.Count(w.Above), words.Count(w.Abusive.Addresses), words.Count(w.Abusive.Requests),
			words.Count(w.Abusive.Reported)+" of "+words.Count(w.Abusive.Share.Of), w.Abusive.Share.String(), w.Abusive.Share.Interval(), words.Count(w.Abusive.Declared))
		if s := w.Abusive.Share; s.Of > 0 {
			// A gap after each dot: they are no line.
			dots.Points = append(dots.Points, chart.Point{X: float64(w.Abusive.Addresses), Y: float64(s.Value)}, chart.Point{X: math.NaN(), Y: math.NaN()})
			dots.Low, dots.High = append(dots.Low, float64(s.Low), math.NaN()), append(dots.High, float64(s.High), math.NaN())
		}
	}
	t.Limit = 20
	out := []page.Block{t}
	if len(dots.Points) > 0 {
		line.Series = []chart.Series{dots}
		out = append(out, page.Figure{SVG: line.SVG(), Caption: "Share of the abusive addresses that is reported, by their number: one dot a window, with 95 % intervals. The table above has the figures.", Wide: true})
	}
	g := page.NewTable("Windows with few abusive addresses and with many", "Windows", "#Windows", "#Abusive addresses", "#With a label", "#Share reported", "#95 % interval", "~The study")
	g.Add(fmt.Sprintf("with at most %d", r.FewAre), words.Count(r.Few.Windows), words.Count(r.Few.Addresses), words.Count(r.Few.Share.Of), r.Few.Share.String(), r.Few.Share.Interval(), "barely any reported")
	g.Add("with more", words.Count(r.Many.Windows), words.Count(r.Many.Addresses), words.Count(r.Many.Share.Of), r.Many.Share.String(), r.Many.Share.Interval(), "no figure given")
	m := page.NewTable(fmt.Sprintf("Attacks by month, and those with addresses over %s requests", words.Count(r.MinRequests)), "Month", "#Windows", "#With such addresses", "#Such addresses", "#Abusive addresses", "#The study's attacks with such")
	for _, x := range r.Months {
		published := map[string]string{"2024-06": "3", "2024-07": "9"}[x.Month]
		if published == "" {
			published = words.None
		}
		m.Add(x.Month, words.Count(x.Windows), words.Count(x.WithAbove), words.Count(x.Above), words.Count(x.Abusive), published)
	}
	return append(out, page.Beside{g, m})
}

// opened is how many windows' agents are shown unfolded, as in the study.
const opened = 3

func (r *Result) agentBlocks() []page.Block {
	out := []page.Block{page.Paragraph("Agents of the abusive addresses, of the whole window where there are none. The study looked at its first three windows: Amazonbot, GPTBot, Yandex, MJ12bot, Bingbot and Googlebot in the first; the same with Timpibot and ClaudeBot, from four addresses, in the second; ClaudeBot and Amazonbot in the third.")}
	for i, w := range r.Windows {
		agents, whose := w.AbusiveAgents, fmt.Sprintf("agents of the %s", words.Plural(int64(w.Abusive.Addresses), "abusive address", "abusive addresses"))
		if len(agents) == 0 {
			agents, whose = w.Agents, "agents of all requests that count"
		}
		t := page.NewTable(w.ID+": "+whose, "`user_agent", "Declared as", "#Requests", "#Share", "#Addresses")
		for _, a := range agents {
			addresses := ""
			if a.Addresses > 0 {
				addresses = words.Count(a.Addresses)
			}
			t.Add(a.Agent, a.Name, words.Count(a.Requests), words.Percent(a.Share), addresses)
		}
		t.DropEmpty()
		c := page.NewTable(w.ID+": declared crawlers and tools", "Name", "#Requests", "#Addresses", "#Abusive", "#Verified", "#Refuted", "#Can't be told")
		for _, v := range w.Crawlers {
			c.Add(v.Name, words.Count(v.Requests), words.Count(v.Addresses), words.Count(v.Abusive), words.Count(v.Verified), words.Count(v.Refuted), words.Count(v.Untold))
			if v.Refuted > 0 {
				c.Mark()
			}
		}
		c.Limit = 10
		blocks := []page.Block{t}
		if len(w.Crawlers) > 0 {
			blocks = append(blocks, c)
		}
		if i < opened {
			out = append(append(out, page.Heading(w.ID)), blocks...)
		} else {
			out = append(out, page.Details{Summary: fmt.Sprintf("%s, %s", w.ID, words.Plural(int64(w.Abusive.Addresses), "abusive address", "abusive addresses")), Blocks: blocks})
		}
	}
	return out
}

func (r *Result) crawlerBlocks() []page.Block {
	t := page.NewTable("Declared crawlers and tools by their busiest hour", "Name", "#Requests", "#In windows", "Busiest hour", "#Requests in it")
	for _, c := range r.Crawlers {
		t.Add(c.Name, words.Count(c.Requests), words.Count(c.Inside), c.Busiest, words.Count(c.Most))
	}
	t.Limit = 10
	return []page.Block{page.Paragraph("Requests that count, inside and outside windows. In the study ClaudeBot sent more than 40,000 of them in one hour, on 26 July 2024 from 20:00."), t}
}
