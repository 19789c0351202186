package feed

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"math"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"sluice/featurestore/fault"
)

var update = flag.Bool("update", false, "write the golden files")

const model = "2024-08-0123456789ab"

var (
	asOf    = time.Date(2024, 9, 1, 0, 0, 0, 0, time.UTC)
	written = time.Date(2024, 9, 2, 3, 4, 5, 0, time.UTC)
)

func line(ip string, confidence float64) Line {
	v := NotAbusive
	if confidence >= 0.5 {
		v = Abusive
	}
	return Line{
		IP: netip.MustParseAddr(ip), Confidence: confidence, Verdict: v,
		Reasons: []Reason{
			{"request_count", 1234, 1.23456789},
			{"desktop_ratio", 1.0 / 3, -0.25},
			{"is_pageview_ratio", math.NaN(), 0.5},
			{"response_size_mean", 0.5, -0.00001},
		},
		Windows: []Window{
			{"2024-08", asOf.AddDate(0, -1, 0), asOf, confidence},
		},
		ModelVersion: model, AsOf: asOf, ExpiresAt: asOf.Add(DefaultTTL),
	}
}

// writeFeed writes a feed of lines and returns its descriptor.
func writeFeed(t testing.TB, f *Feeds, d Date, o Options, lines ...Line) Descriptor {
	t.Helper()
	desc, err := tryFeed(f, d, o, lines...)
	if err != nil {
		t.Fatal(err)
	}
	return desc
}

func tryFeed(f *Feeds, d Date, o Options, lines ...Line) (Descriptor, error) {
	w, err := f.Create(d, model, o)
	if err != nil {
		return Descriptor{}, err
	}
	defer w.Discard()
	for i := range lines {
		if err := w.Write(&lines[i]); err != nil {
			return Descriptor{}, err
		}
	}
	return w.Commit(written)
}

func openIndex(t testing.TB, f *Feeds, d Date) *Index {
	t.Helper()
	x, err := f.OpenIndex(context.Background(), d)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = x.Close() })
	return x
}

func readAll(t testing.TB, f *Feeds, d Date) []Line {
	t.Helper()
	r, err := f.OpenReader(d)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	var lines []Line
	for {
		var l Line
		err := r.Next(&l)
		if errors.Is(err, io.EOF) {
			return lines
		}
		if err != nil {
			t.Fatal(err)
		}
		lines = append(lines, l)
	}
}

func sameLines(t testing.TB, what string, got, want []Line) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%s: %d lines, want %d", what, len(got), len(want))
	}
	for i := range got {
		if !got[i].Equal(&want[i]) {
			t.Fatalf("%s, line %d:\n%s\n%s", what, i, got[i].AppendJSON(nil), want[i].AppendJSON(nil))
		}
	}
}

// The bytes of a line and of a feed are a contract.
func TestGolden(t *testing.T) {
	f := Open(t.TempDir())
	second := line("192.0.2.7", 0.5)
	second.Windows = append(second.Windows, Window{"flood \"1\"", asOf.Add(-time.Hour), asOf, 0.25})
	third := line("2001:db8::1", 1e-9)
	third.Verdict, third.Reasons, third.Windows = Abstain, nil, nil
	d := writeFeed(t, f, "2024-08-31", Options{}, line("192.0.2.1", 0.125), second, third)

	b, err := os.ReadFile(f.Path("2024-08-31"))
	if err != nil {
		t.Fatal(err)
	}
	z, err := gzip.NewReader(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	if !z.ModTime.IsZero() || z.Name != "" || z.Comment != "" {
		t.Errorf("the gzip head tells when or where it was written: %+v", z.Header)
	}
	text, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	d.AvailableAt = time.Time{}
	if sum, err := sumFile(f.Path("2024-08-31")); err != nil || fmt.Sprintf("%x", sum) != d.SHA256 {
		t.Errorf("sha256 %s: the file has %x, %v", d.SHA256, sum, err)
	}
	d.SHA256 = strings.Repeat("0", 64) // compressed bytes are the compressor's
	golden(t, "feed.jsonl", text)
	golden(t, "latest.json", MarshalLatest(d))
}

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.MkdirAll("testdata", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s differs; run with -update and look at the difference\n%s", name, got)
	}
}

// drawLines draws a feed: close addresses, so that two of them overlap.
func drawLines(t *rapid.T, name string) []Line {
	count := rapid.IntRange(0, 80).Draw(t, name+" lines")
	byIP := map[netip.Addr]Line{}
	for range count {
		var a netip.Addr
		low := rapid.Uint16Range(0, 120).Draw(t, "address")
		if rapid.Bool().Draw(t, "v4") {
			a = netip.AddrFrom4([4]byte{198, 51, byte(low >> 8), byte(low)})
		} else {
			a = netip.AddrFrom16([16]byte{0x20, 1, 0xd, 0xb8, 7: byte(low >> 8), 15: byte(low)})
		}
		l := Line{
			IP: a, Confidence: rapid.Float64Range(0, 1).Draw(t, "confidence"),
			Verdict: Verdict(rapid.IntRange(1, 3).Draw(t, "verdict")), ModelVersion: model,
			AsOf: asOf, ExpiresAt: asOf.Add(time.Duration(rapid.IntRange(0, 2).Draw(t, "days")) * 24 * time.Hour),
		}
		for range rapid.IntRange(0, 4).Draw(t, "reasons") {
			value := rapid.OneOf(rapid.Float64Range(-1e300, 1e300), rapid.Float64Range(0, 1),
				rapid.Map(rapid.Int64Range(-5, 1<<60), func(i int64) float64 { return float64(i) }),
				rapid.Map(rapid.Float32Range(0, 1), func(f float32) float64 { return float64(f) }),
				rapid.Just(math.NaN())).Draw(t, "value")
			l.Reasons = append(l.Reasons, Reason{
				Feature: rapid.SampledFrom([]string{"request_count", "ümlaut \"\\\x01", "c"}).Draw(t, "feature"),
				Value:   value, Contribution: rapid.Float64Range(-1e6, 1e6).Draw(t, "contribution"),
			})
		}
		for range rapid.IntRange(0, 3).Draw(t, "windows") {
			start := asOf.Add(-time.Duration(rapid.IntRange(1, 5).Draw(t, "hours")) * time.Hour)
			c := l.Confidence
			if rapid.Bool().Draw(t, "other confidence") {
				c = rapid.Float64Range(0, 1).Draw(t, "window confidence")
			}
			l.Windows = append(l.Windows, Window{rapid.SampledFrom([]string{"2024-08", "a", ""}).Draw(t, "attack"), start, asOf, c})
		}
		byIP[a] = l
	}
	return slices.SortedFunc(maps.Values(byIP), func(a, b Line) int { return a.IP.Compare(b.IP) })
}

// What is written is read, line by line and through the index, whose twin here
// is a map.
func TestReadsWhatWasWritten(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		lines := drawLines(rt, "feed")
		f := Open(t.TempDir())
		d := writeFeed(t, f, "2024-08-31", Options{}, lines...)
		if d.Rows != len(lines) {
			rt.Fatalf("%d rows, want %d", d.Rows, len(lines))
		}
		for i := range lines {
			lines[i].normalise()
		}
		sameLines(t, "file", readAll(t, f, "2024-08-31"), lines)

		x, err := OpenIndex(f.IndexPath("2024-08-31"))
		if err != nil {
			rt.Fatal(err)
		}
		defer x.Close()
		if x.Len() != len(lines) || x.FeedSHA256() != d.SHA256 || x.Date() != d.Date {
			rt.Fatalf("index of %d lines, %s, %s", x.Len(), x.Date(), x.FeedSHA256())
		}
		twin := map[netip.Addr]Line{}
		for _, l := range lines {
			twin[l.IP] = l
		}
		var got Line
		for low := range uint16(130) {
			for _, a := range []netip.Addr{
				netip.AddrFrom4([4]byte{198, 51, byte(low >> 8), byte(low)}),
				netip.AddrFrom16([16]byte{0x20, 1, 0xd, 0xb8, 7: byte(low >> 8), 15: byte(low)}),
			} {
				found, err := x.Lookup(a, &got)
				want, there := twin[a]
				if err != nil || found != there || found && !got.Equal(&want) {
					rt.Fatalf("%s: %v, %v; want %v\n%s\n%s", a, found, err, there, got.AppendJSON(nil), want.AppendJSON(nil))
				}
			}
		}
		from := netip.Addr{}
		if len(lines) > 0 && rapid.Bool().Draw(rt, "from the middle") {
			from = rapid.SampledFrom(lines).Draw(rt, "from").IP
			if rapid.Bool().Draw(rt, "after") {
				from = from.Next()
			}
		}
		var walked, wanted []Line
		for _, l := range lines {
			if !from.IsValid() || l.IP.Compare(from) >= 0 {
				wanted = append(wanted, l)
			}
		}
		c := x.Cursor(from)
		for {
			var l Line
			if !c.Next(&l) {
				break
			}
			walked = append(walked, l)
		}
		if c.Err() != nil {
			rt.Fatal(c.Err())
		}
		sameLines(t, "walk", walked, wanted)
	})
}

// Applying the differences to the older feed gives the newer one.
func TestDiff(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		f := Open(t.TempDir())
		older, newer := drawLines(rt, "older"), drawLines(rt, "newer")
		// Some lines stay as they are.
		kept := map[netip.Addr]Line{}
		for _, l := range newer {
			kept[l.IP] = l
		}
		for _, l := range older {
			if rapid.Bool().Draw(rt, "stays") {
				kept[l.IP] = l
			}
		}
		newer = slices.SortedFunc(maps.Values(kept), func(a, b Line) int { return a.IP.Compare(b.IP) })
		writeFeed(t, f, "2024-08-30", Options{}, older...)
		writeFeed(t, f, "2024-08-31", Options{}, newer...)
		copied := map[netip.Addr]Line{}
		for _, l := range readAll(t, f, "2024-08-30") {
			copied[l.IP] = l
		}
		a, b := openIndex(t, f, "2024-08-30"), openIndex(t, f, "2024-08-31")
		var last netip.Addr
		err := Diff(context.Background(), a, b, netip.Addr{}, func(c Change) bool {
			if !inOrder(last, c.IP) {
				rt.Fatalf("%s after %s", c.IP, last)
			}
			last = c.IP
			_, there := copied[c.IP]
			if there == (c.Kind == Added) {
				rt.Fatalf("%s %s, and the older feed holds it: %v", c.IP, c.Kind, there)
			}
			if c.Kind == Removed {
				delete(copied, c.IP)
				return true
			}
			var l Line
			l.clone(c.Line)
			if was := copied[c.IP]; was.Equal(&l) {
				rt.Fatalf("%s is called %s and is the same", c.IP, c.Kind)
			}
			copied[c.IP] = l
			return true
		})
		if err != nil {
			rt.Fatal(err)
		}
		got := slices.SortedFunc(maps.Values(copied), func(a, b Line) int { return a.IP.Compare(b.IP) })
		sameLines(t, "copy", got, readAll(t, f, "2024-08-31"))
	})
}

func TestAFeedNeverChanges(t *testing.T) {
	f := Open(t.TempDir())
	first := writeFeed(t, f, "2024-08-31", Options{}, line("192.0.2.1", 0.1))
	latest := func() Descriptor {
		t.Helper()
		d, err := f.Latest()
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	if latest() != first {
		t.Errorf("latest.json says %+v, want %+v", latest(), first)
	}
	// The same again, at another time.
	w, err := f.Create("2024-08-31", model, Options{})
	if err != nil {
		t.Fatal(err)
	}
	l := line("192.0.2.1", 0.1)
	if err := w.Write(&l); err != nil {
		t.Fatal(err)
	}
	again, err := w.Commit(written.AddDate(0, 0, 1))
	if err != nil || again != first || latest() != first {
		t.Errorf("the same again: %+v, %v", again, err)
	}
	// Something else.
	if _, err := tryFeed(f, "2024-08-31", Options{}, line("192.0.2.1", 0.2)); !fault.Is(err, fault.Exists) {
		t.Errorf("other content: %v", err)
	}
	if x := openIndex(t, f, "2024-08-31"); x.FeedSHA256() != first.SHA256 || latest() != first {
		t.Error("a refused feed left something behind")
	}
	other := writeFeed(t, f, "2024-08-31", Options{Replace: true}, line("192.0.2.1", 0.2))
	if x := openIndex(t, f, "2024-08-31"); x.FeedSHA256() != other.SHA256 || latest() != other {
		t.Error("the replacement is not in place")
	}
	// An earlier date is kept and is not the latest.
	writeFeed(t, f, "2024-08-30", Options{}, line("192.0.2.9", 0.2))
	if latest() != other {
		t.Errorf("latest.json went back to %+v", latest())
	}
	dates, err := f.Dates()
	if err != nil || !slices.Equal(dates, []Date{"2024-08-30", "2024-08-31"}) {
		t.Errorf("dates %v, %v", dates, err)
	}
	noDrafts(t, f)
}

func noDrafts(t *testing.T, f *Feeds) {
	t.Helper()
	entries, _ := os.ReadDir(f.Dir())
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), ".") {
			t.Errorf("%s was left behind", e.Name())
		}
	}
}

func TestWriterRefuses(t *testing.T) {
	bad := func(change func(*Line)) []Line {
		l := line("192.0.2.5", 0.5)
		change(&l)
		return []Line{l}
	}
	for _, c := range []struct {
		name, want string
		lines      []Line
	}{
		{"out of order", "192.0.2.xxx does not come after 192.0.2.xxx: a feed is written in the order of addresses, each once", []Line{line("192.0.2.2", 0), line("192.0.2.1", 0)}},
		{"twice", "192.0.2.xxx does not come after 192.0.2.xxx: a feed is written in the order of addresses, each once", []Line{line("192.0.2.2", 0), line("192.0.2.2", 0)}},
		{"v4 after v6", "192.0.2.xxx does not come after 2001:db8::/64: a feed is written in the order of addresses, each once", []Line{line("2001:db8::1", 0), line("192.0.2.2", 0)}},
		{"no address", "ip is no address without zone", bad(func(l *Line) { l.IP = netip.Addr{} })},
		{"zone", "ip is no address without zone", bad(func(l *Line) { l.IP = netip.MustParseAddr("fe80::1%eth0") })},
		{"mapped", "ip 192.0.2.xxx is IPv4-mapped; want the IPv4 address", bad(func(l *Line) { l.IP = netip.MustParseAddr("::ffff:192.0.2.5") })},
		{"confidence", "confidence 1.5 of 192.0.2.xxx: want a number in [0, 1]", bad(func(l *Line) { l.Confidence = 1.5 })},
		{"confidence NaN", "confidence NaN of 192.0.2.xxx: want a number in [0, 1]", bad(func(l *Line) { l.Confidence = math.NaN() })},
		{"verdict", "verdict of 192.0.2.xxx: want abusive, not_abusive or abstain", bad(func(l *Line) { l.Verdict = 0 })},
		{"model", `model_version "x" of 192.0.2.xxx: the feed is of "2024-08-0123456789ab"`, bad(func(l *Line) { l.ModelVersion = "x" })},
		{"no as_of", "as_of: want an instant in whole seconds between the years 1 and 9999", bad(func(l *Line) { l.AsOf = time.Time{} })},
		{"infinite value", "value of request_count of 192.0.2.xxx is infinite; missing is null", bad(func(l *Line) { l.Reasons[0].Value = math.Inf(1) })},
		{"contribution", "contribution NaN of request_count of 192.0.2.xxx: want a number within ±1e+09", bad(func(l *Line) { l.Reasons[0].Contribution = math.NaN() })},
		{"window", "confidence -1 of window 0 of 192.0.2.xxx: want a number in [0, 1]", bad(func(l *Line) { l.Windows[0].Confidence = -1 })},
		{"window's end", "windows: want an instant in whole seconds between the years 1 and 9999", bad(func(l *Line) { l.Windows[0].End = asOf.Add(1) })},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := Open(t.TempDir())
			_, err := tryFeed(f, "2024-08-31", Options{}, c.lines...)
			if !fault.Is(err, fault.Invalid) || err.Error() != c.want {
				t.Errorf("%v\nwant %s", err, c.want)
			}
			if entries, _ := os.ReadDir(f.Dir()); len(entries) != 0 {
				t.Errorf("%v was left behind", entries)
			}
		})
	}
	for _, d := range []Date{"", "2024-8-1", "2024-13-01", "../../x", "2024-08-31/", "1969-01-01"} {
		if _, err := Open(t.TempDir()).Create(d, model, Options{}); !fault.Is(err, fault.Invalid) {
			t.Errorf("date %q: %v", d, err)
		}
	}
}

func TestIndexIsMadeAgain(t *testing.T) {
	f := Open(t.TempDir())
	var lines []Line
	for i := range 100 {
		lines = append(lines, line(fmt.Sprintf("192.0.2.%d", i), float64(i)/100))
	}
	writeFeed(t, f, "2024-08-31", Options{}, lines...)
	path := f.IndexPath("2024-08-31")
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name  string
		bytes []byte // nil: removed
		kind  fault.Kind
	}{
		{"missing", nil, fault.NotFound},
		{"empty", []byte{}, fault.Corrupt},
		{"cut", whole[:len(whole)-1], fault.Corrupt},
		{"longer", append(slices.Clone(whole), 0), fault.Corrupt},
		{"zeroes", make([]byte, len(whole)), fault.Corrupt},
		{"another version", slices.Concat(whole[:8], []byte{9, 0, 0, 0}, whole[12:]), fault.Version},
	} {
		_ = os.Remove(path)
		if c.bytes != nil {
			if err := os.WriteFile(path, c.bytes, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := OpenIndex(path); !fault.Is(err, c.kind) {
			t.Errorf("%s: %v, want %v", c.name, err, c.kind)
		}
		if x, err := f.OpenIndex(context.Background(), "2024-08-31"); err != nil || x.Len() != 100 {
			t.Errorf("%s: not made again: %v", c.name, err)
		}
		if again, err := os.ReadFile(path); err != nil || !bytes.Equal(again, whole) {
			t.Errorf("%s: made again, the index is another: %v", c.name, err)
		}
	}
	// An index of another file.
	g := Open(t.TempDir())
	writeFeed(t, g, "2024-08-31", Options{}, lines[:50]...)
	strange, err := os.ReadFile(g.IndexPath("2024-08-31"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, strange, 0o600); err != nil {
		t.Fatal(err)
	}
	if x := openIndex(t, f, "2024-08-31"); x.Len() != 100 {
		t.Errorf("%d lines from a strange index", x.Len())
	}
	// A flipped byte is seen wherever it is.
	step := 7
	if testing.Short() {
		step = 61
	}
	for i := 0; i < len(whole); i += step {
		damaged := slices.Clone(whole)
		damaged[i] ^= 0x40
		if err := os.WriteFile(path, damaged, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := OpenIndex(path); !fault.Is(err, fault.Corrupt) && !fault.Is(err, fault.Version) {
			t.Fatalf("byte %d flipped: %v", i, err)
		}
	}
	noDrafts(t, f)
}

func TestDamagedFeed(t *testing.T) {
	f := Open(t.TempDir())
	writeFeed(t, f, "2024-08-31", Options{}, line("192.0.2.1", 0.1), line("192.0.2.2", 0.2))
	whole, err := os.ReadFile(f.Path("2024-08-31"))
	if err != nil {
		t.Fatal(err)
	}
	zipped := func(s string) []byte {
		var b bytes.Buffer
		z := gzip.NewWriter(&b)
		_, _ = io.WriteString(z, s)
		_ = z.Close()
		return b.Bytes()
	}
	l1, l2 := line("192.0.2.1", 0.1), line("192.0.2.2", 0.2)
	one, two := string(l1.AppendJSON(nil)), string(l2.AppendJSON(nil))
	for _, c := range []struct {
		name  string
		bytes []byte
		kind  fault.Kind
		want  string
	}{
		{"empty", nil, fault.Corrupt, "2024-08-31.jsonl.gz is no gzip file: the gzip stream ends early; fetch or write the feed again"},
		{"no gzip", []byte(one + "\n"), fault.Corrupt, "2024-08-31.jsonl.gz is no gzip file: gzip: invalid header"},
		{"cut", whole[:len(whole)-12], fault.Corrupt, "2024-08-31.jsonl.gz, line 2: the gzip stream ends early; fetch or write the feed again"},
		{"no newline", zipped(one), fault.Corrupt, "2024-08-31.jsonl.gz, line 1: the last line has no end"},
		{"order", zipped(two + "\n" + one + "\n"), fault.Corrupt, "2024-08-31.jsonl.gz, line 2: 192.0.2.xxx does not come after the line before; a feed is sorted by address, each once"},
		{"no JSON", zipped("x\n"), fault.Invalid, "2024-08-31.jsonl.gz, line 1: not a line of a feed: invalid character 'x' looking for beginning of value"},
		{"newer", zipped(strings.Replace(one, `"schema_version":1`, `"schema_version":2`, 1) + "\n"), fault.Version, "2024-08-31.jsonl.gz, line 1: schema_version 2 is newer than this program, which reads up to 1; update it"},
		{"no version", zipped(`{"ip":"192.0.2.1"}` + "\n"), fault.Invalid, "2024-08-31.jsonl.gz, line 1: schema_version is missing"},
		{"no confidence", zipped(`{"schema_version":1,"ip":"192.0.2.1"}` + "\n"), fault.Invalid, "2024-08-31.jsonl.gz, line 1: confidence of 192.0.2.xxx is missing"},
	} {
		t.Run(c.name, func(t *testing.T) {
			g := Open(t.TempDir())
			if err := os.MkdirAll(g.Dir(), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(g.Path("2024-08-31"), c.bytes, 0o600); err != nil {
				t.Fatal(err)
			}
			_, err := g.OpenIndex(context.Background(), "2024-08-31")
			if !fault.Is(err, c.kind) || err.Error() != c.want {
				t.Errorf("%v\nwant %s", err, c.want)
			}
			noDrafts(t, g)
		})
	}
	if _, err := f.OpenIndex(context.Background(), "2024-09-30"); !fault.Is(err, fault.NotFound) {
		t.Errorf("a date without feed: %v", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := f.Reindex(ctx, "2024-08-31"); !fault.Is(err, fault.Interrupted) {
		t.Errorf("cancelled: %v", err)
	}
}

func TestLatest(t *testing.T) {
	f := Open(t.TempDir())
	if _, err := f.Latest(); !fault.Is(err, fault.NotFound) {
		t.Errorf("no feed: %v", err)
	}
	good := string(MarshalLatest(Descriptor{Location: "2024-08-31.jsonl.gz", Date: "2024-08-31", SHA256: strings.Repeat("ab", 32), Rows: 3, SchemaVersion: 1}))
	if _, err := ParseLatest([]byte(good)); err != nil {
		t.Error(err)
	}
	for _, c := range []struct {
		old, new string
		kind     fault.Kind
	}{
		{"{", "", fault.Corrupt},
		{`"json"`, `"mmdb"`, fault.Corrupt},
		{`"date": "2024-08-31"`, `"date": "yesterday"`, fault.Corrupt},
		{"2024-08-31.jsonl.gz", "../../etc/passwd", fault.Corrupt},
		{"abab", "ABAB", fault.Corrupt},
		{"abab", "", fault.Corrupt},
		{`"rows": 3`, `"rows": -3`, fault.Corrupt},
		{`"schema_version": 1`, `"schema_version": 2`, fault.Version},
	} {
		if _, err := ParseLatest([]byte(strings.Replace(good, c.old, c.new, 1))); !fault.Is(err, c.kind) {
			t.Errorf("%s for %s: %v, want %v", c.new, c.old, err, c.kind)
		}
	}
}

func TestSweep(t *testing.T) {
	f := Open(t.TempDir())
	writeFeed(t, f, "2024-08-30", Options{}, line("192.0.2.1", 0.1))
	w, err := f.Create("2024-08-31", model, Options{})
	if err != nil {
		t.Fatal(err)
	}
	// As if the run were killed here.
	if err := f.Sweep(); err != nil {
		t.Fatal(err)
	}
	noDrafts(t, f)
	w.Discard()
	if d, err := f.Dates(); err != nil || len(d) != 1 {
		t.Errorf("dates %v, %v", d, err)
	}
}

func TestLookupDoesNotAllocate(t *testing.T) {
	f := Open(t.TempDir())
	var lines []Line
	for i := range 200 {
		lines = append(lines, line(fmt.Sprintf("192.0.2.%d", i), 0.5))
	}
	writeFeed(t, f, "2024-08-31", Options{}, lines...)
	x := openIndex(t, f, "2024-08-31")
	var l Line
	if found, err := x.Lookup(lines[77].IP, &l); !found || err != nil {
		t.Fatal(found, err)
	}
	if n := testing.AllocsPerRun(100, func() { _, _ = x.Lookup(lines[78].IP, &l) }); n != 0 {
		t.Errorf("%v allocations a lookup", n)
	}
	c := x.Cursor(netip.Addr{})
	if n := testing.AllocsPerRun(100, func() { c.Next(&l) }); n != 0 {
		t.Errorf("%v allocations a step", n)
	}
}
