package registry

import (
	"crypto/sha256"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sluice/featurestore/fault"
	"sluice/featurestore/row"
)

func month(t *testing.T, s string) row.Month {
	t.Helper()
	m, err := row.ParseMonth(s)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func write(t *testing.T, r *Registry, seed string, passed bool) Version {
	t.Helper()
	name := VersionName(month(t, "2024-07"), sha256.Sum256([]byte(seed)))
	d, err := r.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Discard()
	if err := d.WriteFile(ModelFile, []byte("model "+seed)); err != nil {
		t.Fatal(err)
	}
	if err := d.WriteFile(KServeFile, []byte("ubj "+seed)); err != nil {
		t.Fatal(err)
	}
	v, err := d.Commit(Manifest{CreatedAt: time.Unix(0, 0).UTC(), Gate: Gate{Passed: passed, Reasons: []string{"precision 0.71 < 0.80"}}})
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func TestVersionAppearsWhole(t *testing.T) {
	r := Open(t.TempDir())
	d, err := r.Create("2024-07-0123456789ab")
	if err != nil {
		t.Fatal(err)
	}
	if err := d.WriteFile(ModelFile, []byte("x")); err != nil {
		t.Fatal(err)
	}
	if vs, bad, err := r.Versions(); len(vs) != 0 || len(bad) != 0 || err != nil {
		t.Fatalf("a draft is visible: %v %v %v", vs, bad, err)
	}
	if _, err := r.Get("2024-07-0123456789ab"); !fault.Is(err, fault.NotFound) {
		t.Fatalf("Get of a draft: %v", err)
	}
	if err := r.Sweep(); err != nil {
		t.Fatal(err)
	}
	if left, _ := filepath.Glob(filepath.Join(r.Dir(), ".*")); len(left) != 0 {
		t.Fatalf("left after Sweep: %v", left)
	}

	v := write(t, r, "a", true)
	if err := v.Verify(); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Create(v.Name); !fault.Is(err, fault.Exists) {
		t.Fatalf("second Create: %v", err)
	}
	if fi, err := os.Stat(v.Dir); err != nil || fi.Mode().Perm() != 0o755 {
		t.Fatalf("folder mode %v %v", fi.Mode(), err)
	}
}

func TestChangedFileIsRefused(t *testing.T) {
	r := Open(t.TempDir())
	v := write(t, r, "a", true)
	if err := os.WriteFile(v.Path(KServeFile), []byte("other"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := v.Verify(); !fault.Is(err, fault.Corrupt) {
		t.Fatalf("Verify: %v", err)
	}
	if err := r.Promote(Entry{Version: v.Name}); !fault.Is(err, fault.Corrupt) {
		t.Fatalf("Promote of a changed version: %v", err)
	}
}

func TestNewerManifest(t *testing.T) {
	r := Open(t.TempDir())
	v := write(t, r, "a", true)
	if err := os.WriteFile(v.Path(ManifestFile), []byte(`{"manifest_version": 99, "files": 7}`), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Get(v.Name); !fault.Is(err, fault.Version) {
		t.Fatalf("Get: %v", err)
	}
	if _, bad, err := r.Versions(); err != nil || len(bad) != 1 {
		t.Fatalf("Versions: bad %v, err %v", bad, err)
	}
}

func TestChampion(t *testing.T) {
	r := Open(t.TempDir())
	if c, err := r.Champion(); c != "" || err != nil {
		t.Fatalf("Champion of nothing: %q %v", c, err)
	}
	a, b, held := write(t, r, "a", true), write(t, r, "b", true), write(t, r, "c", false)
	if _, err := r.Rollback(Entry{}); !fault.Is(err, fault.Conflict) {
		t.Fatalf("Rollback of nothing: %v", err)
	}
	for _, v := range []Version{a, b, b} {
		if err := r.Promote(Entry{Action: "promote", Version: v.Name, Who: "me", Reason: "gates passed"}); err != nil {
			t.Fatal(err)
		}
	}
	if err := r.Promote(Entry{Action: "promote", Version: held.Name}); !fault.Is(err, fault.Conflict) || !strings.Contains(err.Error(), "0.71 < 0.80") {
		t.Fatalf("Promote of a version held back: %v", err)
	}
	if err := r.Promote(Entry{Action: "promote", Version: held.Name, Forced: true, Reason: " "}); !fault.Is(err, fault.Invalid) {
		t.Fatalf("forced without a reason: %v", err)
	}
	if err := r.Promote(Entry{Action: "promote", Version: held.Name, Forced: true, Reason: "attack now"}); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{b.Name, a.Name} {
		got, err := r.Rollback(Entry{Action: "rollback", Who: "me"})
		if err != nil || got != want {
			t.Fatalf("Rollback to %q, %v; want %q", got, err, want)
		}
	}
	if _, err := r.Rollback(Entry{}); !fault.Is(err, fault.Conflict) {
		t.Fatalf("Rollback past the first: %v", err)
	}
	log, err := r.Log()
	if err != nil || len(log) != 5 {
		t.Fatalf("log of %d entries, %v; want 5 (the repeated promotion writes none)", len(log), err)
	}
	if log[2].Previous != b.Name || !log[2].Forced {
		t.Fatalf("third entry %+v", log[2])
	}
}

func TestNamesThatAreNoVersion(t *testing.T) {
	r := Open(t.TempDir())
	for _, name := range []string{"", "..", "../x", "2024-07-0123456789AB", "2024-07-0123456789ab/..", "2024-07-0123456789abc", "champion", "2024-07-0123456789ab\n"} {
		if _, err := r.Get(name); !fault.Is(err, fault.Invalid) {
			t.Errorf("Get(%q): %v", name, err)
		}
		if _, err := r.Create(name); !fault.Is(err, fault.Invalid) {
			t.Errorf("Create(%q): %v", name, err)
		}
	}
}
