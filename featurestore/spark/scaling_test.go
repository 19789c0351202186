package spark

import (
	"bufio"
	"encoding/json"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"sluice/featurestore/row"
	"sluice/featurestore/simulate"
)

// envScaling are the numbers of requests that TestScaling runs, by commas.
const envScaling = "SLUICE_SPARK_SCALING"

// spent is what Spark's event log says a run took.
type spent struct {
	Input, Shuffle, Spill int64 // bytes read, written to shuffles, spilt to disk
	ShuffleRecords        int64
	CPU                   float64 // seconds of all tasks
	Peak                  int64   // bytes, of the JVM as the system sees it
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
					CPU   int64 `json:"Executor CPU Time"`
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
			s.CPU += float64(e.Metrics.CPU) / 1e9
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

// TestScaling prints what rows cost against requests, on one machine with two
// processors and 2 GiB of heap, exact and approximate. It asserts nothing.
//
//	SLUICE_LONG=1 SLUICE_SPARK_SCALING=1000000,10000000,100000000 go test -run TestScaling -v -timeout 12h ./featurestore/spark
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
			dir := filepath.Join(os.TempDir(), "sluice-spark-"+text)
			if _, err := os.Stat(filepath.Join(dir, "manifest.json")); err != nil {
				w, err := simulate.New(simulate.Config{Seed: 14, Start: august2024, Months: 1, Rows: 6845, Scale: float64(n) / 120e6, BackgroundIPs: n / 100})
				if err != nil {
					t.Fatal(err)
				}
				if _, err := w.Write(t.Context(), dir, simulate.WriteOptions{Format: simulate.Parquet, PartitionByHour: true, Threads: 2}); err != nil {
					t.Fatal(err)
				}
			}
			for _, approximate := range []bool{false, true} {
				events := t.TempDir()
				ws := Days([]row.Month{august2024}, nil)
				c := onSpark(s, "local[2]", ws, "spark.driver.memory=2g", "spark.sql.shuffle.partitions="+strconv.Itoa(max(8, n/500_000)), "spark.eventLog.enabled=true", "spark.eventLog.compress=false", "spark.eventLog.dir=file://"+events,
					"spark.eventLog.logStageExecutorMetrics=true", "spark.executor.processTreeMetrics.enabled=true", "spark.executor.metrics.pollingInterval=500ms")
				c.Paths, c.Approximate = []string{filepath.Join(dir, "logs")}, approximate
				begun := time.Now()
				_, res := mustBuild(t, c)
				took := time.Since(begun).Seconds()
				e := readEvents(t, events)
				var requests int64
				for _, v := range res.Outcomes {
					requests += v
				}
				t.Logf("Spark %s, approximate %v: %d requests, %d counted, %d rows: %.0f s, %.0f s of processors, %d MiB at most, %d MiB read, %d MiB and %d records shuffled, %d MiB spilt",
					res.Version, approximate, requests, res.Outcomes["counted"], res.Rows, took, e.CPU, e.Peak>>20, e.Input>>20, e.Shuffle>>20, e.ShuffleRecords, e.Spill>>20)
			}
		}
	})
}
