package server

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/pprof"
	"slices"
	"strconv"
	"strings"
	"time"

	"google.golang.org/grpc/codes"

	"sluice/featurestore/fault"
	pb "sluice/proto/sluice/v1"
)

// newHTTP makes the HTTP handler of the whole service.
func newHTTP(s *Server) (http.Handler, error) {
	gateway, err := newGateway(s.service)
	if err != nil {
		return nil, err
	}
	oip := &inferenceREST{s: s.service}
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		name := route(r)
		switch name {
		case "healthz", "readyz", "metrics", "openapi":
			if !slices.Contains(allowed(name), r.Method) {
				writeError(w, r, errMethod())
				return
			}
		}
		switch name {
		case routePage:
			s.page(w, r)
		case "healthz":
			writeJSON(w, http.StatusOK, map[string]bool{"live": true})
		case "readyz":
			s.readyz(w)
		case "metrics":
			s.metrics.handler().ServeHTTP(w, r)
		case "openapi":
			s.openapi(w, r)
		case "pprof":
			s.pprof(w, r)
		case "ipoid":
			s.service.ipoid(w, r)
		case "LatestFeed", "ExportFeed":
			s.service.feedFile(w, r)
		case "openInference":
			oip.v2(w, r)
		case "kserve":
			oip.v1(w, r)
		default:
			gateway.ServeHTTP(w, r)
		}
	})
	return s.around(handler), nil
}

// around is what happens with every HTTP request before and after its handler.
func (s *Server) around(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		begun := time.Now()
		name := route(r)
		o := &outcome{}
		ctx := context.WithValue(r.Context(), outcomeKey{}, o)
		c := &call{caller: s.local}
		var refused error
		if s.guard != nil {
			c.caller, refused = s.identifyHTTP(r, name)
		}
		ctx = context.WithValue(ctx, callKey{}, c)
		if s.audit != nil {
			ctx = context.WithValue(ctx, remoteKey{}, r.RemoteAddr)
		}
		if s.config.Limits.CallTime > 0 && mayTakeLong(name) {
			var cancel context.CancelFunc
			ctx, cancel = context.WithTimeout(ctx, s.config.Limits.CallTime)
			defer cancel()
		}
		r = r.WithContext(ctx)
		defer func() {
			if p := recover(); p != nil {
				if err, ok := p.(error); ok && errors.Is(err, http.ErrAbortHandler) {
					panic(p)
				}
				writeError(w, r, s.panicked(r.Method+" "+name, p))
			}
			if o.err != nil && fault.KindOf(o.err) == fault.Unknown && toStatus(o.err).Code() == codes.Unknown {
				s.logged(name, o.err)
			}
			s.finish(ctx, "http", name, s.audit.subject(pathSubject(r)), begun, rpcError(o.err))
		}()
		h := w.Header()
		h.Set("X-Content-Type-Options", "nosniff")
		if s.draining.Load() {
			h.Set("Connection", "close") // see leave
		}
		if refused == nil {
			refused = localHost(s.guard, r)
		}
		if refused == nil && needs(name) != needNothing {
			if refused = c.caller.begin(begun); refused == nil {
				defer c.caller.end()
			}
		}
		if refused == nil && r.ContentLength > maxMessage {
			refused = errTooLarge()
		}
		if refused != nil {
			var limit *limitError
			if errors.As(refused, &limit) {
				h.Set("Retry-After", strconv.Itoa(limit.seconds()))
			}
			if name == routePage {
				s.refusePage(w, r, refused)
				return
			}
			writeError(w, r, refused)
			return
		}
		r.Body = http.MaxBytesReader(w, r.Body, maxMessage)
		if c.caller != nil && c.caller.limits.Bytes > 0 {
			r.Body = &countedBody{r.Body, c.caller}
			w = &pacedWriter{w, ctx, c.caller}
		}
		if name == "ExportFeed" {
			// A whole feed takes longer than an answer may otherwise.
			_ = http.NewResponseController(w).SetWriteDeadline(begun.Add(s.config.Limits.StreamTime))
		}
		next.ServeHTTP(w, r)
	})
}

// identifyHTTP says who calls and whether it may.
func (s *Server) identifyHTTP(r *http.Request, name string) (*caller, error) {
	need := needs(name)
	if name == "openInference" && r.Method == http.MethodGet {
		need = needAny
	}
	if need == needNothing {
		return nil, nil
	}
	secret := bearer(r.Header.Get("Authorization"))
	if _, password, ok := r.BasicAuth(); ok && name == routePage {
		secret = password // what browsers ask people for
	}
	c, err := s.guard.who(secret, leaf(r.TLS))
	if err != nil {
		return nil, err
	}
	return c, c.may(need)
}

// pathSubject is the address or prefix that a request's path or query names.
func pathSubject(r *http.Request) string {
	text := r.URL.Path
	if q := r.URL.RawQuery; q != "" {
		if v := r.URL.Query().Get("prefix"); v != "" {
			return v
		}
		if v := r.URL.Query().Get("q"); v != "" {
			return v
		}
	}
	for _, prefix := range []string{"/v1/ips/", "/feed/v1/ip/"} {
		if rest, ok := strings.CutPrefix(text, prefix); ok {
			return strings.TrimSuffix(rest, ":explain")
		}
	}
	return ""
}

// countedBody counts what a caller sends.
type countedBody struct {
	io.ReadCloser
	caller *caller
}

func (b *countedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	b.caller.bytes.charge(float64(n), time.Now())
	return n, err
}

// pacedWriter holds an answer to its caller's bytes a second.
type pacedWriter struct {
	http.ResponseWriter
	ctx    context.Context
	caller *caller
}

func (p *pacedWriter) Write(b []byte) (int, error) {
	if err := p.caller.pace(p.ctx, float64(len(b))); err != nil {
		return 0, err
	}
	return p.ResponseWriter.Write(b)
}

// Unwrap is the writer below, for deadlines.
func (p *pacedWriter) Unwrap() http.ResponseWriter { return p.ResponseWriter }

// readyz tells whether stored scores can be answered.
func (s *Server) readyz(w http.ResponseWriter) {
	type feedJSON struct {
		Date         string `json:"date"`
		Rows         int    `json:"rows"`
		ModelVersion string `json:"model_version"`
		ExpireTime   string `json:"expire_time,omitempty"` // of the last of its scores
		Expired      bool   `json:"expired"`
	}
	a := struct {
		Ready bool      `json:"ready"`
		Feed  *feedJSON `json:"feed"`
		Model *string   `json:"model"`
	}{}
	now := time.Now()
	if l, err := s.feeds.acquire(); err == nil {
		a.Feed = &feedJSON{Date: string(l.Date()), Rows: l.Len(), ModelVersion: l.desc.ModelVersion}
		if !l.expiresAt.IsZero() {
			a.Feed.ExpireTime, a.Feed.Expired = l.expiresAt.Format(time.RFC3339), !now.Before(l.expiresAt)
		}
		l.release()
	}
	if c := s.service.models.Champion(); c != "" {
		a.Model = &c
	}
	a.Ready = s.service.serves(now) && !s.draining.Load()
	code := http.StatusOK
	if !a.Ready {
		code = http.StatusServiceUnavailable
	}
	writeJSON(w, code, a)
}

// openapi gives the API's description, where tokens protect it.
func (s *Server) openapi(w http.ResponseWriter, r *http.Request) {
	if s.guard == nil {
		writeError(w, r, routeError(http.StatusNotFound))
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(pb.OpenAPI())
}

func (s *Server) pprof(w http.ResponseWriter, r *http.Request) {
	if s.guard == nil {
		writeError(w, r, routeError(http.StatusNotFound))
		return
	}
	switch strings.TrimPrefix(r.URL.Path, "/debug/pprof/") {
	case "profile":
		pprof.Profile(w, r)
	case "trace":
		pprof.Trace(w, r)
	case "cmdline", "symbol":
		writeError(w, r, routeError(http.StatusNotFound))
	default:
		pprof.Index(w, r)
	}
}
