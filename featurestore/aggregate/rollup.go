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
	n       int       // windows in use
	open    prefixKey // where ips > 0
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

// agentCounts counts addresses by agent. Agents have numbers, in the order in
// which they come.
type agentCounts struct {
	slots []agentSlot // a power of two long, open addressing; hash 0 is free
	ips   []uint32    // by number
	many  bool        // too many to count
}

type agentSlot struct {
	hash   uint64
	number uint32
}

func (c *agentCounts) reset() {
	clear(c.slots)
	c.ips, c.many = c.ips[:0], false
}

// slot is where an agent stands, or would.
func (c *agentCounts) slot(h uint64) *agentSlot {
	mask := len(c.slots) - 1
	for i := place(h, len(c.slots)); ; i = (i + 1) & mask {
		if s := &c.slots[i]; s.hash == h || s.hash == 0 {
			return s
		}
	}
}

// add counts an address and gives the agent's number.
func (c *agentCounts) add(h uint64) uint32 {
	if 4*len(c.ips) >= 3*len(c.slots) {
		old := c.slots
		c.slots = make([]agentSlot, max(64, 2*len(old)))
		for _, s := range old {
			if s.hash != 0 {
				*c.slot(s.hash) = s
			}
		}
	}
	s := c.slot(h)
	if s.hash == 0 {
		*s = agentSlot{h, uint32(len(c.ips))}
		c.ips = append(c.ips, 0)
	}
	c.ips[s.number]++
	return s.number
}

func (c *agentCounts) of(h uint64) uint32 {
	if len(c.slots) == 0 {
		return 0
	}
	if s := c.slot(h); s.hash == h {
		return c.ips[s.number]
	}
	return 0
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
	c := r.begin(win, ip, g)
	if c.many {
		return
	}
	for _, a := range g.Agents {
		c.add(a)
	}
	c.bound()
}

// AddNumbered is Add that appends the numbers of the group's agents to dst, which
// NextNumbered takes in their place.
func (r *Rollup) AddNumbered(win *Window, ip netip.Addr, g *Group, dst []uint32) []uint32 {
	c := r.begin(win, ip, g)
	if c.many {
		return dst
	}
	for _, a := range g.Agents {
		dst = append(dst, c.add(a))
	}
	c.bound()
	return dst
}

// bound gives up where there are too many agents.
func (c *agentCounts) bound() {
	if len(c.ips) > maxAgents {
		*c = agentCounts{many: true}
	}
}

// begin counts a group but for its agents, and gives where those are counted.
func (r *Rollup) begin(win *Window, ip netip.Addr, g *Group) *agentCounts {
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
	if p := prefixKeyOf(ip); p != r.open || r.ips == 0 {
		r.flush()
		r.open = p
	}
	r.ips++
	r.reqs = add(r.reqs, g.Requests)
	return &r.windows[r.n-1].agents
}

// prefixKey is what PrefixOf gives, faster to make and to compare.
type prefixKey struct {
	bits uint64
	six  bool
}

func prefixKeyOf(ip netip.Addr) prefixKey {
	if ip.Is4() {
		a := ip.As4()
		return prefixKey{bits: uint64(a[0])<<16 | uint64(a[1])<<8 | uint64(a[2])}
	}
	a := ip.As16()
	return prefixKey{binary.BigEndian.Uint64(a[:8]), true}
}

// flush ends the prefix that is open.
func (r *Rollup) flush() {
	if r.ips > 0 {
		w := &r.windows[r.n-1]
		w.prefixes = binary.AppendUvarint(w.prefixes, uint64(r.ips))
		w.prefixes = binary.AppendUvarint(w.prefixes, uint64(r.reqs))
	}
	r.ips, r.reqs = 0, 0
}

// Rewind ends the first pass.
func (r *Rollup) Rewind() {
	r.flush()
	r.window, r.left, r.rows = -1, nil, 0
}

// Next gives what the next group of the second pass, which has the agents given,
// has from others.
func (r *Rollup) Next(agents []uint64) Shared {
	s, c := r.next()
	for _, a := range agents {
		s.AgentIPs = max(s.AgentIPs, int64(c.of(a)))
	}
	return s
}

// NextNumbered is Next of a group that AddNumbered gave these numbers.
func (r *Rollup) NextNumbered(agents []uint32) Shared {
	s, c := r.next()
	if c.many {
		return s
	}
	for _, n := range agents {
		s.AgentIPs = max(s.AgentIPs, int64(c.ips[n]))
	}
	return s
}

func (r *Rollup) next() (Shared, *agentCounts) {
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
	return r.shared, &r.windows[r.window].agents
}
