package simulate

import (
	"bufio"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"net/netip"
	"path/filepath"
	"slices"
	"time"

	"sluice/featurestore/row"
)

// drop is one silent-drop record: an address went over the edge's limit of
// concurrent requests, and nothing from it is answered for 300 s.
type drop struct {
	at   int64
	host string
	ip   netip.Addr
}

// mathoidExcluded is the month from whose start requests for formulas no
// longer count as concurrent: until then Mathoid's clients were dropped most.
const mathoidExcluded = row.Month(2024*12 + 7)

// dropRate is the mean number of records of a pair.
func dropRate(k Kind, m row.Month) float64 {
	switch k {
	case Mathoid:
		if m >= mathoidExcluded {
			return 0
		}
		return 14
	case APIClient:
		return 2
	case Flood:
		return 2.2
	case Burst:
		return 3.5
	case Scanner:
		return .3
	case Shared:
		return .4
	case Crawler:
		return .2
	}
	if k.slow() {
		return .05
	}
	return .01
}

// drops are the month's records in order of time.
func (w *World) drops(m *month) []drop {
	r := w.rng(partDrop, uint64(m.index), 0)
	var ds []drop
	for i := range m.pairs {
		p := &m.pairs[i]
		// Half of the clients of a kind never go over the limit; the others
		// twice as often.
		if r.Float64() < .5 {
			continue
		}
		n := poisson(r, 2*dropRate(p.Kind, m.month))
		host := cacheHosts[p.id%uint64(len(cacheHosts))]
		for range n {
			ds = append(ds, drop{p.Start + r.Int64N(p.End-p.Start), host, p.IP})
		}
	}
	slices.SortFunc(ds, func(a, b drop) int { return cmp.Or(cmp.Compare(a.at, b.at), a.ip.Compare(b.ip)) })
	return slices.CompactFunc(ds, func(a, b drop) bool { return a.ip == b.ip && b.at-a.at < 300 })
}

// poisson draws by counting exponential steps; means here are below 30.
func poisson(r *rand.Rand, mean float64) int {
	n := 0
	for t := r.ExpFloat64(); t < mean && n < math.MaxInt16; t += r.ExpFloat64() {
		n++
	}
	return n
}

const dropPrefix = "silent-drop_for_300s"

// writeSilentDrop writes each month's records in the three shapes in which
// they are handed on: JSON lines, tab-separated values, and the proxy's own
// debug lines.
func (w *World) writeSilentDrop(_ context.Context, dir string, f *Files) error {
	for i := range w.cfg.Months {
		m := w.get(i)
		ds := w.drops(m)
		for _, x := range []struct {
			name string
			line func(*bufio.Writer, drop) error
		}{
			{"jsonl.gz", jsonDrop}, {"tsv.gz", tsvDrop}, {"log", proxyDrop},
		} {
			path := filepath.Join(dir, "silentdrop", fmt.Sprintf("simulated-silentdrop-%s.%s", m.month, x.name))
			err := writeAtomic(path, func(b *bufio.Writer) error {
				for _, d := range ds {
					if err := x.line(b, d); err != nil {
						return err
					}
				}
				return nil
			})
			if err != nil {
				return err
			}
			f.SilentDrop = append(f.SilentDrop, path)
		}
	}
	return nil
}

func dropTime(at int64) string { return time.Unix(at, 0).UTC().Format("2006-01-02T15:04:05") }

func jsonDrop(b *bufio.Writer, d drop) error {
	return json.NewEncoder(b).Encode(struct {
		Time     string `json:"time"`
		Hostname string `json:"hostname"`
		Prefix   string `json:"prefix"`
		Data     string `json:"data"`
	}{dropTime(d.at), d.host, dropPrefix, d.ip.String()})
}

func tsvDrop(b *bufio.Writer, d drop) error {
	_, err := fmt.Fprintf(b, "%s\t%s\t%s\t%s\n", dropTime(d.at), d.host, dropPrefix, d.ip)
	return err
}

// proxyDrop has IPv4 mapped into IPv6, which is what the proxy's table keys on.
func proxyDrop(b *bufio.Writer, d drop) error {
	_, err := fmt.Fprintf(b, "%s %s haproxy[simulated]: [debug] %s: type=ipv6 <%s>\n",
		dropTime(d.at), d.host, dropPrefix, netip.AddrFrom16(d.ip.As16()))
	return err
}
