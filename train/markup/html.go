package markup

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"strconv"
	"strings"

	"sluice/serve/chart"
)

// Esc makes text safe in HTML and keeps a number and its per cent sign on one
// line.
func Esc(s string) string {
	return strings.ReplaceAll(chart.Escape(s), " %", "\u00a0%")
}

// Page is a page before it is written.
type Page struct {
	Title string
	Under string // HTML below the title; may be empty
	Style string // CSS, to which that of charts is added
}

// Section is a heading, its anchor, and what writes what is below it. ID is
// letters, digits and hyphens.
type Section struct {
	ID, Title string
	Body      func()
}

// HTML collects a page. The zero value is ready.
type HTML struct {
	bytes.Buffer
	tables int
}

// Page writes the whole page.
func (w *HTML) Page(p Page, sections []Section) []byte {
	style := p.Style + chart.CSS
	sum := sha256.Sum256([]byte(style))
	w.WriteString("<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n")
	w.WriteString(`<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'sha256-` +
		base64.StdEncoding.EncodeToString(sum[:]) + `'; base-uri 'none'; form-action 'none'">` + "\n")
	w.WriteString("<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<meta name=\"color-scheme\" content=\"light dark\">\n")
	w.WriteString("<meta name=\"referrer\" content=\"no-referrer\">\n")
	w.WriteString("<title>" + Esc(p.Title) + "</title>\n<style>" + style + "</style>\n</head>\n<body>\n")
	w.WriteString("<a class=\"skip\" href=\"#main\">Skip to the report</a>\n<header>\n<h1>" + Esc(p.Title) + "</h1>\n")
	w.WriteString(p.Under)
	w.WriteString("</header>\n<nav aria-label=\"Contents\"><ul>\n")
	for _, s := range sections {
		w.WriteString(`<li><a href="#` + s.ID + `">` + Esc(s.Title) + "</a></li>\n")
	}
	w.WriteString("</ul></nav>\n<main id=\"main\">\n")
	for _, s := range sections {
		w.WriteString(`<section aria-labelledby="` + s.ID + `">` + "\n" + `<h2 id="` + s.ID + `">` + Esc(s.Title) + "</h2>\n")
		s.Body()
		w.WriteString("</section>\n")
	}
	w.WriteString("</main>\n</body>\n</html>\n")
	return w.Bytes()
}

// Paragraph, Callout, List and Card take HTML, as its text may hold links or
// bold words; all other methods take text.

// Paragraph writes a paragraph.
func (w *HTML) Paragraph(html string) { w.WriteString("<p>" + html + "</p>\n") }

// Callout writes a paragraph that must be seen; tone is "good", "bad" or
// "note".
func (w *HTML) Callout(tone, html string) {
	w.WriteString(`<p class="callout ` + tone + `" role="note">` + html + "</p>\n")
}

// List writes a list.
func (w *HTML) List(items []string) {
	w.WriteString("<ul>\n")
	for _, item := range items {
		w.WriteString("<li>" + item + "</li>\n")
	}
	w.WriteString("</ul>\n")
}

// Card writes one figure with its name inside a list of class cards.
func (w *HTML) Card(label, valueHTML, note string) {
	w.WriteString(`<li><span class="label">` + Esc(label) + `</span> <span class="value">` + valueHTML + `</span> <span class="note">` + Esc(note) + "</span></li>\n")
}

// Cards writes such a list.
func (w *HTML) Cards(write func()) {
	w.WriteString("<ul class=\"cards\">\n")
	write()
	w.WriteString("</ul>\n")
}

// Heading writes a heading below that of a section.
func (w *HTML) Heading(text string) { w.WriteString("<h3>" + Esc(text) + "</h3>\n") }

// Details writes what folds away; class may be empty.
func (w *HTML) Details(class, summary string, write func()) {
	if class != "" {
		class = ` class="` + class + `"`
	}
	w.WriteString("<details" + class + "><summary>" + Esc(summary) + "</summary>\n")
	write()
	w.WriteString("</details>\n")
}

// Data writes the table behind a figure, for those who can't see it.
func (w *HTML) Data(write func()) { w.Details("data", "The figures as a table", write) }

// Group writes a box of a class around others.
func (w *HTML) Group(class string, write func()) {
	w.WriteString("<div class=\"" + class + "\">\n")
	write()
	w.WriteString("</div>\n")
}

// Table writes a table with its caption in a box of its own that scrolls, by
// keyboard too, where the page is narrower than it; write writes head and body.
// class may be empty.
func (w *HTML) Table(class, caption string, write func()) {
	w.tables++
	id := "table-" + strconv.Itoa(w.tables)
	if class != "" {
		class = ` class="` + class + `"`
	}
	w.WriteString(`<div class="scroll" tabindex="0" role="region" aria-labelledby="` + id + `"><table` + class + ">\n")
	w.WriteString(`<caption id="` + id + `">` + Esc(caption) + "</caption>\n")
	write()
	w.WriteString("</table></div>\n")
}

// Row writes a row of cells; a marked one is stressed.
func (w *HTML) Row(mark bool, cells func()) {
	if mark {
		w.WriteString("<tr class=\"mark\">")
	} else {
		w.WriteString("<tr>")
	}
	cells()
	w.WriteString("</tr>\n")
}
