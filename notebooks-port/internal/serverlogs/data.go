package serverlogs

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/oschwald/maxminddb-golang/v2"

	"sluice/featurestore/fault"
	"sluice/featurestore/row"
	"sluice/notebooks-port/internal/injection"
)

// data is the collection after reading: names in order, whatever the order in
// which they came.
type data struct {
	opts    *Options
	store   *store
	addrs   []netip.Addr
	label   []string // how an address is shown
	group   []uint8  // 1 + the group; 0: none
	country []uint16 // 1 + the country; 0: unknown
	places  []string // countries, ordered
	targets []string // ordinary ones, then those with a verdict
	classes []injection.Class
	pathOf  []uint32
	paths   []string
	agents  []string
	agentIs []injection.Class
	methods []string
	get     uint8 // number of GET; 255 without one

	placeIP, placeTarget, placeOdd, placeAgent []uint32
	ordinary                                   uint32
	clock                                      clock
	coarse                                     []string
	outcomes                                   map[uint32]string // by target, set by targetRows
	tries                                      []int64           // attempts by address, set by suspects
}

func (c *collection) settle() (*data, error) {
	d := &data{opts: c.opts, store: c.store, clock: clock{loc: c.opts.Location}, methods: c.methods, get: 255}
	for _, g := range []struct {
		grain int
		texts []string
	}{
		{c.ips.grain, []string{"addresses are held as their /24 and /48 networks", "addresses are held as their /16 and /32 networks", "addresses are held as their /8 and /16 networks"}},
		{c.targets.grain, []string{"targets are held without their query", "targets are held by their first two folders", "targets are held by their first folder"}},
		{c.odd.grain, []string{"targets of attacks are held without their query", "targets of attacks are held together"}},
		{c.agents.grain, []string{"agents are held by their product's name", "agents are held by their first letter"}},
	} {
		if g.grain > 0 {
			d.coarse = append(d.coarse, g.texts[g.grain-1])
		}
	}
	ofIP := c.ofIP
	ipCount := len(c.ips.keys)
	d.addrs, _, d.placeIP = c.ips.settle(netip.Addr.Compare)
	ordinary, _, placeTarget := c.targets.settle(strings.Compare)
	odd, marks, placeOdd := c.odd.settle(strings.Compare)
	d.placeTarget, d.placeOdd, d.ordinary = placeTarget, placeOdd, uint32(len(ordinary))
	d.targets = append(ordinary, odd...)
	d.classes = make([]injection.Class, len(d.targets))
	for i, m := range marks {
		d.classes[len(ordinary)+i] = injection.Class(m)
	}
	agents, agentMarks, placeAgent := c.agents.settle(strings.Compare)
	d.agents, d.placeAgent = agents, placeAgent
	d.agentIs = make([]injection.Class, len(agents))
	for i, m := range agentMarks {
		d.agentIs[i] = injection.Class(m)
	}
	d.settlePaths()
	for i, m := range d.methods {
		if m == "GET" {
			d.get = uint8(i)
		}
	}
	d.group = make([]uint8, len(d.addrs))
	for i, a := range d.addrs {
		for g := range d.opts.Groups {
			for _, p := range d.opts.Groups[g].Prefixes {
				if d.group[i] == 0 && p.Contains(a) {
					d.group[i] = uint8(min(g+1, 255))
				}
			}
		}
	}
	d.country = make([]uint16, len(d.addrs))
	d.places = slices.Sorted(slices.Values(c.countries))
	for id := range min(ipCount, len(ofIP)) {
		if n := ofIP[id]; n > 0 {
			i, _ := slices.BinarySearch(d.places, c.countries[n-1])
			at := d.placeIP[id]
			if old := d.country[at]; old == 0 || uint16(i+1) < old {
				d.country[at] = uint16(i + 1)
			}
		}
	}
	if d.opts.MMDB != "" {
		if err := d.locate(); err != nil {
			return nil, err
		}
	}
	return d, nil
}

func (d *data) settlePaths() {
	d.pathOf = make([]uint32, len(d.targets))
	number := map[string]uint32{}
	for i, t := range d.targets {
		path, _, _ := strings.Cut(t, "?")
		n, ok := number[path]
		if !ok {
			n = uint32(len(d.paths))
			number[path] = n
			d.paths = append(d.paths, path)
		}
		d.pathOf[i] = n
	}
}

// locate asks a MaxMind database for the countries.
func (d *data) locate() error {
	db, err := maxminddb.Open(d.opts.MMDB)
	if err != nil {
		return fault.Field(fault.Invalid, "mmdb", "--mmdb %s: %v; want a MaxMind database with countries", d.opts.MMDB, err)
	}
	defer db.Close()
	names := make([]string, len(d.addrs))
	for i, a := range d.addrs {
		var rec struct {
			Country struct {
				ISO   string            `maxminddb:"iso_code"`
				Names map[string]string `maxminddb:"names"`
			} `maxminddb:"country"`
			Code string `maxminddb:"country_code"`
		}
		if err := db.Lookup(a).Decode(&rec); err != nil {
			return fault.Field(fault.Corrupt, "mmdb", "--mmdb %s: %v", d.opts.MMDB, err)
		}
		names[i] = rec.Country.Names["en"]
		if names[i] == "" {
			names[i] = cmp.Or(rec.Country.ISO, rec.Code)
		}
	}
	places := slices.Sorted(slices.Values(names))
	places = slices.Compact(places)
	places = slices.DeleteFunc(places, func(s string) bool { return s == "" })
	d.places = places
	for i, n := range names {
		d.country[i] = 0
		if k, ok := slices.BinarySearch(places, n); ok {
			d.country[i] = uint16(k + 1)
		}
	}
	return nil
}

// name gives each address its label. Masked addresses that look alike are told
// apart by a number, in the order of their requests.
func (d *data) name(requests []int64) {
	d.label = make([]string, len(d.addrs))
	order := make([]int, len(d.addrs))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(requests[b], requests[a]) })
	seen := map[string]int{}
	for _, i := range order {
		if d.opts.ShowAddresses {
			d.label[i] = d.addrs[i].String()
			continue
		}
		m := row.Mask(d.addrs[i])
		seen[m]++
		d.label[i] = fmt.Sprintf("%s #%d", m, seen[m])
	}
}

func (d *data) groupOf(ip uint32) string {
	if g := d.group[ip]; g > 0 {
		return d.opts.Groups[g-1].Name
	}
	return ""
}

func (d *data) placeOf(ip uint32) string {
	if n := d.country[ip]; n > 0 {
		return d.places[n-1]
	}
	return ""
}

// each hands out every record with its names' final numbers.
func (d *data) each(f func(r *record)) error {
	var r record
	return d.store.each(func(s *record) {
		r = *s
		r.ip = d.placeIP[r.ip]
		r.agent = d.placeAgent[r.agent]
		if r.target&suspicious != 0 {
			r.target = d.ordinary + d.placeOdd[r.target&^suspicious]
		} else {
			r.target = d.placeTarget[r.target]
		}
		f(&r)
	})
}

// clock turns Unix seconds into local ones: seconds since 1970 as a clock on
// the wall would count them.
type clock struct {
	loc    *time.Location
	hour   int64
	offset int64
	set    bool
}

func (c *clock) local(t int64) int64 {
	if h := t / 900; !c.set || h != c.hour {
		_, off := time.Unix(t, 0).In(c.loc).Zone()
		c.hour, c.offset, c.set = h, int64(off), true
	}
	return t + c.offset
}

// dayName is the date of a local day, hourOf the hour of a local hour.
func dayName(day int64) string { return time.Unix(day*86400, 0).UTC().Format(time.DateOnly) }

func weekday(day int64) int { return int(time.Unix(day*86400, 0).UTC().Weekday()) }

// minuteName is a minute, counted in UTC, as local date and time.
func (d *data) minuteName(minute int64) string {
	return time.Unix(minute*60, 0).In(d.opts.Location).Format("2006-01-02 15:04")
}
