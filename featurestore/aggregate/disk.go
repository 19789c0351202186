package aggregate

import (
	"bufio"
	"errors"
	"io"
	"syscall"

	"sluice/featurestore/fault"
)

func newBuffered(w io.Writer) *bufio.Writer { return bufio.NewWriterSize(w, 256<<10) }

// diskError says in one line that writing what failed; a full disk is
// Exhausted. nil stays nil.
func diskError(what string, err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return fault.New(fault.Exhausted, "no space left on the disk for %s; free some and run again, nothing was changed", what)
	case fault.KindOf(err) != fault.Unknown:
		return err
	}
	return fault.Wrap(err, "writing %s", what)
}
