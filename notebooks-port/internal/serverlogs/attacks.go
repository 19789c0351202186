package serverlogs

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"sluice/notebooks-port/internal/injection"
	"sluice/notebooks-port/internal/words"
)

// The outcomes of an attempt.
const (
	outcomeRefused = "refused"
	outcomeUsual   = "answered as usual"
	outcomeDiffers = "answered differently"
	outcomeLikely  = "likely success"
	outcomeUnknown = "answered, nothing to compare"
)

// suspects are the addresses that a dossier is written of: those with the most
// attempts. One that carries a payload counts ten times.
func (d *data) suspects() ([]uint32, error) {
	weight := make([]int64, len(d.addrs))
	d.tries = make([]int64, len(d.addrs))
	err := d.each(func(r *record) {
		c := d.verdict(r)
		if c == 0 {
			return
		}
		d.tries[r.ip]++
		if c&^injection.APIDocs != 0 {
			weight[r.ip]++
		}
		if c&injection.Attacks != 0 {
			weight[r.ip] += 9
		}
	})
	if err != nil {
		return nil, err
	}
	var out []uint32
	for _, i := range topIndex(d.opts.Top, len(weight), func(i int) int64 { return weight[i] }) {
		out = append(out, uint32(i))
	}
	return out, nil
}

// attacks judges what was attempted and how it was answered.
func (d *data) attacks(r *Result, t *totals, x *details, suspects []uint32) {
	a := &r.Attacks
	a.Requests = x.attempts
	for i := range t.addrs {
		if t.addrs[i].attacks > 0 {
			a.Addresses++
		}
	}
	var perDay []float64
	for _, day := range r.Days {
		perDay = append(perDay, float64(day.Attacks))
	}
	a.PerDay = median(perDay)
	rows := d.targetRows(x)
	perClass := map[injection.Class]*ClassRow{}
	a.Classes = []ClassRow{}
	for i, c := range injection.Classes() {
		if x.perClass[i].n == 0 {
			continue
		}
		info := c.Info()
		a.Classes = append(a.Classes, ClassRow{Class: info.ID, Name: info.Name, Requests: x.perClass[i].n, Addresses: int64(len(x.perClass[i].addrs)), Techniques: []string{}, Description: info.Description, Risk: info.Risk, Action: info.Action})
	}
	for i := range a.Classes {
		for _, c := range injection.Classes() {
			if c.Info().ID == a.Classes[i].Class {
				perClass[c] = &a.Classes[i]
			}
		}
	}
	a.Targets, a.Answered = []TargetRow{}, []TargetRow{}
	for _, row := range rows {
		for _, c := range row.classes.Split() {
			p := perClass[c]
			p.Answered += row.Answered
			switch row.Outcome {
			case outcomeUsual:
				p.AsUsual += row.Answered
			case outcomeDiffers, outcomeUnknown:
				p.Differs += row.Answered
			case outcomeLikely:
				p.Likely += row.Answered
			}
			for i, tech := range row.Techniques {
				if row.techClass[i] == c && !slices.Contains(p.Techniques, tech) && len(p.Techniques) < 8 {
					p.Techniques = append(p.Techniques, tech)
				}
			}
		}
		if row.Answered > 0 && len(a.Answered) < 200 {
			a.Answered = append(a.Answered, row.TargetRow)
		}
		if len(a.Targets) < 10*d.opts.Top {
			a.Targets = append(a.Targets, row.TargetRow)
		}
	}
	slices.SortStableFunc(a.Answered, func(p, q TargetRow) int {
		return cmp.Or(cmp.Compare(outcomeRank(p.Outcome), outcomeRank(q.Outcome)), cmp.Compare(q.Answered, p.Answered))
	})
	a.Dossiers = []Dossier{}
	for _, ip := range suspects {
		if len(x.stories[ip]) > 0 {
			a.Dossiers = append(a.Dossiers, d.dossier(ip, t, x))
		}
	}
	d.triage(r, t, x)
}

func outcomeRank(o string) int {
	return slices.Index([]string{outcomeLikely, outcomeDiffers, outcomeUnknown, outcomeUsual, outcomeRefused}, o)
}

// targetRow is a TargetRow with what the sums by class need.
type targetRow struct {
	TargetRow
	classes   injection.Class
	techClass []injection.Class
}

// targetRows gives every target with a verdict, most serious and most frequent
// first.
func (d *data) targetRows(x *details) []targetRow {
	byTarget := map[uint32][]uint16{}
	for k := range x.hits {
		byTarget[k.target] = append(byTarget[k.target], k.status)
	}
	catchAll, catchSure := d.catchAll(x)
	var rows []targetRow
	for _, target := range slices.Sorted(maps.Keys(byTarget)) {
		statuses := byTarget[target]
		slices.Sort(statuses)
		row := targetRow{classes: d.classes[target]}
		row.Target, row.Class, row.Size, row.Usual = words.Clip(d.targets[target], 400), d.classes[target].String(), -1, -1
		path, query, _ := strings.Cut(d.targets[target], "?")
		verdict := injection.Judge(path, query)
		row.Techniques = []string{}
		for _, f := range verdict.Findings {
			if f.Class&d.classes[target] == 0 {
				continue
			}
			text := f.Technique
			if f.Where != "path" && f.Where != "query" {
				text += " in " + words.Clip(f.Where, 40)
			}
			row.Techniques = append(row.Techniques, text)
			row.techClass = append(row.techClass, f.Class)
		}
		row.Decoded = words.Clip(injection.Decode(d.targets[target], true), 400)
		addrs := map[uint32]struct{}{}
		sizes := map[int64]int64{}
		var slowest float32
		for _, st := range statuses {
			h := x.hits[hitKey{target, st}]
			row.Requests += h.n
			row.Status = append(row.Status, Count{Name: fmt.Sprint(st), Count: h.n})
			maps.Copy(addrs, h.addrs)
			if st >= 200 && st < 300 {
				row.Answered += h.n
				slowest = max(slowest, h.slowest)
				for s, n := range h.sizes {
					sizes[s] += n
				}
			}
		}
		row.Addresses = int64(len(addrs))
		d.outcome(&row, target, sizes, slowest, x, catchAll, catchSure)
		if d.outcomes == nil {
			d.outcomes = map[uint32]string{}
		}
		d.outcomes[target] = row.Outcome
		rows = append(rows, row)
	}
	slices.SortStableFunc(rows, func(a, b targetRow) int {
		return cmp.Or(cmp.Compare(outcomeRank(a.Outcome), outcomeRank(b.Outcome)), cmp.Compare(payload(b.classes), payload(a.classes)), cmp.Compare(b.Requests, a.Requests))
	})
	return rows
}

func payload(c injection.Class) int {
	if c&injection.Attacks != 0 {
		return 1
	}
	return 0
}

// catchAll is the size with which a site answers whatever it does not know: the
// same for three probed paths or more.
func (d *data) catchAll(x *details) (int64, bool) {
	paths := map[int64]map[uint32]bool{}
	for k, h := range x.hits {
		if k.status < 200 || k.status > 299 || d.classes[k.target]&(injection.Secrets|injection.Scanner) == 0 {
			continue
		}
		for s := range h.sizes {
			if paths[s] == nil {
				paths[s] = map[uint32]bool{}
			}
			paths[s][d.pathOf[k.target]] = true
		}
	}
	best, n := int64(0), 0
	for _, s := range sortedKeys(paths) {
		if len(paths[s]) > n {
			best, n = s, len(paths[s])
		}
	}
	return best, n >= 3
}

// outcome tells an answer from a success. A 2xx alone is none: it is compared
// with what the same page usually weighs.
func (d *data) outcome(row *targetRow, target uint32, sizes map[int64]int64, slowest float32, x *details, catchAll int64, catchSure bool) {
	c := d.classes[target]
	if row.Answered == 0 {
		row.Outcome, row.Why = outcomeRefused, "never answered with 2xx"
		return
	}
	size, _, n, ok := middle(sizes)
	if ok {
		row.Size = size
	}
	usual, around, plain, has := middle(x.usual[d.pathOf[target]])
	has = has && plain >= 3
	if has {
		row.Usual, row.UsualOf = usual, fmt.Sprintf("%s ordinary answers of the path", words.Count(plain))
	} else if catchSure {
		row.Usual, row.UsualOf = catchAll, "what the site answers to unknown paths"
	}
	slack := max(3*around, usual/50, 16)
	echo := int64(len(d.targets[target]))
	switch {
	case c&injection.SQLi != 0 && slowest >= 4.5 && delays(row.Decoded):
		row.Outcome, row.Why = outcomeLikely, fmt.Sprintf("a payload that waits, and an answer after %s", words.Seconds(float64(slowest)))
	case !ok || size == 0:
		row.Outcome, row.Why = outcomeUsual, "answered without content"
	case has && size <= usual+slack && size >= usual-slack:
		row.Outcome, row.Why = outcomeUsual, fmt.Sprintf("%s, as the page usually is (%s)", words.Bytes(size), words.Bytes(usual))
	case has && c&injection.XSS != 0 && size > usual && size <= usual+4*echo+slack:
		row.Outcome, row.Why = outcomeDiffers, fmt.Sprintf("%s larger than usual, about the payload's length: the page may repeat it", words.Bytes(size-usual))
	case has && c&injection.Attacks != 0:
		row.Outcome, row.Why = outcomeDiffers, fmt.Sprintf("%s, while the page usually has %s", words.Bytes(size), words.Bytes(usual))
	case c&injection.APIDocs != 0 && c&^injection.APIDocs == 0:
		row.Outcome, row.Why = outcomeDiffers, "the documentation is served to anybody"
	case catchSure && size >= catchAll-catchAll/50-16 && size <= catchAll+catchAll/50+16:
		row.Outcome, row.Why = outcomeUsual, fmt.Sprintf("%s, as for any unknown path", words.Bytes(size))
	case c&injection.Secrets != 0 && n > 0:
		row.Outcome, row.Why = outcomeLikely, fmt.Sprintf("a file that should not be there was answered with %s", words.Bytes(size))
	default:
		row.Outcome, row.Why = outcomeUnknown, fmt.Sprintf("%s, and no ordinary answers of this path to compare", words.Bytes(size))
	}
}

// delays: the payload asks the database to wait.
func delays(decoded string) bool {
	low := strings.ToLower(decoded)
	return strings.Contains(low, "sleep") || strings.Contains(low, "waitfor") || strings.Contains(low, "benchmark(")
}

// dossier tells what one address did.
func (d *data) dossier(ip uint32, t *totals, x *details) Dossier {
	a := &t.addrs[ip]
	s := Dossier{Address: d.label[ip], Country: d.placeOf(ip), Group: d.groupOf(ip), Requests: a.n, Attempts: a.attacks, Classes: a.classes.String(), addr: ip, firstTime: a.first,
		First: d.timeName(a.first), Last: d.timeName(a.last)}
	s.Peak, s.PeakSec = x.fastest(ip)
	for _, g := range topOf(x.agentsOf[ip], 3) {
		s.Agents = append(s.Agents, words.OrNone(words.Clip(d.agents[g], 120)))
	}
	story := x.stories[ip]
	slices.SortFunc(story, func(a, b record) int {
		return cmp.Or(cmp.Compare(a.time, b.time), cmp.Compare(a.target, b.target), cmp.Compare(a.status, b.status), cmp.Compare(a.method, b.method), cmp.Compare(a.size, b.size), cmp.Compare(a.agent, b.agent))
	})
	s.phases(d, story)
	for i := 0; i < len(story); {
		j := i + 1
		for j < len(story) && story[j].target == story[i].target && story[j].status == story[i].status && story[j].method == story[i].method && story[j].time-story[j-1].time < 600 {
			j++
		}
		r := &story[i]
		s.Timeline = append(s.Timeline, Timeline{Time: d.timeName(int64(r.time)), Method: d.methods[min(int(r.method), len(d.methods)-1)], Target: words.Clip(injection.Decode(d.targets[r.target], true), 200), Status: int(r.status), Count: int64(j - i), Size: r.size, Class: d.verdict(r).String()})
		i = j
	}
	// Of a long story: its beginning, and what carries a payload.
	if len(s.Timeline) > 60 {
		kept := s.Timeline[:15:15]
		for _, e := range s.Timeline[15:] {
			if e.Class != "" && len(kept) < 60 {
				kept = append(kept, e)
			}
		}
		s.Omitted = len(s.Timeline) - len(kept)
		s.Timeline = kept
	}
	return s
}

// phases are the parts of a story: looking around, probing, attacking.
func (s *Dossier) phases(d *data, story []record) {
	kind := func(r *record) string {
		switch c := d.verdict(r); {
		case c&injection.Attacks != 0:
			return "attack"
		case c != 0:
			return "probing"
		}
		return "looking around"
	}
	for i := range story {
		k := kind(&story[i])
		if n := len(s.Phases); n == 0 || s.Phases[n-1].Name != k {
			if n >= 12 {
				s.Phases[n-1].To = d.timeName(int64(story[i].time))
				s.Phases[n-1].Requests++
				s.Phases[n-1].Name = "and so on"
				continue
			}
			s.Phases = append(s.Phases, Phase{Name: k, From: d.timeName(int64(story[i].time))})
		}
		p := &s.Phases[len(s.Phases)-1]
		p.To = d.timeName(int64(story[i].time))
		p.Requests++
	}
}

// fastest is the most requests of an address in a minute and in a second; 0
// where they were not counted.
func (x *details) fastest(ip uint32) (minute, second int64) {
	for k, n := range x.minute {
		if k.addr == ip {
			minute = max(minute, int64(n))
		}
	}
	for k, n := range x.second {
		if k.addr == ip {
			second = max(second, int64(n))
		}
	}
	return minute, second
}

func (d *data) timeName(t int64) string {
	return time.Unix(t, 0).In(d.opts.Location).Format(time.DateTime)
}
