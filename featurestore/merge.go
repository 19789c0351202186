package featurestore

import (
	"context"
	"net/netip"
	"slices"
	"sync"
	"time"

	"sluice/featurestore/aggregate"
	"sluice/featurestore/columns"
	"sluice/featurestore/row"
)

// mergeMonth merges a month's partials into its file. Windows are merged and
// row groups encoded by several goroutines each; rows keep their order.
func (s *Store) mergeMonth(ctx context.Context, next *Manifest, m row.Month, partials []string, c *Change, threads int, memory int64) (*MonthInfo, error) {
	if len(partials) == 0 {
		return nil, nil
	}
	paths := make([]string, len(partials))
	for i, p := range partials {
		paths[i] = s.PartialPath(p)
	}
	merger, err := aggregate.OpenMerger(ctx, paths, m, s.TempDir())
	if err != nil {
		return nil, err
	}
	defer merger.Close()
	sources := next.sourcesOf(m)
	labeler := c.Labeler
	further, err := furtherFor(labeler, c.Columns)
	if err != nil {
		return nil, err
	}
	job := &monthMerge{Merger: merger, month: m, behaviour: !sources[0].Twelve, labeler: labeler, further: further}
	features := columns.Names()
	if job.behaviour {
		features = columns.Stored()
	}
	features = append(features, further.names...)
	info, err := s.writeMonthBatches(m, features, encoders(threads, memory, features), func(f *monthFile) error {
		return job.run(ctx, f, threads)
	})
	if err != nil || info == nil {
		return nil, err
	}
	if labeler != nil {
		info.Labels.Definition = labeler.Definition()
	}
	for i, win := range merger.Windows() {
		info.Windows[i].Start, info.Windows[i].End = win.Start, win.End
	}
	info.Partials, info.Rules = partials, rowRules
	info.Options, info.Further = sources[0].Options, further.digests
	for i := range info.Missing {
		info.Missing[i].Reason = missingReason(info.Missing[i].Column, sources)
	}
	for _, src := range sources {
		for _, n := range src.Notes {
			if !slices.Contains(info.Notes, n) {
				info.Notes = append(info.Notes, n)
			}
		}
	}
	slices.Sort(info.Notes)
	return info, nil
}

// encoders is how many goroutines may encode row groups of features within
// memory bytes: beside theirs one is being filled. 0 bytes is no bound.
func encoders(threads int, memory int64, features []string) int {
	if memory <= 0 {
		return threads
	}
	row := 8*len(features) + 48 // and the address, the label, the times, the hours
	for _, s := range spansOf(features) {
		if s != behaviourSpan { // rows of many requests have each their own
			row -= 8 * (s.to - s.from)
		}
	}
	return int(min(int64(threads), max(1, memory/int64(rowGroupRows*row)-1)))
}

// monthMerge is the merging of one month.
type monthMerge struct {
	*aggregate.Merger
	month     row.Month
	behaviour bool
	labeler   Labeler
	further   further
}

// window is one window's batches on their way, and what ended it.
type window struct {
	number  int
	batches chan *monthBatch
	err     error
}

// ahead bounds how many batches of a window wait for those before it.
const ahead = 16

// run merges windows side by side and adds their batches in order.
func (j *monthMerge) run(ctx context.Context, f *monthFile, threads int) error {
	ctx, cancel := context.WithCancel(ctx)
	var wg sync.WaitGroup
	defer wg.Wait()
	defer cancel()
	work, order := make(chan *window), make(chan *window, threads)
	wg.Go(func() {
		defer close(work)
		defer close(order)
		for i := range j.Windows() {
			w := &window{number: i, batches: make(chan *monthBatch, ahead)}
			select {
			case order <- w: // first, so that the earliest has a goroutine
			case <-ctx.Done():
				return
			}
			select {
			case work <- w:
			case <-ctx.Done():
				w.err = ctx.Err()
				close(w.batches)
				return
			}
		}
	})
	for range threads {
		wg.Go(func() {
			r := &windowRows{monthMerge: j, file: f, walks: j.further.walks()}
			for w := range work {
				w.err = r.window(ctx, w)
				close(w.batches)
			}
		})
	}
	for w := range order {
		for b := range w.batches {
			if err := f.add(b); err != nil {
				return err
			}
		}
		if w.err != nil {
			return w.err
		}
	}
	return ctx.Err()
}

// windowRows makes rows of one window after the other, for one goroutine.
type windowRows struct {
	*monthMerge
	file  *monthFile
	walks []WalkFunc

	roll aggregate.Rollup
	// Of a window whose rows wait until all are known.
	held   []*monthBatch
	agents []uint32 // numbers, of all rows; those of row i end at ends[i]
	ends   []int
}

// A window's rows wait in memory for what they have from each other, as long as
// they are no more, and not larger in their partials; else its records are read
// twice.
const (
	heldRows  = 32 << 10
	heldBytes = 16 << 20
)

// window makes the rows of one window.
func (r *windowRows) window(ctx context.Context, w *window) error {
	win := r.Windows()[w.number]
	records, size := r.Size(w.number)
	hold := r.behaviour && records <= heldRows && size <= heldBytes
	r.roll.Reset()
	r.held, r.agents, r.ends = r.held[:0], r.agents[:0], r.ends[:0]
	if r.behaviour && !hold {
		if err := r.Scan(ctx, w.number, func(ip netip.Addr, g *aggregate.Group) error {
			r.roll.Add(win, ip, g)
			return nil
		}); err != nil {
			return err
		}
		r.roll.Rewind()
	}
	send := func(b *monthBatch) error {
		select {
		case w.batches <- b:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	b := r.file.batches.get(win.ID)
	start, end := time.Unix(win.Start, 0), time.Unix(win.End, 0)
	err := r.Scan(ctx, w.number, func(ip netip.Addr, g *aggregate.Group) error {
		if b.full() {
			if hold {
				r.held = append(r.held, b)
			} else if err := send(b); err != nil {
				return err
			}
			b = r.file.batches.get(win.ID)
		}
		var shared aggregate.Shared
		switch {
		case hold:
			r.agents = r.roll.AddNumbered(win, ip, g, r.agents)
			r.ends = append(r.ends, len(r.agents))
		case r.behaviour:
			shared = r.roll.Next(g.Agents)
		}
		r.add(b, ip, g, shared, start, end)
		return nil
	})
	if err != nil {
		return err
	}
	if !hold {
		return send(b)
	}
	r.held = append(r.held, b)
	r.share()
	for _, b := range r.held {
		if err := send(b); err != nil {
			return err
		}
	}
	return nil
}

// add makes one row.
func (r *windowRows) add(b *monthBatch, ip netip.Addr, g *aggregate.Group, shared aggregate.Shared, start, end time.Time) {
	values := g.Values(b.next())
	spans := b.tuples
	if r.behaviour {
		values = g.BehaviourTail(b.addBehaviourHead(values, g), shared)
		spans = spans[1:]
	}
	b.stage(values)
	for i, walk := range r.walks { // a group of columns each
		spans[i].add(walk(ip, start, end))
	}
	label := row.Unknown
	if r.labeler != nil {
		label = r.labeler.Label(ip, r.month)
	}
	b.add(ip, label, g.First, g.Last, g.Hours)
}

// share gives the rows that were held what they have from each other.
func (r *windowRows) share() {
	r.roll.Rewind()
	from, n := 0, 0
	for _, b := range r.held {
		b.settle()
		for i := range b.n {
			to := r.ends[n]
			agentIPs, prefixIPs, prefixRequests := r.roll.NextNumbered(r.agents[from:to]).Values()
			from, n = to, n+1
			b.values[columns.NumFeatures+columns.UserAgentIPCount][i] = agentIPs
			b.values[columns.NumFeatures+columns.PrefixIPCount][i] = prefixIPs
			b.values[columns.NumFeatures+columns.PrefixRequestCount][i] = prefixRequests
		}
	}
}
