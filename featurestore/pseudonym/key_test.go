package pseudonym

import (
	"crypto/aes"
	"encoding/hex"
	"net/netip"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"sluice/featurestore/fault"
)

// published is the key of the sample trace that the authors gave with their
// program.
var published = []byte{21, 34, 23, 141, 51, 164, 207, 128, 19, 10, 91, 22, 73, 144, 125, 16, 216, 152, 143, 131, 121, 121, 101, 39, 98, 87, 76, 45, 42, 132, 34, 2}

func key(t testing.TB, b []byte) *Key {
	t.Helper()
	k, err := New(b)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func TestPublishedVectors(t *testing.T) {
	k := key(t, published)
	m := k.Mapper()
	for from, to := range map[string]string{
		"128.11.68.132": "135.242.180.132", "129.118.74.4": "134.136.186.123", "130.132.252.244": "133.68.164.234", "141.223.7.43": "141.167.8.160",
		"141.233.145.108": "141.129.237.235", "152.163.225.39": "151.140.114.167", "156.29.3.236": "147.225.12.42", "192.102.249.13": "252.138.62.131",
		// IPv6 as other programs of the scheme give it.
		"::1": "78ff:f001:9fc0:20df:8380:b1f1:704:ed", "::2": "78ff:f001:9fc0:20df:8380:b1f1:704:ef", "::ffff": "78ff:f001:9fc0:20df:8380:b1f1:704:f838",
		"2001:db8::1": "4401:2bc:603f:d91d:27f:ff8e:e6f1:dc1e", "2001:db8::2": "4401:2bc:603f:d91d:27f:ff8e:e6f1:dc1c",
		"::ffff:128.11.68.132": "135.242.180.132",
	} {
		a, want := netip.MustParseAddr(from), netip.MustParseAddr(to)
		if got := k.Pseudonym(a); got != want {
			t.Errorf("%s becomes %s, want %s", from, got, want)
		}
		for range 2 {
			if got := m.Pseudonym(a); got != want {
				t.Errorf("mapped, %s becomes %s, want %s", from, got, want)
			}
		}
		if got := k.Address(want); got != a.Unmap() {
			t.Errorf("%s turns back into %s, want %s", to, got, from)
		}
	}
	if k.Pseudonym(netip.Addr{}).IsValid() || m.Pseudonym(netip.Addr{}).IsValid() {
		t.Error("no address became one")
	}
}

// slow is the scheme bit by bit.
func slow(raw []byte, a netip.Addr) netip.Addr {
	block, _ := aes.NewCipher(raw[:16])
	pad := make([]byte, 16)
	block.Encrypt(pad, raw[16:])
	from := a.AsSlice()
	out := make([]byte, len(from))
	for i := range 8 * len(from) {
		in, enc := append([]byte{}, pad...), make([]byte, 16)
		for j := range i {
			bit := from[j/8] >> (7 - j%8) & 1
			in[j/8] = in[j/8]&^(1<<(7-j%8)) | bit<<(7-j%8)
		}
		block.Encrypt(enc, in)
		out[i/8] |= (from[i/8]>>(7-i%8)&1 ^ enc[0]>>7) << (7 - i%8)
	}
	p, _ := netip.AddrFromSlice(out)
	return p
}

func common(a, b netip.Addr) int {
	x, y := a.AsSlice(), b.AsSlice()
	for i := range 8 * len(x) {
		if (x[i/8]^y[i/8])>>(7-i%8)&1 != 0 {
			return i
		}
	}
	return 8 * len(x)
}

func TestPrefixesArePreserved(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		raw := rapid.SliceOfN(rapid.Byte(), KeyLen, KeyLen).Draw(t, "key")
		k, err := New(raw)
		if err != nil {
			t.Skip("a key that is refused")
		}
		size := rapid.SampledFrom([]int{4, 16}).Draw(t, "size")
		x := rapid.SliceOfN(rapid.Byte(), size, size).Draw(t, "a")
		y := append([]byte{}, x...)
		y[rapid.IntRange(0, size-1).Draw(t, "at")] ^= rapid.Byte().Draw(t, "by")
		a, _ := netip.AddrFromSlice(x)
		b, _ := netip.AddrFromSlice(y)
		if a.Is4In6() || b.Is4In6() {
			t.Skip("IPv4 in IPv6 is IPv4")
		}
		p, q := k.Pseudonym(a), k.Pseudonym(b)
		if p != slow(raw, a) {
			t.Fatalf("%s becomes %s, want %s", a, p, slow(raw, a))
		}
		if common(a, b) != common(p, q) {
			t.Fatalf("%s and %s share %d bits, their pseudonyms %d", a, b, common(a, b), common(p, q))
		}
		if p.BitLen() != a.BitLen() {
			t.Fatalf("%s becomes %s", a, p)
		}
		// A pseudonym of IPv6 may happen to look like IPv4 in IPv6.
		if !p.Is4In6() && k.Address(p) != a {
			t.Fatalf("%s turns back into %s, want %s", p, k.Address(p), a)
		}
	})
}

func TestReadKey(t *testing.T) {
	dir := t.TempDir()
	file := func(name, content string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	for _, name := range []string{file("raw", string(published)), file("hex", hex.EncodeToString(published)+"\n")} {
		k, err := ReadKey(name)
		if err != nil {
			t.Fatal(err)
		}
		if k.Check() != key(t, published).Check() || !strings.HasPrefix(k.Check(), "crypto-pan:") {
			t.Errorf("%s: check is %s", name, k.Check())
		}
	}
	other := append([]byte{1}, published[1:]...)
	if key(t, other).Check() == key(t, published).Check() {
		t.Error("two keys have one check")
	}
	for name, kind := range map[string]fault.Kind{
		filepath.Join(dir, "none"): fault.NotFound, file("short", "abc"): fault.Invalid, file("same", strings.Repeat("x", KeyLen)): fault.Invalid,
		file("long", strings.Repeat("ab", 100)): fault.Invalid, file("nohex", strings.Repeat("xy", KeyLen)): fault.Invalid, dir: fault.Invalid,
	} {
		if _, err := ReadKey(name); fault.KindOf(err) != kind {
			t.Errorf("%s: %v, want %v", name, err, kind)
		}
	}
	if _, err := ReadKey(filepath.Join(dir, "none")); !strings.Contains(err.Error(), "&& chmod 600 ") {
		t.Errorf("no word of the mode: %v", err)
	}
	if runtime.GOOS == "windows" {
		return
	}
	open := file("open", string(published))
	for mode, ok := range map[os.FileMode]bool{0o644: false, 0o602: false, 0o640: true, 0o600: true} {
		if err := os.Chmod(open, mode); err != nil {
			t.Fatal(err)
		}
		if _, err := ReadKey(open); (err == nil) != ok || !ok && !strings.Contains(err.Error(), "chmod 600") {
			t.Errorf("mode %04o: %v", mode, err)
		}
	}
}

func BenchmarkPseudonym(b *testing.B) {
	k := key(b, published)
	for name, a := range map[string]netip.Addr{"IPv4": netip.MustParseAddr("192.0.2.1"), "IPv6": netip.MustParseAddr("2001:db8::1")} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				k.Pseudonym(a)
			}
		})
	}
	b.Run("known", func(b *testing.B) {
		m := k.Mapper()
		b.ReportAllocs()
		for b.Loop() {
			m.Pseudonym(netip.MustParseAddr("192.0.2.1"))
		}
	})
}
