package markup

import (
	"bytes"
	"strings"
)

// Markdown collects a text. The zero value is ready. Its methods take Markdown,
// in which what was text is escaped; Code alone takes text.
type Markdown struct{ bytes.Buffer }

// Escape puts a backslash before each of these characters and makes one line of
// the text.
func Escape(s, special string) string {
	var b strings.Builder
	for _, r := range s {
		switch {
		case strings.ContainsRune(special, r):
			b.WriteByte('\\')
		case r == '\n' || r == '\r':
			r = ' '
		}
		b.WriteRune(r)
	}
	return b.String()
}

// Paragraph writes a paragraph.
func (w *Markdown) Paragraph(md string) { w.WriteString(md + "\n\n") }

// Callout writes a paragraph that must be seen.
func (w *Markdown) Callout(md string) { w.WriteString("> " + md + "\n\n") }

// Heading writes a heading of a level from 1.
func (w *Markdown) Heading(level int, md string) {
	w.WriteString(strings.Repeat("#", level) + " " + md + "\n\n")
}

// List writes a list.
func (w *Markdown) List(items []string) {
	for _, item := range items {
		w.WriteString("- " + item + "\n")
	}
	w.WriteString("\n")
}

// Card is one figure with its name, for a list.
func Card(label, value, note string) string {
	md := label + ": **" + value + "**"
	if note != "" {
		md += " (" + note + ")"
	}
	return md
}

// Code writes text as it is.
func (w *Markdown) Code(text string) {
	w.WriteString("```\n" + strings.TrimRight(strings.ReplaceAll(text, "```", "'''"), "\n") + "\n```\n\n")
}

// Table writes a table; numbers says which columns stand to the right.
func (w *Markdown) Table(caption string, head []string, numbers []bool, rows [][]string) {
	w.WriteString("**" + caption + "**\n\n")
	w.row(head)
	w.WriteString("|")
	for _, n := range numbers {
		if n {
			w.WriteString("---:|")
		} else {
			w.WriteString("---|")
		}
	}
	w.WriteString("\n")
	for _, r := range rows {
		w.row(r)
	}
	w.WriteString("\n")
}

func (w *Markdown) row(cells []string) {
	w.WriteString("|")
	for _, c := range cells {
		w.WriteString(" " + c + " |")
	}
	w.WriteString("\n")
}

// Text is the whole text, which ends in one newline.
func (w *Markdown) Text() []byte { return append(bytes.TrimRight(w.Bytes(), "\n"), '\n') }
