package server

import (
	"crypto/tls"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"sluice/featurestore/fault"
)

// listen opens the ports. TLS is the listener's for REST and gRPC's own for
// gRPC, which asks it for the caller's certificate.
func (s *Server) listen() error {
	c := &s.config
	open := func(flag, addr string) (*boundedListener, error) {
		l, err := listen(flag, addr)
		if err != nil {
			return nil, err
		}
		return newBoundedListener(l, c.Connections, s.metrics.connections.WithLabelValues(flag), s.metrics.closed.WithLabelValues(flag)), nil
	}
	g, err := open("grpc", c.GRPC)
	if err != nil {
		return err
	}
	s.grpcAt = g
	h, err := open("http", c.HTTP)
	if err != nil {
		return err
	}
	s.httpAt, s.httpOpen = h, &h.open
	if s.certs != nil {
		s.httpAt = tls.NewListener(s.httpAt, s.certs.config("http/1.1"))
	}
	if c.Health == "" {
		return nil
	}
	p, err := open("health", c.Health)
	if err == nil {
		s.healthAt = p
	}
	return err
}

func listen(flag, addr string) (net.Listener, error) {
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, fault.Field(fault.Conflict, flag, "--%s %s can't be listened on: %w", flag, addr, err)
	}
	return l, nil
}

// boundedListener closes connections beyond a number as soon as they come:
// clients see at once that there is no room, and those that are served stay.
type boundedListener struct {
	net.Listener
	most   int64
	open   atomic.Int64
	gauge  prometheus.Gauge
	closed prometheus.Counter
}

func newBoundedListener(l net.Listener, most int, gauge prometheus.Gauge, closed prometheus.Counter) *boundedListener {
	return &boundedListener{Listener: l, most: int64(most), gauge: gauge, closed: closed}
}

// Accept waits for the next connection that there is room for.
func (l *boundedListener) Accept() (net.Conn, error) {
	for {
		c, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		if l.open.Add(1) > l.most {
			l.open.Add(-1)
			l.closed.Inc()
			_ = c.Close()
			continue
		}
		l.gauge.Inc()
		return &boundedConn{Conn: c, done: sync.OnceFunc(func() {
			l.open.Add(-1)
			l.gauge.Dec()
		})}, nil
	}
}

type boundedConn struct {
	net.Conn
	done func()
}

func (c *boundedConn) Close() error {
	defer c.done()
	return c.Conn.Close()
}

// serveProbes answers liveness and readiness on a port of their own, for those
// who have neither certificate nor token: they learn a yes or no.
func (s *Server) serveProbes() *http.Server {
	mux := http.NewServeMux()
	answer := func(ok func() bool) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			if !ok() {
				w.WriteHeader(http.StatusServiceUnavailable)
			}
		}
	}
	mux.HandleFunc("GET /healthz", answer(func() bool { return true }))
	mux.HandleFunc("GET /readyz", answer(s.ready))
	srv := &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 5 * time.Second, WriteTimeout: 5 * time.Second, MaxHeaderBytes: 8 << 10, ErrorLog: s.http.ErrorLog}
	if s.healthAt != nil {
		go func() { _ = srv.Serve(s.healthAt) }()
	}
	return srv
}

// ready reports whether stored scores can be answered.
func (s *Server) ready() bool {
	return s.service.serves(time.Now()) && !s.draining.Load()
}

// HealthAddr is the address of the port for probes, or "".
func (s *Server) HealthAddr() string {
	if s.healthAt == nil {
		return ""
	}
	return s.healthAt.Addr().String()
}
