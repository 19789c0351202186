package serverlogs

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math"
	"math/bits"
	"net/netip"
	"slices"
	"strings"
	"sync"

	"sluice/featurestore/accesslog"
	"sluice/featurestore/fault"
	"sluice/featurestore/webrequest"
	"sluice/notebooks-port/internal/injection"
)

// countryFields are the names under which exports carry a country.
var countryFields = []string{"country", "country_code", "country_name", "geo_country", "geoip_country", "geoip_country_code", "client_country", "countrycode", "cf_ipcountry"}

// collection is what reading the logs gives: the records and what their
// numbers stand for.
type collection struct {
	opts    *Options
	store   *store
	ips     *dict[netip.Addr]
	targets *dict[string]
	odd     *dict[string] // targets with a verdict
	agents  *dict[string]

	methodMu sync.Mutex
	methods  []string

	countryMu sync.Mutex
	countries []string
	countryID map[string]uint16
	ofIP      []uint16 // by the number of an address: 1 + the country

	available webrequest.Field // of all files together
	missing   [numCounted]int64
	files     []fileFacts
}

// fileFacts is what was read of one file.
type fileFacts struct {
	name   string
	log    *accesslog.Log
	stats  accesslog.Stats
	fields int
}

func newCollection(o *Options) *collection {
	names := int(o.Memory / 2)
	text := func(s string) int { return len(s) }
	return &collection{
		opts:      o,
		store:     newStore(o.Memory / 2),
		ips:       newDict(names/4, 3, func(netip.Addr) int { return 24 }, coarseAddr, func(a netip.Addr) netip.Addr { return a }),
		targets:   newDict(names/4, 3, text, coarseTarget, strings.Clone),
		odd:       newDict(names/4, 2, text, coarseOdd, strings.Clone),
		agents:    newDict(names/4, 2, text, coarseAgent, strings.Clone),
		countryID: map[string]uint16{},
	}
}

// coarseAddr: /24 and /48, then /16 and /32, then /8 and /16.
func coarseAddr(a netip.Addr, grain int) netip.Addr {
	n := [...]int{32, 24, 16, 8}[grain]
	if a.Is6() {
		n = [...]int{128, 48, 32, 16}[grain]
	}
	p, err := a.Prefix(n)
	if err != nil {
		return a
	}
	return p.Addr()
}

// coarseTarget: without the query, then two folders of the path, then one.
func coarseTarget(s string, grain int) string {
	if grain == 1 {
		path, _, _ := strings.Cut(s, "?")
		return path
	}
	slashes := 0
	for i := range len(s) {
		if s[i] == '/' {
			if slashes++; slashes > 4-grain {
				return s[:i+1] + "…"
			}
		}
	}
	return s
}

// coarseOdd: the path, then one name for all.
func coarseOdd(s string, grain int) string {
	if grain == 1 {
		path, _, _ := strings.Cut(s, "?")
		return path
	}
	return "(targets of attacks)"
}

// coarseAgent: the name of the product, then its first letter.
func coarseAgent(s string, grain int) string {
	if grain == 1 {
		name, _, _ := strings.Cut(s, "/")
		if len(name) > 24 {
			name = name[:24]
		}
		return name
	}
	if s == "" {
		return s
	}
	return s[:1] + "…"
}

// worker is what a goroutine remembers of the values it met last.
type worker struct {
	chunk   []record
	targets map[string]uint32
	agents  map[string]uint32
	ips     map[netip.Addr]place
	methods map[string]uint8
	refs    map[string]uint8
	buf     []byte
	missing [numCounted]int64
}

// The columns whose missing values are counted: null, empty or "-" in a log
// that has the column. A line without time or address is rejected instead.
const (
	countStatus = iota
	countSize
	countLatency
	countMethod
	countPath
	countHost
	countReferer
	countAgent
	countLanguage
	numCounted
)

var counted = [numCounted]webrequest.Field{webrequest.FieldHTTPStatus, webrequest.FieldResponseSize, webrequest.FieldTimeFirstbyte, webrequest.FieldHTTPMethod, webrequest.FieldURIPath, webrequest.FieldURIHost, webrequest.FieldReferer, webrequest.FieldUserAgent, webrequest.FieldAcceptLanguage}

// count notes which columns of a row have no value.
func (w *worker) count(req *webrequest.Request, r *record) {
	none := func(at int, missing bool) {
		if missing && req.Available&counted[at] != 0 {
			w.missing[at]++
		}
	}
	absent := func(s string) bool { return s == "" || s == "-" }
	none(countStatus, r.status == 0)
	none(countSize, !req.HasSize)
	none(countLatency, r.latency < 0)
	none(countMethod, absent(req.HTTPMethod))
	none(countPath, absent(req.URIPath))
	none(countHost, absent(req.URIHost))
	none(countReferer, absent(req.Referer))
	none(countAgent, absent(req.UserAgent))
	none(countLanguage, absent(req.AcceptLang))
}

// remembered bounds each of a worker's tables.
const remembered = 1 << 13

func (c *collection) newWorker() *worker {
	return &worker{chunk: make([]record, 0, chunkSize), targets: map[string]uint32{}, agents: map[string]uint32{}, ips: map[netip.Addr]place{}, methods: map[string]uint8{}, refs: map[string]uint8{}}
}

// read reads every log.
func (c *collection) read(ctx context.Context, stdin io.Reader) error {
	var done, total int64
	for i, name := range c.opts.Logs {
		if slices.Contains(c.opts.Logs[:i], name) {
			return fault.Field(fault.Usage, "logs", "log %s is named twice; each log counts once", name)
		}
	}
	for _, name := range c.opts.Logs {
		log, country, err := c.open(name, stdin)
		if err != nil {
			if len(c.opts.Logs) > 1 && errors.Is(err, accesslog.ErrEmpty) {
				continue
			}
			return err
		}
		if log.Size() > 0 {
			total = done + log.Size()
		} else {
			total = -1
		}
		workers := make([]*worker, max(1, c.opts.Threads))
		for i := range workers {
			workers[i] = c.newWorker()
		}
		err = log.Scan(ctx, len(workers), func(w int, req *webrequest.Request) error {
			return c.take(workers[w], req, country, func() {
				if c.opts.Progress != nil {
					c.opts.Progress(done+log.BytesRead(), total)
				}
			})
		})
		if err != nil {
			return err
		}
		for _, w := range workers {
			for i, n := range w.missing {
				c.missing[i] += n
			}
			if len(w.chunk) > 0 {
				if _, err := c.store.add(w.chunk); err != nil {
					return err
				}
			}
		}
		stats := log.Stats()
		done += stats.BytesRead
		c.available |= log.Available()
		fields := bits.OnesCount32(uint32(log.Available())) + len(log.Ignored())
		if country {
			c.available &^= webrequest.FieldXAnalytics
		}
		c.files = append(c.files, fileFacts{name, log, stats, fields})
	}
	if c.opts.Progress != nil {
		c.opts.Progress(done, done)
	}
	return nil
}

// open opens a log and finds its country. The reader of logs knows no
// country, so the field is read in place of x_analytics, which no site but
// Wikimedia's has.
func (c *collection) open(name string, stdin io.Reader) (log *accesslog.Log, country bool, err error) {
	o := c.opts.Log
	again := func(o accesslog.Options) (*accesslog.Log, error) { return accesslog.Open(name, o) }
	if name == "-" {
		head := make([]byte, 1<<20)
		n, err := io.ReadFull(stdin, head)
		if err != nil && err != io.ErrUnexpectedEOF && err != io.EOF {
			return nil, false, fault.Wrap(err, "standard input")
		}
		head = head[:n]
		first, err := accesslog.New("standard input", bytes.NewReader(head), o)
		if err == nil {
			if f := c.countryField(first.Ignored()); f != "" {
				o.Mapping = mapped(o.Mapping, f)
				country = true
			}
			_ = first.Close()
		}
		log, err = accesslog.New("standard input", io.MultiReader(bytes.NewReader(head), stdin), o)
		return log, country, err
	}
	log, err = again(o)
	if err != nil {
		return nil, false, err
	}
	f := c.countryField(log.Ignored())
	if f == "" {
		return log, false, nil
	}
	_ = log.Close()
	o.Mapping = mapped(o.Mapping, f)
	log, err = again(o)
	return log, true, err
}

func mapped(m map[string]string, field string) map[string]string {
	out := map[string]string{"x_analytics": field}
	for k, v := range m {
		out[k] = v
	}
	return out
}

func (c *collection) countryField(ignored []string) string {
	for _, f := range ignored {
		low := strings.ToLower(strings.NewReplacer("-", "_", " ", "_").Replace(f))
		if c.opts.Country != "" && f == c.opts.Country || c.opts.Country == "" && slices.Contains(countryFields, low) {
			return f
		}
	}
	return ""
}

// take turns a request into a record.
func (c *collection) take(w *worker, req *webrequest.Request, country bool, full func()) error {
	r := record{time: uint32(req.Time), size: -1}
	if req.HasSize {
		r.size = req.ResponseSize
	}
	r.latency = -1
	if req.Available.Has(webrequest.FieldTimeFirstbyte) && req.Nulls&webrequest.FieldTimeFirstbyte == 0 && req.TimeFirstbyte >= 0 {
		r.latency = float32(req.TimeFirstbyte)
	}
	for i := range len(req.HTTPStatus) {
		d := req.HTTPStatus[i] - '0'
		if d > 9 {
			r.status = 0
			break
		}
		r.status = r.status*10 + uint16(d)
	}
	r.ip = c.address(w, req, country)
	r.target = c.target(w, req)
	r.agent = c.agent(w, req.UserAgent)
	r.method = c.method(w, req.HTTPMethod)
	r.referer = c.referer(w, req.Referer)
	w.count(req, &r)
	w.chunk = append(w.chunk, r)
	if len(w.chunk) == cap(w.chunk) {
		next, err := c.store.add(w.chunk)
		if err != nil {
			return err
		}
		w.chunk = next
		full()
	}
	return nil
}

// place is an address's number and the country last seen for it.
type place struct {
	id      uint32
	country string
}

func (c *collection) address(w *worker, req *webrequest.Request, country bool) uint32 {
	p, ok := w.ips[req.IP]
	if !ok {
		p = place{id: c.ips.id(req.IP, nil)}
		if len(w.ips) >= remembered {
			clear(w.ips)
		}
	}
	if country && req.XAnalytics != p.country && req.XAnalytics != "" && req.XAnalytics != "-" {
		p.country = c.setCountry(p.id, req.XAnalytics)
		ok = false
	}
	if !ok {
		w.ips[req.IP] = p
	}
	return p.id
}

// setCountry notes an address's country; of several the first by name, so that
// the order of lines does not matter.
func (c *collection) setCountry(id uint32, name string) string {
	c.countryMu.Lock()
	defer c.countryMu.Unlock()
	n, ok := c.countryID[name]
	if !ok {
		name = strings.Clone(name)
		if len(c.countries) == math.MaxUint16 || len(name) > 64 {
			return name // no country is called that
		}
		c.countries = append(c.countries, name)
		n = uint16(len(c.countries))
		c.countryID[name] = n
	}
	for int(id) >= len(c.ofIP) {
		c.ofIP = append(c.ofIP, 0)
	}
	if old := c.ofIP[id]; old == 0 || c.countries[n-1] < c.countries[old-1] {
		c.ofIP[id] = n
	}
	return c.countries[n-1]
}

func (c *collection) target(w *worker, req *webrequest.Request) uint32 {
	w.buf = append(append(w.buf[:0], req.URIPath...), req.URIQuery...)
	if id, ok := w.targets[string(w.buf)]; ok {
		return id
	}
	text := string(w.buf)
	verdict := injection.Judge(req.URIPath, req.URIQuery)
	var id uint32
	if verdict.Classes != 0 {
		id = c.odd.id(text, func(string) uint16 { return uint16(verdict.Classes) }) | suspicious
	} else {
		id = c.targets.id(text, nil)
	}
	if len(w.targets) >= remembered {
		clear(w.targets)
	}
	w.targets[text] = id
	return id
}

func (c *collection) agent(w *worker, agent string) uint32 {
	id, ok := w.agents[agent]
	if !ok {
		id = c.agents.id(agent, func(a string) uint16 { return uint16(injection.JudgeAgent(a).Classes) })
		if len(w.agents) >= remembered {
			clear(w.agents)
		}
		w.agents[strings.Clone(agent)] = id
	}
	return id
}

// registered are the methods that are told apart: those of the registry that
// servers meet. All others are one, so that their number is bounded.
var registered = func() map[string]bool {
	m := map[string]bool{"": true}
	for _, name := range strings.Fields("ACL BIND CHECKIN CHECKOUT CONNECT COPY DELETE GET HEAD LABEL LINK LOCK MERGE MKACTIVITY MKCALENDAR MKCOL MOVE OPTIONS ORDERPATCH PATCH POST PRI PROPFIND PROPPATCH PURGE PUT QUERY REBIND REPORT SEARCH TRACE TRACK DEBUG UNBIND UNCHECKOUT UNLINK UNLOCK UPDATE VERSION-CONTROL") {
		m[name] = true
	}
	return m
}()

func (c *collection) method(w *worker, method string) uint8 {
	if n, ok := w.methods[method]; ok {
		return n
	}
	name := "(other)"
	if registered[method] {
		name = strings.Clone(method)
	}
	c.methodMu.Lock()
	defer c.methodMu.Unlock()
	n := slices.Index(c.methods, name)
	if n < 0 {
		n = len(c.methods)
		c.methods = append(c.methods, name)
	}
	if name != "(other)" {
		w.methods[name] = uint8(n)
	}
	return uint8(n)
}

func (c *collection) referer(w *worker, referer string) uint8 {
	if !strings.ContainsAny(referer, "<{$'\"`\\%") {
		return 0
	}
	n, ok := w.refs[referer]
	if !ok {
		if v := injection.JudgeReferer(referer); v.Classes != 0 {
			n = uint8(1 + bits.TrailingZeros16(uint16(v.Classes)))
		}
		if len(w.refs) >= remembered {
			clear(w.refs)
		}
		w.refs[strings.Clone(referer)] = n
	}
	return n
}
