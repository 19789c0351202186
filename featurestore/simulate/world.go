package simulate

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"sync"
	"time"

	"sluice/featurestore/fault"
	"sluice/featurestore/row"
)

// Config says which world. The zero value of a field takes the default named.
type Config struct {
	Seed   int64
	Start  row.Month // first month; default 2024-06
	Months int       // default 3
	// Rows is the number of (attack, IP) pairs a month; default 6845, the
	// published third month's.
	Rows int
	// Scale multiplies the requests of every pair, which keeps at least one;
	// default 1, which makes about 93 million requests a month.
	Scale float64
	// BackgroundIPs is the number of addresses a month that send requests
	// outside the windows only.
	BackgroundIPs int
}

// The defaults of a Config.
const (
	DefaultRows   = 6845
	DefaultMonths = 3
	DefaultScale  = 1
)

var defaultStart = row.Month(2024*12 + 5)

// Limits of a Config: what a machine can hold, and what the address space can.
const (
	maxRows   = 20_000_000
	maxMonths = 240
)

func (c Config) withDefaults() (Config, error) {
	if c.Start == 0 {
		c.Start = defaultStart
	}
	if c.Months == 0 {
		c.Months = DefaultMonths
	}
	if c.Rows == 0 {
		c.Rows = DefaultRows
	}
	if c.Scale == 0 {
		c.Scale = DefaultScale
	}
	switch {
	case c.Months < 1 || c.Months > maxMonths:
		return c, fault.Field(fault.Invalid, "months", "simulated months %d: want 1 to %d", c.Months, maxMonths)
	case c.Rows < 1 || c.Rows > maxRows:
		return c, fault.Field(fault.Invalid, "rows", "simulated rows %d: want 1 to %d pairs a month", c.Rows, maxRows)
	case !(c.Scale > 0 && c.Scale <= 100):
		return c, fault.Field(fault.Invalid, "scale", "simulated scale %v: want above 0, at most 100", c.Scale)
	case c.BackgroundIPs < 0 || c.BackgroundIPs > maxRows:
		return c, fault.Field(fault.Invalid, "background-ips", "simulated background addresses %d: want 0 to %d", c.BackgroundIPs, maxRows)
	case c.Start < 1970*12 || int(c.Start)+c.Months > 9998*12:
		return c, fault.Field(fault.Invalid, "start", "simulated start %v: want 1970-01 to 9998-12", c.Start)
	}
	return c, nil
}

// Window is one simulated attack, [Start, End) in Unix seconds.
type Window struct {
	ID         string
	Start, End int64
	Note       string
}

// World is a configuration made whole: its windows, and its months as they are
// asked for. It is safe for concurrent use.
type World struct {
	cfg     Config
	windows [][]Window // by month

	mu     sync.Mutex
	months []*month // made in order, since later months know earlier clients
	pool   *addresses
}

// month is one month's population.
type month struct {
	index      int
	month      row.Month
	windows    []Window
	pairs      []Profile         // by window, then address
	background []Profile         // by address
	rhythm     rhythm            // of the background: when it is awake
	clients    map[Kind][]client // who may come back next month

	// While the month is drawn only: who is in which window, who is there at
	// all, and the clients of the month before.
	used   map[pairKey]bool
	seen   map[netip.Addr]bool
	before map[Kind][]client
}

// New makes the world of a configuration. Errors: fault.Invalid names the
// field that is out of range.
func New(c Config) (*World, error) {
	c, err := c.withDefaults()
	if err != nil {
		return nil, err
	}
	w := &World{cfg: c, pool: newAddresses(c.Seed)}
	for i := range c.Months {
		w.windows = append(w.windows, w.drawWindows(i))
	}
	return w, nil
}

// Config is the configuration with its defaults filled in.
func (w *World) Config() Config { return w.cfg }

// Windows are the attacks of all months in order of time.
func (w *World) Windows() []Window { return slices.Concat(w.windows...) }

// rng is the generator of one part of the world, named by its place: parts can
// then be drawn in any order, and one never shifts another.
func (w *World) rng(part, i, j uint64) *rand.Rand {
	return rand.New(rand.NewPCG(mix(uint64(w.cfg.Seed)^part<<56), mix(i<<32^j)))
}

// The parts that have generators of their own.
const (
	partWindows = iota + 1
	partMonth
	partBackground
	partDrop
	partSpur
	partLists
)

// windowCounts are the windows a month, in turn: the published months had 3
// and 9 with more than a hundred requests per address.
var windowCounts = [...]int{3, 9, 6, 5, 7, 4}

// drawWindows places a month's attacks: each of six to nine hours, so that
// the largest pair stays below the 20 requests/s above which the edge would
// have refused it, on different days, at any hour.
func (w *World) drawWindows(i int) []Window {
	r := w.rng(partWindows, uint64(i), 0)
	m := w.cfg.Start + row.Month(i)
	start := m.Start(time.UTC)
	days := int(m.End(time.UTC).Sub(start).Hours()) / 24
	n := windowCounts[i%len(windowCounts)]
	picked := r.Perm(days - 1)[:n] // none starts on the last day: it would leave the month
	slices.Sort(picked)
	ws := make([]Window, n)
	for k, day := range picked {
		begin := start.AddDate(0, 0, day).Add(time.Duration(r.IntN(96)) * 10 * time.Minute)
		end := begin.Add(6*time.Hour + 20*time.Minute + time.Duration(r.IntN(17))*10*time.Minute)
		ws[k] = Window{
			ID:    fmt.Sprintf("simulated-%s-%02d", m, k+1),
			Start: begin.Unix(), End: end.Unix(),
			Note: "simulated attack",
		}
	}
	return ws
}

// get makes months up to i, each once.
func (w *World) get(i int) *month {
	if i < 0 || i >= w.cfg.Months {
		panic(fmt.Sprintf("simulate: month %d of a world of %d", i, w.cfg.Months))
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	for len(w.months) <= i {
		w.months = append(w.months, w.drawMonth(len(w.months)))
	}
	return w.months[i]
}

// Month are the profiles of the i-th month, counted from 0: one per (attack,
// IP), by attack, then address. It panics if the world has no such month.
func (w *World) Month(i int) []Profile { return slices.Clone(w.get(i).pairs) }

// Background are the profiles of the i-th month's clients that stay outside
// the windows; their Attack is the month.
func (w *World) Background(i int) []Profile { return slices.Clone(w.get(i).background) }

// Rows are the i-th month's pairs as rows: the twelve columns, the label as of
// the month's end, first and last request.
func (w *World) Rows(i int) []row.Row {
	m := w.get(i)
	rows := make([]row.Row, len(m.pairs))
	for k := range m.pairs {
		rows[k] = m.pairs[k].row()
	}
	return rows
}

// mix is splitmix64's finaliser (Steele, Lea and Flood, OOPSLA 2014): it turns
// a counter into well-spread bits.
func mix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

func byAttackThenIP(a, b Profile) int {
	return cmp.Or(cmp.Compare(a.Attack, b.Attack), a.IP.Compare(b.IP))
}

// pairKey is what must be unique in a month.
type pairKey struct {
	window int
	ip     netip.Addr
}
