package program

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/google/renameio/v2"
	"golang.org/x/term"

	"sluice/featurestore/fault"
	"sluice/notebooks-port/internal/page"
	"sluice/notebooks-port/internal/words"
)

// Status says an error in one line on stderr and gives the exit status: 0 done
// (or --help), 1 failed, 2 wrong usage, 130 interrupted.
func Status(name string, err error, stderr io.Writer) int {
	if err == nil || errors.Is(err, flag.ErrHelp) {
		return 0
	}
	fmt.Fprintf(stderr, "%s: %v\n", name, err)
	if fault.KindOf(err) == fault.Usage {
		fmt.Fprintf(stderr, "%s --help shows the flags, with examples\n", name)
	}
	return fault.KindOf(err).ExitStatus()
}

// Write writes report.html, report.md and report.json into dir, which is made
// if it is missing, each whole or not at all. It gives report.json's bytes.
// Errors: Invalid (dir is none), Exhausted.
func Write(dir string, doc *page.Document, result any) ([]byte, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fault.As(fault.Invalid, fault.Wrap(err, "--out"))
	}
	b, err := json.MarshalIndent(result, "", " ")
	if err != nil {
		return nil, fault.Wrap(err, "report.json")
	}
	b = append(b, '\n')
	for _, f := range []struct {
		name string
		data []byte
	}{{"report.html", doc.HTML()}, {"report.md", doc.Markdown()}, {"report.json", b}} {
		if err := renameio.WriteFile(filepath.Join(dir, f.name), f.data, 0o644); err != nil {
			return nil, fault.As(fault.Exhausted, fault.Wrap(err, "%s", filepath.Join(dir, f.name)))
		}
	}
	return b, nil
}

// Progress shows how far reading is, on a terminal only.
type Progress struct {
	w    io.Writer
	on   bool
	mu   sync.Mutex // workers report from several goroutines
	last time.Time
	any  bool
}

// NewProgress shows on w, if that is a terminal and quiet is not asked for.
func NewProgress(w io.Writer, quiet bool) *Progress {
	f, ok := w.(*os.File)
	return &Progress{w: w, on: !quiet && ok && term.IsTerminal(int(f.Fd()))}
}

// Show says how many bytes are read of how many; total is 0 while unknown.
func (p *Progress) Show(done, total int64) {
	if !p.on || !p.mu.TryLock() {
		return
	}
	defer p.mu.Unlock()
	if now := time.Now(); now.Sub(p.last) > 200*time.Millisecond {
		p.last, p.any = now, true
		if total > 0 {
			fmt.Fprintf(p.w, "\rreading: %3d %% of this file and those before it ", min(100, done*100/total))
		} else {
			fmt.Fprintf(p.w, "\rreading: %s ", words.Bytes(done))
		}
	}
}

// Done clears the line.
func (p *Progress) Done() {
	if p.any {
		fmt.Fprint(p.w, "\r\033[K")
	}
}
