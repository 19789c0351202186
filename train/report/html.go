package report

import (
	"slices"
	"strings"

	"sluice/train/markup"
)

// MaxHTML is the size that a report stays below.
const MaxHTML = 2 << 20

type htmlWriter struct{ markup.HTML }

// html renders the document as one file.
func (d *document) html() []byte {
	w := &htmlWriter{}
	p := markup.Page{Title: d.title, Style: pageCSS}
	if d.version != "" {
		p.Under = "<p class=\"version\">version <code>" + markup.Esc(d.version) + "</code></p>\n"
	}
	var sections []markup.Section
	for _, s := range d.sections {
		sections = append(sections, markup.Section{ID: s.id, Title: s.title, Body: func() { w.blocks(s.blocks) }})
	}
	return w.Page(p, sections)
}

func htmlSpans(ss []span) string {
	var b strings.Builder
	for _, s := range ss {
		b.WriteString(htmlSpan(s))
	}
	return b.String()
}

func htmlSpan(s span) string {
	t := markup.Esc(s.text)
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
			w.Paragraph(htmlSpans(b))
		case callout:
			w.Callout(b.tone, htmlSpans(b.text))
		case list:
			items := make([]string, len(b))
			for i, item := range b {
				items[i] = htmlSpans(item)
			}
			w.List(items)
		case heading:
			w.Heading(b.text)
		case code:
			w.WriteString("<pre tabindex=\"0\"><code>" + markup.Esc(b.text) + "</code></pre>\n")
		case details:
			w.Details("", b.summary, func() { w.blocks(b.blocks) })
		case cards:
			w.Cards(func() {
				for _, c := range b {
					w.Card(c.label, htmlSpan(span{text: c.value, def: c.def}), c.note)
				}
			})
		case table:
			w.table(&b)
		case figure:
			w.figure(b)
		case wide:
			w.Group("wide", func() { w.figure(figure(b)) })
		case gallery:
			class := "figures"
			if n := len(b.figures); n == 2 || n == 4 {
				class += " pair"
			}
			w.Group(class, func() {
				for _, f := range b.figures {
					w.figure(f)
				}
			})
		case beside:
			w.Group("beside", func() {
				for _, t := range b {
					w.table(&t)
				}
			})
		case definitionList:
			w.WriteString("<dl class=\"defs\">\n")
			for _, d := range b {
				w.WriteString(`<dt id="def-` + d.id + `">` + markup.Esc(d.term) + "</dt><dd>" + markup.Esc(d.text) + "</dd>\n")
			}
			w.WriteString("</dl>\n")
		}
	}
}

func (w *htmlWriter) figure(f figure) {
	w.WriteString("<figure>\n" + f.svg + "<figcaption>" + markup.Esc(f.caption) + "</figcaption>\n")
	if f.data != nil {
		w.Data(func() { w.table(f.data) })
	}
	w.WriteString("</figure>\n")
}

// many marks a table of so many columns that paper needs smaller letters.
func many(t *table) string {
	if len(t.head) > 10 {
		return "many"
	}
	return ""
}

func (w *htmlWriter) table(t *table) {
	w.Table(many(t), t.caption, func() {
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
			w.Row(i == t.mark, func() {
				for _, c := range row {
					w.cell(c)
				}
			})
		}
		w.WriteString("</tbody>")
	})
}

func (w *htmlWriter) cell(c cell) {
	tag, open := "td", "<td"+numClass(c)+">"
	if c.head {
		tag, open = "th", `<th scope="row">`
		if len([]rune(c.text)) > shortHead {
			open = `<th scope="row" class="long">`
		}
	}
	w.WriteString(open + htmlSpan(span{text: c.text, def: c.def}) + "</" + tag + ">")
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
