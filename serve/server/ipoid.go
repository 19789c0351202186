package server

import (
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"google.golang.org/protobuf/encoding/protojson"

	"sluice/featurestore/fault"
	pb "sluice/proto/sluice/v1"
	"sluice/serve/feed"
)

// ipoidLine is a score in the shape that clients of ipoid read: their fields
// that have a meaning here, then Sluice's own. What a commercial feed would
// know (operators, proxies, countries) is empty, not made up.
type ipoidLine struct {
	IP          string    `json:"ip"`
	LastUpdated time.Time `json:"last_updated"`
	Types       []string  `json:"types"`
	Risks       []string  `json:"risks"`
	Behaviors   []string  `json:"behaviors"`
	Proxies     []string  `json:"proxies"`
	Tunnels     []string  `json:"tunnels"`

	// Line is the feed's own line; absent where the feed lacks the address, but
	// people spoke of it.
	Line json.RawMessage `json:"sluice,omitempty"`
	// Decision is what holds, as in an IpScore.
	Decision json.RawMessage `json:"sluice_decision"`
}

// ipoid answers GET /feed/v1/ and GET /feed/v1/ip/{ip} as ipoid does: 404 with
// a plain text for an unknown address.
func (s *service) ipoid(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet {
		writeError(w, r, routeError(http.StatusMethodNotAllowed))
		return
	}
	rest := strings.TrimPrefix(r.URL.EscapedPath(), "/feed/v1/")
	if rest == "" {
		writeJSON(w, http.StatusOK, map[string]string{
			"name": "sluice", "version": Version, "description": "Confidence that an IP address is abusive", "home": "/feed/v1/ip/{ip}",
		})
		return
	}
	text, ok := strings.CutPrefix(rest, "ip/")
	if !ok {
		writeError(w, r, routeError(http.StatusNotFound))
		return
	}
	text, err := url.PathUnescape(text)
	if err != nil {
		writeError(w, r, routeError(http.StatusBadRequest))
		return
	}
	ip, err := parseIP("ip", text)
	if err != nil {
		writeError(w, r, err)
		return
	}
	l, err := s.feeds.acquire()
	if err != nil {
		writeError(w, r, err)
		return
	}
	defer l.release()
	line := linePool.Get().(*feed.Line)
	defer linePool.Put(line)
	found, err := l.Lookup(ip, line)
	if err != nil {
		writeError(w, r, err)
		return
	}
	rule := s.rulings.at(time.Now())
	check := rule.check(r.Context(), ip, "")
	a := ipoidLine{IP: ip.String(), Types: none, Risks: none, Behaviors: none, Proxies: none, Tunnels: none}
	var score *pb.IpScore
	stale := found && s.refusesLine(line, rule.now)
	if found && !stale {
		a.LastUpdated, a.Line = line.AsOf, line.AppendJSON(nil)
		score = rule.score(line, check)
	} else if score = rule.spoken(ip, check); score != nil {
		a.LastUpdated = l.desc.GeneratedAt
	}
	switch {
	case score != nil:
	case stale:
		writeError(w, r, errExpired("", ip, line.ExpiresAt))
		return
	case s.refusesFeed(l, rule.now):
		writeError(w, r, errExpiredFeed("", l))
		return
	}
	if score == nil {
		if o, ok := r.Context().Value(outcomeKey{}).(*outcome); ok {
			o.err = fault.New(fault.NotFound, "unknown address")
		}
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		w.WriteHeader(http.StatusNotFound)
		_, _ = io.WriteString(w, "No data found for "+ip.String())
		return
	}
	if a.Decision, err = decisionJSON.Marshal(score.GetDecision()); err != nil {
		writeError(w, r, err)
		return
	}
	writeJSON(w, http.StatusOK, map[string]ipoidLine{a.IP: a})
}

// decisionJSON writes decisions as the gateway does.
var decisionJSON = protojson.MarshalOptions{UseProtoNames: true}

// none is an empty list in JSON, which nil is not.
var none = []string{}
