package aggregate

import (
	"io"
	"net/netip"
	"slices"

	"sluice/featurestore/row"
)

// merger holds one partial of a Merge and its record to come.
type merger struct {
	r     *Reader
	rec   *Record
	order []int // rank of each of the partial's windows among all
}

func (m *merger) next() error {
	var err error
	m.rec, err = m.r.Next()
	return err
}

func (m *merger) compare(o *merger) int {
	if d := m.order[m.rec.Window] - o.order[o.rec.Window]; d != 0 {
		return d
	}
	return m.rec.IP.Compare(o.rec.IP)
}

// Merge reads the records of one month (0: of all months) of partials side by
// side and calls yield once per key, in ascending order of keys, with the sum
// of all groups. win and g are valid until yield returns; an error of yield
// ends Merge and is given back. Errors: Corrupt, Version.
func Merge(partials []*Reader, month row.Month, yield func(win *Window, ip netip.Addr, g *Group) error) error {
	wins, heap, err := openMerge(partials, month)
	if err != nil {
		return err
	}
	for i := len(heap)/2 - 1; i >= 0; i-- {
		sink(heap, i)
	}
	var s sum
	for len(heap) > 0 {
		s.reset()
		top := heap[0]
		window, ip := top.order[top.rec.Window], top.rec.IP
		for len(heap) > 0 && heap[0].order[heap[0].rec.Window] == window && heap[0].rec.IP == ip {
			s.merge(&heap[0].rec.Group)
			switch err := heap[0].next(); err {
			case nil:
			case io.EOF:
				heap[0] = heap[len(heap)-1]
				heap = heap[:len(heap)-1]
			default:
				return err
			}
			sink(heap, 0)
		}
		if err := yield(wins[window], ip, s.group()); err != nil {
			return err
		}
	}
	return nil
}

// openMerge ranks the windows of all partials and reads each one's first
// record.
func openMerge(partials []*Reader, month row.Month) ([]*Window, []*merger, error) {
	var wins []*Window
	for _, p := range partials {
		for i := range p.head.Windows {
			if w := &p.head.Windows[i]; month == 0 || w.Month == month {
				wins = append(wins, w)
			}
		}
	}
	slices.SortFunc(wins, compareWindows)
	wins = slices.CompactFunc(wins, func(a, b *Window) bool { return compareWindows(a, b) == 0 })

	var heap []*merger
	for _, p := range partials {
		m := &merger{r: p, order: make([]int, len(p.head.Windows))}
		from, to := -1, -1
		for i := range p.head.Windows {
			w := &p.head.Windows[i]
			if month != 0 && w.Month != month {
				continue
			}
			if from < 0 {
				from = i
			}
			to = i + 1
			m.order[i], _ = slices.BinarySearchFunc(wins, w, compareWindows)
		}
		if from < 0 {
			continue
		}
		p.Seek(from, to)
		if err := m.next(); err != nil {
			return nil, nil, err
		}
		heap = append(heap, m)
	}
	return wins, heap, nil
}

func sink(heap []*merger, i int) {
	for {
		least := i
		for _, c := range [...]int{2*i + 1, 2*i + 2} {
			if c < len(heap) && heap[c].compare(heap[least]) < 0 {
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
