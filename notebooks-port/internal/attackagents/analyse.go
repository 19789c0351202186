package attackagents

import (
	"cmp"
	"context"
	"net/netip"
	"slices"
	"strings"
	"time"

	"sluice/featurestore/attack"
	"sluice/featurestore/fault"
	"sluice/featurestore/reputation"
	"sluice/featurestore/row"
	"sluice/notebooks-port/internal/study"
	"sluice/notebooks-port/internal/words"
)

// visit is an address in a window.
type visit struct {
	window int32
	ip     netip.Addr
}

// traffic is what an address sent in a window.
type traffic struct{ requests, spider int64 }

// agent is a user agent and what it sent.
type agent struct {
	text    string
	name    string // of a declared crawler; "" for others
	windows map[int32]int64
	hours   map[int64]int64 // of crawlers: by hour since 1970, UTC
}

// claim is a crawler's address in a window.
type claim struct {
	visit
	name string
}

// gathered is what a file holds, and then all files together.
type gathered struct {
	all    map[int32]int64 // requests by window, whatever the filter says
	visits map[visit]*traffic
	agents map[string]*agent
	claims map[claim]claimed
}

// claimed is the requests behind a claim, and the agent that makes it.
type claimed struct {
	requests int64
	agent    string
}

func newGathered() *gathered {
	return &gathered{map[int32]int64{}, map[visit]*traffic{}, map[string]*agent{}, map[claim]claimed{}}
}

// agentOf finds or makes the agent of a request.
func (g *gathered) agentOf(r *study.Request) *agent {
	a := g.agents[r.UserAgent]
	if a == nil {
		a = &agent{text: strings.Clone(r.UserAgent), windows: map[int32]int64{}}
		if r.Derived().AgentType == "spider" {
			a.name, a.hours = robotName(a.text), map[int64]int64{}
		}
		g.agents[a.text] = a
	}
	return a
}

func (g *gathered) merge(o *gathered) {
	for w, n := range o.all {
		g.all[w] += n
	}
	for k, t := range o.visits {
		e := g.visits[k]
		if e == nil {
			g.visits[k] = t
			continue
		}
		e.requests += t.requests
		e.spider += t.spider
	}
	for k, a := range o.agents {
		e := g.agents[k]
		if e == nil {
			g.agents[k] = a
			continue
		}
		for w, n := range a.windows {
			e.windows[w] += n
		}
		for h, n := range a.hours {
			e.hours[h] += n
		}
	}
	for k, c := range o.claims {
		e, ok := g.claims[k]
		if !ok {
			e.agent = c.agent
		}
		e.requests += c.requests
		g.claims[k] = e
	}
}

type analysis struct {
	in      *study.Input
	o       options
	v       *verifier
	source  *study.Source
	windows *attack.Set
	labels  *reputation.Set
	*gathered
	abusive map[visit]bool
	checked map[claim]string
}

func analyse(ctx context.Context, in *study.Input, o options, v *verifier) (*Result, error) {
	a := &analysis{in: in, o: o, v: v, gathered: newGathered(), abusive: map[visit]bool{}, checked: map[claim]string{}}
	var err error
	if a.source, err = in.OpenLogs(); err != nil {
		return nil, err
	}
	if a.labels, err = in.OpenLabels(ctx); err != nil {
		return nil, err
	}
	if a.windows, err = in.OpenAttacks(ctx, a.source); err != nil {
		return nil, err
	}
	if a.windows == nil {
		return nil, fault.Field(fault.Usage, "attacks", "--attacks none leaves nothing to look at; give a file of windows, or detect")
	}
	if err := a.gather(ctx); err != nil {
		return nil, err
	}
	for k, c := range a.claims {
		if ctx.Err() != nil {
			return nil, fault.As(fault.Interrupted, ctx.Err())
		}
		a.checked[k] = v.ask(ctx, k.ip, c.agent)
	}
	r := &Result{Input: a.source.About(), Rate: o.rate, MinRequests: o.minRequests, FewAre: o.few, Verifies: "published ranges"}
	if a.labels != nil {
		r.Labels = a.labels.Sentence()
	}
	if v.resolves {
		r.Verifies += " and names that lead back"
	}
	ws := a.windows.Windows()
	r.Windows = make([]Window, len(ws))
	for i := range ws {
		r.Windows[i] = a.window(int32(i), ws[i])
	}
	if err := a.abusiveAgents(ctx, r.Windows); err != nil {
		return nil, err
	}
	r.groups(o.few)
	r.months()
	r.Crawlers = a.crawlers()
	return r, nil
}

// gather reads the logs.
func (a *analysis) gather(ctx context.Context) error {
	files := make([]*gathered, len(a.source.Files))
	err := a.source.Each(ctx, nil, func(file int) func(*study.Request) {
		g := newGathered()
		files[file] = g
		match := a.windows.Matcher()
		return func(r *study.Request) {
			inside := match.Match(r.Time)
			for _, w := range inside {
				g.all[w]++
			}
			if !a.source.Counts(r) {
				return
			}
			x := g.agents[r.UserAgent]
			if x == nil {
				if len(inside) == 0 && r.Derived().AgentType != "spider" {
					return
				}
				x = g.agentOf(r)
			}
			if x.hours != nil {
				x.hours[r.Time/3600]++
			}
			for _, w := range inside {
				x.windows[w]++
				k := visit{w, r.IP}
				t := g.visits[k]
				if t == nil {
					t = &traffic{}
					g.visits[k] = t
				}
				t.requests++
				if x.name != "" {
					t.spider++
					c := g.claims[claim{k, x.name}]
					if c.requests == 0 {
						c.agent = x.text
					}
					c.requests++
					g.claims[claim{k, x.name}] = c
				}
			}
		}
	})
	if err != nil {
		return err
	}
	for _, g := range files {
		if g != nil {
			a.merge(g)
		}
	}
	return nil
}

// label is an address's in the month of a window.
func (a *analysis) label(ip netip.Addr, m row.Month) row.Label {
	if a.labels == nil {
		return row.Unknown
	}
	return a.labels.Label(ip, m)
}

// window sums up one window.
func (a *analysis) window(i int32, w attack.Window) Window {
	out := Window{
		ID: w.ID, Month: w.Month.String(), Start: time.Unix(w.Start, 0).In(a.in.Zone).Format(time.RFC3339), End: time.Unix(w.End, 0).In(a.in.Zone).Format(time.RFC3339),
		Seconds: w.End - w.Start, All: a.all[i], AbusiveAgents: []Agent{}, Crawlers: []Visitor{}, Agents: []Agent{},
	}
	by := map[string]*Visitor{}
	for k, t := range a.visits {
		if k.window != i {
			continue
		}
		out.Addresses++
		out.Requests += t.requests
		l := a.label(k.ip, w.Month)
		if t.requests > a.o.minRequests {
			out.Above++
			out.AboveTold.Add(l)
		}
		if float64(t.requests) > a.o.rate*float64(out.Seconds) {
			a.abusive[k] = true
			out.Abusive.Add(l)
			out.Abusive.Requests += t.requests
			if 2*t.spider >= t.requests {
				out.Abusive.Declared++
			}
		}
	}
	sure := map[netip.Addr]bool{}
	for k, c := range a.claims {
		if k.window != i {
			continue
		}
		v := by[k.name]
		if v == nil {
			v = &Visitor{Name: k.name}
			by[k.name] = v
		}
		v.Addresses++
		v.Requests += c.requests
		if a.abusive[k.visit] {
			v.Abusive++
		}
		switch a.checked[k] {
		case verified:
			v.Verified++
			if a.abusive[k.visit] && !sure[k.ip] {
				sure[k.ip] = true
				out.Abusive.Verified++
			}
		case refuted:
			v.Refuted++
		default:
			v.Untold++
		}
	}
	for _, v := range by {
		out.Crawlers = append(out.Crawlers, *v)
	}
	slices.SortFunc(out.Crawlers, func(x, y Visitor) int {
		return cmp.Or(cmp.Compare(y.Requests, x.Requests), cmp.Compare(x.Name, y.Name))
	})
	out.AboveTold.Share = out.AboveTold.Tally.Share()
	out.Abusive.Share = out.Abusive.Tally.Share()
	var agents []Agent
	for _, x := range a.agents {
		if n := x.windows[i]; n > 0 {
			agents = append(agents, Agent{Agent: x.text, Name: x.name, Requests: n, Share: words.Ratio(n, out.Requests)})
		}
	}
	out.Agents = a.topAgents(agents)
	return out
}

func (a *analysis) topAgents(agents []Agent) []Agent {
	slices.SortFunc(agents, func(x, y Agent) int {
		return cmp.Or(cmp.Compare(y.Requests, x.Requests), cmp.Compare(x.Agent, y.Agent))
	})
	agents = slices.Clone(agents[:min(len(agents), a.o.top)])
	for i := range agents {
		agents[i].Agent = words.Clip(agents[i].Agent, 300)
	}
	if agents == nil {
		return []Agent{}
	}
	return agents
}

// abusiveAgents reads the logs again for the agents of the abusive addresses.
func (a *analysis) abusiveAgents(ctx context.Context, ws []Window) error {
	if len(a.abusive) == 0 {
		return nil
	}
	type key struct {
		window int32
		agent  string
	}
	files := make([]map[key]map[netip.Addr]int64, len(a.source.Files))
	holds := func(first, last int64) bool {
		return slices.ContainsFunc(a.windows.Windows(), func(w attack.Window) bool { return first < w.End && last >= w.Start })
	}
	err := a.source.Each(ctx, holds, func(file int) func(*study.Request) {
		here := map[key]map[netip.Addr]int64{}
		files[file] = here
		match := a.windows.Matcher()
		return func(r *study.Request) {
			for _, w := range match.Match(r.Time) {
				if !a.abusive[visit{w, r.IP}] || !a.source.Counts(r) {
					continue
				}
				by := here[key{w, r.UserAgent}]
				if by == nil {
					by = map[netip.Addr]int64{}
					here[key{w, strings.Clone(r.UserAgent)}] = by
				}
				by[r.IP]++
			}
		}
	})
	if err != nil {
		return err
	}
	all := map[key]map[netip.Addr]int64{}
	for _, here := range files {
		for k, by := range here {
			if all[k] == nil {
				all[k] = map[netip.Addr]int64{}
			}
			for ip, n := range by {
				all[k][ip] += n
			}
		}
	}
	lists := make([][]Agent, len(ws))
	for k, by := range all {
		x := Agent{Agent: k.agent, Addresses: len(by)}
		if known := a.agents[k.agent]; known != nil {
			x.Name = known.name
		}
		for _, n := range by {
			x.Requests += n
		}
		x.Share = words.Ratio(x.Requests, ws[k.window].Abusive.Requests)
		lists[k.window] = append(lists[k.window], x)
	}
	for i := range ws {
		ws[i].AbusiveAgents = a.topAgents(lists[i])
	}
	return nil
}

// crawlers are the declared crawlers by requests, with their busiest hour.
func (a *analysis) crawlers() []Crawler {
	type sums struct {
		inside int64
		hours  map[int64]int64
	}
	by := map[string]*sums{}
	for _, x := range a.agents {
		if x.name == "" {
			continue
		}
		s := by[x.name]
		if s == nil {
			s = &sums{hours: map[int64]int64{}}
			by[x.name] = s
		}
		for _, n := range x.windows {
			s.inside += n
		}
		for h, n := range x.hours {
			s.hours[h] += n
		}
	}
	out := []Crawler{}
	for name, s := range by {
		c := Crawler{Name: name, Inside: s.inside}
		at := int64(0)
		for h, n := range s.hours {
			c.Requests += n
			if n > c.Most || n == c.Most && h < at {
				c.Most, at = n, h
			}
		}
		c.Busiest = time.Unix(at*3600, 0).In(a.in.Zone).Format("2006-01-02T15:04")
		out = append(out, c)
	}
	slices.SortFunc(out, func(x, y Crawler) int { return cmp.Or(cmp.Compare(y.Most, x.Most), cmp.Compare(x.Name, y.Name)) })
	return out[:min(len(out), 20)]
}

// groups compares windows with few abusive addresses with the others.
func (r *Result) groups(few int) {
	for i := range r.Windows {
		w := &r.Windows[i]
		if w.Abusive.Addresses == 0 {
			continue
		}
		g := &r.Many
		if w.Abusive.Addresses <= few {
			g = &r.Few
		}
		g.Windows++
		g.Addresses += w.Abusive.Addresses
		g.Reported += w.Abusive.Reported
		g.NotReported += w.Abusive.NotReported
		g.Unknown += w.Abusive.Unknown
	}
	r.Few.Share, r.Many.Share = r.Few.Tally.Share(), r.Many.Tally.Share()
}

func (r *Result) months() {
	r.Months = []Month{}
	for i := range r.Windows {
		w := &r.Windows[i]
		if n := len(r.Months); n == 0 || r.Months[n-1].Month != w.Month {
			r.Months = append(r.Months, Month{Month: w.Month})
		}
		m := &r.Months[len(r.Months)-1]
		m.Windows++
		m.Above += w.Above
		m.Abusive += w.Abusive.Addresses
		if w.Above > 0 {
			m.WithAbove++
		}
	}
}
