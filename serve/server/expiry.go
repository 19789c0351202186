package server

import (
	"net/netip"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"sluice/featurestore"
	"sluice/featurestore/row"
	"sluice/serve/feed"
)

// What becomes of a stored score whose time is up. Refused, it is UNAVAILABLE
// with the reason EXPIRED: not NOT_FOUND, for something is known of the address,
// and not the score, for it should no longer be used. Once all of a feed's
// scores have run out, that an address is not among them tells nothing either,
// so that every call on stored scores is refused and the service is not ready.
// What people said of an address holds all the same.
const (
	// ExpiredRefuse refuses.
	ExpiredRefuse = "refuse"
	// ExpiredMark answers, with expired set.
	ExpiredMark = "mark"
	// ExpiredAuto marks where the home's data is simulated, whose time is made
	// up, and refuses otherwise.
	ExpiredAuto = "auto"
)

// reasonExpired is the ErrorInfo's reason.
const reasonExpired = "EXPIRED"

// setExpiry works out whether expired scores are refused, for the feed that was
// loaded. What can't be read is taken for real.
func (s *Server) setExpiry() {
	refuse := s.config.Expired != ExpiredMark
	if s.config.Expired == ExpiredAuto {
		store, err := featurestore.Open(s.config.Dir, featurestore.OpenOptions{ReadOnly: true})
		if err == nil {
			refuse = store.World() != featurestore.Simulated
			_ = store.Close()
		}
	}
	s.service.refuseExpired.Store(refuse)
}

// warnExpired says at the start, not only in each answer, that a feed's scores
// have all run out.
func (s *Server) warnExpired(now time.Time) {
	l, err := s.feeds.acquire()
	if err != nil {
		return
	}
	defer l.release()
	if s.service.refusesFeed(l, now) {
		message := "the scores of the feed of " + string(l.Date()) + " expired at " + l.expiresAt.UTC().Format(time.RFC3339) + " and are not answered; " + freshScores
		s.log.Warn(message)
		s.config.Events(Event{Warning: &WarningEvent{Message: message}})
	}
}

// freshScores is what to do where scores have run out.
const freshScores = "train run on newer logs writes a new feed, serve --expired mark answers with old ones"

// serves reports whether stored scores can be answered.
func (s *service) serves(now time.Time) bool {
	l, err := s.feeds.acquire()
	if err != nil {
		return false
	}
	defer l.release()
	return !s.refusesFeed(l, now)
}

// refusesFeed reports whether all of a feed's scores have run out and are not
// to be answered.
func (s *service) refusesFeed(l *loadedFeed, now time.Time) bool {
	return !l.expiresAt.IsZero() && !now.Before(l.expiresAt) && s.refuseExpired.Load()
}

// refusesLine reports whether a line's score has run out and is not to be
// answered.
func (s *service) refusesLine(line *feed.Line, now time.Time) bool {
	return line.Expired(now) && s.refuseExpired.Load()
}

// errExpired is the answer for an address whose score has run out; field is the
// request's, where it names several.
func errExpired(field string, ip netip.Addr, at time.Time) error {
	return expired(field, "the score of "+row.Mask(ip)+" expired at "+at.UTC().Format(time.RFC3339), at)
}

// errExpiredFeed is the answer where all scores have run out.
func errExpiredFeed(field string, l *loadedFeed) error {
	return expired(field, "the scores of the feed of "+string(l.Date())+" expired at "+l.expiresAt.UTC().Format(time.RFC3339), l.expiresAt)
}

func expired(field, message string, at time.Time) error {
	if field != "" {
		message = field + ": " + message
	}
	info := &errdetails.ErrorInfo{Reason: reasonExpired, Domain: errorDomain, Metadata: map[string]string{"expire_time": at.UTC().Format(time.RFC3339)}}
	if field != "" {
		info.Metadata["field"] = field
	}
	st := status.New(codes.Unavailable, message+"; "+freshScores)
	return &statusError{st: withDetails(st, info, nil)}
}

// isExpired reports whether an error says that a score has run out.
func isExpired(err error) bool {
	for _, d := range toStatus(err).Details() {
		if info, ok := d.(*errdetails.ErrorInfo); ok {
			return info.Reason == reasonExpired
		}
	}
	return false
}
