package server

import (
	"crypto/sha256"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"sluice/featurestore/columns"
	pb "sluice/proto/sluice/v1"
)

// writeTokens replaces a token file, as people and configuration tools do.
func writeTokens(t testing.TB, path, text string) {
	t.Helper()
	if err := os.WriteFile(path+".new", []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		t.Fatal(err)
	}
}

func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for range 1000 {
		if ok() {
			return
		}
		time.Sleep(5 * time.Millisecond)
	}
	t.Fatal(what + " does not come")
}

// The file is read again when it changes; one with a mistake leaves the old one
// in force, and is reported.
func TestTokensAreReadAgain(t *testing.T) {
	path := tokenFile(t, "a score "+scoreToken+"\n")
	s := start(t, someLines(1), func(c *Config) { c.Tokens = path })
	code := func(token string) int {
		code, _, _ := s.rest(t, "GET", "/v1/ips/192.0.2.0", "", "Authorization", "Bearer "+token)
		return code
	}
	if code(scoreToken) != 200 || code(adminToken) != 401 {
		t.Fatal(code(scoreToken), code(adminToken))
	}
	writeTokens(t, path, "a score "+scoreToken+"\nops admin "+adminToken+"\n")
	eventually(t, "the second token", func() bool { return code(adminToken) == 200 })
	writeTokens(t, path, "a score "+scoreToken+" x\nops admin "+adminToken+"\n")
	metrics := func() string {
		_, _, body := s.rest(t, "GET", "/metrics", "", "Authorization", "Bearer "+adminToken)
		return body
	}
	eventually(t, "the report", func() bool { return strings.Contains(metrics(), "sluice_refused{what=\"tokens\"} 1\n") })
	if code(scoreToken) != 200 {
		t.Error("the old file is not in force")
	}
	writeTokens(t, path, "ops admin "+adminToken+"\n")
	eventually(t, "the withdrawal", func() bool { return code(scoreToken) == 401 })
	if !strings.Contains(metrics(), "sluice_refused{what=\"tokens\"} 0\n") {
		t.Error("the report stays")
	}
}

// A stream ends with its token, even while nothing is sent on it; others go on.
func TestStreamEndsWithItsToken(t *testing.T) {
	path := tokenFile(t, "a score "+scoreToken+"\nops admin "+adminToken+"\n")
	s := start(t, nil, func(c *Config) { c.Tokens = path })
	open := func(token string) pb.ScoreService_StreamScoresClient {
		stream, err := s.client.StreamScores(metadata.AppendToOutgoingContext(ctx, "authorization", "Bearer "+token))
		if err != nil {
			t.Fatal(err)
		}
		return stream
	}
	ask := func(stream pb.ScoreService_StreamScoresClient) error {
		if err := stream.Send(&pb.StreamScoresRequest{FeatureNames: columns.Names(), Values: stumpRow(3)}); err != nil {
			return err
		}
		_, err := stream.Recv()
		return err
	}
	going, staying := open(scoreToken), open(adminToken)
	if err := ask(going); err != nil {
		t.Fatal(err)
	}
	if err := ask(staying); err != nil {
		t.Fatal(err)
	}
	writeTokens(t, path, "# a is gone\nops admin "+adminToken+"\n")
	// gRPC tells of a stream that was ended from outside in its own way; the next
	// call says why.
	if _, err := going.Recv(); status.Code(err) != codes.Canceled {
		t.Errorf("the stream ends with %v", err)
	}
	if err := ask(open(scoreToken)); status.Code(err) != codes.Unauthenticated && err != io.EOF {
		t.Errorf("the next one: %v", err)
	}
	if err := ask(staying); err != nil {
		t.Errorf("the other one: %v", err)
	}
}

// A token counts until its time, in each call and on streams.
func TestTokenRunsOut(t *testing.T) {
	until := time.Now().Add(700 * time.Millisecond).Truncate(time.Millisecond)
	path := tokenFile(t, "a score "+scoreToken+" until="+until.UTC().Format(time.RFC3339Nano)+"\nb score "+feedToken+" until=2020-01-31\n")
	s := start(t, someLines(1), func(c *Config) { c.Tokens = path })
	old := metadata.AppendToOutgoingContext(ctx, "authorization", "Bearer "+feedToken)
	if _, err := s.client.GetIpScore(old, &pb.GetIpScoreRequest{Name: "ips/192.0.2.0"}); status.Code(err) != codes.Unauthenticated || !strings.Contains(err.Error(), "has run out") {
		t.Errorf("one that ran out: %v", err)
	}
	with := metadata.AppendToOutgoingContext(ctx, "authorization", "Bearer "+scoreToken)
	stream, err := s.client.StreamScores(with)
	if err != nil {
		t.Fatal(err)
	}
	_, err = stream.Recv() // nothing was asked: it ends with the token
	if status.Code(err) != codes.DeadlineExceeded {
		t.Errorf("the stream ends with %v", err)
	}
	if time.Now().Before(until) {
		t.Error("the stream ended before its token")
	}
	if _, err := s.client.GetIpScore(with, &pb.GetIpScoreRequest{Name: "ips/192.0.2.0"}); status.Code(err) != codes.Unauthenticated {
		t.Errorf("after its time: %v", err)
	}
}

// Every line is compared, whichever fits: the last one that has the hash wins,
// which an early end would not find.
func TestEveryTokenIsCompared(t *testing.T) {
	hash := sha256.Sum256([]byte(scoreToken))
	list := &callerList{tokens: []*caller{{name: "first", hash: hash}, {name: "other"}, {name: "last", hash: hash}}}
	if c := list.byToken(scoreToken); c == nil || c.name != "last" {
		t.Errorf("%+v: the comparison ended early", c)
	}
	if c := list.byToken(scoreToken + "x"); c != nil {
		t.Errorf("%+v", c)
	}
}

// A line that stays as it was keeps what its holder used.
func TestCountsOutliveAChange(t *testing.T) {
	path := tokenFile(t, "a score "+scoreToken+" rows=10\n")
	g, err := newGuard(path, Limits{})
	if err != nil {
		t.Fatal(err)
	}
	before := g.callers.Load().tokens[0]
	before.rows.charge(1000, time.Now())
	writeTokens(t, path, "b admin "+adminToken+"\na score "+scoreToken+" rows=10\n")
	if changed, err := g.refresh(); !changed || err != nil {
		t.Fatal(changed, err)
	}
	if after := g.callers.Load().tokens[1]; after != before || before.gone.Err() != nil {
		t.Error("the caller is another one")
	}
	writeTokens(t, path, "a score "+scoreToken+" rows=20\n")
	if changed, err := g.refresh(); !changed || err != nil {
		t.Fatal(changed, err)
	}
	if after := g.callers.Load().tokens[0]; after == before || before.gone.Err() == nil || after.limits.Rows != 20 {
		t.Errorf("the changed line is not in force: %+v", after.limits)
	}
	if err := os.Remove(filepath.Clean(path)); err != nil {
		t.Fatal(err)
	}
	if _, err := g.refresh(); err == nil || g.callers.Load() == nil {
		t.Error("a file that is gone takes the callers with it")
	}
}
