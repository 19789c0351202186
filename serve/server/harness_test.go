package server

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/test/bufconn"

	"sluice/featurestore/columns"
	"sluice/featurestore/fault"
	"sluice/models/scorer"
	pb "sluice/proto/sluice/v1"
	"sluice/serve/feed"
)

var update = flag.Bool("update", false, "write the golden files")

const (
	champion   = "2024-08-0123456789ab"
	challenger = "2024-09-ba9876543210"
)

var asOf = time.Date(2024, 9, 1, 0, 0, 0, 0, time.UTC)

// fakeScorer scores by a formula that a test can repeat: the margin is the sum
// of the features, each counted half where it is missing.
type fakeScorer struct {
	version string
	names   []string
}

func (f *fakeScorer) Version() string            { return f.version }
func (f *fakeScorer) FeatureNames() []string     { return f.names }
func (f *fakeScorer) Schema() string             { return columns.Hash(f.names) }
func (f *fakeScorer) Threshold() (float64, bool) { return 0.75, true }

func (f *fakeScorer) of(x []float32) scorer.Score {
	var m float32
	for _, v := range x {
		if v != v {
			v = 0.5
		}
		m += v
	}
	p := 1 / (1 + math.Exp(-float64(m)))
	s := scorer.Score{Confidence: p * p, Probability: p, Margin: m, Verdict: scorer.NotAbusive}
	if p >= 0.75 {
		s.Verdict = scorer.Abusive
	}
	return s
}

func (f *fakeScorer) AppendScores(dst []scorer.Score, x []float32, n, _ int) []scorer.Score {
	for i := range n {
		dst = append(dst, f.of(x[i*len(f.names):][:len(f.names)]))
	}
	return dst
}

func (f *fakeScorer) Explain(x []float32, n, _ int) ([][]scorer.Reason, []float64) {
	out := make([][]scorer.Reason, n)
	for i := range out {
		for j, name := range f.names {
			v := float64(x[i*len(f.names)+j])
			c := v
			if v != v {
				c = 0.5
			}
			out[i] = append(out[i], scorer.Reason{Feature: name, Value: v, Contribution: c})
		}
		slices.SortStableFunc(out[i], func(a, b scorer.Reason) int {
			return -int(math.Copysign(1, math.Abs(a.Contribution)-math.Abs(b.Contribution)))
		})
	}
	return out, make([]float64, n)
}

// fakeModels are two versions in memory.
type fakeModels struct {
	mu       sync.Mutex
	champion string
	scorers  map[string]*fakeScorer
}

func newFakeModels() *fakeModels {
	return &fakeModels{champion: champion, scorers: map[string]*fakeScorer{
		champion:   {champion, columns.Names()},
		challenger: {challenger, []string{"spider_ratio", "request_count"}},
	}}
}

func (f *fakeModels) Champion() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.champion
}

func (f *fakeModels) promote(v string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.champion = v
}

func (f *fakeModels) Get(v string) (ModelInfo, error) {
	s, ok := f.scorers[v]
	if !ok {
		return ModelInfo{}, fault.New(fault.NotFound, "there is no version of that name")
	}
	t, half := 0.75, 0.5
	return ModelInfo{
		Version: v, Champion: v == f.Champion(), CreatedAt: asOf, TrainMonths: []string{"2024-06", "2024-07"}, TestMonths: []string{"2024-08"},
		Features: s.names, SchemaHash: s.Schema(), Threshold: &t, GatePassed: true, GateReasons: []string{"precision 0.9 of 0.8 asked for"},
		Splits: []SplitInfo{{Name: "test", Months: []string{"2024-08"}, Rows: 10, ROCAUC: &half, AtHalf: &PointInfo{Threshold: 0.5, TN: 1, FP: 2, FN: 3, TP: 4, Accuracy: &half}}},
	}, nil
}

func (f *fakeModels) List() ([]ModelInfo, error) {
	a, _ := f.Get(challenger)
	b, _ := f.Get(champion)
	return []ModelInfo{a, b}, nil
}

func (f *fakeModels) Scorer(v string) (Scorer, error) {
	if v == "" {
		v = f.Champion()
	}
	if v == "" {
		return nil, errNoChampion()
	}
	s, ok := f.scorers[v]
	if !ok {
		return nil, fault.Field(fault.NotFound, "model_version", "there is no version of that name")
	}
	return s, nil
}

// testServer is a running service and its clients.
type testServer struct {
	*Server
	home   string
	models *fakeModels
	client pb.ScoreServiceClient
	conn   *grpc.ClientConn
	stop   func() error
	web    *http.Client // reaches REST, whatever the URL's host
}

// start runs a service over a home with these lines (nil: no feed). Tests reach
// gRPC in memory; it listens on loopback ports as well, on which benchmarks and
// other programs reach it.
func start(t testing.TB, lines []feed.Line, change ...func(*Config)) *testServer {
	t.Helper()
	home := t.TempDir()
	if lines != nil {
		writeFeed(t, home, "2024-08-31", lines)
	}
	models := newFakeModels()
	c := Config{Dir: home, GRPC: "127.0.0.1:0", HTTP: "127.0.0.1:0", Models: models, Threads: 1, Poll: 20 * time.Millisecond, Drain: 5 * time.Second, Expired: ExpiredMark}
	if _, bench := t.(*testing.B); bench {
		c.Poll = DefaultPoll
	}
	for _, f := range change {
		f(&c)
	}
	s, err := New(context.Background(), c)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	l := bufconn.Listen(1 << 20)
	go func() { _ = s.grpc.Serve(l) }() // ends with Run
	dialGRPC := l.DialContext
	var d net.Dialer
	if _, bench := t.(*testing.B); bench {
		dialGRPC = func(ctx context.Context) (net.Conn, error) { return d.DialContext(ctx, "tcp", s.GRPCAddr()) }
	}
	// REST goes over a port: net/http ends its look for a client that has gone by
	// a deadline in the past, which a connection in memory may still feel in the
	// next request.
	dialHTTP := func(ctx context.Context) (net.Conn, error) { return d.DialContext(ctx, "tcp", s.HTTPAddr()) }
	conn, err := grpc.NewClient("passthrough:///"+s.GRPCAddr(), grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return dialGRPC(ctx) }))
	if err != nil {
		t.Fatal(err)
	}
	web := &http.Client{
		Transport:     &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) { return dialHTTP(ctx) }},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	stop := sync.OnceValue(func() error {
		web.CloseIdleConnections() // a kept connection is given a second to leave
		cancel()
		return <-done
	})
	t.Cleanup(func() {
		_ = conn.Close()
		if err := stop(); err != nil {
			t.Error("the service ended with", err)
		}
	})
	return &testServer{Server: s, home: home, models: models, client: pb.NewScoreServiceClient(conn), conn: conn, stop: stop, web: web}
}

func writeFeed(t testing.TB, home string, d feed.Date, lines []feed.Line) feed.Descriptor {
	t.Helper()
	w, err := feed.Open(home).Create(d, champion, feed.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer w.Discard()
	for i := range lines {
		if err := w.Write(&lines[i]); err != nil {
			t.Fatal(err)
		}
	}
	desc, err := w.Commit(asOf)
	if err != nil {
		t.Fatal(err)
	}
	return desc
}

func testLine(ip string, confidence float64) feed.Line {
	v := feed.NotAbusive
	if confidence >= 0.5 {
		v = feed.Abusive
	}
	return feed.Line{
		IP: netip.MustParseAddr(ip), Confidence: confidence, Verdict: v, ModelVersion: champion,
		Reasons: []feed.Reason{{Feature: "request_count", Value: 12, Contribution: 0.5}, {Feature: "spider_ratio", Value: math.NaN(), Contribution: -0.25}},
		Windows: []feed.Window{{Attack: "2024-08", Start: asOf.AddDate(0, -1, 0), End: asOf, Confidence: confidence}},
		AsOf:    asOf, ExpiresAt: asOf.Add(feed.DefaultTTL),
	}
}

// someLines is a feed of n IPv4 and n IPv6 addresses, n up to 256.
func someLines(n int) []feed.Line {
	var lines []feed.Line
	for i := range n {
		lines = append(lines, testLine(fmt.Sprintf("192.0.2.%d", i), float64(i)/256))
	}
	for i := range n {
		lines = append(lines, testLine(fmt.Sprintf("2001:db8:0:%x::1", i+1), float64(i)/256))
	}
	return lines
}

// rest calls the REST API and returns status, headers and body.
func (s *testServer) rest(t testing.TB, method, path, body string, headers ...string) (int, http.Header, string) {
	t.Helper()
	r, err := http.NewRequest(method, "http://"+s.HTTPAddr()+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i+1 < len(headers); i += 2 {
		if headers[i] == "Host" {
			r.Host = headers[i+1]
			continue
		}
		r.Header.Set(headers[i], headers[i+1])
	}
	a, err := s.web.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer a.Body.Close()
	b, err := io.ReadAll(a.Body)
	if err != nil {
		t.Fatal(err)
	}
	return a.StatusCode, a.Header, string(b)
}

// compact takes the spaces out of JSON: protojson varies them on purpose.
func compact(s string) string {
	var b bytes.Buffer
	if json.Compact(&b, []byte(s)) != nil {
		return s
	}
	return b.String()
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.MkdirAll("testdata", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s differs; run with -update and look at the difference\n%s", name, got)
	}
}
