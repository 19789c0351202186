package webrequest

import (
	"strings"
	"testing"
	"unicode/utf8"
)

func TestProjectOf(t *testing.T) {
	for host, want := range map[string]string{
		"":                                          "-",
		"wikipedia":                                 "-",
		"wikipedia.org":                             "wikipedia",
		"en.wikipedia.org":                          "en.wikipedia",
		"EN.Wikipedia.ORG":                          "en.wikipedia",
		"www.wikidata.org":                          "wikidata",
		"m.wikidata.org":                            "wikidata",
		"mobile.wikidata.org":                       "wikidata",
		"wap.wikidata.org":                          "wikidata",
		"zero.wikidata.org":                         "wikidata",
		"download.wikidata.org":                     "wikidata",
		"en.m.wikipedia.org":                        "en.wikipedia",
		"en.x.wikipedia.org":                        "en.wikipedia",
		"m.en.wikipedia.org":                        "wikipedia",
		"en.m.zero.wikipedia.org":                   "en.wikipedia",
		"a.b.c.d.wikipedia.org":                     "-",
		"en.wikipedia.org.":                         "en.wikipedia",
		"en.wikipedia.org...":                       "en.wikipedia",
		"en..wikipedia.org":                         "en.wikipedia",
		".wikipedia.org":                            ".wikipedia",
		"en.wikipedia.org:443":                      "en.wikipedia",
		"...":                                       "-",
		strings.Repeat("a.", 400) + "a":             "-",
		strings.Repeat("a", 796) + ".org":           strings.Repeat("a", 796),
		strings.Repeat("a", 797) + ".org":           "-",
		"\u212aa.wikipedia.org":                     "ka.wikipedia",
		strings.Repeat("\U0001f600", 398) + ".org":  strings.Repeat("\U0001f600", 398),
		strings.Repeat("\U0001f600", 398) + "a.org": "-",
	} {
		if got := ProjectOf(host); got != want {
			t.Errorf("ProjectOf(%.40q) = %q, want %q", host, got, want)
		}
	}
}

func TestLanguageVariantOf(t *testing.T) {
	for path, want := range map[string]string{
		"":                              "-",
		"/":                             "default",
		"//":                            "default",
		"/wiki":                         "default",
		"/w":                            "default",
		"/wiki/A-B":                     "default",
		"/w/index.php":                  "default",
		"/w/api.php":                    "-",
		"//w//api.phpx":                 "-",
		"/api/rest_v1/page":             "default",
		"/api/rest_v":                   "default",
		"/view/en/Z1":                   "en",
		"/view/en":                      "default",
		"/view/":                        "default",
		"/view":                         "default",
		"/view/zh-hans/Z1/x":            "zh-hans",
		"/zh-hans/A":                    "zh-hans",
		"/sr-ec":                        "sr-ec",
		"/zh/A-B":                       "default",
		"/zh/":                          "default",
		"/zh":                           "default",
		"zh-hans":                       "-",
		"x/zh-hans/A":                   "zh-hans",
		"/-":                            "-",
		"/a-/":                          "a-",
		"/zh-hans?x=/y":                 "zh-hans",
		"?x":                            "-",
		"http://en.wikipedia.org/zh-hk": "zh-hk",
		"https://x/zh-hk/":              "zh-hk",
		"http://x/zh-hk/":               "default", // the first slash comes too early
		"https://x":                     "-",
		"http:/zh-hk/a-b/c":             "a-b",
		"http":                          "-",
		"http://é/zh-hk/a":              "default", // é is one unit, not two
		"http://éé/zh-hk/a":             "zh-hk",
		"http?x/zh-hk/a-b/":             "a-b", // the query is cut behind the slash
	} {
		if got := LanguageVariantOf(path); got != want {
			t.Errorf("LanguageVariantOf(%q) = %q, want %q", path, got, want)
		}
	}
}

func TestPageTitleOf(t *testing.T) {
	long := strings.Repeat("x", 512)
	for _, tt := range []struct{ path, query, want string }{
		{"/wiki/Main_Page", "", "Main_Page"},
		{"/wiki/Main_Page", "-", "Main_Page"},
		{"/wiki/Main Page", "", "Main_Page"},
		{"/wiki/Main%20Page", "", "Main_Page"},
		{"/wiki/A+B", "", "A+B"},
		{"/wiki/A%2bB", "", "A+B"},
		{"/wiki/%C3%A9", "", "é"},
		{"/wiki/%c3%a9", "", "é"},
		{"/wiki/%C3", "", "\ufffd"},
		{"/wiki/%E2%82%41", "", "\ufffdA"},
		{"/wiki/%E2%82", "", "\ufffd"},
		{"/wiki/%F0%9F%98x", "", "\ufffdx"},
		{"/wiki/%ED%A0%80", "", "\ufffd\ufffd\ufffd"},
		{"/wiki/%C0%80", "", "\ufffd\ufffd"},
		{"/wiki/%", "", "%"},
		{"/wiki/%4", "", "%4"},
		{"/wiki/%41", "", "A"},
		{"/wiki/%zz", "", "%zz"},
		{"/wiki/%4z%41", "", "%4zA"},
		{"/wiki/%2541", "", "%41"},
		{"/wiki/A?x=1", "", "A"},
		{"/wiki/A#b", "", "A"},
		{"/wiki/A%23b", "", "-"},
		{"#/wiki/A", "", "A"},
		{"/wiki/A<", "", "-"},
		{"/wiki/A>", "", "-"},
		{"/wiki/[A", "", "-"},
		{"/wiki/A]", "", "-"},
		{"/wiki/{A", "", "-"},
		{"/wiki/A}", "", "-"},
		{"/wiki/A|B", "", "-"},
		{"/wiki/A%7CB", "", "-"},
		{"/wiki/A%00", "", "-"},
		{"/wiki/A%1F", "", "-"},
		{"/wiki/A\n", "", "-"},
		{"/wiki/A%7F", "", "-"},
		{"/wiki/A%C2%80", "", "A\u0080"},
		{"/wiki/" + long, "", long},
		{"/wiki/" + long + "x", "", "-"},
		{"/wiki/" + strings.Repeat("%C3%A9", 256), "", strings.Repeat("é", 256)},
		{"/wiki/" + strings.Repeat("%C3%A9", 257), "", "-"},
		{"/wiki/" + strings.Repeat("%FF", 171), "", "-"}, // 513 bytes of U+FFFD
		{"/wiki/" + strings.Repeat("%FF", 170), "", strings.Repeat("\ufffd", 170)},
		{"/wiki/A/B", "", "A/B"},
		{"/wiki//A//B", "", "A/B"},
		{"/x/wiki/A", "", "A"},
		{"/wiki/wiki/A", "", "wiki/A"},
		{"/wiki/", "", "-"},
		{"/wiki/index.html", "", "-"},
		{"/wiki/index.html", "?page=B", "B"},
		{"/wiki/index.html", "?title=B", "B"},
		{"/w/index.php", "?title=A", "A"},
		{"/w/index.php", "title=A", "A"},
		{"/w/index.php", "??title=A", "-"},
		{"/w/index.php", "?a=1&title=A&title=B", "A"},
		{"/w/index.php", "?title=&title=B", "B"},
		{"/w/index.php", "?title&title=B", "B"},
		{"/w/index.php", "?Title=A", "-"},
		{"/w/index.php", "?xtitle=A", "-"},
		{"/w/index.php", "?title=A+B%20C", "A_B_C"},
		{"/w/index.php", "?title=A%2BB", "A+B"},
		{"/w/index.php", "?title=A=B", "A=B"},
		{"/w/index.php", "?title=A#b", "-"},
		{"/w/index.php", "?page=A+B", "A_B"},
		{"/w/index.php", "?page=A&title=B", "B"},
		{"/w/index.php", "", "-"},
		{"/w/index.php/A", "", "index.php/A"},
		{"/w/index.php/A", "?title=B", "B"},
		{"/w/index.php/A", "?page=B", "index.php/A"},
		{"/wiki/A", "?title=B", "B"},
		{"/wiki/A", "?page=B", "A"},
		{"/zh-hans/A", "", "A"},
		{"/zh-hans/A", "?page=B", "B"},
		{"/zh-hans/A/B", "", "A/B"},
		{"/zh-hans", "", "-"},
		{"/zh-hans/", "", "-"},
		{"zh/A/B", "", "B"},
		{"", "", "-"},
		{"/", "", "-"},
		{"/w/A", "", "A"},
		{"/w/", "", "-"},
		{"/view/en/Z1", "", "Z1"},
		{"/view/en/x/Z1", "", "Z1"},
		{"/view/Z1", "", "Z1"},
		{"/view/en/", "", "-"},
		{"/api/rest_v1/page/mobile-html/A", "", "A"},
		{"/api/rest_v1/page/mobile-sections/A", "", "A"},
		{"/api/rest_v1/page/mobile-sections-lead/A%20B", "", "A_B"},
		{"/api/rest_v1/page/mobile-html/A", "?page=B", "A"},
		{"/api/rest_v1/page/mobile-html/index.A", "", "index.A"},
		{"/x/api/rest_v1/page/mobile-html/A", "", "A"},
		{"/api/rest_v1/page/summary/A", "?page=B", "B"},
		{"/api/rest_v1/page/summary/A", "", "rest_v1/page/summary/A"},
		{"/api/rest_v1/page/mobile-html/", "", "rest_v1/page/mobile-html/"},
		{"http://en.wikipedia.org/wiki/A?b", "", "A"},
		{"https://en.wikipedia.org", "", "-"},
		{"https://en.wikipedia.org", "?title=A", "A"},
	} {
		if got := PageTitleOf(tt.path, tt.query); got != tt.want {
			t.Errorf("PageTitleOf(%q, %q) = %q, want %q", tt.path, tt.query, got, tt.want)
		}
	}
}

func TestPageviewInfoOf(t *testing.T) {
	got := PageviewInfoOf("zh.m.wikipedia.org", "/zh-hant/%E9%A6%96%E9%A1%B5", "")
	if want := (PageviewInfo{"zh.wikipedia", "zh-hant", "首页"}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

func FuzzPageviewInfo(f *testing.F) {
	f.Add("en.wikipedia.org", "/wiki/A%20B", "?title=C+D")
	f.Add("", "http://é/zh-hk/%E2%82", "page=x&title=")
	f.Fuzz(func(t *testing.T, host, path, query string) {
		i := PageviewInfoOf(host, path, query)
		if i.Project == "" || i.PageTitle == "" {
			t.Errorf("%q %q %q: %+v has an empty field", host, path, query, i)
		}
		if !utf8.ValidString(i.PageTitle) || len(i.PageTitle) > 512 || strings.ContainsAny(i.PageTitle, " #<>[]{}|\n\x7f") {
			t.Errorf("title %q of %q, %q", i.PageTitle, path, query)
		}
	})
}
