package accesslog

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"sync"
	"sync/atomic"

	"github.com/parquet-go/parquet-go"

	"sluice/featurestore/fault"
	"sluice/featurestore/webrequest"
)

// maxShown is how many rejected rows of a row group are handed to
// Options.Rejects; all are counted.
const maxShown = 10_000

// scanTable is Scan for a Parquet file: workers take row groups.
func (l *Log) scanTable(ctx context.Context, workers int, each func(worker int, req *webrequest.Request) error) error {
	inner, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	t := l.table
	groups := t.file.RowGroups()
	meta := t.file.Metadata().RowGroups
	m := &merger{log: l, pending: map[int]*block{}, free: make(chan *block, len(groups))}
	m.stats.Rejected = map[Reason]int64{}
	first := make([]int64, len(groups)+1) // number of a group's first row
	first[0] = 1
	for i, g := range groups {
		first[i+1] = first[i] + max(0, g.NumRows())
	}
	fields := t.reads(len(l.opts.TrustedProxies) > 0)
	var next atomic.Int64
	var wg sync.WaitGroup
	hashed := make(chan error, 1)
	go func() { hashed <- l.hashTable(inner) }()
	for w := range workers {
		wg.Go(func() {
			s := &tableScan{log: l, worker: w, each: each, record: newRecord(t.layout, l.opts)}
			defer s.close()
			for inner.Err() == nil {
				i := int(next.Add(1)) - 1
				if i >= len(groups) {
					return
				}
				b := &block{number: i, line: first[i]}
				if err := s.group(inner, b, groups[i], i, fields); err != nil {
					cancel(err)
					return
				}
				var bytes int64
				for _, f := range fields {
					bytes += meta[i].Columns[f.leaf].MetaData.TotalCompressedSize
				}
				l.raw.n.Add(bytes)
				m.add(b)
			}
		})
	}
	wg.Wait()
	err := context.Cause(inner)
	if err != nil {
		cancel(err)
	}
	hashErr := <-hashed
	l.stats = m.stats
	for i := range meta {
		l.stats.BytesPlain += max(0, meta[i].TotalByteSize)
	}
	l.raw.n.Store(l.size)
	l.stats.BytesRead = l.size
	switch {
	case ctx.Err() != nil:
		err = fault.New(fault.Interrupted, "log %s: reading was interrupted: %w", l.name, context.Cause(ctx))
	case err != nil:
	case hashErr != nil:
		err = fault.Field(fault.Unavailable, l.name, "log %s: %w", l.name, hashErr)
	default:
		l.sum = hex.EncodeToString(l.raw.hash.Sum(nil))
	}
	if closeErr := l.Close(); err == nil && closeErr != nil {
		err = fault.Wrap(closeErr, "log %s", l.name)
	}
	return err
}

// hashTable hashes the whole file.
func (l *Log) hashTable(ctx context.Context) error {
	src := io.NewSectionReader(l.table.r, 0, l.size)
	buf := make([]byte, 256<<10)
	for ctx.Err() == nil {
		n, err := src.Read(buf)
		l.raw.hash.Write(buf[:n])
		if err == io.EOF {
			return nil
		} else if err != nil {
			return err
		}
	}
	return nil
}

// tableScan is one worker's.
type tableScan struct {
	log     *Log
	worker  int
	each    func(int, *webrequest.Request) error
	record  record
	cursors []cursor
	agents  uint32 // how many values the dictionaries of user agents had so far
}

func (s *tableScan) close() {
	for i := range s.cursors {
		s.cursors[i].close()
	}
	s.cursors = s.cursors[:0]
}

// group reads one row group.
func (s *tableScan) group(ctx context.Context, b *block, g parquet.RowGroup, number int, fields []tableField) error {
	s.close()
	l := s.log
	rows := g.NumRows()
	damaged := func(f string, err error) error {
		return fault.Field(fault.Corrupt, l.name, "log %s: the Parquet file is damaged in row group %d%s: %w", l.name, number+1, f, err)
	}
	if rows < 0 {
		return damaged("", fmt.Errorf("it claims %d rows", rows))
	}
	if rows == 0 {
		return nil
	}
	for _, f := range fields {
		chunk := &l.table.file.Metadata().RowGroups[number].Columns[f.leaf].MetaData
		if err := checkPages(l.table.r, l.size, chunk, rows); err != nil {
			return damaged(", column "+f.name, err)
		}
		c := cursor{tableField: f}
		if f.column == colUserAgent {
			c.numbered = &s.agents
		}
		if err := guard(func() error { c.pages = g.ColumnChunks()[f.leaf].Pages(); return nil }); err != nil {
			return damaged(", column "+f.name, err)
		}
		s.cursors = append(s.cursors, c)
	}
	trusted := l.table.only != 0
	req := webrequest.Request{Available: l.chosen.available}
	for done := int64(0); done < rows; {
		if ctx.Err() != nil {
			return nil
		}
		n := min(tableBatch, int(rows-done))
		for i := range s.cursors {
			left, err := s.cursors[i].ready()
			if err != nil {
				return damaged("", err)
			}
			n = min(n, left)
		}
		for i := range s.cursors {
			s.cursors[i].fill(n)
		}
		for i := range n {
			reason := s.row(&req, i)
			if trusted && req.Nulls&l.table.complete != 0 {
				return damaged("", errors.New("a column that it says has no nulls has one"))
			}
			b.lines++
			if reason != Accepted {
				s.reject(b, b.line+done+int64(i), reason)
				continue
			}
			b.meet(req.Time)
			if err := s.each(s.worker, &req); err != nil {
				return err
			}
		}
		done += int64(n)
	}
	return nil
}

// tableBatch is how many rows are taken from each column at a time.
const tableBatch = 512

// row makes a Request of row i of those that the columns have ready. Every row
// fills the same fields.
func (s *tableScan) row(req *webrequest.Request, i int) Reason {
	r := &s.record
	r.scratch = r.scratch[:0]
	// What is not set for every row below.
	req.Nulls, req.UserAgentID, req.TimeFirstbyte = 0, 0, 0
	req.ResponseSize, req.HasSize = 0, false
	req.Authority, req.URIQuery = "", ""
	var (
		length        int
		timeReason    Reason = MissingTime
		addressReason Reason = MissingIP
		size          int64
		hasSize       bool
	)
	for k := range s.cursors {
		c := &s.cursors[k]
		t := c.texts[i]
		r.values[c.column] = t
		length += len(t)
		at := c.at[i]
		if at < 0 {
			req.Nulls |= columnFacts[c.column].fields
			continue
		}
		switch c.column {
		case colDT:
			req.Time, req.Nanos, timeReason = s.instant(c, int(at))
		case colIP:
			req.IP, addressReason = address(c, int(at), t)
		case colSize:
			if t == nil {
				size, hasSize = c.values().i64[at], true
			}
		case colUserAgent:
			if c.first > 0 && c.dict != nil {
				req.UserAgentID = c.first + uint32(at)
			}
		}
	}
	switch {
	case length > r.opts.MaxLine:
		return TooLong
	case timeReason != Accepted:
		return timeReason
	}
	req.XForwardedFor = r.str(colXFF)
	if addressReason != Accepted {
		return addressReason
	}
	if len(r.opts.TrustedProxies) > 0 {
		req.IP = webrequest.ClientIP(req.IP, req.XForwardedFor, r.opts.TrustedProxies)
	}
	if reason := r.status(req); reason != Accepted {
		return reason
	}
	if hasSize {
		req.ResponseSize, req.HasSize = size, true
	} else if reason := r.size(req); reason != Accepted {
		return reason
	}
	r.rest(req)
	return Accepted
}

func (s *tableScan) instant(c *cursor, at int) (int64, int32, Reason) {
	known := c.dict != nil
	if known && c.times[at].known {
		k := &c.times[at]
		return k.sec, k.nanos, k.reason
	}
	var k knownTime
	if v := c.values(); c.unit > 0 && v.kind == parquet.Int64 || v.kind == parquet.Int96 {
		k.sec, k.nanos, k.reason = v.instant(at, c.unit)
	} else {
		k.sec, k.nanos, k.reason = s.record.clock.any(s.record.values[colDT])
	}
	if known {
		k.known = true
		c.times[at] = k
	}
	return k.sec, k.nanos, k.reason
}

func address(c *cursor, at int, text []byte) (netip.Addr, Reason) {
	known := c.dict != nil
	if known && c.ips[at].known {
		return c.ips[at].addr, c.ips[at].reason
	}
	a, reason := clientAddress(alias(text), "", nil)
	if known {
		c.ips[at] = knownIP{a, reason, true}
	}
	return a, reason
}

// reject counts a row and keeps it as a JSON object.
func (s *tableScan) reject(b *block, row int64, reason Reason) {
	b.rejected[reason]++
	if s.log.opts.Rejects == nil || len(b.rejects) >= maxShown {
		return
	}
	start := len(b.data)
	b.data = append(b.data, '{')
	for i := range s.cursors {
		c := s.cursors[i].column
		if s.record.values[c] == nil {
			continue
		}
		if len(b.data) > start+1 {
			b.data = append(b.data, ',')
		}
		key, _ := json.Marshal(columnFacts[c].name)
		text := s.record.values[c]
		if len(text) > shownText {
			text = text[:shownText]
		}
		value, _ := json.Marshal(string(bytes.ToValidUTF8(text, []byte("\ufffd"))))
		b.data = append(append(append(b.data, key...), ':'), value...)
	}
	b.data = append(b.data, '}')
	b.rejects = append(b.rejects, reject{row, reason, start, len(b.data)})
}
