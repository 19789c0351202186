package server

import (
	"context"
	"log/slog"
	"path"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/peer"
	"google.golang.org/grpc/status"
	"google.golang.org/grpc/tap"
	"google.golang.org/protobuf/proto"
)

// grpcNeeds is what a gRPC method asks of its caller.
func grpcNeeds(method string) string {
	switch {
	case strings.HasPrefix(method, "/grpc.health.v1."):
		return needNothing
	case strings.HasPrefix(method, "/grpc.reflection."):
		return roleAdmin
	}
	return needs(path.Base(method))
}

// needs is what an RPC, or the route that stands for it, asks of its caller.
func needs(rpc string) string {
	switch rpc {
	case "ExportFeed", "ListFeedChanges", "ListOverrides", "LatestFeed":
		return roleFeed
	case "ListModelVersions", "GetModelVersion", "ServerLive", "ServerReady", "ModelReady", "ServerMetadata", "ModelMetadata", routePage:
		return needAny
	case "healthz", "readyz":
		return needNothing
	case "metrics", "openapi", "pprof":
		return roleAdmin
	}
	return roleScore
}

// mayTakeLong are the methods that read more than a few lines: their context
// ends with the call's time. The others end by themselves in milliseconds.
func mayTakeLong(method string) bool {
	switch method {
	case "ExplainIp", "ListIpScores", "GetPrefixScores", "ListFeedChanges", "ListModelVersions", "GetModelVersion", "ListOverrides", routePage:
		return true
	}
	return false
}

// admission is what of a gRPC server's options lets calls in.
func (s *Server) admission() []grpc.ServerOption {
	o := append(s.traces.grpcOptions(s), grpc.InTapHandle(s.tap))
	if s.certs != nil {
		o = append(o, grpc.Creds(credentials.NewTLS(s.certs.config("h2"))))
	}
	return o
}

// methodsOf are the full names of a server's methods, and whether they stream.
func methodsOf(g *grpc.Server) map[string]bool {
	all := map[string]bool{}
	for name, service := range g.GetServiceInfo() {
		for _, m := range service.Methods {
			all["/"+name+"/"+m.Name] = m.IsClientStream || m.IsServerStream
		}
	}
	return all
}

// methodName is a method as metrics and logs have it. What the service does not
// have is one name, so that callers can't make up metrics.
func (s *Server) methodName(full string) string {
	if _, ok := s.methods[full]; !ok {
		return "none"
	}
	return path.Base(full)
}

// tap lets a call in, or not, on its headers, before a byte of its message is
// read, and gives it the time that it may take: whoever sends slowly, or reads
// slowly, is cut off by it too. It runs on the connection's own goroutine.
func (s *Server) tap(ctx context.Context, info *tap.Info) (context.Context, error) {
	begun := time.Now()
	streams := s.methods[info.FullMethodName]
	c := &call{caller: s.local}
	if s.guard != nil {
		var err error
		if c.caller, err = s.identify(ctx, info); err != nil {
			err = rpcError(err)
			s.finish(ctx, "grpc", s.methodName(info.FullMethodName), nil, begun, err)
			return ctx, err
		}
	}
	limit := s.config.Limits.CallTime
	switch {
	case streams:
		limit = s.config.Limits.StreamTime
	case s.guard == nil && !mayTakeLong(path.Base(info.FullMethodName)):
		limit = 0 // a caller of this machine who sends slowly harms itself alone
	}
	if limit > 0 {
		until := begun.Add(limit)
		if c.caller != nil && streams && !c.caller.until.IsZero() && c.caller.until.Before(until) {
			until = c.caller.until
		}
		ctx, c.cancel = context.WithDeadline(ctx, until)
	}
	if streams && c.caller != nil && c.cancel != nil {
		// A stream ends with its token. What is registered with the caller goes
		// when the stream does.
		stop := context.AfterFunc(c.caller.gone, c.cancel)
		context.AfterFunc(ctx, func() { stop() })
	}
	if c.caller == nil || s.guard == nil && !c.caller.counts() {
		return ctx, nil
	}
	return context.WithValue(ctx, callKey{}, c), nil
}

// identify says who calls and whether it may. A nil caller is nobody, where the
// method asks for nobody.
func (s *Server) identify(ctx context.Context, info *tap.Info) (*caller, error) {
	need := grpcNeeds(info.FullMethodName)
	if need == needNothing {
		return nil, nil
	}
	secret := ""
	if v := info.Header["authorization"]; len(v) == 1 {
		secret = bearer(v[0])
	}
	var t credentials.TLSInfo
	if p, ok := peer.FromContext(ctx); ok {
		t, _ = p.AuthInfo.(credentials.TLSInfo)
	}
	c, err := s.guard.who(secret, leaf(&t.State))
	if err != nil {
		return nil, err
	}
	return c, c.may(need)
}

// counts reports whether rows or bytes have to be counted for the caller.
func (c *caller) counts() bool { return c.limits.Rows > 0 || c.limits.Bytes > 0 }

// callerOf is who makes a call that tap let in.
func (s *Server) callerOf(ctx context.Context) *caller {
	if s.guard == nil {
		return s.local
	}
	return callerOf(ctx)
}

func (s *Server) unary(ctx context.Context, q any, info *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (a any, err error) {
	begun := time.Now()
	about := s.audit.subject(q) // handlers may use the message's arrays again
	defer func() {
		if p := recover(); p != nil {
			err = s.panicked(info.FullMethod, p)
		}
		if err != nil {
			a, err = nil, rpcError(err)
		}
		s.finish(ctx, "grpc", path.Base(info.FullMethod), about, begun, err)
	}()
	c := s.callerOf(ctx)
	if err := c.begin(begun); err != nil {
		return nil, err
	}
	defer c.end()
	a, err = handler(ctx, q)
	if c != nil && c.limits.Bytes > 0 {
		c.bytes.charge(messageSize(q)+messageSize(a), time.Now())
	}
	return a, err
}

func (s *Server) stream(srv any, stream grpc.ServerStream, info *grpc.StreamServerInfo, handler grpc.StreamHandler) (err error) {
	begun := time.Now()
	ctx := stream.Context()
	defer func() {
		if p := recover(); p != nil {
			err = s.panicked(info.FullMethod, p)
		}
		if _, already := status.FromError(err); err != nil && !already {
			err = rpcError(err)
		}
		s.finish(ctx, "grpc", s.methodName(info.FullMethod), nil, begun, err)
	}()
	c := s.callerOf(ctx)
	if err := c.begin(begun); err != nil {
		return err
	}
	defer c.end()
	if c != nil && c.limits.Bytes > 0 {
		stream = &pacedStream{stream, c}
	}
	return handler(srv, stream)
}

// pacedStream holds a stream to its caller's bytes a second.
type pacedStream struct {
	grpc.ServerStream
	caller *caller
}

func (p *pacedStream) RecvMsg(m any) error {
	if err := p.ServerStream.RecvMsg(m); err != nil {
		return err
	}
	return p.caller.pace(p.Context(), messageSize(m))
}

func (p *pacedStream) SendMsg(m any) error {
	if err := p.caller.pace(p.Context(), messageSize(m)); err != nil {
		return err
	}
	return p.ServerStream.SendMsg(m)
}

// pace waits until the caller may send or receive n bytes more.
func (c *caller) pace(ctx context.Context, n float64) error {
	for {
		wait := c.bytes.take(n, time.Now())
		if wait == 0 {
			return nil
		}
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func messageSize(m any) float64 {
	if m, ok := m.(proto.Message); ok {
		return float64(proto.Size(m))
	}
	return 0
}

// finish counts a request, writes it to the audit log and, where it went wrong
// through our fault, to the log.
func (s *Server) finish(ctx context.Context, transport, method string, about []slog.Attr, begun time.Time, err error) {
	took := time.Since(begun)
	code := status.Code(err)
	s.metrics.observe(transport, method, code, took)
	s.audit.record(ctx, s.callerOf(ctx), transport, method, about, code, took)
	level := slog.LevelDebug
	switch code {
	case codes.Internal, codes.Unknown, codes.DataLoss:
		level = slog.LevelError
	}
	if !s.log.Enabled(ctx, level) {
		return
	}
	attrs := []slog.Attr{
		slog.String("transport", transport), slog.String("method", method),
		slog.String("code", code.String()), slog.Duration("took", took),
	}
	if err != nil {
		attrs = append(attrs, slog.String("error", err.Error()))
	}
	s.log.LogAttrs(ctx, level, "request", attrs...)
}
