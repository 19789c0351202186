package spark

import (
	"bufio"
	"bytes"
	"context"
	_ "embed"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"sluice/featurestore"
	"sluice/featurestore/fault"
)

//go:embed job.py
var job []byte

// Cluster says which Spark, and how it is reached.
type Cluster struct {
	// Remote is what spark-submit calls the master (spark://host:7077, yarn,
	// k8s://…, local[*]), or the address of a Spark Connect server (sc://host).
	Remote string
	// Submit is spark-submit; "" is that of SPARK_HOME, else of the path. It is
	// not needed for sc://.
	Submit string
	// Python is the python that has pyspark's Connect client, for sc://; "" is
	// PYSPARK_PYTHON's, else python3.
	Python string
	// Conf are settings of Spark, as in spark.executor.memory=8g.
	Conf []string
	// Stall is how long a stage may wait without a worker that takes any of its
	// tasks before the run is given up; 0 is ten minutes.
	Stall time.Duration
	// Env are further variables for Spark's processes, as in A=b.
	Env []string

	fetch bool // what was written is fetched through Spark, wherever it lies
}

func (c *Cluster) check() error {
	if c.Remote == "" {
		return fault.Field(fault.Usage, "remote", "no Spark is named; want --remote spark://HOST:7077, yarn, k8s://…, local[*] or sc://HOST")
	}
	for _, kv := range c.Conf {
		if k, _, ok := strings.Cut(kv, "="); !ok || !strings.HasPrefix(k, "spark.") {
			return fault.Field(fault.Usage, "spark-conf", "Spark setting %q: want spark.NAME=VALUE", kv)
		}
	}
	return nil
}

func (c *Cluster) connect() bool { return strings.HasPrefix(c.Remote, "sc://") }

// command is what runs the script.
func (c *Cluster) command(ctx context.Context, script, spec string) (*exec.Cmd, error) {
	var name string
	var args []string
	if c.connect() {
		name = c.Python
		if name == "" {
			name = os.Getenv("PYSPARK_PYTHON")
		}
		if name == "" {
			name = "python3"
		}
	} else {
		name = c.Submit
		if home := os.Getenv("SPARK_HOME"); name == "" && home != "" {
			name = filepath.Join(home, "bin", "spark-submit")
		}
		if name == "" {
			name = "spark-submit"
		}
		args = []string{"--master", c.Remote, "--deploy-mode", "client", "--conf", "spark.ui.showConsoleProgress=false"}
		for _, kv := range c.Conf {
			args = append(args, "--conf", kv)
		}
	}
	path, err := exec.LookPath(name)
	if err != nil {
		if c.connect() {
			return nil, fault.Field(fault.NotFound, "python", "%s is not there; name a python that has pyspark's Connect client (pip install 'pyspark[connect]')", name)
		}
		return nil, fault.Field(fault.NotFound, "spark-submit", "%s is not there; install Spark's client, set SPARK_HOME, or name the program", name)
	}
	cmd := exec.CommandContext(ctx, path, append(args, script, spec)...)
	cmd.Env = append(os.Environ(), "PYTHONUNBUFFERED=1")
	cmd.Env = append(cmd.Env, c.Env...)
	ownGroup(cmd)
	cmd.WaitDelay = 30 * time.Second
	return cmd, nil
}

// run is one build.
type run struct {
	*Config
	home, work string
	parts      string // folder of what Spark wrote, on this machine
	program    string // what runs the script
	written    int64  // rows that Spark says it wrote
	result     Result
}

// event is a line that the script says.
type event struct {
	Session *struct {
		Version string `json:"version"`
	} `json:"session"`
	Source *struct {
		Types   map[string]string `json:"types"`
		Lacking []string          `json:"lacking"`
		Pruned  bool              `json:"pruned"`
	} `json:"source"`
	Plan     string `json:"plan"`
	Progress *struct {
		Done, Total, Active int64
	} `json:"progress"`
	Written *struct {
		Rows int64 `json:"rows"`
	} `json:"written"`
	Error *struct {
		Kind    string `json:"kind"`
		Message string `json:"message"`
	} `json:"error"`
}

const marker = "sluice-spark "

// logName is the last run's log, beside the store.
const logName = "last.log"

// compute runs the script to its end.
func (r *run) compute(ctx context.Context) error {
	s, parts, err := r.spec(r.work)
	if err != nil {
		return err
	}
	if _, err := os.Stat(parts); err == nil {
		return fault.Field(fault.Exists, "staging", "staging folder %s is there already; name one that is not", parts)
	}
	r.parts = parts
	if parts != filepath.Join(r.work, "parts") {
		defer func() {
			if err != nil {
				os.RemoveAll(parts) // of this run, or nobody's
			}
		}()
	}
	text, err := json.Marshal(s)
	if err != nil {
		return err
	}
	script, specPath := filepath.Join(r.work, "job.py"), filepath.Join(r.work, "spec.json")
	for path, b := range map[string][]byte{script: job, specPath: text} {
		if err := os.WriteFile(path, b, 0o600); err != nil {
			return featurestore.DiskError("what Spark is told", err)
		}
	}
	cmd, err := r.command(ctx, script, specPath)
	if err != nil {
		return err
	}
	r.program = filepath.Base(cmd.Path)
	logPath := filepath.Join(r.home, "spark", logName)
	log, err := os.OpenFile(logPath, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return featurestore.DiskError("Spark's log", err)
	}
	defer log.Close()
	last := &tail{w: log}
	cmd.Stderr = last
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return fault.Field(fault.NotFound, "spark-submit", "%s can't be started: %w", cmd.Path, err)
	}
	failed := r.follow(out, last)
	err = cmd.Wait()
	switch {
	case ctx.Err() != nil:
		err = fault.New(fault.Interrupted, "Spark was stopped; the store is as it was")
	case failed.Kind != "":
		err = r.explain(failed.Kind, failed.Message, logPath)
	case err != nil || r.written < 0:
		text := last.String()
		if text == "" && err != nil {
			text = err.Error()
		}
		err = r.explain("died", text, logPath)
	}
	return err
}

type scriptError struct{ Kind, Message string }

// follow reads what the script says until it ends.
func (r *run) follow(out io.Reader, log io.Writer) (failed scriptError) {
	r.written = -1
	in := bufio.NewReaderSize(out, 64<<10)
	for {
		line, err := in.ReadBytes('\n')
		if text, ok := bytes.CutPrefix(line, []byte(marker)); ok {
			var e event
			if json.Unmarshal(text, &e) == nil {
				r.take(&e)
				if e.Error != nil && failed.Kind == "" {
					failed = scriptError{e.Error.Kind, e.Error.Message}
				}
			}
		} else if len(line) > 0 {
			log.Write(line)
		}
		if err != nil {
			return failed
		}
	}
}

func (r *run) take(e *event) {
	switch {
	case e.Session != nil:
		r.result.Version = e.Session.Version
	case e.Source != nil:
		r.result.Lacking, r.result.Pruned = e.Source.Lacking, e.Source.Pruned
	case e.Plan != "":
		if r.Explain != nil {
			r.Explain(e.Plan)
		}
	case e.Progress != nil:
		if r.Progress != nil {
			r.Progress(Progress{Stage: StageRows, Done: e.Progress.Done, Total: e.Progress.Total, Active: e.Progress.Active})
		}
	case e.Written != nil:
		r.written = e.Written.Rows
	}
}

// explain puts what the script said into one line with what to do about it.
func (r *run) explain(kind, message, logPath string) error {
	message = strings.Join(strings.Fields(message), " ")
	switch kind {
	case "columns":
		return fault.Field(fault.Invalid, "table", "%s: %s; map columns of other names, as in --mapping ip=client_ip", r.from(), message)
	case "table":
		return fault.Field(fault.NotFound, "table", "Spark can't read %s (%s); name a table that it knows (--table), or folders (--logs). The store is as it was", r.from(), message)
	case "python":
		return fault.Field(fault.NotFound, "python", "%s can't use Spark (%s); install pyspark of the cluster's version there (pip install 'pyspark[connect]'), or name another with --python", r.program, message)
	case "session":
		return fault.Field(fault.Unavailable, "remote", "no Spark answers at %s (%s); check --remote and that the cluster runs. The store is as it was", r.Remote, message)
	case "stalled":
		return fault.Field(fault.Unavailable, "remote", "no worker of %s has taken a task for %v; see that workers are up and have the memory and cores asked for (--spark-conf), then run the same command again. The store is as it was", r.Remote, r.stall())
	case "work":
		return fault.Field(fault.Unavailable, "remote", "Spark gave up: %s. The store is as it was; mend what %s tells and run the same command again", message, logPath)
	}
	if strings.Contains(message, "JAVA_HOME is not set") || strings.Contains(message, "java: not found") || strings.Contains(message, "java: command not found") {
		return fault.Field(fault.NotFound, "spark-submit", "%s finds no Java (%s); install one that this Spark runs on, or set JAVA_HOME. The store is as it was", r.program, message)
	}
	return fault.Field(fault.Unavailable, "remote", "Spark ended before its work was done (%s). The store is as it was; read %s and run the same command again", message, logPath)
}

func (r *run) from() string {
	if r.Table != "" {
		return "table " + r.Table
	}
	return "paths " + strings.Join(r.Paths, ", ")
}

// chatter is what Spark says when nothing went wrong: places in a program, its
// log's lower levels, and where its log goes.
var chatter = regexp.MustCompile(`^at |^Using Spark's .*log4j|^Setting default log level|^To adjust logging level| (INFO|WARN) `)

// tail passes on what is written and keeps the last line of it that says
// something: no place in a program, not how well all goes, and no warning, which
// nothing ends of.
type tail struct {
	w    io.Writer
	last []byte
	part []byte
}

func (t *tail) Write(p []byte) (int, error) {
	const longest = 500
	for _, line := range bytes.SplitAfter(p, []byte("\n")) {
		t.part = append(t.part, line...)
		if bytes.HasSuffix(t.part, []byte("\n")) {
			if text := bytes.TrimSpace(t.part); len(text) > 0 && !chatter.Match(text) {
				t.last = append(t.last[:0], text[:min(len(text), longest)]...)
			}
			t.part = t.part[:0]
		}
	}
	return t.w.Write(p)
}

func (t *tail) String() string { return string(t.last) }
