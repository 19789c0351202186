package spark

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"sluice/featurestore"
	"sluice/featurestore/fault"
	"sluice/featurestore/simulate"
	"sluice/featurestore/webrequest"
)

// TestClusterFails kills workers in the middle. With one left the work is done
// again there and the rows are the same; with none the run is given up, the
// store is as it was and the error says what to do.
func TestClusterFails(t *testing.T) {
	eachSpark(t, func(t *testing.T, s *installed) {
		w := makeWorld(t, simulate.Config{Seed: 5, Rows: 200, Scale: .002, Months: 1})
		ws := Months(w.months(), nil)
		paths := []string{filepath.Join(w.lake, "logs")}

		home, st := openStore(t)
		c := s.start(t)
		// The first worker goes with its first task, the second with the run.
		one := onSpark(s, c.url, ws, "spark.executor.heartbeatInterval=5s")
		one.Paths, one.Labeler = paths, w.labels
		killed := false
		one.Progress = func(p Progress) {
			if p.Stage == StageRows && p.Active > 0 && !killed {
				killed = true
				stop(c.workers[0])
			}
		}
		if _, err := Build(t.Context(), st, home, one); err != nil {
			t.Fatalf("%v\n%s", err, logEnd(home))
		}
		if !killed {
			t.Error("no worker was killed: the test is none")
		}
		whole := onSpark(s, "local[2]", ws)
		whole.Paths, whole.Labeler = paths, w.labels
		want, _ := mustBuild(t, whole)
		t.Logf("with one of two workers killed: %d rows, the same", sameRows(t, st, want))

		before := snapshot(t, st)
		none := one
		none.Stall = 15 * time.Second
		killed = false
		none.Progress = func(p Progress) {
			if p.Stage == StageRows && p.Active > 0 && !killed {
				killed = true
				stop(c.workers[1])
			}
		}
		_, err := Build(t.Context(), st, home, none)
		if fault.KindOf(err) != fault.Unavailable || !strings.Contains(err.Error(), "The store is as it was") || !strings.Contains(err.Error(), "no worker") {
			t.Fatalf("%v", err)
		}
		t.Log(err)
		sameSnapshot(t, before, snapshot(t, st))

		// The master's end is the whole cluster's.
		stop(c.master)
		_, err = Build(t.Context(), st, home, one)
		if fault.KindOf(err) != fault.Unavailable || !strings.Contains(err.Error(), "The store is as it was") {
			t.Fatalf("%v", err)
		}
		t.Log(err)
		sameSnapshot(t, before, snapshot(t, st))

		// The driver dies: here it is the whole of a local Spark.
		driver := whole
		killed = false
		driver.Progress = func(p Progress) {
			if p.Stage == StageRows && p.Active > 0 && !killed {
				killed = killDriver(t, home)
			}
		}
		_, err = Build(t.Context(), st, home, driver)
		if !killed || fault.KindOf(err) != fault.Unavailable || !strings.Contains(err.Error(), "The store is as it was") || !strings.Contains(err.Error(), "run the same command again") || strings.Contains(err.Error(), "\n") {
			t.Fatalf("killed: %v; %v", killed, err)
		}
		t.Log(err)
		sameSnapshot(t, before, snapshot(t, st))
		if left, _ := filepath.Glob(filepath.Join(home, "spark", "run-*")); len(left) > 0 {
			t.Errorf("left behind: %v", left)
		}
		// Readers were never in the way.
		r, err := featurestore.Open(home, featurestore.OpenOptions{ReadOnly: true})
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		sameRows(t, r, want)
	})
}

// killDriver kills the JVM that was told of a file in a home.
func killDriver(t *testing.T, home string) bool {
	t.Helper()
	lines, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil || len(lines) == 0 {
		t.Skip("no /proc to find the driver in")
	}
	for _, path := range lines {
		b, err := os.ReadFile(path)
		if args := strings.Split(string(b), "\x00"); err != nil || filepath.Base(args[0]) != "java" || !strings.Contains(string(b), home) {
			continue
		}
		pid, err := strconv.Atoi(filepath.Base(filepath.Dir(path)))
		if err == nil && syscall.Kill(pid, syscall.SIGKILL) == nil {
			return true
		}
	}
	return false
}

func sameSnapshot(t *testing.T, before, after map[string]string) {
	t.Helper()
	for path := range before {
		if before[path] != after[path] {
			t.Errorf("%s changed", path)
		}
	}
	if len(after) != len(before) {
		t.Errorf("%d files, %d before", len(after), len(before))
	}
}

// TestConnect runs the same script as a client of a Spark Connect server, and
// fetches what it wrote through it.
func TestConnect(t *testing.T) {
	eachSpark(t, func(t *testing.T, s *installed) {
		var jars []string
		for _, dir := range []string{filepath.Join(s.home, "jars"), filepath.Join(s.venv, "connect")} {
			found, _ := filepath.Glob(filepath.Join(dir, "spark-connect_*.jar"))
			jars = append(jars, found...)
		}
		if len(jars) == 0 {
			t.Skip("pyspark of this version holds no Spark Connect server, and none could be fetched")
		}
		w := makeWorld(t, simulate.Config{Seed: 3, Rows: 120, Scale: .001, Months: 1})
		ws := w.windows.Windows()
		port := freePort(t)
		server := &cluster{installed: s}
		server.daemon(t, "1g", "Spark Connect server started", "org.apache.spark.deploy.SparkSubmit",
			"--class", "org.apache.spark.sql.connect.service.SparkConnectServer", "--master", "local[2]", "--jars", jars[0], "--conf", "spark.ui.enabled=false",
			"--conf", "spark.sql.shuffle.partitions=4", "--conf", "spark.connect.grpc.binding.address=127.0.0.1",
			"--conf", "spark.connect.grpc.binding.port="+strconv.Itoa(port), "spark-internal")
		c := onSpark(s, "sc://127.0.0.1:"+strconv.Itoa(port), ws)
		c.Conf = nil
		c.Paths, c.Labeler = []string{filepath.Join(w.lake, "logs")}, w.labels
		staging := filepath.Join(t.TempDir(), "staging")
		c.fetch, c.Staging = true, staging
		got, res := mustBuild(t, c)
		n := sameRows(t, got, byGo(t, w.parquet, ws, w.labels, webrequest.DefaultOptions(webrequest.Wikimedia)))
		if n == 0 {
			t.Error("no rows")
		}
		t.Logf("Spark %s: %d rows over Spark Connect, equal in every stored column", res.Version, n)
		if _, err := os.Stat(staging); err != nil {
			t.Errorf("what lies on the cluster is the cluster's: %v", err)
		}
	})
}
