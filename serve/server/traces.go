package server

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/contrib/instrumentation/google.golang.org/grpc/otelgrpc"
	"go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace"
	"go.opentelemetry.io/otel/propagation"
	otelresource "go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"google.golang.org/grpc"
	"google.golang.org/grpc/stats"

	"sluice/featurestore/fault"
)

// Traces say whether calls are traced by OpenTelemetry, and where spans go. What
// stands here wins over the environment, of which OTEL_EXPORTER_OTLP_*,
// OTEL_TRACES_SAMPLER, OTEL_TRACES_EXPORTER, OTEL_SERVICE_NAME,
// OTEL_RESOURCE_ATTRIBUTES, OTEL_PROPAGATORS, OTEL_BSP_*, OTEL_SPAN_* and
// OTEL_SDK_DISABLED mean what OpenTelemetry's specification says.
type Traces struct {
	Send     bool
	Endpoint string // URL of the collector, as in http://localhost:4318; "" is the environment's
	// Sample is the share of the traces begun here that are sent, above 0 and up
	// to 1; 0 is what OTEL_TRACES_SAMPLER says, or else all. Callers that say
	// whether theirs are sent are followed.
	Sample float64
	// Addresses leaves in spans what may hold an address: the caller's, the
	// request's path and query, errors' texts.
	Addresses bool
}

// Variables of the environment that the libraries leave to programs.
const (
	envDisabled    = "OTEL_SDK_DISABLED"
	envExporter    = "OTEL_TRACES_EXPORTER"
	envPropagators = "OTEL_PROPAGATORS"
)

// check says what is wrong with the settings and the environment.
func (c Traces) check() error {
	if c.Endpoint != "" {
		if u, err := url.Parse(c.Endpoint); err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
			return fault.Field(fault.Usage, "traces-endpoint", "--traces-endpoint %q: want a URL, as in http://localhost:4318", c.Endpoint)
		}
	}
	if !(c.Sample >= 0 && c.Sample <= 1) {
		return fault.Field(fault.Usage, "traces-sample", "--traces-sample %v: want a share from 0 to 1", c.Sample)
	}
	if !c.Send {
		return nil
	}
	if e := os.Getenv(envExporter); e != "" && e != "otlp" && e != "none" {
		return fault.Field(fault.Usage, "traces", "%s is %q; serve sends by otlp, or none", envExporter, e)
	}
	_, err := newSpanSender(c.Endpoint)
	return err
}

// traces makes spans of calls and sends them.
type traces struct {
	provider   *sdktrace.TracerProvider
	propagator propagation.TextMapPropagator
}

// newTraces is nil where nothing is to be traced: then calls go the way that
// they go without it.
func newTraces(c Traces, log *slog.Logger) (*traces, error) {
	if !c.Send || strings.EqualFold(os.Getenv(envDisabled), "true") || os.Getenv(envExporter) == "none" {
		return nil, nil
	}
	client, err := newSpanSender(c.Endpoint)
	if err != nil {
		return nil, err
	}
	var exporter sdktrace.SpanExporter = otlptrace.NewUnstarted(client)
	if !c.Addresses {
		exporter = withoutAddresses{exporter}
	}
	who, err := otelresource.New(context.Background(), otelresource.WithTelemetrySDK(),
		otelresource.WithAttributes(attribute.String("service.name", "sluice-serve"), attribute.String("service.version", Version)), otelresource.WithFromEnv())
	if err != nil {
		return nil, fault.New(fault.Usage, "OTEL_RESOURCE_ATTRIBUTES: %v", err)
	}
	options := []sdktrace.TracerProviderOption{sdktrace.WithBatcher(exporter), sdktrace.WithResource(who)}
	if c.Sample > 0 {
		options = append(options, sdktrace.WithSampler(sdktrace.ParentBased(sdktrace.TraceIDRatioBased(c.Sample))))
	}
	var told atomic.Int64
	otel.SetErrorHandler(otel.ErrorHandlerFunc(func(err error) {
		// A collector that is away is told of once a minute.
		now := time.Now().Unix()
		if last := told.Load(); now-last >= 60 && told.CompareAndSwap(last, now) {
			log.Warn("traces are not sent", "error", err.Error())
		}
	}))
	return &traces{sdktrace.NewTracerProvider(options...), propagators(log)}, nil
}

// propagators are what carries a trace from callers, by OTEL_PROPAGATORS.
func propagators(log *slog.Logger) propagation.TextMapPropagator {
	var all []propagation.TextMapPropagator
	names := orDefault(os.Getenv(envPropagators), "tracecontext,baggage")
	for name := range strings.SplitSeq(names, ",") {
		switch strings.TrimSpace(name) {
		case "tracecontext":
			all = append(all, propagation.TraceContext{})
		case "baggage":
			all = append(all, propagation.Baggage{})
		case "none", "":
		default:
			log.Warn("a propagator is not known and left out", "variable", envPropagators, "name", name)
		}
	}
	return propagation.NewCompositeTextMapPropagator(all...)
}

// close sends what is left.
func (t *traces) close() error {
	if t == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	if err := t.provider.Shutdown(ctx); err != nil && !errors.Is(err, context.DeadlineExceeded) {
		otel.Handle(err) // a collector that is away does not make an end a failed one
	}
	return nil
}

// grpcOptions have gRPC make a span of each call to a method that there is;
// probes make none.
func (t *traces) grpcOptions(s *Server) []grpc.ServerOption {
	if t == nil {
		return nil
	}
	traced := func(i *stats.RPCTagInfo) bool {
		_, known := s.methods[i.FullMethodName]
		return known && !strings.HasPrefix(i.FullMethodName, "/grpc.health.v1.")
	}
	return []grpc.ServerOption{grpc.StatsHandler(otelgrpc.NewServerHandler(
		otelgrpc.WithTracerProvider(t.provider), otelgrpc.WithPropagators(t.propagator), otelgrpc.WithFilter(traced)))}
}

// http makes a span of each request, named after its route; probes and metrics
// make none.
func (t *traces) http(next http.Handler) http.Handler {
	if t == nil {
		return next
	}
	return otelhttp.NewHandler(next, "",
		otelhttp.WithTracerProvider(t.provider), otelhttp.WithPropagators(t.propagator),
		otelhttp.WithSpanNameFormatter(func(_ string, r *http.Request) string { return "REST " + route(r) }),
		otelhttp.WithFilter(func(r *http.Request) bool {
			return !slices.Contains([]string{"healthz", "readyz", "metrics"}, route(r))
		}))
}

// withoutAddresses sends spans without what a caller may have written into them
// and without its address: what remains are attributes of a list.
type withoutAddresses struct{ sdktrace.SpanExporter }

// spanAttributes are those that hold no text of a caller's.
var spanAttributes = []string{
	"rpc.system", "rpc.system.name", "rpc.service", "rpc.method", "rpc.grpc.status_code", "rpc.response.status_code",
	"http.request.method", "http.response.status_code", "http.request.body.size", "http.response.body.size",
	"network.protocol.name", "network.protocol.version", "url.scheme", "error.type",
}

// ExportSpans sends the spans.
func (e withoutAddresses) ExportSpans(ctx context.Context, spans []sdktrace.ReadOnlySpan) error {
	masked := make([]sdktrace.ReadOnlySpan, len(spans))
	for i, s := range spans {
		masked[i] = maskedSpan{s}
	}
	return e.SpanExporter.ExportSpans(ctx, masked)
}

type maskedSpan struct{ sdktrace.ReadOnlySpan }

// Attributes are those of the list.
func (s maskedSpan) Attributes() []attribute.KeyValue {
	var kept []attribute.KeyValue
	for _, a := range s.ReadOnlySpan.Attributes() {
		if slices.Contains(spanAttributes, string(a.Key)) {
			kept = append(kept, a)
		}
	}
	return kept
}

// Events are left out: errors among them have texts.
func (maskedSpan) Events() []sdktrace.Event { return nil }

// Status is without its text.
func (s maskedSpan) Status() sdktrace.Status {
	return sdktrace.Status{Code: s.ReadOnlySpan.Status().Code}
}
