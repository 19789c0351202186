package report

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"slices"
	"strconv"
	"strings"

	"sluice/serve/chart"
)

// MaxHTML is the size that a report stays below.
const MaxHTML = 2 << 20

type htmlWriter struct {
	bytes.Buffer
	regions int
}

// esc makes text safe and keeps a number and its per cent sign on one line.
func esc(s string) string {
	return strings.ReplaceAll(chart.Escape(s), " %", "\u00a0%")
}

// html renders the document as one file under a content security policy that
// allows its own style and nothing else.
func (d *document) html() []byte {
	w := &htmlWriter{}
	style := pageCSS + chart.CSS
	sum := sha256.Sum256([]byte(style))
	w.WriteString("<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n")
	w.WriteString(`<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'sha256-` +
		base64.StdEncoding.EncodeToString(sum[:]) + `'; base-uri 'none'; form-action 'none'">` + "\n")
	w.WriteString("<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<meta name=\"color-scheme\" content=\"light dark\">\n")
	w.WriteString("<meta name=\"referrer\" content=\"no-referrer\">\n")
	w.WriteString("<title>" + esc(d.title) + "</title>\n<style>" + style + "</style>\n</head>\n<body>\n")
	w.WriteString("<a class=\"skip\" href=\"#main\">Skip to the report</a>\n<header>\n<h1>" + esc(d.title) + "</h1>\n")
	if d.version != "" {
		w.WriteString("<p class=\"version\">version <code>" + esc(d.version) + "</code></p>\n")
	}
	w.WriteString("</header>\n<nav aria-label=\"Contents\"><ul>\n")
	for _, s := range d.sections {
		w.WriteString(`<li><a href="#` + s.id + `">` + esc(s.title) + "</a></li>\n")
	}
	w.WriteString("</ul></nav>\n<main id=\"main\">\n")
	for _, s := range d.sections {
		w.WriteString(`<section aria-labelledby="` + s.id + `">` + "\n" + `<h2 id="` + s.id + `">` + esc(s.title) + "</h2>\n")
		w.blocks(s.blocks)
		w.WriteString("</section>\n")
	}
	w.WriteString("</main>\n</body>\n</html>\n")
	return w.Bytes()
}

func (w *htmlWriter) spans(ss []span) {
	for _, s := range ss {
		w.WriteString(htmlSpan(s))
	}
}

func htmlSpan(s span) string {
	t := esc(s.text)
	if s.def != "" {
		t = `<a class="def" href="#def-` + s.def + `">` + t + "</a>"
	}
	if s.bold {
		t = "<strong>" + t + "</strong>"
	}
	return t
}

func (w *htmlWriter) blocks(bs []block) {
	for _, b := range bs {
		switch b := b.(type) {
		case paragraph:
			w.WriteString("<p>")
			w.spans(b)
			w.WriteString("</p>\n")
		case callout:
			role := "note"
			w.WriteString(`<p class="callout ` + b.tone + `" role="` + role + `">`)
			w.spans(b.text)
			w.WriteString("</p>\n")
		case list:
			w.WriteString("<ul>\n")
			for _, item := range b {
				w.WriteString("<li>")
				w.spans(item)
				w.WriteString("</li>\n")
			}
			w.WriteString("</ul>\n")
		case heading:
			w.WriteString("<h3>" + esc(b.text) + "</h3>\n")
		case code:
			w.WriteString("<pre tabindex=\"0\"><code>" + esc(b.text) + "</code></pre>\n")
		case details:
			w.WriteString("<details><summary>" + esc(b.summary) + "</summary>\n")
			w.blocks(b.blocks)
			w.WriteString("</details>\n")
		case cards:
			w.cards(b)
		case table:
			w.table(&b)
		case figure:
			w.figure(b)
		case wide:
			w.WriteString("<div class=\"wide\">\n")
			w.figure(figure(b))
			w.WriteString("</div>\n")
		case gallery:
			class := "figures"
			if n := len(b.figures); n == 2 || n == 4 {
				class += " pair"
			}
			w.WriteString("<div class=\"" + class + "\">\n")
			for _, f := range b.figures {
				w.figure(f)
			}
			w.WriteString("</div>\n")
		case beside:
			w.WriteString("<div class=\"beside\">\n")
			for _, t := range b {
				w.table(&t)
			}
			w.WriteString("</div>\n")
		case definitionList:
			w.WriteString("<dl class=\"defs\">\n")
			for _, d := range b {
				w.WriteString(`<dt id="def-` + d.id + `">` + esc(d.term) + "</dt><dd>" + esc(d.text) + "</dd>\n")
			}
			w.WriteString("</dl>\n")
		}
	}
}

func (w *htmlWriter) cards(cs cards) {
	w.WriteString("<ul class=\"cards\">\n")
	for _, c := range cs {
		w.WriteString(`<li><span class="label">` + esc(c.label) + `</span> <span class="value">` +
			htmlSpan(span{text: c.value, def: c.def}) + `</span> <span class="note">` + esc(c.note) + "</span></li>\n")
	}
	w.WriteString("</ul>\n")
}

func (w *htmlWriter) figure(f figure) {
	w.WriteString("<figure>\n" + f.svg + "<figcaption>" + esc(f.caption) + "</figcaption>\n")
	if f.data != nil {
		w.WriteString("<details class=\"data\"><summary>The figures as a table</summary>\n")
		w.table(f.data)
		w.WriteString("</details>\n")
	}
	w.WriteString("</figure>\n")
}

// many marks a table of so many columns that paper needs smaller letters.
func many(t *table) string {
	if len(t.head) > 10 {
		return ` class="many"`
	}
	return ""
}

// table writes a table in a box of its own that scrolls, by keyboard too,
// where the page is narrower than it.
func (w *htmlWriter) table(t *table) {
	w.regions++
	id := "table-" + strconv.Itoa(w.regions)
	w.WriteString(`<div class="scroll" tabindex="0" role="region" aria-labelledby="` + id + `"><table` + many(t) + ">\n")
	w.WriteString(`<caption id="` + id + `">` + esc(t.caption) + "</caption>\n")
	if slices.ContainsFunc(t.head, func(c cell) bool { return c.text != "" }) {
		w.WriteString("<thead><tr>")
		for _, c := range t.head {
			if c.text == "" {
				w.WriteString("<td></td>")
				continue
			}
			w.WriteString(`<th scope="col"` + numClass(c) + ">" + htmlSpan(span{text: c.text, def: c.def}) + "</th>")
		}
		w.WriteString("</tr></thead>\n")
	}
	w.WriteString("<tbody>\n")
	for i, row := range t.rows {
		if i == t.mark {
			w.WriteString("<tr class=\"mark\">")
		} else {
			w.WriteString("<tr>")
		}
		for _, c := range row {
			tag := "td"
			open := "<td" + numClass(c) + ">"
			if c.head {
				tag = "th"
				open = `<th scope="row">`
				if len([]rune(c.text)) > shortHead {
					open = `<th scope="row" class="long">`
				}
			}
			w.WriteString(open + htmlSpan(span{text: c.text, def: c.def}) + "</" + tag + ">")
		}
		w.WriteString("</tr>\n")
	}
	w.WriteString("</tbody></table></div>\n")
}

// shortHead is the letters of a row's name that are never broken.
const shortHead = 22

func numClass(c cell) string {
	switch {
	case c.num:
		return ` class="num"`
	case c.prose:
		return ` class="prose"`
	}
	return ""
}
