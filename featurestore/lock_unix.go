//go:build unix

package featurestore

import (
	"errors"
	"os"
	"syscall"
)

// tryLock takes the lock without waiting; held is true where another has it.
// The kernel lets go of it when the process ends, however it ends, so it is
// never stale.
func tryLock(f *os.File) (held bool, err error) {
	for {
		err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		switch {
		case errors.Is(err, syscall.EINTR):
			continue
		case errors.Is(err, syscall.EWOULDBLOCK):
			return true, nil
		}
		return false, err
	}
}

func unlock(f *os.File) error { return syscall.Flock(int(f.Fd()), syscall.LOCK_UN) }
