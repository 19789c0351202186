package page

import (
	"slices"
	"strings"
)

// Document is a report before it has a form.
type Document struct {
	Title    string
	Subtitle string
	Sections []Section
}

// Section is a heading and what is below it. ID is its anchor: letters, digits
// and hyphens.
type Section struct {
	ID, Title string
	Blocks    []Block
}

// Block is one of the kinds below.
type Block interface{ isBlock() }

// The kinds of blocks. In the text of Paragraph, Callout and List **bold** is
// bold.
type (
	Paragraph string
	// Callout is a paragraph that must be seen: Tone is "good", "bad" or "note".
	Callout struct{ Tone, Text string }
	List    []string
	Heading string
	// Code is shown as it is; Label says what it is.
	Code    struct{ Label, Text string }
	Details struct {
		Summary string
		Blocks  []Block
	}
	Cards []Card
	// Figure is a picture; Data is what it shows, for those who can't see it,
	// and stands for it in Markdown.
	Figure struct {
		SVG, Caption string
		Data         *Table
		Wide         bool
	}
	// Gallery is figures side by side, Beside tables.
	Gallery []Figure
	Beside  []*Table
)

// Card is one figure with its name.
type Card struct{ Label, Value, Note string }

// Table is rows under a head. A column whose head begins with "#" holds
// numbers, one with "~" sentences, one with "`" text as logged.
type Table struct {
	Caption string
	Head    []string
	Rows    [][]string
	// Bad are the numbers of the rows to stress.
	Bad map[int]bool
	// Limit is how many rows the page shows at once; the rest folds away. 0 is
	// all.
	Limit int
}

// Add appends a row.
func (t *Table) Add(cells ...string) { t.Rows = append(t.Rows, cells) }

// DropEmpty takes away the columns without a value in any row, but the first.
func (t *Table) DropEmpty() {
	for i := len(t.Head) - 1; i > 0; i-- {
		used := false
		for _, r := range t.Rows {
			used = used || i < len(r) && r[i] != ""
		}
		if used || len(t.Rows) == 0 {
			continue
		}
		t.Head = slices.Delete(slices.Clone(t.Head), i, i+1)
		for k, r := range t.Rows {
			if i < len(r) {
				t.Rows[k] = slices.Delete(r, i, i+1)
			}
		}
	}
}

// Mark stresses the last row.
func (t *Table) Mark() {
	if t.Bad == nil {
		t.Bad = map[int]bool{}
	}
	t.Bad[len(t.Rows)-1] = true
}

// NewTable makes a table without rows.
func NewTable(caption string, head ...string) *Table { return &Table{Caption: caption, Head: head} }

func (Paragraph) isBlock() {}
func (Callout) isBlock()   {}
func (List) isBlock()      {}
func (Heading) isBlock()   {}
func (Code) isBlock()      {}
func (Details) isBlock()   {}
func (Cards) isBlock()     {}
func (*Table) isBlock()    {}
func (Figure) isBlock()    {}
func (Gallery) isBlock()   {}
func (Beside) isBlock()    {}

type column uint8

const (
	plain column = iota
	number
	prose
	logged
)

// columns are the kinds and names of a table's columns.
func (t *Table) columns() ([]column, []string) {
	kinds, names := make([]column, len(t.Head)), make([]string, len(t.Head))
	for i, h := range t.Head {
		names[i] = h
		for prefix, k := range map[string]column{"#": number, "~": prose, "`": logged} {
			if rest, ok := strings.CutPrefix(h, prefix); ok {
				kinds[i], names[i] = k, rest
			}
		}
	}
	return kinds, names
}
