package reputation

import (
	"context"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"sluice/featurestore/fault"
)

// FuzzOpen: whatever a file holds, it is read or refused with a classified
// one-line error, its counts add up, and each address counted is found again.
func FuzzOpen(f *testing.F) {
	for _, s := range []string{
		plain, gz(plain), zst(plain), blacklist, strings.ReplaceAll(blacklist, ",", ",\n"),
		check("5.6.7.8", 1, "2024-08-01T00:00:00Z", ""),
		enveloped("2024-08-30T00:00:00Z", "5.6.7.8", 90, check("5.6.7.8", 1, "", `,"reports":[{"reportedAt":"2024-08-01T00:00:00+00:00"}]`)),
		`{"errors":[{"detail":"x","status":429}]}`, "[" + check("5.6.7.8", 0, "", "") + "]",
		"ipAddress,daysListed\n5.6.7.8,3\n\"5.6.7.9\",\"\"\"\"\n", "ipAddress;totalReports;isWhitelisted\n5.6.7.8;0;true\n",
		`{"data":[],"meta":{}}`, `{"data":null}`, "{\n}", "[[", "\x1f\x8b", "\x28\xb5\x2f\xfd", "\xef\xbb\xbf",
	} {
		f.Add([]byte(s))
	}
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, b []byte) {
		name := filepath.Join(dir, "x-2024-08")
		if err := os.WriteFile(name, b, 0o644); err != nil {
			t.Fatal(err)
		}
		o := Options{AllowMixed: true}
		s, err := Open(context.Background(), []string{name}, o)
		if err != nil {
			if fault.KindOf(err) == fault.Unknown || strings.Contains(err.Error(), "\n") {
				t.Fatalf("%q (%v)", err, fault.KindOf(err))
			}
			return
		}
		st := s.Stats()[0]
		n := st.Good
		for _, r := range st.Rejects {
			n += r.Count
		}
		if n != st.Lines || st.Good != st.IPv4+st.IPv6 || st.Good == 0 {
			t.Fatalf("counts don't add up: %+v", st)
		}
		kept := 0
		for _, ps := range s.pages {
			for _, p := range ps {
				kept += len(p.v4) + len(p.v6)
			}
		}
		for _, as := range s.answers {
			kept += len(as)
		}
		if kept == 0 || kept > st.Good {
			t.Fatalf("%d kept of %d good", kept, st.Good)
		}
	})
}

// FuzzSplitCSV: cells joined with quotes come back as they were.
func FuzzSplitCSV(f *testing.F) {
	f.Add("a", "b,c", `d"e`)
	f.Add("", "", "")
	f.Fuzz(func(t *testing.T, a, b, c string) {
		quote := func(s string) string { return `"` + strings.ReplaceAll(s, `"`, `""`) + `"` }
		cells, ok := splitCSV(nil, []byte(quote(a)+","+quote(b)+","+quote(c)), ',')
		if !ok || len(cells) != 3 || string(cells[0]) != a || string(cells[1]) != b || string(cells[2]) != c {
			t.Fatalf("%q %q %q came back as %q (%v)", a, b, c, cells, ok)
		}
		splitCSV(nil, []byte(a), ',')
	})
}

// FuzzParseIPv4: the quick parser agrees with netip on what it accepts, and
// accepts every IPv4 address.
func FuzzParseIPv4(f *testing.F) {
	for _, s := range []string{"5.6.7.8", "0.0.0.0", "255.255.255.255", "256.1.1.1", "01.2.3.4", "1.2.3", "1.2.3.4.5", "1..2.3", "", "1.2.3.4 ", "::1"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		got, ok := parseIPv4(b)
		want, err := netip.ParseAddr(string(b))
		if ok != (err == nil && want.Is4()) || ok && got != want {
			t.Fatalf("%q: %v %v, want %v %v", b, got, ok, want, err)
		}
	})
}
