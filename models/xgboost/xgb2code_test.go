package xgboost

import (
	"bufio"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"testing"
	"time"

	"sluice/models/ensemble"
)

const xgb2code = "github.com/maxmind/xgb2code@v1.2.0"

// generatedMain drives a generated predict: it answers one command a line.
const generatedMain = `package main

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"math"
	"os"
	"time"
)

const features = 12

func main() {
	data, err := os.ReadFile(os.Args[1])
	if err != nil {
		panic(err)
	}
	x := make([]float32, len(data)/4)
	for i := range x {
		x[i] = math.Float32frombits(binary.LittleEndian.Uint32(data[4*i:]))
	}
	// Its rows are pointers, nil where a value is missing.
	row := make([]*float32, features)
	one := func(r int) float32 {
		for f := range row {
			row[f] = nil
			if v := &x[r*features+f]; *v == *v {
				row[f] = v
			}
		}
		return predict(row, true)
	}
	in := bufio.NewScanner(os.Stdin)
	for in.Scan() {
		var what string
		var n int
		fmt.Sscan(in.Text(), &what, &n)
		switch what {
		case "answer":
			fmt.Printf("%.9g\n", one(n))
		case "batch":
			dst := make([]float32, n)
			start := time.Now()
			for r := range dst {
				dst[r] = one(r)
			}
			fmt.Println(time.Since(start).Seconds())
		case "row":
			var sum float32
			start := time.Now()
			for i := range n {
				sum += one(i % 16384)
			}
			took := time.Since(start).Seconds() / float64(n)
			if sum != sum {
				took = 0
			}
			fmt.Println(took)
		}
	}
}
`

// generate makes a program of the model in dir with xgb2code: from the module
// proxy, or with the built program that SLUICE_XGB2CODE names.
func generate(b *testing.B, dir string) string {
	args := []string{"-function-name", "predict", "-go-package-name", "main", "-input-json", filepath.Join(dir, "model.json"),
		"-output-file", filepath.Join(dir, "predict.go")}
	tool := os.Getenv("SLUICE_XGB2CODE")
	if tool == "" {
		tool, args = "go", append([]string{"run", xgb2code}, args...)
	}
	save(b, filepath.Join(dir, "go.mod"), []byte("module generated\n\ngo 1.24\n"))
	save(b, filepath.Join(dir, "main.go"), []byte(generatedMain))
	cmd := exec.Command(tool, args...)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		b.Skipf("xgb2code cannot be had here (SLUICE_XGB2CODE may name the program): %v: %.200s", err, out)
	}
	program := filepath.Join(dir, "generated")
	cmd = exec.Command("go", "build", "-o", program, ".")
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		b.Fatalf("build what xgb2code generated: %v\n%.500s", err, out)
	}
	return program
}

// BenchmarkAgainstXgb2code runs Sluice and the Go source that xgb2code makes
// of the same model in turn, as BenchmarkAgainstXGBoost does.
func BenchmarkAgainstXgb2code(b *testing.B) {
	const features, rows = 12, 200_000
	source := newOpponent(b) // trains the model
	program := exec.Command(generate(b, source.dir), filepath.Join(source.dir, "rows.f32"))
	program.Stderr = os.Stderr
	in, err := program.StdinPipe()
	if err != nil {
		b.Fatal(err)
	}
	out, err := program.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := program.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		in.Close()
		if err := program.Wait(); err != nil {
			b.Error(err)
		}
	})
	o := &opponent{in: in, out: bufio.NewScanner(out)}
	p := mustPredict(b, source.m, ensemble.PredictorOptions{})
	for r := range 64 {
		x := source.rows[r*features:][:features]
		// It adds the intercept last, so the last digits differ.
		if got, want := o.run(b, "answer "+strconv.Itoa(r)), float64(p.MarginRow(x)); math.Abs(got-want) > 1e-4 {
			b.Fatalf("row %d is %v there and %v here", r, got, want)
		}
	}
	dst := make([]float32, rows)
	var sink float32
	for _, c := range []struct {
		name, command string
		our           func()
		calls         int
	}{
		{"batch", fmt.Sprint("batch ", rows), func() { p.Margin(dst, source.rows, rows, 1) }, 1},
		{"row", "row 20000", func() {
			for i := range 20000 {
				sink += p.MarginRow(source.rows[i%16384*features:][:features])
			}
		}, 20000},
	} {
		b.Run(c.name, func(b *testing.B) {
			var ratios, ours, theirs []float64
			for b.Loop() {
				their := o.run(b, c.command)
				start := time.Now()
				c.our()
				our := time.Since(start).Seconds() / float64(c.calls)
				ratios, ours, theirs = append(ratios, our/their), append(ours, our), append(theirs, their)
			}
			b.ReportMetric(median(ratios), "ratio")
			b.ReportMetric(slices.Max(ratios), "worst-ratio")
			b.ReportMetric(median(ours)*1e6, "sluice-µs")
			b.ReportMetric(median(theirs)*1e6, "xgb2code-µs")
			b.ReportMetric(0, "ns/op")
		})
	}
	_ = sink
	if fi, err := os.Stat(filepath.Join(source.dir, "generated")); err == nil {
		b.Logf("the generated program has %d KB", fi.Size()>>10)
	}
}
