package featurestore

import (
	"bytes"
	"encoding/binary"
	"math"
	"math/bits"
	"slices"

	"github.com/klauspost/compress/zstd"
	"github.com/parquet-go/parquet-go/encoding/delta"
	"github.com/parquet-go/parquet-go/encoding/rle"
	"github.com/parquet-go/parquet-go/encoding/thrift"
	"github.com/parquet-go/parquet-go/format"

	"sluice/featurestore/row"
)

// dictionaryMark tells an offset of 0 from none in a chunk's metadata, whose
// offsets count from the start of its row group until it is written.
const dictionaryMark = 1

// columnEncoder encodes the columns of row groups, for one goroutine.
type columnEncoder struct {
	month  string
	layout []monthColumnLayout
	spans  []groupSpan
	zstd   *zstd.Encoder

	tuples  groupTuples
	dict    dictionary
	words   []uint64
	ints    []int64
	index   []int32
	text    texts
	page    []byte // an encoded page
	head    bytes.Buffer
	packed  []byte
	flags   []row.Label
	levels  []uint8
	encoder *thrift.Encoder
	bytes   int // of the row group before, and some
}

func newColumnEncoder(month row.Month, layout []monthColumnLayout, spans []groupSpan) *columnEncoder {
	e := &columnEncoder{month: month.String(), layout: layout, spans: spans}
	// One goroutine, so nothing can fail; the fastest level makes about two
	// thirds of what the slowest does of such columns.
	e.zstd, _ = zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1), zstd.WithEncoderCRC(false), zstd.WithZeroFrames(true))
	e.encoder = thrift.NewEncoder(new(thrift.CompactProtocol).NewWriter(&e.head))
	return e
}

// group encodes all columns of a row group.
func (e *columnEncoder) group(g *rowGroup) error {
	g.bytes = make([]byte, 0, e.bytes)
	defer func() { e.tuples.group, e.bytes = nil, len(g.bytes)+len(g.bytes)/8 }()
	for _, c := range e.layout {
		var err error
		switch c.what {
		case monthColumn:
			err = e.constant(g, c, e.month)
		case attackColumn:
			err = e.attacks(g, c)
		case addressColumn:
			err = e.ips(g, c)
		case featureColumn:
			err = e.numbers(g, c)
		case labelColumn:
			err = e.labels(g, c)
		case firstColumn:
			err = e.times(g, c, func(v view) []int64 { return v.first })
		case lastColumn:
			err = e.times(g, c, func(v view) []int64 { return v.last })
		case hoursColumn:
			err = e.hours(g, c)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// chunk is one column of a row group before it is encoded.
type chunk struct {
	dictionary []byte // PLAIN; nil for none
	entries    int    // of the dictionary
	encoding   format.Encoding
	min, max   []byte // PLAIN, nil for unknown
	nulls      int64
	// page encodes the rows from to to-1, appending to dst.
	page func(dst []byte, from, to int) ([]byte, error)
}

// chunk appends a column's pages to the row group.
func (e *columnEncoder) chunk(g *rowGroup, c monthColumnLayout, p chunk) error {
	at := len(g.bytes)
	meta := format.ColumnMetaData{
		Type: c.kind, PathInSchema: []string{c.name}, Codec: format.Zstd, NumValues: int64(g.rows), Encoding: []format.Encoding{p.encoding},
		Statistics: format.Statistics{NullCount: p.nulls, MinValue: p.min, MaxValue: p.max},
	}
	switch c.what {
	case labelColumn:
		meta.Encoding = append(meta.Encoding, format.RLE)
	case addressColumn, firstColumn, lastColumn:
		// Differences hardly get smaller. The codec is the column's in all row
		// groups: some readers take that of the first for all.
		meta.Codec = format.Uncompressed
	}
	var index format.OffsetIndex
	for from := 0; from < g.rows; from += pageRows {
		to := min(g.rows, from+pageRows)
		var err error
		if e.page, err = p.page(e.page[:0], from, to); err != nil {
			return err
		}
		if from == 0 {
			if p.dictionary != nil {
				meta.Encoding = append(meta.Encoding, format.Plain)
				meta.DictionaryPageOffset = int64(len(g.bytes)) + dictionaryMark
				h := format.PageHeader{Type: format.DictionaryPage, DictionaryPageHeader: thrift.New(format.DictionaryPageHeader{NumValues: int32(p.entries), Encoding: format.Plain})}
				if err := e.put(g, &meta, h, p.dictionary); err != nil {
					return err
				}
			}
			meta.DataPageOffset = int64(len(g.bytes))
		}
		start := len(g.bytes)
		h := format.PageHeader{Type: format.DataPage, DataPageHeader: thrift.New(format.DataPageHeader{NumValues: int32(to - from), Encoding: p.encoding, DefinitionLevelEncoding: format.RLE, RepetitionLevelEncoding: format.RLE})}
		if err := e.put(g, &meta, h, e.page); err != nil {
			return err
		}
		index.PageLocations = append(index.PageLocations, format.PageLocation{Offset: int64(start), CompressedPageSize: int32(len(g.bytes) - start), FirstRowIndex: int64(from)})
	}
	meta.TotalCompressedSize = int64(len(g.bytes) - at)
	g.chunks = append(g.chunks, format.ColumnChunk{MetaData: meta})
	g.pages = append(g.pages, index)
	return nil
}

// put appends a page, compressed as its chunk is.
func (e *columnEncoder) put(g *rowGroup, meta *format.ColumnMetaData, h format.PageHeader, page []byte) error {
	stored := page
	if meta.Codec == format.Zstd {
		e.packed = e.zstd.EncodeAll(page, e.packed[:0])
		stored = e.packed
	}
	h.UncompressedPageSize, h.CompressedPageSize = int32(len(page)), int32(len(stored))
	e.head.Reset()
	if err := e.encoder.Encode(&h); err != nil {
		return err
	}
	g.bytes = append(append(g.bytes, e.head.Bytes()...), stored...)
	meta.TotalUncompressedSize += int64(e.head.Len() + len(page))
	return nil
}

// indexed is a chunk of e.index, which is not looked at where all are 0, into a
// dictionary with n entries.
func (e *columnEncoder) indexed(dictionary []byte, n int) chunk {
	if n == 1 {
		return chunk{dictionary: dictionary, entries: 1, encoding: format.RLEDictionary, page: func(dst []byte, from, to int) ([]byte, error) {
			return binary.AppendUvarint(append(dst, 0), uint64(to-from)<<1), nil // one run of no bits
		}}
	}
	return chunk{dictionary: dictionary, entries: n, encoding: format.RLEDictionary, page: func(dst []byte, from, to int) ([]byte, error) {
		// As rle.DictionaryEncoding does it, whose search for the width takes
		// longer than the encoding.
		index := e.index[from:to]
		width := bits.Len32(uint32(allBits(index)))
		dst = append(slices.Grow(dst[:0], 1+4*len(index)), byte(width))
		out, err := (&rle.Encoding{BitWidth: width}).EncodeInt32(dst[1:], index)
		return append(dst, out...), err
	}}
}

// allBits has the bits that any of s has.
func allBits(s []int32) (all int32) {
	var a, b, c, d int32
	for ; len(s) >= 4; s = s[4:] {
		a, b, c, d = a|s[0], b|s[1], c|s[2], d|s[3]
	}
	for _, x := range s {
		a |= x
	}
	return a | b | c | d
}

func appendText(b []byte, text []byte) []byte {
	return append(binary.LittleEndian.AppendUint32(b, uint32(len(text))), text...)
}

// constant encodes one text for all rows.
func (e *columnEncoder) constant(g *rowGroup, c monthColumnLayout, text string) error {
	p := e.indexed(appendText(nil, []byte(text)), 1)
	p.min, p.max = []byte(text), []byte(text)
	return e.chunk(g, c, p)
}

// attacks encodes the attack of each row: rows are sorted by it.
func (e *columnEncoder) attacks(g *rowGroup, c monthColumnLayout) error {
	e.index = e.index[:0]
	var dictionary []byte
	n := int32(-1)
	last := ""
	for _, v := range g.views {
		if n < 0 || v.attack != last {
			n, last = n+1, v.attack
			dictionary = appendText(dictionary, []byte(last))
		}
		for range v.to - v.from {
			e.index = append(e.index, n)
		}
	}
	p := e.indexed(dictionary, int(n)+1)
	p.min, p.max = []byte(g.views[0].attack), []byte(last)
	return e.chunk(g, c, p)
}

// ips encodes addresses, which share beginnings with those before them.
func (e *columnEncoder) ips(g *rowGroup, c monthColumnLayout) error {
	e.text.bytes, e.text.ends = e.text.bytes[:0], append(e.text.ends[:0], 0)
	for _, v := range g.views {
		for i := v.from; i < v.to; i++ {
			e.text.bytes = append(e.text.bytes, v.ips.at(i)...)
			e.text.end()
		}
	}
	return e.chunk(g, c, chunk{encoding: format.DeltaByteArray, page: func(dst []byte, from, to int) ([]byte, error) {
		return new(delta.ByteArrayEncoding).EncodeByteArray(dst, e.text.bytes, e.text.ends[from:to+1])
	}})
}

// hours encodes requests_per_hour: rows of few requests have few different
// ones.
func (e *columnEncoder) hours(g *rowGroup, c monthColumnLayout) error {
	e.dict.reset()
	e.index = e.index[:0]
	var dictionary []byte
	known := map[string]int32{}
	for _, v := range g.views {
		for i := v.from; i < v.to; i++ {
			t := v.hours.at(i)
			if len(t) < 8 {
				// As a word: its length above its bytes.
				var w [8]byte
				copy(w[:], t)
				w[7] = byte(len(t)) + 1
				n, fresh := e.dict.put(binary.LittleEndian.Uint64(w[:]))
				if n < 0 {
					return e.plainHours(g, c)
				}
				if fresh {
					dictionary = appendText(dictionary, t)
				}
				e.index = append(e.index, n)
				continue
			}
			n, ok := known[string(t)]
			if !ok {
				if len(dictionary) > 1<<20 || e.dict.n >= maxDictionary {
					return e.plainHours(g, c)
				}
				n = e.dict.next()
				known[string(t)] = n
				dictionary = appendText(dictionary, t)
			}
			e.index = append(e.index, n)
		}
	}
	return e.chunk(g, c, e.indexed(dictionary, int(e.dict.n)))
}

func (e *columnEncoder) plainHours(g *rowGroup, c monthColumnLayout) error {
	e.text.bytes, e.text.ends = e.text.bytes[:0], append(e.text.ends[:0], 0)
	for _, v := range g.views {
		for i := v.from; i < v.to; i++ {
			e.text.bytes = appendText(e.text.bytes, v.hours.at(i))
			e.text.end()
		}
	}
	return e.chunk(g, c, chunk{encoding: format.Plain, page: func(dst []byte, from, to int) ([]byte, error) {
		return append(dst, e.text.bytes[e.text.ends[from]:e.text.ends[to]]...), nil
	}})
}

// times encodes seconds as milliseconds.
func (e *columnEncoder) times(g *rowGroup, c monthColumnLayout, of func(view) []int64) error {
	e.ints = e.ints[:0]
	for _, v := range g.views {
		for _, t := range of(v)[v.from:v.to] {
			e.ints = append(e.ints, t*1000)
		}
	}
	return e.chunk(g, c, chunk{
		encoding: format.DeltaBinaryPacked,
		min:      binary.LittleEndian.AppendUint64(nil, uint64(slices.Min(e.ints))), max: binary.LittleEndian.AppendUint64(nil, uint64(slices.Max(e.ints))),
		page: func(dst []byte, from, to int) ([]byte, error) {
			return new(delta.BinaryPackedEncoding).EncodeInt64(dst, e.ints[from:to])
		},
	})
}

// numbers encodes a feature: by a dictionary if it has few different values,
// else as they are.
func (e *columnEncoder) numbers(g *rowGroup, c monthColumnLayout) error {
	count := c.kind == format.Int64
	at := slices.IndexFunc(e.spans, func(s groupSpan) bool { return s.from <= c.feature && c.feature < s.to })
	var p chunk
	var ok bool
	if at < 0 {
		p, ok = e.dictionaryOf(g, c.feature, count)
	} else {
		p, ok = e.tupled(g, c.feature, at)
	}
	if !ok {
		e.words = e.words[:0]
		add := func(x float64) {
			e.words = append(e.words, word(x, count))
			if x != x {
				g.nans[c.feature]++
			}
		}
		for _, v := range g.views {
			if at < 0 {
				for _, x := range v.values[c.feature][v.from:v.to] {
					add(x)
				}
				continue
			}
			t := &v.tuples[at]
			for _, n := range t.of[v.from:v.to] {
				add(t.values[int(n)*t.width+c.feature-e.spans[at].from])
			}
		}
		p = chunk{encoding: format.Plain, page: func(dst []byte, from, to int) ([]byte, error) {
			for _, w := range e.words[from:to] {
				dst = binary.LittleEndian.AppendUint64(dst, w)
			}
			return dst, nil
		}}
	}
	if count {
		low, high := int64(math.MaxInt64), int64(math.MinInt64)
		for _, v := range g.views {
			for _, x := range v.values[c.feature][v.from:v.to] {
				low, high = min(low, int64(x)), max(high, int64(x))
			}
		}
		p.min, p.max = binary.LittleEndian.AppendUint64(nil, uint64(low)), binary.LittleEndian.AppendUint64(nil, uint64(high))
	}
	return e.chunk(g, c, p)
}

// word is a value's eight bytes in the file.
func word(x float64, count bool) uint64 {
	switch {
	case count:
		return uint64(int64(x))
	case x != x:
		return math.Float64bits(math.NaN()) // one bit pattern
	}
	return math.Float64bits(x)
}

// dictionaryOf encodes a feature by a dictionary; not ok where its values are
// too different.
func (e *columnEncoder) dictionaryOf(g *rowGroup, feature int, count bool) (_ chunk, ok bool) {
	e.dict.reset()
	e.index = slices.Grow(e.index[:0], g.rows)[:g.rows]
	at, nans := 0, int64(0)
	for _, v := range g.views {
		values := v.values[feature][v.from:v.to]
		index := e.index[at : at+len(values)]
		for i := 0; i < len(values); { // many columns repeat one value
			x := values[i]
			n, _ := e.dict.put(word(x, count))
			if n < 0 || e.manyWords(at+i) {
				return chunk{}, false
			}
			from := i
			for w := math.Float64bits(x); i < len(values) && math.Float64bits(values[i]) == w; i++ {
				index[i] = n
			}
			if x != x {
				nans += int64(i - from)
			}
		}
		at += len(values)
	}
	g.nans[feature] = nans
	return e.indexed(e.dict.plain(), int(e.dict.n)), true
}

// manyWords says of a dictionary as it is at a row that it doesn't pay: the first
// page tells.
func (e *columnEncoder) manyWords(at int) bool { return at < pageRows && e.dict.n > pageRows*3/8 }

// labels encodes the label, which may be null.
func (e *columnEncoder) labels(g *rowGroup, c monthColumnLayout) error {
	e.flags = e.flags[:0]
	nulls := int64(0)
	for _, v := range g.views {
		for _, l := range v.labels[v.from:v.to] {
			if l == row.Unknown {
				nulls++
			}
			e.flags = append(e.flags, l)
		}
	}
	return e.chunk(g, c, chunk{encoding: format.Plain, nulls: nulls, page: func(dst []byte, from, to int) ([]byte, error) {
		e.levels = e.levels[:0]
		var set []byte
		n := 0
		for _, l := range e.flags[from:to] {
			if l == row.Unknown {
				e.levels = append(e.levels, 0)
				continue
			}
			e.levels = append(e.levels, 1)
			if n&7 == 0 {
				set = append(set, 0)
			}
			if l == row.True {
				set[n>>3] |= 1 << (n & 7)
			}
			n++
		}
		levels, err := (&rle.Encoding{BitWidth: 1}).EncodeLevels(nil, e.levels)
		return append(appendText(dst, levels), set...), err
	}})
}

// dictionary numbers different words in the order in which they come.
type dictionary struct {
	slots [1 << dictionaryBits]int32 // number and 1; 0 is free
	words [maxDictionary]uint64
	used  []int32 // slots
	n     int32
}

const (
	dictionaryBits = 15
	maxDictionary  = 1 << (dictionaryBits - 1)
)

func (d *dictionary) reset() {
	for _, s := range d.used {
		d.slots[s] = 0
	}
	d.used, d.n = d.used[:0], 0
}

// put gives a word's number, -1 where there is no room for one more. fresh says
// that it is a new one.
func (d *dictionary) put(w uint64) (n int32, fresh bool) {
	h := w ^ w>>32
	at := int32(h * 0x9e3779b97f4a7c15 >> (64 - dictionaryBits))
	for {
		switch s := d.slots[at]; {
		case s == 0:
			if d.n >= maxDictionary {
				return -1, false
			}
			d.slots[at] = d.n + 1
			d.used = append(d.used, at)
			d.words[d.n] = w
			d.n++
			return d.n - 1, true
		case d.words[s-1] == w:
			return s - 1, false
		}
		at = (at + 1) & (1<<dictionaryBits - 1)
	}
}

// plain are the words as a page has them.
func (d *dictionary) plain() []byte {
	b := make([]byte, 0, 8*d.n)
	for _, w := range d.words[:d.n] {
		b = binary.LittleEndian.AppendUint64(b, w)
	}
	return b
}

// next gives a number to what is no word.
func (d *dictionary) next() int32 {
	// No text gives this word: its last byte would be its length and 1.
	d.words[d.n] = 0
	d.n++
	return d.n - 1
}
