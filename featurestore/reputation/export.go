package reputation

import (
	"bytes"
	"cmp"
	"context"
	"io"
	"net/netip"
	"path/filepath"
	"slices"

	"sluice/featurestore/fault"
	"sluice/featurestore/row"
)

// export is one file, read.
type export struct {
	stats   FileStats
	lists   map[date]*building
	answers []Answer
	scored  bool // every entry of its lists has a score
}

// building gathers a list before it is sorted.
type building struct {
	v4     []uint32
	v6     []v6
	score4 []uint8
	score6 []uint8
}

// reader turns one source into an export.
type reader struct {
	o     *Options
	src   *source
	out   *export
	named date // by the file's name or Options.Month
	dated bool // named is set
	last  *building
	lastD date
}

func readExport(ctx context.Context, name string, o *Options) (*export, error) {
	src, err := openSource(ctx, name)
	if err != nil {
		return nil, err
	}
	defer src.close()
	r := &reader{o: o, src: src, out: &export{stats: FileStats{Name: name}, lists: map[date]*building{}, scored: true}}
	r.named, r.dated = o.dateByName(filepath.Base(name))

	var first []byte
	if lines, err := r.peek(1); err != nil {
		return nil, err
	} else if len(lines) > 0 {
		first = lines[0]
	}
	switch {
	case len(first) > 0 && (first[0] == '{' || first[0] == '['):
		err = r.readJSON()
	case r.csvHeader(first) != nil:
		err = r.readCSV()
	default:
		r.out.stats.Shape = PlainText
		r.out.scored = false
		err = r.readPlain()
	}
	if err != nil {
		return nil, err
	}
	st := &r.out.stats
	if st.SHA256, st.Bytes, err = src.finish(); err != nil {
		return nil, err
	}
	st.sortRejects()
	if st.Good == 0 {
		return nil, fault.Field(fault.Invalid, name, "%s: read as %s, and no line of it is usable: %s", name, st.Shape, st.rejects())
	}
	r.months()
	return r.out, nil
}

// peek gives up to n lines with content from the file's first 256 KiB; comments
// don't count. The last may be cut.
func (r *reader) peek(n int) ([][]byte, error) {
	head, err := r.src.body.Peek(r.src.body.Size())
	if len(head) == 0 && err != nil && err != io.EOF {
		return nil, r.src.failed(err)
	}
	var lines [][]byte
	for len(head) > 0 && len(lines) < n {
		line, rest, _ := bytes.Cut(head, []byte("\n"))
		if line = bytes.TrimSpace(line); len(line) > 0 && !isComment(line) {
			lines = append(lines, bytes.Clone(line))
		}
		head = rest
	}
	return lines, nil
}

func isComment(line []byte) bool {
	return line[0] == '#' || line[0] == ';' || bytes.HasPrefix(line, []byte("//"))
}

// months notes the months the file speaks for, and where its name says another.
func (r *reader) months() {
	seen := map[row.Month]bool{}
	for d := range r.out.lists {
		seen[d.month] = true
	}
	for i := range r.out.answers {
		seen[r.out.answers[i].Month] = true
	}
	st := &r.out.stats
	for m := range seen {
		st.Months = append(st.Months, m)
	}
	slices.Sort(st.Months)
	if m := nameDate.FindStringSubmatch(filepath.Base(st.Name)); m != nil && m[3] == "" && !seen[r.named.month] {
		st.Note = "its name says " + r.named.month.String() + ", its content " + st.Months[0].String() + "; the content counts"
	}
}

var errNoMonth = "%s: no month: the content has no %s and the name no YYYY-MM; rename the file, or say the month with --label-month"

func (r *reader) noMonth(field string) error {
	return fault.Field(fault.Invalid, r.src.name, errNoMonth, r.src.name, field)
}

// list puts one address on the list of date d. score is -1 where there is none.
func (r *reader) list(d date, ip netip.Addr, score, line int) {
	if !Public(ip) {
		r.out.stats.reject("not a public address", line)
		return
	}
	if r.last == nil || r.lastD != d {
		b := r.out.lists[d]
		if b == nil {
			b = &building{}
			r.out.lists[d] = b
		}
		r.last, r.lastD = b, d
	}
	if score < 0 {
		r.out.scored = false
	}
	s := uint8(max(score, 0))
	r.out.stats.good(ip.Is4())
	if ip.Is4() {
		r.last.v4 = append(r.last.v4, key4(ip))
		r.last.score4 = append(r.last.score4, s)
		return
	}
	r.last.v6 = append(r.last.v6, ip.As16())
	r.last.score6 = append(r.last.score6, s)
}

// sorted is the list with each address once, at its highest score.
func (b *building) sorted(scored bool) list {
	var l list
	if !scored {
		slices.Sort(b.v4)
		slices.SortFunc(b.v6, compareV6)
		l.v4 = slices.Clip(slices.Compact(b.v4))
		l.v6 = slices.Clip(slices.Compact(b.v6))
		return l
	}
	l.v4, l.score4 = sortScored(b.v4, b.score4, cmp.Compare[uint32])
	l.v6, l.score6 = sortScored(b.v6, b.score6, compareV6)
	return l
}

func sortScored[T comparable](keys []T, scores []uint8, compare func(T, T) int) ([]T, []uint8) {
	type entry struct {
		key   T
		score uint8
	}
	es := make([]entry, len(keys))
	for i, k := range keys {
		es[i] = entry{k, scores[i]}
	}
	slices.SortFunc(es, func(a, b entry) int {
		return cmp.Or(compare(a.key, b.key), cmp.Compare(b.score, a.score))
	})
	es = slices.CompactFunc(es, func(a, b entry) bool { return a.key == b.key })
	ks, ss := make([]T, len(es)), make([]uint8, len(es))
	for i, e := range es {
		ks[i], ss[i] = e.key, e.score
	}
	return ks, ss
}

func (r *reader) readPlain() error {
	if !r.dated {
		return r.noMonth("date")
	}
	for {
		line, ok, err := r.src.next()
		if err != nil || !ok {
			return err
		}
		n := r.src.line
		if r.src.long {
			r.out.stats.reject("line too long", n)
			continue
		}
		if line = bytes.TrimSpace(line); len(line) == 0 || isComment(line) {
			continue
		}
		if i := bytes.IndexAny(line, "#; \t"); i > 0 {
			if rest := bytes.TrimSpace(line[i:]); len(rest) > 0 && !isComment(rest) {
				r.out.stats.reject("more than an address on the line", n)
				continue
			}
			line = bytes.TrimSpace(line[:i])
		}
		ip, ok := parseIPv4(line)
		if !ok {
			var reason string
			if ip, reason = parseEntry(string(line)); reason != "" {
				r.out.stats.reject(reason, n)
				continue
			}
		}
		r.list(r.named, ip, -1, n)
	}
}

// parseIPv4 reads a dotted quad without leading zeros, as nearly all lines are,
// and allocates nothing.
func parseIPv4(b []byte) (netip.Addr, bool) {
	var a [4]byte
	octet, digits, n := 0, 0, 0
	for i := 0; i <= len(b); i++ {
		if i == len(b) || b[i] == '.' {
			if digits == 0 || n == 4 {
				return netip.Addr{}, false
			}
			a[n] = byte(octet)
			n++
			octet, digits = 0, 0
			continue
		}
		c := b[i] - '0'
		if c > 9 || digits > 0 && octet == 0 {
			return netip.Addr{}, false
		}
		octet = octet*10 + int(c)
		if digits++; octet > 255 {
			return netip.Addr{}, false
		}
	}
	return netip.AddrFrom4(a), n == 4
}

// parseEntry reads a list's entry: an address, or a network of one address.
func parseEntry(s string) (netip.Addr, string) {
	if ip, ok := row.ParseIP(s); ok {
		return ip, ""
	}
	p, err := netip.ParsePrefix(s)
	switch {
	case err != nil:
		return netip.Addr{}, "not an IP address"
	case p.Bits() != p.Addr().BitLen():
		return netip.Addr{}, "a network, not an address"
	}
	return p.Addr().Unmap(), ""
}
