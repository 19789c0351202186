//go:build !amd64

package gbtree

// logisticFast says that there is no kernel for this processor.
func logisticFast(_, _ []float32, _ []gradientPair) int { return 0 }
