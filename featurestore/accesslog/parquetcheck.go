package accesslog

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"github.com/parquet-go/parquet-go/format"
)

// Bounds on what a Parquet file says of itself. Real tables stay far below:
// writers make pages of about a MiB, and some put a whole row group of a column
// that hardly changes into one.
const (
	maxFooter        = 16 << 20  // bytes of metadata
	maxFooterItems   = 1 << 20   // items of all its lists
	maxTableColumns  = 4096      // schema elements
	maxPage          = 128 << 20 // bytes, decompressed
	maxPageValues    = 16 << 20
	maxPageHead      = 1 << 20
	firstPageHead    = 512
	parquetMagic     = "PAR1"
	parquetTail      = 8 // footer's length and magic
	schemaField      = 2 // of FileMetaData
	compressionSlack = 64 << 10
)

// checkFooter reads the metadata of a Parquet file and refuses one whose lists
// could not be as long as they say: the library makes room for them first.
func checkFooter(r io.ReaderAt, size int64) error {
	if size < int64(len(parquetMagic))+parquetTail {
		return errShort
	}
	var tail [parquetTail]byte
	if _, err := r.ReadAt(tail[:], size-parquetTail); err != nil {
		return err
	}
	if string(tail[4:]) != parquetMagic {
		return errors.New("its end is missing: the file was cut short, or is still being written")
	}
	n := int64(binary.LittleEndian.Uint32(tail[:4]))
	if n > maxFooter {
		return fmt.Errorf("its metadata claims %d bytes; up to %d are read", n, maxFooter)
	}
	if n > size-parquetTail-int64(len(parquetMagic)) {
		return errShort
	}
	b := make([]byte, n)
	if _, err := r.ReadAt(b, size-parquetTail-n); err != nil {
		return err
	}
	t := &thrift{b: b, items: maxFooterItems}
	return t.fields(func(id int64, kind byte) error {
		if id == schemaField && kind == thriftList {
			probe := *t
			if n, _, err := probe.list(); err == nil && n > maxTableColumns {
				return fmt.Errorf("it has %d columns; up to %d are read", n, maxTableColumns)
			}
		}
		return t.skip(kind, false, 0)
	})
}

// pageHead is what a page says of itself.
type pageHead struct {
	kind                     int64
	compressed, uncompressed int64
	values                   int64
	levels                   int64 // bytes of levels in front of a page of version 2
	plain                    bool  // a page of version 2 that is not compressed
	data                     bool
}

// parsePageHead reads the head at the start of b and gives its length.
func parsePageHead(b []byte) (h pageHead, n int, err error) {
	t := &thrift{b: b, items: 1024}
	number := func(kind byte, to *int64) error {
		if kind != thriftI32 {
			return errThrift
		}
		var err error
		*to, err = t.integer()
		return err
	}
	inner := func(of func(id int64, kind byte) (bool, error)) error {
		return t.fields(func(id int64, kind byte) error {
			if known, err := of(id, kind); known || err != nil {
				return err
			}
			return t.skip(kind, false, 1)
		})
	}
	err = t.fields(func(id int64, kind byte) error {
		switch {
		case id == 1:
			return number(kind, &h.kind)
		case id == 2:
			return number(kind, &h.uncompressed)
		case id == 3:
			return number(kind, &h.compressed)
		case (id == 5 || id == 7) && kind == thriftStruct: // data_page_header, dictionary_page_header
			return inner(func(f int64, kind byte) (bool, error) {
				if f == 1 {
					return true, number(kind, &h.values)
				}
				return false, nil
			})
		case id == 8 && kind == thriftStruct: // data_page_header_v2
			return inner(func(f int64, kind byte) (bool, error) {
				var part int64
				switch f {
				case 1:
					return true, number(kind, &h.values)
				case 5, 6: // lengths of definition and repetition levels
					err := number(kind, &part)
					if part < 0 {
						err = errThrift
					}
					h.levels += part
					return true, err
				case 7:
					h.plain = kind == thriftFalse
					return kind == thriftFalse || kind == thriftTrue, nil
				}
				return false, nil
			})
		}
		return t.skip(kind, false, 0)
	})
	h.data = h.kind == int64(format.DataPage) || h.kind == int64(format.DataPageV2)
	return h, t.at, err
}

// checkPages walks over the heads of a column's pages and refuses sizes that
// can't be, before the library makes room for them. rows is what the row
// group has; a column that isn't repeated has as many values.
func checkPages(r io.ReaderAt, size int64, m *format.ColumnMetaData, rows int64) error {
	at := m.DataPageOffset
	if m.DictionaryPageOffset != 0 {
		at = m.DictionaryPageOffset
	}
	if at < int64(len(parquetMagic)) || m.TotalCompressedSize < 0 || at > size-parquetTail || m.TotalCompressedSize > size-parquetTail-at {
		return errors.New("its pages lie outside the file")
	}
	end := at + m.TotalCompressedSize
	buf := make([]byte, firstPageHead)
	for values := int64(0); values < rows; {
		if at >= end {
			return fmt.Errorf("its pages hold %d values, the row group has %d rows", values, rows)
		}
		h, n, err := readPageHead(r, at, end, &buf)
		if err != nil {
			return err
		}
		at += int64(n)
		switch {
		case h.compressed < 0 || h.uncompressed < 0 || h.values < 0 || h.compressed > end-at:
			return errors.New("a page is longer than its column")
		case h.uncompressed > maxPage || h.compressed > maxPage:
			return fmt.Errorf("a page takes %d bytes; up to %d are read", max(h.uncompressed, h.compressed), maxPage)
		case h.values > maxPageValues:
			return fmt.Errorf("a page has %d values; up to %d are read", h.values, maxPageValues)
		case h.compressed > h.uncompressed+h.uncompressed/8+compressionSlack || h.levels > h.compressed:
			return errors.New("a page's sizes contradict each other")
		}
		if h.data {
			if values += h.values; values > rows {
				return fmt.Errorf("its pages hold more values than the row group's %d rows", rows)
			}
		}
		if !h.plain && h.compressed > h.levels {
			if err := checkExpansion(r, at+h.levels, h.compressed-h.levels, h.uncompressed-h.levels, m.Codec); err != nil {
				return err
			}
		}
		at += h.compressed
	}
	return nil
}

func readPageHead(r io.ReaderAt, at, end int64, buf *[]byte) (pageHead, int, error) {
	for want := int64(firstPageHead); ; want *= 8 {
		n := min(want, end-at)
		if int64(cap(*buf)) < n {
			*buf = make([]byte, n)
		}
		b := (*buf)[:n]
		if _, err := r.ReadAt(b, at); err != nil {
			return pageHead{}, 0, err
		}
		h, used, err := parsePageHead(b)
		if errors.Is(err, errShort) && n < end-at && want < maxPageHead {
			continue
		}
		return h, used, err
	}
}

// checkExpansion refuses a page that becomes longer than it says. Snappy says
// so in its first bytes; the others tell only by being decompressed.
func checkExpansion(r io.ReaderAt, at, n, claimed int64, codec format.CompressionCodec) error {
	tooLong := errors.New("a page becomes longer than it says when it is decompressed")
	if claimed < 0 {
		return tooLong
	}
	src := io.NewSectionReader(r, at, n)
	var plain io.Reader
	switch codec {
	case format.Uncompressed:
		return nil
	case format.Snappy:
		var b [binary.MaxVarintLen64]byte
		k, err := src.ReadAt(b[:], 0)
		if err != nil && err != io.EOF {
			return err
		}
		if v, w := binary.Uvarint(b[:k]); w <= 0 || v > uint64(claimed) {
			return tooLong
		}
		return nil
	case format.Gzip:
		z, err := gzip.NewReader(src)
		if err != nil {
			return err
		}
		plain = z
	case format.Zstd:
		z, err := zstd.NewReader(src, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(maxWindow))
		if err != nil {
			return err
		}
		defer z.Close()
		plain = z
	default:
		return fmt.Errorf("it is compressed with %s; snappy, gzip and zstd are read", codec)
	}
	k, err := io.Copy(io.Discard, io.LimitReader(plain, claimed+1))
	if err != nil {
		return err
	}
	if k > claimed {
		return tooLong
	}
	return nil
}

// isParquet reports whether a file begins as a Parquet file does.
func isParquet(r io.ReaderAt) bool {
	var b [4]byte
	n, _ := r.ReadAt(b[:], 0)
	return bytes.Equal(b[:n], []byte(parquetMagic))
}
