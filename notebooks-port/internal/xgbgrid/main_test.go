package xgbgrid

import (
	"testing"

	"sluice/notebooks-port/internal/studytest"
)

func TestGoldenAndMasked(t *testing.T) {
	w := studytest.NewWorld(t)
	args := w.Home(t)
	studytest.Golden(t, Main, args...)
	studytest.Masked(t, Main, w, false, args...)
	studytest.Interrupted(t, Main, args...)
	// Logs read for the occasion come to the same.
	studytest.Golden(t, Main, w.Args("attacks", "labels")...)
}
