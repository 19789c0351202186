package chart

import (
	"encoding/xml"
	"io"
	"math"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// Every finite dot is drawn once, inside its row and the picture, whatever the
// values.
func TestSwarm(t *testing.T) {
	dot := regexp.MustCompile(`M([0-9.]+) ([0-9.]+)h0`)
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(0, 80).Draw(t, "n")
		w := Swarm{Head: Head{ID: "s", Title: "t", Desc: "d"}, X: Axis{Label: "x"}}
		want := 0
		for range rapid.IntRange(1, 4).Draw(t, "rows") {
			r := SwarmRow{Name: rapid.StringN(0, 40, -1).Draw(t, "name")}
			for range n {
				x := rapid.OneOf(rapid.Float64Range(-5, 5), rapid.Just(0.0), rapid.Just(math.NaN()), rapid.Just(math.Inf(1))).Draw(t, "x")
				if finite(x) {
					want++
				}
				r.X = append(r.X, x)
				r.Values = append(r.Values, rapid.OneOf(rapid.Float64(), rapid.Just(math.NaN()), rapid.Just(1.0)).Draw(t, "v"))
			}
			w.Rows = append(w.Rows, r)
		}
		svg := w.SVG()
		dec := xml.NewDecoder(strings.NewReader(svg))
		for {
			if _, err := dec.Token(); err == io.EOF {
				break
			} else if err != nil {
				t.Fatalf("not well-formed: %v", err)
			}
		}
		dots := dot.FindAllStringSubmatch(svg, -1)
		if len(dots) != want+swarmShades+1 {
			t.Fatalf("%d dots, want %d and the legend's %d", len(dots), want, swarmShades+1)
		}
		for _, m := range dots[swarmShades+1:] {
			x, _ := strconv.ParseFloat(m[1], 64)
			y, _ := strconv.ParseFloat(m[2], 64)
			if x < 0 || x > 640 || y < 26 || y > 26+swarmRow*float64(len(w.Rows)) {
				t.Fatalf("a dot at %v, %v", x, y)
			}
		}
	})
}

func TestShades(t *testing.T) {
	got := shades([]float64{5, 1, math.NaN(), 2, 3, 4})
	want := []int{4, 0, 5, 1, 2, 3}
	for i := range want {
		if got[i] != want[i] {
			t.Fatalf("%v, want %v", got, want)
		}
	}
	for _, s := range shades([]float64{7, 7, 7}) {
		if s != 2 {
			t.Errorf("equal values have shade %d, want the middle one", s)
		}
	}
}
