package build

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/gzip"
	"github.com/parquet-go/parquet-go"

	"sluice/featurestore"
	"sluice/featurestore/attack"
	"sluice/featurestore/columns"
	"sluice/featurestore/row"
	"sluice/featurestore/webrequest"
)

// What the comparisons take from the environment.
const (
	envPython = "SLUICE_DUCKDB_PYTHON" // a python that has the package duckdb
	envRows   = "SLUICE_COMPARE_ROWS"
	envPairs  = "SLUICE_COMPARE_PAIRS"
	envDir    = "SLUICE_COMPARE_DIR" // keeps the logs from one run to the next
	envChild  = "SLUICE_COMPARE_CHILD"
)

func envInt(name string, otherwise int) int {
	if n, err := strconv.Atoi(os.Getenv(name)); err == nil && n > 0 {
		return n
	}
	return otherwise
}

// trafficRow is a request of the traffic that the programs are compared on:
// what the thirteen columns need.
type trafficRow struct {
	DT           string `parquet:"dt,dict" json:"dt"`
	IP           string `parquet:"ip,dict" json:"ip"`
	CacheStatus  string `parquet:"cache_status,dict" json:"cache_status"`
	HTTPStatus   string `parquet:"http_status,dict" json:"http_status"`
	ResponseSize int64  `parquet:"response_size" json:"response_size"`
	HTTPMethod   string `parquet:"http_method,dict" json:"http_method"`
	URIHost      string `parquet:"uri_host,dict" json:"uri_host"`
	URIPath      string `parquet:"uri_path" json:"uri_path"`
	URIQuery     string `parquet:"uri_query" json:"uri_query"`
	Referer      string `parquet:"referer,dict" json:"referer"`
	UserAgent    string `parquet:"user_agent,dict" json:"user_agent"`
	AcceptLang   string `parquet:"accept_language,dict" json:"accept_language"`
	IsPageview   bool   `parquet:"is_pageview" json:"is_pageview"`
	IsAPI        bool   `parquet:"is_api_request" json:"is_api_request"`
	AccessMethod string `parquet:"access_method,dict" json:"access_method"`
	AgentType    string `parquet:"agent_type,dict" json:"agent_type"`
	RefererClass string `parquet:"referer_class,dict" json:"referer_class"`
}

func trafficAddresses(n int) int { return max(100, n*3/200) }

// trafficAddress is one of them; lists take it, as they don't a private one.
func trafficAddress(who uint64) netip.Addr {
	return netip.AddrFrom4([4]byte{11, byte(who >> 16), byte(who >> 8), byte(who)})
}

// traffic calls yield for n requests of June 2024 in order of time. A few of
// its 3n/200 addresses (300,000 at twenty million) make most of them; by hours
// there are nine rows to twenty requests.
func traffic(n int, yield func(i int, r *trafficRow)) {
	rng := rand.New(rand.NewPCG(20, 6))
	ips := trafficAddresses(n)
	start := time.Date(2024, 6, 1, 0, 0, 0, 0, time.UTC)
	heavy := rand.NewZipf(rng, 1.05, 40, uint64(ips-1))
	agents := make([]string, 3000)
	for i := range agents {
		agents[i] = fmt.Sprintf("Mozilla/5.0 (X11; Linux x86_64; rv:%d.0) Gecko/20100101 Firefox/%d.%d", 90+i%60, 90+i%60, i)
	}
	pick := func(of ...string) string { return of[rng.IntN(len(of))] }
	var r trafficRow
	for i := range n {
		who := heavy.Uint64()
		if rng.IntN(100) < 20 { // passers-by, most of them one row each
			who = rng.Uint64N(uint64(ips))
		}
		at := start.Add(time.Duration(i*(30*24*3600)/n) * time.Second)
		spider := who%17 == 0
		agent := agents[(int(who)*7+rng.IntN(2))%len(agents)]
		if rng.IntN(100) == 0 {
			agent = "-"
		}
		r = trafficRow{
			DT: at.Format("2006-01-02T15:04:05Z"), IP: trafficAddress(who).String(), CacheStatus: pick("miss", "miss", "pass", "int-front", "hit-front"),
			HTTPStatus: pick("200", "200", "200", "304", "404"), ResponseSize: rng.Int64N(100_000), HTTPMethod: "GET", URIHost: pick("en.wikipedia.org", "de.m.wikipedia.org"),
			URIPath: "/wiki/Page_" + strconv.Itoa(rng.IntN(50_000)), Referer: pick("-", "-", "https://www.google.com/", "https://en.wikipedia.org/wiki/A"), UserAgent: agent,
			AcceptLang: pick("-", "en-US,en;q=0.5", "de"), IsPageview: rng.IntN(3) > 0, IsAPI: rng.IntN(50) == 0, AccessMethod: pick("desktop", "desktop", "mobile web", "mobile app"),
			AgentType: map[bool]string{true: "spider", false: "user"}[spider], RefererClass: pick("none", "none", "external", "internal"),
		}
		if rng.IntN(3) == 0 {
			r.URIQuery = "?title=" + strconv.Itoa(rng.IntN(5000))
		}
		yield(i, &r)
	}
}

// compareLogs writes the traffic in every form that is compared, or as a table
// only, unless it is there already.
func compareLogs(t testing.TB, n int, tableOnly bool) (dir string) {
	dir = os.Getenv(envDir)
	if dir == "" {
		dir = t.TempDir()
	}
	done := filepath.Join(dir, fmt.Sprintf("rows-%d", n))
	if _, err := os.Stat(done); err == nil {
		return dir
	}
	must := func(err error) {
		if err != nil {
			t.Fatal(err)
		}
	}
	create := func(name string) *os.File {
		f, err := os.Create(filepath.Join(dir, name))
		must(err)
		return f
	}
	pf, jf, cf := create("traffic.parquet"), create("traffic.json.gz"), create("traffic.log.gz")
	pw := parquet.NewGenericWriter[trafficRow](pf, parquet.Compression(&parquet.Snappy))
	jz, _ := gzip.NewWriterLevel(jf, 6)
	cz, _ := gzip.NewWriterLevel(cf, 6)
	jb, cb := bufio.NewWriterSize(jz, 1<<20), bufio.NewWriterSize(cz, 1<<20)
	enc := json.NewEncoder(jb)
	enc.SetEscapeHTML(false)
	var batch []trafficRow
	traffic(n, func(i int, r *trafficRow) {
		batch = append(batch, *r)
		if len(batch) == 1024 || i == n-1 {
			_, err := pw.Write(batch)
			must(err)
			batch = batch[:0]
		}
		if i%(128<<10) == 128<<10-1 {
			must(pw.Flush())
		}
		if tableOnly {
			return
		}
		must(enc.Encode(r))
		at, _ := time.Parse(time.RFC3339, r.DT)
		fmt.Fprintf(cb, "%s - - [%s] \"GET %s%s HTTP/1.1\" %s %d %q %q\n", r.IP, at.Format("02/Jan/2006:15:04:05 -0700"), r.URIPath, r.URIQuery, r.HTTPStatus, r.ResponseSize, r.Referer, r.UserAgent)
	})
	for _, c := range []func() error{pw.Close, pf.Close, jb.Flush, jz.Close, jf.Close, cb.Flush, cz.Close, cf.Close} {
		must(c())
	}
	must(os.WriteFile(done, nil, 0o600))
	return dir
}

// hourly are the windows of June 2024.
func hourly(t testing.TB) *attack.Set {
	t.Helper()
	start := time.Date(2024, 6, 1, 0, 0, 0, 0, time.UTC)
	var b strings.Builder
	b.WriteString("name,start,end\n")
	for h := range 720 {
		at := start.Add(time.Duration(h) * time.Hour)
		fmt.Fprintf(&b, "%s,%s,%s\n", at.Format("2006-01-02T15"), at.Format(time.RFC3339), at.Add(time.Hour).Format(time.RFC3339))
	}
	s, err := attack.Read(strings.NewReader(b.String()), "hours.csv", time.UTC)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// ran is what a program took.
type ran struct {
	seconds float64
	cpu     float64 // seconds of processors
	peak    int64   // bytes
}

func (r ran) String() string {
	return fmt.Sprintf("%.2f s (%.1f s of processors), %d MiB", r.seconds, r.cpu, r.peak>>20)
}

func run(t testing.TB, env []string, name string, args ...string) ran {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), name, args...)
	cmd.Env = append(os.Environ(), env...)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	begun := time.Now()
	if err := cmd.Run(); err != nil {
		t.Fatalf("%s: %v\n%s", name, err, out.String())
	}
	took := ran{seconds: time.Since(begun).Seconds(), cpu: (cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()).Seconds()}
	// A process inherits what getrusage says of the one that started it, so each
	// tells its own peak.
	for line := range strings.Lines(out.String()) {
		if kb, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			n, _ := strconv.ParseInt(strings.Fields(kb)[0], 10, 64)
			took.peak = n << 10
		}
	}
	return took
}

// TestCompareChild is this program as another process, whose memory can be
// measured: it builds a store of the log that it is told.
func TestCompareChild(t *testing.T) {
	spec := os.Getenv(envChild)
	if spec == "" {
		t.Skip("it is run by TestPeers")
	}
	part := strings.Split(spec, "|") // log, home, windows, memory
	c := config(part[0])
	c.Threads = min(2, runtime.GOMAXPROCS(0))
	if part[2] != "month" {
		c.Windows, c.Twelve = hourly(t), strings.HasPrefix(part[2], "hours, twelve columns")
		if part[2] == allColumns || strings.HasSuffix(part[2], "labelled") {
			withFurther(t, &c, filepath.Dir(part[0]), part[2] != allColumns)
		}
	} else {
		c.Web = webrequest.DefaultOptions(webrequest.Site)
	}
	limit, _ := strconv.ParseInt(part[3], 10, 64)
	c.Memory, c.Threads, _ = LimitMemory(limit, c.Threads, 0)
	build(t, open(t, part[1]), c)
	if status, err := os.ReadFile("/proc/self/status"); err == nil {
		os.Stdout.Write(status)
	}
}

func sluice(t testing.TB, log, home, windows string, memory int64) ran {
	t.Helper()
	env := []string{fmt.Sprintf("%s=%s|%s|%s|%d", envChild, log, home, windows, memory)}
	return run(t, env, os.Args[0], "-test.run=^TestCompareChild$", "-test.count=1")
}

// duck has DuckDB write the rows of a log as Parquet.
func duck(t testing.TB, python, log, out string) ran {
	t.Helper()
	q, err := columns.SQL(columns.SQLOptions{Table: "webrequest", Window: "hour", API: columns.APIColumn})
	if err != nil {
		t.Fatal(err)
	}
	read := fmt.Sprintf("SELECT * FROM read_parquet('%s')", log)
	if strings.HasSuffix(log, ".json.gz") {
		var names []string
		for _, n := range []string{"dt", "ip", "cache_status", "uri_query", "referer", "user_agent", "accept_language", "access_method", "agent_type", "referer_class"} {
			names = append(names, n+": 'VARCHAR'")
		}
		names = append(names, "response_size: 'BIGINT'", "is_pageview: 'BOOLEAN'", "is_api_request: 'BOOLEAN'")
		read = fmt.Sprintf("SELECT * FROM read_json('%s', format='newline_delimited', columns={%s})", log, strings.Join(names, ", "))
	}
	program := fmt.Sprintf("import duckdb\nc = duckdb.connect()\nc.execute('SET threads=2')\nc.execute(\"CREATE VIEW webrequest AS %s\")\nc.execute('''COPY (%s) TO '%s' (FORMAT parquet)''')\nprint(open('/proc/self/status').read())\n", read, q, out)
	return run(t, nil, python, "-c", program)
}

// sameAsDuck holds the store's rows against DuckDB's, column for column.
func sameAsDuck(t testing.TB, home, out string) int {
	t.Helper()
	type theirs struct {
		Attack string   `parquet:"attack,optional"`
		IP     string   `parquet:"ip,optional"`
		V0     int64    `parquet:"request_count,optional"`
		V1     *float64 `parquet:"response_size_mean,optional"`
		V2     int64    `parquet:"uri_query_count,optional"`
		V3     *float64 `parquet:"not_null_referer_ratio,optional"`
		V4     int64    `parquet:"user_agent_count,optional"`
		V5     *float64 `parquet:"not_null_accept_language_ratio,optional"`
		V6     *float64 `parquet:"is_pageview_ratio,optional"`
		V7     *float64 `parquet:"desktop_ratio,optional"`
		V8     *float64 `parquet:"mobile_web_ratio,optional"`
		V9     *float64 `parquet:"mobile_app_ratio,optional"`
		V10    *float64 `parquet:"not_null_referer_class_ratio,optional"`
		V11    *float64 `parquet:"spider_ratio,optional"`
	}
	type key struct{ attack, ip string }
	want := map[key][columns.NumFeatures]float64{}
	f, err := os.Open(out)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	r := parquet.NewGenericReader[theirs](f)
	defer r.Close()
	rows := make([]theirs, 1024)
	for {
		n, err := r.Read(rows)
		for _, x := range rows[:n] {
			v := [columns.NumFeatures]float64{float64(x.V0), 0, float64(x.V2), 0, float64(x.V4)}
			for i, p := range []*float64{nil, x.V1, nil, x.V3, nil, x.V5, x.V6, x.V7, x.V8, x.V9, x.V10, x.V11} {
				if p != nil {
					v[i] = *p
				}
			}
			want[key{strings.Clone(x.Attack), strings.Clone(x.IP)}] = v
		}
		if err == io.EOF {
			break
		} else if err != nil {
			t.Fatal(err)
		}
	}
	s, err := featurestore.Open(home, featurestore.OpenOptions{ReadOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	n, names := 0, columns.Names()
	err = s.ScanMonth(month(t, "2024-06"), false, func(r *row.Row) error {
		n++
		w, ok := want[key{r.Attack, r.IP.String()}]
		if !ok {
			return fmt.Errorf("DuckDB has no row of %s in %s", row.Mask(r.IP), r.Attack)
		}
		for i, name := range names {
			if math.Float64bits(w[i]) != math.Float64bits(r.Values[i]) {
				return fmt.Errorf("%s in %s: %s is %v, DuckDB says %v", row.Mask(r.IP), r.Attack, name, r.Values[i], w[i])
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if n != len(want) {
		t.Fatalf("%d rows, DuckDB has %d", n, len(want))
	}
	return n
}

func median(v []float64) float64 {
	v = slices.Clone(v)
	slices.Sort(v)
	return v[len(v)/2]
}

// TestPeers measures the road from logs to rows against DuckDB and GoAccess, in
// alternated pairs, and holds the rows against DuckDB's. It prints figures and
// asserts none of them.
//
//	SLUICE_LONG=1 SLUICE_DUCKDB_PYTHON=venv/bin/python go test -run TestPeers -v -timeout 2h ./featurestore/build
func TestPeers(t *testing.T) {
	if os.Getenv("SLUICE_LONG") == "" {
		t.Skip("comparisons with other programs: set SLUICE_LONG=1")
	}
	n, pairs := envInt(envRows, 20_000_000), envInt(envPairs, 3)
	dir := compareLogs(t, n, false)
	out := t.TempDir()
	python := os.Getenv(envPython)
	fresh := func(name string) string {
		home := filepath.Join(out, name)
		if err := os.RemoveAll(home); err != nil {
			t.Fatal(err)
		}
		return home
	}
	// With behaviour columns Sluice computes 32 features where DuckDB has twelve.
	type work struct{ form, windows string }
	for _, w := range []work{{"traffic.parquet", "hours"}, {"traffic.parquet", "hours, twelve columns"}, {"traffic.json.gz", "hours"}, {"traffic.json.gz", "hours, twelve columns"}} {
		form := w.form
		t.Run(form+" "+w.windows, func(t *testing.T) {
			if python == "" {
				t.Skip("no DuckDB: set " + envPython)
			}
			log := filepath.Join(dir, form)
			var speed, memory []float64
			for p := range pairs {
				home := fresh("home")
				ours := sluice(t, log, home, w.windows, 0)
				theirs := duck(t, python, log, filepath.Join(out, "duck.parquet"))
				speed, memory = append(speed, theirs.seconds/ours.seconds), append(memory, float64(ours.peak)/float64(theirs.peak))
				t.Logf("pair %d: sluice %v (%.0f rows/s), DuckDB %v (%.0f rows/s)", p+1, ours, float64(n)/ours.seconds, theirs, float64(n)/theirs.seconds)
				if p == 0 {
					t.Logf("%d rows, equal column for column", sameAsDuck(t, home, filepath.Join(out, "duck.parquet")))
				}
			}
			t.Logf("%d requests: median %.2f x DuckDB's rows/s at %.2f x its peak memory", n, median(speed), median(memory))
		})
	}
	t.Run("memory", func(t *testing.T) {
		log := filepath.Join(dir, "traffic.parquet")
		limit := int64(512<<20) * int64(n) / 20_000_000
		var speed []float64
		for p := range pairs {
			free := sluice(t, log, fresh("home"), "hours", 32<<30)
			bound := sluice(t, log, fresh("bound"), "hours", limit)
			speed = append(speed, free.seconds/bound.seconds)
			t.Logf("pair %d: %v without a limit, %v with %d MiB", p+1, free, bound, limit>>20)
		}
		sameMonths(t, "with a limit", filepath.Join(out, "home"), filepath.Join(out, "bound"))
		t.Logf("%d requests: %.2f x the speed with %d MiB, same bytes", n, median(speed), limit>>20)
	})
	t.Run("goaccess", func(t *testing.T) {
		if _, err := exec.LookPath("goaccess"); err != nil {
			t.Skip("no goaccess")
		}
		log := filepath.Join(dir, "traffic.log.gz")
		var speed []float64
		for p := range pairs {
			ours := sluice(t, log, fresh("home"), "month", 0)
			theirs := run(t, nil, "sh", "-c", "zcat "+log+" | goaccess - --log-format=COMBINED --no-global-config -o "+filepath.Join(out, "report.json"))
			speed = append(speed, theirs.seconds/ours.seconds)
			t.Logf("pair %d: sluice %v (%.0f lines/s), GoAccess %v (%.0f lines/s)", p+1, ours, float64(n)/ours.seconds, theirs, float64(n)/theirs.seconds)
		}
		t.Logf("%d lines: median %.2f x GoAccess's lines/s", n, median(speed))
	})
}

// TestCompareTable writes the traffic as a table alone, for SLUICE_COMPARE_DIR.
func TestCompareTable(t *testing.T) {
	if os.Getenv("SLUICE_LONG") == "" || os.Getenv(envDir) == "" {
		t.Skip("it writes a large table: set SLUICE_LONG=1 and " + envDir)
	}
	compareLogs(t, envInt(envRows, 20_000_000), true)
}
