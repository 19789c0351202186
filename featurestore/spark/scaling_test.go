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
	"sluice/serve/chart/charttest"
)

// envScaling are the numbers of requests that TestScaling runs, by commas.
const envScaling = "SLUICE_SPARK_SCALING"

// spent is what Spark's event log says a run took.
type spent struct {
	Input, Shuffle, Spill int64 // bytes read, written to shuffles, spilt to disk
	ShuffleRecords        int64
	Peak                  int64         // bytes, of the JVM as the system sees it
	Tasks, Scan           time.Duration // of processors: all tasks, and those of the stage that reads most
}

// readEvents adds up the event logs of a folder.
func readEvents(t *testing.T, dir string) (s spent) {
	t.Helper()
	type stage struct{ input, cpu int64 }
	stages := map[int]stage{}
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
				Stage   int `json:"Stage ID"`
				Metrics struct {
					CPU   int64 `json:"Executor CPU Time"` // nanoseconds
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
			st := stages[e.Stage]
			stages[e.Stage] = stage{st.input + e.Metrics.Input.B, st.cpu + e.Metrics.CPU}
			s.Peak = max(s.Peak, e.Executor["ProcessTreeJVMRSSMemory"])
		}
		return in.Err()
	})
	if err != nil {
		t.Fatal(err)
	}
	var most int64
	for _, st := range stages {
		s.Tasks += time.Duration(st.cpu)
		if st.input > most {
			most, s.Scan = st.input, time.Duration(st.cpu)
		}
	}
	return s
}

// grown is one measurement of TestScaling.
type grown struct {
	Requests    int64   `json:"requests"` // read
	Counted     int64   `json:"counted"`  // by the filter
	Rows        int64   `json:"rows"`
	Seconds     float64 `json:"seconds"`
	CPU         float64 `json:"cpu_seconds"`      // of all of Spark's processes, start and planning among it
	TaskCPU     float64 `json:"task_cpu_seconds"` // of it the tasks'
	ScanCPU     float64 `json:"scan_cpu_seconds"` // of it reading and the first grouping
	PeakMiB     int64   `json:"peak_mib"`
	ReadMiB     int64   `json:"read_mib"`
	ShuffleMiB  int64   `json:"shuffle_mib"`
	ShuffleRows int64   `json:"shuffle_rows"`
	SpiltMiB    int64   `json:"spilt_mib"`
}

const (
	scalingData = "testdata/scaling.json"
	// comparedUpTo is the largest number of requests of which package build makes
	// rows too, to hold Spark's against.
	comparedUpTo = 200_000_000
)

// scalingWorld is a month of about n requests. Only the number of clients grows
// with n: each window's and each background client has the same draws of
// requests whatever n is, so that the points differ in size and in nothing else.
func scalingWorld(n int) simulate.Config {
	per := float64(n) / 11.7e6
	return simulate.Config{Seed: 14, Start: august2024, Months: 1, Rows: int(6845 * per), Scale: 1. / 12, BackgroundIPs: int(100_000 * per)}
}

// TestScaling measures what rows by days cost against requests, on one machine
// with two processors and 4 GiB of heap, adds it to testdata/scaling.json and
// draws the picture that the README shows. Of the costs it asserts nothing; the
// rows are package build's. What it reads stays in the folder for temporary
// files, for the next time.
//
//	SLUICE_LONG=1 SLUICE_SPARK_SCALING=1000000,11700000,30000000,100000000 go test -run 'TestScaling$' -v -timeout 12h ./featurestore/spark
func TestScaling(t *testing.T) {
	if os.Getenv(envScaling) == "" {
		t.Skip("it takes hours: set " + envScaling + "=1000000,11700000,30000000,100000000")
	}
	eachSpark(t, func(t *testing.T, s *installed) {
		for _, text := range strings.Split(os.Getenv(envScaling), ",") {
			n, err := strconv.Atoi(text)
			if err != nil {
				t.Fatal(err)
			}
			world := scalingWorld(n)
			dir := filepath.Join(os.TempDir(), fmt.Sprintf("sluice-spark-days-%d-%d", world.Rows, world.BackgroundIPs))
			if _, err := os.Stat(filepath.Join(dir, "manifest.json")); err != nil {
				w, err := simulate.New(world)
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
				"spark.network.timeout=1h", "spark.executor.heartbeatInterval=1m", // the machine may be busy with others, or stopped
				"spark.eventLog.enabled=true", "spark.eventLog.compress=false", "spark.eventLog.dir=file://"+events,
				"spark.eventLog.logStageExecutorMetrics=true", "spark.executor.processTreeMetrics.enabled=true", "spark.executor.metrics.pollingInterval=500ms")
			c.Paths = []string{filepath.Join(dir, "logs")}
			told := time.Now()
			c.Progress = func(p Progress) {
				if time.Since(told) > 2*time.Minute {
					told = time.Now()
					t.Logf("%s: %d of the %d known so far", p.Stage, p.Done, p.Total)
				}
			}
			begun, before := time.Now(), childrenCPU(t)
			got, res := mustBuild(t, c)
			p := grown{Counted: res.Outcomes["counted"], Rows: res.Rows, Seconds: time.Since(begun).Seconds(), CPU: childrenCPU(t) - before}
			e := readEvents(t, events)
			p.TaskCPU, p.ScanCPU = e.Tasks.Seconds(), e.Scan.Seconds()
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

// addScaling takes up a measurement in the place of one of about as many
// requests, and draws the picture anew.
func addScaling(t *testing.T, p grown) {
	t.Helper()
	points := slices.DeleteFunc(charttest.Read[grown](t, scalingData), func(q grown) bool { return math.Abs(math.Log(float64(p.Requests)/float64(q.Requests))) < .1 })
	points = append(points, p)
	slices.SortFunc(points, func(a, b grown) int { return cmp.Compare(a.Requests, b.Requests) })
	charttest.Write(t, scalingData, points, drawScaling)
}

// drawScaling draws the measurements.
func drawScaling(points []grown) string {
	of := func(name string, y func(grown) float64) charttest.Measured {
		return charttest.Measured{Name: name, Values: charttest.Of(points, y)}
	}
	return charttest.Growth(
		chart.Head{ID: "spark-scaling", Title: "Spark: time and shuffle against requests", Desc: "Rows by days of a month as Parquet, exact, on two processors and 4 GiB of heap.", Size: chart.Size{Width: 720, Height: 380}},
		charttest.Of(points, func(p grown) float64 { return float64(p.Requests) }),
		of("processor seconds", func(p grown) float64 { return p.CPU }),
		of("of tasks alone", func(p grown) float64 { return p.TaskCPU }),
		of("MiB shuffled", func(p grown) float64 { return float64(p.ShuffleMiB) }),
		of("peak MiB", func(p grown) float64 { return float64(p.PeakMiB) }),
	)
}

// The picture is that of the measurements beside it.
func TestScalingPicture(t *testing.T) {
	charttest.Picture(t, scalingData, drawScaling, *update)
}
