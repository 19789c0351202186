package accesslog

import (
	"testing"

	"pgregory.net/rapid"

	"sluice/featurestore/row"
)

func checkIP(t fataler, s string) {
	t.Helper()
	got, ok := parseIP(s)
	want, wantOK := row.ParseIP(s)
	if got != want || ok != wantOK {
		t.Fatalf("%q: %v %v, want %v %v", s, got, ok, want, wantOK)
	}
}

var ipSeeds = []string{"0.0.0.0", "255.255.255.255", "256.1.1.1", "1.2.3", "1.2.3.4.5", "1.2.3.", ".1.2.3", "01.2.3.4", "1.2.3.04", "1..2.3", "", "1", "::", "::1",
	"::ffff:1.2.3.4", "2001:db8::1", "2001:DB8::1", "fe80::1%eth0", "1.2.3.4%x", "[::1]", "1.2.3.4:80", "unknown", "-", " 1.2.3.4", "1.2.3.4 ", "999999999999.1.1.1",
	"12:34:56:78:9a:bc:de:f0", "1:2:3:4:5:6:7:8:9", "1:2:3:4:5:6:1.2.3.4", "00.0.0.0", "000.0.0.0", "1.2.3.1000"}

func TestParseIP(t *testing.T) {
	for _, s := range ipSeeds {
		checkIP(t, s)
	}
	piece := rapid.SampledFrom([]string{"0", "1", "9", "10", "25", "255", "256", "2001", ".", ".", ":", "::", "f", "%"})
	rapid.Check(t, func(t *rapid.T) {
		s := ""
		for range rapid.IntRange(1, 9).Draw(t, "pieces") {
			s += piece.Draw(t, "piece")
		}
		checkIP(t, s)
	})
	if n := testing.AllocsPerRun(100, func() { parseIP("192.0.2.7"); parseIP("2001:db8::7"); parseIP("crawler.example") }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func FuzzIP(f *testing.F) {
	for _, s := range ipSeeds {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) { checkIP(t, s) })
}
