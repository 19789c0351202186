package server

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"

	statuspb "google.golang.org/genproto/googleapis/rpc/status"

	"sluice/featurestore"
	"sluice/featurestore/columns"
	"sluice/featurestore/row"
	pb "sluice/proto/sluice/v1"
	"sluice/serve/feed"
)

// expiring is a line whose score runs out after a time, or ran out before.
func expiring(ip string, in time.Duration) feed.Line {
	l := testLine(ip, 0.75)
	now := time.Now().Truncate(time.Second)
	l.AsOf, l.ExpiresAt = now.Add(in-feed.DefaultTTL), now.Add(in)
	return l
}

func refuse(c *Config) { c.Expired = ExpiredRefuse }

// reasonOf is the reason of a status, and of whom it speaks.
func reasonOf(p *statuspb.Status) (reason, field string) {
	for _, d := range status.FromProto(p).Details() {
		if info, ok := d.(*errdetails.ErrorInfo); ok {
			return info.GetReason(), info.GetMetadata()["field"]
		}
	}
	return "", ""
}

func (s *testServer) get(ip string) (*pb.IpScore, error) {
	return s.client.GetIpScore(ctx, &pb.GetIpScoreRequest{Name: "ips/" + ip})
}

func wantReason(t *testing.T, what string, err error, code codes.Code, reason, field string) {
	t.Helper()
	st := status.Convert(err)
	checkDetails(t, what, st)
	if r, f := reasonOf(st.Proto()); st.Code() != code || r != reason || f != field {
		t.Errorf("%s: %v %s %q, want %v %s %q", what, st.Code(), r, f, code, reason, field)
	}
	if strings.Contains(st.Message(), "192.0.2.9") {
		t.Errorf("%s: %q holds the address", what, st.Message())
	}
}

// A score that has run out is neither unknown nor given.
func TestExpiredScore(t *testing.T) {
	lines := []feed.Line{expiring("192.0.2.1", time.Hour), expiring("192.0.2.9", -time.Hour), expiring("192.0.2.20", time.Hour)}
	s := start(t, lines, refuse)
	if a, err := s.get("192.0.2.1"); err != nil || a.Expired {
		t.Errorf("a live score: %v, %v", a, err)
	}
	_, err := s.get("192.0.2.9")
	wantReason(t, "GetIpScore", err, codes.Unavailable, "EXPIRED", "")
	_, err = s.get("192.0.2.10")
	wantReason(t, "an unknown address", err, codes.NotFound, "NOT_FOUND", "")

	code, _, body := s.rest(t, "GET", "/v1/ips/192.0.2.9", "")
	if code != http.StatusServiceUnavailable || !strings.Contains(compact(body), `"reason":"EXPIRED"`) {
		t.Errorf("REST: %d %s", code, body)
	}
	for ip, want := range map[string]int{"192.0.2.1": 200, "192.0.2.9": 503, "192.0.2.10": 404} {
		if code, _, body := s.rest(t, "GET", "/feed/v1/ip/"+ip, ""); code != want {
			t.Errorf("ipoid's lookup of %s: %d %s, want %d", ip, code, body, want)
		}
	}

	_, err = s.client.BatchGetIpScores(ctx, &pb.BatchGetIpScoresRequest{Names: []string{"ips/192.0.2.1", "ips/192.0.2.9"}})
	wantReason(t, "BatchGetIpScores", err, codes.Unavailable, "EXPIRED", "names[1]")
	a, err := s.client.LookupIps(ctx, &pb.LookupIpsRequest{Ips: []string{"192.0.2.1", "192.0.2.9", "192.0.2.10", "x"}})
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []struct {
		code   codes.Code
		reason string
	}{{codes.OK, ""}, {codes.Unavailable, "EXPIRED"}, {codes.NotFound, "NOT_FOUND"}, {codes.InvalidArgument, "INVALID"}} {
		r := a.Results[i]
		if reason, _ := reasonOf(r.Status); codes.Code(r.Status.GetCode()) != want.code || reason != want.reason || (r.IpScore != nil) != (want.code == codes.OK) {
			t.Errorf("LookupIps %d: %v", i, r)
		}
	}

	list, err := s.client.ListIpScores(ctx, &pb.ListIpScoresRequest{PageSize: 1})
	if err != nil || len(list.IpScores) != 1 || list.NextPageToken == "" {
		t.Fatal(list, err)
	}
	list, err = s.client.ListIpScores(ctx, &pb.ListIpScoresRequest{PageSize: 1, PageToken: list.NextPageToken})
	if err != nil || len(list.IpScores) != 1 || list.IpScores[0].Ip != "192.0.2.20" {
		t.Errorf("the second page: %v, %v", list, err)
	}
	p, err := s.client.GetPrefixScores(ctx, &pb.GetPrefixScoresRequest{Prefix: "192.0.2.0/24"})
	if err != nil || len(p.Members) != 2 || p.RollUp.MemberCount != 2 || p.RollUp.MeanConfidence != 0.75 {
		t.Errorf("a prefix: %v, %v", p, err)
	}
	if !s.ready() {
		t.Error("not ready, though two scores can be answered")
	}
}

// What a person said does not run out with the score.
func TestExpiredScoreOverridden(t *testing.T) {
	s := start(t, []feed.Line{expiring("192.0.2.9", -time.Hour)}, refuse, func(c *Config) {
		c.Policy = policyFiles(t, "192.0.2.9 allow never alice known to be ours\n203.0.113.7 flag never bob seen\n")
	})
	for ip, want := range map[string]pb.Verdict{"192.0.2.9": pb.Verdict_VERDICT_NOT_ABUSIVE, "203.0.113.7": pb.Verdict_VERDICT_ABUSIVE} {
		if a, err := s.get(ip); err != nil || a.Verdict != want || a.ModelVersion != "" || a.Decision.GetSource() != pb.DecisionSource_DECISION_SOURCE_OVERRIDE {
			t.Errorf("%s: %v, %v", ip, a, err)
		}
	}
	_, err := s.get("192.0.2.10")
	wantReason(t, "nobody spoke of it", err, codes.Unavailable, "EXPIRED", "")
}

// Once the whole feed has run out, that an address is not in it tells nothing,
// and the service is not ready until there is another one.
func TestExpiredFeed(t *testing.T) {
	s := start(t, []feed.Line{expiring("192.0.2.8", -2*time.Hour), expiring("192.0.2.9", -time.Hour)}, refuse)
	for _, ip := range []string{"192.0.2.9", "192.0.2.10", "2001:db8::1"} {
		_, err := s.get(ip)
		wantReason(t, ip, err, codes.Unavailable, "EXPIRED", "")
		if code, _, body := s.rest(t, "GET", "/feed/v1/ip/"+ip, ""); code != 503 {
			t.Errorf("ipoid's lookup of %s: %d %s", ip, code, body)
		}
	}
	_, err := s.client.ListIpScores(ctx, &pb.ListIpScoresRequest{})
	wantReason(t, "ListIpScores", err, codes.Unavailable, "EXPIRED", "")
	_, err = s.client.GetPrefixScores(ctx, &pb.GetPrefixScoresRequest{Prefix: "192.0.2.0/24"})
	wantReason(t, "GetPrefixScores", err, codes.Unavailable, "EXPIRED", "")
	a, err := s.client.LookupIps(ctx, &pb.LookupIpsRequest{Ips: []string{"192.0.2.10"}})
	if err != nil {
		t.Fatal(err)
	}
	if reason, _ := reasonOf(a.Results[0].Status); reason != "EXPIRED" {
		t.Errorf("LookupIps: %v", a)
	}

	h := healthpb.NewHealthClient(s.conn)
	state := func() healthpb.HealthCheckResponse_ServingStatus {
		a, err := h.Check(ctx, &healthpb.HealthCheckRequest{Service: "sluice.v1.ScoreService"})
		if err != nil {
			t.Fatal(err)
		}
		return a.Status
	}
	if code, _, body := s.rest(t, "GET", "/readyz", ""); code != 503 || !strings.Contains(body, `"expired":true`) || s.ready() || state() != healthpb.HealthCheckResponse_NOT_SERVING {
		t.Errorf("ready: %d %s", code, body)
	}
	// Its files and what a model makes of a caller's rows are there as ever.
	if code, _, _ := s.rest(t, "GET", "/v1/feeds/2024-08-31.jsonl.gz", ""); code != 200 {
		t.Errorf("the feed's file: %d", code)
	}
	if _, err := s.client.ScoreRows(ctx, &pb.ScoreRowsRequest{FeatureNames: columns.Names(), Values: make([]float64, 12)}); err != nil {
		t.Errorf("ScoreRows: %v", err)
	}

	writeFeed(t, s.home, "2024-09-01", []feed.Line{expiring("192.0.2.9", 24*time.Hour)})
	for range 500 {
		if state() == healthpb.HealthCheckResponse_SERVING {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	if !s.ready() {
		t.Error("not ready with the new feed")
	}
	if a, err := s.get("192.0.2.9"); err != nil || a.Expired {
		t.Errorf("with the new feed: %v, %v", a, err)
	}
	_, err = s.get("192.0.2.10")
	wantReason(t, "an unknown address", err, codes.NotFound, "NOT_FOUND", "")
}

// Readiness goes by the clock, without anything being loaded.
func TestFeedRunsOut(t *testing.T) {
	s := start(t, []feed.Line{expiring("192.0.2.9", 2*time.Second)}, refuse)
	for range 1000 {
		if !s.ready() {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	_, err := s.get("192.0.2.9")
	wantReason(t, "after its time", err, codes.Unavailable, "EXPIRED", "")
}

// A feed of no scores runs out as well: nobody may be abusive, or the one who
// writes feeds may be gone.
func TestEmptyFeedRunsOut(t *testing.T) {
	s := start(t, []feed.Line{}, refuse) // generated at asOf, long ago
	_, err := s.get("192.0.2.9")
	wantReason(t, "an empty feed", err, codes.Unavailable, "EXPIRED", "")
}

// A service that is told to answers with what has run out, and says so.
func TestExpiredMarked(t *testing.T) {
	s := start(t, []feed.Line{expiring("192.0.2.1", time.Hour), expiring("192.0.2.9", -time.Hour)})
	for ip, want := range map[string]bool{"192.0.2.1": false, "192.0.2.9": true} {
		a, err := s.get(ip)
		if err != nil || a.Expired != want {
			t.Errorf("%s: %v, %v", ip, a, err)
		}
		sameOverREST(t, s, "GET", "/v1/ips/"+ip, "", a)
	}
	_, err := s.get("192.0.2.10")
	wantReason(t, "an unknown address", err, codes.NotFound, "NOT_FOUND", "")
}

// Without being told, the service refuses, unless the data says that its time
// is made up.
func TestExpiredAuto(t *testing.T) {
	for world, refused := range map[string]bool{"": true, featurestore.Real: true, featurestore.Simulated: false} {
		s := start(t, nil, func(c *Config) { c.Expired = "" })
		if world != "" {
			store, err := featurestore.Open(s.home, featurestore.OpenOptions{World: world})
			if err != nil {
				t.Fatal(err)
			}
			august, _ := row.ParseMonth("2024-08")
			m := &featurestore.Month{Month: august, Columns: columns.Names(), Rows: []row.Row{{
				Key: row.Key{Month: august, Attack: "a", IP: testLine("192.0.2.9", 0).IP}, Values: make([]float64, 12), First: asOf.Unix() - 60, Last: asOf.Unix() - 60,
			}}}
			if err := store.WriteMonth(context.Background(), m); err != nil {
				t.Fatal(err)
			}
			if err := store.Close(); err != nil {
				t.Fatal(err)
			}
		}
		writeFeed(t, s.home, "2024-08-31", []feed.Line{expiring("192.0.2.9", -time.Hour)})
		for range 500 {
			if _, err := s.get("192.0.2.9"); err == nil || !strings.Contains(err.Error(), "no feed is loaded") {
				break
			}
			time.Sleep(10 * time.Millisecond)
		}
		a, err := s.get("192.0.2.9")
		if refused {
			wantReason(t, world, err, codes.Unavailable, "EXPIRED", "")
		} else if err != nil || !a.Expired {
			t.Errorf("%s: %v, %v", world, a, err)
		}
	}
}

// The page says so too, of a feed and of an address.
func TestExpiredPage(t *testing.T) {
	s := start(t, []feed.Line{expiring("192.0.2.9", -time.Hour)}, refuse)
	for path, want := range map[string]string{"/": "a newer feed is due", "/page/top": "a newer feed is due", "/?q=192.0.2.9": "The score has run out"} {
		if _, body := s.view(t, path); !strings.Contains(body, want) {
			t.Errorf("%s: no %q in %s", path, want, body)
		}
	}
	live := start(t, []feed.Line{expiring("192.0.2.9", time.Hour)}, refuse)
	if _, body := live.view(t, "/"); strings.Contains(body, "a newer feed is due") {
		t.Error("a live feed is said to have run out")
	}
}

// Scores that have all run out are said when the service starts.
func TestExpiredFeedAtTheStart(t *testing.T) {
	said := make(chan string, 8)
	hear := func(c *Config) {
		c.Events = func(e Event) {
			if e.Warning != nil {
				said <- e.Warning.Message
			}
		}
	}
	start(t, []feed.Line{expiring("192.0.2.1", -time.Hour)}, refuse, hear)
	select {
	case got := <-said:
		if !strings.Contains(got, "the scores of the feed of 2024-08-31 expired at ") || !strings.Contains(got, "--expired mark") {
			t.Errorf("%q", got)
		}
	case <-time.After(time.Minute):
		t.Error("nothing was said")
	}
}
