package build

import (
	"flag"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"sluice/serve/chart"
	"sluice/serve/chart/charttest"
)

var update = flag.Bool("update", false, "draw testdata/scaling.svg anew from testdata/scaling.json")

// grown is one measurement of TestScaling.
type grown struct {
	Requests int     `json:"requests"`
	Seconds  float64 `json:"seconds"`
	CPU      float64 `json:"cpu_seconds"`
	PeakMiB  int64   `json:"peak_mib"`
}

const scalingData = "testdata/scaling.json"

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
	points := charttest.Read[grown](t, scalingData)
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
	charttest.Write(t, scalingData, points, drawScaling)
}

// drawScaling draws the measurements.
func drawScaling(points []grown) string {
	of := func(name string, y func(grown) float64) charttest.Measured {
		return charttest.Measured{Name: name, Values: charttest.Of(points, y)}
	}
	return charttest.Growth(
		chart.Head{ID: "scaling", Title: "Time and memory against requests", Desc: "Requests as Parquet in hourly windows, two processors, behaviour columns among the rows.", Size: chart.Size{Width: 720, Height: 380}},
		charttest.Of(points, func(p grown) float64 { return float64(p.Requests) }),
		of("seconds", func(p grown) float64 { return p.Seconds }),
		of("processor seconds", func(p grown) float64 { return p.CPU }),
		of("peak MiB", func(p grown) float64 { return float64(p.PeakMiB) }),
	)
}

// The picture is that of the measurements beside it.
func TestScalingPicture(t *testing.T) {
	charttest.Picture(t, scalingData, drawScaling, *update)
}
