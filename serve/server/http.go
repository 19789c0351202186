package server

import (
	"context"
	"errors"
	"net/http"
	"net/http/pprof"
	"slices"
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
		r = r.WithContext(context.WithValue(r.Context(), outcomeKey{}, o))
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
			s.finish(r.Context(), "http", name, begun, rpcError(o.err))
		}()
		h := w.Header()
		h.Set("X-Content-Type-Options", "nosniff")
		if err := localHost(s.guard, r); err != nil {
			writeError(w, r, err)
			return
		}
		need := needs(name)
		if name == "openInference" && r.Method == http.MethodGet {
			need = needAny
		}
		if err := s.guard.allow(need, r.Header.Get("Authorization")); err != nil {
			writeError(w, r, err)
			return
		}
		if r.ContentLength > maxMessage {
			writeError(w, r, errTooLarge())
			return
		}
		r.Body = http.MaxBytesReader(w, r.Body, maxMessage)
		next.ServeHTTP(w, r)
	})
}

// readyz tells whether stored scores can be answered.
func (s *Server) readyz(w http.ResponseWriter) {
	type feedJSON struct {
		Date         string `json:"date"`
		Rows         int    `json:"rows"`
		ModelVersion string `json:"model_version"`
	}
	a := struct {
		Ready bool      `json:"ready"`
		Feed  *feedJSON `json:"feed"`
		Model *string   `json:"model"`
	}{}
	if l, err := s.feeds.acquire(); err == nil {
		a.Feed = &feedJSON{string(l.Date()), l.Len(), l.desc.ModelVersion}
		l.release()
	}
	if c := s.service.models.Champion(); c != "" {
		a.Model = &c
	}
	a.Ready = a.Feed != nil && !s.draining.Load()
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
