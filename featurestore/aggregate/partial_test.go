package aggregate

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"flag"
	"fmt"
	"hash/crc32"
	"io"
	"math"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"sluice/featurestore/attack"
	"sluice/featurestore/columns"
	"sluice/featurestore/fault"
	"sluice/featurestore/row"
	"sluice/featurestore/webrequest"
)

// sample is a small partial with two windows, both kinds of addresses and an
// address with many queries.
func sample(t testing.TB) []byte {
	set, err := attack.New([]attack.Window{{ID: "a", Start: 0, End: 7200}, {ID: "b", Start: 3600, End: 10000}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	var rs []webrequest.Request
	for i, ip := range []string{"192.0.2.1", "10.0.0.1", "2001:db8::1", "192.0.2.1"} {
		for j := range 5 * (i + 1) {
			rs = append(rs, webrequest.Request{
				Available: allFields, IP: netip.MustParseAddr(ip), Time: int64(i*2000 + j), CacheStatus: "miss", ResponseSize: int64(j), HasSize: true,
				URIQuery: fmt.Sprint("?q=", j), UserAgent: fmt.Sprint("agent/", j%3), AccessMethod: "desktop", AgentType: "user",
				HTTPStatus: []string{"200", "404"}[j%2], HTTPMethod: "GET", URIPath: fmt.Sprint("/", j%3),
			})
		}
	}
	return partialOf(t, Options{Windows: set}, rs)
}

// The bytes of the format are fixed: partials of earlier versions stay
// readable, and equal inputs give equal files.
func TestFormatIsStable(t *testing.T) {
	sum := sha256.Sum256(sample(t))
	if got, want := hex.EncodeToString(sum[:8]), "9502e699855aa012"; got != want {
		t.Errorf("the sample partial is %s, want %s: a change of the format needs another formatVersion", got, want)
	}
}

var update = flag.Bool("update", false, "write the partial of this format version to testdata")

// A partial of every format version there ever was is read as it was meant.
func TestOldPartialsAreRead(t *testing.T) {
	name := filepath.Join("testdata", fmt.Sprintf("v%d.partial", formatVersion))
	if *update {
		if err := os.MkdirAll("testdata", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, sample(t), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want := rowsOf(t, sample(t))
	for v := 1; v <= formatVersion; v++ {
		b, err := os.ReadFile(filepath.Join("testdata", fmt.Sprintf("v%d.partial", v)))
		if err != nil {
			t.Fatal(err)
		}
		want := slices.Clone(want)
		var lacking []int
		if v < 2 { // which lacks what format 2 added
			lacking = append(lacking, columns.PostRatio, columns.Status3xxRatio, columns.Status4xxRatio, columns.Status5xxRatio, columns.URIPathCount, columns.DistinctURIPathRatio,
				columns.URIPathEntropy, columns.ProbeRatio, columns.InterarrivalMedian, columns.InterarrivalSpread, columns.DeclaredCrawlerRatio)
		}
		if v < 4 {
			lacking = append(lacking, columns.RobotsTxtRatio, columns.UserAgentLengthMax, columns.BrowserVersionMax)
		}
		for i := range want {
			want[i].Values = slices.Clone(want[i].Values)
			for _, c := range lacking {
				want[i].Values[columns.NumFeatures+c] = math.NaN()
			}
		}
		if err := same(rowsOf(t, b), want); err != nil {
			t.Errorf("version %d: %v", v, err)
		}
		var ips []netip.Addr
		for _, r := range want {
			ips = append(ips, r.IP)
		}
		r, err := OpenBytes(b, "p")
		if err != nil {
			t.Fatal(err)
		}
		if alone, err := addressesOf(t, r); err != nil || !slices.Equal(alone, ips) {
			t.Errorf("version %d: %v, %v instead of %v", v, err, alone, ips)
		}
	}
}

func TestPartialRoundTrip(t *testing.T) {
	b := sample(t)
	r, err := OpenBytes(b, "p")
	if err != nil {
		t.Fatal(err)
	}
	var again bytes.Buffer
	w := NewWriter(&again)
	window := -1
	for {
		rec, err := r.Next()
		if err == io.EOF {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		if rec.Window != window {
			window = rec.Window
			if err := w.Window(r.Header().Windows[window]); err != nil {
				t.Fatal(err)
			}
		}
		if err := w.Add(rec.IP, &rec.Group); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(nil); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(again.Bytes(), b) {
		t.Error("what is read and written again has other bytes")
	}
}

func TestSeek(t *testing.T) {
	r, err := OpenBytes(sample(t), "p")
	if err != nil {
		t.Fatal(err)
	}
	r.Seek(1, 2)
	rec, err := r.Next()
	if err != nil || rec.Window != 1 {
		t.Fatalf("record of window %d, %v", rec.Window, err)
	}
}

func TestWriterRefusesDisorder(t *testing.T) {
	g := &Group{Counts: Counts{Requests: 1}, Hours: []row.HourCount{{Hour: 0, Requests: 1}}}
	w := NewWriter(io.Discard)
	if err := w.Window(Window{ID: "b"}); err != nil {
		t.Fatal(err)
	}
	if err := w.Add(netip.MustParseAddr("::1"), g); err != nil {
		t.Fatal(err)
	}
	if err := w.Add(netip.MustParseAddr("10.0.0.1"), g); err == nil {
		t.Error("IPv4 after IPv6 was taken")
	}
	if err := w.Window(Window{ID: "a"}); err == nil {
		t.Error("window a after b was taken")
	}
}

// Every byte of a partial is covered: cut it anywhere or turn any bit of it,
// and it is refused, or (its JSON header aside) gives an error while read.
func TestDamageIsSeen(t *testing.T) {
	b := sample(t)
	read := func(b []byte) error {
		r, err := OpenBytes(b, "p")
		for err == nil {
			_, err = r.Next()
		}
		return err
	}
	if err := read(b); err != io.EOF {
		t.Fatal(err)
	}
	for n := range b {
		if err := read(b[:n]); !fault.Is(err, fault.Corrupt) {
			t.Fatalf("cut after %d of %d bytes: %v", n, len(b), err)
		}
		d := slices.Clone(b)
		d[n] ^= 1 << (n % 8)
		if err := read(d); !fault.Is(err, fault.Corrupt) {
			t.Fatalf("byte %d changed: %v", n, err)
		}
	}
}

// reseal gives a partial with another header a valid checksum.
func reseal(b []byte, change func(string) string) []byte {
	t := b[len(b)-trailerSize:]
	at := binary.LittleEndian.Uint64(t)
	head := change(string(b[at : len(b)-trailerSize]))
	out := append(slices.Clone(b[:at]), head...)
	out = binary.LittleEndian.AppendUint64(out, at)
	out = binary.LittleEndian.AppendUint32(out, uint32(len(head)))
	out = binary.LittleEndian.AppendUint32(out, crc32.Checksum([]byte(head), castagnoli))
	return append(out, endMagic...)
}

func TestNewerFormatIsRefused(t *testing.T) {
	b := reseal(sample(t), func(h string) string { return strings.Replace(h, `"format_version":5`, `"format_version":6`, 1) })
	if _, err := OpenBytes(b, "p"); !fault.Is(err, fault.Version) || !strings.Contains(err.Error(), "format 6") {
		t.Errorf("%v", err)
	}
	b = reseal(b, func(h string) string { return strings.Replace(h, `"records":`, `"records":9`, 1) })
	if _, err := OpenBytes(b, "p"); err == nil {
		t.Error("a header with too many records was taken")
	}
}

func FuzzReader(f *testing.F) {
	b := sample(f)
	f.Add(b, true)
	f.Add(b[:len(b)/2], false)
	f.Add([]byte(magic+endMagic), false)
	f.Fuzz(func(t *testing.T, b []byte, seal bool) {
		if seal {
			b = sealAll(b)
		}
		r, err := OpenBytes(b, "p")
		var ips []netip.Addr
		for err == nil {
			var rec *Record
			if rec, err = r.Next(); err != nil {
				break
			}
			if !rec.plausible() {
				t.Fatalf("record %+v", rec)
			}
			ips = append(ips, rec.IP)
		}
		if err != io.EOF && !fault.Is(err, fault.Corrupt) && !fault.Is(err, fault.Version) {
			t.Fatalf("error %v", err)
		}
		if r, err2 := OpenBytes(b, "p"); err2 == nil {
			// What may be damaged in a record is not seen by who looks at addresses.
			alone, err2 := addressesOf(t, r)
			if err == io.EOF && (err2 != nil || !slices.Equal(alone, ips)) {
				t.Fatalf("%v, %v instead of %v", err2, alone, ips)
			}
			if err2 != nil && !fault.Is(err2, fault.Corrupt) {
				t.Fatalf("error %v", err2)
			}
		}
	})
}

func addressesOf(t *testing.T, r *Reader) (ips []netip.Addr, err error) {
	return ips, r.addresses(t.Context(), func(ip netip.Addr) { ips = append(ips, ip) })
}

// sealAll makes the checksums of a damaged sample right, so that fuzzing
// reaches what lies behind them.
func sealAll(b []byte) []byte {
	if len(b) < len(magic)+trailerSize {
		return b
	}
	b = slices.Clone(b)
	t := b[len(b)-trailerSize:]
	at := binary.LittleEndian.Uint64(t)
	if at > uint64(len(b)-trailerSize) {
		return b
	}
	binary.LittleEndian.PutUint32(t[12:], crc32.Checksum(b[at:len(b)-trailerSize], castagnoli))
	for p := len(magic); p+8 <= int(at); {
		n := int(binary.LittleEndian.Uint32(b[p:]))
		if n > int(at)-p-8 {
			break
		}
		binary.LittleEndian.PutUint32(b[p+4:], crc32.Checksum(b[p+8:p+8+n], castagnoli))
		p += 8 + n
	}
	return b
}

// Merging in groups, as many files need it, gives what merging at once gives.
func TestMergeFilesInGroups(t *testing.T) {
	defer func(n int) { fanIn = n }(fanIn)
	dir := t.TempDir()
	var paths []string
	for i := range 11 {
		rs := []webrequest.Request{}
		for j := range 3 + i {
			rs = append(rs, webrequest.Request{Available: allFields, IP: netip.AddrFrom4([4]byte{192, 0, 2, byte(j)}), Time: base + int64(i*40000), CacheStatus: "miss", URIQuery: fmt.Sprint("?", i, j), UserAgent: "x"})
		}
		p := filepath.Join(dir, fmt.Sprint(i))
		if err := os.WriteFile(p, partialOf(t, Options{Windows: attack.Months(nil)}, rs), 0o600); err != nil {
			t.Fatal(err)
		}
		paths = append(paths, p)
	}
	month, _ := row.ParseMonth("2024-08")
	var want []string
	for _, n := range []int{256, 4, 3, 2} {
		fanIn = n
		var got []string
		err := MergeFiles(t.Context(), paths, month, dir, func(win *Window, ip netip.Addr, g *Group) error {
			if win.Month != month {
				t.Fatalf("a row of %s", win.Month)
			}
			got = append(got, fmt.Sprintf("%s %s %+v", win.ID, ip, *g))
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		if want == nil {
			want = got
		}
		if len(got) == 0 || !slices.Equal(got, want) {
			t.Fatalf("%d files at once: %d rows\n%v\nwant\n%v", n, len(got), got, want)
		}
	}
	if left, _ := filepath.Glob(filepath.Join(dir, ".run*")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

// full is a disk that is full after n bytes.
type full struct{ n int }

func (f *full) Write(b []byte) (int, error) {
	if f.n -= len(b); f.n < 0 {
		return 0, &os.PathError{Op: "write", Path: "x", Err: syscall.ENOSPC}
	}
	return len(b), nil
}

func TestFullDisk(t *testing.T) {
	a := New(Options{Windows: attack.Months(nil), Deriver: func(int) Deriver { return ownColumns{} }})
	defer a.Close()
	if err := a.Add(0, &webrequest.Request{IP: netip.MustParseAddr("192.0.2.1"), Time: base}); err != nil {
		t.Fatal(err)
	}
	_, err := a.Finish(t.Context(), &full{20}, nil)
	if !fault.Is(err, fault.Exhausted) || !strings.Contains(err.Error(), "no space left") || strings.Contains(err.Error(), "\n") {
		t.Errorf("%v", err)
	}
	b := New(Options{Windows: attack.Months(nil), Deriver: func(int) Deriver { return ownColumns{} }, Memory: 1, TempDir: filepath.Join(t.TempDir(), "gone")})
	defer b.Close()
	if err := b.Add(0, &webrequest.Request{IP: netip.MustParseAddr("192.0.2.1"), Time: base}); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a run in a folder that isn't there: %v", err)
	}
}
