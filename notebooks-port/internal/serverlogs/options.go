package serverlogs

import (
	"bufio"
	"io"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"sluice/featurestore/accesslog"
	"sluice/featurestore/fault"
)

// Options says what is analysed and how. The zero value is not usable; start
// from DefaultOptions.
type Options struct {
	Logs          []string // files; "-" is standard input
	Log           accesslog.Options
	Country       string         // the log's field with a country; "" looks for one
	Location      *time.Location // of days and hours
	Groups        []Group
	MMDB          string // a MaxMind database with countries; "" for none
	Success       []StatusRange
	Memory        int64 // bytes for records and names
	Threads       int
	ShowAddresses bool
	Top           int // rows of a list
	Progress      func(done, total int64)
}

// DefaultOptions are those that Main begins with.
func DefaultOptions() Options {
	return Options{Location: time.UTC, Success: []StatusRange{{200, 299}}, Memory: 256 << 20, Threads: 2, Top: 10}
}

// Group is a named set of networks: the site's own machines, a partner's.
type Group struct {
	Name     string
	Prefixes []netip.Prefix
}

// ReadGroups reads a file of networks: "CIDR [name]" a line, "own" where no
// name is given; "#" begins a comment.
func ReadGroups(path string) ([]Group, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fault.As(fault.NotFound, fault.Wrap(err, "groups"))
	}
	defer f.Close()
	return parseGroups(f, path)
}

func parseGroups(r io.Reader, name string) ([]Group, error) {
	var out []Group
	s := bufio.NewScanner(r)
	for line := 1; s.Scan(); line++ {
		text, _, _ := strings.Cut(s.Text(), "#")
		fields := strings.FieldsFunc(text, func(r rune) bool { return r == ' ' || r == '\t' || r == ',' })
		if len(fields) == 0 {
			continue
		}
		p, err := netip.ParsePrefix(fields[0])
		if err != nil {
			a, aerr := netip.ParseAddr(fields[0])
			if aerr != nil {
				return nil, fault.Field(fault.Invalid, "groups", "%s line %d: %q is no network; want one as 10.0.0.0/8, then its group's name", name, line, fields[0])
			}
			p = netip.PrefixFrom(a, a.BitLen())
		}
		group := "own"
		if len(fields) > 1 {
			group = strings.Join(fields[1:], " ")
		}
		i := slices.IndexFunc(out, func(g Group) bool { return g.Name == group })
		if i < 0 {
			out = append(out, Group{Name: group})
			i = len(out) - 1
		}
		out[i].Prefixes = append(out[i].Prefixes, p.Masked())
	}
	if err := s.Err(); err != nil {
		return nil, fault.As(fault.Invalid, fault.Wrap(err, "groups %s", name))
	}
	return out, nil
}

// StatusRange is a range of HTTP status codes, both ends included.
type StatusRange struct{ Low, High uint16 }

// ParseSuccess reads a list of codes and ranges: "200", "2xx,304", "200-299".
func ParseSuccess(s string) ([]StatusRange, error) {
	var out []StatusRange
	for part := range strings.SplitSeq(s, ",") {
		part = strings.ToLower(strings.TrimSpace(part))
		low, high, ranged := strings.Cut(part, "-")
		if d, ok := strings.CutSuffix(part, "xx"); ok {
			low, high, ranged = d+"00", d+"99", true
		}
		a, err := strconv.ParseUint(low, 10, 16)
		b := a
		if err == nil && ranged {
			b, err = strconv.ParseUint(high, 10, 16)
		}
		if err != nil || a < 100 || b > 999 || a > b {
			return nil, fault.Field(fault.Usage, "success", "--success %q: %q is no status; want codes and ranges as 200,2xx,304,200-299", s, part)
		}
		out = append(out, StatusRange{uint16(a), uint16(b)})
	}
	return out, nil
}

func (o *Options) succeeded(status uint16) bool {
	for _, r := range o.Success {
		if status >= r.Low && status <= r.High {
			return true
		}
	}
	return false
}

func (o *Options) successText() string {
	var parts []string
	for _, r := range o.Success {
		switch {
		case r.Low == r.High:
			parts = append(parts, strconv.Itoa(int(r.Low)))
		case r.Low%100 == 0 && r.High == r.Low+99:
			parts = append(parts, strconv.Itoa(int(r.Low/100))+"xx")
		default:
			parts = append(parts, strconv.Itoa(int(r.Low))+"-"+strconv.Itoa(int(r.High)))
		}
	}
	return strings.Join(parts, ", ")
}
