package accesslog

import (
	"errors"
	"fmt"
	"io"
	"math"
	"net/netip"
	"strconv"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/deprecated"
	"github.com/parquet-go/parquet-go/encoding"
)

// values are the values of a page or of a dictionary, without nulls.
type values struct {
	kind    parquet.Kind
	n       int
	data    []byte // ByteArray: value i is data[offsets[i]:offsets[i+1]]
	offsets []uint32
	i32     []int32
	i64     []int64
	i96     []deprecated.Int96
	f32     []float32
	f64     []float64
	bits    []byte // Boolean: bit i
}

// set takes over n values of a kind, having checked that they are there.
func (v *values) set(kind parquet.Kind, n int, d encoding.Values) error {
	*v = values{kind: kind, n: n}
	have := 0
	switch kind {
	case parquet.ByteArray:
		v.data, v.offsets = d.ByteArray()
		if v.data == nil {
			v.data = []byte{} // an empty text is no null
		}
		have = len(v.offsets) - 1
		last := uint32(0)
		for _, o := range v.offsets {
			if o < last || int64(o) > int64(len(v.data)) {
				return errors.New("a page's texts lie outside it")
			}
			last = o
		}
	case parquet.Int32:
		v.i32 = d.Int32()
		have = len(v.i32)
	case parquet.Int64:
		v.i64 = d.Int64()
		have = len(v.i64)
	case parquet.Int96:
		v.i96 = d.Int96()
		have = len(v.i96)
	case parquet.Float:
		v.f32 = d.Float()
		have = len(v.f32)
	case parquet.Double:
		v.f64 = d.Double()
		have = len(v.f64)
	case parquet.Boolean:
		v.bits = d.Boolean()
		have = 8 * len(v.bits)
	}
	if have < n {
		return fmt.Errorf("a page has %d values and says %d", max(have, 0), n)
	}
	return nil
}

// text is value i as text; numbers are appended to scratch.
func (v *values) text(i int, scratch []byte) (text, rest []byte) {
	start := len(scratch)
	switch v.kind {
	case parquet.ByteArray:
		from, to := v.offsets[i], v.offsets[i+1]
		return v.data[from:to:to], scratch
	case parquet.Int32:
		scratch = strconv.AppendInt(scratch, int64(v.i32[i]), 10)
	case parquet.Int64:
		scratch = strconv.AppendInt(scratch, v.i64[i], 10)
	case parquet.Float:
		scratch = strconv.AppendFloat(scratch, float64(v.f32[i]), 'g', -1, 32)
	case parquet.Double:
		scratch = strconv.AppendFloat(scratch, v.f64[i], 'g', -1, 64)
	case parquet.Boolean:
		scratch = append(scratch, '0'+v.bits[i>>3]>>(i&7)&1)
	}
	return scratch[start:], scratch
}

// julianUnix is the Julian day of 1970-01-01, as INT96 timestamps count.
const julianUnix = 2440588

// instant reads value i of a column of timestamps in a unit of ns nanoseconds.
func (v *values) instant(i int, ns int64) (sec int64, nanos int32, r Reason) {
	if v.kind == parquet.Int96 {
		x := v.i96[i]
		ofDay := int64(uint64(x[1])<<32 | uint64(x[0]))
		if ofDay < 0 || ofDay >= 86400e9 {
			return 0, 0, BadTime
		}
		sec, nanos = (int64(x[2])-julianUnix)*86400+ofDay/1e9, int32(ofDay%1e9)
	} else {
		perSecond := int64(1e9) / ns
		sec = v.i64[i] / perSecond
		rest := v.i64[i] % perSecond
		if rest < 0 {
			sec, rest = sec-1, rest+perSecond
		}
		nanos = int32(rest * ns)
	}
	if sec < minTime || sec >= maxTime {
		return 0, 0, TimeOutOfRange
	}
	return sec, nanos, Accepted
}

// What a dictionary's value was found to be, so that it is parsed once.
type (
	knownTime struct {
		sec    int64
		nanos  int32
		reason Reason
		known  bool
	}
	knownIP struct {
		addr   netip.Addr
		reason Reason
		known  bool
	}
)

// cursor goes through one column of one row group, some rows at a time.
type cursor struct {
	tableField
	pages      parquet.Pages
	page       parquet.Page
	rows, row  int    // in the page
	definition []byte // levels; nil in a required column
	next       int    // index of the next value that is no null
	own        values
	index      []int32 // into dict, where the page has one
	dict       *values
	of         parquet.Dictionary
	known      [][]byte // the dictionary's texts
	times      []knownTime
	ips        []knownIP
	numbered   *uint32 // values of dictionaries so far, where they are numbered
	first      uint32  // number of the dictionary's first value; 0 for none

	// Of the rows that fill made ready.
	texts   [][]byte // nil for a null, and for a size that is a number
	at      []int32  // of each value in its page or dictionary; -1 for a null
	scratch []byte
}

func (c *cursor) close() {
	if c.page != nil {
		parquet.Release(c.page)
		c.page = nil
	}
	if c.pages != nil {
		c.pages.Close()
		c.pages = nil
	}
}

// turn reads the next page with rows.
func (c *cursor) turn() error {
	return guard(func() error {
		for {
			if c.page != nil {
				parquet.Release(c.page)
				c.page = nil
			}
			p, err := c.pages.ReadPage()
			if err == io.EOF {
				return errors.New("its pages end before the row group does")
			} else if err != nil {
				return err
			}
			c.page = p
			if c.rows = int(p.NumRows()); c.rows == 0 {
				continue
			}
			return c.take(p)
		}
	})
}

func (c *cursor) take(p parquet.Page) error {
	c.row, c.next = 0, 0
	c.definition = nil
	n := c.rows
	if c.levels > 0 {
		if c.definition = p.DefinitionLevels(); len(c.definition) < c.rows {
			return errors.New("a page lacks its nulls")
		}
		n -= int(p.NumNulls())
	}
	d := p.Dictionary()
	if d == nil {
		c.dict, c.index, c.of = nil, nil, nil
		return c.own.set(c.kind, n, p.Data())
	}
	if d != c.of {
		c.of, c.dict = d, &values{}
		if err := c.dict.set(c.kind, d.Len(), d.Page().Data()); err != nil {
			return err
		}
		c.times, c.ips, c.known = nil, nil, nil
		if c.kind == parquet.ByteArray {
			c.known = make([][]byte, c.dict.n)
			for i := range c.known {
				c.known[i], _ = c.dict.text(i, nil)
			}
		}
		if c.first = 0; c.numbered != nil && uint64(*c.numbered)+uint64(c.dict.n) < math.MaxUint32 {
			c.first = *c.numbered + 1
			*c.numbered += uint32(c.dict.n)
		}
		switch c.column {
		case colDT:
			c.times = make([]knownTime, c.dict.n)
		case colIP:
			c.ips = make([]knownIP, c.dict.n)
		}
	}
	index := p.Data()
	c.index = index.Int32()
	if len(c.index) < n {
		return fmt.Errorf("a page has %d values and says %d", len(c.index), n)
	}
	c.index = c.index[:n]
	for _, i := range c.index {
		if uint(i) >= uint(c.dict.n) {
			return errors.New("a page names a value that its dictionary has not")
		}
	}
	return nil
}

// ready gives how many rows are left in the page, turning it if none are.
func (c *cursor) ready() (int, error) {
	if c.row == c.rows {
		if err := c.turn(); err != nil {
			return 0, fmt.Errorf("column %s: %w", c.name, err)
		}
	}
	return c.rows - c.row, nil
}

// fill makes the next n rows ready, which must lie in the page.
func (c *cursor) fill(n int) {
	c.at = c.at[:0]
	if c.definition == nil {
		c.at = c.places(n)
	} else {
		for _, level := range c.definition[c.row : c.row+n] {
			if level != c.levels {
				c.at = append(c.at, -1)
				continue
			}
			at := int32(c.next)
			if c.dict != nil {
				at = c.index[c.next]
			}
			c.next++
			c.at = append(c.at, at)
		}
	}
	c.row += n
	c.texts = c.texts[:0]
	switch {
	case c.known != nil && c.dict != nil:
		for _, at := range c.at {
			var t []byte
			if at >= 0 {
				t = c.known[at]
			}
			c.texts = append(c.texts, t)
		}
	case c.kind == parquet.ByteArray:
		for _, at := range c.at {
			var t []byte
			if at >= 0 {
				from, to := c.own.offsets[at], c.own.offsets[at+1]
				t = c.own.data[from:to:to]
			}
			c.texts = append(c.texts, t)
		}
	default:
		c.numbers()
	}
}

// places are where the next n values of a column without nulls lie.
func (c *cursor) places(n int) []int32 {
	from := c.next
	c.next += n
	if c.dict != nil {
		return append(c.at, c.index[from:c.next]...)
	}
	for i := range n {
		c.at = append(c.at, int32(from+i))
	}
	return c.at
}

var bitTexts = [2][]byte{[]byte("0"), []byte("1")}

// numbers writes numbers as texts, but for sizes, which are most often numbers.
func (c *cursor) numbers() {
	v := c.values()
	c.scratch = c.scratch[:0]
	for _, at := range c.at {
		var t []byte
		switch {
		case at < 0, c.kind == parquet.Int96, c.column == colSize && c.kind == parquet.Int64 && v.i64[at] >= 0:
		case c.kind == parquet.Boolean:
			t = bitTexts[v.bits[at>>3]>>(at&7)&1]
		default:
			t, c.scratch = v.text(int(at), c.scratch)
		}
		c.texts = append(c.texts, t)
	}
}

// values are those that at points into.
func (c *cursor) values() *values {
	if c.dict != nil {
		return c.dict
	}
	return &c.own
}
