package aggregate

import (
	"context"
	"fmt"
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

	mu   sync.Mutex
	runs []*os.File
}

type worker struct {
	shard
	stats   Stats
	deriver Deriver
	matcher *attack.Matcher
	reading reading
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
		a.workers = append(a.workers, &worker{stats: newStats(), deriver: o.Deriver(i), matcher: o.Windows.Matcher()})
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
	f := w.reading.facts(r)
	for _, i := range wins {
		w.bytes += int64(w.get(keyOf(i, r.IP)).count(r, &d, &f))
	}
	if w.bytes > a.limit {
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

// Runs is the number of runs that memory forced to disk so far.
func (a *Aggregator) Runs() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return len(a.runs)
}

// spill writes a worker's groups as a run.
func (a *Aggregator) spill(w *worker) error {
	f, err := tempFile(a.o.TempDir)
	if err != nil {
		return err
	}
	a.mu.Lock()
	a.runs = append(a.runs, f)
	a.mu.Unlock()
	if err := w.writeRun(f, a.o.Windows); err != nil {
		return err
	}
	w.reset()
	return nil
}

// writeRun writes a worker's groups, sorted.
func (w *worker) writeRun(f *os.File, windows *attack.Set) error {
	b := newBuffered(f)
	pw := NewWriter(b)
	err := w.writeTo(pw, windows)
	if err == nil {
		err = pw.Close(nil)
	}
	if err == nil {
		err = b.Flush()
	}
	return diskError("a sorted run", err)
}

func openRun(f *os.File, name string) (*Reader, error) {
	st, err := f.Stat()
	if err != nil {
		return nil, diskError("a sorted run", err)
	}
	return NewReader(f, st.Size(), name)
}

// Finish writes everything added as one partial, with info in its header, and
// gives that header. Its bytes depend on the requests, the options and info
// alone: not on workers, order or runs. Errors: Exhausted, Interrupted.
func (a *Aggregator) Finish(ctx context.Context, out io.Writer, info any) (Header, error) {
	var readers []*Reader
	for i, f := range a.runs {
		r, err := openRun(f, fmt.Sprintf("run %d", i))
		if err != nil {
			return Header{}, err
		}
		readers = append(readers, r)
	}
	pw := NewWriter(out)
	busy := slices.DeleteFunc(slices.Clone(a.workers), func(w *worker) bool { return w.n == 0 })
	if len(readers) == 0 && len(busy) == 1 {
		if err := busy[0].writeTo(pw, a.o.Windows); err != nil {
			return Header{}, diskError("a partial", err)
		}
		err := pw.Close(info)
		return pw.Header(), diskError("a partial", err)
	}
	// Workers' groups are sorted and written side by side, and no longer held
	// when they are merged.
	files, errs := make([]*os.File, len(busy)), make([]error, len(busy))
	var wg sync.WaitGroup
	for i, w := range busy {
		wg.Go(func() {
			if files[i], errs[i] = tempFile(a.o.TempDir); errs[i] == nil {
				errs[i] = w.writeRun(files[i], a.o.Windows)
			}
			w.shard = shard{}
		})
	}
	wg.Wait()
	for i, f := range files {
		if f != nil {
			defer f.Close()
		}
		if errs[i] != nil {
			return Header{}, errs[i]
		}
		r, err := openRun(f, fmt.Sprintf("worker %d", i))
		if err != nil {
			return Header{}, err
		}
		readers = append(readers, r)
	}
	if err := writeMerged(ctx, pw, readers); err != nil {
		return Header{}, diskError("a partial", err)
	}
	err := pw.Close(info)
	return pw.Header(), diskError("a partial", err)
}

// writeMerged writes the sum of partials.
func writeMerged(ctx context.Context, pw *Writer, readers []*Reader) error {
	var current *Window
	n := 0
	return Merge(readers, 0, func(win *Window, ip netip.Addr, g *Group) error {
		if n++; n%4096 == 0 && ctx.Err() != nil {
			return fault.As(fault.Interrupted, ctx.Err())
		}
		if win != current {
			current = win
			if err := pw.Window(*win); err != nil {
				return err
			}
		}
		return pw.Add(ip, g)
	})
}

// Close frees the runs. It must be called once, whatever happened before.
func (a *Aggregator) Close() {
	for _, f := range a.runs {
		f.Close()
	}
	a.runs, a.workers = nil, nil
}
