package server

import (
	"runtime/debug"
	"testing"
)

// Who says how often garbage is to be collected is heard.
func TestRelaxCollector(t *testing.T) {
	defer debug.SetGCPercent(debug.SetGCPercent(100))
	t.Setenv("GOGC", "100")
	relaxCollector()
	if got := debug.SetGCPercent(100); got != 100 {
		t.Errorf("GOGC=100 became %d", got)
	}
	t.Setenv("GOGC", "")
	relaxCollector()
	if got := debug.SetGCPercent(100); got != relaxedGC {
		t.Errorf("the percent is %d, want %d", got, relaxedGC)
	}
}
