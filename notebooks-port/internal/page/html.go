package page

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"strconv"
	"strings"

	"sluice/serve/chart"
)

type htmlWriter struct {
	bytes.Buffer
	regions int
}

// esc makes text safe; a number stays with its per cent sign, and an address
// or path may break behind its slashes.
func esc(s string) string { return strings.ReplaceAll(chart.Escape(s), " %", "\u00a0%") }

// bold turns **text** into strong text.
func bold(s string) string {
	var b strings.Builder
	for i, part := range strings.Split(s, "**") {
		if i%2 == 1 {
			b.WriteString("<strong>" + esc(part) + "</strong>")
		} else {
			b.WriteString(esc(part))
		}
	}
	return b.String()
}

// HTML renders the document as one file.
func (d *Document) HTML() []byte {
	w := &htmlWriter{}
	style := pageCSS + chart.CSS
	sum := sha256.Sum256([]byte(style))
	w.WriteString("<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n")
	w.WriteString(`<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'sha256-` +
		base64.StdEncoding.EncodeToString(sum[:]) + `'; base-uri 'none'; form-action 'none'">` + "\n")
	w.WriteString("<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<meta name=\"color-scheme\" content=\"light dark\">\n<meta name=\"referrer\" content=\"no-referrer\">\n")
	w.WriteString("<title>" + esc(d.Title) + "</title>\n<style>" + style + "</style>\n</head>\n<body>\n")
	w.WriteString("<a class=\"skip\" href=\"#main\">Skip to the report</a>\n<header>\n<h1>" + esc(d.Title) + "</h1>\n")
	if d.Subtitle != "" {
		w.WriteString("<p class=\"subtitle\">" + bold(d.Subtitle) + "</p>\n")
	}
	w.WriteString("</header>\n<nav aria-label=\"Contents\"><ul>\n")
	for _, s := range d.Sections {
		w.WriteString(`<li><a href="#` + s.ID + `">` + esc(s.Title) + "</a></li>\n")
	}
	w.WriteString("</ul></nav>\n<main id=\"main\">\n")
	for _, s := range d.Sections {
		w.WriteString(`<section aria-labelledby="` + s.ID + `">` + "\n" + `<h2 id="` + s.ID + `">` + esc(s.Title) + "</h2>\n")
		w.blocks(s.Blocks)
		w.WriteString("</section>\n")
	}
	w.WriteString("</main>\n</body>\n</html>\n")
	return w.Bytes()
}

func (w *htmlWriter) blocks(bs []Block) {
	for _, b := range bs {
		switch b := b.(type) {
		case Paragraph:
			w.WriteString("<p>" + bold(string(b)) + "</p>\n")
		case Callout:
			w.WriteString(`<p class="callout ` + b.Tone + `" role="note">` + bold(b.Text) + "</p>\n")
		case List:
			w.WriteString("<ul>\n")
			for _, item := range b {
				w.WriteString("<li>" + bold(item) + "</li>\n")
			}
			w.WriteString("</ul>\n")
		case Heading:
			w.WriteString("<h3>" + esc(string(b)) + "</h3>\n")
		case Code:
			w.WriteString(`<figure class="code"><figcaption>` + esc(b.Label) + "</figcaption><pre tabindex=\"0\"><code>" + esc(b.Text) + "</code></pre></figure>\n")
		case Details:
			w.WriteString("<details><summary>" + esc(b.Summary) + "</summary>\n")
			w.blocks(b.Blocks)
			w.WriteString("</details>\n")
		case Cards:
			w.WriteString("<ul class=\"cards\">\n")
			for _, c := range b {
				w.WriteString(`<li><span class="label">` + esc(c.Label) + `</span> <span class="value">` + esc(c.Value) + `</span> <span class="note">` + esc(c.Note) + "</span></li>\n")
			}
			w.WriteString("</ul>\n")
		case *Table:
			w.table(b)
		case Figure:
			w.figure(b)
		case Beside:
			w.WriteString("<div class=\"beside\">\n")
			for _, t := range b {
				w.WriteString("<div>")
				w.table(t)
				w.WriteString("</div>\n")
			}
			w.WriteString("</div>\n")
		case Gallery:
			w.WriteString("<div class=\"figures\">\n")
			for _, f := range b {
				w.figure(f)
			}
			w.WriteString("</div>\n")
		}
	}
}

func (w *htmlWriter) figure(f Figure) {
	class := ""
	if f.Wide {
		class = ` class="wide"`
	}
	w.WriteString("<figure" + class + ">\n<div class=\"picture\" tabindex=\"0\" role=\"group\" aria-label=\"" + esc(f.Caption) + "\">" + f.SVG + "</div><figcaption>" + bold(f.Caption) + "</figcaption>\n")
	if f.Data != nil {
		w.WriteString("<details class=\"data\"><summary>The figures as a table</summary>\n")
		w.table(f.Data)
		w.WriteString("</details>\n")
	}
	w.WriteString("</figure>\n")
}

// table writes a table in a box that scrolls, by keyboard too, where the page
// is narrower than it.
func (w *htmlWriter) table(t *Table) {
	if t.Limit > 0 && len(t.Rows) > t.Limit+3 {
		top, rest := *t, *t
		top.Rows, rest.Rows = t.Rows[:t.Limit], t.Rows[t.Limit:]
		rest.Caption, rest.Bad = t.Caption+", continued", map[int]bool{}
		for i := range t.Bad {
			if i >= t.Limit {
				rest.Bad[i-t.Limit] = true
			}
		}
		w.rows(&top)
		w.WriteString("<details><summary>" + strconv.Itoa(len(rest.Rows)) + " more rows</summary>\n")
		w.rows(&rest)
		w.WriteString("</details>\n")
		return
	}
	w.rows(t)
}

func (w *htmlWriter) rows(t *Table) {
	w.regions++
	id := "table-" + strconv.Itoa(w.regions)
	w.WriteString(`<div class="scroll" tabindex="0" role="region" aria-labelledby="` + id + `"><table>` + "\n" + `<caption id="` + id + `">` + esc(t.Caption) + "</caption>\n<thead><tr>")
	kinds, names := t.columns()
	class := [...]string{"", ` class="num"`, ` class="prose"`, ` class="logged"`}
	for i, n := range names {
		w.WriteString(`<th scope="col"` + class[kinds[i]] + ">" + esc(n) + "</th>")
	}
	w.WriteString("</tr></thead>\n<tbody>\n")
	for r, row := range t.Rows {
		if t.Bad[r] {
			w.WriteString("<tr class=\"mark\">")
		} else {
			w.WriteString("<tr>")
		}
		for i, c := range row {
			k := plain
			if i < len(kinds) {
				k = kinds[i]
			}
			text := bold(c)
			if k == logged {
				text = "<code>" + esc(c) + "</code>"
			}
			if i == 0 {
				w.WriteString(`<th scope="row"` + class[k] + ">" + text + "</th>")
				continue
			}
			w.WriteString("<td" + class[k] + ">" + text + "</td>")
		}
		w.WriteString("</tr>\n")
	}
	w.WriteString("</tbody></table></div>\n")
}
