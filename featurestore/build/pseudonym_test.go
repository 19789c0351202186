package build

import (
	"bytes"
	"math"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"sluice/featurestore"
	"sluice/featurestore/fault"
	"sluice/featurestore/pseudonym"
	"sluice/featurestore/row"
)

// odd labels addresses by their last bit.
type odd struct{}

func (odd) Definition() string { return "odd" }
func (odd) Label(ip netip.Addr, _ row.Month) row.Label {
	b := ip.AsSlice()
	return []row.Label{row.False, row.True}[b[len(b)-1]&1]
}

func rowsByIP(t *testing.T, s *featurestore.Store, name func(netip.Addr) netip.Addr) map[netip.Addr]row.Row {
	t.Helper()
	out := map[netip.Addr]row.Row{}
	for _, m := range s.Months() {
		if err := s.ScanMonth(m, true, func(r *row.Row) error {
			c := *r
			c.Values, c.Hours = slices.Clone(r.Values), slices.Clone(r.Hours)
			out[name(r.IP)] = c
			return nil
		}); err != nil {
			t.Fatal(err)
		}
	}
	return out
}

// A store of pseudonyms has the rows of one of addresses, with its labels, and
// no address anywhere.
func TestPseudonyms(t *testing.T) {
	dir := t.TempDir()
	log := write(t, dir, "a.json", append(lines(1, "2024-08-01", 3000, 200), `{"dt":"never","ip":"198.51.100.7"}`+"\n"...))
	key, err := pseudonym.New([]byte("an AES key of 16 a pad of 16 too"))
	if err != nil {
		t.Fatal(err)
	}
	other, err := pseudonym.New([]byte("an AES key of 16 another pad yes"))
	if err != nil {
		t.Fatal(err)
	}
	c := config(log)
	c.Labeler = odd{}
	plain, masked := open(t, filepath.Join(dir, "plain")), open(t, filepath.Join(dir, "masked"))
	build(t, plain, c)
	hidden := c
	hidden.Pseudonyms, hidden.Labeler = key, Relabel(odd{}, key)
	if r := build(t, masked, hidden); len(r.Rejects) == 0 || !slices.ContainsFunc(r.Warnings, func(w string) bool { return strings.Contains(w, "not kept") }) {
		t.Errorf("rejects are %v, warnings %q", r.Rejects, r.Warnings)
	}
	want, got := rowsByIP(t, plain, func(a netip.Addr) netip.Addr { return a }), rowsByIP(t, masked, key.Address)
	if len(want) == 0 || len(got) != len(want) {
		t.Fatalf("%d rows, want %d", len(got), len(want))
	}
	for ip, w := range want {
		g := got[ip]
		same := slices.EqualFunc(g.Values, w.Values, func(a, b float64) bool { return math.Float64bits(a) == math.Float64bits(b) })
		if !same || g.Label != w.Label || g.First != w.First || !slices.Equal(g.Hours, w.Hours) || g.IP == ip {
			t.Fatalf("the row is\n%+v, want\n%+v", g, w)
		}
	}
	if masked.Manifest().Pseudonyms != key.Check() || plain.Manifest().Pseudonyms != "" {
		t.Errorf("the manifests say %q and %q", masked.Manifest().Pseudonyms, plain.Manifest().Pseudonyms)
	}
	if err := filepath.WalkDir(filepath.Join(dir, "masked"), func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		if bytes.Contains(b, []byte("198.51.100.")) || strings.Contains(path, "rejects"+string(filepath.Separator)) {
			t.Errorf("%s holds an address or a rejected line", path)
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
	// Never mixed.
	more := write(t, dir, "b.json", lines(2, "2024-08-03", 100, 20))
	for name, try := range map[string]struct {
		s   *featurestore.Store
		key *pseudonym.Key
	}{"addresses among pseudonyms": {masked, nil}, "another key": {masked, other}, "pseudonyms among addresses": {plain, key}} {
		d := config(more)
		d.Pseudonyms = try.key
		if _, err := Build(t.Context(), try.s, d); fault.KindOf(err) != fault.Conflict {
			t.Errorf("%s: %v, want a conflict", name, err)
		}
	}
	hidden.Files = []string{log, more}
	if r := build(t, masked, hidden); r.Unchanged != 1 || r.Read != 1 {
		t.Errorf("with a further file: %+v", r)
	}
}
