package featurestore

import (
	"errors"
	"io/fs"
	"syscall"

	"sluice/featurestore/fault"
)

// DiskError puts a failed write into one line that says what to do; a full
// disk is Exhausted, a missing right Denied. what is what was written, as in
// "month 2024-08". Errors that have a kind keep it; nil stays nil.
func DiskError(what string, err error) error {
	switch {
	case err == nil:
		return nil
	case fault.KindOf(err) != fault.Unknown:
		return err
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return fault.New(fault.Exhausted, "no space left on the disk for %s; free some and run again, the store is as it was", what)
	case errors.Is(err, fs.ErrPermission):
		return fault.New(fault.Denied, "%s can't be written: %w", what, err)
	}
	return fault.Wrap(err, "writing %s", what)
}
