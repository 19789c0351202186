package spark

import (
	"bufio"
	"cmp"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"sluice/featurestore/row"
	"sluice/featurestore/simulate"
	"sluice/featurestore/webrequest"
	"sluice/serve/chart"
)

// envScaling are the numbers of requests that TestScaling runs, by commas.
const envScaling = "SLUICE_SPARK_SCALING"

// spent is what Spark's event log says a run took.
type spent struct {
	Input, Shuffle, Spill int64 // bytes read, written to shuffles, spilt to disk
	ShuffleRecords        int64
	Peak                  int64 // bytes, of the JVM as the system sees it
}

// readEvents adds up the event logs of a folder.
func readEvents(t *testing.T, dir string) (s spent) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() || strings.HasPrefix(d.Name(), "appstatus") {
			return err
		}
		f, err := os.Open(path)
		if err != nil {
			return err
		}
		defer f.Close()
		in := bufio.NewScanner(f)
		in.Buffer(nil, 64<<20)
		for in.Scan() {
			var e struct {
				Event   string
				Metrics struct {
					Spill int64 `json:"Disk Bytes Spilled"`
					Input struct {
						B int64 `json:"Bytes Read"`
					} `json:"Input Metrics"`
					Write struct {
						B int64 `json:"Shuffle Bytes Written"`
						N int64 `json:"Shuffle Records Written"`
					} `json:"Shuffle Write Metrics"`
				} `json:"Task Metrics"`
				Executor map[string]int64 `json:"Executor Metrics"`
			}
			if !strings.Contains(in.Text(), "SparkListenerTaskEnd") && !strings.Contains(in.Text(), "SparkListenerStageExecutorMetrics") || json.Unmarshal(in.Bytes(), &e) != nil {
				continue
			}
			s.Input += e.Metrics.Input.B
			s.Shuffle += e.Metrics.Write.B
			s.ShuffleRecords += e.Metrics.Write.N
			s.Spill += e.Metrics.Spill
			s.Peak = max(s.Peak, e.Executor["ProcessTreeJVMRSSMemory"])
		}
		return in.Err()
	})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// grown is one measurement of TestScaling.
type grown struct {
	Requests    int64   `json:"requests"` // read
	Counted     int64   `json:"counted"`  // by the filter
	Rows        int64   `json:"rows"`
	Seconds     float64 `json:"seconds"`
	CPU         float64 `json:"cpu_seconds"` // of all of Spark's processes, start and planning among it
	PeakMiB     int64   `json:"peak_mib"`
	ReadMiB     int64   `json:"read_mib"`
	ShuffleMiB  int64   `json:"shuffle_mib"`
	ShuffleRows int64   `json:"shuffle_rows"`
	SpiltMiB    int64   `json:"spilt_mib"`
}

const (
	scalingData    = "testdata/scaling.json"
	scalingPicture = "testdata/scaling.svg"
	// comparedUpTo is the largest number of requests of which package build makes
	// rows too, to hold Spark's against.
	comparedUpTo = 20_000_000
)

// TestScaling measures what rows by days cost against requests, on one machine
// with two processors and 4 GiB of heap, adds it to testdata/scaling.json and
// draws the picture that the README shows. Of the costs it asserts nothing; the
// rows are package build's.
//
//	SLUICE_LONG=1 SLUICE_SPARK_SCALING=1000000,10000000,100000000 go test -run 'TestScaling$' -v -timeout 12h ./featurestore/spark
func TestScaling(t *testing.T) {
	if os.Getenv(envScaling) == "" {
		t.Skip("it takes hours: set " + envScaling + "=1000000,10000000,100000000")
	}
	eachSpark(t, func(t *testing.T, s *installed) {
		for _, text := range strings.Split(os.Getenv(envScaling), ",") {
			n, err := strconv.Atoi(text)
			if err != nil {
				t.Fatal(err)
			}
			dir := filepath.Join(os.TempDir(), "sluice-spark-days-"+text)
			if _, err := os.Stat(filepath.Join(dir, "manifest.json")); err != nil {
				w, err := simulate.New(simulate.Config{Seed: 14, Start: august2024, Months: 1, Rows: 6845, Scale: float64(n) / 120e6, BackgroundIPs: n / 100})
				if err != nil {
					t.Fatal(err)
				}
				if _, err := w.Write(t.Context(), dir, simulate.WriteOptions{Format: simulate.Parquet, Threads: 2}); err != nil {
					t.Fatal(err)
				}
			}
			events := t.TempDir()
			ws := Days([]row.Month{august2024}, nil)
			c := onSpark(s, "local[2]", ws, "spark.driver.memory=4g", "spark.sql.shuffle.partitions="+strconv.Itoa(max(8, n/400_000)), "spark.sql.files.maxPartitionBytes=32m",
				"spark.eventLog.enabled=true", "spark.eventLog.compress=false", "spark.eventLog.dir=file://"+events,
				"spark.eventLog.logStageExecutorMetrics=true", "spark.executor.processTreeMetrics.enabled=true", "spark.executor.metrics.pollingInterval=500ms")
			c.Paths = []string{filepath.Join(dir, "logs")}
			begun, before := time.Now(), childrenCPU(t)
			got, res := mustBuild(t, c)
			p := grown{Counted: res.Outcomes["counted"], Rows: res.Rows, Seconds: time.Since(begun).Seconds(), CPU: childrenCPU(t) - before}
			e := readEvents(t, events)
			p.PeakMiB, p.ReadMiB, p.ShuffleMiB, p.ShuffleRows, p.SpiltMiB = e.Peak>>20, e.Input>>20, e.Shuffle>>20, e.ShuffleRecords, e.Spill>>20
			for _, v := range res.Outcomes {
				p.Requests += v
			}
			t.Logf("Spark %s: %+v", res.Version, p)
			addScaling(t, p)
			if n > comparedUpTo {
				continue
			}
			files, _ := filepath.Glob(filepath.Join(dir, "logs", "*.parquet"))
			t.Logf("%d rows, equal in every stored column", sameRows(t, got, byGo(t, files, ws, nil, webrequest.DefaultOptions(webrequest.Wikimedia))))
		}
	})
}

// childrenCPU are the seconds of processors that ended children have taken.
func childrenCPU(t *testing.T) float64 {
	t.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_CHILDREN, &u); err != nil {
		t.Fatal(err)
	}
	return float64(u.Utime.Nano()+u.Stime.Nano()) / 1e9
}

func readScaling(t *testing.T) (points []grown) {
	t.Helper()
	b, err := os.ReadFile(scalingData)
	if os.IsNotExist(err) {
		return nil
	} else if err == nil {
		err = json.Unmarshal(b, &points)
	}
	if err != nil {
		t.Fatal(err)
	}
	return points
}

// addScaling takes up a measurement in the place of one of about as many
// requests, and draws the picture anew.
func addScaling(t *testing.T, p grown) {
	t.Helper()
	points := slices.DeleteFunc(readScaling(t), func(q grown) bool { return math.Abs(math.Log(float64(p.Requests)/float64(q.Requests))) < .1 })
	points = append(points, p)
	slices.SortFunc(points, func(a, b grown) int { return cmp.Compare(a.Requests, b.Requests) })
	b, err := json.MarshalIndent(points, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	for path, text := range map[string]string{scalingData: string(b) + "\n", scalingPicture: drawScaling(points)} {
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// drawScaling draws the measurements, both axes logarithmic, each with the
// exponent of its least squares over the logarithms.
func drawScaling(points []grown) string {
	colour := 0
	series := func(label string, y func(grown) float64) chart.Series {
		colour++
		s := chart.Series{Colour: colour, Dots: true}
		var sx, sy, xx, xy float64
		for _, p := range points {
			s.Points = append(s.Points, chart.Point{X: float64(p.Requests), Y: y(p)})
			lx, ly := math.Log(float64(p.Requests)), math.Log(y(p))
			sx, sy, xx, xy = sx+lx, sy+ly, xx+lx*lx, xy+lx*ly
		}
		k := float64(len(points))
		s.Name = fmt.Sprintf("%s: requests to the power of %.2f", label, (k*xy-sx*sy)/(k*xx-sx*sx))
		return s
	}
	return chart.Alone(chart.Line{
		Head: chart.Head{ID: "spark-scaling", Title: "Spark: time and shuffle against requests", Desc: "Rows by days of a month as Parquet, exact, on two processors and 4 GiB of heap.", Size: chart.Size{Width: 720, Height: 380}},
		X:    chart.Axis{Label: "requests", Log: true}, Y: chart.Axis{Label: "seconds; MiB", Log: true},
		Series: []chart.Series{
			series("processor seconds", func(p grown) float64 { return p.CPU }),
			series("MiB shuffled", func(p grown) float64 { return float64(p.ShuffleMiB) }),
			series("peak MiB", func(p grown) float64 { return float64(p.PeakMiB) }),
		},
	}.SVG())
}

// The picture is that of the measurements beside it.
func TestScalingPicture(t *testing.T) {
	points := readScaling(t)
	if len(points) == 0 {
		t.Skip("nothing was measured")
	}
	want := drawScaling(points)
	if *update {
		if err := os.WriteFile(scalingPicture, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := os.ReadFile(scalingPicture); err != nil || string(got) != want {
		t.Errorf("%s is not what %s gives (%v): draw it with -update", scalingPicture, scalingData, err)
	}
}
