package accesslog

import "sluice/featurestore/webrequest"

// ParseLine reads one line as Scan would, for looking at it: format is one of
// Formats, and the options' Mapping and TrustedProxies apply. A CSV or TSV
// line needs its header in front of it, with a line break between. req is
// overwritten; its strings point into line, which must not change while they
// are in use. The reason is UnknownFormat for bad options too.
func ParseLine(format string, line []byte, o Options, req *webrequest.Request) Reason {
	_, reason := Identify(format, line, o, req)
	return reason
}

// Identify is ParseLine that also names the format: with Auto the first one
// that reads the line, or, if none does, the one that came furthest.
func Identify(format string, line []byte, o Options, req *webrequest.Request) (string, Reason) {
	o.Format = format
	o, err := o.withDefaults()
	if err != nil {
		return "", UnknownFormat
	}
	formats := []string{o.Format}
	if o.Format == Auto {
		formats = tried
	}
	name, reason := "", Reason(UnknownFormat)
	for _, f := range formats {
		c := setUp(f, line, o)
		if c.err != nil || c.tried == 0 {
			continue
		}
		if f == Combined && o.Format == Auto && c.good > 0 && !hasAgents(line, c, o.sample) {
			c, f = setUp(Common, line, o), Common
		}
		all := content(line, c.framer, f == CSV || f == TSV, o.sample)
		last := all[len(all)-1].text
		*req = webrequest.Request{Available: c.available}
		r := TooLong
		if len(last) <= o.MaxLine {
			r = c.parser().parse(last, req)
		}
		if r == Accepted {
			return f, r
		}
		if name == "" || progress(r) > progress(reason) {
			name, reason = f, r
		}
	}
	*req = webrequest.Request{}
	return name, reason
}

// progress orders reasons by how much of a line was understood before it.
func progress(r Reason) int {
	switch r {
	case UnknownFormat:
		return -1
	case BadLine, BadJSON, BadCSV:
		return 0
	}
	return int(r)
}
