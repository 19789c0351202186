package serverlogs

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// benchLog is a combined log like that of a busy site: 20,000 addresses, 3,000
// pages with a long tail, 2 % attempts.
func benchLog(tb testing.TB, lines int) (path string, plain int64) {
	rng := rand.New(rand.NewPCG(4, 4))
	agents := []string{"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36", "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 Mobile/15E148 Safari/604.1", "ExampleBot/2.1 (+https://bot.example/about)"}
	tries := []string{"/.env", "/wp-login.php", "/?id=1%27%20OR%20%271%27=%271", "/?q=%3Cscript%3Ealert(1)%3C/script%3E", "/cgi-bin/x?f=../../../etc/passwd"}
	path = filepath.Join(tb.TempDir(), "access.log.gz")
	f, err := os.Create(path)
	if err != nil {
		tb.Fatal(err)
	}
	z, _ := gzip.NewWriterLevel(f, gzip.DefaultCompression)
	var b bytes.Buffer
	t := time.Date(2025, 3, 1, 0, 0, 0, 0, time.UTC)
	for i := range lines {
		b.Reset()
		ip := rng.IntN(20000)
		page := int(float64(3000) * rng.Float64() * rng.Float64() * rng.Float64())
		target, status, size := fmt.Sprintf("/articles/title-of-page-%d", page), 200, 2000+page
		switch x := rng.IntN(100); {
		case x < 2:
			target, status, size = tries[rng.IntN(len(tries))], 404, 162
		case x < 30:
			target += fmt.Sprintf("?page=%d&sort=name", rng.IntN(20))
		}
		fmt.Fprintf(&b, "10.%d.%d.%d - - [%s] \"GET %s HTTP/1.1\" %d %d \"https://site.example/\" \"%s\"\n", ip>>14, ip>>7&127, ip&127, t.Add(time.Duration(i)*1300*time.Millisecond).Format("02/Jan/2006:15:04:05 -0700"), target, status, size, agents[rng.IntN(3)])
		plain += int64(b.Len())
		_, _ = z.Write(b.Bytes())
	}
	if err := z.Close(); err != nil {
		tb.Fatal(err)
	}
	if err := f.Close(); err != nil {
		tb.Fatal(err)
	}
	return path, plain
}

// BenchmarkAnalyse reads a gzip file and does every analysis; the GoAccess run
// beside it reads the same file. Compare the lines/s of the two.
func BenchmarkAnalyse(b *testing.B) {
	const lines = 655002
	path, plain := benchLog(b, lines)
	b.Run("server-logs", func(b *testing.B) {
		b.ReportAllocs()
		b.SetBytes(plain)
		for b.Loop() {
			o := DefaultOptions()
			o.Logs = []string{path}
			r, err := Analyse(context.Background(), o, nil)
			if err != nil || r.Profile.Rows != lines {
				b.Fatalf("%v", err)
			}
			d := r.Document()
			d.HTML()
			d.Markdown()
		}
		b.ReportMetric(float64(lines)*float64(b.N)/b.Elapsed().Seconds(), "lines/s")
	})
	b.Run("goaccess", func(b *testing.B) {
		bin, err := exec.LookPath("goaccess")
		if err != nil {
			b.Skip("goaccess is not installed (Debian's package goaccess)")
		}
		out := filepath.Join(b.TempDir(), "report.json")
		b.SetBytes(plain)
		for b.Loop() {
			// GoAccess reads no gzip by itself: zcat runs beside it, on a core
			// of its own.
			cmd := exec.Command("sh", "-c", "zcat \"$1\" | \"$2\" - --log-format=COMBINED --no-global-config --no-progress -o \"$3\"", "sh", path, bin, out)
			if text, err := cmd.CombinedOutput(); err != nil {
				b.Fatalf("%v: %s", err, text)
			}
		}
		b.ReportMetric(float64(lines)*float64(b.N)/b.Elapsed().Seconds(), "lines/s")
	})
}
