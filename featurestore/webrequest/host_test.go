package webrequest

import (
	"strings"
	"testing"
)

func TestNormalizeHost(t *testing.T) {
	for _, tt := range []struct{ host, project, qualifiers, tld, family string }{
		{"", "-", "", "-", "-"},
		{" \t", "-", "", "-", "-"},
		{"-", "-", "", "-", "-"},
		{"wikipedia", "-", "", "-", "-"},
		{"192.168.0.1", "-", "", "-", "-"},
		{"192.168.0.1:80", "-", "", "-", "-"},
		{"a.1", "-", "", "-", "-"},
		{"a.1b", "-", "", "1b", "a"},
		{"wikipedia.org", "-", "", "org", "wikipedia"},
		{"Wikipedia.ORG", "-", "", "org", "wikipedia"},
		{"en.wikipedia.org", "en", "", "org", "wikipedia"},
		{"www.wikipedia.org", "-", "", "org", "wikipedia"},
		{"wwwx.wikipedia.org", "wwwx", "", "org", "wikipedia"},
		{"m.wikipedia.org", "-", "m", "org", "wikipedia"},
		{"mobile.wikipedia.org", "-", "mobile", "org", "wikipedia"},
		{"wap.wikipedia.org", "-", "wap", "org", "wikipedia"},
		{"zero.wikipedia.org", "-", "zero", "org", "wikipedia"},
		{"download.wikipedia.org", "-", "download", "org", "wikipedia"},
		{"en.m.wikipedia.org", "en", "m", "org", "wikipedia"},
		{"en.anything.wikipedia.org", "en", "anything", "org", "wikipedia"},
		{"en.m.zero.wikipedia.org", "en", "m;zero", "org", "wikipedia"},
		{"m.en.wikipedia.org", "-", "m;en", "org", "wikipedia"},
		{"www.en.wikipedia.org", "-", "en", "org", "wikipedia"},
		{"en.wikipedia.org:443", "en", "", "org", "wikipedia"},
		{"en.wikipedia.org.", "en", "", "org", "wikipedia"},
		{"en.wikipedia.org...", "en", "", "org", "wikipedia"},
		{"en...wikipedia./.org", "en", "", "org", "wikipedia"},
		{"en/wikipedia//org", "en", "", "org", "wikipedia"},
		{".wikipedia.org", "", "", "org", "wikipedia"},
		{"..org", "-", "", "org", ""},
		{"...", "-", "", "-", "-"},
		{":80", "-", "", "-", "-"},
		{"a:b.c", "-", "", "-", "-"},
		{" en.wikipedia.org ", " en", "", "org ", "wikipedia"},
		{"[2001:db8::1]", "-", "", "-", "-"},
		{"\u212aa.wi\u212aipedia.org", "ka", "", "org", "wikipedia"},
		{"É.example", "-", "", "example", "é"},
		{"\u0130.a.example", "i\u0307", "", "example", "a"},
	} {
		n := NormalizeHost(tt.host)
		if n.Project != tt.project || strings.Join(n.Qualifiers, ";") != tt.qualifiers || n.TLD != tt.tld ||
			n.ProjectFamily != tt.family || n.ProjectClass != tt.family {
			t.Errorf("NormalizeHost(%q) = %+v, want %+v", tt.host, n, tt)
		}
	}
}
