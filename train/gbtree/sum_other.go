//go:build !amd64

package gbtree

// sumFast says that there is no kernel for this processor.
func sumFast(histogram, *binBlock, []gradientPair, []uint32) bool { return false }
