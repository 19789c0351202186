package pipeline

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"

	"sluice/featurestore/columns"
	"sluice/train/evaluation"
)

// maxParts bounds the parts of a family whose names come from the data: a page
// of hundreds of windows or countries helps nobody.
const maxParts = 24

// rowSlices cut the rows by what their address is and how it behaves. Families
// whose parts hold nothing or everything say nothing and are left out. country
// may be nil.
func rowSlices(t *table, country countries) []evaluation.SliceInput {
	c := &cutter{t: t}
	c.family("address", []string{"IPv4", "IPv6"}, func(i int) int {
		if t.rows[i].IP.Is6() {
			return 1
		}
		return 0
	})
	value := func(i, column int) float64 { return t.rows[i].Values[column] }
	c.family("agent", []string{"declared crawler (spider_ratio ≥ 0.5)", "other agents"}, func(i int) int {
		switch v := value(i, columns.SpiderRatio); {
		case v != v:
			return -1
		case v >= 0.5:
			return 0
		}
		return 1
	})
	// Many agents behind one address are many people behind one address, or one
	// who pretends to be many.
	c.family("shared address", []string{"one user agent", "2 to 4 user agents", "5 or more user agents"}, func(i int) int {
		switch v := value(i, columns.UserAgentCount); {
		case v != v:
			return -1
		case v < 2:
			return 0
		case v < 5:
			return 1
		}
		return 2
	})
	c.family("access method", []string{"mostly desktop", "mostly mobile web", "mostly mobile app"}, func(i int) int {
		d, m, a := value(i, columns.DesktopRatio), value(i, columns.MobileWebRatio), value(i, columns.MobileAppRatio)
		switch {
		case d != d || m != m || a != a:
			return -1
		case d >= m && d >= a:
			return 0
		case m >= a:
			return 1
		}
		return 2
	})
	c.neighbours()
	c.largest("network (/16, IPv6 /32)", func(i int) string { return network(t.rows[i].IP).String() })
	if country != nil {
		c.largest("country", func(i int) string { return country.of(t.rows[i].IP) })
	}
	var attacks []string
	for _, r := range t.rows {
		if len(attacks) == 0 || attacks[len(attacks)-1] != r.Attack {
			attacks = append(attacks, r.Attack)
		}
	}
	slices.Sort(attacks)
	attacks = slices.Compact(attacks)
	if len(attacks) <= maxParts {
		c.family("attack", attacks, func(i int) int { return slices.Index(attacks, t.rows[i].Attack) })
	}
	return c.out
}

// cutter collects families of slices of a table.
type cutter struct {
	t   *table
	out []evaluation.SliceInput
}

// family adds the parts that hold some rows and not all; of gives a row's part,
// below 0 for none.
func (c *cutter) family(name string, parts []string, of func(i int) int) {
	n := c.t.len()
	include := make([][]bool, len(parts))
	counts := make([]int, len(parts))
	for k := range parts {
		include[k] = make([]bool, n)
	}
	for i := range c.t.rows {
		if k := of(i); k >= 0 {
			include[k][i] = true
			counts[k]++
		}
	}
	for k := range parts {
		if counts[k] > 0 && counts[k] < n {
			c.out = append(c.out, evaluation.SliceInput{Family: name, Name: parts[k], Include: include[k]})
		}
	}
}

// largest adds the parts of most rows by a name of each row, "" for none, and
// the rest as one part.
func (c *cutter) largest(name string, of func(i int) string) {
	const most, least = 10, 20
	counts := map[string]int{}
	names := make([]string, c.t.len())
	for i := range names {
		if names[i] = of(i); names[i] != "" {
			counts[names[i]]++
		}
	}
	var parts []string
	for p, n := range counts {
		if n >= least {
			parts = append(parts, p)
		}
	}
	slices.SortFunc(parts, func(a, b string) int { return cmp.Or(cmp.Compare(counts[b], counts[a]), cmp.Compare(a, b)) })
	parts = parts[:min(most, len(parts))]
	if len(parts) == 0 {
		return
	}
	rest := "all others"
	if n := len(counts) - len(parts); n > 0 {
		rest = fmt.Sprintf("%d others", n)
	}
	at := map[string]int{}
	for k, p := range parts {
		at[p] = k
	}
	c.family(name, append(parts, rest), func(i int) int {
		if names[i] == "" {
			return -1
		}
		if k, ok := at[names[i]]; ok {
			return k
		}
		return len(parts)
	})
}

// neighbours cuts by how many addresses of the same /24, IPv6 /64, have a row.
func (c *cutter) neighbours() {
	of := map[netip.Prefix]map[netip.Addr]bool{}
	for _, r := range c.t.rows {
		p := prefix(r.IP, 24, 64)
		if of[p] == nil {
			of[p] = map[netip.Addr]bool{}
		}
		of[p][r.IP] = true
	}
	c.family("prefix (/24, IPv6 /64)", []string{"alone in its prefix", "2 to 4 addresses in the prefix", "5 or more addresses in the prefix"}, func(i int) int {
		switch n := len(of[prefix(c.t.rows[i].IP, 24, 64)]); {
		case n < 2:
			return 0
		case n < 5:
			return 1
		}
		return 2
	})
}

func network(ip netip.Addr) netip.Prefix { return prefix(ip, 16, 32) }

func prefix(ip netip.Addr, v4, v6 int) netip.Prefix {
	ip = ip.Unmap()
	bits := v4
	if ip.Is6() {
		bits = v6
	}
	p, err := ip.Prefix(bits)
	if err != nil {
		return netip.Prefix{}
	}
	return p
}
