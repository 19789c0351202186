package simulate

import (
	"bufio"
	"cmp"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/google/renameio/v2"
	"github.com/klauspost/compress/gzip"
	"golang.org/x/sync/errgroup"

	"sluice/featurestore/fault"
)

// Format is the form of the logs.
type Format string

// The formats.
const (
	NDJSON   Format = "ndjson"   // webrequest as the caches write it, a JSON object a line
	Combined Format = "combined" // an ordinary access log
	Parquet  Format = "parquet"  // webrequest with its derived columns
)

// WriteOptions say how a month's logs are written.
type WriteOptions struct {
	Format Format // default NDJSON
	Gzip   bool   // NDJSON and Combined only; Parquet compresses itself
	// PartitionByHour writes one file an hour under
	// webrequest_source=text/year=…/month=…/day=…/hour=…, as the data lake has
	// them; else one file a day.
	PartitionByHour bool
	Threads         int // files written at a time; 0 means one
	// Progress, when set, is told after each file of how many requests of how
	// many are written. Calls come one at a time.
	Progress func(done, all int64)
}

func (o *WriteOptions) check() error {
	switch o.Format {
	case "":
		o.Format = NDJSON
	case NDJSON, Combined:
	case Parquet:
		if o.Gzip {
			return fault.Field(fault.Usage, "gzip", "Parquet is compressed inside; leave gzip out")
		}
	default:
		return fault.Field(fault.Usage, "format", "log format %q: want ndjson, combined or parquet", o.Format)
	}
	return nil
}

// extension of a log file.
func (o *WriteOptions) extension() string {
	ext := map[Format]string{NDJSON: ".json", Combined: ".log", Parquet: ".parquet"}[o.Format]
	if o.Gzip {
		ext += ".gz"
	}
	return ext
}

// logFile is the requests of a stretch of time.
type logFile struct {
	from, to int64
	path     string
}

// files are the month's, by time.
func (m *month) files(dir string, o *WriteOptions) []logFile {
	var us []logFile
	step := 24 * time.Hour
	if o.PartitionByHour {
		step = time.Hour
	}
	for t := m.month.Start(time.UTC); t.Before(m.month.End(time.UTC)); t = t.Add(step) {
		u := logFile{from: t.Unix(), to: t.Add(step).Unix()}
		if len(m.background) == 0 && !m.anyPair(u.from, u.to) {
			continue
		}
		name := "simulated-" + t.Format("2006-01-02")
		folder := dir
		if o.PartitionByHour {
			name += t.Format("T15")
			folder = filepath.Join(dir, "webrequest_source=text", fmt.Sprintf("year=%d", t.Year()),
				fmt.Sprintf("month=%d", t.Month()), fmt.Sprintf("day=%d", t.Day()), fmt.Sprintf("hour=%d", t.Hour()))
		}
		u.path = filepath.Join(folder, name+o.extension())
		us = append(us, u)
	}
	return us
}

func (m *month) anyPair(from, to int64) bool {
	for i := range m.pairs {
		if m.pairs[i].Start < to && m.pairs[i].End >= from {
			return true
		}
	}
	return false
}

// requests is how many lines the month has in a format.
func (m *month) requests(f Format) int64 {
	var n int64
	for _, ps := range [][]Profile{m.pairs, m.background} {
		for i := range ps {
			n += ps[i].Requests
			if f != Combined {
				n += ps[i].Hits + ps[i].API
			}
		}
	}
	return n
}

// WriteMonth writes the i-th month's logs under dir and gives the files' paths
// in order of time. Each file appears whole or not at all; on an error or when
// ctx is cancelled the files of this call that were finished are removed.
// Memory grows with the rows and the threads, not with the requests.
func (w *World) WriteMonth(ctx context.Context, dir string, i int, o WriteOptions) ([]string, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	if i < 0 || i >= w.cfg.Months {
		return nil, fault.Field(fault.Invalid, "months", "simulated month %d: the world has 0 to %d", i, w.cfg.Months-1)
	}
	return writeLogs(ctx, dir, []*month{w.get(i)}, &o)
}

// writeLogs writes the months' logs: the largest files first, so that no
// thread is left with a large one while the others have nothing to do.
func writeLogs(ctx context.Context, dir string, months []*month, o *WriteOptions) ([]string, error) {
	type job struct {
		*month
		logFile
		requests float64 // about
		at       int     // in order of time
	}
	var jobs []job
	var all int64
	for _, m := range months {
		all += m.requests(o.Format)
		for _, u := range m.files(dir, o) {
			jobs = append(jobs, job{month: m, logFile: u, requests: m.share(u.from, u.to), at: len(jobs)})
		}
	}
	slices.SortStableFunc(jobs, func(a, b job) int { return cmp.Compare(b.requests, a.requests) })
	var mu sync.Mutex
	var done int64
	written := make([]string, len(jobs)) // "" for a file that nobody filled
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(max(1, o.Threads))
	for _, j := range jobs {
		g.Go(func() error {
			n, err := j.writeFile(gctx, j.logFile, o)
			if err != nil {
				return err
			}
			mu.Lock()
			defer mu.Unlock()
			if n > 0 {
				written[j.at] = j.path
			}
			done += n
			if o.Progress != nil {
				o.Progress(done, all)
			}
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		for _, p := range written {
			if p != "" {
				os.Remove(p)
			}
		}
		if ctx.Err() != nil {
			return nil, fault.As(fault.Interrupted, ctx.Err())
		}
		return nil, err
	}
	return slices.DeleteFunc(written, func(p string) bool { return p == "" }), nil
}

// share is about how many requests the month has in [from, to).
func (m *month) share(from, to int64) float64 {
	var n float64
	add := func(p *Profile, rh *rhythm) {
		if p.Start < to && p.End >= from {
			c := newClock(p, rh)
			n += float64(p.Requests+p.Hits+p.API) * (c.share(to) - c.share(from))
		}
	}
	for i := range m.pairs {
		add(&m.pairs[i], nil)
	}
	for i := range m.background {
		add(&m.background[i], &m.rhythm)
	}
	return n
}

// sink takes a unit's requests.
type sink interface {
	put(*request) error
	close() error
}

func (m *month) writeFile(ctx context.Context, u logFile, o *WriteOptions) (int64, error) {
	if err := os.MkdirAll(filepath.Dir(u.path), 0o755); err != nil {
		return 0, fault.Field(fault.Invalid, "out", "simulated logs: %w", err)
	}
	f, err := renameio.NewPendingFile(u.path, renameio.WithPermissions(0o644))
	if err != nil {
		return 0, fault.Field(fault.Invalid, "out", "simulated logs: %w", err)
	}
	defer f.Cleanup()
	bulk := newBulkWriter(f.File)
	defer bulk.stop()
	var s sink
	if o.Format == Parquet {
		s = newParquetSink(bulk)
	} else {
		s = newLineSink(bulk, o)
	}
	var n int64
	err = m.requestsIn(ctx, u.from, u.to, o.Format == Combined, func(r *request) error {
		n++
		return s.put(r)
	})
	if err != nil {
		return 0, err
	}
	if n == 0 {
		return 0, nil // nobody sent anything: no file
	}
	if err := s.close(); err != nil {
		return 0, fault.Wrap(err, "%s", u.path)
	}
	if err := bulk.Close(); err != nil {
		return 0, fault.Wrap(err, "%s", u.path)
	}
	if err := f.CloseAtomicallyReplace(); err != nil {
		return 0, fault.Wrap(err, "%s", u.path)
	}
	return n, nil
}

// lineSink writes lines, compressed if asked.
type lineSink struct {
	out    io.Writer
	gzip   *gzip.Writer  // nil for plain lines
	buffer *bufio.Writer // before gzip, which takes long pieces better
	line   []byte
	stamps stamps
	append func([]byte, *request, *stamps) []byte
}

func newLineSink(w io.Writer, o *WriteOptions) *lineSink {
	s := &lineSink{out: w, append: appendNDJSON}
	if o.Format == Combined {
		s.append = appendCombined
	}
	if o.Gzip {
		s.gzip, _ = gzip.NewWriterLevel(w, gzip.BestSpeed) // the level is valid
		s.buffer = bufio.NewWriterSize(s.gzip, 256<<10)
		s.out = s.buffer
	}
	return s
}

func (s *lineSink) put(r *request) error {
	s.line = s.append(s.line[:0], r, &s.stamps)
	_, err := s.out.Write(s.line)
	return err
}

func (s *lineSink) close() error {
	if s.gzip == nil {
		return nil
	}
	if err := s.buffer.Flush(); err != nil {
		return err
	}
	return s.gzip.Close()
}

// requestsIn hands out the month's requests of [from, to) by second. Within an
// hour a calendar of seconds holds who is next when: each request costs a
// constant, however many clients are awake.
func (m *month) requestsIn(ctx context.Context, from, to int64, rowsOnly bool, put func(*request) error) error {
	sequence := from << 24 // above the last of the hour before
	cursors := m.cursors(from, to, rowsOnly)
	calendar := make([]int32, 3600) // 1 + index of the first cursor of the second
	following := make([]int32, len(cursors))
	for begin := from; begin < to; begin += 3600 {
		end := min(begin+3600, to)
		clear(calendar)
		// From the back, so that each second starts in order of the clients.
		for k := len(cursors) - 1; k >= 0; k-- {
			if c := &cursors[k]; c.time < end {
				at := c.time - begin
				following[k], calendar[at] = calendar[at], int32(k+1)
			}
		}
		for at := range end - begin {
			if at%60 == 0 && ctx.Err() != nil {
				return fault.As(fault.Interrupted, ctx.Err())
			}
			second := begin + at
			for k := calendar[at]; k != 0; {
				c := &cursors[k-1]
				after := following[k-1]
				for more := true; more; {
					r := c.make()
					r.sequence = sequence
					sequence++
					if err := put(r); err != nil {
						return err
					}
					if !c.next() {
						c.time = to // done
					}
					if more = c.time == second; !more && c.time < end {
						next := c.time - begin
						following[k-1], calendar[next] = calendar[next], k
					}
				}
				k = after
			}
		}
	}
	return nil
}

// cursors are those of the clients that send in [from, to), in order of the
// profiles.
func (m *month) cursors(from, to int64, rowsOnly bool) []cursor {
	var cs []cursor
	s := newScratch()
	add := func(p *Profile, rh *rhythm) {
		if p.Start >= to || p.End < from {
			return
		}
		if c, ok := newCursor(p, rh, false, from, to, s); ok {
			cs = append(cs, c)
		}
		if rowsOnly {
			return
		}
		if c, ok := newCursor(p, rh, true, from, to, s); ok {
			cs = append(cs, c)
		}
	}
	for i := range m.pairs {
		add(&m.pairs[i], nil)
	}
	for i := range m.background {
		add(&m.background[i], &m.rhythm)
	}
	return cs
}
