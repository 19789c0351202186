package server

import (
	"math"
	"strings"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"sluice/featurestore/fault"
	pb "sluice/proto/sluice/v1"
	"sluice/serve/feed"
)

// Prefixes of resource names.
const (
	ipsPrefix      = "ips/"
	feedsPrefix    = "feeds/"
	versionsPrefix = "modelVersions/"
)

// scoreParts holds what an IpScore points to, so that one allocation makes them
// all.
type scoreParts struct {
	score         pb.IpScore
	asOf, expires timestamppb.Timestamp
	decisionParts
}

// ipScore is a feed's line as the API gives it, without what holds for it, which
// has its place beside it. It shares nothing with l.
func ipScore(l *feed.Line) (*pb.IpScore, *decisionParts) {
	p := &scoreParts{}
	s := &p.score
	var text [len(ipsPrefix) + len("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff")]byte
	name := string(l.IP.AppendTo(append(text[:0], ipsPrefix...)))
	s.Name, s.Ip = name, name[len(ipsPrefix):]
	s.Confidence = l.Confidence
	s.ModelVersion = l.ModelVersion
	p.asOf.Seconds, p.expires.Seconds = l.AsOf.Unix(), l.ExpiresAt.Unix()
	s.AsOf, s.ExpireTime = &p.asOf, &p.expires
	if n := len(l.Reasons); n > 0 {
		reasons, values := make([]pb.Reason, n), make([]float64, n)
		s.Reasons = make([]*pb.Reason, n)
		for i := range l.Reasons {
			r := &reasons[i]
			fillReason(r, l.Reasons[i].Feature, l.Reasons[i].Value, l.Reasons[i].Contribution, &values[i])
			s.Reasons[i] = r
		}
	}
	if n := len(l.Windows); n > 0 {
		windows, times := make([]pb.Window, n), make([]timestamppb.Timestamp, 2*n)
		s.Windows = make([]*pb.Window, n)
		for i := range l.Windows {
			w, from := &windows[i], &l.Windows[i]
			times[2*i].Seconds, times[2*i+1].Seconds = from.Start.Unix(), from.End.Unix()
			w.Attack, w.StartTime, w.EndTime, w.Confidence = from.Attack, &times[2*i], &times[2*i+1], from.Confidence
			s.Windows[i] = w
		}
	}
	return s, &p.decisionParts
}

// fillReason fills r; at holds the value, unless it is missing.
func fillReason(r *pb.Reason, feature string, value, contribution float64, at *float64) {
	r.Feature, r.Contribution = feature, contribution
	if !math.IsNaN(value) {
		*at = value
		r.Value = at
	}
}

// timestamp is t, or nil where there is none.
func timestamp(t time.Time) *timestamppb.Timestamp {
	if t.IsZero() {
		return nil
	}
	return timestamppb.New(t)
}

// resource takes the id from a resource name.
func resource(field, name, prefix string) (string, error) {
	id, ok := strings.CutPrefix(name, prefix)
	if !ok || id == "" {
		return "", fault.Field(fault.Invalid, field, "%s: want %q and an id", field, prefix)
	}
	return id, nil
}
