package report

import "strings"

// document is a report before it has a form.
type document struct {
	title    string
	version  string
	sections []section
}

// section is a heading and what is below it. id is its anchor.
type section struct {
	id, title string
	blocks    []block
}

// block is one of the kinds below.
type block interface{ isBlock() }

// span is a piece of text, or a figure that links to its definition.
type span struct {
	text string
	def  string // id of the definition; "" for plain text
	bold bool
}

type (
	paragraph []span
	// callout is a paragraph that must be seen: tone is "good", "bad" or
	// "note".
	callout struct {
		tone string
		text []span
	}
	list    [][]span
	heading struct{ text string }
	code    struct{ text string }
	details struct {
		summary string
		blocks  []block
	}
	cards []card
	card  struct {
		label, value, note, def string
	}
	table struct {
		caption string
		head    []cell
		rows    [][]cell
		// mark is the row to stress; -1 for none.
		mark int
	}
	cell struct {
		text  string
		def   string
		num   bool // right-aligned
		head  bool // it names its row
		prose bool // a sentence: it may wrap
	}
	figure struct {
		svg     string
		caption string
		// data is what the figure shows, for those who can't see it; it
		// stands for the figure in Markdown.
		data *table
	}
	// gallery is figures side by side. Where data is set it stands for all of
	// them in Markdown; on the page their descriptions say the same.
	gallery struct {
		figures []figure
		data    *table
	}
	// wide is a figure over the whole width.
	wide figure
	// beside is tables side by side.
	beside []table
)

func (paragraph) isBlock() {}
func (callout) isBlock()   {}
func (list) isBlock()      {}
func (heading) isBlock()   {}
func (code) isBlock()      {}
func (details) isBlock()   {}
func (cards) isBlock()     {}
func (table) isBlock()     {}
func (figure) isBlock()    {}
func (gallery) isBlock()   {}
func (beside) isBlock()    {}
func (wide) isBlock()      {}

// words turns text into spans; **bold** is bold.
func words(text string) []span {
	var out []span
	for i, part := range strings.Split(text, "**") {
		if part != "" {
			out = append(out, span{text: part, bold: i%2 == 1})
		}
	}
	return out
}

func para(text string) paragraph { return paragraph(words(text)) }

func th(text string) cell          { return cell{text: text} }
func thDef(text, def string) cell  { return cell{text: text, def: def} }
func thNum(text, def string) cell  { return cell{text: text, def: def, num: true} }
func name(text string) cell        { return cell{text: text, head: true} }
func td(text string) cell          { return cell{text: text} }
func tdNum(text, def string) cell  { return cell{text: text, def: def, num: true} }
func prose(text string) cell       { return cell{text: text, prose: true} }
func plainNum(text string) cell    { return cell{text: text, num: true} }
func (t *table) add(cells ...cell) { t.rows = append(t.rows, cells) }

func newTable(caption string, head ...cell) *table {
	return &table{caption: caption, head: head, mark: -1}
}
