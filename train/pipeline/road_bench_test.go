package pipeline

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"sluice/featurestore"
	"sluice/featurestore/row"
	"sluice/featurestore/simulate"
	"sluice/featurestore/webrequest"
	"sluice/models/calibration"
	"sluice/models/scorer"
	"sluice/train/gbtree"
)

// roadRequests is how many simulated requests the benchmark reads; the long
// tier reads twenty million.
func roadRequests() int {
	if os.Getenv("SLUICE_LONG") != "" {
		return 20_000_000
	}
	return 300_000
}

// peakMemory is the greatest resident memory of this process so far, in bytes;
// 0 where the system does not tell.
func peakMemory() int64 {
	b, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(b)) {
		if rest, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			kb, _ := strconv.ParseInt(strings.Fields(rest)[0], 10, 64)
			return kb << 10
		}
	}
	return 0
}

// BenchmarkRoad measures the road piece by piece on simulated webrequest logs
// (gzip NDJSON, a month): lines read a second from file to stored month, rows
// trained a second (100 trees), rows scored a second, and the peak memory of
// the whole process, simulation included.
//
//	SLUICE_LONG=1 go test -run '^$' -bench Road -benchtime 1x ./train/pipeline
func BenchmarkRoad(b *testing.B) {
	ctx := context.Background()
	dir := b.TempDir()
	// A pair makes about 13,600 requests at scale 1.
	const pairs = 6845
	w := simulate.Config{Start: row.Month(2024*12 + 5), Months: 1, Rows: pairs, Scale: float64(roadRequests()) / (pairs * 13_600), BackgroundIPs: 20_000}
	sim, err := Simulate(ctx, w, filepath.Join(dir, "world"), simulate.WriteOptions{Gzip: true, Threads: runtime.GOMAXPROCS(0)}, func(Event) {})
	if err != nil {
		b.Fatal(err)
	}
	c := Config{
		World: featurestore.Simulated, Logs: sim.Logs, Labels: sim.Labels["check"], Threads: runtime.GOMAXPROCS(0),
		Web: webrequest.DefaultOptions(webrequest.Wikimedia), Filter: webrequest.DefaultFilter(webrequest.Wikimedia),
	}
	var home string
	b.Run("read", func(b *testing.B) {
		var lines int64
		for i := range b.N {
			home = filepath.Join(dir, fmt.Sprintf("home-%d-%d", b.N, i))
			c.Home = home
			if _, err := Build(ctx, c, func(Event) {}); err != nil {
				b.Fatal(err)
			}
			st, err := featurestore.Open(home, featurestore.OpenOptions{ReadOnly: true})
			if err != nil {
				b.Fatal(err)
			}
			for _, s := range st.Sources() {
				lines += s.Lines
			}
			st.Close()
		}
		b.ReportMetric(float64(lines)/b.Elapsed().Seconds(), "lines/s")
		b.ReportMetric(float64(lines)/float64(b.N), "lines")
		b.ReportMetric(float64(peakMemory())/(1<<20), "peak-MiB")
	})
	st, err := featurestore.Open(home, featurestore.OpenOptions{ReadOnly: true})
	if err != nil {
		b.Fatal(err)
	}
	defer st.Close()
	c.Train = st.Months()[:1]
	c.Columns = nil
	if err := (&c).check(); err != nil {
		b.Fatal(err)
	}
	t, err := readTable(&c, st, "train", c.Train, c.Columns, nil, groupNumbers{})
	if err != nil {
		b.Fatal(err)
	}
	model, _, err := fit(ctx, &c, gbtree.DefaultParams(), DefaultRounds, t.names, t.x, t.float32Labels(), nil)
	if err != nil {
		b.Fatal(err)
	}
	b.Run("train", func(b *testing.B) {
		for b.Loop() {
			if _, _, err := fit(ctx, &c, gbtree.DefaultParams(), DefaultRounds, t.names, t.x, t.float32Labels(), nil); err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric(float64(t.len())*float64(b.N)/b.Elapsed().Seconds(), "rows/s")
	})
	b.Run("score", func(b *testing.B) {
		s, err := scorer.New("bench", model, scorer.NewSchema(t.names, scorer.OperatingPoint{}), &calibration.Calibrator{})
		if err != nil {
			b.Fatal(err)
		}
		for b.Loop() {
			s.ScoreFloat32(t.x, t.len(), c.Threads)
		}
		b.ReportMetric(float64(t.len())*float64(b.N)/b.Elapsed().Seconds(), "rows/s")
		b.ReportMetric(float64(peakMemory())/(1<<20), "peak-MiB")
	})
}
