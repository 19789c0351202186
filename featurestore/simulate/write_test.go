package simulate

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"math"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
	"unsafe"

	"github.com/klauspost/compress/gzip"
	"github.com/parquet-go/parquet-go"

	"sluice/featurestore/columns"
	"sluice/featurestore/fault"
)

func world(t testing.TB, c Config) *World {
	t.Helper()
	w, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func read(t testing.TB, path string) []byte {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var r io.Reader = f
	if strings.HasSuffix(path, ".gz") {
		if r, err = gzip.NewReader(f); err != nil {
			t.Fatal(err)
		}
	}
	b, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// line is a request as a reader of the log sees it.
type line struct {
	DT           string  `json:"dt"`
	IP           string  `json:"ip"`
	CacheStatus  string  `json:"cache_status"`
	HTTPStatus   string  `json:"http_status"`
	ResponseSize int64   `json:"response_size"`
	HTTPMethod   string  `json:"http_method"`
	URIHost      string  `json:"uri_host"`
	URIPath      string  `json:"uri_path"`
	URIQuery     string  `json:"uri_query"`
	ContentType  string  `json:"content_type"`
	Referer      string  `json:"referer"`
	UserAgent    string  `json:"user_agent"`
	AcceptLang   string  `json:"accept_language"`
	XAnalytics   string  `json:"x_analytics"`
	Hostname     string  `json:"hostname"`
	Sequence     int64   `json:"sequence"`
	FirstByte    float64 `json:"time_firstbyte"`
}

func (l *line) api() bool {
	return strings.HasPrefix(l.URIPath, "/w/api.php") || strings.HasPrefix(l.URIPath, "/api/rest_v1")
}

// The derivations, in short, for what the world writes.
func (l *line) pageview() bool {
	if strings.Contains(l.UserAgent, "WikipediaApp") {
		return l.HTTPStatus == "200" && strings.Contains(";"+l.XAnalytics+";", ";pageview=1;")
	}
	return l.HTTPStatus == "200" && l.ContentType == "text/html; charset=UTF-8" && strings.HasPrefix(l.URIPath, "/wiki/")
}

func (l *line) spider() bool {
	ua := strings.ToLower(l.UserAgent)
	for _, s := range []string{"bot", "spider", "http", "python-requests"} {
		if strings.Contains(ua, s) {
			return true
		}
	}
	for _, s := range []string{"curl", "java/", "scrapy", "mediawiki"} {
		if strings.HasPrefix(ua, s) {
			return true
		}
	}
	return l.UserAgent == "-"
}

// group gathers one pair's requests, in the obvious way.
type group struct {
	n, bytes, referer, lang, page, mobile, app, spider int64
	queries, agents                                    map[string]bool
	first, last                                        int64
}

func (g *group) add(l *line, at int64) {
	if g.n == 0 {
		g.queries, g.agents = map[string]bool{}, map[string]bool{}
		g.first = at
	}
	b := func(v bool) int64 {
		if v {
			return 1
		}
		return 0
	}
	app := strings.Contains(l.UserAgent, "WikipediaApp")
	g.n++
	g.bytes += l.ResponseSize
	g.referer += b(l.Referer != "-")
	g.lang += b(l.AcceptLang != "-")
	g.page += b(l.pageview())
	g.app += b(app)
	g.mobile += b(!app && strings.Contains(l.URIHost, ".m."))
	g.spider += b(l.spider())
	if l.URIQuery != "" {
		g.queries[l.URIQuery] = true
	}
	g.agents[l.UserAgent] = true
	g.first, g.last = min(g.first, at), max(g.last, at)
}

func (g *group) values() [columns.NumFeatures]float64 {
	n := float64(g.n)
	return [columns.NumFeatures]float64{n, float64(g.bytes) / n, float64(len(g.queries)), float64(g.referer) / n,
		float64(len(g.agents)), float64(g.lang) / n, float64(g.page) / n, float64(g.n-g.mobile-g.app) / n,
		float64(g.mobile) / n, float64(g.app) / n, float64(g.referer) / n, float64(g.spider) / n}
}

type groupKey struct {
	attack string
	ip     netip.Addr
}

// The logs say exactly what the profiles promise: every column of every pair,
// its first and last request, every background client, and nothing else.
func TestLogsMatchProfiles(t *testing.T) {
	for i, background := range []int{40, 0} {
		w := world(t, Config{Seed: 7, Rows: 120, Scale: .004, Months: 2, BackgroundIPs: background})
		files, err := w.WriteMonth(context.Background(), t.TempDir(), i, WriteOptions{Threads: 2, Gzip: i == 1, PartitionByHour: i == 1})
		if err != nil {
			t.Fatal(err)
		}
		groups := map[groupKey]*group{}
		var last int64
		seen := map[int64]bool{}
		for _, f := range files {
			if !strings.Contains(filepath.Base(f), "simulated") {
				t.Fatalf("%s does not say that it is simulated", f)
			}
			sc := bufio.NewScanner(bytes.NewReader(read(t, f)))
			sc.Buffer(nil, 1<<20)
			for sc.Scan() {
				var l line
				dec := json.NewDecoder(bytes.NewReader(sc.Bytes()))
				if err := dec.Decode(&l); err != nil {
					t.Fatalf("%v in %s", err, sc.Bytes())
				}
				at, err := time.Parse(time.RFC3339, l.DT)
				if err != nil || at.Unix() < last {
					t.Fatalf("%v, or time goes back to %s", err, l.DT)
				}
				last = at.Unix()
				if seen[l.Sequence] {
					t.Fatalf("sequence %d twice", l.Sequence)
				}
				seen[l.Sequence] = true
				if !slices.Contains([]string{"miss", "pass", "int-front"}, l.CacheStatus) || l.api() {
					continue
				}
				k := groupKey{attack: w.cfg.Start.String(), ip: netip.MustParseAddr(l.IP)}
				k.attack = w.get(i).month.String()
				for _, a := range w.Windows() {
					if last >= a.Start && last < a.End {
						k.attack = a.ID
					}
				}
				if groups[k] == nil {
					groups[k] = &group{}
				}
				groups[k].add(&l, last)
			}
		}
		want := append(w.Month(i), w.Background(i)...)
		if len(want) != len(groups) {
			t.Errorf("month %d: %d groups in the logs, %d profiles", i, len(groups), len(want))
		}
		for j := range want {
			p := &want[j]
			g := groups[groupKey{p.Attack, p.IP}]
			if g == nil {
				t.Fatalf("%s %s of kind %s sent nothing", p.Attack, p.IP, p.Kind)
			}
			if got, want := g.values(), p.Values(); got != want {
				t.Errorf("month %d, %s:\n got %v\nwant %v\n%+v", i, p.Kind, got, want, p)
			}
			if j < len(w.Month(i)) {
				if r := p.row(); r.First != g.first || r.Last != g.last {
					t.Errorf("%s: first and last %d %d, want %d %d", p.Kind, g.first, g.last, r.First, r.Last)
				}
			}
		}
	}
}

// The combined log has the requests that rows are made of, Parquet has all
// with the derived columns.
func TestOtherFormats(t *testing.T) {
	w := world(t, Config{Seed: 3, Rows: 60, Scale: .002, Months: 1, BackgroundIPs: 5})
	m := w.get(0)
	ctx := context.Background()
	files, err := w.WriteMonth(ctx, t.TempDir(), 0, WriteOptions{Format: Combined})
	if err != nil {
		t.Fatal(err)
	}
	var lines, pages, wantPages int64
	for _, f := range files {
		for l := range strings.Lines(string(read(t, f))) {
			parts := strings.Split(l, `"`)
			if len(parts) != 7 || strings.Count(l, " - - [") != 1 {
				t.Fatalf("not the combined format: %q", l)
			}
			lines++
			if strings.HasPrefix(parts[1], "GET /wiki/Simulated_page") && strings.HasPrefix(parts[2], " 200 ") {
				pages++
			}
		}
	}
	for _, p := range append(w.Month(0), w.Background(0)...) {
		wantPages += p.Pageviews
	}
	if lines != m.requests(Combined) || pages != wantPages {
		t.Errorf("%d lines and %d pages, want %d and %d", lines, pages, m.requests(Combined), wantPages)
	}

	files, err = w.WriteMonth(ctx, t.TempDir(), 0, WriteOptions{Format: Parquet})
	if err != nil {
		t.Fatal(err)
	}
	lines, pages = 0, 0
	for _, f := range files {
		rows, err := parquet.ReadFile[parquetRequest](f)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range rows {
			lines++
			l := line{HTTPStatus: r.HTTPStatus, ContentType: r.ContentType, URIPath: r.URIPath, UserAgent: r.UserAgent, XAnalytics: r.XAnalytics}
			if l.pageview() != r.IsPageview || l.spider() != (r.AgentType == "spider") || l.api() != r.IsAPI {
				t.Fatalf("derived columns disagree: %+v", r)
			}
			if (r.Referer == "-") != (r.RefererClass == "none") {
				t.Fatalf("referer %q of class %q", r.Referer, r.RefererClass)
			}
		}
	}
	if lines != m.requests(Parquet) {
		t.Errorf("%d rows in Parquet, want %d", lines, m.requests(Parquet))
	}
	if _, err := w.WriteMonth(ctx, t.TempDir(), 0, WriteOptions{Format: "xml"}); !fault.Is(err, fault.Usage) {
		t.Error(err)
	}
	if _, err := w.WriteMonth(ctx, t.TempDir(), 0, WriteOptions{Format: Parquet, Gzip: true}); !fault.Is(err, fault.Usage) {
		t.Error(err)
	}
	if _, err := w.WriteMonth(ctx, t.TempDir(), 1, WriteOptions{}); !fault.Is(err, fault.Invalid) {
		t.Error(err)
	}
}

// tree is every file below dir.
func tree(t testing.TB, dir string) map[string]string {
	t.Helper()
	out := map[string]string{}
	err := filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(p)
		rel, _ := filepath.Rel(dir, p)
		out[rel] = string(b)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// Same seed, same bytes, whatever the number of threads and whichever months
// were asked for first; another seed, other bytes.
func TestSameBytes(t *testing.T) {
	formats := []Format{NDJSON, Combined, Parquet}
	if testing.Short() {
		formats = formats[:1]
	}
	for _, format := range formats {
		var trees []map[string]string
		for k, c := range []struct {
			seed    int64
			threads int
		}{{5, 1}, {5, 4}, {6, 2}} {
			w := world(t, Config{Seed: c.seed, Rows: 30, Scale: .002, Months: 2})
			if k == 1 {
				w.Rows(1)
				w.Background(0)
			}
			dir := t.TempDir()
			if _, err := w.Write(context.Background(), dir, WriteOptions{Format: format, Threads: c.threads, Gzip: format == NDJSON}); err != nil {
				t.Fatal(err)
			}
			trees = append(trees, tree(t, dir))
		}
		if len(trees[0]) != len(trees[1]) {
			t.Fatalf("%s: %d and %d files", format, len(trees[0]), len(trees[1]))
		}
		same := 0
		for p, b := range trees[0] {
			if trees[1][p] != b {
				t.Errorf("%s: %s differs with the number of threads", format, p)
			}
			if trees[2][p] == b {
				same++
			}
		}
		if same > 0 {
			t.Errorf("%s: %d files are the same for another seed", format, same)
		}
	}
}

func TestCancel(t *testing.T) {
	w := world(t, Config{Seed: 1, Rows: 50, Scale: .01})
	ctx, stop := context.WithCancel(context.Background())
	dir := t.TempDir()
	_, err := w.WriteMonth(ctx, dir, 0, WriteOptions{Progress: func(done, all int64) { stop() }})
	if !fault.Is(err, fault.Interrupted) {
		t.Fatal(err)
	}
	if left := tree(t, dir); len(left) > 0 {
		t.Errorf("%d files left", len(left))
	}
}

// An interrupted or failed Write leaves a folder as it was, and the same call
// can be made again.
func TestWriteLeavesNothingBehind(t *testing.T) {
	w := world(t, Config{Seed: 1, Months: 1, Rows: 50, Scale: .01})
	for _, folder := range []string{"there", "new/in/new"} {
		home := t.TempDir()
		if err := os.Mkdir(filepath.Join(home, "there"), 0o755); err != nil {
			t.Fatal(err)
		}
		dir := filepath.Join(home, folder)
		files := 0
		for _, at := range []int{1, 0} { // the file after which it stops; 0 for the last
			ctx, stop := context.WithCancel(context.Background())
			n := 0
			_, err := w.Write(ctx, dir, WriteOptions{Progress: func(done, all int64) {
				if n++; n == at || done == all {
					stop()
				}
			}})
			stop()
			if !fault.Is(err, fault.Interrupted) {
				t.Fatalf("%s: %v", folder, err)
			}
			files += n
			if left, err := os.ReadDir(filepath.Join(home, "there")); err != nil || len(left) > 0 {
				t.Errorf("%s: %v, %v left", folder, err, left)
			}
			if _, err := os.Lstat(filepath.Join(home, "new")); err == nil {
				t.Errorf("%s: a folder is left that was not there", folder)
			}
		}
		if files < 3 {
			t.Fatalf("%d files were written before the ends", files)
		}
		if _, err := w.Write(context.Background(), dir, WriteOptions{}); err != nil {
			t.Errorf("%s: again: %v", folder, err)
		}
	}
	// A file stands where a folder is to be.
	home := t.TempDir()
	if err := os.WriteFile(filepath.Join(home, "file"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(context.Background(), filepath.Join(home, "file", "in"), WriteOptions{}); err == nil {
		t.Error("written below a file")
	}
	if _, err := os.Lstat(filepath.Join(home, "file")); err != nil {
		t.Error(err)
	}
}

func TestWriteRefusesAFullFolder(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "x"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := world(t, Config{Rows: 10, Scale: .001}).Write(context.Background(), dir, WriteOptions{}); !fault.Is(err, fault.Exists) {
		t.Error(err)
	}
}

// The stride visits every number once, and from any position on as from the
// beginning.
func TestStride(t *testing.T) {
	for _, n := range []int64{1, 2, 3, 4, 6, 10, 97, 100, 1024, 30030} {
		for id := range uint64(20) {
			s := newStride(id, n, 0)
			seen := make([]bool, n)
			for i := range n {
				if u := newStride(id, n, i); u != s {
					t.Fatalf("n %d: position %d is %v, by steps %v", n, i, u, s)
				}
				if seen[s.at] {
					t.Fatalf("n %d: %d twice", n, s.at)
				}
				seen[s.at] = true
				s.next()
			}
		}
	}
}

// A clock's times never go back, stay in the span, and first finds what a
// search would.
func TestClock(t *testing.T) {
	w := world(t, Config{Seed: 2, Rows: 30, BackgroundIPs: 30, Scale: .01})
	m := w.get(0)
	for _, ps := range [][]Profile{m.pairs, m.background} {
		for i := range ps {
			p := &ps[i]
			var rh *rhythm
			if p.Attack == m.month.String() {
				rh = &m.rhythm
			}
			c := newClock(p, rh)
			last := int64(math.MinInt64)
			for k := range c.n {
				at := c.at(k)
				if at < last || at < p.Start || at >= p.End {
					t.Fatalf("request %d of %d at %d, after %d, of [%d, %d)", k, c.n, at, last, p.Start, p.End)
				}
				if rh != nil && m.attacked(at-at%slotSeconds) {
					t.Fatalf("background at %s, within a window", stamp(at))
				}
				if at > last && c.first(at) != k {
					t.Fatalf("first(%d) = %d, want %d", at, c.first(at), k)
				}
				last = at
			}
			if c.first(last+1) != c.n {
				t.Fatal("a request after the last")
			}
		}
	}
}

// TestClientsAwake: a client that is awake costs its cursor, and not a request's
// room.
func TestClientsAwake(t *testing.T) {
	m := world(t, Config{Seed: 4, Rows: 50, Scale: .8, Months: 1, BackgroundIPs: 5000}).get(0)
	from := m.month.Start(time.UTC).Unix()
	var cs []cursor
	if n := testing.AllocsPerRun(1, func() { cs = m.cursors(from, from+86400, false) }); n > 100 || len(cs) < 4000 {
		t.Errorf("%v allocations for %d clients", n, len(cs))
	}
	if size := unsafe.Sizeof(cursor{}); size > 256 {
		t.Errorf("%d bytes a client", size)
	}
}

func BenchmarkNDJSON(b *testing.B) {
	w := world(b, Config{Seed: 1, Rows: 6845, Scale: .025})
	m := w.get(1)
	b.Run("encode", func(b *testing.B) {
		b.ReportAllocs()
		var n int64
		day := slices.MaxFunc(m.files(".", &WriteOptions{}), func(a, b logFile) int { return cmp.Compare(m.share(a.from, a.to), m.share(b.from, b.to)) })
		for b.Loop() {
			s := newLineSink(io.Discard, &WriteOptions{})
			err := m.requestsIn(context.Background(), day.from, day.to, false, func(r *request) error {
				n++
				return s.put(r)
			})
			if err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "requests/s")
	})
	b.Run("write", func(b *testing.B) {
		b.ReportAllocs()
		dir := b.TempDir()
		var n int64
		for b.Loop() {
			if _, err := w.WriteMonth(context.Background(), dir, 1, WriteOptions{Threads: 2}); err != nil {
				b.Fatal(err)
			}
			n += m.requests(NDJSON)
		}
		b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "requests/s")
	})
}

func BenchmarkRows(b *testing.B) {
	b.ReportAllocs()
	seed := int64(0)
	for b.Loop() {
		seed++
		if got := len(world(b, Config{Seed: seed}).Rows(0)); got != DefaultRows {
			b.Fatal(fmt.Sprint(got))
		}
	}
}
