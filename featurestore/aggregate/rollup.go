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
// groups in the same order. It takes about 3 bytes a prefix and 24 an agent.
type Rollup struct {
	windows []windowRollup
	n       int // windows in use
	open    netip.Prefix
	ips     int64
	reqs    int64

	// Of the second pass.
	window int
	left   []byte
	rows   int64 // of the open prefix, to come
	shared Shared
}

type windowRollup struct {
	id       string
	agents   agentCounts
	prefixes []byte // addresses and requests of each prefix in order, unsigned varints
}

// agentCounts counts addresses by agent, in an open-addressing table.
type agentCounts struct {
	slots []agentCount // a power of two long; hash 0 is free
	n     int
	many  bool // too many to count
}

type agentCount struct {
	hash uint64
	ips  uint32
}

func (c *agentCounts) reset() {
	clear(c.slots)
	c.n, c.many = 0, false
}

// slot is where an agent stands, or would.
func (c *agentCounts) slot(h uint64) *agentCount {
	mask := len(c.slots) - 1
	for i := place(h, len(c.slots)); ; i = (i + 1) & mask {
		if s := &c.slots[i]; s.hash == h || s.hash == 0 {
			return s
		}
	}
}

func (c *agentCounts) add(h uint64) {
	if 4*c.n >= 3*len(c.slots) {
		old := c.slots
		c.slots = make([]agentCount, max(64, 2*len(old)))
		for _, s := range old {
			if s.hash != 0 {
				*c.slot(s.hash) = s
			}
		}
	}
	s := c.slot(h)
	if s.hash == 0 {
		s.hash = h
		c.n++
	}
	s.ips++
}

func (c *agentCounts) of(h uint64) uint32 {
	if len(c.slots) == 0 {
		return 0
	}
	return c.slot(h).ips
}

// Reset makes the Rollup one of nothing, which keeps its memory.
func (r *Rollup) Reset() { *r = Rollup{windows: r.windows} }

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
	if r.n == 0 || r.windows[r.n-1].id != win.ID {
		r.flush()
		if r.n == len(r.windows) {
			r.windows = append(r.windows, windowRollup{})
		}
		w := &r.windows[r.n]
		w.id, w.prefixes = win.ID, w.prefixes[:0]
		w.agents.reset()
		r.n++
	}
	w := &r.windows[r.n-1]
	if p := PrefixOf(ip); p != r.open {
		r.flush()
		r.open = p
	}
	r.ips++
	r.reqs = add(r.reqs, g.Requests)
	if w.agents.many {
		return
	}
	for _, a := range g.Agents {
		w.agents.add(a)
	}
	if w.agents.n > maxAgents {
		w.agents = agentCounts{many: true}
	}
}

// flush ends the prefix that is open.
func (r *Rollup) flush() {
	if r.ips > 0 {
		w := &r.windows[r.n-1]
		w.prefixes = binary.AppendUvarint(w.prefixes, uint64(r.ips))
		w.prefixes = binary.AppendUvarint(w.prefixes, uint64(r.reqs))
	}
	r.open, r.ips, r.reqs = netip.Prefix{}, 0, 0
}

// Rewind ends the first pass.
func (r *Rollup) Rewind() {
	r.flush()
	r.window, r.left, r.rows = -1, nil, 0
}

// Next gives what the next group of the second pass, which has the agents given,
// has from others.
func (r *Rollup) Next(agents []uint64) Shared {
	if r.rows == 0 {
		for len(r.left) == 0 {
			r.window++
			r.left = r.windows[r.window].prefixes
		}
		ips, n := binary.Uvarint(r.left)
		reqs, k := binary.Uvarint(r.left[n:])
		r.left, r.rows = r.left[n+k:], int64(ips)
		r.shared.PrefixIPs, r.shared.PrefixRequests = int64(ips), int64(reqs)
	}
	r.rows--
	s := r.shared
	for _, a := range agents {
		s.AgentIPs = max(s.AgentIPs, int64(r.windows[r.window].agents.of(a)))
	}
	return s
}
