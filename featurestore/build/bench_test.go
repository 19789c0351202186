package build

import (
	"path/filepath"
	"testing"

	"sluice/featurestore"
)

func BenchmarkBuild(b *testing.B) {
	dir := b.TempDir()
	data := lines(1, "2024-07-26", 200_000, 250)
	for name, path := range map[string]string{
		"json lines":      write(b, dir, "a.json", data),
		"gzip json lines": write(b, dir, "a.json.gz", zipped(b, data)),
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(len(data)))
			for b.Loop() {
				s, err := featurestore.Open(filepath.Join(b.TempDir(), "home"), featurestore.OpenOptions{})
				if err != nil {
					b.Fatal(err)
				}
				if _, err := Build(b.Context(), s, config(path)); err != nil {
					b.Fatal(err)
				}
				s.Close()
			}
			b.ReportMetric(float64(b.N)*200_000/b.Elapsed().Seconds(), "requests/s")
		})
	}
}

// What a build costs that has nothing to do.
func BenchmarkUnchanged(b *testing.B) {
	dir := b.TempDir()
	data := lines(1, "2024-07-26", 200_000, 250)
	c := config(write(b, dir, "a.json", data))
	s := open(b, dir)
	build(b, s, c)
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		if r := build(b, s, c); r.Unchanged != 1 {
			b.Fatalf("%+v", r)
		}
	}
}
