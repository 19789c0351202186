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
func (s *Store) mergeMonth(ctx context.Context, next *Manifest, m row.Month, partials []string, labeler Labeler, threads int) (*MonthInfo, error) {
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
	more, names := enricherOf(labeler)
	job := &monthMerge{Merger: merger, month: m, behaviour: !sources[0].Twelve, labeler: labeler, more: more}
	features := columns.Names()
	if job.behaviour {
		features = columns.Stored()
	}
	info, err := s.writeMonthBatches(m, append(features, names...), threads, func(f *monthFile) error {
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
	info.Options = sources[0].Options
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

// monthMerge is the merging of one month.
type monthMerge struct {
	*aggregate.Merger
	month     row.Month
	behaviour bool
	labeler   Labeler
	more      Enricher
}

// window is one window's batches on their way, and what ended it.
type window struct {
	number  int
	batches chan *monthBatch
	err     error
}

// ahead bounds how many batches of a window wait for those before it.
const ahead = 4

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
			for w := range work {
				w.err = j.window(ctx, f, w)
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

// window makes the rows of one window.
func (j *monthMerge) window(ctx context.Context, f *monthFile, w *window) error {
	win := j.Windows()[w.number]
	var roll aggregate.Rollup
	if j.behaviour {
		if err := j.Scan(ctx, w.number, func(ip netip.Addr, g *aggregate.Group) error {
			roll.Add(win, ip, g)
			return nil
		}); err != nil {
			return err
		}
		roll.Rewind()
	}
	b := f.batches.get(win.ID)
	send := func() error {
		select {
		case w.batches <- b:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	var values []float64
	start, end := time.Unix(win.Start, 0), time.Unix(win.End, 0)
	err := j.Scan(ctx, w.number, func(ip netip.Addr, g *aggregate.Group) error {
		if b.full() {
			if err := send(); err != nil {
				return err
			}
			b = f.batches.get(win.ID)
		}
		values = g.Values(values[:0])
		if j.behaviour {
			values = g.Behaviour(values, roll.Next(win, ip, g))
		}
		if j.more != nil {
			values = j.more.Enrich(values, ip, start, end)
		}
		label := row.Unknown
		if j.labeler != nil {
			label = j.labeler.Label(ip, j.month)
		}
		b.add(ip, values, label, g.First, g.Last, g.Hours)
		return nil
	})
	if err != nil {
		return err
	}
	return send()
}
