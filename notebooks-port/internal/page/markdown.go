package page

import (
	"strings"

	"sluice/train/markup"
)

// Markdown renders the document as text: tables instead of figures.
func (d *Document) Markdown() []byte {
	w := &markdownWriter{}
	w.Heading(1, mdText(d.Title))
	if d.Subtitle != "" {
		w.Paragraph(mdBold(d.Subtitle))
	}
	for _, s := range d.Sections {
		w.Heading(2, mdText(s.Title))
		w.blocks(s.Blocks)
	}
	return w.Text()
}

type markdownWriter struct{ markup.Markdown }

// mdText keeps text from being read as Markdown or HTML: what stands in a log
// was written by strangers.
func mdText(s string) string {
	return markup.Escape(strings.Map(func(r rune) rune {
		if r != '\n' && r != '\r' && (r < ' ' || r == 0x7F) {
			return -1
		}
		return r
	}, s), "\\`*[]<>|#&~")
}

// mdCode is text as logged.
func mdCode(s string) string {
	s = strings.Map(func(r rune) rune {
		switch {
		case r == '`':
			return '\''
		case r < ' ' || r == 0x7F:
			return ' '
		}
		return r
	}, s)
	if s == "" {
		return ""
	}
	return "`" + strings.ReplaceAll(s, "|", "\\|") + "`"
}

func mdBold(s string) string {
	var b strings.Builder
	for i, part := range strings.Split(s, "**") {
		if inner := strings.TrimSpace(part); i%2 == 1 && inner != "" {
			b.WriteString("**" + mdText(inner) + "**")
		} else {
			b.WriteString(mdText(part))
		}
	}
	return b.String()
}

func (w *markdownWriter) blocks(bs []Block) {
	for _, b := range bs {
		switch b := b.(type) {
		case Paragraph:
			w.Paragraph(mdBold(string(b)))
		case Callout:
			w.Callout(mdBold(b.Text))
		case List:
			items := make([]string, len(b))
			for i, item := range b {
				items[i] = mdBold(item)
			}
			w.List(items)
		case Heading:
			w.Heading(3, mdText(string(b)))
		case Code:
			w.Paragraph(mdText(b.Label) + ":")
			w.Code(b.Text)
		case Details:
			w.Heading(4, mdText(b.Summary))
			w.blocks(b.Blocks)
		case Cards:
			items := make([]string, len(b))
			for i, c := range b {
				items[i] = markup.Card(mdText(c.Label), mdText(c.Value), mdText(c.Note))
			}
			w.List(items)
		case *Table:
			w.table(b)
		case Figure:
			w.figure(b)
		case Beside:
			for _, t := range b {
				w.table(t)
			}
		case Gallery:
			for _, f := range b {
				w.figure(f)
			}
		}
	}
}

func (w *markdownWriter) figure(f Figure) {
	if f.Data != nil {
		w.table(f.Data)
		return
	}
	w.Paragraph(mdBold(f.Caption))
}

func (w *markdownWriter) table(t *Table) {
	kinds, names := t.columns()
	numbers := make([]bool, len(kinds))
	for i, k := range kinds {
		names[i], numbers[i] = mdText(names[i]), k == number
	}
	rows := make([][]string, len(t.Rows))
	for r, row := range t.Rows {
		for i, c := range row {
			text := mdBold(c)
			if i < len(kinds) && kinds[i] == logged {
				text = mdCode(c)
			} else if t.Bad[r] && i == 0 && text != "" && !strings.Contains(text, "**") {
				text = "**" + text + "**"
			}
			rows[r] = append(rows[r], text)
		}
	}
	w.Table(mdText(t.Caption), names, numbers, rows)
}
