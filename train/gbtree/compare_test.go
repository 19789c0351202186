//go:build linux

package gbtree

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// collapsed is how much longer than the best of its side a run may take. Beyond
// that another process held a processor: XGBoost's threads then wait for each
// other, and the pair says nothing.
const collapsed = 1.6

// TestCompareSpeed trains the same rows in XGBoost and here, alternately, each
// run in a process of its own, and reports the median over the pairs of the
// ratios Sluice/XGBoost: seconds from rows in memory to the model, processor
// seconds, peak memory. The trees must be equal. Set SLUICE_COMPARE to
// rows,rounds,threads,pairs (1000000,100,2,5 for example), with ,exact after it
// for that tree method.
func TestCompareSpeed(t *testing.T) {
	spec := os.Getenv("SLUICE_COMPARE")
	if spec == "" {
		t.Skip("set SLUICE_COMPARE=rows,rounds,threads,pairs to compare speed with the installed XGBoost")
	}
	var rows, rounds, threads, pairs int
	numbers, isExact := strings.CutSuffix(spec, ",exact")
	method := Hist
	if isExact {
		method = Exact
	}
	if _, err := fmt.Sscanf(numbers, "%d,%d,%d,%d", &rows, &rounds, &threads, &pairs); err != nil {
		t.Fatalf("SLUICE_COMPARE=%s: expected rows,rounds,threads,pairs: %v", spec, err)
	}
	folder := t.TempDir()
	writeCompareCase(t, folder, method, rows, rounds, threads)
	var ours, theirs []effort
	for i := range pairs {
		if i%2 == 0 {
			theirs = append(theirs, compareXGBoost(t, folder))
			ours = append(ours, compareSluice(t, folder, threads))
		} else {
			ours = append(ours, compareSluice(t, folder, threads))
			theirs = append(theirs, compareXGBoost(t, folder))
		}
		t.Logf("pair %d: Sluice %.2f s (%.2f s processor, %.0f MiB), XGBoost %.2f s (%.2f s processor, %.0f MiB)", i,
			ours[i].seconds, ours[i].cpu, ours[i].peak/1024, theirs[i].seconds, theirs[i].cpu, theirs[i].peak/1024)
	}
	reportPairs(t, ours, theirs)
}

func reportPairs(t *testing.T, ours, theirs []effort) {
	t.Helper()
	best := func(es []effort) float64 {
		b := math.Inf(1)
		for _, e := range es {
			b = min(b, e.seconds)
		}
		return b
	}
	ourBest, theirBest := best(ours), best(theirs)
	var seconds, cpu, peak []float64
	for i := range ours {
		cpu = append(cpu, ours[i].cpu/theirs[i].cpu)
		peak = append(peak, ours[i].peak/theirs[i].peak)
		if ours[i].seconds > collapsed*ourBest || theirs[i].seconds > collapsed*theirBest {
			t.Logf("pair %d thrown out: a run took more than %.1f times the best of its side", i, collapsed)
			continue
		}
		seconds = append(seconds, ours[i].seconds/theirs[i].seconds)
	}
	t.Logf("Sluice/XGBoost, median of %d pairs: time %.2f; of %d: processor time %.2f, peak memory %.2f; best against best: time %.2f",
		len(seconds), median(seconds), len(cpu), median(cpu), median(peak), ourBest/theirBest)
}

func median(v []float64) float64 {
	if len(v) == 0 {
		return math.NaN()
	}
	s := slices.Sorted(slices.Values(v))
	return (s[(len(s)-1)/2] + s[len(s)/2]) / 2
}

func writeCompareCase(t *testing.T, folder, method string, rows, rounds, threads int) {
	t.Helper()
	x, y, names := madeUpRows(rows, 42)
	c := randomCase{
		Params: map[string]any{"objective": BinaryLogistic, "tree_method": method, "nthread": threads, "max_depth": 6, "eta": 0.3, "max_bin": 256},
		Rounds: rounds, Cols: len(names), train: randomRows{x: x, y: y},
	}
	c.write(t, folder)
	runtime.GC()
}

func compareXGBoost(t *testing.T, folder string) effort {
	t.Helper()
	var e effort
	t.Run("xgboost", func(t *testing.T) { // its process ends with the subtest
		var err error
		if e, err = startXGBoost(t).train(folder); err != nil {
			t.Fatal(err)
		}
	})
	if e.seconds == 0 {
		t.SkipNow()
	}
	return e
}

// compareSluice runs TestCompareChild in a process of its own.
func compareSluice(t *testing.T, folder string, threads int) effort {
	t.Helper()
	cmd := exec.Command(os.Args[0], "-test.run=^TestCompareChild$", "-test.v")
	cmd.Env = append(os.Environ(), "SLUICE_COMPARE_FOLDER="+folder, "GOMAXPROCS="+strconv.Itoa(threads))
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	_, rest, found := strings.Cut(string(out), "effort ")
	if !found {
		t.Fatalf("no result:\n%s", out)
	}
	var e effort
	if _, err := fmt.Sscan(rest, &e.seconds, &e.cpu, &e.peak); err != nil {
		t.Fatal(err)
	}
	return e
}

// TestCompareChild is one run of TestCompareSpeed.
func TestCompareChild(t *testing.T) {
	folder := os.Getenv("SLUICE_COMPARE_FOLDER")
	if folder == "" {
		t.Skip("only started by TestCompareSpeed")
	}
	b, err := os.ReadFile(filepath.Join(folder, "case.json"))
	if err != nil {
		t.Fatal(err)
	}
	var c randomCase
	if err := json.Unmarshal(b, &c); err != nil {
		t.Fatal(err)
	}
	c.train = randomRows{x: loadFloats(t, filepath.Join(folder, "x.bin")), y: loadFloats(t, filepath.Join(folder, "y.bin"))}
	p, err := ParseParams(c.Params)
	if err != nil {
		t.Fatal(err)
	}
	start, cpu := time.Now(), cpuSeconds(t)
	d := c.train.matrix(t, c.Cols)
	r, err := Train(context.Background(), p, d, Options{Rounds: c.Rounds})
	if err != nil {
		t.Fatal(err)
	}
	seconds := time.Since(start).Seconds()
	cpu = cpuSeconds(t) - cpu
	fmt.Printf("\neffort %v %v %v\n", seconds, cpu, peakKiB(t))
	model := filepath.Join(folder, "model.json")
	if _, err := os.Stat(model); err != nil {
		return // XGBoost comes second in this pair
	}
	want := readModel(t, model)
	for i := range want.trees {
		if diff := diffTree(&r.Model.Trees[i], &want.trees[i]); diff != "" {
			t.Fatalf("tree %d: %s", i, diff)
		}
	}
}

// loadFloats reads a file in pieces: the rows and a copy of the file at once
// would be the peak that is measured.
func loadFloats(t *testing.T, path string) []float32 {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		t.Fatal(err)
	}
	v := make([]float32, info.Size()/4)
	buf := make([]byte, 1<<16)
	for at := 0; at < len(v); {
		n, err := f.Read(buf[:min(len(buf), 4*(len(v)-at))])
		if err != nil || n%4 != 0 {
			t.Fatal(n, err)
		}
		for i := 0; i < n; i += 4 {
			v[at] = math.Float32frombits(uint32(buf[i]) | uint32(buf[i+1])<<8 | uint32(buf[i+2])<<16 | uint32(buf[i+3])<<24)
			at++
		}
	}
	return v
}

func cpuSeconds(t *testing.T) float64 {
	t.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		t.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano()).Seconds()
}

// peakKiB is the largest resident size of this program. The kernel's ru_maxrss
// would count the process that started it too.
func peakKiB(t *testing.T) (kib int) {
	t.Helper()
	b, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(b), "VmHWM:")
	if _, err := fmt.Sscan(rest, &kib); err != nil {
		t.Fatal(err)
	}
	return kib
}
