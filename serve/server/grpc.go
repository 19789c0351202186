package server

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"path"
	"runtime/debug"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/experimental"
	"google.golang.org/grpc/health"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/mem"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/reflection"
	"google.golang.org/grpc/status"

	"sluice/proto/inference"
	pb "sluice/proto/sluice/v1"
)

// maxMessage bounds a request, over gRPC and REST.
const maxMessage = 16 << 20

// Flow-control windows, in bytes: a message of 1,000 rows is 100 kB, which
// gRPC's own first window of 64 kB would hold up for a round trip.
const (
	streamWindow     = 1 << 20
	connectionWindow = 4 << 20
)

// buffers holds messages in powers of two. gRPC's own pool has nothing between
// 32 kB and 1 MB, and clears a whole buffer before each use: for 1,000 rows ten
// times what is needed.
var buffers = func() mem.BufferPool {
	p, err := mem.NewBinaryTieredBufferPool(8, 10, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24)
	if err != nil {
		panic(err) // the sizes are constants
	}
	return p
}()

// newGRPC makes the gRPC server with everything registered.
func newGRPC(s *Server) (*grpc.Server, *health.Server) {
	g := grpc.NewServer(
		grpc.MaxRecvMsgSize(maxMessage),
		grpc.MaxConcurrentStreams(1024),
		grpc.InitialWindowSize(streamWindow),
		grpc.InitialConnWindowSize(connectionWindow),
		experimental.BufferPool(buffers),
		grpc.MaxHeaderListSize(16<<10),
		grpc.ConnectionTimeout(10*time.Second),
		grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{MinTime: 10 * time.Second, PermitWithoutStream: true}),
		grpc.KeepaliveParams(keepalive.ServerParameters{Time: 2 * time.Minute, Timeout: 20 * time.Second}),
		grpc.UnaryInterceptor(s.unary),
		grpc.StreamInterceptor(s.stream),
		grpc.UnknownServiceHandler(func(any, grpc.ServerStream) error {
			return errNoRoute(codes.Unimplemented, "there is no such method")
		}),
	)
	pb.RegisterScoreServiceServer(g, s.service)
	inference.RegisterGRPCInferenceServiceServer(g, &inferenceService{s: s.service})
	h := health.NewServer()
	healthpb.RegisterHealthServer(g, h)
	if s.guard != nil {
		reflection.Register(g)
	}
	return g, h
}

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

// panicked logs a panic and gives the error that the caller sees.
func (s *Server) panicked(where string, p any) error {
	s.log.Error("panic", "where", where, "panic", fmt.Sprint(p), "stack", string(debug.Stack()))
	return fmt.Errorf("panic in %s", where)
}

// logged logs what an error tells beyond what its status does.
func (s *Server) logged(where string, err error) {
	if err != nil && !errors.Is(err, io.EOF) {
		s.log.Error("internal error", "where", where, "error", err.Error())
	}
}
