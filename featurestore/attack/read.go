package attack

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"sluice/featurestore/fault"
	"sluice/featurestore/row"
)

// maxFile bounds a window file, in bytes: it is made by hand or by a detector,
// and is held in memory.
const maxFile = 64 << 20

// ReadFile reads attack windows in one of three shapes, told apart by the
// first character: CSV with a header of start, end, name and optionally note,
// in any order; a JSON array of objects with those keys; JSON lines of such
// objects. Times are as in ParseTime; id is accepted for name. zone (nil is
// UTC) decides the month of a window.
//
// Errors: NotFound, Invalid with file and line (a window that ends before it
// starts, a doubled name, an unknown column, a file without windows).
func ReadFile(path string, zone *time.Location) (*Set, error) {
	f, err := os.Open(path)
	if err != nil {
		kind := fault.Invalid
		if errors.Is(err, os.ErrNotExist) {
			kind = fault.NotFound
		}
		return nil, fault.Field(kind, "attacks", "attack windows: %w", err)
	}
	defer f.Close()
	if st, err := f.Stat(); err == nil && st.IsDir() {
		return nil, fault.Field(fault.Invalid, "attacks", "attack windows: %s is a directory; name one file", path)
	}
	return Read(f, path, zone)
}

// Read is ReadFile for what is open already; name stands in errors.
func Read(r io.Reader, name string, zone *time.Location) (*Set, error) {
	b, err := io.ReadAll(io.LimitReader(r, maxFile+1))
	if err != nil {
		return nil, fault.Field(fault.Invalid, "attacks", "%s: %w", name, err)
	}
	if len(b) > maxFile {
		return nil, fault.Field(fault.Exhausted, "attacks", "%s: more than %d MiB of attack windows", name, maxFile>>20)
	}
	p := &parser{name: name, ids: map[string]int{}}
	b = bytes.TrimPrefix(b, []byte("\xef\xbb\xbf"))
	switch head := bytes.TrimLeft(b, " \t\r\n"); {
	case len(head) == 0:
	case head[0] == '[':
		err = p.array(b)
	case head[0] == '{':
		err = p.lines(b)
	default:
		err = p.csv(b)
	}
	if err != nil {
		return nil, err
	}
	if len(p.windows) == 0 {
		return nil, fault.Field(fault.Invalid, "attacks", "%s: no attack windows in it; want CSV with the header start,end,name, a JSON array or JSON lines", name)
	}
	s, err := New(p.windows, zone)
	return s, fault.Wrap(err, "%s", name)
}

type parser struct {
	name    string
	windows []Window
	ids     map[string]int // line of each id
}

// fail is an error about a line. A file that is something else, as a log or a
// list, has addresses where times are wanted: they are masked.
func (p *parser) fail(line int, format string, args ...any) error {
	return fault.Field(fault.Invalid, "attacks", "%s:%d: %s", p.name, line, row.MaskText(fmt.Sprintf(format, args...)))
}

func (p *parser) add(line int, start, end, name, note string) error {
	var w Window
	var err error
	if w.Start, err = ParseTime(strings.TrimSpace(start)); err != nil {
		return p.fail(line, "start: %v", err)
	}
	if w.End, err = ParseTime(strings.TrimSpace(end)); err != nil {
		return p.fail(line, "end: %v", err)
	}
	w.ID, w.Note = strings.TrimSpace(name), strings.TrimSpace(note)
	if what := w.check(); what != "" {
		return p.fail(line, "%s", what)
	}
	if first, ok := p.ids[w.ID]; ok {
		return p.fail(line, "window %q is given twice, first in line %d; names must differ", w.ID, first)
	}
	p.ids[w.ID] = line
	p.windows = append(p.windows, w)
	return nil
}

var columnNames = []string{"start", "end", "name", "note"}

func (p *parser) csv(b []byte) error {
	r := csv.NewReader(bytes.NewReader(b))
	r.TrimLeadingSpace = true
	r.ReuseRecord = true
	r.Comment = '#'
	var place [4]int // of each of columnNames in a record; -1 is none
	for n := 0; ; n++ {
		rec, err := r.Read()
		if err == io.EOF {
			return nil
		}
		if pe := (*csv.ParseError)(nil); errors.As(err, &pe) {
			return p.fail(pe.Line, "%v", pe.Err)
		} else if err != nil {
			return p.fail(n+1, "%v", err)
		}
		line, _ := r.FieldPos(0)
		if n == 0 {
			if err := p.header(line, rec, &place); err != nil {
				return err
			}
			continue
		}
		note := ""
		if place[3] >= 0 {
			note = rec[place[3]]
		}
		if err := p.add(line, rec[place[0]], rec[place[1]], rec[place[2]], note); err != nil {
			return err
		}
	}
}

func (p *parser) header(line int, rec []string, place *[4]int) error {
	*place = [4]int{-1, -1, -1, -1}
	for i, c := range rec {
		c = strings.ToLower(strings.TrimSpace(c))
		if c == "id" {
			c = "name"
		}
		k := slices.Index(columnNames, c)
		switch {
		case k < 0:
			return p.fail(line, "column %q: want a header of start, end, name and optionally note", rec[i])
		case place[k] >= 0:
			return p.fail(line, "column %q stands twice in the header", c)
		}
		place[k] = i
	}
	for k, name := range columnNames[:3] {
		if place[k] < 0 {
			return p.fail(line, "the header lacks the column %s; want start, end and name", name)
		}
	}
	return nil
}

type object struct {
	Start, End string
	Name, ID   string
	Note       string
}

func (p *parser) object(line int, raw []byte) error {
	var o object
	d := json.NewDecoder(bytes.NewReader(raw))
	d.DisallowUnknownFields()
	if err := d.Decode(&o); err != nil {
		return p.fail(line, "%s; want an object with start, end, name and optionally note", strings.TrimPrefix(err.Error(), "json: "))
	}
	if _, err := d.Token(); err != io.EOF {
		return p.fail(line, "more than one JSON object in a line")
	}
	if o.Name == "" {
		o.Name = o.ID
	}
	return p.add(line, o.Start, o.End, o.Name, o.Note)
}

func (p *parser) lines(b []byte) error {
	s := bufio.NewScanner(bytes.NewReader(b))
	s.Buffer(nil, 1<<20)
	line := 0
	for s.Scan() {
		line++
		if raw := bytes.TrimSpace(s.Bytes()); len(raw) > 0 {
			if err := p.object(line, raw); err != nil {
				return err
			}
		}
	}
	if s.Err() != nil {
		return p.fail(line+1, "a line of more than 1 MiB")
	}
	return nil
}

func (p *parser) array(b []byte) error {
	d := json.NewDecoder(bytes.NewReader(b))
	// Lines are counted up to where the decoder stands, each byte once.
	line, seen := 1, 0
	at := func(offset int64) int {
		line += bytes.Count(b[seen:offset], []byte("\n"))
		seen = int(offset)
		return line
	}
	if _, err := d.Token(); err != nil {
		return p.fail(1, "%v", err)
	}
	for d.More() {
		var raw json.RawMessage
		if err := d.Decode(&raw); err != nil {
			return p.fail(at(d.InputOffset()), "%v", err)
		}
		if err := p.object(at(d.InputOffset()-int64(len(raw))), raw); err != nil {
			return err
		}
	}
	if _, err := d.Token(); err != nil {
		return p.fail(at(d.InputOffset()), "the JSON array has no end: %v", err)
	}
	if _, err := d.Token(); err != io.EOF {
		return p.fail(at(d.InputOffset()), "something follows the JSON array")
	}
	return nil
}
