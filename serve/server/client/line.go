package client

import (
	"math"
	"net/netip"

	"sluice/featurestore/fault"
	pb "sluice/proto/sluice/v1"
	"sluice/serve/feed"
)

// Line is an IpScore as a line of a feed. Errors: Invalid.
func Line(s *pb.IpScore) (feed.Line, error) {
	ip, err := netip.ParseAddr(s.GetIp())
	if err != nil {
		return feed.Line{}, fault.Field(fault.Invalid, "ip", "ip is no address")
	}
	l := feed.Line{
		IP: ip, Confidence: s.GetConfidence(), ModelVersion: s.GetModelVersion(),
		AsOf: s.GetAsOf().AsTime(), ExpiresAt: s.GetExpireTime().AsTime(),
	}
	// The feed's line holds what the model said, whatever people said since.
	verdict := s.GetVerdict()
	if d := s.GetDecision(); d != nil {
		verdict = d.GetScored()
	}
	switch verdict {
	case pb.Verdict_VERDICT_ABUSIVE:
		l.Verdict = feed.Abusive
	case pb.Verdict_VERDICT_NOT_ABUSIVE:
		l.Verdict = feed.NotAbusive
	case pb.Verdict_VERDICT_ABSTAIN:
		l.Verdict = feed.Abstain
	default:
		return feed.Line{}, fault.Field(fault.Invalid, "verdict", "verdict %v is not known", verdict)
	}
	for _, r := range s.GetReasons() {
		v := math.NaN()
		if r.Value != nil {
			v = *r.Value
		}
		l.Reasons = append(l.Reasons, feed.Reason{Feature: r.GetFeature(), Value: v, Contribution: r.GetContribution()})
	}
	for _, w := range s.GetWindows() {
		l.Windows = append(l.Windows, feed.Window{Attack: w.GetAttack(), Start: w.GetStartTime().AsTime(), End: w.GetEndTime().AsTime(), Confidence: w.GetConfidence()})
	}
	return l, nil
}
