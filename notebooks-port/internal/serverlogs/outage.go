package serverlogs

import (
	"fmt"
	"math"
	"slices"

	"sluice/notebooks-port/internal/words"
)

// The signs of an outage.
const (
	signEmpty   = "empty responses"
	signSilence = "silence"
	signErrors  = "5xx errors"
	signAborted = "clients giving up (499)"
	signBad     = "malformed requests (400, 422)"
	signTraffic = "traffic burst"
)

// series is the minutes with requests, in order.
type series struct {
	at []int64 // UTC minutes
	m  []*minute
}

func (t *totals) series() series {
	var s series
	for _, day := range sortedKeys(t.minutes) {
		for i := range t.minutes[day] {
			if m := &t.minutes[day][i]; m.n > 0 {
				s.at = append(s.at, day*1440+int64(i))
				s.m = append(s.m, m)
			}
		}
	}
	return s
}

// between are the indexes of the minutes in [from, to).
func (s series) between(from, to int64) (int, int) {
	a, _ := slices.BinarySearch(s.at, from)
	b, _ := slices.BinarySearch(s.at, to)
	return a, b
}

func (s series) sum(from, to int64, f func(*minute) uint32) (n int64) {
	a, b := s.between(from, to)
	for i := a; i < b; i++ {
		n += int64(f(s.m[i]))
	}
	return n
}

// chance is the probability below which a run is no accident.
const chance = 1e-9

// emptyRuns finds runs of minutes in which every response that should have a
// body is empty. A run counts if it lasts five minutes, and if as many empty
// responses in a row would come by accident less than once in a thousand
// million times at the site's usual share of empty ones: the median over its
// hours.
func (t *totals) emptyRuns(s series) []Sign {
	var shares []float64
	for _, h := range t.hours {
		if h.sized >= 5 {
			shares = append(shares, float64(h.empty)/float64(h.sized))
		}
	}
	usual := 0.02
	if len(shares) > 0 {
		usual = min(max(median(shares), 0.02), 0.98)
	}
	var out []Sign
	start, end, n := -1, -1, int64(0)
	flush := func() {
		if start >= 0 && s.at[end]-s.at[start] >= 5 && float64(n)*math.Log(usual) < math.Log(chance) {
			out = append(out, Sign{Kind: signEmpty, from: s.at[start], to: s.at[end], Count: n,
				Text: fmt.Sprintf("%s responses in a row without a byte; usually %s are empty", words.Count(n), words.Percent(usual))})
		}
		start, n = -1, 0
	}
	for i, m := range s.m {
		switch {
		case m.sized == 0:
		case m.empty == m.sized:
			if start >= 0 && s.at[i]-s.at[end] > 12*60 {
				flush()
			}
			if start < 0 {
				start = i
			}
			end = i
			n += int64(m.sized)
		default:
			flush()
		}
	}
	flush()
	return out
}

// silences finds gaps without any request where, at the pace of the same hours
// of other weeks, at least thirty were due, and that are three times as long
// as the longest gap of an ordinary day.
func (d *data) silences(t *totals, s series, rate func(minute int64) float64) []Sign {
	longest := map[int64]int64{}
	type gap struct{ from, to int64 }
	var gaps []gap
	for i := 1; i < len(s.at); i++ {
		g := s.at[i] - s.at[i-1] - 1
		if g < 1 {
			continue
		}
		day := s.at[i-1] / 1440
		longest[day] = max(longest[day], g)
		if g >= 5 {
			gaps = append(gaps, gap{s.at[i-1] + 1, s.at[i] - 1})
		}
	}
	var usual []float64
	for day := range t.minutes {
		usual = append(usual, float64(longest[day]))
	}
	ordinary := median(usual)
	var out []Sign
	for _, g := range gaps {
		due := 0.0
		for m := g.from; m <= g.to && due < 1e6; m++ {
			due += rate(m)
		}
		if due >= 30 && float64(g.to-g.from+1) >= 3*ordinary {
			out = append(out, Sign{Kind: signSilence, from: g.from, to: g.to,
				Text: fmt.Sprintf("no request for %s; about %s were due", words.Minutes(g.to-g.from+1), words.Count(int64(due)))})
		}
	}
	return out
}

// bursts finds stretches in which errors come together: minutes with some, at
// most a quarter of an hour apart, at least least of them, half of all
// requests in those minutes or, for a stretch of two hundred and more, a
// quarter.
func (s series) bursts(kind string, least int64, of func(*minute) uint32) []Sign {
	var out []Sign
	start, end := -1, -1
	var n, all int64
	flush := func() {
		if start >= 0 && n >= least && (2*n >= all || n >= 200 && 4*n >= all) {
			out = append(out, Sign{Kind: kind, from: s.at[start], to: s.at[end], Count: n, Text: fmt.Sprintf("%s of %s requests in those minutes", words.Count(n), words.Count(all))})
		}
		start, n, all = -1, 0, 0
	}
	for i, m := range s.m {
		e := int64(of(m))
		if e == 0 {
			continue
		}
		if start >= 0 && s.at[i]-s.at[end] > 15 {
			flush()
		}
		if start < 0 {
			start = i
		}
		end = i
		n += e
		all += int64(m.n)
	}
	flush()
	return out
}

// leastErrors is how many server errors make a burst.
const leastErrors = 15

// joined is how far apart two signs of one incident may lie, in minutes.
const joined = 6 * 60

// incidents puts the signs of outages that lie near each other together.
func (d *data) incidents(t *totals, s series, rate func(int64) float64) []Incident {
	var signs []Sign
	if t.sized > 0 {
		signs = t.emptyRuns(s)
	}
	signs = append(signs, d.silences(t, s, rate)...)
	signs = append(signs, s.bursts(signErrors, leastErrors, func(m *minute) uint32 { return m.e5 })...)
	slices.SortStableFunc(signs, func(a, b Sign) int { return int(a.from - b.from) })
	out := []Incident{}
	for _, g := range signs {
		last := len(out) - 1
		if last < 0 || g.from > out[last].to+joined {
			out = append(out, Incident{from: g.from, to: g.to, Errors: []ErrorRow{}, Codes: []Count{}, Before: Before{Addresses: []Count{}}})
			last++
		}
		in := &out[last]
		in.to = max(in.to, g.to)
		in.Signs = append(in.Signs, g)
	}
	for i := range out {
		d.order(&out[i], s, rate)
	}
	return out
}

// before is how many hours in front of an incident are looked at.
const before = 3

// order finds when each kind of sign began, and which came first.
func (d *data) order(in *Incident, s series, rate func(int64) float64) {
	var all []Sign
	for _, g := range in.Signs {
		if i := slices.IndexFunc(all, func(o Sign) bool { return o.Kind == g.Kind }); i >= 0 {
			all[i].to = max(all[i].to, g.to)
			all[i].Count += g.Count
		} else {
			all = append(all, g)
		}
	}
	for _, k := range []struct {
		kind string
		of   func(*minute) uint32
	}{{signErrors, func(m *minute) uint32 { return m.e5 }}, {signAborted, func(m *minute) uint32 { return m.e499 }}, {signBad, func(m *minute) uint32 { return m.e4 }}} {
		if from, n, to := s.firstErrors(in.from-before*60, in.to+joined, k.of); n > 0 {
			if i := slices.IndexFunc(all, func(o Sign) bool { return o.Kind == k.kind }); i >= 0 {
				all[i].from, all[i].to, all[i].Count = min(all[i].from, from), max(all[i].to, to), max(n, all[i].Count)
				continue
			}
			all = append(all, Sign{Kind: k.kind, from: from, to: to, Count: n})
		}
	}
	if from, to, n, ratio := s.burst(in.from-before*60, in.from, rate); n > 0 {
		all = append(all, Sign{Kind: signTraffic, from: from, to: to, Count: n, Text: fmt.Sprintf("%s requests, %.1f times the usual pace", words.Count(n), ratio)})
	}
	slices.SortStableFunc(all, func(a, b Sign) int { return int(a.from - b.from) })
	in.Order = all
	for i := range all {
		all[i].Lead = all[i].from - all[0].from
		all[i].From, all[i].To = d.minuteName(all[i].from), d.minuteName(all[i].to)
	}
	for i := range in.Signs {
		in.Signs[i].From, in.Signs[i].To = d.minuteName(in.Signs[i].from), d.minuteName(in.Signs[i].to)
	}
	in.Onset, in.End, in.Minutes = d.minuteName(in.from), d.minuteName(in.to), in.to-in.from+1
	in.Name = "Outage of " + in.Onset
	in.First = firstSentence(all, in.from)
}

// firstErrors is where errors begin in [from, to]: the first minute from which
// five fall within half an hour.
func (s series) firstErrors(from, to int64, of func(*minute) uint32) (at, n, last int64) {
	a, b := s.between(from, to+1)
	for i := a; i < b; i++ {
		if of(s.m[i]) == 0 {
			continue
		}
		var sum int64
		for j := i; j < b && s.at[j] < s.at[i]+30; j++ {
			sum += int64(of(s.m[j]))
		}
		if sum >= 5 {
			var total int64
			for j := i; j < b; j++ {
				if e := of(s.m[j]); e > 0 {
					total += int64(e)
					last = s.at[j]
				}
			}
			return s.at[i], total, last
		}
	}
	return 0, 0, 0
}

// burst is where in [from, to) the requests of ten minutes first exceed three
// times the usual pace, and twenty.
func (s series) burst(from, to int64, rate func(int64) float64) (start, end, n int64, ratio float64) {
	for m := from; m+10 <= to; m++ {
		got := s.sum(m, m+10, func(m *minute) uint32 { return m.n })
		due := max(10*rate(m), 1)
		if got < 20 || float64(got) < 3*due {
			continue
		}
		a, _ := s.between(m, m+10)
		start = s.at[a]
		got = s.sum(start, to, func(m *minute) uint32 { return m.n })
		var expected float64
		for k := start; k < to; k++ {
			expected += rate(k)
		}
		return start, to - 1, got, float64(got) / max(expected, 1)
	}
	return 0, 0, 0, 0
}

// firstSentence says which came first.
func firstSentence(all []Sign, onset int64) string {
	find := func(kinds ...string) *Sign {
		for i := range all {
			if slices.Contains(kinds, all[i].Kind) {
				return &all[i]
			}
		}
		return nil
	}
	down, errs, traffic := find(signEmpty, signSilence), find(signErrors, signAborted, signBad), find(signTraffic)
	text := ""
	switch {
	case down != nil && errs != nil && down.from < errs.from:
		text = fmt.Sprintf("The site was already down (%s) %s before the first errors (%s): the errors followed the outage and did not cause it.", down.Kind, words.Minutes(errs.from-down.from), errs.Kind)
	case down != nil && errs != nil && errs.from < down.from:
		text = fmt.Sprintf("Errors (%s) came first, %s before the site went down (%s).", errs.Kind, words.Minutes(down.from-errs.from), down.Kind)
	case down != nil && errs != nil:
		text = fmt.Sprintf("Errors (%s) and the outage (%s) began in the same minute.", errs.Kind, down.Kind)
	case down != nil:
		text = fmt.Sprintf("The site went down (%s) without errors around it.", down.Kind)
	case errs != nil:
		text = fmt.Sprintf("Only errors were seen (%s); the site went on answering.", errs.Kind)
	}
	if traffic != nil && traffic.from < onset {
		text += fmt.Sprintf(" Traffic had risen %s earlier.", words.Minutes(onset-traffic.from))
	}
	return text
}
