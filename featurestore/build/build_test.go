package build

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"sluice/featurestore"
	"sluice/featurestore/accesslog"
	"sluice/featurestore/attack"
	"sluice/featurestore/columns"
	"sluice/featurestore/fault"
	"sluice/featurestore/row"
	"sluice/featurestore/webrequest"
)

func month(t testing.TB, s string) row.Month {
	t.Helper()
	m, err := row.ParseMonth(s)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func open(t testing.TB, home string) *featurestore.Store {
	t.Helper()
	s, err := featurestore.Open(home, featurestore.OpenOptions{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// lines is n requests as JSON lines with webrequest's names, in the days from
// a date on.
func lines(seed uint64, from string, n, ips int) []byte {
	rng := rand.New(rand.NewPCG(seed, 7))
	start, err := time.Parse(time.DateOnly, from)
	if err != nil {
		panic(err)
	}
	var b bytes.Buffer
	for i := range n {
		fmt.Fprintf(&b, `{"dt":%q,"ip":"198.51.100.%d","cache_status":%q,"http_status":"200","response_size":%d,"http_method":"GET","uri_host":"en.wikipedia.org","uri_path":"/wiki/A%d","uri_query":%q,"content_type":"text/html","referer":%q,"user_agent":%q,"accept_language":%q,"x_analytics":"-"}`+"\n",
			start.Add(time.Duration(i)*10*24*time.Hour/time.Duration(n)).Format(time.RFC3339), rng.IntN(ips),
			[]string{"miss", "pass", "int-front", "hit-front"}[rng.IntN(4)], rng.IntN(10000), rng.IntN(9),
			[]string{"", "?a", fmt.Sprint("?q=", rng.IntN(100))}[rng.IntN(3)], []string{"-", "https://a.example/"}[rng.IntN(2)],
			[]string{"-", "curl/8.0", "Mozilla/5.0 (X11; Linux) Firefox/128.0"}[rng.IntN(3)], []string{"-", "en"}[rng.IntN(2)])
	}
	return b.Bytes()
}

func write(t testing.TB, dir, name string, data []byte) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func zipped(t testing.TB, data []byte) []byte {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	if _, err := z.Write(data); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func config(files ...string) Config {
	return Config{Files: files, Web: webrequest.DefaultOptions(webrequest.Wikimedia), Threads: 2}
}

func build(t testing.TB, s *featurestore.Store, c Config) Result {
	t.Helper()
	r, err := Build(t.Context(), s, c)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// monthBytes are the months' files by name.
func monthBytes(t testing.TB, home string) map[string]string {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(home, "store", "months", "*"))
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]string{}
	for _, p := range paths {
		b, err := os.ReadFile(p)
		if err != nil {
			t.Fatal(err)
		}
		out[filepath.Base(p)] = string(b)
	}
	return out
}

func sameMonths(t testing.TB, what, home, other string) {
	t.Helper()
	a, b := monthBytes(t, home), monthBytes(t, other)
	if len(a) == 0 || len(a) != len(b) {
		t.Fatalf("%s: %d months and %d", what, len(a), len(b))
	}
	for name := range a {
		if a[name] != b[name] {
			t.Errorf("%s: %s differs", what, name)
		}
	}
}

// The twin of everything from the line to the row: every log line decoded by
// encoding/json, grouped in maps.
func TestRowsFromLines(t *testing.T) {
	dir := t.TempDir()
	july, august := lines(1, "2024-07-20", 3000, 20), lines(2, "2024-07-28", 3000, 30)
	s := open(t, dir)
	r := build(t, s, config(write(t, dir, "july.json.gz", zipped(t, july)), write(t, dir, "august.json", august)))
	if r.Files != 2 || r.Read != 2 || r.Lines != 6000 || r.Requests.Requests != 6000 || len(r.Months) != 2 || len(r.Rejects) != 0 || len(r.Warnings) != 0 {
		t.Fatalf("%+v", r)
	}
	type group struct {
		n, referer, size int64
		queries, agents  map[string]bool
	}
	twin := map[row.Key]*group{}
	for _, l := range bytes.Split(bytes.TrimSpace(slices.Concat(july, august)), []byte("\n")) {
		var o map[string]any
		if err := json.Unmarshal(l, &o); err != nil {
			t.Fatal(err)
		}
		if o["cache_status"] == "hit-front" {
			continue
		}
		at, _ := time.Parse(time.RFC3339, o["dt"].(string))
		k := row.Key{Month: row.MonthOf(at), Attack: at.Format("2006-01"), IP: netip.MustParseAddr(o["ip"].(string))}
		g := twin[k]
		if g == nil {
			g = &group{queries: map[string]bool{}, agents: map[string]bool{}}
			twin[k] = g
		}
		g.n++
		g.size += int64(o["response_size"].(float64))
		if o["referer"] != "-" {
			g.referer++
		}
		if q := o["uri_query"].(string); q != "" {
			g.queries[q] = true
		}
		g.agents[o["user_agent"].(string)] = true
	}
	rows := 0
	for _, m := range s.Months() {
		got, err := s.ReadMonth(m)
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(got.Columns, columns.Stored()) || !slices.IsSortedFunc(got.Rows, func(a, b row.Row) int { return a.Key.Compare(b.Key) }) {
			t.Errorf("%s: columns %v, or rows out of order", m, got.Columns)
		}
		for _, r := range got.Rows {
			rows++
			g := twin[r.Key]
			if g == nil {
				t.Fatalf("row %v is not in the logs", r.Key)
			}
			for c, want := range map[int]float64{
				columns.RequestCount: float64(g.n), columns.ResponseSizeMean: float64(g.size) / float64(g.n),
				columns.URIQueryCount: float64(len(g.queries)), columns.UserAgentCount: float64(len(g.agents)),
				columns.NotNullRefererRatio: float64(g.referer) / float64(g.n), columns.NotNullRefererClassRatio: float64(g.referer) / float64(g.n),
				columns.DesktopRatio: 1, columns.MobileWebRatio: 0,
			} {
				if r.Values[c] != want {
					t.Errorf("%v: %s is %v, want %v", r.Key, columns.Names()[c], r.Values[c], want)
				}
			}
		}
	}
	if rows != len(twin) || int64(rows) != r.Rows {
		t.Errorf("%d rows, want %d; the result says %d", rows, len(twin), r.Rows)
	}
}

// One content in one file or cut in several, in any order, with any number of
// threads and any memory, in one call or several: the same months, byte for
// byte.
func TestMonthsDependOnContentAlone(t *testing.T) {
	data := lines(3, "2024-07-26", 4000, 50)
	ls := bytes.SplitAfter(data, []byte("\n"))
	dir := t.TempDir()
	whole := write(t, dir, "whole.json", data)
	home := func(name string, n int) (string, []string) {
		h := filepath.Join(dir, name)
		var paths []string
		for i := range n {
			paths = append(paths, write(t, dir, fmt.Sprint(name, i), bytes.Join(ls[len(ls)*i/n:len(ls)*(i+1)/n], nil)))
		}
		return h, paths
	}
	one := filepath.Join(dir, "one")
	c := config(whole)
	c.Threads = 1
	build(t, open(t, one), c)

	h, paths := home("cut", 5)
	c = config(paths...)
	c.Threads = 8
	build(t, open(t, h), c)
	sameMonths(t, "five files", one, h)

	h, paths = home("back", 4)
	slices.Reverse(paths)
	s := open(t, h)
	for _, p := range paths {
		c := config(p)
		c.Memory = 1000
		build(t, s, c)
	}
	sameMonths(t, "four calls, backwards, little memory", one, h)
	if left, _ := filepath.Glob(filepath.Join(h, "store", "*", ".*")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

func TestOnlyWhatIsNewIsRead(t *testing.T) {
	dir := t.TempDir()
	s := open(t, filepath.Join(dir, "home"))
	june := write(t, dir, "june.json", lines(1, "2024-06-05", 500, 9))
	july := write(t, dir, "july.json", lines(2, "2024-07-05", 500, 9))
	if r := build(t, s, config(june, july)); r.Read != 2 || len(r.Months) != 2 {
		t.Fatalf("first: %+v", r)
	}
	before := monthBytes(t, filepath.Join(dir, "home"))
	if r := build(t, s, config(june, july, june)); r.Files != 2 || r.Read != 0 || r.Unchanged != 2 || len(r.Months) != 0 {
		t.Fatalf("again: %+v", r)
	}
	// The same content under another name counts once.
	copied := write(t, dir, "copy.json", lines(2, "2024-07-05", 500, 9))
	if r := build(t, s, config(copied)); r.Read != 0 || r.Same != 1 || len(r.Months) != 0 {
		t.Fatalf("a copy: %+v", r)
	}
	if n := len(s.Sources()); n != 2 {
		t.Errorf("%d sources", n)
	}
	// Its first name may then get another content: both count.
	write(t, dir, "july.json", lines(4, "2024-07-07", 300, 9))
	r := build(t, s, config(june, july))
	if r.Read != 1 || r.Unchanged != 1 || r.Replaced != 1 || len(r.Months) != 1 || r.Months[0] != month(t, "2024-07") {
		t.Fatalf("changed: %+v", r)
	}
	if n := len(s.Sources()); n != 3 {
		t.Errorf("%d sources", n)
	}
	// The copy goes, and with it what it alone held.
	if r, err := Remove(t.Context(), s, []string{"copy.json"}, Config{}); err != nil || len(r.Months) != 1 {
		t.Fatalf("%+v, %v", r, err)
	}
	if n := len(s.Sources()); n != 2 {
		t.Errorf("%d sources", n)
	}
	if _, err := Remove(t.Context(), s, []string{"copy.json"}, Config{}); !fault.Is(err, fault.NotFound) {
		t.Errorf("removing it twice: %v", err)
	}
	// Back to the first content: the first months, byte for byte.
	write(t, dir, "july.json", lines(2, "2024-07-05", 500, 9))
	build(t, s, config(july))
	for name, b := range monthBytes(t, filepath.Join(dir, "home")) {
		if before[name] != b {
			t.Errorf("%s differs from what it was", name)
		}
	}
	// A month without rows is none.
	if _, err := Remove(t.Context(), s, []string{"june.json"}, Config{}); err != nil {
		t.Fatal(err)
	}
	if got := s.Months(); len(got) != 1 || got[0] != month(t, "2024-07") {
		t.Errorf("months %v", got)
	}
}

func TestWindows(t *testing.T) {
	dir := t.TempDir()
	s := open(t, filepath.Join(dir, "home"))
	log := write(t, dir, "a.json", lines(5, "2024-07-25", 2000, 20))
	at := func(s string) int64 {
		v, err := attack.ParseTime(s)
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	ws := []attack.Window{
		{ID: "late", Start: at("2024-07-31 12:00:00"), End: at("2024-08-01 12:00:00")},
		{ID: "long", Start: at("2024-07-30 00:00:00"), End: at("2024-08-01 00:00:00")},
	}
	set := func(ws ...attack.Window) *attack.Set {
		s, err := attack.New(ws, nil)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	c := config(log)
	c.Windows = set(ws...)
	r := build(t, s, c)
	if len(r.Months) != 1 || r.Months[0] != month(t, "2024-07") || r.Requests.Outside == 0 || len(r.Warnings) != 1 || !strings.Contains(r.Warnings[0], "outside every attack window") {
		t.Fatalf("%+v", r)
	}
	m, err := s.ReadMonth(r.Months[0])
	if err != nil {
		t.Fatal(err)
	}
	attacks := map[string]int{}
	for _, r := range m.Rows {
		attacks[r.Attack]++
		if r.Attack == "late" && (r.First < ws[0].Start || r.Last >= ws[0].End) {
			t.Errorf("a row of %s spans %d to %d", r.Attack, r.First, r.Last)
		}
	}
	if attacks["late"] == 0 || attacks["long"] == 0 || len(m.Manifest.Windows) != 2 || m.Manifest.Windows[1].Attack != "long" || m.Manifest.Windows[1].Start != ws[1].Start || m.Manifest.Windows[1].Rows != int64(attacks["long"]) {
		t.Errorf("attacks %v", attacks)
	}
	// A window elsewhere in time changes nothing for this file.
	c.Windows = set(append(ws, attack.Window{ID: "autumn", Start: at("2024-10-01 00:00:00"), End: at("2024-10-02 00:00:00")})...)
	if r := build(t, s, c); r.Unchanged != 1 || r.Read != 0 {
		t.Errorf("another window: %+v", r)
	}
	// One that touches it does.
	ws[0].End++
	c.Windows = set(ws...)
	if r := build(t, s, c); r.Read != 1 || len(r.Months) != 1 {
		t.Errorf("a longer window: %+v", r)
	}
	// A second file under other windows would mix two meanings in one month.
	other := write(t, dir, "b.json", lines(6, "2024-07-29", 100, 5))
	c = config(other)
	c.Windows = set(ws[1])
	if _, err := Build(t.Context(), s, c); !fault.Is(err, fault.Conflict) || !strings.Contains(err.Error(), "other attack windows") {
		t.Errorf("%v", err)
	}
	c.Windows, c.Web = set(ws...), webrequest.DefaultOptions(webrequest.Site)
	if _, err := Build(t.Context(), s, c); !fault.Is(err, fault.Conflict) || !strings.Contains(err.Error(), "different options") {
		t.Errorf("%v", err)
	}
	// Giving both files again is the way out.
	c.Files = []string{log, other}
	if r := build(t, s, c); r.Read != 2 {
		t.Errorf("%+v", r)
	}
}

func TestMissingColumns(t *testing.T) {
	dir := t.TempDir()
	s := open(t, filepath.Join(dir, "home"))
	combined := write(t, dir, "combined.log", []byte(
		`192.0.2.1 - - [05/Jul/2024:10:00:00 +0000] "GET / HTTP/1.1" 200 100 "-" "curl/8.0"`+"\n"+
			`192.0.2.2 - - [05/Jul/2024:10:00:01 +0000] "GET /?x=1 HTTP/1.1" 200 200 "https://a.example/" "curl/8.0"`+"\n"))
	common := write(t, dir, "common.log", []byte(
		`192.0.2.1 - - [05/Jul/2024:11:00:00 +0000] "GET / HTTP/1.1" 200 300`+"\n"+
			`192.0.2.3 - - [05/Jul/2024:11:00:01 +0000] "GET / HTTP/1.1" 200 -`+"\n"))
	r := build(t, s, Config{Files: []string{combined, common}})
	text := strings.Join(r.Warnings, "\n")
	for _, want := range []string{"cache filter not applied: the log has no cache_status, so request_count holds cache hits too (2 of 2 files)", "API requests not left out", "spider_ratio is missing: the log has no user_agent (1 of 2 files)"} {
		if !strings.Contains(text, want) {
			t.Errorf("no warning %q in\n%s", want, text)
		}
	}
	m, err := s.ReadMonth(month(t, "2024-07"))
	if err != nil {
		t.Fatal(err)
	}
	nan := math.NaN()
	want := [][]float64{ // count, size, queries, referer, agents, language
		{2, 200, 0, 0, 1, nan},
		{1, 200, 1, 1, 1, nan},
		{1, 0, 0, nan, nan, nan},
	}
	for i, w := range want {
		for c, x := range w {
			if got := m.Rows[i].Values[c]; got != x && !(math.IsNaN(got) && math.IsNaN(x)) {
				t.Errorf("row %d: %s is %v, want %v", i, m.Columns[c], got, x)
			}
		}
	}
	missing := map[string]featurestore.MissingColumn{}
	for _, c := range m.Manifest.Missing {
		missing[c.Column] = c
	}
	if c := missing["not_null_accept_language_ratio"]; c.Rows != 3 || c.Reason != "the logs have no accept_language" {
		t.Errorf("%+v", c)
	}
	if c := missing["user_agent_count"]; c.Rows != 1 || c.Reason != "1 of 2 log files have no user_agent" {
		t.Errorf("%+v", c)
	}
}

func TestRejectsAreKept(t *testing.T) {
	dir := t.TempDir()
	home := filepath.Join(dir, "home")
	s := open(t, home)
	data := slices.Concat(lines(1, "2024-07-05", 10, 3), []byte("{\"dt\":\"-\",\"ip\":\"192.0.2.1\"}\nnot a line\n"))
	log := write(t, dir, "a.json", data)
	var seen int
	c := config(log)
	c.Access.Rejects = func(int64, accesslog.Reason, []byte) { seen++ }
	r := build(t, s, c)
	if r.Lines != 12 || r.Rejects["missing_time"] != 1 || r.Rejects["bad_json"] != 1 || seen != 2 || len(r.Warnings) != 1 || !strings.HasPrefix(r.Warnings[0], "2 of 12 lines are no requests (bad_json 1, missing_time 1)") {
		t.Fatalf("%+v, seen %d", r, seen)
	}
	src := s.Sources()[0]
	path := s.RejectsPath(src.SHA256, rejectsExt)
	st, err := os.Stat(path)
	if err != nil || st.Mode().Perm() != 0o600 {
		t.Fatalf("%v, %v", st.Mode(), err)
	}
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(z)
	if err != nil || string(b) != "11\tmissing_time\t{\"dt\":\"-\",\"ip\":\"192.0.2.1\"}\n12\tbad_json\tnot a line\n" {
		t.Errorf("%q, %v", b, err)
	}
	// They go with their file.
	if _, err := Remove(t.Context(), s, []string{"a.json"}, Config{}); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(path); !os.IsNotExist(err) {
		t.Errorf("rejects of a file that was removed: %v", err)
	}
}

// tree lists a store's files with their sizes.
func tree(t testing.TB, home string) string {
	var b strings.Builder
	err := filepath.WalkDir(filepath.Join(home, "store"), func(p string, d os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if st, err := d.Info(); err == nil && !d.IsDir() && d.Name() != "lock" {
			fmt.Fprintln(&b, p, st.Size())
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestErrorsLeaveTheStoreAsItWas(t *testing.T) {
	dir := t.TempDir()
	home := filepath.Join(dir, "home")
	s := open(t, home)
	good := write(t, dir, "good.json", lines(1, "2024-07-05", 500, 9))
	build(t, s, config(good))
	before := tree(t, home)
	manifest, err := os.ReadFile(filepath.Join(home, "store", "manifest.json"))
	if err != nil {
		t.Fatal(err)
	}
	more := write(t, dir, "more.json", lines(2, "2024-07-06", 500, 9))
	torn := zipped(t, lines(3, "2024-07-06", 500, 9))
	for name, c := range map[string]struct {
		config func() Config
		kind   fault.Kind
	}{
		"no such file": {func() Config { return config(more, filepath.Join(dir, "none")) }, fault.NotFound},
		"a directory":  {func() Config { return config(more, dir) }, fault.Invalid},
		"no files":     {func() Config { return config() }, fault.Usage},
		"a torn file":  {func() Config { return config(more, write(t, dir, "torn.gz", torn[:len(torn)/2])) }, fault.Corrupt},
		"no log":       {func() Config { return config(more, write(t, dir, "x.bin", []byte("\x00\x01\x02\x03\n\x04"))) }, fault.Invalid},
		"bad options":  {func() Config { c := config(more); c.Web.Spider = "x"; return c }, fault.Invalid},
		"a bad format": {func() Config { c := config(more); c.Access.Format = "x"; return c }, fault.Usage},
	} {
		_, err := Build(t.Context(), s, c.config())
		if !fault.Is(err, c.kind) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v (%s), want %s", name, err, fault.KindOf(err), c.kind)
		}
		again, rerr := os.ReadFile(filepath.Join(home, "store", "manifest.json"))
		if rerr != nil || !bytes.Equal(manifest, again) {
			t.Errorf("%s: the manifest changed", name)
		}
	}
	// What failed runs left lying goes at the next opening.
	s.Close()
	s = open(t, home)
	if after := tree(t, home); after != before {
		t.Errorf("before\n%safter\n%s", before, after)
	}
	if _, err := s.ReadMonth(month(t, "2024-07")); err != nil {
		t.Error(err)
	}
}

// A build is stopped in each of its stages; the store stays as it was.
func TestCancelAnywhere(t *testing.T) {
	dir := t.TempDir()
	home := filepath.Join(dir, "home")
	s := open(t, home)
	build(t, s, config(write(t, dir, "good.json", lines(1, "2024-07-05", 100, 9))))
	before := tree(t, home)
	var paths []string
	for i := range 4 {
		paths = append(paths, write(t, dir, fmt.Sprint("more", i), lines(uint64(i+10), "2024-07-26", 3000, 99)))
	}
	// Two of one size, whose contents must be told apart first.
	twin := lines(20, "2024-07-26", 3000, 99)
	paths = append(paths, write(t, dir, "twin0", twin), write(t, dir, "twin1", twin))
	for _, stage := range []string{StageHash, StageRead, "lines", StageMerge} {
		ctx, cancel := context.WithCancel(t.Context())
		c := config(paths...)
		c.Threads = 1
		c.Progress = func(p Progress) {
			if p.Stage == stage {
				cancel()
			}
		}
		if stage == "lines" {
			c.Files = append(c.Files, write(t, dir, "bad", append(lines(9, "2024-07-26", 3000, 9), "x\n"...)))
			c.Access.Rejects = func(int64, accesslog.Reason, []byte) { cancel() }
		}
		_, err := Build(ctx, s, c)
		cancel()
		if !fault.Is(err, fault.Interrupted) {
			t.Errorf("cancelled in %s: %v (%s)", stage, err, fault.KindOf(err))
		}
		s.Close()
		s = open(t, home)
		if after := tree(t, home); after != before {
			t.Fatalf("cancelled in %s:\nbefore\n%safter\n%s", stage, before, after)
		}
	}
}

func TestProgress(t *testing.T) {
	dir := t.TempDir()
	s := open(t, filepath.Join(dir, "home"))
	data := lines(1, "2024-07-25", 500, 9)
	c := config(write(t, dir, "a.json", data))
	last := map[string]Progress{}
	c.Progress = func(p Progress) {
		if old := last[p.Stage]; p.Done < old.Done {
			t.Errorf("%s goes back from %d to %d", p.Stage, old.Done, p.Done)
		}
		last[p.Stage] = p
	}
	build(t, s, c)
	if p, ok := last[StageHash]; ok {
		t.Errorf("what is new is hashed as it is read, not before: %+v", p)
	}
	ended := func(stage string) {
		t.Helper()
		if p := last[stage]; p.Done != int64(len(data)) || p.Total != p.Done || p.Detail != "a.json" {
			t.Errorf("%s ended as %+v", stage, p)
		}
	}
	ended(StageRead)
	if p := last[StageMerge]; p.Done != 2 || p.Total != 2 {
		t.Errorf("merge ended as %+v", p)
	}
	clear(last)
	build(t, s, c) // of a size that is known
	ended(StageHash)
}

func TestEmptyLog(t *testing.T) {
	dir := t.TempDir()
	s := open(t, filepath.Join(dir, "home"))
	log := write(t, dir, "a.json", lines(1, "2024-07-05", 100, 3))
	build(t, s, config(log))
	write(t, dir, "a.json", nil)
	r := build(t, s, config(log))
	if r.Read != 1 || r.Replaced != 1 || len(r.Months) != 1 || len(s.Months()) != 0 || len(r.Warnings) != 1 || r.Warnings[0] != "the log is empty" {
		t.Errorf("%+v, months %v", r, s.Months())
	}
	if r := build(t, s, config(log)); r.Unchanged != 1 {
		t.Errorf("%+v", r)
	}
	// A file without lines that has bytes is known by them.
	blank := write(t, dir, "b.json", []byte("\n\n"))
	build(t, s, config(blank))
	if r := build(t, s, config(blank)); r.Unchanged != 1 || r.Read != 0 {
		t.Errorf("%+v", r)
	}
}

// oddIsTrue labels addresses by their last bit.
type oddIsTrue struct{}

func (oddIsTrue) Label(ip netip.Addr, _ row.Month) row.Label {
	if b := ip.As4(); b[3]&1 == 1 {
		return row.True
	}
	return row.False
}

func (oddIsTrue) Definition() string { return "odd" }

// Erasing an address leaves the months that logs without it give, with their
// labels.
func TestErase(t *testing.T) {
	dir := t.TempDir()
	home := filepath.Join(dir, "home")
	s := open(t, home)
	data := lines(1, "2024-07-26", 2000, 12)
	bad := "{\"dt\":\"-\",\"ip\":\"198.51.100.7\"}\n{\"dt\":\"-\",\"ip\":\"198.51.100.70\"}\n{\"dt\":\"-\",\"ip\":\"198.51.100.8\"}\n"
	c := config(write(t, dir, "a.json", append(slices.Clone(data), bad...)), write(t, dir, "b.json", lines(2, "2024-07-02", 10, 3)))
	c.Labeler = oddIsTrue{}
	build(t, s, c)
	if _, err := s.Erase(t.Context(), netip.Addr{}); !fault.Is(err, fault.Invalid) {
		t.Errorf("%v", err)
	}
	got, err := s.Erase(t.Context(), netip.MustParseAddr("::ffff:198.51.100.7"))
	if err != nil || got.Rows != 2 || got.Partials != 1 || len(got.Months) != 2 || got.RejectLines != 2 {
		t.Fatalf("%+v, %v", got, err)
	}
	if got, err := s.Erase(t.Context(), netip.MustParseAddr("198.51.100.7")); err != nil || got.Rows != 0 || got.Partials != 0 || got.RejectLines != 0 {
		t.Errorf("once more: %+v, %v", got, err)
	}
	var without [][]byte
	for _, l := range bytes.SplitAfter(data, []byte("\n")) {
		if !bytes.Contains(l, []byte(`"198.51.100.7"`)) {
			without = append(without, l)
		}
	}
	other := filepath.Join(dir, "other")
	c.Files = []string{write(t, dir, "c.json", bytes.Join(without, nil)), filepath.Join(dir, "b.json")}
	build(t, open(t, other), c)
	sameMonths(t, "erased", home, other)
	// Its partials hold it no more either: merging a month anew gives the same.
	if _, err := Remove(t.Context(), s, []string{"b.json"}, c); err != nil {
		t.Fatal(err)
	}
	c.Files = []string{filepath.Join(dir, "a.json"), filepath.Join(dir, "b.json")}
	if r := build(t, s, c); r.Unchanged != 1 || r.Read != 1 {
		t.Errorf("%+v", r)
	}
	sameMonths(t, "erased and merged again", home, other)
}

func TestPrune(t *testing.T) {
	dir := t.TempDir()
	home := filepath.Join(dir, "home")
	s := open(t, home)
	old := write(t, dir, "old.json", lines(1, "2024-06-02", 200, 9))
	both := write(t, dir, "both.json", lines(2, "2024-07-26", 2000, 9))
	c := config(old, both)
	c.Labeler = oddIsTrue{}
	build(t, s, c)
	august := monthBytes(t, home)["2024-08.parquet"]
	got, err := s.Prune(t.Context(), month(t, "2024-08"))
	if err != nil || len(got.Months) != 2 || got.Rows != 18 || got.Partials != 2 {
		t.Fatalf("%+v, %v", got, err)
	}
	if after := monthBytes(t, home); len(after) != 1 || after["2024-08.parquet"] != august {
		t.Errorf("months %v, or August differs", s.Months())
	}
	// The files stay known: what is gone does not come back by itself.
	if r := build(t, s, c); r.Unchanged != 2 || len(r.Months) != 0 {
		t.Errorf("%+v", r)
	}
	if got, err := s.Prune(t.Context(), month(t, "2024-08")); err != nil || got.Rows != 0 || got.Partials != 0 {
		t.Errorf("once more: %+v, %v", got, err)
	}
}
