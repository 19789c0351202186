package gbtree

import "unsafe"

// The kernels of sum_amd64.s, by number of features in a block and width of a
// bin (8 or 16 bits). hist is the block's first histogram in the narrow layout, bins, gpair
// and rows point to the first row's, count is the number of rows, ahead how many
// of the first of them are followed by at least 48 more, and width the bytes
// from one row's bins to the next. Every row number must be below the number of
// gradient pairs and every bin below 260.

//go:noescape
func sumNarrow1(hist *float64, bins *uint8, gpair *gradientPair, rows *uint32, count, ahead, width int)

//go:noescape
func sumNarrow2(hist *float64, bins *uint8, gpair *gradientPair, rows *uint32, count, ahead, width int)

//go:noescape
func sumNarrow3(hist *float64, bins *uint8, gpair *gradientPair, rows *uint32, count, ahead, width int)

//go:noescape
func sumNarrow4(hist *float64, bins *uint8, gpair *gradientPair, rows *uint32, count, ahead, width int)

//go:noescape
func sumNarrow5(hist *float64, bins *uint8, gpair *gradientPair, rows *uint32, count, ahead, width int)

//go:noescape
func sumNarrow6(hist *float64, bins *uint8, gpair *gradientPair, rows *uint32, count, ahead, width int)

//go:noescape
func sumWide1(hist *float64, bins *uint8, gpair *gradientPair, rows *uint32, count, ahead, width int)

//go:noescape
func sumWide2(hist *float64, bins *uint8, gpair *gradientPair, rows *uint32, count, ahead, width int)

//go:noescape
func sumWide3(hist *float64, bins *uint8, gpair *gradientPair, rows *uint32, count, ahead, width int)

//go:noescape
func sumWide4(hist *float64, bins *uint8, gpair *gradientPair, rows *uint32, count, ahead, width int)

//go:noescape
func sumWide5(hist *float64, bins *uint8, gpair *gradientPair, rows *uint32, count, ahead, width int)

//go:noescape
func sumWide6(hist *float64, bins *uint8, gpair *gradientPair, rows *uint32, count, ahead, width int)

var (
	narrowKernels = [blockWidth + 1]func(*float64, *uint8, *gradientPair, *uint32, int, int, int){
		1: sumNarrow1, 2: sumNarrow2, 3: sumNarrow3, 4: sumNarrow4, 5: sumNarrow5, 6: sumNarrow6,
	}
	wideKernels = [blockWidth + 1]func(*float64, *uint8, *gradientPair, *uint32, int, int, int){
		1: sumWide1, 2: sumWide2, 3: sumWide3, 4: sumWide4, 5: sumWide5, 6: sumWide6,
	}
)

// fetchDistance is how many rows ahead the kernels fetch.
const fetchDistance = 48

// rowsPerCall bounds a kernel's time: the scheduler cannot interrupt it.
const rowsPerCall = 1 << 14

// sumFast runs a kernel over the first count rows of a block in the narrow
// layout and says whether there is one. fetch asks it to fetch rows ahead, also
// those after count, which pays where they are far apart and not in cache.
func (q *quantized) sumFast(hist histogram, b *binBlock, gpair []gradientPair, rows []uint32, count int, fetch bool) bool {
	for count > 0 {
		n := min(count, rowsPerCall)
		ahead := 0
		if fetch {
			ahead = min(n, max(0, len(rows)-fetchDistance))
		}
		h, g, r := unsafe.SliceData(hist), unsafe.SliceData(gpair), unsafe.SliceData(rows)
		if b.wide {
			wideKernels[b.n](h, (*uint8)(unsafe.Pointer(&q.wide[b.offset])), g, r, n, ahead, 2*q.wideWidth)
		} else {
			narrowKernels[b.n](h, &q.narrow[b.offset], g, r, n, ahead, q.narrowWidth)
		}
		rows = rows[n:]
		count -= n
	}
	return true
}
