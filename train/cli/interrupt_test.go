package cli

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// stopAfter cancels a context once something was written to it.
type stopAfter struct {
	bytes.Buffer
	stop func()
}

func (s *stopAfter) Write(p []byte) (int, error) {
	if bytes.Contains(p, []byte("progress")) {
		s.stop()
	}
	return s.Buffer.Write(p)
}

// What is said of an interrupted simulation is so: the same command begins
// anew.
func TestSimulateInterrupted(t *testing.T) {
	out := filepath.Join(t.TempDir(), "world")
	args := []string{"simulate", "--json", "--months", "1", "--rows", "50", "--background-ips", "50", "--scale", "0.01", "--out", out}
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	events, said := &stopAfter{stop: stop}, &bytes.Buffer{}
	if status := Main(ctx, args, nil, events, said); status != 130 {
		t.Fatalf("status %d: %s", status, said)
	}
	if !strings.Contains(said.String(), "what was written is removed; run the same command again to begin anew") {
		t.Error(said)
	}
	if _, err := os.Lstat(out); !os.IsNotExist(err) {
		t.Error("the folder is left")
	}
	said.Reset()
	if status := Main(context.Background(), args, nil, &bytes.Buffer{}, said); status != 0 {
		t.Errorf("again: status %d: %s", status, said)
	}
}
