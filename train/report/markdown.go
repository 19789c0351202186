package report

import (
	"bytes"
	"strings"
)

// markdown renders the document for a code review: tables instead of figures,
// and one link to the definitions, so that the text reads well as it stands.
func (d *document) markdown() []byte {
	w := &markdownWriter{}
	w.WriteString("# " + mdText(d.title) + "\n\n")
	if d.version != "" {
		w.WriteString("Version `" + d.version + "`\n\n")
	}
	if last := d.sections[len(d.sections)-1]; last.id == "definitions" {
		w.WriteString("Each term is explained under [Definitions](#definitions).\n\n")
	}
	for _, s := range d.sections {
		w.WriteString("## " + mdText(s.title) + "\n\n")
		w.blocks(s.blocks)
	}
	return append(bytes.TrimRight(w.Bytes(), "\n"), '\n')
}

type markdownWriter struct{ bytes.Buffer }

// mdText keeps text from being read as Markdown or HTML.
func mdText(s string) string {
	var b strings.Builder
	for _, r := range s {
		switch r {
		case '\\', '`', '*', '[', ']', '<', '>', '|', '#':
			b.WriteByte('\\')
		case '_':
			// Inside a word an underscore is plain text everywhere.
		case '\n', '\r':
			r = ' '
		}
		b.WriteRune(r)
	}
	return b.String()
}

func (w *markdownWriter) spans(ss []span) {
	for _, s := range ss {
		if inner := strings.TrimSpace(s.text); s.bold && inner != "" {
			// Markdown wants its stars on letters: spaces go outside.
			lead, tail, _ := strings.Cut(s.text, inner)
			w.WriteString(lead + "**" + mdText(inner) + "**" + tail)
		} else {
			w.WriteString(mdText(s.text))
		}
	}
}

func (w *markdownWriter) blocks(bs []block) {
	for _, b := range bs {
		switch b := b.(type) {
		case paragraph:
			w.spans(b)
			w.WriteString("\n\n")
		case callout:
			w.WriteString("> ")
			w.spans(b.text)
			w.WriteString("\n\n")
		case list:
			for _, item := range b {
				w.WriteString("- ")
				w.spans(item)
				w.WriteString("\n")
			}
			w.WriteString("\n")
		case heading:
			w.WriteString("### " + mdText(b.text) + "\n\n")
		case code:
			w.WriteString("```\n" + strings.TrimRight(strings.ReplaceAll(b.text, "```", "'''"), "\n") + "\n```\n\n")
		case details:
			w.WriteString("#### " + mdText(b.summary) + "\n\n")
			w.blocks(b.blocks)
		case cards:
			for _, c := range b {
				w.WriteString("- " + mdText(c.label) + ": **" + mdText(c.value) + "**")
				if c.note != "" {
					w.WriteString(" (" + mdText(c.note) + ")")
				}
				w.WriteString("\n")
			}
			w.WriteString("\n")
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
			for _, d := range b {
				w.WriteString("- **" + mdText(d.term) + "**: " + mdText(d.text) + "\n")
			}
			w.WriteString("\n")
		}
	}
}

func (w *markdownWriter) figure(f figure) {
	if f.data != nil {
		w.table(f.data)
		return
	}
	w.WriteString(mdText(f.caption) + "\n\n")
}

func (w *markdownWriter) table(t *table) {
	w.WriteString("**" + mdText(t.caption) + "**\n\n")
	head := t.head
	if len(head) == 0 && len(t.rows) > 0 {
		head = make([]cell, len(t.rows[0]))
	}
	w.WriteString("|")
	for _, c := range head {
		w.WriteString(" " + mdText(c.text) + " |")
	}
	w.WriteString("\n|")
	for _, c := range head {
		if c.num {
			w.WriteString("---:|")
		} else {
			w.WriteString("---|")
		}
	}
	w.WriteString("\n")
	for i, row := range t.rows {
		w.WriteString("|")
		for _, c := range row {
			text := mdText(c.text)
			if i == t.mark && text != "" {
				text = "**" + text + "**"
			}
			w.WriteString(" " + text + " |")
		}
		w.WriteString("\n")
	}
	w.WriteString("\n")
}
