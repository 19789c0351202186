package attackagents

import (
	"testing"

	"sluice/notebooks-port/internal/studytest"
)

// small are the flags for a small world.
func small(w *studytest.World) []string {
	return append([]string{"--rate", "0.004", "--few", "3"}, w.Args("attacks", "labels")...)
}

func TestGolden(t *testing.T) {
	studytest.Golden(t, Main, small(studytest.NewWorld(t))...)
}

func TestMaskedAndInterrupted(t *testing.T) {
	w := studytest.NewWorld(t)
	studytest.Masked(t, Main, w, false, small(w)...)
	studytest.Interrupted(t, Main, small(w)...)
}
