package serverlogs

import (
	"context"
	"os"
	"path/filepath"
	"testing"
)

// sharedDatabase is a database of countries beside the repository, if there is
// one.
func sharedDatabase(t *testing.T) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for dir != filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			break
		}
		dir = filepath.Dir(dir)
	}
	found, _ := filepath.Glob(filepath.Join(dir, "..", "shared", "data", "mmdb", "*", "*ipv4.mmdb"))
	more, _ := filepath.Glob(filepath.Join(dir, "..", "shared", "data", "mmdb", "*", "*.mmdb"))
	if found = append(found, more...); len(found) == 0 {
		t.Skip("no database of countries in ../shared/data/mmdb")
	}
	return found[0]
}

func TestCountriesFromADatabase(t *testing.T) {
	db := sharedDatabase(t)
	path := filepath.Join(t.TempDir(), "access.log")
	lines := ""
	for _, ip := range []string{"8.8.8.8", "8.8.8.8", "10.0.0.1"} {
		lines += ip + ` - - [10/Oct/2024:13:55:36 +0000] "GET / HTTP/1.1" 200 10 "-" "x"` + "\n"
	}
	if err := os.WriteFile(path, []byte(lines), 0o600); err != nil {
		t.Fatal(err)
	}
	o := DefaultOptions()
	o.Logs, o.MMDB = []string{path}, db
	r, err := Analyse(context.Background(), o, nil)
	if err != nil {
		t.Fatal(err)
	}
	if c := r.Top.Countries; len(c) != 1 || c[0].Count != 2 || c[0].Name != "US" && c[0].Name != "United States" {
		t.Errorf("countries: %v", c)
	}
}
