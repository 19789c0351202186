package reputation

import (
	"context"
	"os"
	"path/filepath"
	"testing"
)

// shared finds a folder of data that is not part of the project, beside the
// module's root.
func shared(t testing.TB, sub string) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			break
		}
		if dir == filepath.Dir(dir) {
			t.Skip("no go.mod above the package")
		}
		dir = filepath.Dir(dir)
	}
	p := filepath.Join(dir, "..", "shared", sub)
	if _, err := os.Stat(p); err != nil {
		t.Skip("real exports are not at hand")
	}
	return p
}

// The plain lists and the CSV of the same months name the same addresses.
func TestRealExports(t *testing.T) {
	dir := shared(t, "data/abuseipdb")
	ctx := context.Background()
	pattern := func(p string) []string {
		files, err := filepath.Glob(filepath.Join(dir, p))
		if err != nil || len(files) == 0 {
			t.Skip("real exports are not at hand")
		}
		return files
	}
	months := "2024-0[5-9]"
	if testing.Short() {
		months = "2024-05"
	}
	plain, err := Open(ctx, pattern("blacklist-"+months+"*"), Options{Threads: 2})
	if err != nil {
		t.Fatal(err)
	}
	csv, err := Open(ctx, pattern("listed-"+months+"*"), Options{Threads: 2})
	if err != nil {
		t.Fatal(err)
	}
	for i, st := range plain.Stats() {
		o := csv.Stats()[i]
		if st.Shape != PlainText || o.Shape != CSVList || len(st.Rejects) > 0 || len(o.Rejects) > 0 || st.Good != o.Good || st.Good < 50_000 || st.IPv6 != 0 {
			t.Errorf("plain %+v, CSV %+v", st, o)
		}
		t.Logf("%v: %d addresses, sha256 %.12s", st.Months, st.Good, st.SHA256)
	}
	for _, m := range plain.Months() {
		a, b := plain.pages[m][0].v4, csv.pages[m][0].v4
		if len(a) != len(b) {
			t.Fatalf("%v: %d and %d addresses", m, len(a), len(b))
		}
		for i := range a {
			if a[i] != b[i] {
				t.Fatalf("%v: the lists differ", m)
			}
		}
	}
}
