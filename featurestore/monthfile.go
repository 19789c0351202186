package featurestore

import (
	"encoding/binary"
	"io"
	"math"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/parquet-go/parquet-go/deprecated"
	"github.com/parquet-go/parquet-go/encoding/thrift"
	"github.com/parquet-go/parquet-go/format"

	"sluice/featurestore/columns"
	"sluice/featurestore/row"
)

// A month's Parquet file has, in this order: month, attack, ip (strings);
// the twelve features (request_count an int64, the others doubles, NaN where
// missing); the label (optional bool); further features (doubles); first and
// last (timestamps in milliseconds, UTC); requests_per_hour (binary, see
// appendHours). Rows are sorted by attack, then address; IPv4 before IPv6, by
// number.
//
// Columns are encoded from columns (monthcolumn.go), row groups side by side;
// what encodes is chosen by the values alone, so the same rows give the same
// bytes.

// These are part of what makes the bytes of a month.
const (
	rowGroupRows = 64 << 10
	pageRows     = 8 << 10
)

// monthFile writes the rows of one month, which come in order of keys. It must
// be stopped or closed.
type monthFile struct {
	out      io.Writer
	month    row.Month
	features int
	batches  *batches
	info     MonthInfo // counted as batches come in
	pending  []view    // not yet in a row group
	rows     int       // of pending

	jobs, order chan *rowGroup
	wg          sync.WaitGroup
	done        chan struct{} // closed when everything in order is written
	failed      atomic.Bool
	err         error // of writing; to be read when done is closed
	stopping    sync.Once

	// The writing goroutine's, until done is closed.
	at     int64
	groups []format.RowGroup
	pages  []format.OffsetIndex // of all chunks of all groups
	nans   []int64              // rows without a value, by feature
}

// view is rows from to to-1 of a batch.
type view struct {
	*monthBatch
	from, to int
}

// rowGroup is encoded by one goroutine and written by another.
type rowGroup struct {
	views  []view
	rows   int
	bytes  []byte
	chunks []format.ColumnChunk // offsets count from the start of bytes
	pages  []format.OffsetIndex // of each chunk, likewise
	nans   []int64              // rows without a value, by feature
	done   chan struct{}
	err    error
}

func newMonthFile(out io.Writer, month row.Month, features []string, threads int) (*monthFile, error) {
	return monthFileOf(out, month, features, spansOf(features), threads)
}

// monthFileOf keeps the features of spans as tuples, which shows nowhere.
func monthFileOf(out io.Writer, month row.Month, features []string, spans []groupSpan, threads int) (*monthFile, error) {
	if err := checkColumns(features); err != nil {
		return nil, err
	}
	threads = max(1, threads)
	f := &monthFile{
		out:      out,
		month:    month,
		features: len(features),
		batches:  &batches{features: len(features), spans: spans},
		nans:     make([]int64, len(features)),
		info:     MonthInfo{Month: month, Columns: slices.Clone(features), First: math.MaxInt64, Last: math.MinInt64},
		jobs:     make(chan *rowGroup), // those that wait take memory: batches do in their place
		order:    make(chan *rowGroup, 2*threads),
		done:     make(chan struct{}),
	}
	layout := monthLayout(features)
	for range threads {
		f.wg.Go(func() {
			e := newColumnEncoder(month, layout, spans)
			for g := range f.jobs {
				g.err = e.group(g)
				for _, v := range g.views {
					f.batches.release(v.monthBatch)
				}
				close(g.done)
			}
		})
	}
	go f.write()
	return f, nil
}

// add takes a batch over.
func (f *monthFile) add(b *monthBatch) error {
	b.used.Store(1)
	b.settle()
	if b.n == 0 {
		f.batches.release(b)
		return nil
	}
	i := &f.info
	if n := len(i.Windows); n == 0 || i.Windows[n-1].Attack != b.attack {
		i.Windows = append(i.Windows, MonthWindow{Attack: b.attack})
	}
	i.Windows[len(i.Windows)-1].Rows += int64(b.n)
	i.Rows += int64(b.n)
	i.First, i.Last = min(i.First, slices.Min(b.first)), max(i.Last, slices.Max(b.last))
	for _, l := range b.labels {
		i.Labels.count(l)
	}
	for from := 0; from < b.n; {
		to := min(b.n, from+rowGroupRows-f.rows)
		if to < b.n {
			b.used.Add(1)
		}
		f.pending = append(f.pending, view{b, from, to})
		f.rows += to - from
		from = to
		if f.rows == rowGroupRows {
			if err := f.flush(); err != nil {
				return err
			}
		}
	}
	return nil
}

// flush hands a row group to the encoders.
func (f *monthFile) flush() error {
	if f.failed.Load() {
		return f.stop()
	}
	g := &rowGroup{views: f.pending, rows: f.rows, nans: make([]int64, f.features), done: make(chan struct{})}
	f.pending, f.rows = nil, 0
	f.order <- g
	f.jobs <- g
	return nil
}

// write writes row groups in their order.
func (f *monthFile) write() {
	defer close(f.done)
	f.put([]byte("PAR1"))
	for g := range f.order {
		<-g.done
		if f.err == nil {
			f.err = g.err
		}
		if f.err != nil {
			f.failed.Store(true)
			continue
		}
		f.groups = append(f.groups, g.meta(f.at, len(f.groups)))
		f.pages = append(f.pages, g.pages...)
		for i, n := range g.nans {
			f.nans[i] += n
		}
		f.put(g.bytes)
	}
}

func (f *monthFile) put(b []byte) {
	if f.err != nil {
		return
	}
	n, err := f.out.Write(b)
	f.at += int64(n)
	f.err = err
}

// meta is what the file says of a row group that begins at at.
func (g *rowGroup) meta(at int64, ordinal int) format.RowGroup {
	m := format.RowGroup{Columns: g.chunks, NumRows: int64(g.rows), FileOffset: at, Ordinal: int16(min(ordinal, math.MaxInt16)), TotalCompressedSize: int64(len(g.bytes))}
	for i := range g.chunks {
		c := &g.chunks[i].MetaData
		c.DataPageOffset += at
		if c.DictionaryPageOffset > 0 {
			c.DictionaryPageOffset += at - dictionaryMark
		}
		m.TotalByteSize += c.TotalUncompressedSize
		for k := range g.pages[i].PageLocations {
			g.pages[i].PageLocations[k].Offset += at
		}
	}
	return m
}

// stop ends the goroutines and gives what went wrong in them. Nothing can be
// written afterwards.
func (f *monthFile) stop() error {
	f.stopping.Do(func() {
		close(f.jobs)
		close(f.order)
		f.wg.Wait()
	})
	<-f.done
	return f.err
}

// Close ends the file and gives what was counted: rows, windows, labels, span,
// missing values without their reasons.
func (f *monthFile) Close() (MonthInfo, error) {
	if f.rows > 0 {
		if err := f.flush(); err != nil {
			return MonthInfo{}, err
		}
	}
	if err := f.stop(); err != nil {
		return MonthInfo{}, err
	}
	if err := f.index(); err != nil {
		return MonthInfo{}, err
	}
	footer, err := thrift.Marshal(new(thrift.CompactProtocol), f.footer())
	if err != nil {
		return MonthInfo{}, err
	}
	footer = binary.LittleEndian.AppendUint32(footer, uint32(len(footer)))
	f.put(append(footer, "PAR1"...))
	for i, n := range f.nans {
		if n > 0 {
			f.info.Missing = append(f.info.Missing, MissingColumn{Column: f.info.Columns[i], Rows: n})
		}
	}
	return f.info, f.err
}

// index writes where the pages lie, so that single rows can be found.
func (f *monthFile) index() error {
	n := 0
	for i := range f.groups {
		for k := range f.groups[i].Columns {
			b, err := thrift.Marshal(new(thrift.CompactProtocol), &f.pages[n])
			if err != nil {
				return err
			}
			c := &f.groups[i].Columns[k]
			c.OffsetIndexOffset, c.OffsetIndexLength = f.at, int32(len(b))
			f.put(b)
			n++
		}
	}
	return f.err
}

func (f *monthFile) footer() *format.FileMetaData {
	layout := monthLayout(f.info.Columns)
	m := &format.FileMetaData{
		Version:   1,
		NumRows:   f.info.Rows,
		RowGroups: f.groups,
		CreatedBy: "sluice version 1 (build 0)",
		KeyValueMetadata: []format.KeyValue{
			{Key: "sluice.columns", Value: columns.Hash(f.info.Columns)},
			{Key: "sluice.month", Value: f.month.String()},
		},
		Schema: []format.SchemaElement{{Name: "row", NumChildren: thrift.New(int32(len(layout)))}},
	}
	for _, c := range layout {
		e := format.SchemaElement{Name: c.name, Type: thrift.New(c.kind), RepetitionType: thrift.New(format.Required)}
		if c.what == labelColumn {
			e.RepetitionType = thrift.New(format.Optional)
		}
		switch c.what {
		case monthColumn, attackColumn, addressColumn:
			e.ConvertedType = thrift.New(deprecated.UTF8)
			e.LogicalType = format.LogicalType{Value: new(format.StringType)}
		case firstColumn, lastColumn:
			e.ConvertedType = thrift.New(deprecated.TimestampMillis)
			e.LogicalType = format.LogicalType{Value: &format.TimestampType{IsAdjustedToUTC: true, Unit: format.TimeUnit{Value: new(format.MilliSeconds)}}}
		}
		m.Schema = append(m.Schema, e)
		m.ColumnOrders = append(m.ColumnOrders, format.ColumnOrder{Value: new(format.TypeDefinedOrder)})
	}
	return m
}

// What a column of the file holds.
type columnKind uint8

const (
	monthColumn columnKind = iota
	attackColumn
	addressColumn
	featureColumn
	labelColumn
	firstColumn
	lastColumn
	hoursColumn
)

type monthColumnLayout struct {
	name    string
	what    columnKind
	kind    format.Type
	feature int // of a featureColumn
}

// monthLayout are the columns of a month's file in their order.
func monthLayout(features []string) []monthColumnLayout {
	out := []monthColumnLayout{{"month", monthColumn, format.ByteArray, 0}, {"attack", attackColumn, format.ByteArray, 0}, {"ip", addressColumn, format.ByteArray, 0}}
	label := monthColumnLayout{columns.Label, labelColumn, format.Boolean, 0}
	for i, name := range features {
		if i == columns.NumFeatures {
			out = append(out, label)
		}
		kind := format.Double
		if isCount(i) {
			kind = format.Int64
		}
		out = append(out, monthColumnLayout{name, featureColumn, kind, i})
	}
	if len(features) == columns.NumFeatures {
		out = append(out, label)
	}
	return append(out, monthColumnLayout{"first", firstColumn, format.Int64, 0}, monthColumnLayout{"last", lastColumn, format.Int64, 0}, monthColumnLayout{"requests_per_hour", hoursColumn, format.ByteArray, 0})
}
