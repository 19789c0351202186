package gbtree

import (
	"unsafe"

	"golang.org/x/sys/cpu"
)

//go:noescape
func logisticAVX2(margin, label *float32, gpair *gradientPair, groups int)

var hasAVX2 = cpu.X86.HasAVX2 && cpu.X86.HasFMA

// logisticFast writes the gradients of the first rows and returns how many.
func logisticFast(margin, label []float32, gpair []gradientPair) int {
	n := len(margin) &^ 3
	if n == 0 || !hasAVX2 {
		return 0
	}
	logisticAVX2(unsafe.SliceData(margin), unsafe.SliceData(label), unsafe.SliceData(gpair), n/4)
	return n
}
