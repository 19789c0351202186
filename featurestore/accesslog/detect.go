package accesslog

import (
	"bytes"
	"errors"
	"fmt"
	"strings"

	"sluice/featurestore/fault"
	"sluice/featurestore/webrequest"
)

// sampleLines is how many lines of a log a format is chosen by, unless none of
// them can be read.
const sampleLines = 256

// choice is one format as it fits a sample.
type choice struct {
	format    string
	parser    func() lineParser // one for each goroutine
	framer    framer
	header    bool // the first record is the header
	available webrequest.Field
	ignored   []string
	notes     []string

	tried, good int
	first       Reason // why the first rejected line was
	firstLine   int64
	err         error // the format cannot be set up at all
}

// sampleLine is a line that could be a request.
type sampleLine struct {
	number int64
	text   []byte
}

// trim gives a line without its line break and what else may surround it: a
// carriage return, and in front NUL bytes, which a file that was not closed
// before a crash may have, and blanks. For tables blanks are content.
func trim(line []byte, table bool) []byte {
	if n := len(line); n > 0 && line[n-1] == '\n' {
		line = line[:n-1]
	}
	if n := len(line); n > 0 && line[n-1] == '\r' {
		line = line[:n-1]
	}
	for len(line) > 0 && (line[0] == 0 || !table && (line[0] == ' ' || line[0] == '\t')) {
		line = line[1:]
	}
	return line
}

// isContent reports whether a trimmed line is neither blank nor a comment.
func isContent(line []byte) bool {
	return len(line) > 0 && line[0] != '#' && (line[0] > ' ' || len(bytes.TrimSpace(line)) > 0)
}

// content gives the first lines of the sample that could be requests.
func content(sample []byte, f framer, table bool, limit int) (all []sampleLine) {
	number := int64(1)
	for len(sample) > 0 && len(all) <= limit {
		n := f.record(sample)
		if line := trim(sample[:n], table); isContent(line) {
			all = append(all, sampleLine{number, line})
		}
		number += int64(bytes.Count(sample[:n], []byte{'\n'}))
		sample = sample[n:]
	}
	return all
}

// setUp fits a format to a sample of whole lines.
func setUp(format string, sample []byte, o Options) *choice {
	c := &choice{format: format, framer: lines{}}
	if format == Parquet {
		return c.fail(fault.New(fault.Unsupported, "Parquet is read from a file, not by lines"))
	}
	table := format == CSV || format == TSV
	all := content(sample, c.framer, table, o.sample)
	switch format {
	case JSON:
		texts := make([][]byte, 0, len(all))
		for _, l := range all {
			texts = append(texts, l.text)
		}
		layout, err := newLayout(jsonFields(texts), o)
		if err != nil {
			return c.fail(err)
		}
		c.available, c.ignored = layout.available, layout.ignored
		c.notes = append(c.notes, layout.notes()...)
		c.parser = func() lineParser { return newJSONParser(layout, o) }
	case CSV, TSV:
		if len(all) == 0 {
			return c.fail(fault.New(fault.Invalid, "there is no header"))
		}
		if format == CSV {
			// The delimiter is known only once the header is: take the header
			// by its line, then frame again.
			f, err := newCSVFormat(format, all[0].text, o)
			if err != nil {
				return c.fail(err)
			}
			c.framer = csvRecords{delimiter: f.delimiter, maxLine: o.MaxLine}
			all = content(sample, c.framer, true, o.sample)
		}
		f, err := newCSVFormat(format, all[0].text, o)
		if err != nil {
			return c.fail(err)
		}
		if f.header {
			all = all[1:]
		}
		c.header, c.available, c.ignored = f.header, f.available, f.ignored
		if format == CSV {
			c.notes = append(c.notes, fmt.Sprintf("delimiter %q", f.delimiter))
		}
		c.notes = append(c.notes, f.notes()...)
		c.parser = func() lineParser { return &csvParser{record: newRecord(f.layout, o), csvFormat: f} }
	default:
		f, err := newTextFormat(format, o)
		if err != nil {
			return c.fail(err)
		}
		if !f.available.Has(webrequest.FieldTimeFirstbyte) && endsInSeconds(all, f) {
			f.firstbyte = true
			f.available |= webrequest.FieldTimeFirstbyte
			c.notes = append(c.notes, "the last number of a line is time_firstbyte")
		}
		c.available = f.available
		c.parser = func() lineParser { return &textParser{textFormat: f} }
	}
	if len(o.TrustedProxies) > 0 && !c.available.Has(webrequest.FieldXForwardedFor) {
		return c.fail(fault.Field(fault.Usage, "trusted_proxies", "trusted proxies are given, but a %s log has no x_forwarded_for; map it, as in x_forwarded_for=extra1", format))
	}
	if len(all) > o.sample {
		all = all[:o.sample]
	}
	p := c.parser()
	var req webrequest.Request
	for _, l := range all {
		req = webrequest.Request{}
		reason := TooLong
		if len(l.text) <= o.MaxLine {
			reason = p.parse(l.text, &req)
		}
		c.tried++
		if reason == Accepted {
			c.good++
		} else if c.first == Accepted {
			c.first, c.firstLine = reason, l.number
		}
	}
	return c
}

func (c *choice) fail(err error) *choice {
	c.err = err
	return c
}

// endsInSeconds reports whether every good line of the sample ends in a
// decimal number behind the fields of the format.
func endsInSeconds(all []sampleLine, f *textFormat) bool {
	probe := *f
	probe.firstbyte = true
	p := &textParser{textFormat: &probe}
	seen := 0
	for _, l := range all {
		req := webrequest.Request{TimeFirstbyte: -1}
		if p.parse(l.text, &req) == Accepted {
			if req.TimeFirstbyte < 0 {
				return false
			}
			seen++
		}
	}
	return seen > 0
}

// hasAgents reports whether a line of the sample has a field behind the size
// that can be a referer.
func hasAgents(sample []byte, c *choice, limit int) bool {
	p := c.parser()
	var req webrequest.Request
	for _, l := range content(sample, c.framer, false, limit) {
		req = webrequest.Request{}
		if p.parse(l.text, &req) == Accepted && (req.Referer != "" || req.UserAgent != "") {
			return true
		}
	}
	return false
}

// choose fits the sample to the format asked for, or to the one that reads
// most of its lines.
func choose(sample []byte, o Options) (*choice, error) {
	if o.Format != Auto {
		c := setUp(o.Format, sample, o)
		switch {
		case c.err != nil:
			return nil, c.err
		case c.tried == 0:
			return nil, ErrEmpty
		case c.good == 0:
			return nil, fault.New(fault.Invalid, "no line reads as %s (%s)", o.Format, c.why())
		}
		c.notes = append([]string{fmt.Sprintf("%s, as asked for", c.format)}, c.notes...)
		return c, nil
	}
	var best *choice
	var why []string
	var usage error
	for _, format := range tried {
		c := setUp(format, sample, o)
		if c.header && c.tried == 0 && c.err == nil {
			return nil, ErrEmpty // a header alone
		}
		if c.err != nil || c.good == 0 {
			why = append(why, fmt.Sprintf("%s (%s)", format, c.why()))
			if format != CSV && format != TSV && c.err != nil && fault.FieldOf(c.err) != "" && usage == nil && setUpWorks(format, sample, o) {
				usage = c.err
			}
			continue
		}
		if best == nil || c.good > best.good {
			best = c
		}
	}
	if best == nil {
		if usage != nil {
			return nil, usage
		}
		return nil, fault.New(fault.Invalid, "no line reads as a log; tried as %s%s", strings.Join(why, ", "), hint(sample))
	}
	name := best.format
	if best.format == Combined || best.format == VhostCombined {
		if !hasAgents(sample, best, o.sample) {
			best.available &^= webrequest.FieldReferer | webrequest.FieldUserAgent
			if name == Combined {
				best = setUp(Common, sample, o)
				name = Common
			} else {
				name += " without referer and user agent"
			}
		}
	}
	best.notes = append([]string{fmt.Sprintf("%s: %d of the first %d lines read as it", name, best.good, best.tried)}, best.notes...)
	return best, nil
}

// setUpWorks reports whether the sample would be read as format without the
// mapping and the trusted proxies.
func setUpWorks(format string, sample []byte, o Options) bool {
	o.Mapping, o.TrustedProxies = nil, nil
	c := setUp(format, sample, o)
	return c.err == nil && c.good > 0
}

func (c *choice) why() string {
	switch {
	case c.err != nil:
		return c.err.Error()
	case c.tried == 0:
		return "no line to try"
	}
	return fmt.Sprintf("line %d: %s", c.firstLine, c.first)
}

// hint adds what a sample in which no line could be read looks like.
func hint(sample []byte) string {
	switch s := bytes.TrimSpace(sample); {
	case bytes.HasPrefix(s, []byte("[")):
		return "; a JSON array is not read, write one object per line"
	case bytes.HasPrefix(s, []byte("{\n")), bytes.HasPrefix(s, []byte("{\r\n")):
		return "; JSON over several lines is not read, write one object per line"
	}
	return ""
}

// ErrEmpty is in the chain of the error for a file without any line.
var ErrEmpty = errors.New("it has no line")

// notes say which field each column is read from where the names differ.
func (l *layout) notes() []string {
	var renamed []string
	for c := colDT; c < numColumns; c++ {
		if s := l.source[c]; s != "" && s != columnFacts[c].name {
			renamed = append(renamed, columnFacts[c].name+" from "+s)
		}
	}
	if renamed == nil {
		return nil
	}
	return []string{strings.Join(renamed, ", ")}
}
