package charttest

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"strings"
	"testing"

	"sluice/serve/chart"
)

// Measured is a series of positive measurements of the same things.
type Measured struct {
	Name   string
	Values []float64
}

// Exponent fits y = a·x^b by least squares over the logarithms, and gives b; NaN
// of less than two different x.
func Exponent(x, y []float64) float64 {
	var sx, sy, xx, xy float64
	for i := range x {
		lx, ly := math.Log(x[i]), math.Log(y[i])
		sx, sy, xx, xy = sx+lx, sy+ly, xx+lx*lx, xy+lx*ly
	}
	k := float64(len(x))
	return (k*xy - sx*sy) / (k*xx - sx*sx)
}

// Growth draws series against the numbers of requests x, both axes
// logarithmic, each with its exponent.
func Growth(head chart.Head, x []float64, series ...Measured) string {
	l := chart.Line{Head: head, X: chart.Axis{Label: "requests", Log: true}, Y: chart.Axis{Label: "seconds; MiB", Log: true}}
	for i, m := range series {
		s := chart.Series{Colour: i + 1, Dots: true, Name: fmt.Sprintf("%s: requests to the power of %.2f", m.Name, Exponent(x, m.Values))}
		for k := range x {
			s.Points = append(s.Points, chart.Point{X: x[k], Y: m.Values[k]})
		}
		l.Series = append(l.Series, s)
	}
	return chart.Alone(l.SVG())
}

// Of is one value of each point.
func Of[T any](points []T, value func(T) float64) []float64 {
	out := make([]float64, len(points))
	for i, p := range points {
		out[i] = value(p)
	}
	return out
}

// Read gives the points of a JSON file; none of a file that is not there.
func Read[T any](t testing.TB, path string) (points []T) {
	t.Helper()
	b, err := os.ReadFile(path)
	if os.IsNotExist(err) {
		return nil
	} else if err == nil {
		err = json.Unmarshal(b, &points)
	}
	if err != nil {
		t.Fatal(err)
	}
	return points
}

// Write puts the points into a JSON file and their picture beside it.
func Write[T any](t testing.TB, path string, points []T, draw func([]T) string) {
	t.Helper()
	b, err := json.MarshalIndent(points, "", "  ")
	if err == nil {
		err = os.WriteFile(path, append(b, '\n'), 0o644)
	}
	if err == nil {
		err = os.WriteFile(picture(path), []byte(draw(points)), 0o644)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// Picture holds the picture beside a JSON file of points against what is drawn
// of them; update draws it anew.
func Picture[T any](t testing.TB, path string, draw func([]T) string, update bool) {
	t.Helper()
	points := Read[T](t, path)
	if len(points) == 0 {
		t.Skip("nothing was measured")
	}
	want := draw(points)
	if update {
		if err := os.WriteFile(picture(path), []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := os.ReadFile(picture(path)); err != nil || string(got) != want {
		t.Errorf("%s is not what %s gives (%v): draw it with -update", picture(path), path, err)
	}
}

func picture(path string) string { return strings.TrimSuffix(path, ".json") + ".svg" }
