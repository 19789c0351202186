package markup

import (
	"strings"
	"testing"
)

// A page holds what it is given, escaped where it is text, and each table has
// an anchor of its own.
func TestPage(t *testing.T) {
	w := &HTML{}
	page := string(w.Page(Page{Title: "a < b", Under: "<p>under</p>\n", Style: "p{}"}, []Section{
		{"one", "One & two", func() {
			w.Callout("bad", "<b>x</b>")
			for range 2 {
				w.Table("many", "5 %", func() { w.Row(true, func() { w.WriteString("<td>1</td>") }) })
			}
		}},
		{"two", "Two", func() { w.Details("", "more", func() { w.List([]string{"i"}) }) }},
	}))
	for _, want := range []string{
		"<title>a &lt; b</title>", "<p>under</p>", `<li><a href="#one">One &amp; two</a></li>`, `<h2 id="two">Two</h2>`,
		`<p class="callout bad" role="note"><b>x</b></p>`, `<table class="many">`, `<caption id="table-1">5` + "\u00a0" + `%</caption>`, `<caption id="table-2">`,
		`<tr class="mark"><td>1</td></tr>`, "<details><summary>more</summary>", "style-src 'sha256-", "default-src 'none'",
	} {
		if !strings.Contains(page, want) {
			t.Errorf("the page lacks %q:\n%s", want, page)
		}
	}
	if !strings.HasPrefix(page, "<!DOCTYPE html>") || !strings.HasSuffix(page, "</html>\n") {
		t.Error("the page is no whole page")
	}
}

func TestMarkdown(t *testing.T) {
	w := &Markdown{}
	w.Heading(2, Escape("a|b\nc", "|"))
	w.List([]string{Card("n", "1", ""), Card("m", "2", "of 3")})
	w.Table("t", []string{"x", "y"}, []bool{false, true}, [][]string{{"a", "1"}})
	w.Code("```\nno\n")
	const want = "## a\\|b c\n\n- n: **1**\n- m: **2** (of 3)\n\n**t**\n\n| x | y |\n|---|---:|\n| a | 1 |\n\n```\n'''\nno\n```\n"
	if got := string(w.Text()); got != want {
		t.Errorf("got\n%q\nwant\n%q", got, want)
	}
}
