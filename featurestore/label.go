package featurestore

import (
	"net/netip"

	"sluice/featurestore/row"
)

// Labeler gives the label of an address in a month.
type Labeler interface {
	// Label is the label of ip as of month m's cut-off. It is called by several
	// goroutines at once.
	Label(ip netip.Addr, m row.Month) row.Label
	// Definition says, in a line, what makes a label true; it is recorded.
	Definition() string
}

// Labels describe the label column of a month.
type Labels struct {
	Definition string `json:"definition,omitempty"` // "" while the month is not labelled
	True       int64  `json:"true"`
	False      int64  `json:"false"`
	Unknown    int64  `json:"unknown"`
}

func (l *Labels) count(v row.Label) {
	switch v {
	case row.True:
		l.True++
	case row.False:
		l.False++
	default:
		l.Unknown++
	}
}
