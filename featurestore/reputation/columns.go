package reputation

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"math"
	"net/netip"
	"slices"
	"time"

	"sluice/featurestore/columns"
	"sluice/featurestore/row"
)

// WithEarlier is a Set that also gives the columns of earlier listings
// (columns.Earlier), strictly as of the start of a row's window. A model that
// has them repeats the list, so nobody gets them unasked.
type WithEarlier struct{ Set *Set }

// Label is the Set's.
func (w WithEarlier) Label(ip netip.Addr, m row.Month) row.Label { return w.Set.Label(ip, m) }

// Definition is the Set's.
func (w WithEarlier) Definition() string { return w.Set.Definition() }

// EnrichColumns are the names of the columns that Enrich appends.
func (w WithEarlier) EnrichColumns() []string { return columns.EarlierNames() }

// Enrich appends, in the order of columns.Earlier, what exports known before
// start say of ip. Where none was known everything is NaN, for "not listed"
// would be a guess.
func (w WithEarlier) Enrich(dst []float64, ip netip.Addr, start, _ time.Time) []float64 {
	return appendEarlier(dst, w.Set.ListedBefore(ip, start), start)
}

func appendEarlier(dst []float64, e Earlier, start time.Time) []float64 {
	from := len(dst)
	dst = append(dst, missing[:columns.NumEarlier]...)
	v := dst[from:]
	if e.Exports == 0 {
		return dst
	}
	v[columns.ListedBefore] = 0
	v[columns.ListedBeforeTimes] = float64(e.Times) / float64(e.Exports)
	v[columns.PrefixListedBefore] = float64(e.Neighbours)
	if e.Listed() {
		v[columns.ListedBefore] = 1
		v[columns.DaysSinceFirstListed] = start.Sub(e.First).Hours() / 24
		v[columns.DaysSinceLastListed] = start.Sub(e.Last).Hours() / 24
	}
	return dst
}

// EnrichColumns are the names of the columns that Enrich appends.
func (s *SpurFeeds) EnrichColumns() []string { return columns.SpurGroup.Names() }

// Enrich appends, in the order of columns.SpurGroup, what was at hand before
// start about ip. Where nothing was everything is NaN; where Spur did not know
// the address all but spur_known are.
func (s *SpurFeeds) Enrich(dst []float64, ip netip.Addr, start, _ time.Time) []float64 {
	e, known := s.Before(ip, start)
	return appendSpur(dst, e, known)
}

func appendSpur(dst []float64, e *Spur, known bool) []float64 {
	from := len(dst)
	dst = append(dst, missing[:columns.NumSpur]...)
	v := dst[from:]
	if !known {
		return dst
	}
	v[columns.SpurKnown] = 0
	if e == nil {
		return dst
	}
	v[columns.SpurKnown] = 1
	v[columns.SpurDatacenter] = flag(e.Infrastructure == "DATACENTER")
	v[columns.SpurMobile] = flag(e.Infrastructure == "MOBILE")
	v[columns.SpurResidential] = flag(e.Infrastructure == "RESIDENTIAL")
	v[columns.SpurClientCount] = e.Count
	v[columns.SpurClientCountries] = e.Countries
	v[columns.SpurClientSpread] = e.Spread
	v[columns.SpurConcentrationDensity] = e.Density
	v[columns.SpurConcentrationSkew] = e.Skew
	v[columns.SpurProxyCount] = float64(e.Proxies)
	v[columns.SpurTunnelCount] = float64(e.Tunnels)
	v[columns.SpurTunnelAnonymous] = flag(e.Anonymous)
	v[columns.SpurTor] = flag(e.Tor)
	v[columns.SpurHeadless] = flag(slices.Contains(e.Types, "HEADLESS"))
	v[columns.SpurRiskCount] = float64(len(e.Risks))
	return dst
}

// Digest identifies the files.
func (s *SpurFeeds) Digest() string { return digest(s.stats) }

// EnrichColumns are the names of the columns that Enrich appends.
func (d *Drops) EnrichColumns() []string { return columns.DropsGroup.Names() }

// Enrich appends, in the order of columns.DropsGroup, the records of ip inside
// [start, end), and how many there were before. Records don't say when nobody
// wrote any: where no address has one inside, the columns of the window are NaN,
// and where no record is older than start, so is the last.
func (d *Drops) Enrich(dst []float64, ip netip.Addr, start, end time.Time) []float64 {
	return d.enrich(dst, d.Of(ip), d.any(start, end), start, end)
}

// enrich appends what an address's records say; inside tells whether any address
// has one in the window.
func (d *Drops) enrich(dst []float64, rs []Drop, inside bool, start, end time.Time) []float64 {
	from := len(dst)
	dst = append(dst, missing[:columns.NumDrops]...)
	v := dst[from:]
	i, j := 0, 0
	if len(rs) > 0 {
		i, j = span(rs, start, end)
	}
	if inside && i == j {
		v[columns.SilentDropCount], v[columns.SilentDropPort80Count], v[columns.SilentDropHostCount] = 0, 0, 0
	} else if inside {
		port80, hosts := 0, map[string]struct{}{}
		for _, r := range rs[i:j] {
			if r.Port80 {
				port80++
			}
			hosts[r.Host] = struct{}{}
		}
		v[columns.SilentDropCount] = float64(j - i)
		v[columns.SilentDropPort80Count] = float64(port80)
		v[columns.SilentDropHostCount] = float64(len(hosts))
	}
	if d.first < start.Unix() {
		v[columns.SilentDropBeforeCount] = float64(i)
	}
	return dst
}

// Digest identifies the files.
func (d *Drops) Digest() string { return digest(d.stats) }

// missing is NaN for as many columns as any group here has.
var missing = slices.Repeat([]float64{math.NaN()}, max(columns.NumSpur, columns.NumDrops, columns.NumEarlier))

func flag(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

// digest identifies files by their contents.
func digest(stats []FileStats) string {
	h := sha256.New()
	for _, st := range stats {
		fmt.Fprintln(h, st.SHA256, st.Months)
	}
	return hex.EncodeToString(h.Sum(nil)[:16])
}
