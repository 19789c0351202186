//go:build !unix

package featurestore

import (
	"errors"
	"io/fs"
	"os"
	"time"
)

// staleLock is the age at which a lock of a program that ended without
// removing it is taken over.
const staleLock = 24 * time.Hour

// tryLock makes a file beside f that must not exist; held is true where it
// does.
func tryLock(f *os.File) (held bool, err error) {
	name := f.Name() + ".held"
	for range 2 {
		h, err := os.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
		if err == nil {
			return false, h.Close()
		}
		if !errors.Is(err, fs.ErrExist) {
			return false, err
		}
		if st, err := os.Stat(name); err == nil && time.Since(st.ModTime()) < staleLock {
			return true, nil
		}
		os.Remove(name)
	}
	return true, nil
}

func unlock(f *os.File) error { return os.Remove(f.Name() + ".held") }
