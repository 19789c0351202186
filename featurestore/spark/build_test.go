package spark

import (
	"context"
	"math"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/parquet-go/parquet-go"

	"sluice/featurestore"
	"sluice/featurestore/build"
	"sluice/featurestore/columns"
	"sluice/featurestore/fault"
	"sluice/featurestore/row"
	"sluice/featurestore/webrequest"
)

const (
	july2024   = row.Month(2024*12 + 6)
	august2024 = row.Month(2024*12 + 7)
)

func p(n int64) *int64 { return &n }

// records are rows as Spark writes them: two months, three addresses.
func records() []record {
	rec := func(win int32, address string, n int64) record {
		r := record{Window: win, Address: address, Requests: n, SizeLo: 100 * n, SizeRows: n, Referers: 1, Languages: n, Pageviews: 1, PageviewRows: n, RefererClasses: 1, RefererClassRows: n,
			Spiders: 0, AgentTypeRows: n, Desktop: n, AccessRows: n, StatusRows: n, Status4: 1, First: 1720000000, Last: 1720000000 + n, Queries: 2, Paths: 1, Agents: 1, AgentIPs: 2, AgentLength: 80, Browser: 126, Robots: 1,
			PrefixIPs: 1, PrefixRequests: n, Quartile1: p(4), Quartile2: p(6), Quartile3: p(8)}
		r.Hours = append(r.Hours, struct {
			Hour     int64 `parquet:"hour,optional"`
			Requests int64 `parquet:"requests,optional"`
		}{477777, n})
		r.PathRequests = append(r.PathRequests, struct {
			Requests int64 `parquet:"requests,optional"`
			Paths    int64 `parquet:"paths,optional"`
		}{n, 1})
		return r
	}
	return []record{rec(0, "4c0000201", 4), rec(0, "4cb007109", 8), rec(1, "4c0000201", 2), rec(1, "620010db8000000000000000000000001", 3)}
}

// became is the record of what became of requests.
func became(outcomes map[int64]int64) record {
	r := record{Window: -1}
	for k, n := range outcomes {
		r.Hours = append(r.Hours, struct {
			Hour     int64 `parquet:"hour,optional"`
			Requests int64 `parquet:"requests,optional"`
		}{k, n})
	}
	return r
}

// fake is a Config whose Spark is a shell script that says and leaves what it
// is told.
func fake(t *testing.T, say string, parts [][]record, env ...string) Config {
	t.Helper()
	submit, err := filepath.Abs("testdata/submit.sh")
	if err != nil {
		t.Fatal(err)
	}
	dir := ""
	if parts != nil {
		dir = t.TempDir()
		for i, rows := range parts {
			if err := parquet.WriteFile(filepath.Join(dir, "part-0000"+string(rune('0'+i))+".parquet"), rows); err != nil {
				t.Fatal(err)
			}
		}
	}
	var lines strings.Builder
	for line := range strings.Lines(say) {
		lines.WriteString(marker + strings.TrimSpace(line) + "\n")
	}
	return Config{
		Options: Options{Windows: Months([]row.Month{july2024, august2024}, nil), Filter: webrequest.DefaultFilter(webrequest.Wikimedia)},
		Cluster: Cluster{Remote: "local[1]", Submit: submit, Env: append([]string{"FAKE_SAY=" + lines.String(), "FAKE_PARTS=" + dir}, env...)},
		Table:   "wmf.webrequest",
	}
}

const said = `{"session": {"version": "3.5.9"}}
{"source": {"types": {}, "lacking": ["accept_language"], "pruned": true}}
{"progress": {"done": 3, "total": 8, "active": 2}}
`

func TestBuild(t *testing.T) {
	home, st := openStore(t)
	rs := records()
	c := fake(t, said+`{"written": {"rows": 5}}`, [][]record{append([]record{became(map[int64]int64{4: 3, 6: 17})}, rs[:3]...), rs[3:]})
	var stages []string
	c.Progress = func(p Progress) { stages = append(stages, p.Stage) }
	res, err := Build(t.Context(), st, home, c)
	if err != nil {
		t.Fatal(err)
	}
	if res.Rows != 4 || res.Version != "3.5.9" || !res.Pruned || res.Outcomes["cache"] != 3 || res.Outcomes["counted"] != 17+17 || len(stages) != 1 || stages[0] != StageRows {
		t.Errorf("%+v, stages %v", res, stages)
	}
	m, err := st.ReadMonth(august2024)
	if err != nil {
		t.Fatal(err)
	}
	if len(m.Rows) != 2 || m.Rows[0].IP != netip.MustParseAddr("192.0.2.1") || m.Rows[1].IP != netip.MustParseAddr("2001:db8::1") {
		t.Fatalf("rows %v", m.Rows)
	}
	for name, want := range map[string]float64{"request_count": 3, "response_size_mean": 100, "uri_query_count": 2, "not_null_referer_ratio": 1. / 3, "not_null_accept_language_ratio": math.NaN(), "uri_path_entropy": 0, "interarrival_median": 1.5, "interarrival_spread": (2. - 1) / (2 + 1), "user_agent_ip_count": 2, "robots_txt_ratio": 1. / 3, "user_agent_length_max": 80, "browser_version_max": 126} {
		for i, n := range m.Columns {
			if got := m.Rows[1].Values[i]; n == name && got != want && !(math.IsNaN(got) && math.IsNaN(want)) {
				t.Errorf("%s is %v, want %v", name, got, want)
			}
		}
	}
	if len(m.Manifest.Notes) != 1 || m.Manifest.Notes[0] != "rows computed by Spark from wmf.webrequest" || m.Manifest.Windows[0].Start != august2024.Start(time.UTC).Unix() {
		t.Errorf("%+v", m.Manifest)
	}
	for _, c := range m.Manifest.Missing {
		if c.Column == "not_null_accept_language_ratio" && c.Reason != "the table has no accept_language" {
			t.Errorf("%+v", c)
		}
	}
	if left, _ := filepath.Glob(filepath.Join(home, "spark", "run-*")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

// snapshot is the content of a store's files.
func snapshot(t *testing.T, st *featurestore.Store) map[string]string {
	t.Helper()
	out := map[string]string{}
	if err := filepath.WalkDir(st.Dir(), func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		out[path] = string(b)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	return out
}

// TestFailure: whatever goes wrong, the store stays as it was, and the error
// says what to do.
func TestFailure(t *testing.T) {
	rs := records()
	outOfOrder := []record{rs[1], rs[0]}
	wrongWindow := records()
	wrongWindow[3].Window = 7
	for _, tt := range []struct {
		name  string
		c     Config
		kind  fault.Kind
		words string
	}{
		{"no answer", fake(t, `{"error": {"kind": "session", "message": "Connection refused"}}`, nil, "FAKE_EXIT=1"), fault.Unavailable, "check --remote"},
		{"the work fails", fake(t, said+`{"error": {"kind": "work", "message": "Job aborted"}}`, nil, "FAKE_EXIT=1"), fault.Unavailable, "run the same command again"},
		{"no worker", fake(t, said+`{"error": {"kind": "stalled", "message": ""}}`, nil, "FAKE_EXIT=1"), fault.Unavailable, "see that workers are up"},
		{"no table", fake(t, `{"error": {"kind": "table", "message": "TABLE_OR_VIEW_NOT_FOUND"}}`, nil, "FAKE_EXIT=1"), fault.NotFound, "--table"},
		{"no pyspark", fake(t, `{"error": {"kind": "python", "message": "No module named 'pyspark'"}}`, nil, "FAKE_EXIT=1"), fault.NotFound, "--python"},
		{"no Java", fake(t, "", nil, "FAKE_EXIT=1", "FAKE_SAYS=JAVA_HOME is not set"), fault.NotFound, "submit.sh finds no Java"},
		{"a column lacks", fake(t, `{"error": {"kind": "columns", "message": "the table has no column ip"}}`, nil, "FAKE_EXIT=1"), fault.Invalid, "--mapping"},
		{"it dies", fake(t, said, nil, "FAKE_EXIT=137"), fault.Unavailable, "ended before its work was done (some words of Spark's own)"},
		{"it is killed", fake(t, said, nil, "FAKE_EXIT=137", "FAKE_SAYS=24/08/01 00:00:00 INFO Executor: Running task"), fault.Unavailable, "ended before its work was done (exit status 137)"},
		{"it is killed after a warning", fake(t, said, nil, "FAKE_EXIT=137", "FAKE_SAYS=24/08/01 00:00:00 WARN SQLConf: The SQL config has been deprecated"), fault.Unavailable, "ended before its work was done (exit status 137)"},
		{"it is killed at its start", fake(t, said, nil, "FAKE_EXIT=137", "FAKE_SAYS=Using Spark's default log4j profile: org/apache/spark/log4j2-defaults.properties"), fault.Unavailable, "ended before its work was done (exit status 137)"},
		{"it ends early", fake(t, said, nil), fault.Unavailable, "ended before its work was done"},
		{"a part is missing", fake(t, said+`{"written": {"rows": 4}}`, [][]record{rs[:2]}), fault.Corrupt, "Spark wrote 4 rows, and 2 are in its files"},
		{"another disk", fake(t, said+`{"written": {"rows": 4}}`, nil), fault.Unavailable, "--staging"},
		{"out of order", fake(t, said+`{"written": {"rows": 2}}`, [][]record{outOfOrder}), fault.Unknown, "out of order"},
		{"another window", fake(t, said+`{"written": {"rows": 4}}`, [][]record{wrongWindow}), fault.Corrupt, "window"},
		{"another outcome", fake(t, said+`{"written": {"rows": 1}}`, [][]record{{became(map[int64]int64{7: 1})}}), fault.Corrupt, "outcome"},
		{"not its program", func() Config {
			c := fake(t, "", nil)
			c.Submit = "no-such-spark-submit"
			return c
		}(), fault.NotFound, "SPARK_HOME"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			home, st := openStore(t)
			if _, err := Build(t.Context(), st, home, fake(t, said+`{"written": {"rows": 4}}`, [][]record{rs})); err != nil {
				t.Fatal(err)
			}
			before := snapshot(t, st)
			_, err := Build(t.Context(), st, home, tt.c)
			if fault.KindOf(err) != tt.kind || !strings.Contains(err.Error(), tt.words) {
				t.Fatalf("%v (%v), want %v and %q", err, fault.KindOf(err), tt.kind, tt.words)
			}
			after := snapshot(t, st)
			for path := range before {
				if before[path] != after[path] {
					t.Errorf("%s changed", path)
				}
			}
			if len(after) != len(before) {
				t.Errorf("%d files, %d before", len(after), len(before))
			}
			if left, _ := filepath.Glob(filepath.Join(home, "spark", "run-*")); len(left) > 0 {
				t.Errorf("left behind: %v", left)
			}
		})
	}
}

func TestCancel(t *testing.T) {
	home, st := openStore(t)
	c := fake(t, said, nil, "FAKE_WAIT=60")
	ctx, cancel := context.WithCancel(t.Context())
	c.Progress = func(Progress) { cancel() }
	if _, err := Build(ctx, st, home, c); fault.KindOf(err) != fault.Interrupted {
		t.Fatal(err)
	}
	if len(st.Months()) > 0 {
		t.Error("the store has months")
	}
}

// TestRefuse: what can't be done on Spark is told before it is asked.
func TestRefuse(t *testing.T) {
	web := webrequest.DefaultOptions(webrequest.Wikimedia)
	proxies, full := web, web
	proxies.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}
	full.Spider = webrequest.SpiderFull
	for name, tt := range map[string]struct {
		change func(*Config)
		kind   fault.Kind
	}{
		"profile":  {func(c *Config) { c.Web = webrequest.DefaultOptions(webrequest.Site) }, fault.Unsupported},
		"proxies":  {func(c *Config) { c.Web = proxies }, fault.Unsupported},
		"full":     {func(c *Config) { c.Web = full }, fault.Unsupported},
		"windows":  {func(c *Config) { c.Windows = nil }, fault.Usage},
		"twice":    {func(c *Config) { c.Windows = append(c.Windows, c.Windows[1]) }, fault.Invalid},
		"order":    {func(c *Config) { c.Windows[0], c.Windows[1] = c.Windows[1], c.Windows[0] }, fault.Invalid},
		"remote":   {func(c *Config) { c.Remote = "" }, fault.Usage},
		"conf":     {func(c *Config) { c.Conf = []string{"executor.memory=8g"} }, fault.Usage},
		"table":    {func(c *Config) { c.Table = "a; DROP TABLE b" }, fault.Usage},
		"nothing":  {func(c *Config) { c.Table = "" }, fault.Usage},
		"both":     {func(c *Config) { c.Paths = []string{"x"} }, fault.Usage},
		"format":   {func(c *Config) { c.Format = "avro" }, fault.Usage},
		"source":   {func(c *Config) { c.Source = "text' OR '1'='1" }, fault.Usage},
		"mapping":  {func(c *Config) { c.Mapping = map[string]string{"hostname": "x"} }, fault.Usage},
		"existing": {func(c *Config) { c.Staging = t.TempDir() }, fault.Exists},
	} {
		t.Run(name, func(t *testing.T) {
			home, st := openStore(t)
			c := fake(t, said+`{"written": {"rows": 4}}`, [][]record{records()})
			tt.change(&c)
			if _, err := Build(t.Context(), st, home, c); fault.KindOf(err) != tt.kind {
				t.Errorf("%v (%v), want %v", err, fault.KindOf(err), tt.kind)
			}
		})
	}
}

// TestMonthOfFiles: a month that files have rows in is not replaced.
func TestMonthOfFiles(t *testing.T) {
	home, st := openStore(t)
	log := filepath.Join(t.TempDir(), "access.log")
	if err := os.WriteFile(log, []byte("192.0.2.1 - - [05/Aug/2024:00:00:00 +0000] \"GET / HTTP/1.1\" 200 1 \"-\" \"x\"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := build.Build(t.Context(), st, build.Config{Files: []string{log}}); err != nil {
		t.Fatal(err)
	}
	_, err := Build(t.Context(), st, home, fake(t, said, nil))
	if fault.KindOf(err) != fault.Conflict || !strings.Contains(err.Error(), "access.log") {
		t.Error(err)
	}
}

// TestAdoptReplaces: a month that Spark computes again is what it says now.
func TestAdoptReplaces(t *testing.T) {
	home, st := openStore(t)
	rs := records()
	for _, rows := range [][]record{rs, rs[:2]} {
		c := fake(t, said+`{"written": {"rows": `+string(rune('0'+len(rows)))+`}}`, [][]record{rows})
		if _, err := Build(t.Context(), st, home, c); err != nil {
			t.Fatal(err)
		}
	}
	if m := st.Months(); len(m) != 1 || m[0] != july2024 {
		t.Errorf("months %v", m)
	}
}

func TestKeys(t *testing.T) {
	for key, want := range map[string]string{"4c0000201": "192.0.2.1", "620010db8000000000000000000000001": "2001:db8::1", "": "", "4c00002": "", "5c0000201": "", "4c00002zz": "", "6c0000201": "", "600000000000000000000ffffc0000201": ""} {
		got, ok := parseKey(key)
		if ok != (want != "") || ok && got.String() != want {
			t.Errorf("%q is %v %v, want %q", key, got, ok, want)
		}
	}
}

// TestColumnsAreSpecified: each stored column comes out of a record.
func TestColumnsAreSpecified(t *testing.T) {
	c := fake(t, "", nil)
	r := &run{Config: &c}
	rs := records()
	out, err := r.row(&rs[0])
	if err != nil {
		t.Fatal(err)
	}
	for i, name := range columns.Stored() {
		if math.IsNaN(out.Values[i]) {
			t.Errorf("%s is missing", name)
		}
	}
}
