package ranges

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/gaissmai/bart"

	"sluice/featurestore/columns"
	"sluice/featurestore/fault"
	"sluice/featurestore/row"
)

// Crawlers are the ranges of crawlers, as a column of rows. They are immutable
// and safe for concurrent use.
//
// A range counts at any time: operators add and give up prefixes rarely, and
// publish no history. Published says how old the files are.
type Crawlers struct {
	table  bart.Lite
	edges  []uint64 // of IPv4 ranges: where one begins, where it has ended, and so on
	files  []Ranges
	digest string
}

// Open reads files of published ranges, as Parse does. Errors: NotFound,
// Invalid, Exhausted, Interrupted.
func Open(ctx context.Context, files []string) (*Crawlers, error) {
	if len(files) == 0 {
		return nil, fault.Field(fault.Invalid, "crawler-ranges", "no files of published ranges given")
	}
	c := &Crawlers{}
	h := sha256.New()
	byName := func(a, b string) int {
		return cmp.Or(strings.Compare(filepath.Base(a), filepath.Base(b)), strings.Compare(a, b))
	}
	for _, path := range slices.Compact(slices.SortedFunc(slices.Values(files), byName)) {
		if ctx.Err() != nil {
			return nil, fault.As(fault.Interrupted, ctx.Err())
		}
		name := filepath.Base(path)
		f, err := os.Open(path)
		if errors.Is(err, os.ErrNotExist) {
			return nil, fault.Field(fault.NotFound, "crawler-ranges", "--crawler-ranges: %w", err)
		} else if err != nil {
			return nil, fault.Field(fault.Invalid, "crawler-ranges", "--crawler-ranges: %w", err)
		}
		sum := sha256.New()
		r, err := Parse(io.TeeReader(f, sum), path, strings.TrimSuffix(name, filepath.Ext(name)))
		f.Close()
		if err != nil {
			return nil, err
		}
		if len(r.Prefixes) == 0 {
			return nil, fault.Field(fault.Invalid, path, "%s: no prefix in it", path)
		}
		fmt.Fprintf(h, "%x\n", sum.Sum(nil))
		for _, p := range r.Prefixes {
			c.table.Insert(p.Masked())
		}
		c.files = append(c.files, r)
	}
	c.digest = hex.EncodeToString(h.Sum(nil)[:16])
	c.edges = edgesOf(c.files)
	return c, nil
}

// edgesOf joins the IPv4 ranges.
func edgesOf(files []Ranges) (edges []uint64) {
	var all []netip.Prefix
	for _, f := range files {
		for _, p := range f.Prefixes {
			if p.Addr().Is4() {
				all = append(all, p.Masked())
			}
		}
	}
	slices.SortFunc(all, netip.Prefix.Compare)
	for _, p := range all {
		from := uint64(key4(p.Addr()))
		to := from + 1<<(32-p.Bits())
		if n := len(edges); n > 0 && from <= edges[n-1] {
			edges[n-1] = max(edges[n-1], to)
		} else {
			edges = append(edges, from, to)
		}
	}
	return edges
}

func key4(ip netip.Addr) uint32 {
	a := ip.As4()
	return binary.BigEndian.Uint32(a[:])
}

// Contains reports whether an address lies in any of the ranges.
func (c *Crawlers) Contains(ip netip.Addr) bool {
	ip, ok := row.Canonical(ip)
	return ok && c.table.Contains(ip)
}

// Files are the ranges read, in order of their files' names.
func (c *Crawlers) Files() []Ranges { return slices.Clone(c.files) }

// EnrichColumns are the names of the columns that Enrich appends.
func (c *Crawlers) EnrichColumns() []string { return columns.CrawlerGroup.Names() }

// Enrich appends verified_crawler.
func (c *Crawlers) Enrich(dst []float64, ip netip.Addr, _, _ time.Time) []float64 {
	switch {
	case !ip.IsValid():
		return append(dst, math.NaN())
	case c.Contains(ip):
		return append(dst, 1)
	}
	return append(dst, 0)
}

// Walk is Enrich for rows in their order, for one goroutine; again says that the
// values are those of the call before.
func (c *Crawlers) Walk() func(ip netip.Addr, start, end time.Time) (values []float64, again bool) {
	var values []float64
	var from, until uint64 // IPv4 addresses that have these values, of an IPv4 address
	return func(ip netip.Addr, start, end time.Time) ([]float64, bool) {
		if !ip.Is4() {
			values, from, until = c.Enrich(values[:0], ip, start, end), 0, 0
			return values, false
		}
		key := uint64(key4(ip))
		if from <= key && key < until {
			return values, true
		}
		n, on := slices.BinarySearch(c.edges, key)
		if on {
			n++
		}
		from, until = 0, 1<<32
		if n > 0 {
			from = c.edges[n-1]
		}
		if n < len(c.edges) {
			until = c.edges[n]
		}
		values = append(values[:0], float64(n&1))
		return values, false
	}
}

// Digest identifies what the files say.
func (c *Crawlers) Digest() string { return c.digest }
