package aggregate

import (
	"cmp"
	"context"
	"io"
	"math"
	"net/netip"
	"os"
	"slices"
	"sync"

	"sluice/featurestore/attack"
	"sluice/featurestore/fault"
	"sluice/featurestore/webrequest"
)

// A Deriver computes the derived columns of requests, for one goroutine.
type Deriver interface {
	Derive(*webrequest.Request) webrequest.Derived
}

// DefaultMemory is the memory for groups where Options.Memory is 0, in bytes.
const DefaultMemory = 256 << 20

// Options say how requests are aggregated.
type Options struct {
	// Workers is the number of goroutines that call Add; at least 1.
	Workers int
	// Windows are what requests are matched with.
	Windows *attack.Set
	// Deriver gives worker its own deriver.
	Deriver func(worker int) Deriver
	// Filter says which requests count; the zero value keeps all.
	Filter webrequest.Filter
	// Memory bounds the groups of all workers together, in bytes; what is more
	// goes to runs in TempDir. 0 is DefaultMemory.
	Memory int64
	// Twelve leaves out what only behaviour columns need, which makes groups and
	// partials smaller and saves about half of the work.
	Twelve bool
	// TempDir is where runs go; "" is the system's folder for such files.
	TempDir string
}

// Stats count what became of requests.
type Stats struct {
	Requests int64 `json:"requests"`        // given to Add
	Kept     int64 `json:"kept"`            // in at least one row
	Outside  int64 `json:"outside_windows"` // after the filter, in no window
	Invalid  int64 `json:"invalid"`         // without an address or with a time before 1970 or after 9999
	Cache    int64 `json:"filtered_cache"`  // left out for their cache_status
	API      int64 `json:"filtered_api"`    // left out as API requests
	// First and Last are the times of the first and the last of all requests
	// but the invalid ones, in Unix seconds; Last < First where there is none.
	First int64 `json:"first"`
	Last  int64 `json:"last"`
}

func newStats() Stats { return Stats{First: math.MaxInt64, Last: math.MinInt64} }

// Merge adds o; to start from, First is the largest and Last the smallest int64.
func (s *Stats) Merge(o Stats) {
	s.Requests += o.Requests
	s.Kept += o.Kept
	s.Outside += o.Outside
	s.Invalid += o.Invalid
	s.Cache += o.Cache
	s.API += o.API
	s.First, s.Last = min(s.First, o.First), max(s.Last, o.Last)
}

// lastTime is the end of year 9999, in Unix seconds.
const lastTime = 253402300799

// Aggregator takes the requests of one input file. Add may be called by
// Options.Workers goroutines at once, each with its own number.
type Aggregator struct {
	o       Options
	limit   int64 // bytes per worker
	workers []*worker
}

type worker struct {
	shard
	stats   Stats
	deriver Deriver
	matcher *attack.Matcher
	reading reading
	run     *os.File // where segments went that memory had no room for; nil if none
	runEnd  int64
	_       [64]byte // keeps workers' counters off one another's cache lines
}

// New makes an Aggregator. Close it when done.
func New(o Options) *Aggregator {
	o.Workers = max(1, o.Workers)
	if o.Memory <= 0 {
		o.Memory = DefaultMemory
	}
	a := &Aggregator{o: o, limit: max(1, o.Memory/int64(o.Workers))}
	for i := range o.Workers {
		a.workers = append(a.workers, &worker{shard: shard{behaviour: !o.Twelve}, stats: newStats(), deriver: o.Deriver(i), matcher: o.Windows.Matcher()})
	}
	return a
}

// Add counts one request, which is not kept. Errors come from writing a run:
// Exhausted where the disk is full.
func (a *Aggregator) Add(worker int, r *webrequest.Request) error {
	w := a.workers[worker]
	w.stats.Requests++
	if !r.IP.IsValid() || r.Time < 0 || r.Time > lastTime {
		w.stats.Invalid++
		return nil
	}
	w.stats.First, w.stats.Last = min(w.stats.First, r.Time), max(w.stats.Last, r.Time)
	if !a.o.Filter.KeepCache(r) {
		w.stats.Cache++
		return nil
	}
	d := w.deriver.Derive(r)
	if a.o.Filter.ExcludeAPI && d.IsAPIRequest == webrequest.Yes {
		w.stats.API++
		return nil
	}
	wins := w.matcher.Match(r.Time)
	if len(wins) == 0 {
		w.stats.Outside++
		return nil
	}
	w.stats.Kept++
	f := w.reading.facts(r, w.behaviour)
	c := f.count(r, &d, w.behaviour)
	k := keyOf(0, r.IP)
	for _, i := range wins {
		w.add(i, k.hi, k.lo, &c, &f)
	}
	if w.requests++; w.requests%coldAfter == 0 {
		w.sealAll(a.o.Windows, w.cold)
	}
	if w.relieve(a.o.Windows, a.limit) {
		return a.spill(w)
	}
	return nil
}

// Stats are the counts so far; call it while no Add runs.
func (a *Aggregator) Stats() Stats {
	s := newStats()
	for _, w := range a.workers {
		s.Merge(w.stats)
	}
	return s
}

// Spilled is how many bytes memory had no room for so far; call it while no Add
// runs.
func (a *Aggregator) Spilled() (n int64) {
	for _, w := range a.workers {
		n += w.runEnd
	}
	return n
}

// spill moves a worker's segments to its run.
func (a *Aggregator) spill(w *worker) (err error) {
	if w.run == nil {
		if w.run, err = tempFile(a.o.TempDir); err != nil {
			return err
		}
	}
	w.runEnd, err = w.shard.spill(w.run, w.runEnd)
	return err
}

// Finish writes everything added as one partial, with info in its header, and
// gives that header. Its bytes depend on the requests, the options and info
// alone: not on workers, order or runs. Errors: Exhausted, Interrupted.
func (a *Aggregator) Finish(ctx context.Context, out io.Writer, info any) (Header, error) {
	segments, err := a.sealed(ctx)
	if err != nil {
		return Header{}, err
	}
	pw := NewWriter(out)
	if err := a.write(ctx, pw, segments); err != nil {
		return Header{}, diskError("a partial", err)
	}
	err = pw.Close(info)
	return pw.Header(), diskError("a partial", err)
}

// sealed are the segments of all workers by window, ascending; what is in
// memory beyond the limit went to the workers' runs.
func (a *Aggregator) sealed(ctx context.Context) ([][]segment, error) {
	errs := make([]error, len(a.workers))
	var wg sync.WaitGroup
	for i, w := range a.workers {
		wg.Go(func() {
			w.sealAll(a.o.Windows, func(*pane) bool { return ctx.Err() == nil })
			if errs[i] = w.buf.err; errs[i] == nil && w.memory() > a.limit && w.sealed > 0 {
				errs[i] = a.spill(w)
			}
			w.free, w.held, w.spare = nil, 0, spares{}
		})
	}
	wg.Wait()
	if ctx.Err() != nil {
		return nil, fault.As(fault.Interrupted, ctx.Err())
	}
	var all []segment
	for i, w := range a.workers {
		if errs[i] != nil {
			return nil, errs[i]
		}
		all = append(all, w.segments...)
	}
	slices.SortStableFunc(all, func(x, y segment) int { return cmp.Compare(x.window, y.window) })
	var out [][]segment
	for from := 0; from < len(all); {
		to := from + 1
		for to < len(all) && all[to].window == all[from].window {
			to++
		}
		out = append(out, all[from:to:to])
		from = to
	}
	return out, nil
}

// mergeAhead bounds, in bytes, a window that is merged in memory beside others.
const mergeAhead = 8 << 20

// write writes windows in their order. Windows of which there are several
// segments are merged side by side, as long as they are small.
func (a *Aggregator) write(ctx context.Context, pw *Writer, windows [][]segment) error {
	type merged struct {
		blocks
		records int64
		done    chan struct{}
	}
	next := make([]*merged, len(windows))
	var wg sync.WaitGroup
	defer wg.Wait()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	tickets := make(chan struct{}, 2*len(a.workers)) // merged and not yet written
	work := make(chan int)
	for i, segs := range windows {
		n := int64(0)
		for _, s := range segs {
			n += s.n
		}
		if len(segs) > 1 && n <= mergeAhead {
			next[i] = &merged{done: make(chan struct{})}
		}
	}
	wg.Go(func() {
		defer close(work)
		for i := range windows {
			if next[i] == nil {
				continue
			}
			select {
			case tickets <- struct{}{}:
				work <- i
			case <-ctx.Done():
				return
			}
		}
	})
	for range a.workers {
		wg.Go(func() {
			for i := range work {
				m := next[i]
				win := a.window(windows[i][0].window)
				m.reset(win.Start)
				if err := a.merge(ctx, windows[i], func(ip netip.Addr, g *Group) error {
					m.add(ip, g)
					m.records++
					return nil
				}); err != nil {
					m.err = err
				}
				m.close()
				close(m.done)
			}
		})
	}
	for i, segs := range windows {
		if ctx.Err() != nil {
			return fault.As(fault.Interrupted, ctx.Err())
		}
		if err := pw.Window(a.window(segs[0].window)); err != nil {
			return err
		}
		switch m := next[i]; {
		case m != nil:
			<-m.done
			<-tickets
			if m.err != nil {
				return m.err
			}
			s := segment{data: m.out, n: int64(len(m.out)), records: m.records}
			pw.raw(&s)
			next[i] = nil
		case len(segs) == 1:
			pw.raw(&segs[0])
		default:
			if err := a.merge(ctx, segs, pw.Add); err != nil {
				return err
			}
		}
		clear(segs) // their memory is not needed any more
	}
	return pw.err
}

func (a *Aggregator) window(i int32) Window {
	w := a.o.Windows.Window(i)
	return Window{ID: w.ID, Month: w.Month, Start: w.Start, End: w.End}
}

// merge gives the sum of a window's segments.
func (a *Aggregator) merge(ctx context.Context, segs []segment, yield func(netip.Addr, *Group) error) error {
	win := a.window(segs[0].window)
	var runs []*os.File
	defer func() {
		for _, f := range runs {
			f.Close()
		}
	}()
	for len(segs) > fanIn {
		var fewer []segment
		for from := 0; from < len(segs); from += fanIn {
			f, err := tempFile(a.o.TempDir)
			if err != nil {
				return err
			}
			runs = append(runs, f)
			b := newBuffered(f)
			pw := NewWriter(b)
			if err := pw.Window(win); err != nil {
				return err
			}
			if err := a.merge(ctx, segs[from:min(from+fanIn, len(segs))], pw.Add); err != nil {
				return err
			}
			if pw.flush(); pw.err == nil {
				pw.err = b.Flush()
			}
			if pw.err != nil {
				return diskError("a sorted run", pw.err)
			}
			h := pw.head.Windows[0]
			fewer = append(fewer, segment{window: segs[0].window, records: h.Records, file: f, at: h.Offset, n: h.Bytes})
		}
		segs = fewer
	}
	readers := make([]*Reader, len(segs))
	for i := range segs {
		readers[i] = segs[i].reader(win)
	}
	return mergeWindow(ctx, readers, yield)
}

// Close frees the runs. It must be called once, whatever happened before.
func (a *Aggregator) Close() {
	for _, w := range a.workers {
		if w.run != nil {
			w.run.Close()
		}
	}
	a.workers = nil
}
