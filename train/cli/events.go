package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"math"
	"os"
	"strings"
	"sync"
	"time"

	"golang.org/x/term"

	"sluice/featurestore/fault"
	"sluice/train/pipeline"
)

// events reads the event stream: as JSON lines to stdout, or for a person,
// progress and warnings to stderr and figures to stdout.
type events struct {
	mu      sync.Mutex
	e       *env
	json    *json.Encoder
	tty     bool
	width   int
	begun   bool      // the stream has its first event
	shown   bool      // a progress line stands on the terminal
	plain   time.Time // of the last progress line where there is no terminal
	figures []pipeline.FiguresEvent
}

func newEvents(e *env) *events {
	ev := &events{e: e, plain: time.Now()}
	if e.global.json {
		ev.json = json.NewEncoder(e.stdout)
		ev.json.SetEscapeHTML(false)
	}
	if f, ok := e.stderr.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		ev.tty = true
		ev.width, _, _ = term.GetSize(int(f.Fd()))
	}
	return ev
}

// begin opens the stream.
func (ev *events) begin(command string) {
	ev.begun = true
	ev.send(pipeline.Event{Config: &pipeline.ConfigEvent{Protocol: "sluice-train", ProtocolVersion: pipeline.ProtocolVersion, Command: command}})
}

// result ends the stream of a command that did its work; text writes it for a
// person.
func (ev *events) result(v any, text func(w io.Writer)) {
	ev.close()
	ev.send(pipeline.Event{Result: v})
	if ev.json == nil && text != nil {
		text(ev.e.stdout)
	}
}

func (ev *events) fail(err error) {
	if !ev.begun {
		ev.begin("")
	}
	k := fault.KindOf(err)
	ev.send(pipeline.Event{Error: &pipeline.ErrorEvent{Kind: k.String(), Field: fault.FieldOf(err), Message: oneLine(err.Error()), Exit: k.ExitStatus()}})
}

// send is the pipeline's Sink.
func (ev *events) send(e pipeline.Event) {
	ev.mu.Lock()
	defer ev.mu.Unlock()
	if ev.json != nil {
		_ = ev.json.Encode(e)
	}
	switch {
	case e.Progress != nil:
		ev.progress(*e.Progress)
	case e.Stage != nil:
		ev.clear()
		fmt.Fprintf(ev.e.stderr, "%-9s %s\n", e.Stage.Name, e.Stage.Summary)
	case e.Warning != nil:
		ev.clear()
		fmt.Fprintf(ev.e.stderr, "warning   %s\n", e.Warning.Message)
	case e.Figures != nil && ev.json == nil:
		ev.figures = append(ev.figures, *e.Figures)
	}
}

func (ev *events) close() {
	ev.mu.Lock()
	defer ev.mu.Unlock()
	ev.clear()
}

func (ev *events) clear() {
	if ev.shown {
		fmt.Fprint(ev.e.stderr, "\r\x1b[K")
		ev.shown = false
	}
}

func (ev *events) progress(p pipeline.ProgressEvent) {
	var b strings.Builder
	fmt.Fprintf(&b, "%-9s ", p.Stage)
	if p.Total > 0 {
		share := float64(p.Done) / float64(p.Total)
		if ev.tty {
			const n = 24
			full := min(n, int(share*n))
			fmt.Fprintf(&b, "[%s%s] ", strings.Repeat("=", full), strings.Repeat(" ", n-full))
		}
		fmt.Fprintf(&b, "%3.0f %%  ", math.Floor(share*100))
	}
	fmt.Fprintf(&b, "%s %s", quantity(float64(p.Done)), p.Unit)
	if p.Rate > 0 {
		fmt.Fprintf(&b, "  %s/s", quantity(p.Rate))
	}
	if p.Left > 0 {
		fmt.Fprintf(&b, "  %s left", time.Duration(math.Ceil(p.Left))*time.Second)
	}
	if p.Detail != "" {
		fmt.Fprintf(&b, "  %s", p.Detail)
	}
	line := b.String()
	if ev.tty {
		if ev.width > 1 && len(line) >= ev.width {
			line = line[:ev.width-1]
		}
		fmt.Fprintf(ev.e.stderr, "\r\x1b[K%s", line)
		ev.shown = true
		return
	}
	// Elsewhere a plain line now and then: a log, not a film.
	if time.Since(ev.plain) >= 10*time.Second {
		ev.plain = time.Now()
		fmt.Fprintln(ev.e.stderr, line)
	}
}

// quantity is a count as a person reads it: 950, 12.3k, 4.56M.
func quantity(v float64) string {
	switch {
	case v >= 1e9:
		return fmt.Sprintf("%.2fG", v/1e9)
	case v >= 1e6:
		return fmt.Sprintf("%.2fM", v/1e6)
	case v >= 1e4:
		return fmt.Sprintf("%.1fk", v/1e3)
	}
	return fmt.Sprintf("%.0f", v)
}
