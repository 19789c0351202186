package aggregate

import (
	"bytes"
	"fmt"
	"math"
	"math/big"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"sluice/featurestore/attack"
	"sluice/featurestore/columns"
	"sluice/featurestore/row"
	"sluice/featurestore/webrequest"
)

// twin is the slow, obvious aggregator: maps of strings, and the definitions
// of the columns as they are written down.
type twin struct {
	set    *attack.Set
	filter webrequest.Filter
	derive Deriver
	groups map[string]*twinGroup
}

type twinGroup struct {
	key      row.Key
	requests int64
	sizes    []int64
	with     map[string]int64 // requests that have a property
	of       map[string]int64 // requests whose files have its column
	queries  map[string]bool
	agents   map[string]bool
	times    []int64
	paths    map[string]int64
}

func newTwin(set *attack.Set, filter webrequest.Filter, d Deriver) *twin {
	return &twin{set, filter, d, map[string]*twinGroup{}}
}

func null(s string) bool { return s == "" || s == "-" }

func (t *twin) add(r *webrequest.Request) {
	d := t.derive.Derive(r)
	if !t.filter.Keep(r, d) {
		return
	}
	for _, i := range t.set.Match(r.Time, nil) {
		w := t.set.Window(i)
		k := row.Key{Month: w.Month, Attack: w.ID, IP: r.IP}
		g := t.groups[fmt.Sprint(k)]
		if g == nil {
			g = &twinGroup{key: k, with: map[string]int64{}, of: map[string]int64{}, queries: map[string]bool{}, agents: map[string]bool{}, paths: map[string]int64{}}
			t.groups[fmt.Sprint(k)] = g
		}
		g.requests++
		g.times = append(g.times, r.Time)
		if r.Available.Has(webrequest.FieldResponseSize) && r.HasSize {
			g.sizes = append(g.sizes, r.ResponseSize)
		}
		share := func(name string, available, has bool) {
			if available {
				g.of[name]++
				if has {
					g.with[name]++
				}
			}
		}
		share("query", r.Available.Has(webrequest.FieldURIQuery), true)
		if r.Available.Has(webrequest.FieldURIQuery) && !null(r.URIQuery) {
			g.queries[r.URIQuery] = true
		}
		share("agent", r.Available.Has(webrequest.FieldUserAgent), true)
		if r.Available.Has(webrequest.FieldUserAgent) {
			if null(r.UserAgent) {
				g.agents["absent"] = true
			} else {
				g.agents["="+r.UserAgent] = true
			}
		}
		share("referer", r.Available.Has(webrequest.FieldReferer), !null(r.Referer))
		status := ""
		if r.Available.Has(webrequest.FieldHTTPStatus) && regexp.MustCompile(`^[1-9]..$`).MatchString(r.HTTPStatus) {
			status = r.HTTPStatus[:1]
		}
		share("3xx", status != "", status == "3")
		share("4xx", status != "", status == "4")
		share("5xx", status != "", status == "5")
		share("post", r.Available.Has(webrequest.FieldHTTPMethod), r.HTTPMethod == "POST")
		share("probe", r.Available.Has(webrequest.FieldURIPath), r.URIPath == "/.env" || r.URIPath == "/wp-login.php")
		share("robots", r.Available.Has(webrequest.FieldURIPath), r.URIPath == "/robots.txt")
		share("crawler", r.Available.Has(webrequest.FieldUserAgent), strings.Contains(r.UserAgent, "@") || strings.Contains(r.UserAgent, "://"))
		if r.Available.Has(webrequest.FieldURIPath) {
			g.paths[r.URIPath]++
		}
		share("language", r.Available.Has(webrequest.FieldAcceptLanguage), !null(r.AcceptLang))
		share("pageview", d.IsPageview != webrequest.Null, d.IsPageview == webrequest.Yes)
		share("class", d.RefererClass != "", d.RefererClass != "none")
		share("spider", d.AgentType != "", d.AgentType == "spider")
		for _, m := range []string{"desktop", "mobile web", "mobile app"} {
			share(m, d.AccessMethod != "", d.AccessMethod == m)
		}
	}
}

// rows are the rows in order of keys.
func (t *twin) rows() []row.Row {
	var out []row.Row
	for _, g := range t.groups {
		share := func(name string) float64 {
			if g.of[name] == 0 {
				return math.NaN()
			}
			return float64(g.with[name]) / float64(g.of[name])
		}
		count := func(name string, n int) float64 {
			if g.of[name] == 0 {
				return math.NaN()
			}
			return float64(n)
		}
		mean := math.NaN()
		if len(g.sizes) > 0 {
			sum := new(big.Int)
			for _, s := range g.sizes {
				sum.Add(sum, big.NewInt(s))
			}
			f, _ := new(big.Float).SetInt(sum).Float64()
			mean = f / float64(len(g.sizes))
		}
		r := row.Row{Key: g.key, First: slices.Min(g.times), Last: slices.Max(g.times), Values: make([]float64, columns.NumFeatures)}
		r.Values[columns.RequestCount] = float64(g.requests)
		r.Values[columns.ResponseSizeMean] = mean
		r.Values[columns.URIQueryCount] = count("query", len(g.queries))
		r.Values[columns.NotNullRefererRatio] = share("referer")
		r.Values[columns.UserAgentCount] = count("agent", len(g.agents))
		r.Values[columns.NotNullAcceptLanguageRatio] = share("language")
		r.Values[columns.IsPageviewRatio] = share("pageview")
		r.Values[columns.DesktopRatio] = share("desktop")
		r.Values[columns.MobileWebRatio] = share("mobile web")
		r.Values[columns.MobileAppRatio] = share("mobile app")
		r.Values[columns.NotNullRefererClassRatio] = share("class")
		r.Values[columns.SpiderRatio] = share("spider")
		r.Values = append(r.Values, t.behaviour(g, share)...)
		perHour := map[int64]int64{}
		for _, at := range g.times {
			perHour[at/3600]++
		}
		for h, n := range perHour {
			r.Hours = append(r.Hours, row.HourCount{Hour: h, Requests: n})
		}
		slices.SortFunc(r.Hours, func(a, b row.HourCount) int { return int(a.Hour - b.Hour) })
		out = append(out, r)
	}
	slices.SortFunc(out, func(a, b row.Row) int { return a.Key.Compare(b.Key) })
	return out
}

// behaviour are the behaviour columns by their definitions.
func (t *twin) behaviour(g *twinGroup, share func(string) float64) []float64 {
	v := make([]float64, columns.NumBehaviour)
	v[columns.Status3xxRatio] = share("3xx")
	v[columns.Status4xxRatio] = share("4xx")
	v[columns.Status5xxRatio] = share("5xx")
	v[columns.PostRatio] = share("post")
	v[columns.ProbeRatio] = share("probe")
	v[columns.DeclaredCrawlerRatio] = share("crawler")
	v[columns.URIPathCount], v[columns.DistinctURIPathRatio], v[columns.URIPathEntropy] = math.NaN(), math.NaN(), math.NaN()
	if of := g.of["probe"]; of > 0 {
		v[columns.URIPathCount] = float64(len(g.paths))
		v[columns.DistinctURIPathRatio] = float64(len(g.paths)) / float64(of)
		var counts []int64
		for _, n := range g.paths {
			counts = append(counts, n)
		}
		slices.Sort(counts)
		h := 0.0
		for _, n := range counts {
			p := float64(n) / float64(of)
			h -= p * math.Log2(p)
		}
		v[columns.URIPathEntropy] = math.Round(h*(1<<30)) / (1 << 30)
	}
	hours, days := map[int64]bool{}, map[int64]bool{}
	slices.Sort(g.times)
	var gaps []float64
	for i, at := range g.times {
		hours[at/3600], days[at/86400] = true, true
		if i > 0 {
			gaps = append(gaps, float64(at-g.times[i-1]))
		}
	}
	v[columns.ActiveHours], v[columns.ActiveDays] = float64(len(hours)), float64(len(days))
	v[columns.RequestsPerActiveHour] = float64(g.requests) / float64(len(hours))
	v[columns.InterarrivalMedian], v[columns.InterarrivalSpread] = math.NaN(), math.NaN()
	if len(gaps) > 0 {
		slices.Sort(gaps)
		quantile := func(q float64) float64 {
			at := q * float64(len(gaps)-1)
			low := int(at)
			if float64(low) == at {
				return gaps[low]
			}
			return gaps[low] + (gaps[low+1]-gaps[low])*(at-float64(low))
		}
		v[columns.InterarrivalMedian], v[columns.InterarrivalSpread] = quantile(.5), 0
		if s := quantile(.25) + quantile(.75); s > 0 {
			v[columns.InterarrivalSpread] = (quantile(.75) - quantile(.25)) / s
		}
	}
	v[columns.RobotsTxtRatio] = share("robots")
	v[columns.UserAgentLengthMax], v[columns.BrowserVersionMax] = math.NaN(), math.NaN()
	for a := range g.agents {
		text, _ := strings.CutPrefix(a, "=")
		if a == "absent" {
			text = ""
		}
		if n := float64(len(text)); !(v[columns.UserAgentLengthMax] >= n) {
			v[columns.UserAgentLengthMax] = min(n, 65535)
		}
		m := regexp.MustCompile(`Chrome/([0-9]{1,4})`).FindStringSubmatch(text)
		if m == nil || strings.Trim(m[1], "0") == "" {
			m = regexp.MustCompile(`Firefox/([0-9]{1,4})`).FindStringSubmatch(text)
		}
		if m != nil {
			if n, _ := strconv.ParseFloat(m[1], 64); n > 0 && !(v[columns.BrowserVersionMax] >= n) {
				v[columns.BrowserVersionMax] = n
			}
		}
	}
	v[columns.UserAgentIPCount] = math.NaN()
	if len(g.agents) > 0 {
		v[columns.UserAgentIPCount] = 0
	}
	prefix := func(ip netip.Addr) string {
		if ip.Is4() {
			return netip.PrefixFrom(ip, 24).Masked().String()
		}
		return netip.PrefixFrom(ip, 64).Masked().String()
	}
	for _, o := range t.groups {
		if o.key.Attack != g.key.Attack {
			continue
		}
		if prefix(o.key.IP) == prefix(g.key.IP) {
			v[columns.PrefixIPCount]++
			v[columns.PrefixRequestCount] += float64(o.requests)
		}
	}
	for a := range g.agents {
		n := 0.0
		for _, o := range t.groups {
			if o.key.Attack == g.key.Attack && o.agents[a] {
				n++
			}
		}
		v[columns.UserAgentIPCount] = max(v[columns.UserAgentIPCount], n)
	}
	return v
}

// ownColumns is a Deriver that takes the log's own derived columns.
type ownColumns struct{}

func (ownColumns) Derive(r *webrequest.Request) webrequest.Derived {
	return webrequest.Derived{IsPageview: r.IsPageview, IsAPIRequest: r.IsAPIRequest, AccessMethod: r.AccessMethod, AgentType: r.AgentType, RefererClass: r.RefererClass}
}

// rowsOf merges partials into rows.
func rowsOf(t testing.TB, partials ...[]byte) []row.Row {
	t.Helper()
	var readers []*Reader
	for i, b := range partials {
		r, err := OpenBytes(b, fmt.Sprint(i))
		if err != nil {
			t.Fatal(err)
		}
		readers = append(readers, r)
	}
	var out []row.Row
	var roll Rollup
	err := Merge(readers, 0, func(win *Window, ip netip.Addr, g *Group) error { roll.Add(win, ip, g); return nil })
	if err != nil {
		t.Fatal(err)
	}
	roll.Rewind()
	for _, r := range readers {
		r.Seek(0, len(r.head.Windows))
	}
	err = Merge(readers, 0, func(win *Window, ip netip.Addr, g *Group) error {
		out = append(out, row.Row{Key: row.Key{Month: win.Month, Attack: win.ID, IP: ip}, Values: g.Behaviour(g.Values(nil), roll.Next(g.Agents)), First: g.First, Last: g.Last, Hours: slices.Clone(g.Hours)})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// same compares rows exactly; NaN equals NaN.
func same(a, b []row.Row) error {
	if len(a) != len(b) {
		return fmt.Errorf("%d rows, want %d", len(a), len(b))
	}
	for i := range a {
		x, y := a[i], b[i]
		if x.Key != y.Key || x.First != y.First || x.Last != y.Last || !slices.Equal(x.Hours, y.Hours) {
			return fmt.Errorf("row %d: %+v\nwant %+v", i, x, y)
		}
		for c := range x.Values {
			if !equal(columns.Stored()[c], x.Values[c], y.Values[c]) && !(math.IsNaN(x.Values[c]) && math.IsNaN(y.Values[c])) {
				return fmt.Errorf("row %d (%v): %s is %v, want %v", i, x.Key, columns.Stored()[c], x.Values[c], y.Values[c])
			}
		}
	}
	return nil
}

// equal wants the same bits; of an entropy, whose twin sums other terms, all but
// the last unit of 2⁻³⁰.
func equal(name string, x, y float64) bool {
	if name == columns.Behaviour()[columns.URIPathEntropy].Name {
		return math.Abs(x-y) <= 1.0/(1<<30)
	}
	return math.Float64bits(x) == math.Float64bits(y)
}

// partialOf aggregates requests with n workers in the order given.
func partialOf(t testing.TB, o Options, requests []webrequest.Request) []byte {
	t.Helper()
	if o.Deriver == nil {
		o.Deriver = func(int) Deriver { return ownColumns{} }
	}
	a := New(o)
	defer a.Close()
	for i := range requests {
		if err := a.Add(i%max(1, o.Workers), &requests[i]); err != nil {
			t.Fatal(err)
		}
	}
	var b bytes.Buffer
	if _, err := a.Finish(t.Context(), &b, nil); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}
