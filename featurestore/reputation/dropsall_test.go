package reputation

import (
	"net/netip"
	"os"
	"path/filepath"
	"testing"
)

// All visits each address once, ascending, with what Of has of it, and stops
// when asked to.
func TestDropsAll(t *testing.T) {
	file := filepath.Join(t.TempDir(), "drops.jsonl")
	const text = `{"time":"2024-08-05T10:00:00Z","hostname":"a.example","prefix":"silent-drop_port80_for_300s","data":"198.51.100.7"}
{"time":"2024-08-04T10:00:00Z","hostname":"a.example","prefix":"silent-drop_for_300s","data":"198.51.100.7"}
{"time":"2024-08-04T11:00:00Z","hostname":"b.example","prefix":"silent-drop_for_300s","data":"192.0.2.1"}
`
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	d, err := OpenDrops(t.Context(), []string{file})
	if err != nil {
		t.Fatal(err)
	}
	var seen []netip.Addr
	records := 0
	for ip, rs := range d.All() {
		if n := len(seen); n > 0 && !seen[n-1].Less(ip) {
			t.Errorf("%v follows %v", ip, seen[n-1])
		}
		seen = append(seen, ip)
		records += len(rs)
		if of := d.Of(ip); len(of) != len(rs) || of[0] != rs[0] {
			t.Errorf("%v: %v, Of has %v", ip, rs, of)
		}
	}
	if len(seen) != 2 || records != d.Len() || d.Len() != 3 {
		t.Errorf("%d addresses with %d records of %d", len(seen), records, d.Len())
	}
	for range d.All() {
		break
	}
}
