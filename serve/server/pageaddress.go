package server

import (
	"cmp"
	"math"
	"net/netip"
	"slices"
	"strconv"
	"time"

	"sluice/featurestore/columns"
	"sluice/featurestore/fault"
	pb "sluice/proto/sluice/v1"
	"sluice/serve/feed"
	"sluice/serve/page"
)

// address is the page of one address.
func (v *viewer) address(text string) (any, error) {
	ip, err := parseIP("q", text)
	if err != nil {
		return nil, err
	}
	a := &page.Address{Frame: v.frame(v.show(ip)), Address: v.show(ip), Verdict: page.Unknown}
	if !v.masked {
		a.Query = ip.String()
	}
	name := ipsPrefix + ip.String()
	score, err := v.s.service.GetIpScore(v.ctx, &pb.GetIpScoreRequest{Name: name})
	switch {
	case fault.Is(err, fault.NotFound):
		score = &pb.IpScore{}
	case err != nil:
		return nil, err
	}
	a.Known = score.GetModelVersion() != ""
	v.decide(a, score)
	if a.Known {
		a.Confidence, a.Model = score.GetConfidence(), score.GetModelVersion()
		a.AsOf, a.Expires = score.GetAsOf().AsTime(), score.GetExpireTime().AsTime()
		a.Expired = !time.Now().Before(a.Expires)
		a.Reasons = reasons(score.GetReasons())
		v.windows(a, score, name)
	}
	if a.History, err = v.history(ip); err != nil {
		return nil, err
	}
	a.Near = v.near(ip)
	return a, nil
}

// decide fills in what holds for the address.
func (v *viewer) decide(a *page.Address, score *pb.IpScore) {
	d := score.GetDecision()
	if !a.Known && d == nil {
		return
	}
	a.Verdict = pageVerdict(score.GetVerdict())
	a.Decision = page.Decision{
		Scored: pageVerdict(d.GetScored()), Shared: d.GetShared(), Appeal: d.GetAppeal(),
		Listed: score.GetVerdict() == pb.Verdict_VERDICT_ABUSIVE,
	}
	switch d.GetSource() {
	case pb.DecisionSource_DECISION_SOURCE_OVERRIDE:
		a.Decision.By = "an override"
	case pb.DecisionSource_DECISION_SOURCE_CRAWLER:
		a.Decision.By = "the range of a crawler"
	case pb.DecisionSource_DECISION_SOURCE_MODEL:
		a.Decision.By = "the model"
	}
	if !v.masked { // what people write may name addresses
		a.Decision.Reason, a.Decision.Author = d.GetReason(), d.GetAuthor()
	}
	if t := d.GetSinceTime(); t != nil {
		a.Decision.Since = t.AsTime()
	}
	if t := d.GetUntilTime(); t != nil {
		a.Decision.Until = t.AsTime()
	}
	if c := d.GetCrawler(); c != nil {
		switch {
		case c.GetVerified():
			a.Decision.Crawler = c.GetCrawler() + ", verified"
		case c.GetClaimed():
			a.Decision.Crawler = "it only says that it is " + cmp.Or(c.GetCrawler(), "a crawler")
		}
	}
}

// windows fills in the windows, explained from the store where that is there,
// the one that speaks most for abuse first.
func (v *viewer) windows(a *page.Address, score *pb.IpScore, name string) {
	explained, err := v.s.service.ExplainIp(v.ctx, &pb.ExplainIpRequest{Name: name})
	switch {
	case err == nil:
	case v.ctx.Err() != nil:
		a.WhyNot = "Reading the feature store took too long; the reasons are the strongest ones, as the feed keeps them."
	case fault.Is(err, fault.NotFound), fault.Is(err, fault.Conflict), fault.Is(err, fault.Unavailable):
		a.WhyNot = "The feature store no longer holds these rows, or no model that scored them is there; the reasons are the strongest ones, as the feed keeps them, and requests by hour are not known."
	default:
		v.s.logged("page", err)
		a.WhyNot = "The rows behind this score can’t be read; the reasons are the strongest ones, as the feed keeps them."
	}
	for _, w := range score.GetWindows() {
		a.Windows = append(a.Windows, window(w))
	}
	if err == nil {
		for i, e := range explained.GetWindows() {
			w := window(e.GetWindow())
			w.Explained, w.Base, w.Margin, w.Probability = true, e.GetBaseValue(), e.GetMargin(), e.GetRawProbability()
			w.Reasons = reasons(e.GetContributions())
			for _, h := range e.GetHourlyRequests() {
				w.Hours = append(w.Hours, page.Hour{Start: h.GetStartTime().AsTime(), Requests: int(h.GetRequestCount())})
			}
			if i < len(a.Windows) {
				a.Windows[i] = w
			}
		}
	}
	slices.SortStableFunc(a.Windows, func(x, y page.Window) int { return cmp.Compare(y.Confidence, x.Confidence) })
}

func window(w *pb.Window) page.Window {
	return page.Window{Attack: w.GetAttack(), Start: w.GetStartTime().AsTime(), End: w.GetEndTime().AsTime(), Confidence: w.GetConfidence()}
}

// reasons are contributions, the greatest first.
func reasons(from []*pb.Reason) []page.Reason {
	out := make([]page.Reason, len(from))
	for i, r := range from {
		c, _ := columns.ByName(r.GetFeature())
		out[i] = page.Reason{Feature: r.GetFeature(), Description: c.Doc, Value: valueText(r), Contribution: r.GetContribution()}
	}
	slices.SortStableFunc(out, func(x, y page.Reason) int {
		return cmp.Compare(math.Abs(y.Contribution), math.Abs(x.Contribution))
	})
	return out
}

// valueText is a feature's value with its unit.
func valueText(r *pb.Reason) string {
	if r.Value == nil {
		return "not known"
	}
	c, _ := columns.ByName(r.GetFeature())
	v := r.GetValue()
	switch {
	case c.Type == columns.Ratio:
		return strconv.FormatFloat(100*v, 'f', 1, 64) + "\u00a0%"
	case c.Unit == "bytes":
		return byteText(v)
	case v == math.Trunc(v) && math.Abs(v) < 1e15:
		return strconv.FormatFloat(v, 'f', 0, 64)
	}
	return strconv.FormatFloat(v, 'g', 4, 64)
}

func byteText(v float64) string {
	for _, unit := range []string{"B", "kB", "MB", "GB"} {
		if v < 1000 || unit == "GB" {
			if unit == "B" {
				return strconv.FormatFloat(v, 'f', 0, 64) + "\u00a0B"
			}
			return strconv.FormatFloat(v, 'f', 1, 64) + "\u00a0" + unit
		}
		v /= 1000
	}
	return ""
}

// history is what the last feed of each month said of an address, the newest
// first.
func (v *viewer) history(ip netip.Addr) ([]page.Month, error) {
	all, err := v.s.history.months()
	if err != nil {
		return nil, err
	}
	var out []page.Month
	var line feed.Line
	for _, m := range all {
		l, err := v.s.history.feed(v.ctx, m.month, all)
		if err != nil {
			continue // that month can't be read; the others can
		}
		found, err := l.Lookup(ip, &line)
		l.release()
		if err != nil {
			return nil, err
		}
		p := page.Month{Month: m.month, Date: string(m.date), Known: found}
		if found {
			p.Confidence, p.Verdict, p.Model = line.Confidence, pageVerdict(pbVerdict(policyVerdict(line.Verdict))), newestVersion(line.ModelVersion)
		}
		out = append(out, p)
	}
	return out, nil
}

// near is the network around an address.
func (v *viewer) near(ip netip.Addr) *page.Near {
	bits := widestPrefix4
	if ip.Is6() {
		bits = 64
	}
	p, err := ip.Prefix(bits)
	if err != nil {
		return nil
	}
	a, err := v.s.service.GetPrefixScores(v.ctx, &pb.GetPrefixScoresRequest{Prefix: p.String(), PageSize: 1})
	if err != nil {
		return nil
	}
	return &page.Near{
		Prefix: p.String(), Link: "/?q=" + p.String(), // no narrower than a masked address
		Members: int(a.GetRollUp().GetMemberCount()), Abusive: int(a.GetRollUp().GetAbusiveCount()),
	}
}

func pageVerdict(v pb.Verdict) page.Verdict {
	switch v {
	case pb.Verdict_VERDICT_ABUSIVE:
		return page.Abusive
	case pb.Verdict_VERDICT_NOT_ABUSIVE:
		return page.NotAbusive
	case pb.Verdict_VERDICT_ABSTAIN:
		return page.Undecided
	}
	return page.Unknown
}

func decidedShort(s pb.DecisionSource) string {
	switch s {
	case pb.DecisionSource_DECISION_SOURCE_OVERRIDE:
		return "override"
	case pb.DecisionSource_DECISION_SOURCE_CRAWLER:
		return "crawler"
	}
	return ""
}
