package server

import (
	"context"
	"log/slog"
	"path"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
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
	case "ExportFeed", "ListFeedChanges", "LatestFeed":
		return roleFeed
	case "ListModelVersions", "GetModelVersion", "ServerLive", "ServerReady", "ModelReady", "ServerMetadata", "ModelMetadata":
		return needAny
	case "healthz", "readyz":
		return needNothing
	case "metrics", "openapi", "pprof":
		return roleAdmin
	}
	return roleScore
}

func (s *Server) unary(ctx context.Context, q any, info *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (a any, err error) {
	begun := time.Now()
	defer func() {
		if p := recover(); p != nil {
			err = s.panicked(info.FullMethod, p)
		}
		if err != nil {
			a, err = nil, rpcError(err)
		}
		s.finish(ctx, "grpc", path.Base(info.FullMethod), begun, err)
	}()
	if err := s.admit(ctx, info.FullMethod); err != nil {
		return nil, err
	}
	return handler(ctx, q)
}

func (s *Server) stream(srv any, stream grpc.ServerStream, info *grpc.StreamServerInfo, handler grpc.StreamHandler) (err error) {
	begun := time.Now()
	defer func() {
		if p := recover(); p != nil {
			err = s.panicked(info.FullMethod, p)
		}
		if _, already := status.FromError(err); err != nil && !already {
			err = rpcError(err)
		}
		s.finish(stream.Context(), "grpc", path.Base(info.FullMethod), begun, err)
	}()
	if err := s.admit(stream.Context(), info.FullMethod); err != nil {
		return err
	}
	return handler(srv, stream)
}

// admit lets a call in or gives the reason why not.
func (s *Server) admit(ctx context.Context, method string) error {
	if s.guard == nil {
		return nil // without reading the call's metadata
	}
	return s.guard.allow(grpcNeeds(method), authorization(ctx))
}

func authorization(ctx context.Context) string {
	if v := metadata.ValueFromIncomingContext(ctx, "authorization"); len(v) == 1 {
		return v[0]
	}
	return ""
}

// finish counts a request and, where it went wrong through our fault, logs it.
func (s *Server) finish(ctx context.Context, transport, method string, begun time.Time, err error) {
	took := time.Since(begun)
	code := status.Code(err)
	s.metrics.observe(transport, method, code, took)
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
