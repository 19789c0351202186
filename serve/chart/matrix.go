package chart

import "math"

// Matrix is a table of cells shaded by a share: a confusion matrix, or a heat
// map.
type Matrix struct {
	Head
	Rows, Columns         []string // labels
	RowTitle, ColumnTitle string
	Cells                 [][]Cell // [row][column]
}

// Cell is one cell.
type Cell struct {
	Text  string  // large
	Note  string  // small, below
	Shade float64 // 0 … 1
	Bad   bool    // shaded in the second colour
}

// SVG draws the matrix.
func (m Matrix) SVG() string {
	s := m.Size.or(300, 60+64*max(1, len(m.Rows)))
	c := open(m.Head, s)
	letters := 0
	for _, t := range m.Rows {
		letters = max(letters, len([]rune(cut(t, maxLabel))))
	}
	left, top := min(max(74, 30+6.6*float64(letters)), 0.6*float64(s.Width)), 42.0
	nr, nc := max(1, len(m.Rows)), max(1, len(m.Columns))
	w := (float64(s.Width) - left - 6) / float64(nc)
	h := (float64(s.Height) - top - 6) / float64(nr)
	c.text(left+w*float64(nc)/2, 14, middle, "muted", cut(m.ColumnTitle, 40))
	for j, t := range m.Columns {
		c.text(left+w*(float64(j)+.5), 33, middle, "", cut(t, int(w/6.4)))
	}
	c.raw(`<text class="muted" transform="translate(12 ` + num(top+h*float64(nr)/2) + `) rotate(-90)" text-anchor="middle">` + Escape(cut(m.RowTitle, 30)) + `</text>`)
	for i, t := range m.Rows {
		y := top + h*float64(i)
		c.text(left-7, y+h/2+4, end, "", cut(t, maxLabel))
		if i >= len(m.Cells) {
			continue
		}
		for j, cell := range m.Cells[i] {
			if j >= nc {
				break
			}
			x := left + w*float64(j)
			class := "cell"
			if cell.Bad {
				class += " bad"
			}
			shade := 0.0
			if finite(cell.Shade) {
				// Never so dark that the text on it can't be read.
				shade = 0.06 + 0.42*min(max(cell.Shade, 0), 1)
			}
			c.raw(`<rect class="` + class + `" fill-opacity="` + num(math.Round(shade*100)/100) + `" x="` + num(x+1) + `" y="` + num(y+1) + `" width="` + num(w-2) + `" height="` + num(h-2) + `" rx="3"/>`)
			dy := 5.0
			if cell.Note != "" {
				dy = -1
				c.text(x+w/2, y+h/2+16, middle, "", cut(cell.Note, max(2, int(w/5.6))))
			}
			class = "big"
			if w < 60 || h < 40 {
				class = ""
			}
			c.text(x+w/2, y+h/2+dy, middle, class, cut(cell.Text, max(2, int(w/6))))
		}
	}
	return c.close()
}
