package build

import (
	"encoding/json"
	"flag"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"sluice/serve/chart"
)

var update = flag.Bool("update", false, "draw testdata/scaling.svg anew from testdata/scaling.json")

// grown is one measurement of TestScaling.
type grown struct {
	Requests int     `json:"requests"`
	Seconds  float64 `json:"seconds"`
	CPU      float64 `json:"cpu_seconds"`
	PeakMiB  int64   `json:"peak_mib"`
}

const (
	scalingData    = "testdata/scaling.json"
	scalingPicture = "testdata/scaling.svg"
)

// exponent fits y = a·requests^b by least squares over the logarithms.
func exponent(points []grown, y func(grown) float64) float64 {
	var sx, sy, xx, xy float64
	for _, p := range points {
		lx, ly := math.Log(float64(p.Requests)), math.Log(y(p))
		sx, sy, xx, xy = sx+lx, sy+ly, xx+lx*lx, xy+lx*ly
	}
	k := float64(len(points))
	return (k*xy - sx*sy) / (k*xx - sx*sx)
}

// TestScaling measures time and peak memory against the number of requests, in
// hourly windows, adds what it measures to testdata/scaling.json and draws the
// picture of it that the README shows. It asserts nothing.
//
//	SLUICE_LONG=1 SLUICE_SCALING=1,3,10,30,100 go test -run TestScaling$ -v -timeout 4h ./featurestore/build
func TestScaling(t *testing.T) {
	if os.Getenv("SLUICE_LONG") == "" {
		t.Skip("up to a hundred million requests: set SLUICE_LONG=1")
	}
	list := os.Getenv("SLUICE_SCALING")
	if list == "" {
		list = "1,3,10,30,100"
	}
	keep := os.Getenv(envDir)
	points := readScaling(t)
	for _, s := range strings.Split(list, ",") {
		millions, err := strconv.ParseFloat(s, 64)
		if err != nil || millions <= 0 {
			t.Fatalf("SLUICE_SCALING %q: want millions of requests, as in 1,3,10", list)
		}
		n := int(millions * 1e6)
		dir := t.TempDir()
		if keep != "" {
			dir = filepath.Join(keep, strconv.Itoa(n))
			if err := os.MkdirAll(dir, 0o750); err != nil {
				t.Fatal(err)
			}
		}
		t.Setenv(envDir, dir)
		compareLogs(t, n, true)
		home := filepath.Join(t.TempDir(), "home")
		took := sluice(t, filepath.Join(dir, "traffic.parquet"), home, "hours", 0)
		t.Logf("%d requests: %v", n, took)
		if err := os.RemoveAll(home); err != nil {
			t.Fatal(err)
		}
		kept := points[:0:0]
		for _, p := range points {
			if p.Requests != n {
				kept = append(kept, p)
			}
		}
		at := 0
		for at < len(kept) && kept[at].Requests < n {
			at++
		}
		points = append(kept[:at:at], append([]grown{{n, took.seconds, took.cpu, took.peak >> 20}}, kept[at:]...)...)
	}
	b, err := json.MarshalIndent(points, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(scalingData, append(b, '\n'), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(scalingPicture, []byte(drawScaling(points)), 0o644); err != nil {
		t.Fatal(err)
	}
	if len(points) > 1 {
		t.Logf("time grows with requests to the power of %.2f, processors' time %.2f, memory %.2f", exponent(points, func(p grown) float64 { return p.Seconds }),
			exponent(points, func(p grown) float64 { return p.CPU }), exponent(points, func(p grown) float64 { return float64(p.PeakMiB) }))
	}
}

func readScaling(t *testing.T) (points []grown) {
	t.Helper()
	b, err := os.ReadFile(scalingData)
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

// drawScaling draws the measurements, both axes logarithmic.
func drawScaling(points []grown) string {
	colour := 0
	series := func(label string, y func(grown) float64) chart.Series {
		colour++
		s := chart.Series{Colour: colour, Dots: true, Name: fmt.Sprintf("%s: requests to the power of %.2f", label, exponent(points, y))}
		for _, p := range points {
			s.Points = append(s.Points, chart.Point{X: float64(p.Requests), Y: y(p)})
		}
		return s
	}
	return chart.Alone(chart.Line{
		Head: chart.Head{ID: "scaling", Title: "Time and memory against requests", Desc: "Requests as Parquet in hourly windows, two processors, behaviour columns among the rows.", Size: chart.Size{Width: 720, Height: 380}},
		X:    chart.Axis{Label: "requests", Log: true}, Y: chart.Axis{Label: "seconds; MiB", Log: true},
		Series: []chart.Series{
			series("seconds", func(p grown) float64 { return p.Seconds }),
			series("processor seconds", func(p grown) float64 { return p.CPU }),
			series("peak MiB", func(p grown) float64 { return float64(p.PeakMiB) }),
		},
	}.SVG())
}

// The picture is that of the measurements beside it.
func TestScalingPicture(t *testing.T) {
	points := readScaling(t)
	if len(points) == 0 {
		t.Skip("nothing was measured")
	}
	want := drawScaling(points)
	if *update {
		if err := os.WriteFile(scalingPicture, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := os.ReadFile(scalingPicture); err != nil || string(got) != want {
		t.Errorf("%s is not what %s gives (%v): draw it with -update", scalingPicture, scalingData, err)
	}
}
