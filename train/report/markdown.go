package report

import (
	"strings"

	"sluice/train/markup"
)

// markdown renders the document for a code review: tables instead of figures,
// and one link to the definitions, so that the text reads well as it stands.
func (d *document) markdown() []byte {
	w := &markdownWriter{}
	w.Heading(1, mdText(d.title))
	if d.version != "" {
		w.Paragraph("Version `" + d.version + "`")
	}
	if last := d.sections[len(d.sections)-1]; last.id == "definitions" {
		w.Paragraph("Each term is explained under [Definitions](#definitions).")
	}
	for _, s := range d.sections {
		w.Heading(2, mdText(s.title))
		w.blocks(s.blocks)
	}
	return w.Text()
}

type markdownWriter struct{ markup.Markdown }

// mdText keeps text from being read as Markdown or HTML. Inside a word an
// underscore is plain text everywhere.
func mdText(s string) string { return markup.Escape(s, "\\`*[]<>|#") }

func mdSpans(ss []span) string {
	var b strings.Builder
	for _, s := range ss {
		if inner := strings.TrimSpace(s.text); s.bold && inner != "" {
			// Markdown wants its stars on letters: spaces go outside.
			lead, tail, _ := strings.Cut(s.text, inner)
			b.WriteString(lead + "**" + mdText(inner) + "**" + tail)
		} else {
			b.WriteString(mdText(s.text))
		}
	}
	return b.String()
}

func (w *markdownWriter) blocks(bs []block) {
	for _, b := range bs {
		switch b := b.(type) {
		case paragraph:
			w.Paragraph(mdSpans(b))
		case callout:
			w.Callout(mdSpans(b.text))
		case list:
			items := make([]string, len(b))
			for i, item := range b {
				items[i] = mdSpans(item)
			}
			w.List(items)
		case heading:
			w.Heading(3, mdText(b.text))
		case code:
			w.Code(b.text)
		case details:
			w.Heading(4, mdText(b.summary))
			w.blocks(b.blocks)
		case cards:
			items := make([]string, len(b))
			for i, c := range b {
				items[i] = markup.Card(mdText(c.label), mdText(c.value), mdText(c.note))
			}
			w.List(items)
		case table:
			w.table(&b)
		case figure:
			w.figure(b)
		case wide:
			w.figure(figure(b))
		case gallery:
			if b.data != nil {
				w.table(b.data)
				break
			}
			for _, f := range b.figures {
				w.figure(f)
			}
		case beside:
			for _, t := range b {
				w.table(&t)
			}
		case definitionList:
			items := make([]string, len(b))
			for i, d := range b {
				items[i] = "**" + mdText(d.term) + "**: " + mdText(d.text)
			}
			w.List(items)
		}
	}
}

func (w *markdownWriter) figure(f figure) {
	if f.data != nil {
		w.table(f.data)
		return
	}
	w.Paragraph(mdText(f.caption))
}

func (w *markdownWriter) table(t *table) {
	head := t.head
	if len(head) == 0 && len(t.rows) > 0 {
		head = make([]cell, len(t.rows[0]))
	}
	names, numbers := make([]string, len(head)), make([]bool, len(head))
	for i, c := range head {
		names[i], numbers[i] = mdText(c.text), c.num
	}
	rows := make([][]string, len(t.rows))
	for i, row := range t.rows {
		for _, c := range row {
			text := mdText(c.text)
			if i == t.mark && text != "" {
				text = "**" + text + "**"
			}
			rows[i] = append(rows[i], text)
		}
	}
	w.Table(mdText(t.caption), names, numbers, rows)
}
