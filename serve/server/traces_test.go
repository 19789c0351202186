package server

import (
	"compress/gzip"
	"encoding/hex"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"

	collectorpb "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/grpc/encoding"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/encoding/prototext"
	"google.golang.org/protobuf/proto"

	"sluice/featurestore/fault"
	pb "sluice/proto/sluice/v1"
)

// collector takes spans as OpenTelemetry's does.
type collector struct {
	*httptest.Server
	mu      sync.Mutex
	got     []*tracepb.ResourceSpans
	paths   []string
	headers []http.Header
	codes   []int // to answer with first
}

func newCollector(t *testing.T) *collector {
	c := &collector{}
	c.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.paths, c.headers = append(c.paths, r.URL.Path), append(c.headers, r.Header)
		if len(c.codes) > 0 {
			w.WriteHeader(c.codes[0])
			c.codes = c.codes[1:]
			return
		}
		body := io.Reader(r.Body)
		if r.Header.Get("Content-Encoding") == "gzip" {
			z, err := gzip.NewReader(body)
			if err != nil {
				t.Error(err)
				return
			}
			body = z
		}
		b, err := io.ReadAll(body)
		var q collectorpb.ExportTraceServiceRequest
		if err != nil || proto.Unmarshal(b, &q) != nil {
			t.Errorf("the collector can't read %d bytes: %v", len(b), err)
			return
		}
		c.got = append(c.got, q.ResourceSpans...)
	}))
	t.Cleanup(c.Close)
	return c
}

// spans are those that came, by name, and all that came as text.
func (c *collector) spans() (map[string][]*tracepb.Span, string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	all, text := map[string][]*tracepb.Span{}, ""
	for _, r := range c.got {
		text += prototext.Format(r)
		for _, s := range r.ScopeSpans {
			for _, span := range s.Spans {
				all[span.Name] = append(all[span.Name], span)
			}
		}
	}
	return all, text
}

// withoutOtel takes OTEL_* out of the test's environment.
func withoutOtel(t *testing.T) {
	for _, v := range os.Environ() {
		if name, _, _ := strings.Cut(v, "="); strings.HasPrefix(name, "OTEL_") {
			t.Setenv(name, "")
		}
	}
}

const (
	traceID = "4bf92f3577b34da6a3ce929d0e0e4736"
	parent  = "00-" + traceID + "-00f067aa0ba902b7-01"
)

// callTraced makes calls of each kind, with addresses wherever there may be
// some.
func callTraced(t *testing.T, s *testServer) {
	t.Helper()
	traced := metadata.NewOutgoingContext(ctx, metadata.Pairs("traceparent", parent, "x-forwarded-for", "198.51.100.77"))
	if _, err := s.client.GetIpScore(traced, &pb.GetIpScoreRequest{Name: "ips/192.0.2.0"}); err != nil {
		t.Fatal(err)
	}
	_, _ = s.client.GetIpScore(ctx, &pb.GetIpScoreRequest{Name: "ips/198.51.100.23"})
	_, _ = s.client.GetIpScore(ctx, &pb.GetIpScoreRequest{Name: "192.0.2.0 is no name"})
	_ = s.conn.Invoke(ctx, "/of.192.0.2.0/None", &pb.GetIpScoreRequest{}, &pb.IpScore{})
	_, _ = healthpb.NewHealthClient(s.conn).Check(ctx, &healthpb.HealthCheckRequest{})
	s.rest(t, "GET", "/v1/ips/192.0.2.0?user_agent=from+198.51.100.23", "", "traceparent", parent, "User-Agent", "at 198.51.100.23", "X-Forwarded-For", "198.51.100.77")
	s.rest(t, "GET", "/v1/ips/198.51.100.23", "")
	s.rest(t, "192.0.2.9", "/v1/ips/192.0.2.0", "")
	s.rest(t, "GET", "/healthz", "")
	s.rest(t, "GET", "/metrics", "")
	if err := s.stop(); err != nil {
		t.Fatal(err)
	}
}

// Spans tell of calls, belong to their callers' traces, and hold no address.
func TestTraces(t *testing.T) {
	withoutOtel(t)
	t.Setenv("OTEL_SERVICE_NAME", "sluice-of-a-test")
	t.Setenv("OTEL_EXPORTER_OTLP_HEADERS", "x-key=a%20secret")
	c := newCollector(t)
	c.codes = []int{503} // it is asked again
	s := start(t, someLines(2), func(conf *Config) { conf.Traces = Traces{Send: true, Endpoint: c.URL} })
	callTraced(t, s)
	spans, text := c.spans()
	for name, want := range map[string]int{"sluice.v1.ScoreService/GetIpScore": 3, "REST GetIpScore": 3} {
		if len(spans[name]) != want {
			t.Errorf("%d spans %s, want %d", len(spans[name]), name, want)
		}
	}
	total, ours := 0, 0
	for _, all := range spans {
		for _, s := range all {
			total++
			if s.Kind != tracepb.Span_SPAN_KIND_SERVER {
				t.Errorf("%s is of kind %v", s.Name, s.Kind)
			}
			if string(s.TraceId) == string(mustHex(t, traceID)) && string(s.ParentSpanId) == string(mustHex(t, "00f067aa0ba902b7")) {
				ours++
			}
		}
	}
	if total != 6 || ours != 2 {
		t.Errorf("%d spans, %d in the caller's trace: want 6 and 2", total, ours)
	}
	for _, address := range []string{"192.0.2", "198.51.100", "127.0.0.1"} {
		if strings.Contains(text, address) {
			t.Errorf("%s stands in the spans:\n%s", address, text)
		}
	}
	for _, want := range []string{`"sluice-of-a-test"`, `"http.response.status_code"`, `"rpc.method"`} {
		if !strings.Contains(text, want) {
			t.Errorf("no %s in\n%s", want, text)
		}
	}
	if len(c.paths) < 2 || c.paths[0] != "/v1/traces" || c.headers[1].Get("X-Key") != "a secret" {
		t.Errorf("the collector saw %v, %v", c.paths, c.headers)
	}
}

// Addresses stand in spans where that is asked for.
func TestTracesWithAddresses(t *testing.T) {
	withoutOtel(t)
	t.Setenv("OTEL_EXPORTER_OTLP_COMPRESSION", "gzip")
	c := newCollector(t)
	s := start(t, someLines(2), func(conf *Config) { conf.Traces = Traces{Send: true, Endpoint: c.URL, Addresses: true} })
	callTraced(t, s)
	if _, text := c.spans(); !strings.Contains(text, "/v1/ips/192.0.2.0") || !strings.Contains(text, "198.51.100.77") {
		t.Errorf("no address in\n%s", text)
	}
}

// The environment says where spans go and which, as OpenTelemetry's
// specification has it; without the setting it changes nothing.
func TestTracesByEnvironment(t *testing.T) {
	for name, c := range map[string]struct {
		off  bool
		env  map[string]string
		set  Traces
		want int // spans
		path string
	}{
		"off":                  {off: true},
		"endpoint":             {want: 6, path: "/v1/traces"},
		"endpoint of traces":   {env: map[string]string{"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "/elsewhere"}, want: 6, path: "/elsewhere"},
		"disabled":             {env: map[string]string{"OTEL_SDK_DISABLED": "true"}},
		"no exporter":          {env: map[string]string{"OTEL_TRACES_EXPORTER": "none"}},
		"sampler":              {env: map[string]string{"OTEL_TRACES_SAMPLER": "always_off"}},
		"callers decide":       {env: map[string]string{"OTEL_TRACES_SAMPLER": "parentbased_always_off"}, want: 2, path: "/v1/traces"},
		"a share, and callers": {set: Traces{Sample: 1e-12}, want: 2, path: "/v1/traces"},
		"no propagator":        {env: map[string]string{"OTEL_PROPAGATORS": "none", "OTEL_TRACES_SAMPLER": "parentbased_always_off"}},
	} {
		t.Run(name, func(t *testing.T) {
			withoutOtel(t)
			k := newCollector(t)
			t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", k.URL)
			for name, v := range c.env {
				if strings.HasPrefix(v, "/") {
					v = k.URL + v
				}
				t.Setenv(name, v)
			}
			c.set.Send = !c.off
			s := start(t, someLines(2), func(conf *Config) { conf.Traces = c.set })
			callTraced(t, s)
			spans, _ := k.spans()
			n := 0
			for _, all := range spans {
				n += len(all)
			}
			if n != c.want || n > 0 && k.paths[0] != c.path {
				t.Errorf("%d spans to %v, want %d to %s", n, k.paths, c.want, c.path)
			}
		})
	}
}

// A collector that is away holds up nothing, and the end comes all the same.
func TestTracesWithoutCollector(t *testing.T) {
	withoutOtel(t)
	t.Setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "100")
	s := start(t, someLines(2), func(c *Config) { c.Traces = Traces{Send: true, Endpoint: "http://127.0.0.1:1"} })
	callTraced(t, s)
}

func TestTracesSettings(t *testing.T) {
	for _, c := range []struct {
		set                   Traces
		variable, value, want string
	}{
		{set: Traces{Endpoint: "localhost:4318"}, want: `--traces-endpoint "localhost:4318": want a URL, as in http://localhost:4318`},
		{set: Traces{Sample: 2}, want: "--traces-sample 2: want a share from 0 to 1"},
		{Traces{Send: true}, "OTEL_TRACES_EXPORTER", "zipkin", `OTEL_TRACES_EXPORTER is "zipkin"; serve sends by otlp, or none`},
		{Traces{Send: true}, "OTEL_EXPORTER_OTLP_PROTOCOL", "grpc", `OTEL_EXPORTER_OTLP_PROTOCOL: "grpc"; serve sends by http/protobuf, which collectors take on port 4318`},
		{Traces{Send: true}, "OTEL_EXPORTER_OTLP_ENDPOINT", "collector", `OTEL_EXPORTER_OTLP_ENDPOINT: "collector": want a URL, as in http://localhost:4318`},
		{Traces{Send: true}, "OTEL_EXPORTER_OTLP_HEADERS", "secret", "OTEL_EXPORTER_OTLP_HEADERS: want name=value pairs with commas between them"},
		{Traces{Send: true}, "OTEL_EXPORTER_OTLP_TIMEOUT", "10s", `OTEL_EXPORTER_OTLP_TIMEOUT: "10s": want milliseconds`},
		{Traces{Send: true}, "OTEL_EXPORTER_OTLP_COMPRESSION", "zstd", `OTEL_EXPORTER_OTLP_COMPRESSION: "zstd": want gzip or none`},
	} {
		t.Run(c.want, func(t *testing.T) {
			withoutOtel(t)
			if c.variable != "" {
				t.Setenv(c.variable, c.value)
			}
			if err := c.set.check(); !fault.Is(err, fault.Usage) || err.Error() != c.want {
				t.Errorf("%v, want %s", err, c.want)
			}
		})
	}
	// What it needs must not open a way for bombs.
	if encoding.GetCompressor("gzip") != nil {
		t.Error("gRPC takes gzip")
	}
}

func mustHex(t *testing.T, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}
