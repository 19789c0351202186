package featurestore

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"net/netip"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/parquet-go/parquet-go"

	"sluice/featurestore/columns"
	"sluice/featurestore/row"
)

// A month's Parquet file has, in this order: month, attack, ip (strings);
// the twelve features (request_count an int64, the others doubles, NaN where
// missing); the label (optional bool); further features (doubles); first and
// last (timestamps in milliseconds, UTC); requests_per_hour (binary, see
// appendHours). Rows are sorted by attack, then address; IPv4 before IPv6, by
// number.
const (
	// rowGroupRows bounds the memory of writing: a row group is held until it
	// is full. It is part of what makes the bytes of a month.
	rowGroupRows = 128 << 10
	batchRows    = 512
)

var columnName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]{0,127}$`)

// reserved are the names that no feature may have.
var reserved = []string{"month", "attack", "ip", columns.Label, "first", "last", "requests_per_hour"}

// checkColumns wants the twelve first and names that Parquet and SQL take.
func checkColumns(names []string) error {
	if len(names) < columns.NumFeatures || !slices.Equal(names[:columns.NumFeatures], columns.Names()) {
		return errors.New("the first columns are not the twelve features in their order")
	}
	seen := map[string]bool{}
	for _, n := range names {
		if !columnName.MatchString(n) || slices.Contains(reserved, n) || seen[n] {
			return fmt.Errorf("column %q: want letters, digits and _, each name once and none of %v", n, reserved)
		}
		seen[n] = true
	}
	return nil
}

// monthSchema is the schema of a month's file. A struct type made for the
// purpose keeps the order of columns, which a map of nodes would not.
func monthSchema(features []string) *parquet.Schema {
	var fields []reflect.StructField
	column := func(v any, tag string) {
		fields = append(fields, reflect.StructField{
			Name: fmt.Sprintf("C%d", len(fields)),
			Type: reflect.TypeOf(v),
			Tag:  reflect.StructTag(`parquet:"` + tag + `"`),
		})
	}
	column("", "month,dict")
	column("", "attack,dict")
	column("", "ip")
	for i, name := range features {
		if i == columns.NumFeatures {
			column(false, columns.Label+",optional")
		}
		if i == columns.RequestCount {
			column(int64(0), name)
		} else {
			column(float64(0), name)
		}
	}
	if len(features) == columns.NumFeatures {
		column(false, columns.Label+",optional")
	}
	column(int64(0), "first,timestamp(millisecond)")
	column(int64(0), "last,timestamp(millisecond)")
	column([]byte(nil), "requests_per_hour")
	return parquet.NewSchema("row", parquet.SchemaOf(reflect.New(reflect.StructOf(fields)).Interface()))
}

// monthWriter writes the rows of one month, which must come in order of keys.
// It must be stopped or closed.
type monthWriter struct {
	w        *parquet.GenericWriter[any]
	month    row.Month
	features int
	last     row.Key
	*monthBatch
	info    MonthInfo // counted as rows come in
	missing []int64   // rows without a value, by feature

	// Batches are encoded by a goroutine of their own, in their order.
	full, free chan *monthBatch
	failed     atomic.Bool
	done       chan struct{} // closed when the goroutine has ended
	err        error         // of encoding; to be read when done is closed
	stopping   sync.Once
}

// monthBatch is a number of rows on their way into the file.
type monthBatch struct {
	batch  []parquet.Row
	values []parquet.Value // backs batch
	n      int             // rows in batch
	bytes  []byte          // backs the strings of batch
}

const monthBatches = 4

func newMonthBatch(width int) *monthBatch {
	b := &monthBatch{batch: make([]parquet.Row, batchRows), values: make([]parquet.Value, batchRows*width)}
	for i := range b.batch {
		b.batch[i] = b.values[i*width : (i+1)*width : (i+1)*width]
	}
	return b
}

func newMonthWriter(out io.Writer, month row.Month, features []string) (*monthWriter, error) {
	if err := checkColumns(features); err != nil {
		return nil, err
	}
	schema := monthSchema(features)
	width := len(schema.Columns())
	w := &monthWriter{
		w: parquet.NewGenericWriter[any](out, schema,
			parquet.Compression(&parquet.Zstd),
			parquet.CreatedBy("sluice", "1", "0"),
			parquet.MaxRowsPerRowGroup(rowGroupRows),
			parquet.KeyValueMetadata("sluice.month", month.String()),
			parquet.KeyValueMetadata("sluice.columns", columns.Hash(features)),
		),
		month:    month,
		features: len(features),
		full:     make(chan *monthBatch, monthBatches),
		free:     make(chan *monthBatch, monthBatches),
		done:     make(chan struct{}),
		missing:  make([]int64, len(features)),
		info:     MonthInfo{Month: month, Columns: slices.Clone(features), First: math.MaxInt64, Last: math.MinInt64},
	}
	w.monthBatch = newMonthBatch(width)
	for range monthBatches - 1 {
		w.free <- newMonthBatch(width)
	}
	go w.encode()
	return w, nil
}

// encode writes full batches until there are no more.
func (w *monthWriter) encode() {
	defer close(w.done)
	for b := range w.full {
		if w.err == nil {
			if _, w.err = w.w.WriteRows(b.batch[:b.n]); w.err != nil {
				w.failed.Store(true)
			}
		}
		b.n, b.bytes = 0, b.bytes[:0]
		w.free <- b // never blocks: there are no more batches than fit
	}
}

// stop ends the goroutine and gives what went wrong in it. Nothing can be
// written afterwards.
func (w *monthWriter) stop() error {
	w.stopping.Do(func() { close(w.full) })
	<-w.done
	return w.err
}

// Write writes one row; r and its slices are not kept.
func (w *monthWriter) Write(r *row.Row) error {
	if r.Month != w.month || len(r.Values) != w.features || !r.IP.IsValid() || r.Attack == "" {
		return fmt.Errorf("featurestore: a row of %s, attack %q, %s with %d values among those of %s with %d", r.Month, r.Attack, row.Mask(r.IP), len(r.Values), w.month, w.features)
	}
	if w.info.Rows > 0 && w.last.Compare(r.Key) >= 0 {
		return fmt.Errorf("featurestore: rows out of order at attack %q, %s", r.Attack, row.Mask(r.IP))
	}
	if w.info.Rows == 0 || r.Attack != w.last.Attack {
		w.info.Windows = append(w.info.Windows, MonthWindow{Attack: strings.Clone(r.Attack)})
	}
	w.last = r.Key
	w.info.Rows++
	w.info.Windows[len(w.info.Windows)-1].Rows++
	w.info.First, w.info.Last = min(w.info.First, r.First), max(w.info.Last, r.Last)
	w.info.Labels.count(r.Label)

	v := w.batch[w.n]
	c := 0
	put := func(x parquet.Value, definition int) {
		v[c] = x.Level(0, definition, c)
		c++
	}
	text := func(from int) parquet.Value { return parquet.ByteArrayValue(w.bytes[from:len(w.bytes):len(w.bytes)]) }
	at := len(w.bytes)
	w.bytes = append(w.bytes, r.Month.String()...)
	put(text(at), 0)
	at = len(w.bytes)
	w.bytes = append(w.bytes, r.Attack...)
	put(text(at), 0)
	at = len(w.bytes)
	w.bytes = r.IP.AppendTo(w.bytes)
	put(text(at), 0)
	for i, x := range r.Values {
		if i == columns.NumFeatures {
			put(label(r.Label))
		}
		if math.IsNaN(x) {
			w.missing[i]++
			x = math.NaN() // one bit pattern
		}
		if i == columns.RequestCount {
			put(parquet.Int64Value(int64(x)), 0)
		} else {
			put(parquet.DoubleValue(x), 0)
		}
	}
	if w.features == columns.NumFeatures {
		put(label(r.Label))
	}
	put(parquet.Int64Value(r.First*1000), 0)
	put(parquet.Int64Value(r.Last*1000), 0)
	at = len(w.bytes)
	w.bytes = appendHours(w.bytes, r.Hours)
	put(text(at), 0)
	if w.n++; w.n == len(w.batch) {
		return w.flush()
	}
	return nil
}

func label(l row.Label) (parquet.Value, int) {
	if l == row.Unknown {
		return parquet.NullValue(), 0
	}
	return parquet.BooleanValue(l == row.True), 1
}

func (w *monthWriter) flush() error {
	if w.failed.Load() {
		return w.stop()
	}
	w.full <- w.monthBatch
	w.monthBatch = <-w.free
	return nil
}

// Close ends the file and gives what was counted: rows, windows, labels, span,
// missing values without their reasons.
func (w *monthWriter) Close() (MonthInfo, error) {
	if err := w.flush(); err != nil {
		return MonthInfo{}, err
	}
	if err := w.stop(); err != nil {
		return MonthInfo{}, err
	}
	if err := w.w.Close(); err != nil {
		return MonthInfo{}, err
	}
	for i, n := range w.missing {
		if n > 0 {
			w.info.Missing = append(w.info.Missing, MissingColumn{Column: w.info.Columns[i], Rows: n})
		}
	}
	return w.info, nil
}

// appendHours is the column requests_per_hour: unsigned varints, per hour the
// step from the hour before (from 1970-01-01T00 UTC for the first) and the
// requests in it.
func appendHours(b []byte, hours []row.HourCount) []byte {
	var last int64
	for _, h := range hours {
		b = binary.AppendUvarint(b, uint64(h.Hour-last))
		b = binary.AppendUvarint(b, uint64(h.Requests))
		last = h.Hour
	}
	return b
}

func parseHours(b []byte, dst []row.HourCount) ([]row.HourCount, error) {
	var hour int64
	for len(b) > 0 {
		step, n := binary.Uvarint(b)
		if n <= 0 {
			return dst, errors.New("requests_per_hour is damaged")
		}
		requests, k := binary.Uvarint(b[n:])
		if k <= 0 {
			return dst, errors.New("requests_per_hour is damaged")
		}
		b = b[n+k:]
		hour += int64(step)
		dst = append(dst, row.HourCount{Hour: hour, Requests: int64(requests)})
	}
	return dst, nil
}

// ipColumn is the place of the column ip.
const ipColumn = 2

// openParquet opens a month's file, whose columns must be those of the manifest.
func openParquet(r io.ReaderAt, info *MonthInfo, o ...parquet.FileOption) (*parquet.File, error) {
	f, err := parquet.OpenFile(r, info.Bytes, o...)
	if err != nil {
		return nil, err
	}
	want := monthSchema(info.Columns)
	if !slices.EqualFunc(f.Schema().Columns(), want.Columns(), slices.Equal[[]string]) {
		return nil, errors.New("its columns are not those of the manifest")
	}
	return f, nil
}

// scanMonth calls yield for each row of a month's file. The row and its slices
// are valid until yield returns; its strings stay.
func scanMonth(r io.ReaderAt, info *MonthInfo, hours bool, yield func(*row.Row) error) error {
	f, err := openParquet(r, info, parquet.SkipBloomFilters(true), parquet.SkipPageIndex(true))
	if err != nil {
		return err
	}
	var (
		batch = make([]parquet.Row, batchRows)
		out   = row.Row{Key: row.Key{Month: info.Month}, Values: make([]float64, len(info.Columns))}
	)
	for _, g := range f.RowGroups() {
		rows := g.Rows()
		for {
			n, err := rows.ReadRows(batch)
			for _, v := range batch[:n] {
				if err := decodeRow(v, len(info.Columns), hours, &out); err != nil {
					rows.Close()
					return err
				}
				if err := yield(&out); err != nil {
					rows.Close()
					return err
				}
			}
			if err == io.EOF || n == 0 && err == nil {
				break
			}
			if err != nil {
				rows.Close()
				return err
			}
		}
		if err := rows.Close(); err != nil {
			return err
		}
	}
	return nil
}

// decodeRow reads the columns of one row into out, whose slices it uses again.
func decodeRow(v parquet.Row, features int, hours bool, out *row.Row) error {
	labelAt, firstAt := 3+columns.NumFeatures, 3+features+1
	if len(v) != features+7 {
		return fmt.Errorf("a row has %d values, not %d", len(v), features+7)
	}
	if a := v[1].ByteArray(); string(a) != out.Attack {
		out.Attack = string(a)
	}
	ip, err := netip.ParseAddr(string(v[ipColumn].ByteArray()))
	if err != nil {
		return errors.New("a row's address is none")
	}
	out.IP = ip
	for i := range features {
		c := 3 + i
		if i >= columns.NumFeatures {
			c++
		}
		if i == columns.RequestCount {
			out.Values[i] = float64(v[c].Int64())
		} else {
			out.Values[i] = v[c].Double()
		}
	}
	switch l := v[labelAt]; {
	case l.IsNull():
		out.Label = row.Unknown
	case l.Boolean():
		out.Label = row.True
	default:
		out.Label = row.False
	}
	out.First, out.Last = v[firstAt].Int64()/1000, v[firstAt+1].Int64()/1000
	out.Hours = out.Hours[:0]
	if hours {
		out.Hours, err = parseHours(v[firstAt+2].ByteArray(), out.Hours)
	}
	return err
}
