package page

import (
	"strings"
	"testing"
)

func hostile() *Document {
	t := NewTable("A <table>", "Name", "#Count", "`As logged", "~Words")
	t.Add("<script>alert(1)</script>", "1", "`|<img src=x>", "a | b ** c")
	t.Mark()
	return &Document{Title: "<b>Title", Subtitle: "of **strong** words", Sections: []Section{{"s", "One & two", []Block{
		Paragraph("<i>**bold**"), Callout{"bad", "look"}, List{"a", "**b**"}, Heading("H"), Code{"nginx", "a ```b"}, Cards{{"l", "v", "n"}},
		Details{"more", []Block{t}}, Figure{SVG: "<svg></svg>", Caption: "c", Data: t}, Gallery{{SVG: "<svg></svg>", Caption: "d"}}, Beside{t, t},
	}}}}
}

func TestNothingOfTheTextBecomesMarkup(t *testing.T) {
	d := hostile()
	h := string(d.HTML())
	for _, bad := range []string{"<script", "<img", "<i>", "<b>"} {
		if strings.Contains(h, bad) {
			t.Errorf("the page holds %q", bad)
		}
	}
	if !strings.Contains(h, "default-src 'none'") || !strings.Contains(h, "<strong>bold</strong>") {
		t.Error("policy or bold text missing")
	}
	m := string(d.Markdown())
	if strings.Contains(m, "\n<") || strings.Contains(m, "| <script") {
		t.Errorf("Markdown holds markup:\n%s", m)
	}
	if !strings.Contains(m, "`'\\|<img src=x>`") {
		t.Errorf("logged text is not code:\n%s", m)
	}
}

func TestLongTablesFold(t *testing.T) {
	tab := NewTable("T", "n")
	tab.Limit = 5
	for range 20 {
		tab.Add("x")
	}
	d := Document{Title: "t", Sections: []Section{{"s", "s", []Block{tab}}}}
	if h := string(d.HTML()); !strings.Contains(h, "15 more rows") || strings.Count(h, "<tr>") != 22 {
		t.Errorf("the table does not fold: %d rows", strings.Count(h, "<tr>"))
	}
	if m := string(d.Markdown()); strings.Count(m, "| x |") != 20 {
		t.Error("Markdown lacks rows")
	}
}

func TestColumnsWithoutAValueAreDropped(t *testing.T) {
	tab := NewTable("T", "Name", "#A", "Empty", "B")
	tab.Add("", "1", "", "x")
	tab.Add("", "2", "", "")
	tab.DropEmpty()
	if got := strings.Join(tab.Head, " "); got != "Name #A B" || len(tab.Rows[0]) != 3 || tab.Rows[0][2] != "x" {
		t.Errorf("%q, %v", got, tab.Rows)
	}
}
