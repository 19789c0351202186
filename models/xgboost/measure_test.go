package xgboost

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"sluice/models/ensemble"
)

// opponent is an installed XGBoost, driven through testdata/measure.py.
type opponent struct {
	in   io.Writer
	out  *bufio.Scanner
	dir  string
	rows []float32
	m    *ensemble.Model
}

func newOpponent(b *testing.B) *opponent {
	python, _, _ := strings.Cut(os.Getenv("SLUICE_XGBOOST_PYTHON"), ":")
	if python == "" {
		b.Skip("SLUICE_XGBOOST_PYTHON names no Python with XGBoost")
	}
	o := &opponent{dir: b.TempDir()}
	cmd := exec.Command(python, "-W", "ignore", filepath.Join("testdata", "measure.py"), o.dir)
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		b.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		in.Close()
		if err := cmd.Wait(); err != nil {
			b.Error(err)
		}
	})
	o.in, o.out = in, bufio.NewScanner(out)
	if !o.out.Scan() {
		b.Fatal("no answer")
	}
	b.Logf("XGBoost %s", strings.TrimPrefix(o.out.Text(), "ready "))
	data, err := os.ReadFile(filepath.Join(o.dir, "rows.f32"))
	if err != nil {
		b.Fatal(err)
	}
	o.rows = floats(data)
	if o.m, err = ReadFile(filepath.Join(o.dir, "model.json")); err != nil {
		b.Fatal(err)
	}
	return o
}

func (o *opponent) run(b *testing.B, command string) float64 {
	fmt.Fprintln(o.in, command)
	if !o.out.Scan() {
		b.Fatalf("no answer to %s", command)
	}
	s, err := strconv.ParseFloat(o.out.Text(), 64)
	if err != nil {
		b.Fatal(err)
	}
	return s
}

// BenchmarkAgainstXGBoost runs Sluice and an installed XGBoost in turn, a pair
// per iteration, and reports the median of the pairs' ratios: below 1 Sluice
// is faster. For seven pairs:
//
//	SLUICE_XGBOOST_PYTHON=… go test -run xxx -bench AgainstXGBoost -benchtime 7x
func BenchmarkAgainstXGBoost(b *testing.B) {
	o := newOpponent(b)
	p := mustPredict(b, o.m, ensemble.PredictorOptions{})
	const features = 12
	n := len(o.rows) / features
	dst := make([]float32, n)
	phi := make([]float32, 4000*(features+1))
	p.Contributions(phi, o.rows, 1, 1) // prepares what is prepared once
	var sink float32
	for _, c := range []struct {
		name, command string
		one           func()
		times         int
	}{
		{"predict/1", "predict 1", func() { p.Margin(dst, o.rows, n, 1) }, 1},
		{"predict/2", "predict 2", func() { p.Margin(dst, o.rows, n, 2) }, 1},
		{"row", "row", func() {
			for r := range 64 {
				sink += p.MarginRow(o.rows[r*features:][:features])
			}
		}, 500},
		{"contributions/1", "contributions 1", func() { p.Contributions(phi, o.rows, 4000, 1) }, 1},
		{"contributions/2", "contributions 2", func() { p.Contributions(phi, o.rows, 4000, 2) }, 1},
		{"load", "load", func() {
			if _, err := ReadFile(filepath.Join(o.dir, "model.json")); err != nil {
				b.Fatal(err)
			}
		}, 3},
	} {
		b.Run(c.name, func(b *testing.B) {
			var ratios, ours, theirs []float64
			for b.Loop() {
				their := o.run(b, c.command)
				start := time.Now()
				for range c.times {
					c.one()
				}
				our := time.Since(start).Seconds() / float64(c.times)
				if c.name == "row" {
					our /= 64
				}
				ratios, ours, theirs = append(ratios, our/their), append(ours, our), append(theirs, their)
			}
			b.ReportMetric(median(ratios), "ratio")
			b.ReportMetric(slices.Max(ratios), "worst-ratio")
			b.ReportMetric(median(ours)*1e6, "sluice-µs")
			b.ReportMetric(median(theirs)*1e6, "xgboost-µs")
			b.ReportMetric(0, "ns/op")
		})
	}
	b.Run("peak", func(b *testing.B) {
		for b.Loop() {
			b.ReportMetric(peakMemory(b), "sluice-MB")
			b.ReportMetric(o.run(b, "peak"), "xgboost-MB")
			b.ReportMetric(0, "ns/op")
		}
	})
	_ = sink
}

func median(a []float64) float64 {
	s := slices.Sorted(slices.Values(a))
	return (s[(len(s)-1)/2] + s[len(s)/2]) / 2
}

// peakMemory is this process's peak resident memory in MB, 0 where the system
// does not tell.
func peakMemory(b *testing.B) float64 {
	data, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0
	}
	for line := range strings.SplitSeq(string(data), "\n") {
		if f := strings.Fields(line); len(f) == 3 && f[0] == "VmHWM:" {
			kb, err := strconv.ParseFloat(f[1], 64)
			if err != nil {
				b.Fatal(err)
			}
			return kb / 1024
		}
	}
	return 0
}
