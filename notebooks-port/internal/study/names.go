package study

import (
	"fmt"
	"net/netip"

	"sluice/featurestore/row"
)

// Names gives addresses the names under which a report shows them: masked
// unless full ones were asked for, and masked ones that look alike told apart
// by a number, in the order in which they are first named.
type Names struct {
	show  bool
	names map[netip.Addr]string
	seen  map[string]int
}

// Names begins anew.
func (in *Input) Names() *Names {
	return &Names{show: in.ShowAddresses, names: map[netip.Addr]string{}, seen: map[string]int{}}
}

// Of is an address's name.
func (n *Names) Of(a netip.Addr) string {
	if n.show {
		return a.String()
	}
	name, ok := n.names[a]
	if !ok {
		m := row.Mask(a)
		n.seen[m]++
		name = fmt.Sprintf("%s #%d", m, n.seen[m])
		n.names[a] = name
	}
	return name
}
