package reputation

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"maps"
	"net/netip"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"sluice/featurestore/fault"
	"sluice/featurestore/row"
)

// SpurFeed is the shape of Spur feeds in FileStats.
const SpurFeed Shape = "Spur feed"

// Spur is what a feed says about an address (https://docs.spur.us): the parts
// that make columns.
type Spur struct {
	Infrastructure string  // DATACENTER, MOBILE, RESIDENTIAL, …; open
	Count          float64 // client.count: clients a day, mean
	Countries      float64 // client.countries
	Spread         float64 // client.spread, km²
	Density        float64 // client.concentration.density, 0 to 1
	Skew           float64 // client.concentration.skew, km
	Proxies        int     // client.proxies
	Tunnels        int
	Anonymous      bool     // any tunnel is anonymous
	Tor            bool     // any tunnel is of Tor
	Types          []string // client.types, ascending
	Risks          []string // ascending
}

// SpurOptions say what of the feeds is kept.
type SpurOptions struct {
	// Keep, when set, tells which addresses matter; a feed has millions, a
	// store needs those in its logs. Entries of networks are always kept.
	// It is called by several goroutines at once.
	Keep    func(netip.Addr) bool
	Threads int // files read at a time; 0 means one
}

// SpurFeeds are feeds by date, and records of single addresses. They are
// immutable and safe for concurrent use.
type SpurFeeds struct {
	feeds   []*spurFeed // by date, of one day in reverse order of names
	records map[netip.Addr][]spurRecord
	stats   []FileStats
}

// spurRecord is an answer of the Context API about one address.
type spurRecord struct {
	known int64 // Unix seconds from which it was at hand
	entry *Spur
}

type spurFeed struct {
	dated bool
	lines int
	known int64                // Unix seconds from which the feed was at hand: its day's end
	byIP  map[netip.Addr]*Spur // once read, of IPv6 alone
	v4    []uint32             // ascending
	of4   []*Spur              // parallel to v4
	byNet map[netip.Prefix]*Spur
	bits  []int // lengths of the prefixes in byNet, longest first
}

type spurRaw struct {
	// Of an answer of the Context API, which stands in Body.
	FetchedAt string          `json:"fetched_at"`
	ResultDT  string          `json:"dt"` // YYYYMMDD; the x-result-dt of the answer
	Body      json.RawMessage `json:"body"`

	IP             string `json:"ip"`
	Network        string `json:"network"`
	Infrastructure string `json:"infrastructure"`
	Client         struct {
		Types         []string `json:"types"`
		Proxies       []string `json:"proxies"`
		Count         float64  `json:"count"`
		Countries     float64  `json:"countries"`
		Spread        float64  `json:"spread"`
		Concentration struct {
			Density float64 `json:"density"`
			Skew    float64 `json:"skew"`
		} `json:"concentration"`
	} `json:"client"`
	Tunnels []spurTunnel `json:"tunnels"`
	Risks   []string     `json:"risks"`
}

type spurTunnel struct {
	Operator  string `json:"operator"`
	Type      string `json:"type"`
	Anonymous bool   `json:"anonymous"`
}

var spurDate = regexp.MustCompile(`(?:^|[^0-9])(20[0-9]{2})-?(0[1-9]|1[0-2])-?(0[1-9]|[12][0-9]|3[01])(?:[^0-9]|$)`)

// OpenSpur reads Spur feeds: JSON lines keyed by ip or network, plain, gzip or
// zstd, dated by YYYYMMDD or YYYY-MM-DD in the file's name or its folder's, as
// the service names them. Lines {"fetched_at": …, "body": …} are answers of the
// Context API about one address, as they came; they are at hand from fetched_at
// on, or with "dt" (YYYYMMDD, the day that was asked about) from that day's end.
// Errors as of Open.
func OpenSpur(ctx context.Context, files []string, o SpurOptions) (*SpurFeeds, error) {
	if len(files) == 0 {
		return nil, fault.New(fault.Invalid, "no Spur feeds given")
	}
	names := slices.Compact(slices.Sorted(slices.Values(files)))
	parts, errs := make([]SpurFeeds, len(names)), make([]error, len(names))
	var g errgroup.Group
	g.SetLimit(max(1, o.Threads))
	for i, name := range names {
		g.Go(func() error {
			errs[i] = parts[i].read(ctx, name, &o)
			return nil
		})
	}
	_ = g.Wait()
	// As if one had been read after the other.
	s := &SpurFeeds{}
	for i := range parts {
		if errs[i] != nil {
			return nil, errs[i]
		}
		s.add(&parts[i])
	}
	slices.Reverse(s.feeds)
	slices.SortStableFunc(s.feeds, func(a, b *spurFeed) int { return cmp.Compare(a.known, b.known) })
	for _, rs := range s.records {
		slices.SortStableFunc(rs, func(a, b spurRecord) int { return cmp.Compare(a.known, b.known) })
	}
	return s, nil
}

// add puts what a later file says behind what is known.
func (s *SpurFeeds) add(o *SpurFeeds) {
	s.feeds, s.stats = append(s.feeds, o.feeds...), append(s.stats, o.stats...)
	if s.records == nil {
		s.records = o.records
		return
	}
	for ip, rs := range o.records {
		s.records[ip] = append(s.records[ip], rs...)
	}
}

// CheckSpur reads the beginning of a feed: whether it is there, and text.
func CheckSpur(ctx context.Context, name string) error {
	src, err := openSource(ctx, name)
	if err != nil {
		return err
	}
	defer src.close()
	_, _, err = src.next()
	return err
}

func spurDay(name string) (time.Time, bool) {
	for _, part := range []string{filepath.Base(name), filepath.Base(filepath.Dir(name))} {
		if m := spurDate.FindStringSubmatch(part); m != nil {
			y, _ := strconv.Atoi(m[1])
			mon, _ := strconv.Atoi(m[2])
			d, _ := strconv.Atoi(m[3])
			return time.Date(y, time.Month(mon), d, 0, 0, 0, 0, time.UTC), true
		}
	}
	return time.Time{}, false
}

func (s *SpurFeeds) read(ctx context.Context, name string, o *SpurOptions) error {
	day, dated := spurDay(name)
	src, err := openSource(ctx, name)
	if err != nil {
		return err
	}
	defer src.close()
	f := spurFeed{dated: dated, known: day.AddDate(0, 0, 1).Unix() - 1, byIP: map[netip.Addr]*Spur{}, byNet: map[netip.Prefix]*Spur{}}
	st := FileStats{Name: name, Shape: SpurFeed}
	months := map[row.Month]bool{}
	var lines spurLines
	for {
		line, ok, err := src.next()
		if err != nil {
			return err
		}
		if !ok {
			break
		}
		if line = bytes.TrimSpace(line); len(line) == 0 {
			continue
		}
		if src.long {
			st.reject("line too long", src.line)
			continue
		}
		is4, reason := s.line(line, &lines, &f, o, func(known int64) { months[row.MonthOf(unix(known))] = true })
		if reason == noSpurDate {
			return fault.Field(fault.Invalid, name, "%s: no date: neither the file's nor its folder's name has a YYYYMMDD, as in 20240731/feed.json.gz", name)
		}
		if reason != "" {
			st.reject(reason, src.line)
			continue
		}
		st.good(is4)
	}
	st.Months = slices.Sorted(maps.Keys(months))
	if st.SHA256, st.Bytes, err = src.finish(); err != nil {
		return err
	}
	st.sortRejects()
	if st.Good == 0 {
		return fault.Field(fault.Invalid, name, "%s: read as %s, and no line of it is usable: %s", name, st.Shape, st.rejects())
	}
	for p := range f.byNet {
		if !slices.Contains(f.bits, p.Bits()) {
			f.bits = append(f.bits, p.Bits())
		}
	}
	slices.SortFunc(f.bits, func(a, b int) int { return b - a })
	f.sort()
	if f.lines > 0 {
		s.feeds = append(s.feeds, &f)
	}
	s.stats = append(s.stats, st)
	return nil
}

const noSpurDate = "no date"

// line takes one line, of a feed or an answer; dated is told when it was at
// hand.
func (s *SpurFeeds) line(line []byte, lines *spurLines, f *spurFeed, o *SpurOptions, dated func(known int64)) (is4 bool, reason string) {
	var r spurRaw
	if !lines.read(line, &r) {
		r = spurRaw{}
		if err := json.Unmarshal(line, &r); err != nil {
			return false, jsonReason(err)
		}
	}
	known := f.known
	switch {
	case len(r.Body) > 0:
		is4, known, reason = s.answer(&r, o)
	case !f.dated:
		return false, noSpurDate
	default:
		if is4, reason = f.add(&r, o); reason == "" {
			f.lines++
		}
	}
	if reason == "" {
		dated(known)
	}
	return is4, reason
}

// answer takes one answer of the Context API.
func (s *SpurFeeds) answer(env *spurRaw, o *SpurOptions) (is4 bool, known int64, reason string) {
	var r spurRaw
	if err := json.Unmarshal(env.Body, &r); err != nil {
		return false, 0, jsonReason(err)
	}
	at, ok := parseTime(env.FetchedAt)
	switch day, err := time.Parse("20060102", env.ResultDT); {
	case env.ResultDT != "" && err != nil:
		return false, 0, "dt is not YYYYMMDD"
	case env.ResultDT != "":
		known = day.AddDate(0, 0, 1).Unix() - 1
	case !ok:
		return false, 0, "fetched_at is not a date"
	default:
		known = at.Unix()
	}
	if r.IP == "" {
		r.IP = env.IP
	}
	ip, ok := row.ParseIP(r.IP)
	if !ok {
		return false, 0, "not an IP address"
	}
	if o.Keep == nil || o.Keep(ip) {
		if s.records == nil {
			s.records = map[netip.Addr][]spurRecord{}
		}
		s.records[ip] = append(s.records[ip], spurRecord{known, r.entry()})
	}
	return ip.Is4(), known, ""
}

// add takes one line; of an address that comes twice the later one counts.
func (f *spurFeed) add(r *spurRaw, o *SpurOptions) (is4 bool, reason string) {
	switch {
	case r.IP != "":
		ip, ok := row.ParseIP(r.IP)
		if !ok {
			return false, "not an IP address"
		}
		if o.Keep == nil || o.Keep(ip) {
			f.byIP[ip] = r.entry()
		}
		return ip.Is4(), ""
	case r.Network != "":
		p, err := netip.ParsePrefix(r.Network)
		if err != nil || p.Addr().Is4In6() {
			return false, "not a network"
		}
		f.byNet[p.Masked()] = r.entry()
		return p.Addr().Is4(), ""
	}
	return false, "neither ip nor network"
}

func (r *spurRaw) entry() *Spur {
	s := &Spur{
		Infrastructure: r.Infrastructure, Count: r.Client.Count, Countries: r.Client.Countries, Spread: r.Client.Spread,
		Density: r.Client.Concentration.Density, Skew: r.Client.Concentration.Skew,
		Proxies: len(r.Client.Proxies), Tunnels: len(r.Tunnels), Types: r.Client.Types, Risks: r.Risks,
	}
	for _, t := range r.Tunnels {
		s.Anonymous = s.Anonymous || t.Anonymous
		s.Tor = s.Tor || strings.EqualFold(t.Type, "TOR")
	}
	slices.Sort(s.Types)
	slices.Sort(s.Risks)
	return s
}

// Before is what was at hand strictly before an instant about ip: the latest
// feed, which is at hand from its day's end, or a later answer about the address
// alone. known is false if there was neither: the columns are missing then. With
// a feed and a nil entry Spur does not know the address, which tells something
// too. The longest network counts where the address has no entry of its own.
func (s *SpurFeeds) Before(ip netip.Addr, before time.Time) (entry *Spur, known bool) {
	ip = ip.Unmap()
	t := before.Unix()
	if before.Nanosecond() > 0 {
		t++
	}
	feeds := s.latest(before)
	rs := s.records[ip]
	if k, _ := slices.BinarySearchFunc(rs, t, func(r spurRecord, t int64) int { return cmp.Compare(r.known, t) }); k > 0 {
		if r := rs[k-1]; len(feeds) == 0 || r.known >= feeds[0].known {
			return r.entry, true
		}
	}
	for _, f := range feeds {
		if e := f.find(ip); e != nil {
			return e, true
		}
	}
	return nil, len(feeds) > 0
}

// latest are the feeds of the last day that was at hand strictly before an
// instant, in the order in which they are asked. Feeds of one day complete each
// other: IPv4 and IPv6 come apart.
func (s *SpurFeeds) latest(before time.Time) []*spurFeed {
	t := before.Unix()
	if before.Nanosecond() > 0 {
		t++
	}
	n, _ := slices.BinarySearchFunc(s.feeds, t, func(f *spurFeed, t int64) int { return cmp.Compare(f.known, t) })
	from := n
	for from > 0 && s.feeds[from-1].known == s.feeds[n-1].known {
		from--
	}
	return s.feeds[from:n]
}

// sort moves IPv4 addresses from the map into lists.
func (f *spurFeed) sort() {
	for ip := range f.byIP {
		if ip.Is4() {
			f.v4 = append(f.v4, key4(ip))
		}
	}
	slices.Sort(f.v4)
	f.of4 = make([]*Spur, len(f.v4))
	for i, key := range f.v4 {
		ip := netip.AddrFrom4([4]byte{byte(key >> 24), byte(key >> 16), byte(key >> 8), byte(key)})
		f.of4[i] = f.byIP[ip]
		delete(f.byIP, ip)
	}
	six := make(map[netip.Addr]*Spur, len(f.byIP))
	maps.Copy(six, f.byIP)
	f.byIP = six
}

func (f *spurFeed) find(ip netip.Addr) *Spur {
	if ip.Is4() {
		if i, ok := slices.BinarySearch(f.v4, key4(ip)); ok {
			return f.of4[i]
		}
	} else if e := f.byIP[ip]; e != nil {
		return e
	}
	return f.network(ip)
}

// network is the entry of the longest network around ip.
func (f *spurFeed) network(ip netip.Addr) *Spur {
	for _, bits := range f.bits {
		if p, err := ip.Prefix(bits); err == nil {
			if e := f.byNet[p]; e != nil {
				return e
			}
		}
	}
	return nil
}

// Stats are the files' in order of name.
func (s *SpurFeeds) Stats() []FileStats { return slices.Clone(s.stats) }
