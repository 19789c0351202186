package server

import (
	"context"
	"net/netip"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/grpc/codes"

	statuspb "google.golang.org/genproto/googleapis/rpc/status"

	"sluice/featurestore/fault"
	"sluice/featurestore/row"
	pb "sluice/proto/sluice/v1"
	"sluice/serve/feed"
	"sluice/serve/policy"
)

// maxBatch is the greatest number of addresses in one call.
const maxBatch = 1000

// service answers the RPCs of ScoreService. Its methods return errors with a
// kind; what carries them, gRPC or REST, gives them their form.
type service struct {
	pb.UnimplementedScoreServiceServer
	feeds   *feedStore
	models  Models
	rows    RowSource
	threads int
	metrics *metrics
	rulings *rulings
	layout  atomic.Pointer[layout] // of the last ScoreRows: callers repeat themselves

	refuseExpired atomic.Bool
}

var linePool = sync.Pool{New: func() any { return new(feed.Line) }}

// lookup finds one address in a feed, or among what people said; check tells
// whether it is a crawler. field is the request's, where it names several.
func (s *service) lookup(l *loadedFeed, r *ruling, field string, ip netip.Addr, check policy.Verification) (*pb.IpScore, error) {
	line := linePool.Get().(*feed.Line)
	defer linePool.Put(line)
	found, err := l.Lookup(ip, line)
	if err != nil {
		return nil, err
	}
	stale := found && s.refusesLine(line, r.now)
	if found && !stale {
		return r.score(line, check), nil
	}
	if a := r.spoken(ip, check); a != nil {
		return a, nil
	}
	switch {
	case stale:
		return nil, errExpired(field, ip, line.ExpiresAt)
	case s.refusesFeed(l, r.now):
		return nil, errExpiredFeed(field, l)
	}
	return nil, errUnknownIP(ip, l.Date())
}

func errUnknownIP(ip netip.Addr, d feed.Date) error {
	return fault.New(fault.NotFound, "%s is not in the feed of %s", row.Mask(ip), d)
}

// GetIpScore gives the stored score of one address.
func (s *service) GetIpScore(ctx context.Context, q *pb.GetIpScoreRequest) (*pb.IpScore, error) {
	ip, err := parseIPName("name", q.GetName())
	if err != nil {
		return nil, err
	}
	if err := checkAgent("user_agent", q.GetUserAgent()); err != nil {
		return nil, err
	}
	l, err := s.feeds.acquire()
	if err != nil {
		return nil, err
	}
	defer l.release()
	r := s.rulings.at(time.Now())
	return s.lookup(l, &r, "", ip, r.check(ctx, ip, q.GetUserAgent()))
}

// BatchGetIpScores gives the stored scores of many addresses, or an error.
func (s *service) BatchGetIpScores(ctx context.Context, q *pb.BatchGetIpScoresRequest) (*pb.BatchGetIpScoresResponse, error) {
	if err := batchSize("names", len(q.GetNames())); err != nil {
		return nil, err
	}
	if err := spendRows(ctx, len(q.GetNames())); err != nil {
		return nil, err
	}
	ips := make([]netip.Addr, len(q.GetNames()))
	for i, name := range q.GetNames() {
		var err error
		if ips[i], err = parseIPName(indexed("names", i), name); err != nil {
			return nil, err
		}
	}
	l, err := s.feeds.acquire()
	if err != nil {
		return nil, err
	}
	defer l.release()
	r := s.rulings.at(time.Now())
	a := &pb.BatchGetIpScoresResponse{IpScores: make([]*pb.IpScore, len(ips))}
	for i, ip := range ips {
		if a.IpScores[i], err = s.lookup(l, &r, indexed("names", i), ip, r.check(ctx, ip, "")); err != nil {
			if fault.Is(err, fault.NotFound) {
				err = fault.Field(fault.NotFound, indexed("names", i), "%w; LookupIps answers for each address alone", err)
			}
			return nil, err
		}
	}
	return a, nil
}

// statusOK is the status of a result that is there; it is shared and not
// changed.
var statusOK = &statuspb.Status{}

// LookupIps gives one result an address.
func (s *service) LookupIps(ctx context.Context, q *pb.LookupIpsRequest) (*pb.LookupIpsResponse, error) {
	if err := batchSize("ips", len(q.GetIps())); err != nil {
		return nil, err
	}
	if err := spendRows(ctx, len(q.GetIps())); err != nil {
		return nil, err
	}
	if err := checkAgents(q.GetUserAgents(), len(q.GetIps())); err != nil {
		return nil, err
	}
	l, err := s.feeds.acquire()
	if err != nil {
		return nil, err
	}
	defer l.release()
	rule := s.rulings.at(time.Now())
	ips, wrong := make([]netip.Addr, len(q.GetIps())), make([]error, len(q.GetIps()))
	for i, text := range q.GetIps() {
		ips[i], wrong[i] = parseIP(indexed("ips", i), text)
	}
	checks := rule.checkAll(ctx, ips, q.GetUserAgents())
	a := &pb.LookupIpsResponse{Results: make([]*pb.LookupIpResult, len(q.GetIps()))}
	for i, text := range q.GetIps() {
		r := &pb.LookupIpResult{Ip: text, Status: statusOK}
		a.Results[i] = r
		err := wrong[i]
		if err == nil {
			r.IpScore, err = s.lookup(l, &rule, "", ips[i], checks[i])
		}
		if err != nil {
			r.Status = toStatus(err).Proto()
			if code := codes.Code(r.Status.GetCode()); code != codes.NotFound && code != codes.InvalidArgument && !isExpired(err) {
				return nil, err // damaged data is not about this one address
			}
		}
	}
	return a, nil
}

// The bounds of a page of scores.
const (
	standardPage = 100
	maxPage      = 1000
	// maxScan bounds what one call walks over in search of what the filter asks
	// for; the page is then short, and its token goes on.
	maxScan = 200_000
)

// page opens the feed that a page is to be taken from and says where it begins.
func (s *service) page(ctx context.Context, token string, query [tokenHash]byte) (*loadedFeed, netip.Addr, error) {
	if token == "" {
		l, err := s.feeds.acquire()
		return l, netip.Addr{}, err
	}
	t, err := parseToken(token, query)
	if err != nil {
		return nil, netip.Addr{}, err
	}
	l, err := s.feeds.dated(ctx, t.date)
	if fault.Is(err, fault.NotFound) || err == nil && queryHash(l.FeedSHA256()) != t.feed {
		if err == nil {
			l.release()
		}
		return nil, netip.Addr{}, fault.Field(fault.Conflict, "page_token", "page_token: the feed of %s that it was given for is gone; begin again with an empty page_token", t.date)
	}
	return l, t.from, err
}

// ListIpScores lists stored scores by address.
func (s *service) ListIpScores(ctx context.Context, q *pb.ListIpScoresRequest) (*pb.ListIpScoresResponse, error) {
	size, err := pageSize(q.GetPageSize(), standardPage, maxPage)
	if err != nil {
		return nil, err
	}
	match, err := parseFilter(q.GetFilter())
	if err != nil {
		return nil, err
	}
	query := queryHash("ListIpScores", q.GetFilter())
	l, from, err := s.page(ctx, q.GetPageToken(), query)
	if err != nil {
		return nil, err
	}
	defer l.release()
	a := &pb.ListIpScoresResponse{}
	line := linePool.Get().(*feed.Line)
	defer linePool.Put(line)
	r := s.rulings.at(time.Now())
	if s.refusesFeed(l, r.now) {
		return nil, errExpiredFeed("", l)
	}
	c := l.Cursor(from)
	for seen := 0; c.Next(line); seen++ {
		if len(a.IpScores) == size || seen == maxScan {
			a.NextPageToken = nextToken(query, l, line.IP)
			break
		}
		if seen%4096 == 0 && ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if s.refusesLine(line, r.now) {
			continue
		}
		d := r.settle(line)
		if match(line) {
			a.IpScores = append(a.IpScores, r.settled(line, &d, r.check(ctx, line.IP, "")))
		}
	}
	return a, c.Err()
}

// maxSubprefixes bounds the list of /64 prefixes of a wider one.
const maxSubprefixes = 1000

// GetPrefixScores gives the members of a prefix and their roll-up.
func (s *service) GetPrefixScores(ctx context.Context, q *pb.GetPrefixScoresRequest) (*pb.GetPrefixScoresResponse, error) {
	p, err := parsePrefix(q.GetPrefix())
	if err != nil {
		return nil, err
	}
	size, err := pageSize(q.GetPageSize(), standardPage, maxPage)
	if err != nil {
		return nil, err
	}
	query := queryHash("GetPrefixScores", p.String())
	l, from, err := s.page(ctx, q.GetPageToken(), query)
	if err != nil {
		return nil, err
	}
	defer l.release()
	a := &pb.GetPrefixScoresResponse{RollUp: &pb.PrefixRollUp{Prefix: p.String()}}
	line := linePool.Get().(*feed.Line)
	defer linePool.Put(line)
	last := lastAddr(p)
	r := s.rulings.at(time.Now())
	if s.refusesFeed(l, r.now) {
		return nil, errExpiredFeed("", l)
	}
	c := l.Cursor(p.Addr())
	sub := p.Addr().Is6() && p.Bits() < 64
	for seen := 0; c.Next(line) && line.IP.Compare(last) <= 0; seen++ {
		if seen%4096 == 0 && ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if s.refusesLine(line, r.now) {
			continue
		}
		d := r.settle(line)
		count(a.RollUp, line)
		if sub {
			if s := subprefix(a, line.IP); s != nil {
				count(s, line)
			}
		}
		switch {
		case from.IsValid() && line.IP.Less(from) || a.NextPageToken != "":
		case len(a.Members) < size:
			a.Members = append(a.Members, r.settled(line, &d, r.check(ctx, line.IP, "")))
		default:
			a.NextPageToken = nextToken(query, l, line.IP)
		}
	}
	for _, u := range append(a.Subprefixes, a.RollUp) {
		if u.MemberCount > 0 {
			u.MeanConfidence /= float64(u.MemberCount)
		}
	}
	return a, c.Err()
}

// count adds a member to a roll-up, whose mean is a sum until the end.
func count(r *pb.PrefixRollUp, l *feed.Line) {
	r.MemberCount++
	switch l.Verdict {
	case feed.Abusive:
		r.AbusiveCount++
	case feed.NotAbusive:
		r.NotAbusiveCount++
	case feed.Abstain:
		r.AbstainCount++
	}
	r.MaxConfidence = max(r.MaxConfidence, l.Confidence)
	r.MeanConfidence += l.Confidence
}

// subprefix is the roll-up of an address's /64, or nil once there are too many.
// Addresses come in order.
func subprefix(a *pb.GetPrefixScoresResponse, ip netip.Addr) *pb.PrefixRollUp {
	p, _ := ip.Prefix(64)
	name := p.String()
	if n := len(a.Subprefixes); n > 0 && a.Subprefixes[n-1].Prefix == name {
		return a.Subprefixes[n-1]
	}
	if len(a.Subprefixes) == maxSubprefixes {
		return nil
	}
	a.Subprefixes = append(a.Subprefixes, &pb.PrefixRollUp{Prefix: name})
	return a.Subprefixes[len(a.Subprefixes)-1]
}

func batchSize(field string, n int) error {
	switch {
	case n == 0:
		return fault.Field(fault.Invalid, field, "%s: want 1 to %d, none was given", field, maxBatch)
	case n > maxBatch:
		return fault.Field(fault.Invalid, field, "%s: %d were given, want 1 to %d; split the batch", field, n, maxBatch)
	}
	return nil
}

// indexed names one entry of a list field.
func indexed(field string, i int) string { return field + "[" + strconv.Itoa(i) + "]" }
