package server

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"

	collectorpb "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"

	"sluice/featurestore/fault"
)

// spanSender sends spans by OTLP over HTTP, as protobuf. OpenTelemetry's own
// client would do, were it not that importing it registers gRPC's gzip: from then
// on this server would unpack what anybody sends it.
type spanSender struct {
	url     string
	headers http.Header
	timeout time.Duration
	zip     bool
	client  *http.Client
}

const (
	otlpEndpoint = "http://localhost:4318"
	otlpTimeout  = 10 * time.Second
	otlpPath     = "/v1/traces"
)

// otlpEnv is a variable of the exporter: the one for traces, or else the one for
// everything.
func otlpEnv(name string) (value, variable string) {
	for _, variable := range []string{"OTEL_EXPORTER_OTLP_TRACES_" + name, "OTEL_EXPORTER_OTLP_" + name} {
		if v := strings.TrimSpace(os.Getenv(variable)); v != "" {
			return v, variable
		}
	}
	return "", ""
}

// newSpanSender takes an endpoint, where it is given, and for the rest what the
// environment says.
func newSpanSender(endpoint string) (*spanSender, error) {
	usage := func(variable, format string, args ...any) error {
		return fault.Field(fault.Usage, "traces", variable+": "+format, args...)
	}
	s := &spanSender{headers: http.Header{"Content-Type": {"application/x-protobuf"}}, timeout: otlpTimeout}
	if v, name := otlpEnv("PROTOCOL"); v != "" && v != "http/protobuf" {
		return nil, usage(name, "%q; serve sends by http/protobuf, which collectors take on port 4318", v)
	}
	name := "traces-endpoint"
	whole := false // the URL is that of traces, not of the collector
	if endpoint == "" {
		endpoint, name = otlpEnv("ENDPOINT")
		whole = strings.Contains(name, "TRACES")
	}
	u, err := url.Parse(orDefault(endpoint, otlpEndpoint))
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return nil, usage(name, "%q: want a URL, as in %s", endpoint, otlpEndpoint)
	}
	if !whole {
		u = u.JoinPath(otlpPath)
	}
	s.url = u.String()
	v, name := otlpEnv("HEADERS")
	for pair := range strings.SplitSeq(v, ",") {
		if pair = strings.TrimSpace(pair); pair == "" {
			continue
		}
		key, value, ok := strings.Cut(pair, "=")
		value, err := url.PathUnescape(strings.TrimSpace(value))
		if !ok || err != nil { // the value may be a secret
			return nil, usage(name, "want name=value pairs with commas between them")
		}
		s.headers.Set(strings.TrimSpace(key), value)
	}
	if v, name := otlpEnv("TIMEOUT"); v != "" {
		ms, err := strconv.Atoi(v)
		if err != nil || ms <= 0 {
			return nil, usage(name, "%q: want milliseconds", v)
		}
		s.timeout = time.Duration(ms) * time.Millisecond
	}
	switch v, name := otlpEnv("COMPRESSION"); v {
	case "gzip":
		s.zip = true
		s.headers.Set("Content-Encoding", "gzip")
	case "", "none":
	default:
		return nil, usage(name, "%q: want gzip or none", v)
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	if transport.TLSClientConfig, err = otlpTLS(); err != nil {
		return nil, err
	}
	s.client = &http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	return s, nil
}

// otlpTLS is what the environment says of authorities and our own certificate.
func otlpTLS() (*tls.Config, error) {
	c := &tls.Config{MinVersion: tls.VersionTLS12}
	if file, name := otlpEnv("CERTIFICATE"); file != "" {
		b, err := os.ReadFile(file)
		if err != nil {
			return nil, fault.Field(fault.Usage, "traces", "%s: %w", name, err)
		}
		c.RootCAs = x509.NewCertPool()
		if !c.RootCAs.AppendCertsFromPEM(b) {
			return nil, fault.Field(fault.Usage, "traces", "%s: %s holds no certificate", name, file)
		}
	}
	if cert, name := otlpEnv("CLIENT_CERTIFICATE"); cert != "" {
		key, _ := otlpEnv("CLIENT_KEY")
		pair, err := tls.LoadX509KeyPair(cert, key)
		if err != nil {
			return nil, fault.Field(fault.Usage, "traces", "%s: %w", name, err)
		}
		c.Certificates = []tls.Certificate{pair}
	}
	return c, nil
}

// Start does nothing: connections are made as they are needed.
func (s *spanSender) Start(context.Context) error { return nil }

// Stop lets go of idle connections.
func (s *spanSender) Stop(context.Context) error {
	s.client.CloseIdleConnections()
	return nil
}

// UploadTraces sends spans, again and again for a while where the collector
// asks for it or can't be reached.
func (s *spanSender) UploadTraces(ctx context.Context, spans []*tracepb.ResourceSpans) error {
	b, err := proto.Marshal(&collectorpb.ExportTraceServiceRequest{ResourceSpans: spans})
	if err != nil {
		return err
	}
	if s.zip {
		var z bytes.Buffer
		w := gzip.NewWriter(&z)
		if _, err := w.Write(b); err != nil {
			return err
		}
		if err := w.Close(); err != nil {
			return err
		}
		b = z.Bytes()
	}
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	for wait := 500 * time.Millisecond; ; wait *= 2 {
		again, err := s.post(ctx, b)
		if err == nil || !again {
			return err
		}
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return err
		}
	}
}

// post sends a request; again tells whether sending it anew may help.
func (s *spanSender) post(ctx context.Context, b []byte) (again bool, err error) {
	q, err := http.NewRequestWithContext(ctx, http.MethodPost, s.url, bytes.NewReader(b))
	if err != nil {
		return false, err
	}
	q.Header = s.headers
	a, err := s.client.Do(q)
	if err != nil {
		return true, err
	}
	defer a.Body.Close()
	body, err := io.ReadAll(io.LimitReader(a.Body, 64<<10))
	switch {
	case a.StatusCode == http.StatusTooManyRequests || a.StatusCode >= 502 && a.StatusCode <= 504:
		return true, fmt.Errorf("the collector answers %s", a.Status)
	case a.StatusCode/100 != 2:
		return false, fmt.Errorf("the collector answers %s", a.Status)
	case err != nil:
		return true, err
	}
	var answer collectorpb.ExportTraceServiceResponse
	if proto.Unmarshal(body, &answer) == nil && answer.GetPartialSuccess().GetRejectedSpans() > 0 {
		return false, fmt.Errorf("the collector rejects %d spans: %s", answer.PartialSuccess.RejectedSpans, answer.PartialSuccess.ErrorMessage)
	}
	return false, nil
}
