package accesslog

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/klauspost/compress/zstd"
	"pgregory.net/rapid"

	"sluice/featurestore/fault"
	"sluice/featurestore/webrequest"
)

// summary of a scan in the order of the file's lines.
type result struct {
	requests []string
	rejects  []string
	stats    Stats
	err      error
	sum      string
}

func show(r *webrequest.Request) string { return fmt.Sprintf("%+v", *r) }

func scanAll(t testing.TB, data []byte, o Options, workers, block int) (*Log, result) {
	var res result
	o.Rejects = func(line int64, reason Reason, text []byte) {
		res.rejects = append(res.rejects, fmt.Sprintf("%d %v %q", line, reason, text))
	}
	l, err := New("test", bytes.NewReader(data), o)
	if err != nil {
		return nil, result{err: err}
	}
	if block > 0 {
		l.blockSize = block
	}
	var mu sync.Mutex
	res.err = l.Scan(context.Background(), workers, func(_ int, r *webrequest.Request) error {
		mu.Lock()
		defer mu.Unlock()
		res.requests = append(res.requests, show(r))
		return nil
	})
	if workers > 1 {
		slices.Sort(res.requests)
	}
	res.stats, res.sum = l.Stats(), l.SHA256()
	return l, res
}

// naive reads a log of one-line records the slow and obvious way.
func naive(data []byte, c *choice, o Options) (res result) {
	s := Stats{Rejected: map[Reason]int64{}, BytesRead: int64(len(data)), BytesPlain: int64(len(data))}
	p := c.parser()
	all := strings.Split(string(data), "\n")
	if all[len(all)-1] == "" {
		all = all[:len(all)-1]
	}
	header := c.header
	var last int64
	for i, text := range all {
		s.Lines++
		line := strings.TrimLeft(strings.TrimSuffix(text, "\r"), "\x00")
		if c.format != CSV && c.format != TSV {
			line = strings.TrimLeft(line, "\x00 \t")
		}
		if strings.TrimSpace(line) == "" || line[0] == '#' {
			s.Skipped++
			continue
		}
		if header {
			header = false
			s.Skipped++
			continue
		}
		req := webrequest.Request{Available: c.available}
		reason := TooLong
		if len(line) <= o.MaxLine {
			reason = p.parse([]byte(line), &req)
		}
		if reason != Accepted {
			s.Rejected[reason]++
			text = strings.TrimRight(text, "\r")
			if reason == TooLong {
				text = text[:min(len(text), shownText)]
			}
			res.rejects = append(res.rejects, fmt.Sprintf("%d %v %q", i+1, reason, text))
			continue
		}
		if s.Good == 0 {
			s.First, s.Last = req.Time, req.Time
		} else if req.Time < last-3600 {
			s.ClockJumps++
		}
		last = req.Time
		s.First, s.Last = min(s.First, last), max(s.Last, last)
		s.Good++
		res.requests = append(res.requests, show(&req))
	}
	res.stats = s
	sum := sha256.Sum256(data)
	res.sum = hex.EncodeToString(sum[:])
	return res
}

// A scan gives the same as the naive reader for any number of workers and any
// size of block.
func TestScanAgainstNaive(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		pieces := []string{good, strings.Replace(good, "10/Oct", "11/Oct", 1), strings.Replace(good, "13:55", "12:54", 1),
			strings.Replace(good, "192.0.2.7", "2001:db8::7", 1), "", "  ", "# comment", "rubbish", "\x00\x00" + good, "  " + good, "\x00",
			strings.Replace(good, "-0700", "+0x00", 1), strings.Replace(good, "Mozilla", strings.Repeat("long", 200), 1), good[:40],
			strings.Repeat("x", 3000), strings.Repeat(`"`, 350)}
		var b strings.Builder
		b.WriteString(good + "\n")
		for range rapid.IntRange(0, 60).Draw(t, "lines") {
			b.WriteString(rapid.SampledFrom(pieces).Draw(t, "line"))
			b.WriteString(rapid.SampledFrom([]string{"\n", "\n", "\r\n"}).Draw(t, "break"))
		}
		if rapid.Bool().Draw(t, "unfinished") {
			b.WriteString(rapid.SampledFrom(pieces).Draw(t, "last"))
		}
		data := []byte(b.String())
		o := Options{Format: Combined, MaxLine: rapid.SampledFrom([]int{100, 500, 1000, 4000, DefaultMaxLine}).Draw(t, "max")}
		if o.MaxLine < len(good) {
			o.MaxLine = len(good)
		}
		full, err := o.withDefaults()
		if err != nil {
			t.Fatal(err)
		}
		want := naive(data, setUp(Combined, data, full), full)
		for _, workers := range []int{1, 3} {
			block := rapid.IntRange(1, 5000).Draw(t, "block")
			_, got := scanAll(discardTB{}, data, o, workers, block)
			if workers > 1 {
				slices.Sort(want.requests)
			}
			if !reflect.DeepEqual(got, want) {
				t.Fatalf("%d workers, blocks of %d:\n%+v, want\n%+v", workers, block, got, want)
			}
		}
	})
}

type discardTB struct{ testing.TB }

// CSV records over several lines are the same wherever a block ends.
func TestCSVScanForAnyBlock(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		pieces := []string{`2024-08-01 00:00:00,192.0.2.1,plain,7`, `2024-08-01 00:00:01,192.0.2.2,"quoted, ""twice""",8`,
			"2024-08-01 00:00:02,192.0.2.3,\"two\nlines\",9", "2024-08-01 00:00:03,192.0.2.4,\"\r\n\r\n\",10", `2024-08-01 00:00:04,192.0.2.5,"open,11`,
			`2024-08-01 00:00:05,192.0.2.6,"junk"x,12`, `2024-08-01 00:00:06,192.0.2.7,in"side,13`, "", "# note", "1,2", `"`, `""`,
			"2024-08-01 00:00:07,192.0.2.8,\"" + strings.Repeat("line\n", 60) + "\",14"}
		b := strings.Builder{}
		b.WriteString("dt,ip,user_agent,response_size\n2024-08-01 00:00:00,192.0.2.1,plain,7\n")
		for range rapid.IntRange(0, 30).Draw(t, "records") {
			b.WriteString(rapid.SampledFrom(pieces).Draw(t, "record"))
			b.WriteString(rapid.SampledFrom([]string{"\n", "\n", "\r\n"}).Draw(t, "break"))
		}
		data := []byte(b.String())
		if rapid.Bool().Draw(t, "unfinished") {
			data = bytes.TrimRight(data, "\r\n")
		}
		o := Options{Format: CSV, MaxLine: rapid.SampledFrom([]int{60, 200, 400, DefaultMaxLine}).Draw(t, "max")}
		_, want := scanAll(discardTB{}, data, o, 1, 1<<20)
		if want.err != nil {
			t.Fatal(want.err)
		}
		_, got := scanAll(discardTB{}, data, o, 1, rapid.IntRange(1, 300).Draw(t, "block"))
		if !reflect.DeepEqual(got, want) {
			t.Fatalf("%q:\n%+v, want\n%+v", data, got, want)
		}
		s := got.stats
		var rejected int64
		for _, n := range s.Rejected {
			rejected += n
		}
		if s.Lines != s.Good+s.Skipped+rejected {
			t.Fatalf("the counts do not add up: %+v", s)
		}
	})
}

func zstded(t testing.TB, b []byte) []byte {
	z, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	return z.EncodeAll(b, nil)
}

// However a log is stored, its requests are the same.
func TestStorage(t *testing.T) {
	plain := genCombined(1500)
	_, want := scanAll(t, plain, Options{}, 1, 0)
	if want.err != nil || len(want.requests) != 1500 {
		t.Fatalf("%d requests, %v", len(want.requests), want.err)
	}
	half := bytes.IndexByte(plain[len(plain)/2:], '\n') + len(plain)/2 + 7 // within a line
	for name, data := range map[string][]byte{
		"gzip":                          gzipped(t, plain),
		"gzip of 2 members":             append(gzipped(t, plain[:half]), gzipped(t, plain[half:])...),
		"zstd":                          zstded(t, plain),
		"zstd of 2 frames":              append(zstded(t, plain[:half]), zstded(t, plain[half:])...),
		"zstd behind a skippable frame": append([]byte{0x50, 0x2a, 0x4d, 0x18, 3, 0, 0, 0, 1, 2, 3}, zstded(t, plain)...),
		"byte order mark":               append([]byte("\xef\xbb\xbf"), plain...),
		"carriage returns":              bytes.ReplaceAll(plain, []byte("\n"), []byte("\r\n")),
		"no last break":                 bytes.TrimSuffix(plain, []byte("\n")),
	} {
		l, got := scanAll(t, data, Options{}, 1, 0)
		if got.err != nil {
			t.Errorf("%s: %v", name, got.err)
			continue
		}
		if !slices.Equal(got.requests, want.requests) {
			t.Errorf("%s: the requests differ", name)
		}
		sum := sha256.Sum256(data)
		if got.sum != hex.EncodeToString(sum[:]) || got.stats.BytesRead != int64(len(data)) || l.BytesRead() != int64(len(data)) {
			t.Errorf("%s: hash or count of the stored bytes is wrong: %+v", name, got.stats)
		}
	}
}

func TestBrokenStorage(t *testing.T) {
	plain := genCombined(5000)
	whole := gzipped(t, plain)
	_, all := scanAll(t, plain, Options{}, 1, 0)
	for name, c := range map[string]struct {
		data      []byte
		kind      fault.Kind
		truncated bool
		text      string
	}{
		"gzip cut off":         {whole[:len(whole)/2], fault.Corrupt, true, "ends too early"},
		"gzip without its sum": {whole[:len(whole)-8], fault.Corrupt, true, "ends too early"},
		"zstd cut off":         {zstded(t, plain)[:len(whole)/2], fault.Corrupt, true, "ends too early"},
		"wrong sum":            {append(slices.Clone(whole[:len(whole)-8]), 1, 2, 3, 4, 5, 6, 7, 8), fault.Corrupt, false, "damaged"},
		"rubbish behind it":    {append(slices.Clone(whole), "rubbish behind the member"...), fault.Corrupt, false, "damaged"},
	} {
		for _, workers := range []int{1, 3} {
			_, got := scanAll(t, c.data, Options{}, workers, 0)
			if !fault.Is(got.err, c.kind) || !strings.Contains(got.err.Error(), c.text) || got.stats.Truncated != c.truncated {
				t.Errorf("%s: %v (kind %v), truncated %v", name, got.err, fault.KindOf(got.err), got.stats.Truncated)
				continue
			}
			if strings.Contains(got.err.Error(), "\n") || !strings.Contains(got.err.Error(), fmt.Sprintf("after %d lines", got.stats.Lines)) {
				t.Errorf("%s: %v; %d lines", name, got.err, got.stats.Lines)
			}
			// What was read before the damage was handed out, and nothing else.
			n := len(got.requests)
			if workers == 1 && (n < 1000 || !slices.Equal(got.requests, all.requests[:n])) || got.stats.Good != int64(n) {
				t.Errorf("%s: %d requests before the damage are not the log's first", name, n)
			}
			if got.sum != "" {
				t.Errorf("%s: a hash of half a file", name)
			}
		}
	}
}

// Decompression that blows up ends in an error, and so does a bomb that is one
// line.
func TestExpansionBound(t *testing.T) {
	scan := func(data []byte, bound int64) (Stats, error) {
		l, err := New("bomb", bytes.NewReader(data), Options{MaxExpansion: bound})
		if err != nil {
			t.Fatal(err)
		}
		if l.plain.free != 64<<20 {
			t.Fatalf("%d bytes are free", l.plain.free)
		}
		l.plain.free = 2 << 20
		err = l.Scan(context.Background(), 1, func(int, *webrequest.Request) error { return nil })
		return l.Stats(), err
	}
	same := gzipped(t, bytes.Repeat([]byte(good+"\n"), 8<<20/len(good)))
	if s, err := scan(same, 100); !fault.Is(err, fault.Exhausted) || !strings.Contains(err.Error(), "more than 100 times") || s.BytesPlain > 4<<20 {
		t.Errorf("%v after %d bytes", err, s.BytesPlain)
	}
	for _, bound := range []int64{-1, 1100} {
		if s, err := scan(same, bound); err != nil || s.Good != int64(8<<20/len(good)) {
			t.Errorf("bound %d: %v, %+v", bound, err, s)
		}
	}
	zeros := gzipped(t, append([]byte(good+"\n"), make([]byte, 8<<20)...))
	if s, err := scan(zeros, 0); !fault.Is(err, fault.Exhausted) || s.Good != 1 {
		t.Errorf("zeros: %v, %+v", err, s)
	}
}

func TestOpenErrors(t *testing.T) {
	dir := t.TempDir()
	tarball := make([]byte, 600)
	copy(tarball[257:], "ustar")
	files := map[string][]byte{
		"empty": nil, "blank": []byte("\n\n  \n# only a comment\n"), "header.csv": []byte("dt,ip\n"), "empty.gz": gzipped(t, nil),
		"rubbish": []byte("one\ntwo\n"), "x.bz2": []byte("BZh91AY&SY"), "x.zip": []byte("PK\x03\x04...."), "x.xz": []byte("\xfd7zXZ\x00...."),
		"x.parquet": []byte("PAR1...."), "utf16": []byte("\xff\xfe1\x002\x00"), "twice.gz": gzipped(t, gzipped(t, []byte(good))),
		"tar.gz": gzipped(t, tarball), "array.json": []byte("[\n{\"ip\":\"192.0.2.1\"}\n]\n"), "pretty.json": []byte("{\n \"ip\": \"192.0.2.1\"\n}\n"),
		"short.gz": {0x1f, 0x8b}, "header.gz": gzipped(t, []byte(good))[:12], "good": []byte(good + "\n"),
		"json": []byte(`{"ip":"192.0.2.1","dt":"2024-08-01T00:00:00Z"}` + "\n"), "nofields.csv": []byte("a,b\n1,2\n"),
	}
	for name, data := range files {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		file string
		o    Options
		kind fault.Kind
		text string
	}{
		{"missing", Options{}, fault.NotFound, "there is no such file"},
		{".", Options{}, fault.Invalid, "it is a directory; name the files in it"},
		{"empty", Options{}, fault.Invalid, "it has no line"},
		{"empty.gz", Options{}, fault.Invalid, "it has no line"},
		{"blank", Options{}, fault.Invalid, "it has no line"},
		{"blank", Options{Format: JSON}, fault.Invalid, "it has no line"},
		{"header.csv", Options{}, fault.Invalid, "it has no line"},
		{"header.csv", Options{Format: CSV}, fault.Invalid, "it has no line"},
		{"rubbish", Options{}, fault.Invalid, "no line reads as a log; tried as json (line 1: bad_json), vhost-combined (line 1: bad_line), combined (line 1: bad_line), csv (the header has no field for dt and ip; map one), tsv (the header has no field for dt and ip; map one)"},
		{"rubbish", Options{Format: Combined}, fault.Invalid, "no line reads as combined (line 1: bad_line)"},
		{"nofields.csv", Options{Format: CSV}, fault.Invalid, "no field for dt and ip"},
		{"nofields.csv", Options{Format: CSV, Mapping: map[string]string{"ip": "c"}}, fault.Invalid, `mapping of column "ip": the log has no field "c"; it has "a", "b"`},
		{"x.bz2", Options{}, fault.Unsupported, "the content is bzip2"},
		{"x.zip", Options{}, fault.Unsupported, "the content is zip"},
		{"x.xz", Options{}, fault.Unsupported, "the content is xz"},
		{"x.parquet", Options{}, fault.Corrupt, "Parquet file can't be read"},
		{"x.parquet", Options{Format: CSV}, fault.Unsupported, "the content is Parquet"},
		{"utf16", Options{}, fault.Unsupported, "the content is UTF-16"},
		{"twice.gz", Options{}, fault.Unsupported, "it was compressed twice"},
		{"tar.gz", Options{}, fault.Unsupported, "the content is tar"},
		{"array.json", Options{}, fault.Invalid, "a JSON array is not read"},
		{"pretty.json", Options{}, fault.Invalid, "JSON over several lines is not read"},
		{"short.gz", Options{}, fault.Corrupt, "ends too early, after 0 lines and 2 bytes"},
		{"header.gz", Options{}, fault.Corrupt, "ends too early, after 0 lines and 12 bytes"},
		{"good", Options{Format: "w3c"}, fault.Usage, "the formats are auto, combined"},
		{"good", Options{MaxLine: -1}, fault.Usage, "the longest line"},
		{"good", Options{Mapping: map[string]string{"x": "y"}}, fault.Usage, "there is no such column"},
		{"good", Options{Mapping: map[string]string{"ip": ""}}, fault.Usage, "not named"},
		{"good", Options{Mapping: map[string]string{"ip": "a", "uri_host": "a"}}, fault.Usage, "both mapped"},
		{"good", Options{Mapping: map[string]string{"ip": "extra1"}}, fault.Usage, `a combined log has it in a place of its own`},
		{"good", Options{Format: Combined, Mapping: map[string]string{"x_forwarded_for": "xff"}}, fault.Usage, "extra1"},
		{"good", Options{TrustedProxies: prefixes("10.0.0.0/8")}, fault.Usage, "x_forwarded_for=extra1"},
		{"json", Options{Mapping: map[string]string{"user_agent": "ua"}}, fault.Invalid, `the log has no field "ua"; it has "dt", "ip"`},
	} {
		l, err := Open(filepath.Join(dir, c.file), c.o)
		if l != nil || !fault.Is(err, c.kind) || !strings.Contains(err.Error(), c.text) {
			t.Errorf("%s %+v: %v (%v), want %v with %q", c.file, c.o, err, fault.KindOf(err), c.kind, c.text)
			continue
		}
		if strings.Contains(err.Error(), "\n") || strings.Contains(err.Error(), "192.0.2") {
			t.Errorf("%s: not one line, or with an address: %v", c.file, err)
		}
		if want := strings.Contains(c.text, "it has no line"); errors.Is(err, ErrEmpty) != want {
			t.Errorf("%s: ErrEmpty is %v", c.file, !want)
		}
	}
}

func TestScanEnds(t *testing.T) {
	plain := genCombined(20000)
	open := func() *Log {
		path := filepath.Join(t.TempDir(), "log.gz")
		if err := os.WriteFile(path, gzipped(t, plain), 0o600); err != nil {
			t.Fatal(err)
		}
		l, err := Open(path, Options{})
		if err != nil {
			t.Fatal(err)
		}
		return l
	}
	t.Run("each fails", func(t *testing.T) {
		l, stop := open(), errors.New("stop")
		if err := l.Scan(context.Background(), 2, func(int, *webrequest.Request) error { return stop }); err != stop {
			t.Error(err)
		}
	})
	t.Run("cancelled", func(t *testing.T) {
		l := open()
		ctx, cancel := context.WithCancel(context.Background())
		err := l.Scan(ctx, 2, func(int, *webrequest.Request) error { cancel(); return nil })
		if !fault.Is(err, fault.Interrupted) || !errors.Is(err, context.Canceled) || l.SHA256() != "" {
			t.Error(err)
		}
	})
	t.Run("cancelled while a pipe hangs", func(t *testing.T) {
		r, w := io.Pipe()
		defer w.Close()
		go w.Write(plain[:300<<10]) // more than the sample, then nothing
		l, err := New("pipe", r, Options{})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(context.Background())
		go cancel()
		if err := l.Scan(ctx, 1, func(int, *webrequest.Request) error { return nil }); !fault.Is(err, fault.Interrupted) {
			t.Error(err)
		}
	})
	t.Run("twice", func(t *testing.T) {
		l := open()
		nothing := func(int, *webrequest.Request) error { return nil }
		if err := l.Scan(context.Background(), 2, nothing); err != nil {
			t.Fatal(err)
		}
		if err := l.Scan(context.Background(), 2, nothing); !fault.Is(err, fault.Conflict) {
			t.Error(err)
		}
		if l.Size() != l.BytesRead() || l.Close() != nil {
			t.Errorf("%d of %d bytes", l.BytesRead(), l.Size())
		}
	})
	t.Run("reading fails", func(t *testing.T) {
		l, err := New("disk", io.MultiReader(bytes.NewReader(plain), failing{}), Options{})
		if err != nil {
			t.Fatal(err)
		}
		err = l.Scan(context.Background(), 2, func(int, *webrequest.Request) error { return nil })
		if !fault.Is(err, fault.Unavailable) || !errors.Is(err, errDisk) || l.Stats().Truncated {
			t.Error(err)
		}
	})
	t.Run("workers", func(t *testing.T) {
		l := open()
		var n [5]int64
		if err := l.Scan(context.Background(), len(n), func(w int, _ *webrequest.Request) error { n[w]++; return nil }); err != nil {
			t.Fatal(err)
		}
		if sum := n[0] + n[1] + n[2] + n[3] + n[4]; sum != 20000 {
			t.Errorf("%v requests", n)
		}
	})
}

var errDisk = errors.New("the disk is on fire")

type failing struct{}

func (failing) Read([]byte) (int, error) { return 0, errDisk }

// A scan's allocations do not grow with the lines.
func TestScanAllocations(t *testing.T) {
	for name, f := range map[string]func(int) []byte{"combined": genCombined, "json": genJSON, "csv": genCSV} {
		count := func(n int) float64 {
			data := f(n)
			return testing.AllocsPerRun(1, func() {
				l, err := New("test", bytes.NewReader(data), Options{})
				if err != nil {
					t.Fatal(err)
				}
				if err := l.Scan(context.Background(), 1, func(int, *webrequest.Request) error { return nil }); err != nil {
					t.Fatal(err)
				}
			})
		}
		if few, many := count(2000), count(7000); many-few > 200 {
			t.Errorf("%s: 5,000 more lines cost %.0f more allocations", name, many-few)
		}
	}
}
