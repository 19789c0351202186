//go:build !amd64

package gbtree

// sumFast says that there is no kernel for this processor.
func (q *quantized) sumFast(histogram, *binBlock, []gradientPair, []uint32, int, bool) bool {
	return false
}
