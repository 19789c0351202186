package fault

import (
	"strings"
	"testing"
)

func TestEditDistance(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want int
	}{{"", "", 0}, {"run", "run", 0}, {"rnu", "run", 2}, {"run", "runs", 1}, {"kitten", "sitting", 3}, {"", "abc", 3}, {strings.Repeat("x", 1000), "", 64}} {
		if got := EditDistance(c.a, c.b); got != c.want {
			t.Errorf("%.10q to %q: %d, want %d", c.a, c.b, got, c.want)
		}
	}
}

func TestDidYouMean(t *testing.T) {
	names := []string{"run", "evaluate", "export", "explain-line"}
	for name, want := range map[string]string{
		"rnu": ` (did you mean "run"?)`, "exprot": ` (did you mean "export"?)`, "explain": ` (did you mean "explain-line"?)`, "frobnicate": "",
	} {
		if got := DidYouMean(name, names); got != want {
			t.Errorf("%q: %q, want %q", name, got, want)
		}
	}
}
