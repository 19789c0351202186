package feed

import (
	"context"
	"net/netip"

	"sluice/featurestore/fault"
)

// ChangeKind is what a change does to an address.
type ChangeKind uint8

// The kinds of changes. A removed address has its score retracted.
const (
	Added ChangeKind = iota + 1
	Changed
	Removed
)

// String is "added", "changed" or "removed".
func (k ChangeKind) String() string {
	return [...]string{"none", "added", "changed", "removed"}[k%4]
}

// Change is one address in which two feeds differ.
type Change struct {
	Kind ChangeKind
	IP   netip.Addr
	// Line is what the newer feed says; nil where the address was removed. It
	// is valid until the next change.
	Line *Line
}

// Diff tells what makes the older feed into the newer one, in the order of
// addresses, from the first address not below from (the zero address: from the
// beginning). yield returns false to stop. Applying every change to a copy of
// the older feed gives the newer one, line for line. Errors: Corrupt,
// Interrupted.
func Diff(ctx context.Context, older, newer *Index, from netip.Addr, yield func(Change) bool) error {
	a, b := older.Cursor(from), newer.Cursor(from)
	var was, is Line
	moreA, moreB := a.Next(&was), b.Next(&is)
	for n := 0; moreA || moreB; n++ {
		if a.Err() != nil || b.Err() != nil {
			break
		}
		if n%1024 == 0 && ctx.Err() != nil {
			return fault.As(fault.Interrupted, ctx.Err())
		}
		c := 0
		switch {
		case !moreB:
			c = -1
		case !moreA:
			c = 1
		default:
			c = was.IP.Compare(is.IP)
		}
		goOn := true
		switch {
		case c < 0:
			goOn = yield(Change{Kind: Removed, IP: was.IP})
		case c > 0:
			goOn = yield(Change{Kind: Added, IP: is.IP, Line: &is})
		case !was.Equal(&is):
			goOn = yield(Change{Kind: Changed, IP: is.IP, Line: &is})
		}
		if !goOn {
			return nil
		}
		if c <= 0 {
			moreA = a.Next(&was)
		}
		if c >= 0 {
			moreB = b.Next(&is)
		}
	}
	if err := a.Err(); err != nil {
		return err
	}
	return b.Err()
}
