package accesslog

import (
	"bytes"
	"context"
	"io"
	"sync"

	"sluice/featurestore/fault"
	"sluice/featurestore/webrequest"
)

const (
	defaultBlock = 256 << 10
	shownText    = 1 << 10 // how much of a line that is too long is shown
)

// block is a piece of the log with whole records, and what was found in it.
type block struct {
	number  int
	line    int64 // number of its first line
	data    []byte
	tooLong bool // data is the start of one line that is too long

	lines, good, skipped int64
	rejected             [numReasons]int64
	first, last          int64 // of the good lines, in their order; if good > 0
	earliest, latest     int64
	jumps                int64
	rejects              []reject
}

type reject struct {
	line       int64
	reason     Reason
	start, end int
}

func (b *block) reset() {
	*b = block{data: b.data[:0], rejects: b.rejects[:0]}
}

// Scan reads the whole log and hands each good line to each, from the given
// number of goroutines (at least one) at once, with the goroutine's index. The
// Request and its strings are valid until each returns. What each worker is
// handed differs from run to run; the set of all and the Stats don't.
//
// An error from each ends the scan and is returned. A cancelled context gives
// fault.Interrupted. A truncated or damaged compressed file gives
// fault.Corrupt, after every whole line that could be read was handed out.
// A Log can be scanned once.
func (l *Log) Scan(ctx context.Context, workers int, each func(worker int, req *webrequest.Request) error) error {
	if l.scanned.Swap(true) {
		return fault.Field(fault.Conflict, l.name, "log %s: it was scanned already; open it again", l.name)
	}
	workers = max(workers, 1)
	if l.table != nil {
		return l.scanTable(ctx, workers, each)
	}
	inner, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)

	free := make(chan *block, 2*workers+2)
	for range cap(free) {
		free <- &block{}
	}
	full := make(chan *block, cap(free))
	readDone := make(chan error, 1)
	go func() {
		err := l.read(inner, free, full)
		l.endPlain()
		close(full)
		readDone <- err
	}()

	m := &merger{log: l, pending: map[int]*block{}, free: free}
	m.stats.Rejected = map[Reason]int64{}
	var group sync.WaitGroup
	for w := range workers {
		group.Go(func() {
			p := l.chosen.parser()
			for {
				select {
				case <-inner.Done():
					return
				case b, ok := <-full:
					if !ok {
						return
					}
					if err := l.scanBlock(b, p, w, each); err != nil {
						cancel(err)
						return
					}
					m.add(b)
				}
			}
		})
	}
	group.Wait()
	if err := context.Cause(inner); err != nil {
		// A file's reader ends soon. That of a pipe may hang for want of a
		// writer: it is left to end by itself, and owns what it reads.
		if l.size >= 0 {
			<-readDone
		}
		m.settle(l)
		_ = l.Close() // what was read of it is not used
		if ctx.Err() != nil {
			return fault.New(fault.Interrupted, "log %s: reading was interrupted: %w", l.name, context.Cause(ctx))
		}
		return err
	}
	err := <-readDone
	m.settle(l)
	if err == nil {
		if err = l.finish(); err != nil {
			err = l.readFault(err, l.stats.Lines)
		}
	} else {
		_, l.stats.Truncated = isDamaged(err)
		err = l.readFault(err, l.stats.Lines)
	}
	if closeErr := l.Close(); err == nil && closeErr != nil {
		err = fault.Wrap(closeErr, "log %s", l.name)
	}
	return err
}

// read cuts the log into blocks of whole records. An error is what ended the
// log before its end; the unfinished line before it is dropped.
func (l *Log) read(ctx context.Context, free <-chan *block, full chan<- *block) error {
	r := &blockReader{log: l, carry: l.sample, ended: l.ended, line: 1}
	l.sample = nil
	for number := 0; ; number++ {
		var b *block
		select {
		case <-ctx.Done():
			return nil
		case b = <-free:
		}
		b.reset()
		b.number = number
		if !r.next(ctx, b) {
			break
		}
		full <- b // never blocks: there are no more blocks than fit
	}
	if r.ended == io.EOF {
		return nil
	}
	return r.ended
}

type blockReader struct {
	log   *Log
	carry []byte // what was read beyond the last block
	ended error  // what ended the log, once it has
	line  int64
}

// next fills a block with whole records; false at the end.
func (r *blockReader) next(ctx context.Context, b *block) bool {
	maxLine := r.log.opts.MaxLine
	block := r.log.blockSize
	size := block
	b.data = append(b.data, r.carry...)
	r.carry = r.carry[:0]
	for ctx.Err() == nil {
		for len(b.data) < size && r.ended == nil {
			if cap(b.data) < size {
				b.data = append(make([]byte, 0, size+1), b.data...)
			}
			n, err := r.log.plain.Read(b.data[len(b.data):size])
			b.data, r.ended = b.data[:len(b.data)+n], err
		}
		atEOF := r.ended == io.EOF
		if atEOF && len(b.data) > 0 && b.data[len(b.data)-1] != '\n' {
			b.data = append(b.data, '\n')
		}
		n := r.log.chosen.framer.frame(b.data, atEOF)
		switch {
		case n > 0:
			r.cut(b, n)
			return true
		case r.ended != nil:
			return false
		case len(b.data) >= maxLine+2 && bytes.IndexByte(b.data, '\n') < 0:
			b.line, b.tooLong = r.line, true
			b.data = b.data[:min(len(b.data), shownText)]
			r.skipLine()
			return true
		}
		size = max(2*size, len(b.data)+block)
	}
	return false
}

// cut keeps n bytes in the block and the rest for the next one.
func (r *blockReader) cut(b *block, n int) {
	r.carry = append(r.carry, b.data[n:]...)
	b.data = b.data[:n]
	b.line = r.line
	r.line += int64(bytes.Count(b.data, []byte{'\n'}))
}

// skipLine passes the rest of a line that is too long.
func (r *blockReader) skipLine() {
	buf := make([]byte, 64<<10)
	for r.ended == nil {
		var n int
		n, r.ended = r.log.plain.Read(buf)
		if i := bytes.IndexByte(buf[:n], '\n'); i >= 0 {
			r.carry = append(r.carry, buf[i+1:n]...)
			break
		}
	}
	r.line++
}

// scanBlock reads the lines of one block.
func (l *Log) scanBlock(b *block, p lineParser, worker int, each func(int, *webrequest.Request) error) error {
	if b.tooLong {
		b.lines = 1
		b.reject(l.opts, reject{b.line, TooLong, 0, len(b.data)})
		return nil
	}
	var req webrequest.Request
	table := l.chosen.format == CSV || l.chosen.format == TSV
	_, perLine := l.chosen.framer.(lines)
	header := l.chosen.header && b.number == 0
	number := b.line
	for at := 0; at < len(b.data); {
		n := l.chosen.framer.record(b.data[at:])
		whole := b.data[at : at+n]
		at += n
		first := number
		if perLine {
			number++
		} else {
			number += int64(bytes.Count(whole, []byte{'\n'}))
		}
		b.lines++
		line := trim(whole, table)
		if !isContent(line) {
			b.skipped++
			continue
		}
		if header {
			header = false
			b.skipped++
			continue
		}
		reason := TooLong
		if len(line) <= l.opts.MaxLine {
			req = webrequest.Request{Available: l.chosen.available}
			reason = p.parse(line, &req)
		}
		if reason != Accepted {
			end := at - n + len(bytes.TrimRight(whole, "\r\n"))
			if reason == TooLong {
				end = min(end, at-n+shownText)
			}
			b.reject(l.opts, reject{first, reason, at - n, end})
			continue
		}
		b.meet(req.Time)
		if err := each(worker, &req); err != nil {
			return err
		}
	}
	return nil
}

func (b *block) reject(o Options, r reject) {
	b.rejected[r.reason]++
	if o.Rejects != nil {
		b.rejects = append(b.rejects, r)
	}
}

// jump is how far back, in seconds, a clock must go to count.
const jump = 3600

// meet takes note of a good line's time.
func (b *block) meet(t int64) {
	if b.good == 0 {
		b.first, b.earliest, b.latest = t, t, t
	} else if t < b.last-jump {
		b.jumps++
	}
	b.good++
	b.last = t
	b.earliest = min(b.earliest, t)
	b.latest = max(b.latest, t)
}

// merger puts the findings of blocks together in the order of the file, so
// that they don't depend on which worker was faster. A block is used again
// only after its turn, which bounds how far the workers get ahead.
type merger struct {
	mu      sync.Mutex
	log     *Log
	pending map[int]*block
	next    int
	stats   Stats
	last    int64 // time of the last good line
	free    chan<- *block
}

func (m *merger) add(b *block) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.pending[b.number] = b
	for b = m.pending[m.next]; b != nil; b = m.pending[m.next] {
		delete(m.pending, m.next)
		m.next++
		m.merge(b)
		m.free <- b // never blocks: there are no more blocks than fit
	}
}

func (m *merger) merge(b *block) {
	s := &m.stats
	for _, r := range b.rejects {
		m.log.opts.Rejects(r.line, r.reason, b.data[r.start:r.end])
	}
	s.Lines += b.lines
	s.Skipped += b.skipped
	for r, n := range b.rejected {
		if n > 0 {
			s.Rejected[Reason(r)] += n
		}
	}
	s.ClockJumps += b.jumps
	if b.good == 0 {
		return
	}
	if s.Good == 0 {
		s.First, s.Last = b.earliest, b.latest
	} else if b.first < m.last-jump {
		s.ClockJumps++
	}
	s.Good += b.good
	m.last = b.last
	s.First = min(s.First, b.earliest)
	s.Last = max(s.Last, b.latest)
}

// settle hands the log its Stats.
func (m *merger) settle(l *Log) {
	l.stats = m.stats
	l.stats.BytesRead, l.stats.BytesPlain = l.raw.n.Load(), l.plain.n.Load()
}
