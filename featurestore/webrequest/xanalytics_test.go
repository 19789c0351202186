package webrequest

import (
	"maps"
	"strings"
	"testing"
)

func TestParseXAnalytics(t *testing.T) {
	for _, tt := range []struct {
		in   string
		want map[string]string
	}{
		{"", nil},
		{"-", nil},
		{"a=1", map[string]string{"a": "1"}},
		{"a=1;b=2", map[string]string{"a": "1", "b": "2"}},
		{"a=1;a=2", map[string]string{"a": "2"}},
		{"a=1;a", map[string]string{"a": ""}},
		{"a=b=c", map[string]string{"a": "b=c"}},
		{"a", map[string]string{"a": ""}},
		{"a=", map[string]string{"a": ""}},
		{"=a", map[string]string{"": "a"}},
		{";", map[string]string{"": ""}},
		{"a=1;", map[string]string{"a": "1", "": ""}},
		{" a = 1 ;A=2", map[string]string{" a ": " 1 ", "A": "2"}},
		{"--", map[string]string{"--": ""}},
		{"requestctl=x,y;https=1", map[string]string{"requestctl": "x,y", "https": "1"}},

		{"wprov=sfla1", map[string]string{"wprov": "sfla1"}},
		{"wprov= sfla1 \t", map[string]string{"wprov": "sfla1"}},
		{"wprov=sfla1https://x", map[string]string{"wprov": "sfla1"}},
		{"wprov=sfla1HTTPS://x", map[string]string{"wprov": "sfla1"}},
		{"wprov=https://x", map[string]string{"wprov": "https"}},
		{"wprov=abchttpdef", map[string]string{"wprov": "abc"}},
		{"wprov=httphttp", map[string]string{"wprov": "http"}},
		{"wprov=SFLA1", map[string]string{"wprov": ""}},
		{"wprov=sfla1_b", map[string]string{"wprov": "sfla1"}},
		{"wprov=é", map[string]string{"wprov": ""}},
		{"wprov=", map[string]string{"wprov": ""}},
		{"wprov", map[string]string{"wprov": ""}},
		{" wprov", map[string]string{" wprov": ""}},
		{" WProv =a-b;ns=0", map[string]string{"WProv": "a", "ns": "0"}},
		{"\n wprov\t=a", map[string]string{"wprov": "a"}},
		{"xwprov=A", map[string]string{"xwprov": "A"}},
		{"wprov=a;wprov=b", map[string]string{"wprov": "b"}},
		{"wprov=a; wprov =B", map[string]string{"wprov": ""}},
		{"xprov= A http", map[string]string{"xprov": " A http"}},
	} {
		got := ParseXAnalytics(tt.in)
		if !maps.Equal(got, tt.want) || (got == nil) != (tt.want == nil) {
			t.Errorf("ParseXAnalytics(%q) = %q, want %q", tt.in, got, tt.want)
		}
		for k, v := range tt.want {
			if got := XAnalyticsValue(tt.in, k); got != v {
				t.Errorf("XAnalyticsValue(%q, %q) = %q, want %q", tt.in, k, got, v)
			}
		}
		if got := XAnalyticsValue(tt.in, "missing"); got != "" {
			t.Errorf("XAnalyticsValue(%q, missing) = %q", tt.in, got)
		}
	}
}

func FuzzXAnalytics(f *testing.F) {
	f.Add("a=1;a=2; wprov = xhttp", "a")
	f.Add("-", "-")
	f.Add(";;=", "")
	f.Fuzz(func(t *testing.T, s, key string) {
		m := ParseXAnalytics(s)
		if got := XAnalyticsValue(s, key); got != m[key] {
			t.Errorf("XAnalyticsValue(%q, %q) = %q, the map has %q", s, key, got, m[key])
		}
		for k, v := range m {
			if strings.Contains(k, ";") || strings.Contains(v, ";") || strings.Contains(k, "=") {
				t.Errorf("%q has the pair %q, %q", s, k, v)
			}
			if got := XAnalyticsValue(s, k); got != v {
				t.Errorf("XAnalyticsValue(%q, %q) = %q, the map has %q", s, k, got, v)
			}
		}
	})
}
