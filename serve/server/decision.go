package server

import (
	"context"
	"net/netip"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	pb "sluice/proto/sluice/v1"
	"sluice/serve/feed"
	"sluice/serve/policy"
)

// decisionParts holds what a Decision points to.
type decisionParts struct {
	decision     pb.Decision
	crawler      pb.CrawlerCheck
	since, until timestamppb.Timestamp
}

// fill makes p the decision d, with how an address was checked for a crawler.
func (p *decisionParts) fill(d *policy.Decision, check *policy.Verification, appeal string) *pb.Decision {
	m := &p.decision
	m.Verdict, m.Scored, m.Source = pbVerdict(d.Verdict), pbVerdict(d.Scored), pbSource(d.Source)
	m.Reason, m.Author, m.Shared = d.Reason, d.Author, d.Shared
	if d.Verdict == policy.Abusive {
		m.Appeal = appeal
	}
	m.SinceTime, m.UntilTime = fillTime(&p.since, d.Since), fillTime(&p.until, d.Until)
	if check.Claimed || check.Crawler != "" {
		c := &p.crawler
		c.Crawler, c.Claimed, c.Verified, c.Reason = check.Crawler, check.Claimed, check.Verified, check.Reason
		m.Crawler = c
	}
	return m
}

// fillTime makes p the time t, or gives nil where there is none.
func fillTime(p *timestamppb.Timestamp, t time.Time) *timestamppb.Timestamp {
	if t.IsZero() {
		return nil
	}
	p.Seconds, p.Nanos = t.Unix(), int32(t.Nanosecond())
	return p
}

// protect lets a verified crawler pass, unless a person said otherwise.
func protect(d *policy.Decision, check *policy.Verification) {
	if !check.Verified || d.Source == policy.FromOverride || d.Source == policy.FromCrawler {
		return
	}
	d.Verdict, d.Source, d.Reason = policy.NotAbusive, policy.FromCrawler, "a verified crawler, "+check.Crawler+": "+check.Reason
	d.Since, d.Until = time.Time{}, time.Time{}
}

// score is a feed's line, and what holds for it, as the API gives them.
func (r *ruling) score(l *feed.Line, check policy.Verification) *pb.IpScore {
	d := r.decide(l)
	return r.settled(l, &d, check)
}

// check asks for the crawler that a user agent names, or in whose range an
// address is.
func (r *ruling) check(ctx context.Context, ip netip.Addr, agent string) policy.Verification {
	switch {
	case agent == "" && len(r.policy.Rules().Crawlers) == 0:
		return policy.Verification{}
	case agent != "" && r.resolver != nil:
		var cancel func()
		ctx, cancel = context.WithTimeout(ctx, verifyWithin)
		defer cancel()
	}
	return r.verify(ctx, ip, agent)
}

// settled is a line and what was decided about it as the API gives them.
func (r *ruling) settled(l *feed.Line, d *policy.Decision, check policy.Verification) *pb.IpScore {
	protect(d, &check)
	r.claimed(l, &check)
	s, p := ipScore(l)
	s.Expired = l.Expired(r.now)
	s.Verdict = pbVerdict(d.Verdict)
	s.Decision = p.fill(d, &check, r.appeal)
	return s
}

// spoken is the answer for an address that the feed does not hold, or nil where
// nothing is known of it.
func (r *ruling) spoken(ip netip.Addr, check policy.Verification) *pb.IpScore {
	d, said := r.unscored(ip)
	if !said && !check.Claimed {
		return nil
	}
	protect(&d, &check)
	p := &scoreParts{}
	s := &p.score
	s.Name = ipsPrefix + ip.String()
	s.Ip, s.Verdict = s.Name[len(ipsPrefix):], pbVerdict(d.Verdict)
	s.Decision = p.fill(&d, &check, r.appeal)
	return s
}

func policyVerdict(v feed.Verdict) policy.Verdict {
	switch v {
	case feed.Abusive:
		return policy.Abusive
	case feed.NotAbusive:
		return policy.NotAbusive
	}
	return policy.Abstain
}

func feedVerdict(v policy.Verdict) feed.Verdict {
	switch v {
	case policy.Abusive:
		return feed.Abusive
	case policy.NotAbusive:
		return feed.NotAbusive
	}
	return feed.Abstain
}

func pbVerdict(v policy.Verdict) pb.Verdict {
	switch v {
	case policy.Abusive:
		return pb.Verdict_VERDICT_ABUSIVE
	case policy.NotAbusive:
		return pb.Verdict_VERDICT_NOT_ABUSIVE
	case policy.Abstain:
		return pb.Verdict_VERDICT_ABSTAIN
	}
	return pb.Verdict_VERDICT_UNSPECIFIED
}

func pbSource(s policy.Source) pb.DecisionSource {
	switch s {
	case policy.FromModel:
		return pb.DecisionSource_DECISION_SOURCE_MODEL
	case policy.FromOverride:
		return pb.DecisionSource_DECISION_SOURCE_OVERRIDE
	case policy.FromCrawler:
		return pb.DecisionSource_DECISION_SOURCE_CRAWLER
	}
	return pb.DecisionSource_DECISION_SOURCE_UNSPECIFIED
}
