package serverlogs

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"sluice/notebooks-port/internal/words"
)

// causes weighs the possible causes of an incident. Each line of evidence is a
// point for or against; a cause is supported from two points on, possible from
// one, else unlikely.
func (d *data) causes(in *Incident) []Cause {
	b := &in.Before
	sign := func(kind string) *Sign {
		for i := range in.Order {
			if in.Order[i].Kind == kind {
				return &in.Order[i]
			}
		}
		return nil
	}
	down := sign(signEmpty)
	if s := sign(signSilence); down == nil || s != nil && s.from < down.from {
		if s != nil {
			down = s
		}
	}
	errs, aborted, bad := sign(signErrors), sign(signAborted), sign(signBad)
	high := b.Ratio >= 2 && b.Requests >= 50
	burst := b.NormalPeak > 0 && float64(b.PeakMinute) >= 3*b.NormalPeak && b.PeakMinute >= 20
	slow := b.HasLatency && b.LatencyRise >= 1.5
	few := b.TopShare >= 0.5 && b.Requests >= 50
	traffic := fmt.Sprintf("%s requests in the %d hours before, %s on normal days (%.1f times)", words.Count(b.Requests), b.Hours, words.Count(b.Normal), b.Ratio)
	peak := fmt.Sprintf("up to %s a minute before, %s on normal days", words.Plural(b.PeakMinute, "request", "requests"), words.Count(b.NormalPeak))

	overload := Cause{Name: "Overload: more requests than the server's CPU, memory or disk can take"}
	overload.note(high, 2, traffic, "traffic before was ordinary: "+traffic)
	overload.note(burst, 1, peak, "no burst: "+peak)
	if b.HasLatency {
		rise := fmt.Sprintf("response times: median %s before, %s normally (95 in 100 within %s, normally %s)", words.Seconds(b.Median), words.Seconds(b.NormalMed), words.Seconds(b.P95), words.Seconds(b.NormalP95))
		overload.note(slow, 1, "higher "+rise, "no higher "+rise)
	}
	if high && few {
		overload.For = append(overload.For, fmt.Sprintf("%s of these requests came from three addresses", words.Percent(b.TopShare)))
	}
	if high && b.OwnShare >= 0.3 {
		overload.For = append(overload.For, fmt.Sprintf("%s came from the groups of own or partner addresses: the load is home-made", words.Percent(b.OwnShare)))
		overload.score++
	}

	backend := Cause{Name: "Backend failure: the service behind the proxy is down"}
	if errs != nil {
		gateway := int64(0)
		for _, c := range in.Codes {
			if c.Name == "502" || c.Name == "503" || c.Name == "504" {
				gateway += c.Count
			}
		}
		backend.note(gateway > 0, 2, fmt.Sprintf("%s answers of 502, 503 or 504: the proxy ran, and what it asks did not", words.Count(gateway)), "5xx answers came from the application itself, not from the proxy")
		if down != nil {
			backend.note(errs.from <= down.from, 1, "the 5xx errors began no later than the outage", fmt.Sprintf("the 5xx errors began %s after the outage: they may be its result", words.Minutes(errs.from-down.from)))
		}
	} else {
		backend.note(false, 2, "", "no burst of 5xx answers")
	}

	infra := Cause{Name: "Infrastructure: network, machine or a change of its configuration"}
	if down != nil {
		quiet := errs == nil || errs.from > down.from
		infra.note(quiet, 1, "responses stopped without errors before it", "errors came before the outage")
		infra.note(down.Kind == signSilence, 1, "no request reached the log at all", "requests went on being logged, so the front end ran")
		infra.note(!high, 1, "traffic before was ordinary", "traffic before was high")
	} else {
		infra.note(false, 1, "", "the site went on answering")
	}

	flood := Cause{Name: "Attack: a flood from many addresses"}
	flood.note(high, 1, traffic, "traffic before was ordinary")
	flood.note(high && !few && b.OwnShare < 0.3, 1, fmt.Sprintf("the load was spread over %s addresses", words.Count(b.Distinct)), fmt.Sprintf("three addresses sent %s of the requests: no distributed flood", words.Percent(b.TopShare)))
	flood.note(b.NewShare >= 0.5 && b.Requests >= 50, 1, fmt.Sprintf("%s of the requests came from addresses never seen before", words.Percent(b.NewShare)), fmt.Sprintf("only %s of the requests came from addresses not seen before", words.Percent(b.NewShare)))
	if b.OwnShare >= 0.3 {
		flood.note(false, 1, "", fmt.Sprintf("%s of the requests came from own or partner addresses", words.Percent(b.OwnShare)))
	}

	client := Cause{Name: "Clients giving up: their time limit is shorter than the answer takes"}
	if aborted != nil {
		client.note(true, 1, fmt.Sprintf("%s requests ended by the client (499)", words.Count(aborted.Count)), "")
		if b.HasLatency {
			client.note(slow, 1, "response times rose before", "response times did not rise before")
		}
		if down != nil {
			client.note(aborted.from <= down.from, 1, "clients gave up before the outage", "clients gave up after the outage had begun: a result of it")
		}
	} else {
		client.note(false, 1, "", "no run of 499")
	}

	malformed := Cause{Name: "Malformed requests or a misconfigured client"}
	if bad != nil {
		malformed.note(bad.Count >= 50, 1, fmt.Sprintf("%s answers of 400 or 422", words.Count(bad.Count)), fmt.Sprintf("only %s answers of 400 or 422", words.Count(bad.Count)))
		if down != nil {
			malformed.note(bad.from < down.from, 1, "they came before the outage", "they came after the outage had begun")
		}
	} else {
		malformed.note(false, 1, "", "no run of 400 or 422")
	}
	out := []Cause{overload, backend, infra, flood, client, malformed}
	for i := range out {
		switch c := &out[i]; {
		case c.score >= 2:
			c.Verdict = "supported"
		case c.score == 1:
			c.Verdict = "possible"
		default:
			c.Verdict = "unlikely"
		}
	}
	slices.SortStableFunc(out, func(a, b Cause) int { return b.score - a.score })
	return out
}

func (c *Cause) note(holds bool, points int, yes, no string) {
	switch {
	case holds:
		c.score += points
		c.For = append(c.For, yes)
	default:
		c.score--
		c.Against = append(c.Against, no)
	}
}

// fill computes what stands in front of an incident.
func (d *data) fill(in *Incident, w *window, s series, x *details) {
	b := &in.Before
	b.Hours = int((w.to - w.from) / 60)
	all := func(m *minute) uint32 { return m.n }
	b.Requests = s.sum(w.from, w.to, all)
	b.Failed = w.failed
	peakOf := func(from, to int64) (n int64) {
		i, j := s.between(from, to)
		for ; i < j; i++ {
			n = max(n, int64(s.m[i].n))
		}
		return n
	}
	b.PeakMinute = peakOf(w.from, w.to)
	var sums, peaks []float64
	for _, p := range w.peers {
		sums = append(sums, float64(s.sum(p, p+w.to-w.from, all)))
		peaks = append(peaks, float64(peakOf(p, p+w.to-w.from)))
	}
	b.NormalDays = len(sums)
	if len(sums) > 0 {
		b.Normal, b.NormalPeak = median(sums), median(peaks)
		b.Ratio = math.Round(float64(b.Requests)/max(b.Normal, 1)*100) / 100
	}
	b.Distinct = int64(len(w.addrs))
	var top3, own, total int64
	for ip, n := range w.addrs {
		total += n
		if d.group[ip] > 0 {
			own += n
		}
	}
	for i, ip := range topOf(w.addrs, d.opts.Top) {
		n := w.addrs[ip]
		if i < 3 {
			top3 += n
		}
		c := Count{Name: d.label[ip], Count: n, Share: words.Ratio(n, total), Group: d.groupOf(ip), Country: d.placeOf(ip)}
		b.Addresses = append(b.Addresses, c)
	}
	b.TopShare, b.OwnShare, b.NewShare = words.Ratio(top3, total), words.Ratio(own, total), words.Ratio(w.fresh, total)
	if w.now.n >= 10 && w.then.n >= 10 {
		b.HasLatency = true
		b.Median, b.P95, b.NormalMed, b.NormalP95 = w.now.at(.5), w.now.at(.95), w.then.at(.5), w.then.at(.95)
		b.LatencyRise = math.Round(b.Median/max(b.NormalMed, 1e-6)*100) / 100
	}
	codes := map[uint16]int64{}
	for _, k := range sortedCells(x.errors) {
		if !w.rows[k.hour] {
			continue
		}
		e := x.errors[k]
		codes[k.status] += e.n
		row := ErrorRow{Date: dayName(k.hour / 24), Hour: int(k.hour % 24), Status: int(k.status), Count: e.n}
		if p := topOf(e.paths, 1); len(p) > 0 {
			row.Endpoint = words.Clip(d.paths[p[0]], 120)
		}
		for _, ip := range topOf(e.addrs, 3) {
			row.Addresses = append(row.Addresses, d.label[ip])
		}
		in.Errors = append(in.Errors, row)
	}
	for _, c := range topOf(codes, 8) {
		in.Codes = append(in.Codes, Count{Name: fmt.Sprint(c), Count: codes[c], Note: statusMeaning[int(c)]})
	}
	in.Causes = d.causes(in)
	for i := range in.Order {
		g := &in.Order[i]
		if g.Text == "" {
			g.Text = strings.TrimSpace(words.Count(g.Count) + " requests")
		}
	}
}

func sortedCells(m map[cell]*errorCell) []cell {
	out := make([]cell, 0, len(m))
	for k := range m {
		out = append(out, k)
	}
	slices.SortFunc(out, func(a, b cell) int {
		if a.hour != b.hour {
			return int(a.hour - b.hour)
		}
		return int(a.status) - int(b.status)
	})
	return out
}
