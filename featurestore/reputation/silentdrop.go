package reputation

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"iter"
	"net/netip"
	"slices"
	"strings"
	"time"

	"sluice/featurestore/fault"
	"sluice/featurestore/row"
)

// SilentDrop is the shape of silent-drop files in FileStats.
const SilentDrop Shape = "silent-drop records"

// Drop is one silent-drop record: an address went over the edge's limit of
// concurrent requests and got no answer for 300 s. One is written when an
// address goes over the limit, not for each request that is dropped, and every
// cache host counts for itself.
type Drop struct {
	IP     netip.Addr
	Time   int64 // Unix seconds
	Host   string
	Port80 bool // recorded on port 80, which has a limit of its own
}

// Drops are records by address and time. They are immutable and safe for
// concurrent use.
type Drops struct {
	records []Drop
	v4      []uint32 // addresses in records, ascending
	of4     []int32  // where each one's records begin; behind them, where the last one's end
	times   []int64  // of all records, ascending
	stats   []FileStats
	first   int64 // Unix seconds of the earliest record
	last    int64
}

// MathoidExcluded is from when the edge leaves Mathoid's requests out of what it
// counts (https://phabricator.wikimedia.org/T368389). Records from before hold
// MediaWiki installations elsewhere that ask Mathoid for formulas, many requests
// at a time and no abuse: counts of before and after are not alike.
var MathoidExcluded = time.Date(2024, 8, 2, 0, 0, 0, 0, time.UTC)

// OpenDrops reads silent-drop records, plain, gzip or zstd: JSON lines with
// the keys time, hostname, prefix and data, the same four as tab-separated
// values with or without a header, and the proxy's debug lines with a time and
// a host before them. Times without a zone are UTC. A record that is in
// several files counts once. Errors as of Open.
func OpenDrops(ctx context.Context, files []string) (*Drops, error) {
	if len(files) == 0 {
		return nil, fault.New(fault.Invalid, "no silent-drop files given")
	}
	d := &Drops{}
	for _, name := range slices.Compact(slices.Sorted(slices.Values(files))) {
		if err := d.read(ctx, name); err != nil {
			return nil, err
		}
	}
	slices.SortFunc(d.records, compareDrops)
	d.records = slices.Clip(slices.Compact(d.records))
	d.times = make([]int64, len(d.records))
	four := 0 // IPv4 comes first
	for i := range d.records {
		r := &d.records[i]
		d.times[i] = r.Time
		if !r.IP.Is4() {
			continue
		}
		four = i + 1
		if n := len(d.v4); n == 0 || d.v4[n-1] != key4(r.IP) {
			d.v4, d.of4 = append(d.v4, key4(r.IP)), append(d.of4, int32(i))
		}
	}
	d.of4 = append(d.of4, int32(four))
	slices.Sort(d.times)
	d.first, d.last = d.times[0], d.times[len(d.times)-1]
	return d, nil
}

func compareDrops(a, b Drop) int {
	if c := a.IP.Compare(b.IP); c != 0 {
		return c
	}
	if c := cmp.Or(cmp.Compare(a.Time, b.Time), cmp.Compare(a.Host, b.Host)); c != 0 || a.Port80 == b.Port80 {
		return c
	}
	if b.Port80 {
		return -1
	}
	return 1
}

func (d *Drops) read(ctx context.Context, name string) error {
	src, err := openSource(ctx, name)
	if err != nil {
		return err
	}
	defer src.close()
	st := FileStats{Name: name, Shape: SilentDrop}
	months := map[row.Month]bool{}
	var lines jsonLines
	hosts := map[string]string{} // each name kept once
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
		f, reason := splitDrop(line, &lines)
		if reason == "" && f.header() {
			continue
		}
		var r Drop
		if reason == "" {
			r, reason = f.record()
		}
		if reason != "" {
			st.reject(reason, src.line)
			continue
		}
		if h, ok := hosts[r.Host]; ok {
			r.Host = h
		} else {
			r.Host = strings.Clone(r.Host)
			hosts[r.Host] = r.Host
		}
		months[row.MonthOf(unix(r.Time))] = true
		st.good(r.IP.Is4())
		d.records = append(d.records, r)
	}
	if st.SHA256, st.Bytes, err = src.finish(); err != nil {
		return err
	}
	st.sortRejects()
	if st.Good == 0 {
		return fault.Field(fault.Invalid, name, "%s: read as %s, and no line of it is usable: %s", name, st.Shape, st.rejects())
	}
	for m := range months {
		st.Months = append(st.Months, m)
	}
	slices.Sort(st.Months)
	d.stats = append(d.stats, st)
	return nil
}

// dropFields are a record's four fields as they stand.
type dropFields struct {
	Time     string `json:"time"`
	Hostname string `json:"hostname"`
	Prefix   string `json:"prefix"`
	Data     string `json:"data"`
}

func (f *dropFields) header() bool { return f.Time == "time" && f.Data == "data" }

var dropNames = []string{"time", "hostname", "prefix", "data"}

// read is json.Unmarshal(line, f), of empty fields, for most lines; not ok says
// nothing about the line.
func (f *dropFields) read(line []byte, p *jsonLines) (ok bool) {
	return p.line(line, dropNames, func(field int) bool {
		switch field {
		case 0:
			return p.text(&f.Time, false)
		case 1:
			return p.text(&f.Hostname, true)
		case 2:
			return p.text(&f.Prefix, true)
		}
		return p.text(&f.Data, false)
	})
}

// splitDrop takes a line apart, each line by its own shape.
func splitDrop(text []byte, p *jsonLines) (f dropFields, reason string) {
	if text[0] == '{' {
		if f.read(text, p) {
			return f, ""
		}
		f = dropFields{}
		if json.Unmarshal(text, &f) != nil {
			return f, "not JSON"
		}
		return f, ""
	}
	line := string(text)
	if cells := strings.Split(line, "\t"); len(cells) == 4 {
		return dropFields{cells[0], cells[1], cells[2], cells[3]}, ""
	}
	// time host … [debug] prefix: type=ipv6 <address>
	head, debug, ok := strings.Cut(line, "[debug] ")
	prefix, value, ok2 := strings.Cut(debug, ": type=")
	_, value, ok3 := strings.Cut(value, "<")
	value, _, ok4 := strings.Cut(value, ">")
	if !ok || !ok2 || !ok3 || !ok4 {
		return f, "not a silent-drop record"
	}
	words := strings.Fields(head)
	if len(words) == 0 {
		return f, "no time"
	}
	f = dropFields{Time: words[0], Prefix: prefix, Data: value}
	if len(words) > 1 {
		f.Hostname = words[1]
	}
	return f, ""
}

func (f *dropFields) record() (Drop, string) {
	if !strings.HasPrefix(f.Prefix, "silent-drop") {
		return Drop{}, "another prefix than silent-drop"
	}
	t, ok := parseTime(f.Time)
	if !ok {
		return Drop{}, "time is not a date"
	}
	ip, ok := row.ParseIP(f.Data)
	if !ok {
		return Drop{}, "not an IP address"
	}
	return Drop{IP: ip, Time: t.Unix(), Host: f.Hostname, Port80: strings.Contains(f.Prefix, "_port80_")}, ""
}

// Count is how many records ip has in [from, to).
func (d *Drops) Count(ip netip.Addr, from, to time.Time) int {
	i, j := span(d.Of(ip), from, to)
	return j - i
}

// span is where among an address's records those of [from, to) lie.
func span(rs []Drop, from, to time.Time) (i, j int) {
	at := func(t time.Time) int {
		i, _ := slices.BinarySearchFunc(rs, t.Unix(), func(r Drop, s int64) int { return cmp.Compare(r.Time, s) })
		return i
	}
	i = at(from)
	return i, max(i, at(to))
}

// any reports whether any address has a record in [from, to).
func (d *Drops) any(from, to time.Time) bool {
	i, _ := slices.BinarySearch(d.times, from.Unix())
	return i < len(d.times) && d.times[i] < to.Unix()
}

// Of are ip's records by time. The slice is the Drops' own: don't change it.
func (d *Drops) Of(ip netip.Addr) []Drop {
	ip = ip.Unmap()
	byIP := func(r Drop, ip netip.Addr) int { return r.IP.Compare(ip) }
	i, _ := slices.BinarySearchFunc(d.records, ip, byIP)
	j := i
	for j < len(d.records) && d.records[j].IP == ip {
		j++
	}
	return d.records[i:j:j]
}

// All are the addresses that have records, ascending, each with its records by
// time. The slices are the Drops' own: don't change them.
func (d *Drops) All() iter.Seq2[netip.Addr, []Drop] {
	return func(yield func(netip.Addr, []Drop) bool) {
		for i := 0; i < len(d.records); {
			rs := d.Of(d.records[i].IP)
			if !yield(rs[0].IP, rs) {
				return
			}
			i += len(rs)
		}
	}
}

// Span is from the earliest record to the latest. What the files say of other
// times is nothing, not that nobody was dropped.
func (d *Drops) Span() (first, last time.Time) { return unix(d.first), unix(d.last) }

// Len is the number of records.
func (d *Drops) Len() int { return len(d.records) }

// Stats are the files' in order of name.
func (d *Drops) Stats() []FileStats { return slices.Clone(d.stats) }
