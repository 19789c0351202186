package featurestore

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"reflect"
	"regexp"
	"slices"

	"github.com/parquet-go/parquet-go"

	"sluice/featurestore/columns"
	"sluice/featurestore/row"
)

// readRows is how many rows are read at a time.
const readRows = 512

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
		batch = make([]parquet.Row, readRows)
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
