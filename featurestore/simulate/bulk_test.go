package simulate

import (
	"bytes"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
)

// TestBulkWriter holds files of every size around the blocks against what was
// written, in pieces of every length.
func TestBulkWriter(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for _, size := range []int{0, 1, bulkAlign, bulkBlock - 1, bulkBlock, bulkBlock + 1, 2 * bulkBlock, 3*bulkBlock + 17} {
		want := make([]byte, size)
		for i := range want {
			want[i] = byte(rng.Uint32())
		}
		path := filepath.Join(t.TempDir(), "bulk")
		f, err := os.Create(path)
		if err != nil {
			t.Fatal(err)
		}
		w := newBulkWriter(f)
		for rest := want; len(rest) > 0; {
			n := min(len(rest), 1+rng.IntN(700))
			if rng.IntN(2000) == 0 {
				n = len(rest) // many blocks at once
			}
			if k, err := w.Write(rest[:n]); err != nil || k != n {
				t.Fatal(k, err)
			}
			rest = rest[n:]
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
		got, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, want) {
			t.Fatalf("%d bytes came back as %d others", len(want), len(got))
		}
	}
}

// TestBulkWriterFails: an error of the disk reaches the caller, at the latest
// from Close, and no call hangs.
func TestBulkWriterFails(t *testing.T) {
	path := filepath.Join(t.TempDir(), "bulk")
	if err := os.WriteFile(path, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(path) // for reading: each write fails
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for _, blocks := range []int{0, 1, 5} {
		w := newBulkWriter(f)
		_, err := w.Write(make([]byte, blocks*bulkBlock+1))
		if cerr := w.Close(); err == nil && cerr == nil {
			t.Errorf("%d blocks and a byte were written to a file open for reading", blocks)
		}
		w.stop()
	}
}
