package server

import (
	"bytes"
	"cmp"
	"context"
	"encoding/base64"
	"net/netip"
	"slices"
	"time"

	"sluice/featurestore/fault"
	pb "sluice/proto/sluice/v1"
	"sluice/serve/policy"
)

// The bounds of a page of overrides.
const (
	standardOverrides = 1000
	maxOverrides      = 10_000
)

// said is one prefix about which something is said beside the model.
type said struct {
	prefix netip.Prefix
	policy.Decision
}

// order puts the address with the smallest number first, of one address the
// widest prefix, and of one prefix what a person said.
func (s *said) order(o *said) int {
	return cmp.Or(s.prefix.Compare(o.prefix), -cmp.Compare(s.Source, o.Source))
}

// ListOverrides lists what holds whatever the model says.
func (s *service) ListOverrides(_ context.Context, q *pb.ListOverridesRequest) (*pb.ListOverridesResponse, error) {
	size, err := pageSize(q.GetPageSize(), standardOverrides, maxOverrides)
	if err != nil {
		return nil, err
	}
	r := s.rulings.at(time.Now())
	all := r.said()
	first := 0
	if q.GetPageToken() != "" {
		from, err := parseOverrideToken(q.GetPageToken())
		if err != nil {
			return nil, err
		}
		first, _ = slices.BinarySearchFunc(all, from, func(a, b said) int { return a.order(&b) })
	}
	a := &pb.ListOverridesResponse{}
	for i := first; i < len(all); i++ {
		if len(a.Overrides) == size {
			a.NextPageToken = overrideToken(&all[i])
			break
		}
		x := &all[i]
		a.Overrides = append(a.Overrides, &pb.Override{
			Prefix: x.prefix.String(), Verdict: pbVerdict(x.Verdict), Source: pbSource(x.Source), Reason: x.Reason, Author: x.Author,
			SinceTime: timestamp(x.Since), UntilTime: timestamp(x.Until),
		})
	}
	return a, nil
}

// said is all that is said beside the model, in order.
func (r *ruling) said() []said {
	var out []said
	for _, o := range r.policy.InForce(r.now) {
		out = append(out, said{o.Prefix, policy.Decision{
			Verdict: o.Verdict(), Source: policy.FromOverride, Reason: o.Reason, Author: o.Author, Since: o.Since, Until: o.Until,
		}})
	}
	for p, d := range r.policy.CrawlerRanges() {
		out = append(out, said{p, d})
	}
	slices.SortFunc(out, func(a, b said) int { return a.order(&b) })
	return out
}

// overrideToken is the token of the page that begins at s: a hash, the source
// and the prefix. Lines that come or go between two pages do not disturb it.
func overrideToken(s *said) string {
	b, _ := s.prefix.MarshalBinary() // no error for a valid prefix
	b = append([]byte(s.Source+" "), b...)
	sum := queryHash("ListOverrides", string(b))
	return base64.RawURLEncoding.EncodeToString(append(sum[:], b...))
}

func parseOverrideToken(token string) (s said, err error) {
	bad := fault.Field(fault.Invalid, "page_token", "page_token: not a token of ListOverrides; leave it empty for the first page")
	b, err := base64.RawURLEncoding.DecodeString(token)
	if err != nil || len(b) < tokenHash {
		return s, bad
	}
	if sum := queryHash("ListOverrides", string(b[tokenHash:])); !bytes.Equal(sum[:], b[:tokenHash]) {
		return s, bad
	}
	source, prefix, _ := bytes.Cut(b[tokenHash:], []byte(" "))
	s.Source = policy.Source(source)
	if err := s.prefix.UnmarshalBinary(prefix); err != nil {
		return s, bad
	}
	return s, nil
}
