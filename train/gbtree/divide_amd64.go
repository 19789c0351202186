package gbtree

import "unsafe"

//go:noescape
func divideNarrow(rows *uint32, count int, col, table *uint8, left, right *uint32) int

//go:noescape
func divideWide(rows *uint32, count int, col *uint16, table *uint8, left, right *uint32) int

// divideFast is divideRows by the kernels of divide_amd64.s; ok is false where
// there is none. Rows must be below the length of the column, bins below that
// of the table, and left and right as long as rows.
func divideFast(rows []uint32, col *binColumn, table []uint8, left, right []uint32) (l int, ok bool) {
	for at := 0; at < len(rows); {
		n := min(len(rows)-at, rowsPerCall)
		r, t := &rows[at], unsafe.SliceData(table)
		to, from := &left[l], &right[at-l]
		if col.narrow != nil {
			l += divideNarrow(r, n, unsafe.SliceData(col.narrow), t, to, from)
		} else {
			l += divideWide(r, n, unsafe.SliceData(col.wide), t, to, from)
		}
		at += n
	}
	return l, true
}
