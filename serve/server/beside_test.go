package server

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"sluice/featurestore/columns"
	"sluice/models/scorer"
	pb "sluice/proto/sluice/v1"
	"sluice/serve/server/client"
)

// The benchmarks of this file hold the service against a bare echo of the same
// messages. Both take turns of slice each, so that whatever else the machine
// does falls on both; one iteration is one turn of each.
const slice = 250 * time.Millisecond

// side is one of those compared. Of all its turns the median counts: a turn in
// which the machine stood still says nothing of the sides.
type side struct {
	call func() error // from several goroutines at a time

	rates []float64 // calls a second, a turn
	cpu   []float64 // processor time a call in seconds, client and server, a turn
	p99   []float64 // of the latency in seconds, a turn
}

func median(v []float64) float64 {
	v = slices.Sorted(slices.Values(v))
	return v[len(v)/2]
}

// over is the median of the turns' ratios.
func over(a, b []float64) float64 {
	ratios := make([]float64, len(a))
	for i := range a {
		ratios[i] = a[i] / b[i]
	}
	return median(ratios)
}

// closed calls from n goroutines, each as soon as it has its answer.
func (s *side) closed(b *testing.B, n int) {
	begun, used := time.Now(), processorTime()
	var calls atomic.Int64
	var all sync.WaitGroup
	for range n {
		all.Go(func() {
			for time.Since(begun) < slice {
				if err := s.call(); err != nil {
					b.Error(err)
					return
				}
				calls.Add(1)
			}
		})
	}
	all.Wait()
	s.rates = append(s.rates, float64(calls.Load())/time.Since(begun).Seconds())
	s.cpu = append(s.cpu, (processorTime()-used).Seconds()/float64(calls.Load()))
}

// open calls at a rate that does not wait for answers: call i is meant to be
// sent at i/rate, and its latency counts from then, whenever one of the n
// goroutines comes to it.
func (s *side) open(b *testing.B, n int, rate float64) {
	total := int(rate * slice.Seconds())
	took := make([]time.Duration, total)
	var next atomic.Int64
	var all sync.WaitGroup
	begun := time.Now()
	for range n {
		all.Go(func() {
			for {
				i := int(next.Add(1)) - 1
				if i >= total {
					return
				}
				meant := begun.Add(time.Duration(float64(i) / rate * float64(time.Second)))
				time.Sleep(time.Until(meant))
				if err := s.call(); err != nil {
					b.Error(err)
					return
				}
				took[i] = time.Since(meant)
			}
		})
	}
	all.Wait()
	slices.Sort(took)
	s.p99 = append(s.p99, took[len(took)*99/100].Seconds())
}

// beside compares: calls a second with n callers, and the latency's 99th
// percentile at half the echo's rate of the same turn, so that a machine that
// slows down is not taken for one that is overloaded.
func beside(b *testing.B, n int, echo, ours *side) {
	warm := side{call: echo.call}
	warm.closed(b, n)
	for turn := 0; b.Loop(); turn++ {
		order := []*side{echo, ours}
		if turn%2 == 1 {
			slices.Reverse(order)
		}
		for _, s := range order {
			s.closed(b, n)
		}
		rate := echo.rates[turn] / 2
		for _, s := range order {
			s.open(b, n, rate)
		}
	}
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(median(echo.rates), "echo-calls/s")
	b.ReportMetric(median(ours.rates), "calls/s")
	b.ReportMetric(over(ours.rates, echo.rates), "of-echo")
	if echo.cpu[0] > 0 {
		b.ReportMetric(over(echo.cpu, ours.cpu), "of-echo-by-cpu")
	}
	b.ReportMetric(1e6*median(echo.p99), "echo-p99-µs")
	b.ReportMetric(1e6*median(ours.p99), "p99-µs")
	b.ReportMetric(over(ours.p99, echo.p99), "p99-of-echo")
}

func BenchmarkBesideEcho(b *testing.B) {
	s := start(b, someLines(200))
	q := &pb.GetIpScoreRequest{Name: "ips/192.0.2.77"}
	score, err := s.client.GetIpScore(ctx, q)
	if err != nil {
		b.Fatal(err)
	}
	bare, bareREST := startEcho(b, score)
	unary := func(c pb.ScoreServiceClient) func() error {
		return func() error {
			_, err := c.GetIpScore(ctx, q)
			return err
		}
	}
	web := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64}}
	rest := func(url string) func() error {
		return func() error {
			a, err := web.Get(url + "/v1/ips/192.0.2.77")
			if err != nil {
				return err
			}
			defer a.Body.Close()
			if _, err := io.Copy(io.Discard, a.Body); err != nil || a.StatusCode != http.StatusOK {
				return fmt.Errorf("HTTP %d, %w", a.StatusCode, err)
			}
			return nil
		}
	}
	for _, n := range []int{1, 16, 64} {
		b.Run(fmt.Sprintf("grpc/callers=%d", n), func(b *testing.B) {
			beside(b, n, &side{call: unary(bare)}, &side{call: unary(s.client)})
		})
	}
	for _, n := range []int{1, 16, 64} {
		b.Run(fmt.Sprintf("rest/callers=%d", n), func(b *testing.B) {
			beside(b, n, &side{call: rest(bareREST)}, &side{call: rest("http://" + s.HTTPAddr())})
		})
	}
}

// BenchmarkBesideStream: what the service makes of the time that an echo's
// message and the prediction of 64 rows take.
func BenchmarkBesideStream(b *testing.B) {
	const rows = 64
	m := benchScorer(b)
	s := start(b, nil, func(c *Config) { c.Models = &oneModel{newFakeModels(), m} })
	bare, _ := startEcho(b, nil)
	values := rowValues(rows)
	x := make([]float32, len(values))
	for i := range x {
		x[i] = float32(values[i])
	}
	through := func(c pb.ScoreServiceClient) func() error {
		stream, err := c.StreamScores(ctx)
		if err != nil {
			b.Fatal(err)
		}
		b.Cleanup(func() { _ = stream.CloseSend() })
		q := &pb.StreamScoresRequest{FeatureNames: columns.Names(), Values: values}
		return func() error {
			if err := stream.Send(q); err != nil {
				return err
			}
			q.FeatureNames = nil
			a, err := stream.Recv()
			if err == nil && len(a.GetConfidences()) != rows {
				err = fmt.Errorf("answer %v", a)
			}
			return err
		}
	}
	echo, ours := &side{call: through(bare)}, &side{call: through(s.client)}
	var scores []scorer.Score
	predict := &side{call: func() error {
		scores = m.AppendScores(scores[:0], x, rows, 1)
		return nil
	}}
	order := []*side{echo, predict, ours}
	for b.Loop() {
		for _, s := range order {
			s.closed(b, 1)
		}
		slices.Reverse(order)
	}
	micros := func(s *side) float64 { return 1e6 / median(s.rates) }
	ratios := make([]float64, len(ours.rates))
	for i := range ratios {
		ratios[i] = ours.rates[i] * (1/echo.rates[i] + 1/predict.rates[i])
	}
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(micros(echo), "echo-µs")
	b.ReportMetric(micros(predict), "predict-µs")
	b.ReportMetric(micros(ours), "µs")
	b.ReportMetric(rows*median(ours.rates), "rows/s")
	b.ReportMetric(median(ratios), "of-both")
}

// BenchmarkRowsEndToEnd sends messages of 1,000 rows with Sluice's client. The
// processor's time, of client and service, tells what a machine that does
// nothing else would reach.
func BenchmarkRowsEndToEnd(b *testing.B) {
	const rows = 1000
	q := &pb.ScoreRowsRequest{FeatureNames: columns.Names(), Values: rowValues(rows)}
	for _, run := range [][2]int{{1, 1}, {1, 2}, {2, 1}, {4, 1}, {4, 2}} {
		n, threads := run[0], run[1]
		b.Run(fmt.Sprintf("callers=%d/threads=%d", n, threads), func(b *testing.B) {
			s := start(b, nil, func(c *Config) { c.Models, c.Threads = &oneModel{newFakeModels(), benchScorer(b)}, threads })
			c, err := client.New(s.GRPCAddr(), client.Options{})
			if err != nil {
				b.Fatal(err)
			}
			defer c.Close()
			ours := &side{call: func() error {
				_, err := c.ScoreRows(context.Background(), q)
				return err
			}}
			for b.Loop() {
				ours.closed(b, n)
			}
			b.ReportMetric(0, "ns/op")
			b.ReportMetric(rows*median(ours.rates), "rows/s")
			if perRow := median(ours.cpu) / rows; perRow > 0 {
				b.ReportMetric(perRow*1e9, "cpu-ns/row")
				b.ReportMetric(2/perRow, "rows/s-of-two-cores")
			}
		})
	}
}
