package server

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/metadata"
	reflectionpb "google.golang.org/grpc/reflection/grpc_reflection_v1"
	"google.golang.org/grpc/status"

	"sluice/featurestore/fault"
	pb "sluice/proto/sluice/v1"
)

func TestHealth(t *testing.T) {
	s := start(t, nil)
	h := healthpb.NewHealthClient(s.conn)
	check := func(service string, want healthpb.HealthCheckResponse_ServingStatus) {
		t.Helper()
		for range 300 {
			a, err := h.Check(ctx, &healthpb.HealthCheckRequest{Service: service})
			if err != nil {
				t.Fatal(err)
			}
			if a.Status == want {
				return
			}
			time.Sleep(10 * time.Millisecond)
		}
		t.Errorf("%q is not %v", service, want)
	}
	check("", healthpb.HealthCheckResponse_SERVING)
	check("sluice.v1.ScoreService", healthpb.HealthCheckResponse_NOT_SERVING)
	check("inference.GRPCInferenceService", healthpb.HealthCheckResponse_SERVING)
	if _, err := h.Check(ctx, &healthpb.HealthCheckRequest{Service: "x"}); status.Code(err) != codes.NotFound {
		t.Error(err)
	}
	if code, _, body := s.rest(t, "GET", "/readyz", ""); code != 503 || strings.TrimSpace(body) != `{"ready":false,"feed":null,"model":"2024-08-0123456789ab"}` {
		t.Error(code, body)
	}
	if code, _, _ := s.rest(t, "GET", "/healthz", ""); code != 200 {
		t.Error(code)
	}
	// The feed comes, and with it readiness.
	writeFeed(t, s.home, "2024-08-31", someLines(2))
	check("sluice.v1.ScoreService", healthpb.HealthCheckResponse_SERVING)
	if code, _, body := s.rest(t, "GET", "/readyz", ""); code != 200 || strings.TrimSpace(body) != `{"ready":true,"feed":{"date":"2024-08-31","rows":4,"model_version":"2024-08-0123456789ab","expire_time":"2024-09-08T00:00:00Z","expired":true},"model":"2024-08-0123456789ab"}` {
		t.Error(code, body)
	}
}

// Metrics count what was asked and never hold what a caller wrote.
func TestMetrics(t *testing.T) {
	s := start(t, someLines(2))
	_, _ = s.client.GetIpScore(ctx, &pb.GetIpScoreRequest{Name: "ips/192.0.2.1"})
	_, _ = s.client.GetIpScore(ctx, &pb.GetIpScoreRequest{Name: "ips/198.51.100.23"})
	s.rest(t, "GET", "/v1/ips/198.51.100.23", "")
	s.rest(t, "GET", "/v1/198.51.100.23", "")
	s.rest(t, "GET", "/feed/v1/ip/198.51.100.23", "")
	s.rest(t, "POST", "/v1/rows:score", `{"model_version":"`+challenger+`","feature_names":["request_count","spider_ratio"],"values":[1,0.5,3,2]}`)
	_, _, body := s.rest(t, "GET", "/metrics", "")
	for _, want := range []string{
		`sluice_requests_total{code="OK",method="GetIpScore",transport="grpc"} 1`,
		`sluice_requests_total{code="NotFound",method="GetIpScore",transport="grpc"} 1`,
		`sluice_requests_total{code="NotFound",method="GetIpScore",transport="http"} 1`,
		`sluice_requests_total{code="NotFound",method="none",transport="http"} 1`,
		`sluice_requests_total{code="NotFound",method="ipoid",transport="http"} 1`,
		"sluice_rows_scored_total 2", "sluice_rows_bad_total 1", "sluice_feed_loaded 1", "sluice_feed_rows 4", "sluice_model_loaded 1",
		`sluice_reloads_total{outcome="loaded",what="feed"} 1`,
	} {
		if !strings.Contains(body, want+"\n") {
			t.Errorf("no %s", want)
		}
	}
	if strings.Contains(body, "198.51") || strings.Contains(body, "192.0.2") {
		t.Error("an address stands in the metrics")
	}
	for _, name := range []string{"sluice_feed_age_seconds", "sluice_request_seconds_bucket", "go_goroutines", "process_open_fds"} {
		if !strings.Contains(body, "\n"+name) {
			t.Errorf("no %s", name)
		}
	}
}

// The log holds no address, whatever went wrong.
func TestLogsAreMasked(t *testing.T) {
	var mu sync.Mutex
	var log bytes.Buffer
	w := writerFunc(func(b []byte) (int, error) {
		mu.Lock()
		defer mu.Unlock()
		return log.Write(b)
	})
	s := start(t, someLines(2), func(c *Config) {
		c.Log = slog.New(slog.NewJSONHandler(w, &slog.HandlerOptions{Level: slog.LevelDebug}))
	})
	_, _ = s.client.GetIpScore(ctx, &pb.GetIpScoreRequest{Name: "ips/198.51.100.23"})
	_, _ = s.client.BatchGetIpScores(ctx, &pb.BatchGetIpScoresRequest{Names: []string{"ips/192.0.2.1", "ips/198.51.100.23"}})
	s.rest(t, "GET", "/v1/ips/198.51.100.23", "")
	s.rest(t, "GET", "/feed/v1/ip/198.51.100.23", "")
	s.rest(t, "GET", "/v1/ips?filter=ip+%3D+198.51.100.23+x", "")
	if err := s.stop(); err != nil {
		t.Fatal(err)
	}
	mu.Lock()
	defer mu.Unlock()
	text := log.String()
	if strings.Contains(text, "198.51.100.23") || strings.Contains(text, "192.0.2.1\"") {
		t.Errorf("an address stands in the log:\n%s", text)
	}
	if !strings.Contains(text, `"method":"GetIpScore"`) || !strings.Contains(text, "198.51.100.xxx") {
		t.Errorf("the log does not tell of the requests:\n%s", text)
	}
	for l := range strings.Lines(text) {
		if !json.Valid([]byte(l)) {
			t.Errorf("no JSON: %s", l)
		}
	}
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(b []byte) (int, error) { return f(b) }

const (
	scoreToken = "score-token-0123456789"
	feedToken  = "feed-token-0123456789"
	adminToken = "admin-token-0123456789"
)

func tokenFile(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "tokens")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// Every route and RPC answers exactly the roles that it is meant for.
func TestTokens(t *testing.T) {
	path := tokenFile(t, "# who may call\nlookup score "+scoreToken+"\n\ningest feed "+feedToken+"\nops admin "+adminToken+"\n")
	s := start(t, someLines(3), func(c *Config) { c.Tokens = path })
	tokens := map[string]string{"none": "", "wrong": "wrong-token-0123456789", "score": scoreToken, "feed": feedToken, "admin": adminToken}
	roles := []string{"none", "wrong", "score", "feed", "admin"}
	everybody, anyToken := "none wrong score feed admin", "score feed admin"
	for _, c := range []struct{ method, path, allowed string }{
		{"GET", "/healthz", everybody}, {"GET", "/readyz", everybody},
		{"GET", "/metrics", "admin"}, {"GET", "/openapi.json", "admin"}, {"GET", "/debug/pprof/goroutine", "admin"},
		{"GET", "/v1/ips/192.0.2.1", "score admin"}, {"GET", "/v1/ips", "score admin"}, {"GET", "/v1/ips:batchGet?names=ips/192.0.2.1", "score admin"},
		{"GET", "/v1/prefixes?prefix=192.0.2.0/24", "score admin"}, {"GET", "/feed/v1/ip/192.0.2.1", "score admin"}, {"GET", "/feed/v1/", "score admin"},
		{"GET", "/v1/feeds/latest", "feed admin"}, {"GET", "/v1/feeds/2024-08-31", "feed admin"}, {"GET", "/v1/feeds/latest:changes?since=2024-08-31", "feed admin"},
		{"GET", "/v1/modelVersions", anyToken}, {"GET", "/v1/modelVersions/champion", anyToken},
		{"GET", "/v2", anyToken}, {"GET", "/v2/health/live", anyToken}, {"GET", "/v1/models", "score admin"},
		{"GET", "/v1/nothing", "score admin"},
	} {
		for _, role := range roles {
			var head []string
			if tokens[role] != "" {
				head = []string{"Authorization", "Bearer " + tokens[role]}
			}
			code, h, body := s.rest(t, c.method, c.path, "", head...)
			allowed := strings.Contains(" "+c.allowed+" ", " "+role+" ")
			want := 200
			switch {
			case allowed && c.path == "/v1/nothing":
				want = 404
			case !allowed && (role == "none" || role == "wrong"):
				want = 401
			case !allowed:
				want = 403
			}
			if code != want {
				t.Errorf("%s %s as %s: %d, want %d: %.200s", c.method, c.path, role, code, want, body)
			}
			if (code == 401) != (h.Get("WWW-Authenticate") == "Bearer") {
				t.Errorf("%s as %s: %d with WWW-Authenticate %q", c.path, role, code, h.Get("WWW-Authenticate"))
			}
		}
	}
	for _, c := range []struct {
		name    string
		call    func(ctx context.Context) error
		allowed string
	}{
		{"GetIpScore", func(ctx context.Context) error {
			return first(s.client.GetIpScore(ctx, &pb.GetIpScoreRequest{Name: "ips/192.0.2.1"}))
		}, "score admin"},
		{"ScoreRows", func(ctx context.Context) error {
			return first(s.client.ScoreRows(ctx, &pb.ScoreRowsRequest{ModelVersion: challenger, FeatureNames: []string{"spider_ratio", "request_count"}, Values: []float64{0, 1}}))
		}, "score admin"},
		{"ExportFeed", func(ctx context.Context) error { return exported("feeds/latest", 0)(ctx, s.client) }, "feed admin"},
		{"ListModelVersions", func(ctx context.Context) error {
			return first(s.client.ListModelVersions(ctx, &pb.ListModelVersionsRequest{}))
		}, anyToken},
		{"Health", func(ctx context.Context) error {
			return first(healthpb.NewHealthClient(s.conn).Check(ctx, &healthpb.HealthCheckRequest{}))
		}, everybody},
		{"StreamScores", func(ctx context.Context) error {
			stream, err := s.client.StreamScores(ctx)
			if err != nil {
				return err
			}
			if err := stream.CloseSend(); err != nil {
				return err
			}
			if _, err = stream.Recv(); err == io.EOF {
				return nil
			}
			return err
		}, "score admin"},
		{"Reflection", func(ctx context.Context) error {
			stream, err := reflectionpb.NewServerReflectionClient(s.conn).ServerReflectionInfo(ctx)
			if err != nil {
				return err
			}
			if err := stream.Send(&reflectionpb.ServerReflectionRequest{MessageRequest: &reflectionpb.ServerReflectionRequest_ListServices{}}); err != nil && err != io.EOF {
				return err
			}
			return first(stream.Recv())
		}, "admin"},
	} {
		for _, role := range roles {
			ctx := ctx
			if tokens[role] != "" {
				ctx = metadata.AppendToOutgoingContext(ctx, "authorization", "Bearer "+tokens[role])
			}
			want := codes.OK
			switch {
			case strings.Contains(" "+c.allowed+" ", " "+role+" "):
			case role == "none" || role == "wrong":
				want = codes.Unauthenticated
			default:
				want = codes.PermissionDenied
			}
			if err := c.call(ctx); status.Code(err) != want {
				t.Errorf("%s as %s: %v, want %v", c.name, role, err, want)
			}
		}
	}
}

// Without tokens the service does not describe itself, and does not answer
// under a name that is not this machine's.
func TestWithoutTokens(t *testing.T) {
	s := start(t, someLines(1))
	stream, err := reflectionpb.NewServerReflectionClient(s.conn).ServerReflectionInfo(ctx)
	if err == nil {
		_, err = stream.Recv()
	}
	if status.Code(err) != codes.Unimplemented || !hasInfo(status.Convert(err)) {
		t.Errorf("reflection: %v", err)
	}
	for host, want := range map[string]int{"localhost": 200, "localhost:8080": 200, "127.0.0.1:1": 200, "[::1]:80": 200, "evil.example": 403, "evil.example:8080": 403, "192.0.2.1": 403} {
		if code, _, body := s.rest(t, "GET", "/v1/ips/192.0.2.0", "", "Host", host); code != want {
			t.Errorf("Host %s: %d %s", host, code, body)
		}
	}
}

func TestTokenFile(t *testing.T) {
	for text, want := range map[string]string{
		"":                                      "holds no token; want lines " + tokenLine,
		"# nothing\n":                           "holds no token; want lines " + tokenLine,
		"a score":                               "line 1: 2 words; want " + tokenLine,
		"\na reader " + scoreToken:              `line 2: role "reader"; want score, feed, page or admin`,
		"a score cert:":                         "line 1: cert: without a name; want a name that stands in the client's certificate",
		"a score " + scoreToken + " until=soon": "line 1: until=soon: want a last day, as in 2025-01-31, or an instant, as in 2025-01-31T12:00:00Z",
		"a score " + scoreToken + " rows=0":     "line 1: rows=0: want a whole number above 0",
		"a score " + scoreToken + " " + feedToken: "line 1: a word after the token of a is no until=, rows=, bytes= or calls=",
		"a page cert:x until=2030-01-01 rows=5 bytes=6 calls=7\nb score " + scoreToken + " until=2024-01-01T00:00:00+02:00": "",
		"a score short": "line 1: the token of a has 5 bytes; want at least 16",
		"a score " + scoreToken + "\na feed " + feedToken:        "line 2: a comes twice",
		"a score " + scoreToken + "\nb feed " + scoreToken:       "line 2: b comes twice",
		"a score,feed " + scoreToken + "\nb admin " + adminToken: "",
	} {
		_, err := readCallers(tokenFile(t, text), Limits{})
		if want == "" {
			if err != nil {
				t.Errorf("%q: %v", text, err)
			}
			continue
		}
		if !fault.Is(err, fault.Invalid) || !strings.HasSuffix(err.Error(), want) {
			t.Errorf("%q: %v, want %s", text, err, want)
		}
	}
	path := tokenFile(t, "a score "+scoreToken)
	if err := os.Chmod(path, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := readCallers(path, Limits{}); !fault.Is(err, fault.Invalid) || !strings.Contains(err.Error(), "mode 0644") {
		t.Errorf("a file for everybody: %v", err)
	}
	names := tokenFile(t, "a score cert:a.example")
	for mode, want := range map[os.FileMode]bool{0o644: true, 0o646: false} {
		if err := os.Chmod(names, mode); err != nil {
			t.Fatal(err)
		}
		if _, err := readCallers(names, Limits{}); (err == nil) != want {
			t.Errorf("names of certificates alone, mode %04o: %v", mode, err)
		}
	}
	if _, err := readCallers(path+"x", Limits{}); !fault.Is(err, fault.NotFound) {
		t.Errorf("no file: %v", err)
	}
}

func TestNewRefuses(t *testing.T) {
	home := t.TempDir()
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	for _, c := range []struct {
		config Config
		kind   fault.Kind
		want   string
	}{
		{Config{Dir: home + "/x"}, fault.NotFound, "there is no home at"},
		{Config{Dir: home, HTTP: "0.0.0.0:0"}, fault.Usage, "--http 0.0.0.0:0 would be reachable from other machines; listen on 127.0.0.1 or [::1], or give a token file with --tokens"},
		{Config{Dir: home, GRPC: ":0"}, fault.Usage, "--grpc :0 would be reachable"},
		{Config{Dir: home, GRPC: "example.org:1"}, fault.Usage, "--grpc example.org:1 would be reachable"},
		{Config{Dir: home, Expired: "never"}, fault.Usage, `--expired "never": want auto, refuse or mark`},
		{Config{Dir: home, GRPC: "9090"}, fault.Usage, `--grpc "9090": want HOST:PORT`},
		{Config{Dir: home, GRPC: taken.Addr().String(), HTTP: "127.0.0.1:0"}, fault.Conflict, "can't be listened on"},
		{Config{Dir: home, GRPC: "127.0.0.1:0", HTTP: taken.Addr().String()}, fault.Conflict, "can't be listened on"},
		{Config{Dir: home, Tokens: home + "/tokens"}, fault.NotFound, "token file"},
	} {
		_, err := New(ctx, c.config)
		if !fault.Is(err, c.kind) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v: %v", c.config, err)
		}
	}
}

// What is in flight when the end is asked for is answered; what comes after is
// not taken.
func TestDrain(t *testing.T) {
	s := start(t, someLines(1))
	stream, err := s.client.StreamScores(ctx)
	if err != nil {
		t.Fatal(err)
	}
	q := &pb.StreamScoresRequest{ModelVersion: challenger, FeatureNames: []string{"spider_ratio", "request_count"}, Values: []float64{0, 1}}
	if err := stream.Send(q); err != nil {
		t.Fatal(err)
	}
	if _, err := stream.Recv(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- s.stop() }()
	for !s.draining.Load() {
		time.Sleep(time.Millisecond)
	}
	if err := stream.Send(q); err != nil {
		t.Fatal(err)
	}
	if _, err := stream.Recv(); err != nil {
		t.Error("a stream in flight is cut off:", err)
	}
	if err := stream.CloseSend(); err != nil {
		t.Fatal(err)
	}
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if _, err := http.Get("http://" + s.HTTPAddr() + "/healthz"); err == nil {
		t.Error("it still answers")
	}
}

// A caller that does not end is cut off when the time is up.
func TestDrainEnds(t *testing.T) {
	cut := make(chan bool, 1)
	s := start(t, someLines(1), func(c *Config) {
		c.Drain = 50 * time.Millisecond
		c.Events = func(e Event) {
			if e.Drained != nil {
				cut <- e.Drained.CutOff
			}
		}
	})
	stream, err := s.client.StreamScores(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if err := stream.Send(&pb.StreamScoresRequest{}); err != nil {
		t.Fatal(err)
	}
	if _, err := stream.Recv(); err != nil {
		t.Fatal(err)
	}
	if err := s.stop(); err != nil {
		t.Fatal(err)
	}
	if !<-cut {
		t.Error("nobody says that a call was cut off")
	}
	if _, err := stream.Recv(); status.Code(err) != codes.Unavailable {
		t.Errorf("the caller sees %v", err)
	}
}

// A panic is one internal error, to the caller without its text.
func TestPanic(t *testing.T) {
	s := start(t, nil)
	s.models.mu.Lock()
	s.models.scorers[champion] = nil // as a bug would
	s.models.mu.Unlock()
	_, err := s.client.ScoreRows(ctx, &pb.ScoreRowsRequest{FeatureNames: []string{"x"}, Values: []float64{1}})
	if status.Code(err) != codes.Unknown || status.Convert(err).Message() != "internal error; the server's log tells more" {
		t.Errorf("%v", err)
	}
	if code, _, body := s.rest(t, "POST", "/v1/rows:score", `{"feature_names":["x"],"values":[1]}`); code != 500 || strings.Contains(body, "nil") {
		t.Errorf("%d %s", code, body)
	}
	if _, err := s.client.ListModelVersions(ctx, &pb.ListModelVersionsRequest{PageSize: -1}); status.Code(err) != codes.InvalidArgument {
		t.Errorf("it does not go on: %v", err)
	}
}
