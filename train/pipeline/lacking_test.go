package pipeline

import (
	"strings"
	"testing"
)

// A column that the store lacks comes with what to do about it.
func TestLacking(t *testing.T) {
	for name, want := range map[string]string{
		"robots_txt_ratio":        "give their logs again with --logs",
		"abuseipdb_listed_before": "label exports (--labels)",
		"country_code":            "--mmdb",
	} {
		if got := lacking(name); !strings.Contains(got, want) {
			t.Errorf("%s: %q, want %q in it", name, got, want)
		}
	}
	if got := lacking("no_such_column"); got != "" {
		t.Errorf("of no column it says %q", got)
	}
}
