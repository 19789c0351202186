package featurestore

import (
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"sort"

	"github.com/parquet-go/parquet-go"

	"sluice/featurestore/fault"
	"sluice/featurestore/row"
)

// MonthFile is a month's file, open to find single rows in. It is safe for
// concurrent use; Close must come after the last call. What is written to the
// month afterwards, it does not see.
type MonthFile struct {
	// Info is what the manifest says of the month.
	Info MonthInfo

	file   *os.File
	groups []parquet.RowGroup
	pages  []addressPage // of the column ip, in order
	start  map[string]span
}

// span is a range of rows, counted through the file: [from, to).
type span struct{ from, to int64 }

// addressPage is one page of the column ip.
type addressPage struct {
	span
	group int
	local int64 // its first row within the row group
}

// OpenMonth opens a month's file, compares it with its checksum, which reads it
// once, and reads its index of pages. Errors: NotFound, Corrupt.
func (s *Store) OpenMonth(m row.Month) (*MonthFile, error) {
	info, f, err := s.openChecked(m)
	if err != nil {
		return nil, err
	}
	x := &MonthFile{Info: info, file: f, start: map[string]span{}}
	if err := x.index(); err != nil {
		f.Close()
		return nil, x.corrupt(err)
	}
	return x, nil
}

// Close lets go of the file.
func (x *MonthFile) Close() error { return x.file.Close() }

func (x *MonthFile) corrupt(err error) error {
	return fault.New(fault.Corrupt, "month %s: %w; remove its file and build again", x.Info.Month, err)
}

// index finds where the pages and the windows begin.
func (x *MonthFile) index() error {
	f, err := openParquet(x.file, &x.Info, parquet.SkipBloomFilters(true))
	if err != nil {
		return err
	}
	x.groups = f.RowGroups()
	var at int64
	for g, group := range x.groups {
		offsets, err := group.ColumnChunks()[ipColumn].OffsetIndex()
		if err != nil {
			return err
		}
		for i := range offsets.NumPages() {
			p := addressPage{group: g, local: offsets.FirstRowIndex(i)}
			p.from, p.to = at+p.local, at+group.NumRows()
			if i > 0 {
				x.pages[len(x.pages)-1].to = p.from
			}
			x.pages = append(x.pages, p)
		}
		at += group.NumRows()
	}
	var rows int64
	for _, w := range x.Info.Windows {
		x.start[w.Attack] = span{rows, rows + w.Rows}
		rows += w.Rows
	}
	if rows != at || at != x.Info.Rows {
		return fmt.Errorf("it has %d rows, the manifest speaks of %d in windows of %d", at, x.Info.Rows, rows)
	}
	return nil
}

// Find gives an attack's row of an address, with requests per hour; found is
// false where there is none. It reads as many pages as a binary search takes,
// and one of each column. Errors: Corrupt.
func (x *MonthFile) Find(attack string, ip netip.Addr) (r row.Row, found bool, err error) {
	within, ok := x.start[attack]
	if !ok {
		return r, false, nil
	}
	// A binary search over the pages with rows of the attack.
	pages := x.pages[sort.Search(len(x.pages), func(i int) bool { return x.pages[i].to > within.from }):]
	pages = pages[:sort.Search(len(pages), func(i int) bool { return pages[i].from >= within.to })]
	at := int64(-1)
	for lo, hi := 0, len(pages); lo < hi && err == nil; {
		mid := int(uint(lo+hi) >> 1)
		order := 0
		if at, order, err = x.search(&pages[mid], within, ip); order == 0 {
			break
		} else if order < 0 {
			hi = mid
		} else {
			lo = mid + 1
		}
	}
	if err == nil && at >= 0 {
		r, err = x.read(at)
	}
	if err == nil && at >= 0 && (r.IP != ip || r.Attack != attack) {
		err = errors.New("its rows are out of order")
	}
	if err != nil {
		return row.Row{}, false, x.corrupt(err)
	}
	return r, at >= 0, nil
}

// search looks for ip among a page's rows that lie within a span. at is its row
// or -1; order tells whether it would lie before (-1) or behind (1) the page, 0
// that it is among its addresses or would be.
func (x *MonthFile) search(p *addressPage, within span, ip netip.Addr) (at int64, order int, err error) {
	pages := x.groups[p.group].ColumnChunks()[ipColumn].Pages()
	defer func() { err = errors.Join(err, pages.Close()) }()
	if err := pages.SeekToRow(p.local); err != nil {
		return -1, 0, err
	}
	page, err := pages.ReadPage()
	if err != nil {
		return -1, 0, err
	}
	defer parquet.Release(page)
	if page.NumRows() != p.to-p.from || page.Type().Kind() != parquet.ByteArray {
		return -1, 0, errors.New("a page of addresses does not fit")
	}
	data := page.Data()
	b, offsets := data.ByteArray()
	var bad error
	address := func(i int64) netip.Addr {
		a, err := netip.ParseAddr(string(b[offsets[i]:offsets[i+1]]))
		if err != nil {
			bad = errors.New("a row's address is none")
		}
		return a
	}
	lo, hi := max(within.from, p.from)-p.from, min(within.to, p.to)-p.from
	n := int(hi - lo)
	i := int64(sort.Search(n, func(i int) bool { return address(lo+int64(i)).Compare(ip) >= 0 }))
	switch {
	case bad != nil:
		return -1, 0, bad
	case i < hi-lo && address(lo+i) == ip:
		return p.from + lo + i, 0, nil
	case i == 0:
		return -1, -1, nil
	case i == hi-lo:
		return -1, 1, nil
	}
	return -1, 0, nil
}

// read gives one row of the file.
func (x *MonthFile) read(at int64) (r row.Row, err error) {
	for _, g := range x.groups {
		if at >= g.NumRows() {
			at -= g.NumRows()
			continue
		}
		rows := g.Rows()
		defer func() { err = errors.Join(err, rows.Close()) }()
		if err := rows.SeekToRow(at); err != nil {
			return r, err
		}
		one := make([]parquet.Row, 1)
		if n, err := rows.ReadRows(one); n != 1 {
			return r, fmt.Errorf("row %d can't be read: %w", at, errors.Join(err, io.ErrUnexpectedEOF))
		}
		r = row.Row{Key: row.Key{Month: x.Info.Month}, Values: make([]float64, len(x.Info.Columns))}
		return r, decodeRow(one[0], len(x.Info.Columns), true, &r)
	}
	return r, errors.New("a row is missing")
}
