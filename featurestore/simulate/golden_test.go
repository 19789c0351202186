package simulate

import (
	"context"
	"crypto/sha256"
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the golden files anew")

// The bytes of a seed stay what they are: who names a seed in a study gets the
// same world from a later version, or the golden file says that it changed.
// Compressed files are left out, since a compressor may change.
func TestGolden(t *testing.T) {
	if runtime.GOARCH != "amd64" {
		t.Skip("elsewhere the compiler may fuse multiplications and additions, which changes the last bit")
	}
	w := world(t, Config{Seed: 42, Rows: 40, Scale: .001, Months: 2, BackgroundIPs: 3})
	dir := t.TempDir()
	if _, err := w.Write(context.Background(), dir, WriteOptions{Threads: 2}); err != nil {
		t.Fatal(err)
	}
	files := tree(t, dir)
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(files)) {
		if !strings.HasSuffix(name, ".gz") {
			fmt.Fprintf(&b, "%x  %s\n", sha256.Sum256([]byte(files[name])), filepath.ToSlash(name))
		}
	}
	golden := filepath.Join("testdata", "seed42.sha256")
	if *update {
		if err := os.WriteFile(golden, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(strings.Split(string(want), "\n"), strings.Split(b.String(), "\n")); d != "" {
		t.Errorf("another world than before; if that is meant, run with -update and say so in the change log:\n%s", d)
	}
}
