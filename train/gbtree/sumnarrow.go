package gbtree

// sumNarrowGeneric is the kernel of the common layout in plain Go.
func sumNarrowGeneric(hist histogram, bins []uint8, gpair []gradientPair, rows []uint32, n int) {
	sumRows(hist, bins, gpair, rows, n, narrowStride)
}
