package reputation

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/netip"

	"sluice/featurestore/fault"
	"sluice/featurestore/row"
)

// sniffed is how many lines are looked at to tell one value a line from one
// document over many.
const sniffed = 16

// readJSON reads one value a line where most of the first lines are whole
// objects, else a document over many lines (or one line too long to look at),
// which is streamed: a blacklist of half a million entries is never held as
// text. A broken line among values costs itself only.
func (r *reader) readJSON() error {
	lines, err := r.peek(sniffed)
	if err != nil {
		return err
	}
	r.out.stats.Shape = CheckAnswers
	whole := 0
	for _, l := range lines {
		if l[0] != '{' || !json.Valid(l) {
			continue
		}
		if whole++; whole == 1 {
			r.out.stats.Shape = jsonShape(l)
		}
	}
	if 2*whole > len(lines) || whole > 0 && json.Valid(lines[0]) && lines[0][0] == '{' {
		return r.readJSONLines()
	}
	return r.readDocument()
}

// jsonShape guesses by one value; one that turns out otherwise corrects it.
func jsonShape(value []byte) Shape {
	var e envelope
	if json.Unmarshal(value, &e) == nil && bytes.HasPrefix(bytes.TrimSpace(e.Data), []byte("[")) {
		return BlacklistJSON
	}
	return CheckAnswers
}

func (r *reader) readJSONLines() error {
	for {
		line, ok, err := r.src.next()
		if err != nil || !ok {
			return err
		}
		if r.src.long {
			r.out.stats.reject("line too long", r.src.line)
			continue
		}
		if line = bytes.TrimSpace(line); len(line) == 0 || isComment(line) {
			continue
		}
		if err := r.value(line, r.src.line); err != nil {
			return err
		}
	}
}

// value takes one whole JSON value: an answer, an error or a list, bare or in
// an envelope.
func (r *reader) value(raw []byte, line int) error {
	var e envelope
	if err := json.Unmarshal(raw, &e); err != nil {
		r.out.stats.reject(jsonReason(err), line)
		return nil
	}
	if len(e.Body) > 0 {
		var body envelope
		if err := json.Unmarshal(e.Body, &body); err != nil {
			r.out.stats.reject(jsonReason(err), line)
			return nil
		}
		e.Data, e.Errors = body.Data, body.Errors
		if body.Meta.GeneratedAt != "" {
			e.Meta = body.Meta
		}
	}
	data := bytes.TrimSpace(e.Data)
	switch {
	case len(e.Errors) > 0:
		return r.errorAnswer(&e, line)
	case bytes.HasPrefix(data, []byte("[")):
		return r.listValue(&e, data, line)
	case len(data) == 0:
		data = raw // the data object itself, without its frame
	}
	var d checkData
	if err := json.Unmarshal(data, &d); err != nil {
		r.out.stats.reject(jsonReason(err), line)
		return nil
	}
	a, reason := d.answer(r.o.OwnReporters)
	if reason != "" {
		r.out.stats.reject(reason, line)
		return nil
	}
	return r.addAnswer(a, &e, line)
}

func jsonReason(err error) string {
	if t, ok := err.(*json.UnmarshalTypeError); ok && t.Field != "" {
		return t.Field + " of the wrong type"
	}
	return "not JSON"
}

func (r *reader) listValue(e *envelope, data []byte, line int) error {
	r.setShape(BlacklistJSON)
	at := e.Meta.GeneratedAt
	if at == "" {
		at = e.FetchedAt
	}
	d, err := r.dateBy(at, "meta.generatedAt")
	if err != nil {
		return err
	}
	var entries []json.RawMessage
	if err := json.Unmarshal(data, &entries); err != nil {
		r.out.stats.reject(jsonReason(err), line)
		return nil
	}
	for _, raw := range entries {
		var c checkData
		if err := json.Unmarshal(raw, &c); err != nil {
			r.out.stats.reject(jsonReason(err), line)
			continue
		}
		r.entry(d, &c, line)
	}
	return nil
}

// setShape corrects the guess; a file with both shapes keeps the answers',
// since those are never to pass as a list.
func (r *reader) setShape(s Shape) {
	if len(r.out.answers) == 0 {
		r.out.stats.Shape = s
	}
}

func (r *reader) entry(d date, c *checkData, line int) {
	if c.IPAddress == nil {
		r.out.stats.reject("no ipAddress", line)
		return
	}
	ip, reason := parseEntry(*c.IPAddress)
	if reason != "" {
		r.out.stats.reject(reason, line)
		return
	}
	s, reason := c.score()
	if reason != "" {
		r.out.stats.reject(reason, line)
		return
	}
	if c.AbuseConfidenceScore == nil {
		s = -1
	}
	r.list(d, ip, s, line)
}

func (r *reader) dateBy(at, field string) (date, error) {
	if at != "" {
		t, ok := parseTime(at)
		if !ok {
			return date{}, fault.Field(fault.Invalid, r.src.name, "%s: %s is %q, not a date as in 2024-08-31T23:00:00+00:00", r.src.name, field, at)
		}
		return r.o.dateOf(t), nil
	}
	if !r.dated {
		return date{}, r.noMonth(field)
	}
	return r.named, nil
}

// addAnswer dates a good answer and keeps it.
func (r *reader) addAnswer(a Answer, e *envelope, line int) error {
	var d date
	var err error
	if e.FetchedAt != "" {
		t, ok := parseTime(e.FetchedAt)
		if !ok {
			r.out.stats.reject("fetched_at is not a date", line)
			return nil
		}
		a.FetchedAt = t
		d = r.o.dateOf(t)
	} else if e.Month == "" {
		if d, err = r.dateBy("", "fetched_at"); err != nil {
			return err
		}
	}
	if e.Month != "" { // asked for on behalf of that month, perhaps later
		m, err := row.ParseMonth(e.Month)
		if err != nil {
			r.out.stats.reject("month is not YYYY-MM", line)
			return nil
		}
		if d.month = m; e.FetchedAt == "" {
			d = r.o.monthDate(m)
		}
	}
	if e.MaxAgeInDays < 0 || e.MaxAgeInDays > 365 {
		r.out.stats.reject("max_age_in_days outside 1 to 365", line)
		return nil
	}
	a.Month, a.known, a.MaxAgeInDays = d.month, d.known, e.MaxAgeInDays
	r.out.stats.Shape = CheckAnswers
	r.out.answers = append(r.out.answers, a)
	r.out.stats.good(a.IP.Is4())
	return nil
}

func (r *reader) errorAnswer(e *envelope, line int) error {
	ip, ok := row.ParseIP(e.IP)
	if !ok {
		r.out.stats.reject(fmt.Sprintf("error answer %d without the address asked for", e.Errors[0].Status), line)
		return nil
	}
	return r.addAnswer(Answer{IP: ip, Error: fmt.Sprintf("%d %s", e.Errors[0].Status, e.Errors[0].Detail)}, e, line)
}

// readDocument streams JSON over many lines: objects one after another, or an
// array of answers.
func (r *reader) readDocument() error {
	dec := json.NewDecoder(r.src.body)
	n := 0
	for {
		tok, err := dec.Token()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return r.broken(dec, err)
		}
		switch tok {
		case json.Delim('['):
			for dec.More() {
				var raw json.RawMessage
				if err := dec.Decode(&raw); err != nil {
					return r.broken(dec, err)
				}
				n++
				if err := r.value(raw, n); err != nil {
					return err
				}
			}
			if _, err := dec.Token(); err != nil {
				return r.broken(dec, err)
			}
		case json.Delim('{'):
			n++
			if err := r.object(dec, n); err != nil {
				return err
			}
		default:
			return r.broken(dec, fmt.Errorf("a bare value"))
		}
	}
}

// object streams one top-level object whose brace was read. An array of
// entries under data is taken as it comes and dated once the rest is known.
func (r *reader) object(dec *json.Decoder, n int) error {
	rest := map[string]json.RawMessage{}
	var ips []netip.Addr
	var scores []int16
	list := false
	for dec.More() {
		key, err := dec.Token()
		if err != nil {
			return r.broken(dec, err)
		}
		name, _ := key.(string)
		if name != "data" {
			var raw json.RawMessage
			if err := dec.Decode(&raw); err != nil {
				return r.broken(dec, err)
			}
			rest[name] = raw
			continue
		}
		tok, err := dec.Token()
		if err != nil {
			return r.broken(dec, err)
		}
		if tok == json.Delim('{') {
			raw, err := collect(dec)
			if err != nil {
				return r.broken(dec, err)
			}
			rest[name] = raw
			continue
		}
		if tok != json.Delim('[') {
			continue // a null or a scalar: value will say that data is missing
		}
		list = true
		if ips, scores, err = r.entries(dec); err != nil {
			return err
		}
	}
	if _, err := dec.Token(); err != nil {
		return r.broken(dec, err)
	}
	if !list {
		raw, err := json.Marshal(rest)
		if err != nil {
			return r.broken(dec, err)
		}
		return r.value(raw, n)
	}
	r.setShape(BlacklistJSON)
	at, err := listDate(rest)
	if err != nil {
		return r.broken(dec, err)
	}
	d, err := r.dateBy(at, "meta.generatedAt")
	if err != nil {
		return err
	}
	for i, ip := range ips {
		r.list(d, ip, int(scores[i]), i+1)
	}
	return nil
}

func listDate(rest map[string]json.RawMessage) (string, error) {
	var e envelope
	if raw := rest["meta"]; raw != nil {
		if err := json.Unmarshal(raw, &e.Meta); err != nil {
			return "", err
		}
	}
	if raw := rest["fetched_at"]; raw != nil && e.Meta.GeneratedAt == "" {
		if err := json.Unmarshal(raw, &e.FetchedAt); err != nil {
			return "", err
		}
		return e.FetchedAt, nil
	}
	return e.Meta.GeneratedAt, nil
}

// entries streams a list's array up to and with its bracket.
func (r *reader) entries(dec *json.Decoder) (ips []netip.Addr, scores []int16, err error) {
	for i := 1; dec.More(); i++ {
		if i%4096 == 0 && r.src.ctx.Err() != nil {
			return nil, nil, fault.As(fault.Interrupted, r.src.ctx.Err())
		}
		var c checkData
		if err := dec.Decode(&c); err != nil {
			if _, ok := err.(*json.UnmarshalTypeError); ok {
				r.out.stats.reject(jsonReason(err), i)
				continue
			}
			return nil, nil, r.broken(dec, err)
		}
		if c.IPAddress == nil {
			r.out.stats.reject("no ipAddress", i)
			continue
		}
		ip, reason := parseEntry(*c.IPAddress)
		if reason != "" {
			r.out.stats.reject(reason, i)
			continue
		}
		s, reason := c.score()
		if reason != "" {
			r.out.stats.reject(reason, i)
			continue
		}
		if c.AbuseConfidenceScore == nil {
			s = -1
		}
		ips, scores = append(ips, ip), append(scores, int16(s))
	}
	if _, err := dec.Token(); err != nil {
		return nil, nil, r.broken(dec, err)
	}
	return ips, scores, nil
}

// collect gathers an object whose opening brace was already read.
func collect(dec *json.Decoder) (json.RawMessage, error) {
	m := map[string]json.RawMessage{}
	for dec.More() {
		key, err := dec.Token()
		if err != nil {
			return nil, err
		}
		name, _ := key.(string)
		var raw json.RawMessage
		if err := dec.Decode(&raw); err != nil {
			return nil, err
		}
		m[name] = raw
	}
	if _, err := dec.Token(); err != nil {
		return nil, err
	}
	return json.Marshal(m)
}

// broken explains where a document stops being JSON; what can't be framed
// can't be skipped, so the file is refused.
func (r *reader) broken(dec *json.Decoder, err error) error {
	if r.src.ctx.Err() != nil {
		return r.src.failed(err)
	}
	if _, e := r.src.body.Peek(1); e != nil && e != io.EOF {
		return r.src.failed(e) // the decompressor's error, not the document's
	}
	if err == io.EOF || err == io.ErrUnexpectedEOF {
		err = fmt.Errorf("it ends early")
	}
	return fault.Field(fault.Invalid, r.src.name, "%s: read as %s, broken at byte %d: %v; fetch it again", r.src.name, r.out.stats.Shape, dec.InputOffset(), err)
}
