package gbtree

func sumNarrow(hist histogram, bins []uint8, gpair []gradientPair, rows []uint32, n int) {
	sumNarrowGeneric(hist, bins, gpair, rows, n)
}
