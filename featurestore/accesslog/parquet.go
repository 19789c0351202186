package accesslog

import (
	"crypto/sha256"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/format"

	"sluice/featurestore/fault"
	"sluice/featurestore/webrequest"
)

// table is a Parquet file of requests.
type table struct {
	r        *os.File
	size     int64
	file     *parquet.File
	layout   *layout
	fields   []tableField // those that requests are read from
	complete webrequest.Field
	only     webrequest.Field // what Scan fills; 0 is everything
}

// tableField is one column of the table.
type tableField struct {
	column column
	name   string
	leaf   int // index of the column within a row group
	kind   parquet.Kind
	unit   int64 // nanoseconds of a timestamp's unit; 0 for what is none
	levels byte  // definition level of a value; 0 where the column is required
}

// openTable reads the metadata of a Parquet file and settles which of its
// columns are which. The file is the Log's to close.
func openTable(name string, file *os.File, size int64, o Options) (*Log, error) {
	o, err := o.withDefaults()
	if err != nil {
		return nil, err
	}
	t := &table{r: file, size: size}
	damaged := func(err error) error {
		return fault.Field(fault.Corrupt, name, "log %s: the Parquet file can't be read: %w", name, err)
	}
	if err := checkFooter(file, size); err != nil {
		return nil, damaged(err)
	}
	if err := guard(func() (err error) {
		t.file, err = parquet.OpenFile(file, size, parquet.SkipPageIndex(true), parquet.SkipBloomFilters(true), parquet.ReadBufferSize(128<<10))
		return err
	}); err != nil {
		return nil, damaged(err)
	}
	if err := guard(func() error { return t.settle(name, o) }); err != nil {
		return nil, err
	}
	l := &Log{name: name, file: file, size: size, opts: o, table: t, raw: &rawReader{r: file, hash: sha256.New()},
		chosen: &choice{format: Parquet, available: t.layout.available, ignored: t.layout.ignored, notes: t.layout.notes()}}
	return l, nil
}

// guard turns a panic of the Parquet library, which trusts what a file says in
// places, into an error.
func guard(do func() error) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("it is damaged: %v", r)
		}
	}()
	return do()
}

// settle finds the columns by name among those that hold one value a row.
func (t *table) settle(name string, o Options) error {
	byName := map[string]*parquet.Column{}
	var names, nested []string
	for _, c := range t.file.Root().Columns() {
		if c.Leaf() && !c.Repeated() {
			byName[c.Name()] = c
			names = append(names, c.Name())
		} else {
			nested = append(nested, c.Name())
		}
	}
	l, err := newLayout(names, o)
	if err != nil {
		return fault.Wrap(err, "log %s", name)
	}
	for _, c := range []column{colDT, colIP} {
		if l.source[c] == "" {
			return fault.Field(fault.Invalid, name, "log %s: the Parquet table has no column for %s; map it, as in %s=NAME; it has %s", name, columnFacts[c].name, columnFacts[c].name, listOf(names))
		}
	}
	if len(o.TrustedProxies) > 0 && !l.available.Has(webrequest.FieldXForwardedFor) {
		return fault.Field(fault.Usage, "trusted_proxies", "trusted proxies are given, but %s has no x_forwarded_for; map it, as in x_forwarded_for=NAME", name)
	}
	l.ignored = append(l.ignored, nested...)
	slices.Sort(l.ignored)
	t.layout = l
	for c, source := range l.source {
		if source == "" {
			continue
		}
		leaf := byName[source]
		f := tableField{column: column(c), name: source, leaf: leaf.Index(), kind: leaf.Type().Kind()}
		if leaf.Optional() {
			f.levels = 1
		}
		if column(c) == colDT {
			f.unit = timestampUnit(leaf.Type())
		}
		if want := wantedKind(&f); want != "" {
			return fault.Field(fault.Invalid, name, "log %s: column %s is of type %s; %s is read from %s", name, source, leaf.Type(), columnFacts[c].name, want)
		}
		t.fields = append(t.fields, f)
		if t.filled(&f) {
			t.complete |= columnFacts[c].fields
		}
	}
	return nil
}

// timestampUnit is the unit of a column of timestamps, in nanoseconds.
func timestampUnit(typ parquet.Type) int64 {
	lt := typ.LogicalType()
	if lt == nil {
		return 0
	}
	ts, ok := lt.Value.(*format.TimestampType)
	if !ok || ts.Unit.Value == nil {
		return 0
	}
	return int64(ts.Unit.Value.Duration() / time.Nanosecond)
}

// wantedKind says what a column must be where it is something else.
func wantedKind(f *tableField) string {
	var kinds []parquet.Kind
	switch f.column {
	case colDT:
		kinds = []parquet.Kind{parquet.ByteArray, parquet.Int64, parquet.Int32, parquet.Int96}
	case colStatus, colSize, colSequence:
		kinds = []parquet.Kind{parquet.ByteArray, parquet.Int64, parquet.Int32, parquet.Double, parquet.Float}
	case colFirstbyte:
		kinds = []parquet.Kind{parquet.Double, parquet.Float, parquet.ByteArray, parquet.Int64, parquet.Int32}
	case colIsPageview, colIsAPI:
		kinds = []parquet.Kind{parquet.Boolean, parquet.ByteArray, parquet.Int32, parquet.Int64}
	default:
		kinds = []parquet.Kind{parquet.ByteArray}
	}
	if slices.Contains(kinds, f.kind) {
		return ""
	}
	names := make([]string, len(kinds))
	for i, k := range kinds {
		names[i] = k.String()
	}
	return strings.Join(names, ", ")
}

// filled reports whether the file says that a column is null in no row.
func (t *table) filled(f *tableField) bool {
	if f.levels == 0 {
		return true
	}
	for i := range t.file.Metadata().RowGroups {
		s := &t.file.Metadata().RowGroups[i].Columns[f.leaf].MetaData.Statistics
		// A count of 0 may stand for none; limits are written with it.
		if s.NullCount != 0 || len(s.MinValue)+len(s.Min) == 0 {
			return false
		}
	}
	return true
}

// Complete are the columns of which the file says that no row is null in them;
// none for a format of lines.
func (l *Log) Complete() webrequest.Field {
	if l.table == nil {
		return 0
	}
	return l.table.complete
}

// Only tells Scan which fields of a Request will be looked at; a table's other
// columns, but time and address, are then not decoded and left as they would
// be for a null, though Available has them. Formats of lines fill everything.
// A file in whose Complete columns a null turns up after all is refused as
// damaged. Call it before Scan.
func (l *Log) Only(f webrequest.Field) {
	if l.table != nil {
		l.table.only = f
	}
}

// reads are the columns that Scan decodes.
func (t *table) reads(proxies bool) []tableField {
	if t.only == 0 {
		return t.fields
	}
	need := t.only | webrequest.FieldDT | webrequest.FieldIP
	if proxies {
		need |= webrequest.FieldXForwardedFor
	}
	return slices.DeleteFunc(slices.Clone(t.fields), func(f tableField) bool { return columnFacts[f.column].fields&need == 0 })
}
