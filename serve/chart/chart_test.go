package chart

import (
	"encoding/xml"
	"flag"
	"io"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

var update = flag.Bool("update", false, "rewrite the golden files")

func pictures(text string, v []float64) map[string]string {
	var pts []Point
	for i, y := range v {
		pts = append(pts, Point{float64(i), y})
	}
	head := Head{ID: text, Title: text, Desc: text}
	var bars []Bar
	for i, y := range v {
		bars = append(bars, Bar{Label: text, Value: y, Low: y - 1, High: y + 1, Colour: i % 7})
	}
	cells := [][]Cell{{{Text: text, Note: text, Shade: 0.4}, {Text: "2", Bad: true, Shade: 2}}, {{Text: "3", Shade: math.NaN()}, {}}}
	edges := make([]float64, len(v)+1)
	for i := range edges {
		edges[i] = float64(i)
	}
	return map[string]string{
		"line": Line{
			Head: head, X: Axis{Label: text}, Y: Axis{Label: text, Percent: true},
			Series: []Series{{Name: text, Colour: 1, Points: pts, Low: v, High: v}, {Points: pts, Step: true}, {Points: pts, Dots: true, Low: v, High: v}},
			Marks:  []Mark{{0.5, 0.5, text, 2}, {math.NaN(), 0, text, 1}},
		}.SVG(),
		"log":       Line{Head: head, X: Axis{Log: true}, Y: Axis{Log: true}, Series: []Series{{Points: pts, Dashed: true}}}.SVG(),
		"bars":      Bars{Head: head, Label: text, Bars: bars}.SVG(),
		"histogram": Histogram{Head: head, Edges: edges, Sets: []HistogramSet{{text, 1, v}, {text, 2, v}}, MarkAt: 0.5, Mark: text}.SVG(),
		"matrix":    Matrix{Head: head, Rows: []string{text, "b"}, Columns: []string{text, "d"}, RowTitle: text, ColumnTitle: text, Cells: cells}.SVG(),
	}
}

func wellFormed(svg string) error {
	dec := xml.NewDecoder(strings.NewReader(svg))
	for {
		_, err := dec.Token()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// Whatever text and numbers come in, the picture is well-formed XML without
// NaN, script or text that was not escaped, and is the same each time.
func TestAnyInput(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.OneOf(rapid.String(), rapid.Just(`<script>alert("1")</script>`), rapid.Just("a&b'\"\x00\x1b")).Draw(t, "text")
		v := rapid.SliceOfN(rapid.OneOf(rapid.Float64(), rapid.Float64Range(0, 1), rapid.Just(math.NaN()), rapid.Just(math.Inf(-1))), 0, 12).Draw(t, "v")
		first, second := pictures(text, v), pictures(text, v)
		for name, svg := range first {
			if svg != second[name] {
				t.Fatalf("%s differs between two drawings", name)
			}
			if err := wellFormed(svg); err != nil {
				t.Fatalf("%s: %v\n%s", name, err, svg)
			}
			for _, bad := range []string{"<script", "style=", `"NaN`, "Inf\"", " NaN"} {
				if bad == " NaN" && strings.Contains(text, "NaN") {
					continue
				}
				if strings.Contains(svg, bad) {
					t.Fatalf("%s holds %q:\n%s", name, bad, svg)
				}
			}
			if !strings.Contains(svg, `role="img"`) || !strings.Contains(svg, "<title") || !strings.Contains(svg, "<desc") {
				t.Fatalf("%s lacks its role, title or description", name)
			}
		}
	})
}

func TestSizeIsBounded(t *testing.T) {
	v := make([]float64, 200_000)
	for i := range v {
		v[i] = math.Sin(float64(i) / 1000)
	}
	var pts []Point
	for i, y := range v {
		pts = append(pts, Point{float64(i), y})
	}
	svg := Line{Head: Head{ID: "x"}, Series: []Series{{Points: pts}}}.SVG()
	if len(svg) > 20_000 {
		t.Errorf("%d bytes for 200,000 points", len(svg))
	}
	if !strings.Contains(svg, "L388") && !strings.Contains(svg, "L378") {
		t.Error("the last point is not drawn")
	}
}

func TestGolden(t *testing.T) {
	for name, svg := range pictures("requests & <bytes>", []float64{0.1, 0.5, 0.4, 0.9}) {
		file := filepath.Join("testdata", name+".svg")
		if *update {
			if err := os.WriteFile(file, []byte(svg), 0o644); err != nil {
				t.Fatal(err)
			}
			continue
		}
		want, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if svg != string(want) {
			t.Errorf("%s differs; run the test with -update and review the change\n%s", file, svg)
		}
	}
}

func TestShort(t *testing.T) {
	for _, c := range []struct {
		v    float64
		want string
	}{
		{0, "0"}, {0.25, "0.25"}, {-0.5, "-0.5"}, {12, "12"}, {1200, "1,200"}, {-1200, "-1,200"}, {35_000, "35K"},
		{1.25e6, "1.2M"}, {3e9, "3G"}, {1e-5, "1e-05"}, {math.NaN(), ""},
	} {
		if got := Short(c.v); got != c.want {
			t.Errorf("Short(%v) = %q, want %q", c.v, got, c.want)
		}
	}
}

func TestTicks(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		lo := rapid.Float64Range(-1e9, 1e9).Draw(t, "lo")
		hi := lo + rapid.Float64Range(1e-3, 1e9).Draw(t, "span")
		s := newScale(Axis{}, lo, hi, 0, 100)
		ticks := s.ticks(5)
		if len(ticks) > 7 {
			t.Fatalf("%d ticks from %v to %v", len(ticks), lo, hi)
		}
		for i, k := range ticks {
			if k.px < -1e-6 || k.px > 100+1e-6 || i > 0 && k.px <= ticks[i-1].px {
				t.Fatalf("tick %d at %v", i, k.px)
			}
		}
	})
}

func BenchmarkLine(b *testing.B) {
	pts := make([]Point, 500)
	for i := range pts {
		pts[i] = Point{float64(i), math.Sqrt(float64(i))}
	}
	l := Line{Head: Head{ID: "x"}, Series: []Series{{Points: pts, Colour: 1}}}
	b.ReportAllocs()
	for b.Loop() {
		l.SVG()
	}
}
