package page

import (
	"bytes"
	"strings"
)

// Markdown renders the document as text: tables instead of figures.
func (d *Document) Markdown() []byte {
	w := &markdownWriter{}
	w.WriteString("# " + mdText(d.Title) + "\n\n")
	if d.Subtitle != "" {
		w.WriteString(mdBold(d.Subtitle) + "\n\n")
	}
	for _, s := range d.Sections {
		w.WriteString("## " + mdText(s.Title) + "\n\n")
		w.blocks(s.Blocks)
	}
	return append(bytes.TrimRight(w.Bytes(), "\n"), '\n')
}

type markdownWriter struct{ bytes.Buffer }

// mdText keeps text from being read as Markdown or HTML: what stands in a log
// was written by strangers.
func mdText(s string) string {
	var b strings.Builder
	for _, r := range s {
		switch {
		case strings.ContainsRune("\\`*[]<>|#&~", r):
			b.WriteByte('\\')
		case r == '\n' || r == '\r':
			r = ' '
		case r < ' ' || r == 0x7F:
			continue
		}
		b.WriteRune(r)
	}
	return b.String()
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
			w.WriteString(mdBold(string(b)) + "\n\n")
		case Callout:
			w.WriteString("> " + mdBold(b.Text) + "\n\n")
		case List:
			for _, item := range b {
				w.WriteString("- " + mdBold(item) + "\n")
			}
			w.WriteString("\n")
		case Heading:
			w.WriteString("### " + mdText(string(b)) + "\n\n")
		case Code:
			w.WriteString(mdText(b.Label) + ":\n\n```\n" + strings.TrimRight(strings.ReplaceAll(b.Text, "```", "'''"), "\n") + "\n```\n\n")
		case Details:
			w.WriteString("#### " + mdText(b.Summary) + "\n\n")
			w.blocks(b.Blocks)
		case Cards:
			for _, c := range b {
				w.WriteString("- " + mdText(c.Label) + ": **" + mdText(c.Value) + "**")
				if c.Note != "" {
					w.WriteString(" (" + mdText(c.Note) + ")")
				}
				w.WriteString("\n")
			}
			w.WriteString("\n")
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
	w.WriteString(mdBold(f.Caption) + "\n\n")
}

func (w *markdownWriter) table(t *Table) {
	kinds, names := t.columns()
	w.WriteString("**" + mdText(t.Caption) + "**\n\n|")
	for _, n := range names {
		w.WriteString(" " + mdText(n) + " |")
	}
	w.WriteString("\n|")
	for _, k := range kinds {
		if k == number {
			w.WriteString("---:|")
		} else {
			w.WriteString("---|")
		}
	}
	w.WriteString("\n")
	for r, row := range t.Rows {
		w.WriteString("|")
		for i, c := range row {
			text := mdBold(c)
			if i < len(kinds) && kinds[i] == logged {
				text = mdCode(c)
			} else if t.Bad[r] && i == 0 && text != "" && !strings.Contains(text, "**") {
				text = "**" + text + "**"
			}
			w.WriteString(" " + text + " |")
		}
		w.WriteString("\n")
	}
	w.WriteString("\n")
}
