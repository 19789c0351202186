//go:build unix

package feed

import (
	"os"

	"golang.org/x/sys/unix"
)

// mapFile maps a file for reading. The file is never written after it was put
// in place, only replaced, so its pages can't go away.
func mapFile(f *os.File, size int) ([]byte, func() error, error) {
	b, err := unix.Mmap(int(f.Fd()), 0, size, unix.PROT_READ, unix.MAP_SHARED)
	if err != nil {
		return nil, nil, err
	}
	// Lookups jump about; reading ahead would only fill memory.
	_ = unix.Madvise(b, unix.MADV_RANDOM)
	return b, func() error { return unix.Munmap(b) }, nil
}
