package policy

import (
	"io"

	published "sluice/featurestore/ranges"
)

// Ranges are published prefixes of one party.
type Ranges = published.Ranges

// ParseRanges reads published ranges; see ranges.Parse.
func ParseRanges(r io.Reader, name, who string) (Ranges, error) { return published.Parse(r, name, who) }
