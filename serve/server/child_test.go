package server

import (
	"bufio"
	"context"
	"encoding/base64"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"testing"

	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"

	pb "sluice/proto/sluice/v1"
)

// The benchmarks that compare run the echo and the service as processes of
// their own, as they run in production: in one process the garbage of either,
// and of the client, would stop all of them.

// child is such a process.
type child struct {
	pid        int
	grpc, http string // addresses
}

// childEnv says which child a process is; scoreEnv is what an echo answers with.
const (
	childEnv = "SLUICE_TEST_CHILD"
	scoreEnv = "SLUICE_TEST_SCORE"
)

// startChild starts this program again as "echo" or "service"; it ends with b.
func startChild(b *testing.B, kind string, env ...string) *child {
	b.Helper()
	cmd := exec.Command(os.Args[0], "-test.run=^TestChild$", "-test.timeout=0")
	cmd.Env = append(append(os.Environ(), childEnv+"="+kind), env...)
	cmd.Stderr = os.Stderr
	stdin, err := cmd.StdinPipe()
	if err != nil {
		b.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		_ = stdin.Close()
		_ = cmd.Wait()
	})
	p := &child{pid: cmd.Process.Pid}
	for lines := bufio.NewScanner(stdout); p.http == ""; {
		if !lines.Scan() {
			b.Fatalf("the %s did not start: %v", kind, lines.Err())
		}
		_, _ = fmt.Sscanf(lines.Text(), "child %s %s", &p.grpc, &p.http)
	}
	go func() { _, _ = io.Copy(io.Discard, stdout) }()
	return p
}

// startEchoChild starts an echo that answers with a score.
func startEchoChild(b *testing.B, score *pb.IpScore) *child {
	b.Helper()
	wire, err := proto.Marshal(score)
	if err != nil {
		b.Fatal(err)
	}
	return startChild(b, "echo", scoreEnv+"="+base64.StdEncoding.EncodeToString(wire))
}

// TestChild is the child, in the process that startChild starts.
func TestChild(t *testing.T) {
	kind := os.Getenv(childEnv)
	if kind == "" {
		t.Skip("it is what benchmarks run beside themselves")
	}
	var grpcAt, httpAt string
	switch kind {
	case "echo":
		wire, err := base64.StdEncoding.DecodeString(os.Getenv(scoreEnv))
		if err != nil {
			t.Fatal(err)
		}
		e := &echo{score: &pb.IpScore{}}
		if err := proto.Unmarshal(wire, e.score); err != nil {
			t.Fatal(err)
		}
		grpcAt, httpAt = e.serve(t)
	case "service":
		relaxCollector()
		s := start(t, someLines(200), func(c *Config) {
			c.Models, c.Threads, c.Poll = &oneModel{newFakeModels(), benchScorer(t)}, 0, DefaultPoll
			if os.Getenv(threadsEnv) == "1" {
				c.Threads = 1
			}
		})
		grpcAt, httpAt = s.GRPCAddr(), s.HTTPAddr()
	}
	fmt.Printf("child %s %s\n", grpcAt, httpAt)
	_, _ = io.Copy(io.Discard, os.Stdin) // until the benchmark is done, or gone
}

// threadsEnv bounds the threads of a service's call that scores rows.
const threadsEnv = "SLUICE_TEST_THREADS"

// serve answers with an echo on two ports of loopback until t ends.
func (e *echo) serve(t testing.TB) (grpcAt, httpAt string) {
	t.Helper()
	listen := func() net.Listener {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		return l
	}
	g, l := grpc.NewServer(), listen()
	pb.RegisterScoreServiceServer(g, e)
	go func() { _ = g.Serve(l) }()
	t.Cleanup(g.Stop)
	mux := runtime.NewServeMux(runtime.WithMarshalerOption(runtime.MIMEWildcard, restMarshaler))
	if err := pb.RegisterScoreServiceHandlerServer(context.Background(), mux, e); err != nil {
		t.Fatal(err)
	}
	h, web := &http.Server{Handler: mux}, listen()
	go func() { _ = h.Serve(web) }()
	t.Cleanup(func() { _ = h.Close() })
	return l.Addr().String(), web.Addr().String()
}
