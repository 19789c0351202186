package server

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"pgregory.net/rapid"

	"sluice/featurestore/columns"
	"sluice/featurestore/row"
	pb "sluice/proto/sluice/v1"

	"net/netip"
)

// A bucket never lets in more than its rate allows, up to one call beyond the
// burst, and always lets in again after the wait that it names.
func TestBucket(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rate := rapid.Float64Range(1, 1e6).Draw(t, "rate")
		b := &bucket{rate: rate}
		now := time.Unix(1e9, 0)
		begun, taken, last := now, 0.0, 0.0
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			now = now.Add(time.Duration(rapid.Int64Range(0, int64(3*time.Second)).Draw(t, "pause")))
			n := rapid.Float64Range(0.5, 3*rate).Draw(t, "n")
			if wait := b.take(n, now); wait > 0 {
				now = now.Add(wait + time.Microsecond)
				if b.take(n, now) > 0 {
					t.Fatalf("refused after the wait of %v", wait)
				}
			}
			taken, last = taken+n, n
			if most := rate*(burst+now.Sub(begun).Seconds()) + last + 1; taken > most {
				t.Fatalf("%v taken in %v, at most %v", taken, now.Sub(begun), most)
			}
		}
	})
	if (&bucket{}).take(1e9, time.Now()) != 0 {
		t.Error("no rate is a limit")
	}
}

func withToken(token string) context.Context {
	return metadata.AppendToOutgoingContext(ctx, "authorization", "Bearer "+token)
}

// limited checks an error for a limit and its wait.
func limited(t *testing.T, what string, err error) {
	t.Helper()
	st := status.Convert(err)
	var retry *errdetails.RetryInfo
	for _, d := range st.Details() {
		if r, ok := d.(*errdetails.RetryInfo); ok {
			retry = r
		}
	}
	if st.Code() != codes.ResourceExhausted || retry.GetRetryDelay().AsDuration() <= 0 || !hasInfo(st) {
		t.Errorf("%s: %v, retry after %v", what, err, retry.GetRetryDelay().AsDuration())
	}
}

const smallLimits = "small score " + scoreToken + " rows=10 bytes=20000 calls=2\nlarge score,admin " + adminToken + "\n"

// Rows scored and looked up count together, over gRPC, streams and REST, for
// the caller alone.
func TestLimitRows(t *testing.T) {
	s := start(t, someLines(1), func(c *Config) { c.Tokens = tokenFile(t, strings.ReplaceAll(smallLimits, " bytes=20000", "")) })
	q := &pb.ScoreRowsRequest{FeatureNames: columns.Names()}
	for range 100 {
		q.Values = append(q.Values, stumpRow(1)...)
	}
	small := withToken(scoreToken)
	// A call of any size passes once; then its debt has to be filled.
	if _, err := s.client.ScoreRows(small, q); err != nil {
		t.Fatal(err)
	}
	_, err := s.client.ScoreRows(small, q)
	limited(t, "ScoreRows", err)
	_, err = s.client.LookupIps(small, &pb.LookupIpsRequest{Ips: []string{"192.0.2.0"}})
	limited(t, "LookupIps", err)
	_, err = s.client.BatchGetIpScores(small, &pb.BatchGetIpScoresRequest{Names: []string{"ips/192.0.2.0"}})
	limited(t, "BatchGetIpScores", err)
	stream, err := s.client.StreamScores(small)
	if err != nil {
		t.Fatal(err)
	}
	if err := stream.Send(&pb.StreamScoresRequest{FeatureNames: q.FeatureNames, Values: q.Values}); err != nil {
		t.Fatal(err)
	}
	a, err := stream.Recv()
	if err != nil || codes.Code(a.GetStatus().GetCode()) != codes.ResourceExhausted {
		t.Errorf("a message of a stream: %v, %v", a, err)
	}
	if err := stream.CloseSend(); err != nil {
		t.Fatal(err)
	}
	code, _, body := s.rest(t, "POST", "/v1/ips:lookup", `{"ips":["192.0.2.0"]}`, "Authorization", "Bearer "+scoreToken)
	if code != 429 || !strings.Contains(body, "small may have 10 rows a second") {
		t.Errorf("REST: %d %s", code, body)
	}
	code, _, body = s.rest(t, "POST", "/v1/models/sluice:predict", `{"instances":[[1,2,3,0,0,0,0,0,0,0,0,0]]}`, "Authorization", "Bearer "+scoreToken)
	if code != 429 {
		t.Errorf(":predict: %d %s", code, body)
	}
	// Single addresses are not rows, and others are not held up.
	if _, err := s.client.GetIpScore(small, &pb.GetIpScoreRequest{Name: "ips/192.0.2.0"}); err != nil {
		t.Error(err)
	}
	if _, err := s.client.ScoreRows(withToken(adminToken), q); err != nil {
		t.Errorf("another caller: %v", err)
	}
}

// Bytes count in both directions; calls are refused, downloads and streams only
// slowed.
func TestLimitBytes(t *testing.T) {
	s := start(t, someLines(200), func(c *Config) {
		c.Tokens = tokenFile(t, "small score,feed "+scoreToken+" bytes=2000\nlarge score "+adminToken+"\nslow feed "+feedToken+" bytes=8000\n")
	})
	small := withToken(scoreToken)
	if _, err := s.client.ListIpScores(small, &pb.ListIpScoresRequest{PageSize: 400}); err != nil {
		t.Fatal(err)
	}
	_, err := s.client.GetIpScore(small, &pb.GetIpScoreRequest{Name: "ips/192.0.2.0"})
	limited(t, "after a long answer", err)
	code, h, body := s.rest(t, "GET", "/v1/ips/192.0.2.0", "", "Authorization", "Bearer "+scoreToken)
	if code != 429 || h.Get("Retry-After") == "" || !strings.Contains(body, "bytes a second") {
		t.Errorf("REST: %d, Retry-After %q, %s", code, h.Get("Retry-After"), body)
	}
	if _, err := s.client.GetIpScore(withToken(adminToken), &pb.GetIpScoreRequest{Name: "ips/192.0.2.0"}); err != nil {
		t.Errorf("another caller: %v", err)
	}
	// The feed's file arrives whole, over both.
	d, err := s.service.feeds.feeds.Latest()
	if err != nil {
		t.Fatal(err)
	}
	r, err := http.NewRequest("GET", "http://"+s.HTTPAddr()+"/v1/feeds/"+string(d.Date), nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+feedToken)
	a, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer a.Body.Close()
	if b, err := io.ReadAll(a.Body); err != nil || a.StatusCode != 200 || int64(len(b)) != a.ContentLength {
		t.Errorf("the download: %d, %d bytes of %d, %v", a.StatusCode, len(b), a.ContentLength, err)
	}
	eventually(t, "the end of the wait", func() bool { return exported("feeds/latest", 0)(withToken(feedToken), s.client) == nil })
}

// A caller has so many calls at a time, streams and REST together.
func TestLimitStreams(t *testing.T) {
	s := start(t, someLines(1), func(c *Config) { c.Tokens = tokenFile(t, smallLimits) })
	small := withToken(scoreToken)
	var open []pb.ScoreService_StreamScoresClient
	for range 2 {
		stream, err := s.client.StreamScores(small)
		if err != nil {
			t.Fatal(err)
		}
		if err := stream.Send(&pb.StreamScoresRequest{}); err != nil {
			t.Fatal(err)
		}
		if _, err := stream.Recv(); err != nil {
			t.Fatal(err)
		}
		open = append(open, stream)
	}
	_, err := s.client.GetIpScore(small, &pb.GetIpScoreRequest{Name: "ips/192.0.2.0"})
	limited(t, "a third call", err)
	if code, _, _ := s.rest(t, "GET", "/v1/ips/192.0.2.0", "", "Authorization", "Bearer "+scoreToken); code != 429 {
		t.Errorf("over REST: %d", code)
	}
	if code, _, _ := s.rest(t, "GET", "/healthz", "", "Authorization", "Bearer "+scoreToken); code != 200 {
		t.Errorf("health: %d", code)
	}
	if err := open[0].CloseSend(); err != nil {
		t.Fatal(err)
	}
	if _, err := open[0].Recv(); err != io.EOF {
		t.Fatal(err)
	}
	eventually(t, "room", func() bool {
		_, err := s.client.GetIpScore(small, &pb.GetIpScoreRequest{Name: "ips/192.0.2.0"})
		return err == nil
	})
}

// slowRows is a store that answers when its caller has gone.
type slowRows struct{}

func (slowRows) Rows(ctx context.Context, _ netip.Addr, _ []string, _ []row.Month) ([]StoredRow, error) {
	<-ctx.Done()
	return nil, ctx.Err()
}

// A call ends with its time, whoever is slow: the store behind it, or the
// caller.
func TestCallTimeout(t *testing.T) {
	s := start(t, someLines(1), func(c *Config) {
		c.Rows = slowRows{}
		c.Limits = Limits{CallTime: 100 * time.Millisecond, StreamTime: time.Minute}
		c.Tokens = tokenFile(t, allTokens)
	})
	with := withToken(scoreToken)
	if _, err := s.client.ExplainIp(with, &pb.ExplainIpRequest{Name: "ips/192.0.2.0"}); status.Code(err) != codes.DeadlineExceeded {
		t.Errorf("ExplainIp: %v", err)
	}
	if code, _, body := s.rest(t, "GET", "/v1/ips/192.0.2.0:explain", "", "Authorization", "Bearer "+scoreToken); code != 504 {
		t.Errorf("REST: %d %s", code, body)
	}
	// The page falls back on the feed's reasons.
	if code, _, body := s.rest(t, "GET", "/?q=192.0.2.0", "", "Authorization", "Bearer "+scoreToken); code != 200 || !strings.Contains(body, "took too long") {
		t.Errorf("the page: %d %.300s", code, body)
	}
	// A message that does not come.
	stream, err := s.conn.NewStream(with, &streamBoth, "/sluice.v1.ScoreService/GetIpScore")
	if err != nil {
		t.Fatal(err)
	}
	if err := stream.RecvMsg(&pb.IpScore{}); status.Code(err) != codes.DeadlineExceeded && status.Code(err) != codes.Internal {
		t.Errorf("a message that does not come: %v", err)
	}
}

// A stream ends with its time, even where nothing is sent on it.
func TestStreamLifetime(t *testing.T) {
	s := start(t, nil, func(c *Config) { c.Limits = Limits{CallTime: time.Minute, StreamTime: 100 * time.Millisecond} })
	stream, err := s.client.StreamScores(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := stream.Recv(); status.Code(err) != codes.DeadlineExceeded {
		t.Errorf("the stream ends with %v", err)
	}
}

// What passes by itself says how long.
func TestLimitError(t *testing.T) {
	err := errLimit("rows", 1500*time.Millisecond, "no more %s", "rows")
	var l *limitError
	if !errors.As(fmt.Errorf("x: %w", err), &l) || l.seconds() != 2 || toStatus(err).Code() != codes.ResourceExhausted {
		t.Errorf("%v", err)
	}
}
