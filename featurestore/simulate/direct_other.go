//go:build !linux

package simulate

import (
	"errors"
	"os"
)

// setDirect: other systems have other ways, and the page cache does as well.
func setDirect(*os.File, bool) error { return errors.ErrUnsupported }
