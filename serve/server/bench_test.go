package server

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"sync/atomic"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/protobuf/proto"

	"sluice/featurestore/columns"
	"sluice/models/calibration"
	"sluice/models/ensemble"
	"sluice/models/scorer"
	pb "sluice/proto/sluice/v1"
)

// echo answers with messages that are ready, as large as the service's: what a
// call costs without the service.
type echo struct {
	pb.UnimplementedScoreServiceServer
	score *pb.IpScore
}

func (e *echo) GetIpScore(context.Context, *pb.GetIpScoreRequest) (*pb.IpScore, error) {
	return e.score, nil
}

func (e *echo) StreamScores(stream grpc.BidiStreamingServer[pb.StreamScoresRequest, pb.StreamScoresResponse]) error {
	for {
		q, err := stream.Recv()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		n := len(q.GetValues()) / columns.NumFeatures
		if err := stream.Send(&pb.StreamScoresResponse{ModelVersion: champion, Confidences: make([]float64, n), Verdicts: make([]pb.Verdict, n)}); err != nil {
			return err
		}
	}
}

func startEcho(b *testing.B, score *pb.IpScore) (client pb.ScoreServiceClient, rest string) {
	b.Helper()
	grpcAt, httpAt := (&echo{score: score}).serve(b)
	return dial(b, grpcAt), "http://" + httpAt
}

func dial(b *testing.B, addr string) pb.ScoreServiceClient {
	b.Helper()
	conn, err := grpc.NewClient(addr, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = conn.Close() })
	return pb.NewScoreServiceClient(conn)
}

// callers runs call from n goroutines until b.N calls are made.
func callers(b *testing.B, n int, call func() error) {
	b.ReportAllocs()
	var left atomic.Int64
	left.Store(int64(b.N))
	failed := make(chan error, n)
	b.ResetTimer()
	for range n {
		go func() {
			for left.Add(-1) >= 0 {
				if err := call(); err != nil {
					failed <- err
					return
				}
			}
			failed <- nil
		}()
	}
	for range n {
		if err := <-failed; err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "calls/s")
}

func BenchmarkGetIpScore(b *testing.B) {
	lines := someLines(200)
	s := start(b, lines)
	q := &pb.GetIpScoreRequest{Name: "ips/192.0.2.77"}
	score, err := s.client.GetIpScore(ctx, q)
	if err != nil {
		b.Fatal(err)
	}
	bare, _ := startEcho(b, score)
	for _, n := range []int{1, 16, 64} {
		for _, who := range []struct {
			name   string
			client pb.ScoreServiceClient
		}{{"echo", bare}, {"sluice", s.client}} {
			b.Run(fmt.Sprintf("callers=%d/%s", n, who.name), func(b *testing.B) {
				callers(b, n, func() error {
					_, err := who.client.GetIpScore(ctx, q)
					return err
				})
			})
		}
	}
}

func BenchmarkGetIpScoreREST(b *testing.B) {
	s := start(b, someLines(200))
	score, err := s.client.GetIpScore(ctx, &pb.GetIpScoreRequest{Name: "ips/192.0.2.77"})
	if err != nil {
		b.Fatal(err)
	}
	_, bare := startEcho(b, score)
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64}}
	for _, n := range []int{1, 16, 64} {
		for _, who := range []struct{ name, url string }{{"echo", bare}, {"sluice", "http://" + s.HTTPAddr()}} {
			b.Run(fmt.Sprintf("callers=%d/%s", n, who.name), func(b *testing.B) {
				callers(b, n, func() error {
					a, err := client.Get(who.url + "/v1/ips/192.0.2.77")
					if err != nil {
						return err
					}
					defer a.Body.Close()
					if _, err := io.Copy(io.Discard, a.Body); err != nil || a.StatusCode != http.StatusOK {
						return fmt.Errorf("HTTP %d, %w", a.StatusCode, err)
					}
					return nil
				})
			})
		}
	}
}

// benchScorer is a model of 100 trees of depth 6 on the twelve columns.
func benchScorer(b testing.TB) *scorer.Scorer {
	b.Helper()
	rng := rand.New(rand.NewPCG(7, 8))
	names := columns.Names()
	m := &ensemble.Model{
		Version: [3]int32{3, 4, 1}, Booster: "gbtree", Objective: "binary:logistic", BaseScore: []float32{0.5},
		NumFeature: len(names), FeatureNames: names, NumParallelTree: 1,
	}
	const depth, trees = 6, 100
	for range trees {
		n := 1<<(depth+1) - 1
		t := ensemble.Tree{
			LeftChildren: make([]int32, n), RightChildren: make([]int32, n), Parents: make([]int32, n), SplitIndices: make([]int32, n),
			SplitConditions: make([]float32, n), DefaultLeft: make([]bool, n), LossChanges: make([]float32, n),
			SumHessian: make([]float32, n), BaseWeights: make([]float32, n),
		}
		for i := range n {
			t.Parents[i] = int32(i-1) / 2
			t.SumHessian[i] = 1
			if i >= n/2 {
				t.LeftChildren[i], t.RightChildren[i] = -1, -1
				t.SplitConditions[i] = float32(rng.NormFloat64() / 10)
				continue
			}
			t.LeftChildren[i], t.RightChildren[i] = int32(2*i+1), int32(2*i+2)
			f := rng.IntN(len(names))
			t.SplitIndices[i], t.SplitConditions[i], t.DefaultLeft[i] = int32(f), float32(scaleOf(f)*rng.Float64()), rng.IntN(2) == 0
		}
		t.Parents[0] = 2147483647
		m.Trees = append(m.Trees, t)
		m.TreeInfo = append(m.TreeInfo, 0)
		m.IterationIndptr = append(m.IterationIndptr, int32(len(m.Trees)-1))
	}
	m.IterationIndptr = append(m.IterationIndptr, trees)
	s, err := scorer.New(champion, m, scorer.NewSchema(names, scorer.OperatingPoint{}), &calibration.Calibrator{})
	if err != nil {
		b.Fatal(err)
	}
	return s
}

// oneModel is a Models of one real version.
type oneModel struct {
	*fakeModels
	scorer Scorer
}

func (o *oneModel) Scorer(string) (Scorer, error) { return o.scorer, nil }

func rowValues(n int) []float64 {
	rng := rand.New(rand.NewPCG(3, 4))
	v := make([]float64, n*columns.NumFeatures)
	for i := range v {
		v[i] = scaleOf(i%columns.NumFeatures) * rng.Float64()
	}
	return v
}

// scaleOf is the size of a column's numbers: shares, or counts and sizes.
func scaleOf(feature int) float64 {
	if c, _ := columns.ByName(columns.Names()[feature]); c.Type == columns.Ratio {
		return 1
	}
	return 5000
}

func BenchmarkScoreRows(b *testing.B) {
	for _, threads := range []int{1, 2} {
		s := start(b, nil, func(c *Config) {
			c.Models, c.Threads = &oneModel{newFakeModels(), benchScorer(b)}, threads
		})
		for _, n := range []int{1, 1000, 10_000} {
			b.Run(fmt.Sprintf("threads=%d/rows=%d", threads, n), func(b *testing.B) {
				q := &pb.ScoreRowsRequest{FeatureNames: columns.Names(), Values: rowValues(n)}
				b.SetBytes(int64(proto.Size(q)))
				callers(b, 2, func() error {
					_, err := s.client.ScoreRows(ctx, q)
					return err
				})
				b.ReportMetric(float64(b.N)*float64(n)/b.Elapsed().Seconds(), "rows/s")
			})
		}
	}
}

// BenchmarkStreamScores sends messages of 64 rows; predict is what the model
// alone takes for them.
func BenchmarkStreamScores(b *testing.B) {
	const rows = 64
	m := benchScorer(b)
	s := start(b, nil, func(c *Config) { c.Models = &oneModel{newFakeModels(), m} })
	bare, _ := startEcho(b, nil)
	values := rowValues(rows)
	b.Run("predict", func(b *testing.B) {
		x := make([]float32, len(values))
		for i := range x {
			x[i] = float32(values[i])
		}
		var scores []scorer.Score
		b.ReportAllocs()
		for b.Loop() {
			scores = m.AppendScores(scores[:0], x, rows, 1)
		}
	})
	for _, who := range []struct {
		name   string
		client pb.ScoreServiceClient
	}{{"echo", bare}, {"sluice", s.client}} {
		b.Run(who.name, func(b *testing.B) {
			stream, err := who.client.StreamScores(ctx)
			if err != nil {
				b.Fatal(err)
			}
			q := &pb.StreamScoresRequest{FeatureNames: columns.Names(), Values: values}
			b.ReportAllocs()
			for b.Loop() {
				if err := stream.Send(q); err != nil {
					b.Fatal(err)
				}
				if a, err := stream.Recv(); err != nil || len(a.Confidences) != rows {
					b.Fatal(a, err)
				}
				q.FeatureNames = nil
			}
			b.ReportMetric(rows*float64(b.N)/b.Elapsed().Seconds(), "rows/s")
			_ = stream.CloseSend()
		})
	}
}

func BenchmarkFilter(b *testing.B) {
	m, err := parseFilter(`confidence >= 0.9 AND (verdict = ABUSIVE OR reasons.feature:spider_ratio) AND ip = "192.0.2.*"`)
	if err != nil {
		b.Fatal(err)
	}
	l := testLine("192.0.2.77", 0.95)
	b.ReportAllocs()
	for b.Loop() {
		if !m(&l) {
			b.Fatal("no match")
		}
	}
}
