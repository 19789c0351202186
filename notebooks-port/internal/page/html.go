package page

import (
	"strconv"
	"strings"

	"sluice/train/markup"
)

type htmlWriter struct{ markup.HTML }

// bold turns **text** into strong text.
func bold(s string) string {
	var b strings.Builder
	for i, part := range strings.Split(s, "**") {
		if i%2 == 1 {
			b.WriteString("<strong>" + markup.Esc(part) + "</strong>")
		} else {
			b.WriteString(markup.Esc(part))
		}
	}
	return b.String()
}

// HTML renders the document as one file.
func (d *Document) HTML() []byte {
	w := &htmlWriter{}
	p := markup.Page{Title: d.Title, Style: pageCSS}
	if d.Subtitle != "" {
		p.Under = "<p class=\"subtitle\">" + bold(d.Subtitle) + "</p>\n"
	}
	var sections []markup.Section
	for _, s := range d.Sections {
		sections = append(sections, markup.Section{ID: s.ID, Title: s.Title, Body: func() { w.blocks(s.Blocks) }})
	}
	return w.Page(p, sections)
}

func (w *htmlWriter) blocks(bs []Block) {
	for _, b := range bs {
		switch b := b.(type) {
		case Paragraph:
			w.Paragraph(bold(string(b)))
		case Callout:
			w.Callout(b.Tone, bold(b.Text))
		case List:
			items := make([]string, len(b))
			for i, item := range b {
				items[i] = bold(item)
			}
			w.List(items)
		case Heading:
			w.Heading(string(b))
		case Code:
			w.WriteString(`<figure class="code"><figcaption>` + markup.Esc(b.Label) + "</figcaption><pre tabindex=\"0\"><code>" + markup.Esc(b.Text) + "</code></pre></figure>\n")
		case Details:
			w.Details("", b.Summary, func() { w.blocks(b.Blocks) })
		case Cards:
			w.Cards(func() {
				for _, c := range b {
					w.Card(c.Label, markup.Esc(c.Value), c.Note)
				}
			})
		case *Table:
			w.table(b)
		case Figure:
			w.figure(b)
		case Beside:
			w.Group("beside", func() {
				for _, t := range b {
					w.WriteString("<div>")
					w.table(t)
					w.WriteString("</div>\n")
				}
			})
		case Gallery:
			w.Group("figures", func() {
				for _, f := range b {
					w.figure(f)
				}
			})
		}
	}
}

func (w *htmlWriter) figure(f Figure) {
	class := ""
	if f.Wide {
		class = ` class="wide"`
	}
	w.WriteString("<figure" + class + ">\n<div class=\"picture\" tabindex=\"0\" role=\"group\" aria-label=\"" + markup.Esc(f.Caption) + "\">" + f.SVG + "</div><figcaption>" + bold(f.Caption) + "</figcaption>\n")
	if f.Data != nil {
		w.Data(func() { w.table(f.Data) })
	}
	w.WriteString("</figure>\n")
}

// table writes a table, of which the rows beyond its limit fold away.
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
		w.Details("", strconv.Itoa(len(rest.Rows))+" more rows", func() { w.rows(&rest) })
		return
	}
	w.rows(t)
}

func (w *htmlWriter) rows(t *Table) {
	kinds, names := t.columns()
	class := [...]string{"", ` class="num"`, ` class="prose"`, ` class="logged"`}
	w.Table("", t.Caption, func() {
		w.WriteString("<thead><tr>")
		for i, n := range names {
			w.WriteString(`<th scope="col"` + class[kinds[i]] + ">" + markup.Esc(n) + "</th>")
		}
		w.WriteString("</tr></thead>\n<tbody>\n")
		for r, row := range t.Rows {
			w.Row(t.Bad[r], func() {
				for i, c := range row {
					k := plain
					if i < len(kinds) {
						k = kinds[i]
					}
					text := bold(c)
					if k == logged {
						text = "<code>" + markup.Esc(c) + "</code>"
					}
					if i == 0 {
						w.WriteString(`<th scope="row"` + class[k] + ">" + text + "</th>")
						continue
					}
					w.WriteString("<td" + class[k] + ">" + text + "</td>")
				}
			})
		}
		w.WriteString("</tbody>")
	})
}
