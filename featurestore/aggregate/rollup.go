package aggregate

import (
	"encoding/binary"
	"net/netip"
)

// maxAgents bounds the agents a Rollup counts in one window. Beyond it, in
// attacks that send every request under another agent, user_agent_ip_count is
// missing in that window's rows. It depends on the requests alone.
var maxAgents = 4 << 20

// Rollup gathers, in a first pass over a month's groups, what a row has from
// the other rows of its attack, and gives it out in a second pass over the same
// groups in the same order. It takes about 3 bytes a prefix and 20 an agent.
type Rollup struct {
	windows []windowRollup
	open    netip.Prefix
	ips     int64
	reqs    int64

	// Of the second pass.
	window int
	left   []byte
	shared Shared
}

type windowRollup struct {
	id       string
	agents   map[uint64]uint32 // addresses by agent; nil where there are too many
	prefixes []byte            // addresses and requests of each prefix in order, unsigned varints
}

// PrefixOf is the /24 of an IPv4 and the /64 of an IPv6 address.
func PrefixOf(ip netip.Addr) netip.Prefix {
	width := 24
	if ip.Is6() {
		width = 64
	}
	p, _ := ip.Prefix(width)
	return p
}

// Add takes a group of the first pass.
func (r *Rollup) Add(win *Window, ip netip.Addr, g *Group) {
	n := len(r.windows)
	if n == 0 || r.windows[n-1].id != win.ID {
		r.flush()
		r.windows = append(r.windows, windowRollup{id: win.ID, agents: map[uint64]uint32{}})
		n++
	}
	w := &r.windows[n-1]
	if p := PrefixOf(ip); p != r.open {
		r.flush()
		r.open = p
	}
	r.ips++
	r.reqs = add(r.reqs, g.Requests)
	if w.agents == nil {
		return
	}
	for _, a := range g.Agents {
		w.agents[a]++
	}
	if len(w.agents) > maxAgents {
		w.agents = nil
	}
}

// flush ends the prefix that is open.
func (r *Rollup) flush() {
	if r.ips > 0 {
		w := &r.windows[len(r.windows)-1]
		w.prefixes = binary.AppendUvarint(w.prefixes, uint64(r.ips))
		w.prefixes = binary.AppendUvarint(w.prefixes, uint64(r.reqs))
	}
	r.open, r.ips, r.reqs = netip.Prefix{}, 0, 0
}

// Rewind ends the first pass.
func (r *Rollup) Rewind() {
	r.flush()
	r.window, r.left = -1, nil
}

// Next gives what a group of the second pass has from others.
func (r *Rollup) Next(win *Window, ip netip.Addr, g *Group) Shared {
	if r.window < 0 || r.windows[r.window].id != win.ID {
		r.window++
		r.left, r.open = r.windows[r.window].prefixes, netip.Prefix{}
	}
	w := &r.windows[r.window]
	if p := PrefixOf(ip); p != r.open {
		r.open = p
		ips, n := binary.Uvarint(r.left)
		reqs, k := binary.Uvarint(r.left[n:])
		r.left = r.left[n+k:]
		r.shared.PrefixIPs, r.shared.PrefixRequests = int64(ips), int64(reqs)
	}
	s := r.shared
	s.AgentIPs = 0
	for _, a := range g.Agents {
		s.AgentIPs = max(s.AgentIPs, int64(w.agents[a]))
	}
	return s
}
