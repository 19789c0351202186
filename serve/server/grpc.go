package server

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"runtime/debug"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/experimental"
	"google.golang.org/grpc/health"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/reflection"

	"sluice/proto/inference"
	pb "sluice/proto/sluice/v1"
	"sluice/serve/server/wire"
)

// maxMessage bounds a request, over gRPC and REST.
const maxMessage = 16 << 20

// Flow-control windows, in bytes: a message of 1,000 rows is 100 kB, which
// gRPC's own first window of 64 kB would hold up for a round trip.
const (
	streamWindow     = 1 << 20
	connectionWindow = 4 << 20
)

// newGRPC makes the gRPC server with everything registered.
func newGRPC(s *Server) (*grpc.Server, *health.Server) {
	g := grpc.NewServer(append(s.admission(),
		grpc.MaxRecvMsgSize(maxMessage),
		// Workers keep their stacks: a goroutine of its own for each call grows
		// one from nothing, which is a tenth of a call's cost.
		grpc.NumStreamWorkers(uint32(32*runtime.GOMAXPROCS(0))),
		grpc.MaxConcurrentStreams(1024),
		grpc.InitialWindowSize(streamWindow),
		grpc.InitialConnWindowSize(connectionWindow),
		experimental.BufferPool(wire.Buffers),
		grpc.ForceServerCodecV2(wire.Codec),
		grpc.MaxHeaderListSize(16<<10),
		grpc.ConnectionTimeout(10*time.Second),
		grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{MinTime: 10 * time.Second, PermitWithoutStream: true}),
		grpc.KeepaliveParams(keepalive.ServerParameters{MaxConnectionIdle: 15 * time.Minute, Time: 2 * time.Minute, Timeout: 20 * time.Second}),
		grpc.UnaryInterceptor(s.unary),
		grpc.StreamInterceptor(s.stream),
		grpc.UnknownServiceHandler(func(any, grpc.ServerStream) error {
			return errNoRoute(codes.Unimplemented, "there is no such method")
		}),
	)...)
	pb.RegisterScoreServiceServer(g, overGRPC{s.service})
	inference.RegisterGRPCInferenceServiceServer(g, &inferenceService{s: s.service})
	h := health.NewServer()
	healthpb.RegisterHealthServer(g, h)
	if s.guard != nil {
		reflection.Register(g)
	}
	s.methods = methodsOf(g)
	return g, h
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

// overGRPC is the service as gRPC calls it: with messages that nobody else
// holds.
type overGRPC struct{ *service }

// ScoreRows is the service's; the array of the values is used again.
func (o overGRPC) ScoreRows(ctx context.Context, q *pb.ScoreRowsRequest) (*pb.ScoreRowsResponse, error) {
	defer wire.Release(q)
	return o.service.ScoreRows(ctx, q)
}
