package ipseries

import (
	"testing"

	"sluice/notebooks-port/internal/studytest"
)

// small are the flags for a small world.
func small(w *studytest.World) []string {
	return append([]string{}, w.Args("attacks", "labels", "drops")...)
}

func TestGolden(t *testing.T) {
	studytest.Golden(t, Main, small(studytest.NewWorld(t))...)
}

func TestMaskedAndInterrupted(t *testing.T) {
	w := studytest.NewWorld(t)
	studytest.Masked(t, Main, w, true, small(w)...)
	studytest.Interrupted(t, Main, small(w)...)
}
