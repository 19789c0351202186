package feed

import (
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"net/netip"
	"os"
	"testing"

	"sluice/featurestore/fault"
)

// A line that is accepted is written back to itself.
func FuzzParseLine(f *testing.F) {
	l := line("192.0.2.1", 0.125)
	f.Add(l.AppendJSON(nil))
	f.Add([]byte(`{"schema_version":1,"ip":"::1","confidence":1e-7,"verdict":"abstain","model_version":"m","as_of":"2024-09-01T05:00:00+05:00","expires_at":"9999-12-31T23:59:59Z","later":{}}`))
	f.Add([]byte(`{"schema_version":2}`))
	f.Add([]byte(`{"schema_version":1,"ip":"::ffff:192.0.2.1","confidence":-0}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		var l, again Line
		if err := ParseLine(b, &l); err != nil {
			if k := fault.KindOf(err); k != fault.Invalid && k != fault.Version {
				t.Fatalf("%v: %v", k, err)
			}
			return
		}
		text := l.AppendJSON(nil)
		if err := ParseLine(text, &again); err != nil || !l.Equal(&again) {
			t.Fatalf("%v\n%s\n%s", err, text, again.AppendJSON(nil))
		}
		if !bytes.Equal(text, again.AppendJSON(nil)) {
			t.Fatalf("%s\n%s", text, again.AppendJSON(nil))
		}
	})
}

// Whatever the file holds, reading ends with an error or the end.
func FuzzReader(f *testing.F) {
	feeds := Open(f.TempDir())
	writeFeed(f, feeds, "2024-08-31", Options{}, line("192.0.2.1", 0.1), line("2001:db8::1", 0.9))
	whole, err := os.ReadFile(feeds.Path("2024-08-31"))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(whole)
	f.Add(whole[:40])
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	_, _ = z.Write([]byte("{}\n"))
	_ = z.Close()
	f.Add(b.Bytes())
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := NewReader(bytes.NewReader(b), "f")
		if err != nil {
			return
		}
		var l Line
		for range 1000 {
			if err = r.Next(&l); err != nil {
				break
			}
		}
		if err != nil && !errors.Is(err, io.EOF) && fault.KindOf(err) == fault.Unknown {
			t.Fatal(err)
		}
	})
}

// An index with a right checksum and wrong content must not crash a lookup or
// a walk: the head is kept, sections are what the fuzzer says.
func FuzzIndex(f *testing.F) {
	feeds := Open(f.TempDir())
	writeFeed(f, feeds, "2024-08-31", Options{}, line("192.0.2.1", 0.1), line("192.0.2.3", 0.1), line("2001:db8::1", 0.9))
	whole, err := os.ReadFile(feeds.IndexPath("2024-08-31"))
	if err != nil {
		f.Fatal(err)
	}
	h, err := decodeHeader(whole, "f")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(whole[headerSize:], h.rows4, h.rows6, h.records4, h.records6, h.tables)
	f.Add(whole[headerSize:], h.rows4+100, h.rows6, h.records4, h.records6, h.tables-6*24)
	f.Add([]byte{}, uint64(0), uint64(0), uint64(0), uint64(0), uint64(0))
	f.Add([]byte{0, 0, 0}, uint64(0), uint64(0), uint64(0), uint64(1<<63), uint64(3))
	f.Fuzz(func(t *testing.T, b []byte, rows4, rows6, records4, records6, tables uint64) {
		h := h
		h.rows4, h.rows6, h.records4, h.records6, h.tables = rows4, rows6, records4, records6, tables
		x, err := newIndex(append(h.encode(), b...), h, "f")
		if err != nil {
			return
		}
		var l Line
		for _, a := range []string{"192.0.2.1", "192.0.2.2", "::1", "2001:db8::1"} {
			if _, err := x.Lookup(netip.MustParseAddr(a), &l); err != nil && !fault.Is(err, fault.Corrupt) {
				t.Fatal(err)
			}
		}
		for _, from := range []netip.Addr{{}, netip.MustParseAddr("192.0.2.2"), netip.MustParseAddr("2001::")} {
			c := x.Cursor(from)
			for range 1000 {
				if !c.Next(&l) {
					break
				}
			}
			if c.Err() != nil && !fault.Is(c.Err(), fault.Corrupt) {
				t.Fatal(c.Err())
			}
		}
	})
}
