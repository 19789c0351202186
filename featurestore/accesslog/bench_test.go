package accesslog

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"testing"

	"github.com/klauspost/compress/gzip"

	"sluice/featurestore/webrequest"
)

func gzipped(t testing.TB, b []byte) []byte {
	var out bytes.Buffer
	z := gzip.NewWriter(&out)
	if _, err := z.Write(b); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func perLine(b *testing.B, lines int) {
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(lines), "ns/line")
	b.ReportMetric(float64(lines)*float64(b.N)/b.Elapsed().Seconds()/1e6, "Mlines/s")
}

func benchScan(b *testing.B, data []byte, plain, lines, workers int) {
	b.ReportAllocs()
	b.SetBytes(int64(plain))
	for b.Loop() {
		l, err := New("bench", bytes.NewReader(data), Options{})
		if err != nil {
			b.Fatal(err)
		}
		if err := l.Scan(context.Background(), workers, func(int, *webrequest.Request) error { return nil }); err != nil {
			b.Fatal(err)
		}
		if got := l.Stats().Good; got != int64(lines) {
			b.Fatalf("%d good lines of %d", got, lines)
		}
	}
	perLine(b, lines)
}

func BenchmarkScan(b *testing.B) {
	const lines = 200_000
	for _, f := range []struct {
		name string
		make func(int) []byte
	}{{"combined", genCombined}, {"json", genJSON}, {"csv", genCSV}} {
		plain := f.make(lines)
		z := gzipped(b, plain)
		for _, workers := range []int{1, 2} {
			b.Run(fmt.Sprintf("%s/gzip/workers=%d", f.name, workers), func(b *testing.B) { benchScan(b, z, len(plain), lines, workers) })
			b.Run(fmt.Sprintf("%s/plain/workers=%d", f.name, workers), func(b *testing.B) { benchScan(b, plain, len(plain), lines, workers) })
		}
		b.Run(f.name+"/gunzip alone", func(b *testing.B) {
			b.SetBytes(int64(len(plain)))
			buf := make([]byte, 256<<10)
			for b.Loop() {
				r, err := gzip.NewReader(bytes.NewReader(z))
				if err != nil {
					b.Fatal(err)
				}
				for err == nil {
					_, err = r.Read(buf)
				}
				if err != io.EOF {
					b.Fatal(err)
				}
			}
			perLine(b, lines)
		})
	}
}

// BenchmarkParse is the parsers alone, without reading and framing.
func BenchmarkParse(b *testing.B) {
	const n = 1000
	for _, f := range []struct {
		name, format string
		make         func(int) []byte
	}{{"combined", Combined, genCombined}, {"json", JSON, genJSON}, {"csv", CSV, genCSV}} {
		data := f.make(n)
		o, _ := Options{}.withDefaults()
		c := setUp(f.format, data, o)
		if c.err != nil {
			b.Fatal(c.err)
		}
		var all [][]byte
		for i, line := range bytes.Split(bytes.TrimSpace(data), []byte("\n")) {
			if i > 0 || !c.header {
				all = append(all, line)
			}
		}
		b.Run(f.name, func(b *testing.B) {
			p := c.parser()
			var req webrequest.Request
			b.ReportAllocs()
			b.SetBytes(int64(len(data)))
			for b.Loop() {
				for _, line := range all {
					req = webrequest.Request{}
					if r := p.parse(line, &req); r != Accepted {
						b.Fatal(r)
					}
				}
			}
			perLine(b, len(all))
		})
	}
}
