package spark

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// What the tests against a real Spark take from the environment.
const (
	envLong     = "SLUICE_LONG"
	envDir      = "SLUICE_SPARK_DIR"      // where Sparks are installed; else a folder for temporary files
	envVersions = "SLUICE_SPARK_VERSIONS" // of PyPI's pyspark, by commas; else those below
)

// versions are the oldest that is supported and the newest there is.
func versions() []string {
	if v := os.Getenv(envVersions); v != "" {
		return strings.Split(v, ",")
	}
	return []string{"3.5.9", "newest"}
}

// eachSpark runs a test on every version of Spark.
func eachSpark(t *testing.T, test func(t *testing.T, s *installed)) {
	t.Helper()
	if os.Getenv(envLong) == "" {
		t.Skip("it runs a real Spark: set " + envLong + "=1")
	}
	if _, err := exec.LookPath("java"); err != nil {
		t.Skip("there is no Java: a real Spark can't be run")
	}
	for _, v := range versions() {
		t.Run("spark-"+v, func(t *testing.T) { test(t, install(t, v)) })
	}
}

// installed is a Spark in a python's virtual environment.
type installed struct{ version, venv, home string }

// install puts a version of pyspark into a virtual environment of its own,
// once.
func install(t *testing.T, version string) *installed {
	t.Helper()
	dir := os.Getenv(envDir)
	if dir == "" {
		dir = filepath.Join(os.TempDir(), "sluice-spark")
	}
	s := &installed{version: version, venv: filepath.Join(dir, version)}
	out, err := exec.CommandContext(t.Context(), "sh", "testdata/install.sh", s.venv, version).Output()
	if err != nil {
		var text string
		if e, ok := err.(*exec.ExitError); ok {
			text = string(e.Stderr)
		}
		t.Skipf("pyspark %s can't be installed: %v %s", version, err, text)
	}
	s.home = strings.TrimSpace(string(out))
	return s
}

func (s *installed) submit() string { return filepath.Join(s.home, "bin", "spark-submit") }
func (s *installed) python() string { return filepath.Join(s.venv, "bin", "python") }

// env keeps everything on the loopback interface.
func (s *installed) env() []string {
	return []string{"SPARK_HOME=" + s.home, "SPARK_LOCAL_IP=127.0.0.1", "PYSPARK_PYTHON=" + s.python(), "SPARK_NO_DAEMONIZE=1"}
}

// conf are settings for small machines.
func conf(more ...string) []string {
	return append([]string{
		"spark.ui.enabled=false", "spark.driver.host=127.0.0.1", "spark.driver.bindAddress=127.0.0.1",
		"spark.sql.shuffle.partitions=8", "spark.driver.memory=1g", "spark.executor.memory=1g", "spark.executor.cores=1", "spark.cores.max=2",
	}, more...)
}

// cluster is a standalone master with two workers of one core each.
type cluster struct {
	*installed
	url     string
	master  *exec.Cmd
	workers []*exec.Cmd
}

func (s *installed) start(t *testing.T) *cluster {
	t.Helper()
	port := freePort(t)
	c := &cluster{installed: s, url: fmt.Sprintf("spark://127.0.0.1:%d", port)}
	dir := t.TempDir()
	c.master = c.daemon(t, "256m", "Started daemon|Starting Spark master", "org.apache.spark.deploy.master.Master", "--host", "127.0.0.1", "--port", fmt.Sprint(port), "--webui-port", fmt.Sprint(freePort(t)))
	for i := range 2 {
		c.workers = append(c.workers, c.daemon(t, "256m", "Successfully registered with master", "org.apache.spark.deploy.worker.Worker",
			"--host", "127.0.0.1", "--webui-port", fmt.Sprint(freePort(t)), "--cores", "1", "--memory", "1200M", "--work-dir", filepath.Join(dir, fmt.Sprint(i)), c.url))
	}
	return c
}

// daemon starts one of Spark's processes and waits until it says that it is
// there; ready is what it says, memory its heap.
func (c *cluster) daemon(t *testing.T, memory, ready string, args ...string) *exec.Cmd {
	t.Helper()
	// The first shell ends the whole group when this process is gone, however it
	// went: the pipe that it reads has no other end. It holds no other pipe, so
	// that what is said ends with who says it.
	watch, hold, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { hold.Close() })
	defer watch.Close()
	cmd := exec.Command("sh", append([]string{"-c", `(cat <&3; kill -KILL 0) >/dev/null 2>&1 & exec "$@" 3<&-`, "sh", filepath.Join(c.home, "bin", "spark-class")}, args...)...)
	cmd.ExtraFiles = []*os.File{watch}
	cmd.Env = append(append(os.Environ(), c.env()...), "SPARK_DAEMON_MEMORY="+memory)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	out, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { stop(cmd) })
	up, said := make(chan bool, 1), []string{}
	go func() {
		in := bufio.NewScanner(out)
		in.Buffer(nil, 1<<20)
		seen := false
		for in.Scan() {
			if !seen {
				said = append(said, in.Text())
				for _, r := range strings.Split(ready, "|") {
					if strings.Contains(in.Text(), r) {
						seen = true
						up <- true
						break
					}
				}
			}
		}
		if !seen {
			up <- false
		}
	}()
	select {
	case ok := <-up:
		if !ok {
			t.Fatalf("%s did not start:\n%s", args[0], strings.Join(said, "\n"))
		}
	case <-time.After(10 * time.Minute):
		t.Fatalf("%s did not start in ten minutes", args[0])
	}
	return cmd
}

// stop ends a process and all that it has started; twice does no harm.
func stop(cmd *exec.Cmd) {
	if cmd.ProcessState == nil {
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
		_ = cmd.Wait()
	}
}

func freePort(t *testing.T) int {
	t.Helper()
	var lc net.ListenConfig
	l, err := lc.Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}
