package server

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"

	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"
	"github.com/grpc-ecosystem/grpc-gateway/v2/utilities"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"sluice/featurestore/fault"
	pb "sluice/proto/sluice/v1"
)

// restMarshaler writes messages with the protos' names, and zeroes as zeroes.
var restMarshaler = &runtime.JSONPb{
	MarshalOptions:   protojson.MarshalOptions{UseProtoNames: true, EmitDefaultValues: true},
	UnmarshalOptions: protojson.UnmarshalOptions{},
}

// statusMarshaler writes google.rpc.Status.
var statusMarshaler = protojson.MarshalOptions{UseProtoNames: true}

// newGateway makes the REST form of ScoreService, in this process.
func newGateway(s *service) (http.Handler, error) {
	mux := runtime.NewServeMux(
		runtime.WithMarshalerOption(runtime.MIMEWildcard, scoreMarshaler{restMarshaler}),
		runtime.WithUnescapingMode(runtime.UnescapingModeAllCharacters),
		runtime.WithErrorHandler(func(_ context.Context, _ *runtime.ServeMux, _ runtime.Marshaler, w http.ResponseWriter, r *http.Request, err error) {
			writeError(w, r, gatewayError(err))
		}),
		runtime.WithRoutingErrorHandler(func(_ context.Context, _ *runtime.ServeMux, _ runtime.Marshaler, w http.ResponseWriter, r *http.Request, code int) {
			writeError(w, r, routeError(code))
		}),
		runtime.WithIncomingHeaderMatcher(func(string) (string, bool) { return "", false }),
		runtime.WithOutgoingHeaderMatcher(func(string) (string, bool) { return "", false }),
		runtime.WithDisablePathLengthFallback(),
		runtime.SetQueryParameterParser(strictQuery{}),
	)
	return mux, pb.RegisterScoreServiceHandlerServer(context.Background(), mux, s)
}

// strictQuery refuses parameters that a request does not have: a misspelt filter
// must not answer with everything.
type strictQuery struct{ inner runtime.DefaultQueryParser }

// Parse fills q from a query's values.
func (p strictQuery) Parse(q proto.Message, values url.Values, filter *utilities.DoubleArray) error {
	for name := range values {
		if q.ProtoReflect().Descriptor().Fields().ByTextName(name) == nil {
			return fmt.Errorf("parameter: %s", name) // gatewayError puts it into words
		}
	}
	return p.inner.Parse(q, values, filter)
}

// routeError is the answer where no route takes a request.
func routeError(code int) error {
	switch code {
	case http.StatusMethodNotAllowed:
		return errMethod()
	case http.StatusBadRequest:
		return fault.New(fault.Invalid, "the path can't be read")
	}
	return errNoRoute(codes.NotFound, "there is no such path")
}

// parameterError is how the gateway tells of a parameter that it can't read.
var parameterError = regexp.MustCompile(`(?:parameter: |parsing field |field path: )"?([A-Za-z0-9_.]+)`)

// gatewayError gives the gateway's own errors, which speak of the program's
// insides, the form of ours.
func gatewayError(err error) error {
	st, ok := status.FromError(err)
	if !ok || hasInfo(st) {
		return err
	}
	if k := fault.KindOf(err); k != fault.Unknown {
		return err
	}
	switch st.Code() {
	case codes.InvalidArgument:
		// Protobuf's messages vary their spaces, on purpose.
		text := strings.Join(strings.Fields(strings.ReplaceAll(st.Message(), "\u00a0", " ")), " ")
		if strings.Contains(text, "request body too large") {
			return errTooLarge()
		}
		if m := parameterError.FindStringSubmatch(text); m != nil {
			return fault.Field(fault.Invalid, m[1], "%s: not a value of its type, or no such parameter", m[1])
		}
		if text == "EOF" || strings.Contains(text, "unexpected EOF") || strings.Contains(text, "unexpected token") && text == "" {
			return fault.Field(fault.Invalid, "body", "body: the JSON ends early")
		}
		return fault.Field(fault.Invalid, "body", "body: %s", strings.TrimPrefix(text, "proto: "))
	case codes.Unimplemented:
		return errMethod()
	}
	return err
}

// errMethod is the answer to a path's wrong HTTP method.
func errMethod(allow ...string) error {
	return &statusError{newStatus(codes.Unimplemented, reasonNoRoute, "", "the path does not take this HTTP method"), http.StatusMethodNotAllowed, allow}
}

// allowed are the HTTP methods of a route.
func allowed(route string) []string {
	switch route {
	case "LookupIps", "ScoreRows":
		return []string{http.MethodPost}
	case "LatestFeed", "ExportFeed", "healthz", "readyz", "metrics", "openapi":
		return []string{http.MethodGet, http.MethodHead}
	}
	return []string{http.MethodGet}
}

func errTooLarge() error {
	return fault.New(fault.Exhausted, "the body is larger than %d MiB; split the call", maxMessage>>20)
}

// httpStatus is the HTTP status of an error.
func httpStatus(err error, st *status.Status) int {
	var made *statusError
	if errors.As(err, &made) && made.http != 0 {
		return made.http
	}
	return runtime.HTTPStatusFromCode(st.Code())
}

// setAllow names the methods that a path takes, where it was asked by another.
func setAllow(h http.Header, r *http.Request, err error) {
	var made *statusError
	if !errors.As(err, &made) || made.http != http.StatusMethodNotAllowed {
		return
	}
	methods := made.allow
	if len(methods) == 0 {
		methods = allowed(route(r))
	}
	h.Set("Allow", strings.Join(methods, ", "))
}

// writeError writes an error as the JSON of a google.rpc.Status.
func writeError(w http.ResponseWriter, r *http.Request, err error) {
	st := toStatus(err)
	code := httpStatus(err, st)
	if o, ok := r.Context().Value(outcomeKey{}).(*outcome); ok {
		o.err = err
	}
	h := w.Header()
	setAllow(h, r, err)
	if st.Code() == codes.Unauthenticated {
		h.Set("WWW-Authenticate", "Bearer")
	}
	b, e := statusMarshaler.Marshal(st.Proto())
	if e != nil {
		b = []byte(`{"code":13,"message":"internal error"}`)
	}
	h.Set("Content-Type", "application/json")
	h.Set("Cache-Control", "no-store")
	w.WriteHeader(code)
	_, _ = w.Write(b)
}

// outcome carries a handler's error to what counts and logs.
type outcome struct{ err error }

type outcomeKey struct{}

// route says which RPC, or which page of ours, a path stands for. Unknown paths
// are one name, so that callers can't make up metrics.
func route(r *http.Request) string {
	p := r.URL.Path
	switch {
	case p == "/healthz" || p == "/readyz" || p == "/metrics":
		return p[1:]
	case p == "/" || strings.HasPrefix(p, "/page/"):
		return routePage
	case p == "/openapi.json":
		return "openapi"
	case strings.HasPrefix(p, "/debug/pprof/"):
		return "pprof"
	case strings.HasPrefix(p, "/feed/v1/"):
		return "ipoid"
	case p == "/v1/ips:batchGet":
		return "BatchGetIpScores"
	case p == "/v1/ips:lookup":
		return "LookupIps"
	case p == "/v1/ips":
		return "ListIpScores"
	case strings.HasPrefix(p, "/v1/ips/") && strings.HasSuffix(p, ":explain"):
		return "ExplainIp"
	case strings.HasPrefix(p, "/v1/ips/"):
		return "GetIpScore"
	case p == "/v1/prefixes":
		return "GetPrefixScores"
	case p == "/v1/rows:score":
		return "ScoreRows"
	case p == "/v1/feeds/latest":
		return "LatestFeed"
	case strings.HasPrefix(p, "/v1/feeds/") && strings.HasSuffix(p, ":changes"):
		return "ListFeedChanges"
	case strings.HasPrefix(p, "/v1/feeds/"):
		return "ExportFeed"
	case p == "/v1/overrides":
		return "ListOverrides"
	case p == "/v1/modelVersions":
		return "ListModelVersions"
	case strings.HasPrefix(p, "/v1/modelVersions/"):
		return "GetModelVersion"
	case p == "/v2" || strings.HasPrefix(p, "/v2/"):
		return "openInference"
	case p == "/v1/models" || strings.HasPrefix(p, "/v1/models/"):
		return "kserve"
	}
	return "none"
}

// writeJSON writes v as JSON.
func writeJSON(w http.ResponseWriter, code int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(code)
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(v)
}

// readBody reads a body of at most maxMessage bytes.
func readBody(r *http.Request) ([]byte, error) {
	b, err := io.ReadAll(r.Body)
	var tooLarge *http.MaxBytesError
	if errors.As(err, &tooLarge) {
		return nil, errTooLarge()
	}
	if err != nil {
		return nil, fault.Field(fault.Invalid, "body", "body: it ended early")
	}
	return b, nil
}
