package aggregate

import (
	"context"
	"io"
	"net/netip"
	"os"
	"slices"

	"sluice/featurestore/fault"
	"sluice/featurestore/row"
)

// Merge reads the records of one month (0: of all months) of partials side by
// side and calls yield once per key, in ascending order of keys, with the sum
// of all groups. g is valid until yield returns; an error of yield ends
// Merge and is given back. Errors: Corrupt, Version.
func Merge(partials []*Reader, month row.Month, yield func(win *Window, ip netip.Addr, g *Group) error) error {
	m := Merger{readers: partials}
	m.settle(month)
	return m.all(context.Background(), yield)
}

// Merger gives the sum of any number of partial files, window by window. Its
// methods but Close may be called by several goroutines at once.
type Merger struct {
	readers []*Reader
	files   []*os.File
	windows []*Window
	in      [][]part // of each window: where its records lie
}

type part struct {
	reader *Reader
	window int // among the reader's
}

// settle finds the windows of a month and where each has records.
func (m *Merger) settle(month row.Month) {
	type found struct {
		*Window
		part
	}
	var all []found
	for _, r := range m.readers {
		for i := range r.head.Windows {
			if w := &r.head.Windows[i]; month == 0 || w.Month == month {
				all = append(all, found{w, part{r, i}})
			}
		}
	}
	slices.SortStableFunc(all, func(a, b found) int { return compareWindows(a.Window, b.Window) })
	for i, f := range all {
		if i == 0 || compareWindows(all[i-1].Window, f.Window) != 0 {
			m.windows = append(m.windows, f.Window)
			m.in = append(m.in, nil)
		}
		last := len(m.in) - 1
		m.in[last] = append(m.in[last], f.part)
	}
}

// Windows are the windows with records, in order of row keys.
func (m *Merger) Windows() []*Window { return m.windows }

// Size is the number of records of window i, no fewer than its addresses, and
// their bytes in the partials.
func (m *Merger) Size(i int) (records, bytes int64) {
	for _, p := range m.in[i] {
		w := &p.reader.head.Windows[p.window]
		records, bytes = records+w.Records, bytes+w.Bytes
	}
	return records, bytes
}

// Scan calls yield once per address of window i, in ascending order, with the
// sum of all groups; g is valid until yield returns. An error of yield ends it
// and is given back. Errors: Corrupt, Interrupted.
func (m *Merger) Scan(ctx context.Context, i int, yield func(ip netip.Addr, g *Group) error) error {
	readers := make([]*Reader, len(m.in[i]))
	for k, p := range m.in[i] {
		readers[k] = &Reader{r: p.reader.r, name: p.reader.name, head: p.reader.head, end: p.reader.end}
		readers[k].Seek(p.window, p.window+1)
	}
	return mergeWindow(ctx, readers, yield)
}

func (m *Merger) all(ctx context.Context, yield func(win *Window, ip netip.Addr, g *Group) error) error {
	for i, win := range m.windows {
		if err := m.Scan(ctx, i, func(ip netip.Addr, g *Group) error { return yield(win, ip, g) }); err != nil {
			return err
		}
	}
	return nil
}

// Close closes the files.
func (m *Merger) Close() {
	for _, f := range m.files {
		f.Close()
	}
}

// head is one reader of a merge and its record to come.
type head struct {
	r   *Reader
	rec *Record
}

// mergeWindow merges readers that stand before the records of one window.
func mergeWindow(ctx context.Context, readers []*Reader, yield func(netip.Addr, *Group) error) error {
	heap := make([]head, 0, len(readers))
	for _, r := range readers {
		rec, err := r.Next()
		if err == io.EOF {
			continue
		} else if err != nil {
			return err
		}
		heap = append(heap, head{r, rec})
	}
	for i := len(heap)/2 - 1; i >= 0; i-- {
		sink(heap, i)
	}
	var s sum
	var err error
	for n := 1; len(heap) > 0; n++ {
		if n%4096 == 0 && ctx.Err() != nil {
			return fault.As(fault.Interrupted, ctx.Err())
		}
		ip := heap[0].rec.IP
		if !shared(heap) {
			// Most addresses have one record: nothing is to be added up.
			if err := yield(ip, &heap[0].rec.Group); err != nil {
				return err
			}
			if heap, err = advance(heap); err != nil {
				return err
			}
			continue
		}
		s.reset()
		for len(heap) > 0 && heap[0].rec.IP == ip {
			s.merge(&heap[0].rec.Group)
			if heap, err = advance(heap); err != nil {
				return err
			}
		}
		if err := yield(ip, s.group()); err != nil {
			return err
		}
	}
	return nil
}

// shared reports whether another partial has the address of the first one's
// record, too: then one of the two below it has.
func shared(heap []head) bool {
	for _, m := range heap[1:min(3, len(heap))] {
		if m.rec.IP == heap[0].rec.IP {
			return true
		}
	}
	return false
}

// advance goes to the next record of the first partial.
func advance(heap []head) ([]head, error) {
	switch _, err := heap[0].r.Next(); err {
	case nil:
	case io.EOF:
		heap[0] = heap[len(heap)-1]
		heap = heap[:len(heap)-1]
	default:
		return nil, err
	}
	sink(heap, 0)
	return heap, nil
}

func sink(heap []head, i int) {
	for {
		least := i
		for _, c := range [...]int{2*i + 1, 2*i + 2} {
			if c < len(heap) && heap[c].rec.IP.Compare(heap[least].rec.IP) < 0 {
				least = c
			}
		}
		if least == i {
			return
		}
		heap[i], heap[least] = heap[least], heap[i]
		i = least
	}
}
