package server

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"slices"
	"testing"

	"sluice/featurestore/columns"
	"sluice/models/scorer"
	pb "sluice/proto/sluice/v1"
	"sluice/serve/server/client"
)

// load is the share of the echo's rate at which calls are sent where latency is
// measured: one fixed rate for both sides of a comparison.
const load = 0.6

// beside compares calls a second with n callers, and the processor's time and the
// latency of a call, each sent as soon as the one before is answered.
func beside(b *testing.B, n int, echo, ours *side) {
	sides := []*side{echo, ours}
	var closed blocks
	warm(b, n, sides)
	for b.Loop() {
		closed.take(sides, func(s *side) *turn { return s.closed(b, n) })
	}
	closed = closed.calm()
	reportRates(b, closed)
	reportLatency(b, "p99-closed", closed)
}

// besideOpen compares the latency at a rate that waits for no answer as well.
func besideOpen(b *testing.B, n int, echo, ours *side) {
	sides := []*side{echo, ours}
	var closed, open blocks
	sent := load * warm(b, n, sides).sum(0).rate()
	for b.Loop() {
		closed.take(sides, func(s *side) *turn { return s.closed(b, n) })
		open.take(sides, func(s *side) *turn { return s.open(b, n, sent) })
	}
	closed, open = closed.calm(), open.calm()
	reportRates(b, closed)
	reportLatency(b, "p99-closed", closed)
	b.ReportMetric(sent, "open-calls/s")
	reportLatency(b, "p99-open", open)
}

// warm gives every side two turns that don't count, but for the rate to send at.
func warm(b *testing.B, n int, sides []*side) (k blocks) {
	k.take(sides, func(s *side) *turn { return s.closed(b, n) })
	return k
}

func reportRates(b *testing.B, k blocks) {
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(k.sum(1).rate(), "calls/s")
	k.report(b, "of-echo", func(k blocks) float64 { return k.sum(1).rate() / k.sum(0).rate() })
	if k.sum(0).cpu > 0 {
		b.ReportMetric(k.sum(0).perCall()/k.sum(1).perCall(), "of-echo-by-cpu")
	}
}

// reportLatency reports the 99th percentile of all calls together, and beside its
// ratio the median of the blocks' own ratios, on which one moment in which the
// machine stood still weighs less.
func reportLatency(b *testing.B, name string, k blocks) {
	b.ReportMetric(1e6*k.sum(0).p99(), name+"-echo-µs")
	b.ReportMetric(1e6*k.sum(1).p99(), name+"-µs")
	k.report(b, name+"-of-echo", func(k blocks) float64 { return k.sum(1).p99() / k.sum(0).p99() })
	k.report(b, name+"-of-echo-by-block", func(k blocks) float64 {
		ratios := make([]float64, len(k))
		for i := range k {
			ratios[i] = k[i][1].p99() / k[i][0].p99()
		}
		slices.Sort(ratios)
		return (ratios[(len(ratios)-1)/2] + ratios[len(ratios)/2]) / 2
	})
	b.ReportMetric(100*k.others(), name+"-others-%")
}

// BenchmarkBesideEcho holds stored scores against messages of the same size that
// a bare server echoes.
func BenchmarkBesideEcho(b *testing.B) {
	service := startChild(b, "service")
	q := &pb.GetIpScoreRequest{Name: "ips/192.0.2.77"}
	score, err := dial(b, service.grpc).GetIpScore(ctx, q)
	if err != nil {
		b.Fatal(err)
	}
	bare := startEchoChild(b, score)
	unary := func(p *child) *side {
		c := dial(b, p.grpc)
		return &side{pids: []int{p.pid}, call: func() error {
			_, err := c.GetIpScore(ctx, q)
			return err
		}}
	}
	web := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64}}
	rest := func(p *child) *side {
		return &side{pids: []int{p.pid}, call: func() error {
			a, err := web.Get("http://" + p.http + "/v1/ips/192.0.2.77")
			if err != nil {
				return err
			}
			defer a.Body.Close()
			if _, err := io.Copy(io.Discard, a.Body); err != nil || a.StatusCode != http.StatusOK {
				return fmt.Errorf("HTTP %d, %w", a.StatusCode, err)
			}
			return nil
		}}
	}
	for _, n := range []int{1, 16, 64} {
		b.Run(fmt.Sprintf("grpc/callers=%d", n), func(b *testing.B) { besideOpen(b, n, unary(bare), unary(service)) })
	}
	for _, n := range []int{1, 16, 64} {
		b.Run(fmt.Sprintf("rest/callers=%d", n), func(b *testing.B) { beside(b, n, rest(bare), rest(service)) })
	}
}

// BenchmarkBesideStream: what the service makes of the time that an echo's
// message and the prediction of 64 rows take.
func BenchmarkBesideStream(b *testing.B) {
	const rows = 64
	values := rowValues(rows)
	through := func(p *child) *side {
		stream, err := dial(b, p.grpc).StreamScores(ctx)
		if err != nil {
			b.Fatal(err)
		}
		b.Cleanup(func() { _ = stream.CloseSend() })
		q := &pb.StreamScoresRequest{FeatureNames: columns.Names(), Values: values}
		return &side{pids: []int{p.pid}, call: func() error {
			if err := stream.Send(q); err != nil {
				return err
			}
			q.FeatureNames = nil
			a, err := stream.Recv()
			if err == nil && len(a.GetConfidences()) != rows {
				err = fmt.Errorf("answer %v", a)
			}
			return err
		}}
	}
	m := benchScorer(b)
	x := make([]float32, len(values))
	for i := range x {
		x[i] = float32(values[i])
	}
	var scores []scorer.Score
	predict := &side{call: func() error {
		scores = m.AppendScores(scores[:0], x, rows, 1)
		return nil
	}}
	sides := []*side{through(startEchoChild(b, &pb.IpScore{})), predict, through(startChild(b, "service", threadsEnv+"=1"))}
	var all blocks
	for b.Loop() {
		all.take(sides, func(s *side) *turn { return s.closed(b, 1) })
	}
	all = all.calm()
	micros := func(k blocks, i int) float64 { return 1e6 / k.sum(i).rate() }
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(micros(all, 0), "echo-µs")
	b.ReportMetric(micros(all, 1), "predict-µs")
	b.ReportMetric(micros(all, 2), "µs")
	b.ReportMetric(rows*all.sum(2).rate(), "rows/s")
	all.report(b, "of-both", func(k blocks) float64 { return (micros(k, 0) + micros(k, 1)) / micros(k, 2) })
	b.ReportMetric(100*all.others(), "others-%")
}

// BenchmarkBesideRows sends messages of 1,000 rows with Sluice's client and
// tells how many rows a second are scored: the median of the blocks. The
// processor's time, of client and service, tells what a machine that does
// nothing else would reach.
func BenchmarkBesideRows(b *testing.B) {
	const rows = 1000
	q := &pb.ScoreRowsRequest{FeatureNames: columns.Names(), Values: rowValues(rows)}
	for _, run := range [][2]int{{1, 1}, {1, 2}, {2, 1}, {4, 1}} {
		n, threads := run[0], run[1]
		b.Run(fmt.Sprintf("callers=%d/threads=%d", n, threads), func(b *testing.B) {
			p := startChild(b, "service", fmt.Sprintf("%s=%d", threadsEnv, threads))
			c, err := client.New(p.grpc, client.Options{})
			if err != nil {
				b.Fatal(err)
			}
			defer c.Close()
			sides := []*side{{pids: []int{p.pid}, call: func() error {
				_, err := c.ScoreRows(context.Background(), q)
				return err
			}}}
			var all blocks
			for b.Loop() {
				all.take(sides, func(s *side) *turn { return s.closed(b, n) })
			}
			all = all.calm()
			rates := make([]float64, len(all))
			for i := range rates {
				rates[i] = rows * all[i][0].rate()
			}
			slices.Sort(rates)
			b.ReportMetric(0, "ns/op")
			b.ReportMetric(rates[len(rates)/2], "rows/s")
			b.ReportMetric(rates[0], "rows/s-low")
			b.ReportMetric(rates[len(rates)-1], "rows/s-high")
			if perRow := all.sum(0).perCall() / rows; perRow > 0 {
				b.ReportMetric(perRow*1e9, "cpu-ns/row")
				b.ReportMetric(2/perRow, "rows/s-of-two-cores")
			}
			b.ReportMetric(100*all.others(), "others-%")
		})
	}
}
