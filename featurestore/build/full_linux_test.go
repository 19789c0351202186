package build

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"sluice/featurestore"
	"sluice/featurestore/fault"
)

// TestFullDisk builds on a file system that is too small, in every size up to
// the one that is not.
func TestFullDisk(t *testing.T) {
	long(t, "small file systems")
	dir := t.TempDir()
	disk := filepath.Join(dir, "disk")
	if err := os.Mkdir(disk, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mount("tmpfs", disk, "tmpfs", 0, "size=64k"); err != nil {
		t.Skipf("a small file system can't be mounted here: %v", err)
	}
	defer syscall.Unmount(disk, 0)
	home := filepath.Join(disk, "home")
	small := write(t, dir, "small", lines(1, "2024-06-05", 50, 2))
	s, err := featurestore.Open(home, featurestore.OpenOptions{})
	if err != nil {
		t.Fatal(err)
	}
	build(t, s, config(small))
	s.Close()
	before := tree(t, home)
	big := write(t, dir, "big", lines(2, "2024-07-26", 20000, 250))
	full := 0
	for size := 64; ; size += 12 {
		if err := syscall.Mount("tmpfs", disk, "tmpfs", syscall.MS_REMOUNT, fmt.Sprintf("size=%dk", size)); err != nil {
			t.Fatal(err)
		}
		s, err := featurestore.Open(home, featurestore.OpenOptions{})
		if err != nil {
			t.Fatal(err)
		}
		if after := tree(t, home); after != before {
			t.Fatalf("with %d KiB:\nbefore\n%safter\n%s", size, before, after)
		}
		c := config(big)
		c.Memory = int64(size%300) * 10000 // with runs and without
		_, err = Build(context.Background(), s, c)
		s.Close()
		if err == nil {
			break
		}
		full++
		if !fault.Is(err, fault.Exhausted) || !strings.Contains(err.Error(), "no space left on the disk") || strings.Contains(err.Error(), "\n") {
			t.Fatalf("with %d KiB: %v (%s)", size, err, fault.KindOf(err))
		}
	}
	if full < 3 {
		t.Errorf("the disk was full only %d times", full)
	}
}
