package featurestore

import (
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"

	"sluice/featurestore/aggregate"
	"sluice/featurestore/columns"
	"sluice/featurestore/row"
)

// batchRows is how many rows go through the making of a month's file together.
const batchRows = 1024

// monthBatch is some rows of one attack on their way into a month's file,
// column by column.
type monthBatch struct {
	attack      string
	n           int
	ips         texts
	values      [][]float64                // by feature, each as long as room; nil for those in tuples
	spans       []groupSpan                // of the features in tuples
	tuples      []tuples                   // by span
	kinds       [aggregate.NumKinds]uint16 // of groups: their tuple of the behaviour span and 1; 0 for none yet
	room        int
	staged      []float64 // features of the last rows, row by row, before settle
	waiting     int       // rows of them
	labels      []row.Label
	first, last []int64
	hours       texts
	used        atomic.Int32
}

// texts are texts in one piece of memory: text i ends at ends[i].
type texts struct {
	bytes []byte
	ends  []uint32
}

func (t *texts) reset()          { t.bytes, t.ends = t.bytes[:0], t.ends[:0] }
func (t *texts) end()            { t.ends = append(t.ends, uint32(len(t.bytes))) }
func (t *texts) at(i int) []byte { return t.bytes[t.from(i):t.ends[i]] }
func (t *texts) from(i int) int32 {
	if i == 0 {
		return 0
	}
	return int32(t.ends[i-1])
}

// batches hands out batches of one number of features, and takes them back:
// as many as were on their way at once stay, with the memory of their columns.
type batches struct {
	features int
	spans    []groupSpan
	mu       sync.Mutex
	free     []*monthBatch
}

func (p *batches) get(attack string) *monthBatch {
	var b *monthBatch
	p.mu.Lock()
	if n := len(p.free); n > 0 {
		b, p.free = p.free[n-1], p.free[:n-1]
	}
	p.mu.Unlock()
	if b == nil {
		b = &monthBatch{values: make([][]float64, p.features), spans: p.spans, tuples: make([]tuples, len(p.spans)), staged: make([]float64, stagedRows*p.features)}
		for i, s := range p.spans {
			b.tuples[i].width = s.to - s.from
		}
	}
	b.attack, b.n, b.waiting = attack, 0, 0
	b.ips.reset()
	b.hours.reset()
	b.labels, b.first, b.last = b.labels[:0], b.first[:0], b.last[:0]
	for i := range b.tuples {
		b.tuples[i].reset()
	}
	clear(b.kinds[:])
	return b
}

// release takes a batch back once every view of it was released.
func (p *batches) release(b *monthBatch) {
	if b.used.Add(-1) == 0 {
		p.mu.Lock()
		p.free = append(p.free, b)
		p.mu.Unlock()
	}
}

func (b *monthBatch) full() bool { return b.n == batchRows }

// stagedRows is how many rows are put into columns together: one row's values go
// to as many places in memory as there are columns, several rows' to no more.
const stagedRows = 16

// next is where the next row's features may be made, so that stage need not copy
// them: as long as none, with room for all.
func (b *monthBatch) next() []float64 {
	width := len(b.values)
	return b.staged[b.waiting*width : b.waiting*width : (b.waiting+1)*width]
}

// stage takes the next row's features in their order; those in tuples may be left
// out where no other stands behind them, and are not looked at.
func (b *monthBatch) stage(values []float64) { copy(b.next()[:len(values)], values) }

// add ends a row, whose features were staged and added to the tuples. The columns
// have it once settle was called.
func (b *monthBatch) add(ip netip.Addr, l row.Label, first, last int64, hours []row.HourCount) {
	b.n++
	if b.waiting++; b.waiting == stagedRows {
		b.settle()
	}
	b.ips.bytes = ip.AppendTo(b.ips.bytes)
	b.ips.end()
	b.labels = append(b.labels, l)
	b.first, b.last = append(b.first, first), append(b.last, last)
	b.hours.bytes = appendHours(b.hours.bytes, hours)
	b.hours.end()
}

// addBehaviourHead adds the next row's behaviour span, which is the first one;
// values are the features before it and come back with room for the span, which
// holds its values where they had to be made.
func (b *monthBatch) addBehaviourHead(values []float64, g *aggregate.Group) []float64 {
	kind, ok := g.Kind()
	if ok && b.kinds[kind] > 0 {
		b.tuples[0].repeat(b.kinds[kind] - 1)
		return values[:len(values)+columns.NumBehaviourHead]
	}
	from := len(values)
	values = g.BehaviourHead(values)
	b.tuples[0].add(values[from:], false)
	if ok {
		b.kinds[kind] = b.tuples[0].last() + 1
	}
	return values
}

// addRow adds a row with all its features.
func (b *monthBatch) addRow(r *row.Row) {
	b.stage(r.Values)
	for i, s := range b.spans {
		b.tuples[i].add(r.Values[s.from:s.to], false)
	}
	b.add(r.IP, r.Label, r.First, r.Last, r.Hours)
}

// settle puts what is staged into the columns.
func (b *monthBatch) settle() {
	if b.waiting == 0 {
		return
	}
	if b.n > b.room {
		b.grow()
	}
	from := 0
	for _, s := range b.spans {
		b.put(from, s.from)
		from = s.to
	}
	b.put(from, len(b.values))
	b.waiting = 0
}

// put puts what is staged of the features from from to to-1 into their columns.
func (b *monthBatch) put(from, to int) {
	width := len(b.values)
	for c := from; c < to; c++ {
		at := c
		column := b.values[c][b.n-b.waiting : b.n]
		for i := range column {
			column[i] = b.staged[at]
			at += width
		}
	}
}

// apart is how many values lie between two columns, so that one row's values
// don't all fall on one set of the processor's cache.
const apart = 8

// grow makes room for more values. Many batches hold few rows: most windows of
// small stores have.
func (b *monthBatch) grow() {
	b.room = min(batchRows, max(64, 8*b.room))
	single := len(b.values)
	for _, s := range b.spans {
		single -= s.to - s.from
	}
	slab := make([]float64, single*(b.room+apart))
	from := 0
	more := func(to int) {
		for ; from < to; from++ {
			column := slab[:b.room:b.room]
			copy(column, b.values[from])
			b.values[from], slab = column, slab[b.room+apart:]
		}
	}
	for _, s := range b.spans {
		more(s.from)
		from = s.to
	}
	more(len(b.values))
}

// rowsInto gives a function that writes rows, which must come in order of keys,
// to a month's file. The row and its slices are not kept. The file's rows are
// complete when end has returned.
func (f *monthFile) rowsInto() (write func(*row.Row) error, end func() error) {
	var b *monthBatch
	var last row.Key
	n := int64(0)
	end = func() error {
		if b == nil {
			return nil
		}
		full := b
		b = nil
		return f.add(full)
	}
	return func(r *row.Row) error {
		if r.Month != f.month || len(r.Values) != f.features || !r.IP.IsValid() || r.Attack == "" {
			return fmt.Errorf("featurestore: a row of %s, attack %q, %s with %d values among those of %s with %d", r.Month, r.Attack, row.Mask(r.IP), len(r.Values), f.month, f.features)
		}
		if n > 0 && last.Compare(r.Key) >= 0 {
			return fmt.Errorf("featurestore: rows out of order at attack %q, %s", r.Attack, row.Mask(r.IP))
		}
		n++
		if b != nil && (b.full() || b.attack != r.Attack) {
			if err := end(); err != nil {
				return err
			}
		}
		if b == nil {
			b = f.batches.get(strings.Clone(r.Attack))
		}
		last = row.Key{Month: r.Month, Attack: b.attack, IP: r.IP}
		b.addRow(r)
		return nil
	}, end
}

// isCount says of a feature that it is written as a whole number.
func isCount(feature int) bool { return feature == columns.RequestCount }
