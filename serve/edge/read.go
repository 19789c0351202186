package edge

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"sluice/featurestore/fault"
	"sluice/featurestore/row"
)

// maxList bounds a list that is read: some 100 million entries.
const maxList int64 = 4 << 30

// Read takes the prefixes of a list in any format that Write writes, or of a
// plain list of addresses and prefixes, one a line. The format is told from
// the content; name stands in errors. The prefixes are merged: sorted, without
// overlaps. Errors: Invalid with file and line, Exhausted.
func Read(r io.Reader, name string) ([]netip.Prefix, Format, error) {
	b, err := io.ReadAll(io.LimitReader(r, maxList+1))
	if err != nil {
		return nil, "", fault.Wrap(err, "%s", name)
	}
	if int64(len(b)) > maxList {
		return nil, "", fault.New(fault.Exhausted, "%s is larger than 4 GiB: too large for a list", name)
	}
	f := sniff(b)
	p := &parser{name: name}
	switch f {
	case Netmapper:
		p.netmapper(b)
	case CrowdSec:
		p.crowdsec(b)
	case JSONLines:
		p.jsonLines(b)
	case CSV, CrowdSecCSV:
		p.csv(b, f)
	case Requestctl:
		p.requestctl(b)
	case NFT:
		p.nft(b)
	default:
		f = p.lines(b)
	}
	if p.err != nil {
		return nil, f, p.err
	}
	return Merge(p.out), f, nil
}

var (
	yamlKey  = regexp.MustCompile(`^(comment|cidrs):`)
	nftWords = regexp.MustCompile(`^(table|flush|add|define|set|create)\b`)
)

// sniff tells the format from the first line that is no comment.
func sniff(b []byte) Format {
	for line := range bytes.Lines(b) {
		s := strings.TrimSpace(string(line[:min(len(line), 256)]))
		if s == "" || s[0] == '#' || s == "---" {
			continue
		}
		switch {
		case s[0] == '[':
			return CrowdSec
		case s[0] == '{':
			if strings.HasPrefix(s, `{"list":`) || strings.HasPrefix(s, `{"prefix":`) {
				return JSONLines
			}
			return Netmapper
		case yamlKey.MatchString(s):
			return Requestctl
		case nftWords.MatchString(s):
			return NFT
		case strings.HasPrefix(s, "prefix,"):
			return CSV
		case strings.Contains(","+s+",", ",value,"):
			return CrowdSecCSV
		}
		break
	}
	return ""
}

type parser struct {
	name string
	out  []netip.Prefix
	err  error
}

// fail keeps the first error. What was found is not told where it could be an
// address.
func (p *parser) fail(line int, format string, args ...any) {
	if p.err == nil {
		where := p.name
		if line > 0 {
			where = fmt.Sprintf("%s:%d", p.name, line)
		}
		p.err = fault.Field(fault.Invalid, p.name, "%s: %s", where, fmt.Sprintf(format, args...))
	}
}

// add takes an address or a prefix.
func (p *parser) add(line int, s string) {
	if p.err != nil {
		return
	}
	prefix, ok := parsePrefix(s)
	if !ok {
		p.fail(line, "want an address or a prefix without bits beyond its length, found %s", described(s))
		return
	}
	p.out = append(p.out, prefix)
}

// parsePrefix reads an address or a prefix; host bits are refused.
func parsePrefix(s string) (netip.Prefix, bool) {
	if !strings.Contains(s, "/") {
		a, ok := row.ParseIP(s)
		if !ok {
			return netip.Prefix{}, false
		}
		return netip.PrefixFrom(a, a.BitLen()), true
	}
	q, err := netip.ParsePrefix(s)
	if err != nil || q.Masked() != q {
		return netip.Prefix{}, false
	}
	return canonical(q)
}

// described shows what was found, unless it is much like an address.
func described(s string) string {
	if strings.ContainsAny(s, ".:") && strings.ContainsAny(s, "0123456789abcdefABCDEF") {
		return fmt.Sprintf("something of %d bytes", len(s))
	}
	return fmt.Sprintf("%.40q", s)
}

// lines reads a line an entry: plain, an ACL, a map or nginx's.
func (p *parser) lines(b []byte) Format {
	f := HAProxyACL
	n := 0
	for line := range bytes.Lines(b) {
		n++
		text, _, _ := strings.Cut(string(line), "#")
		words := strings.Fields(text)
		switch {
		case len(words) == 0:
			continue
		case len(words) == 2 && strings.HasSuffix(words[1], ";"):
			f = Nginx
		case len(words) == 2:
			f = HAProxyMap
		case len(words) > 2:
			p.fail(n, "%d words: want a prefix, or a prefix and a name", len(words))
			return f
		}
		p.add(n, words[0])
	}
	return f
}

func (p *parser) netmapper(b []byte) {
	var m map[string][]string
	if err := json.Unmarshal(b, &m); err != nil {
		p.json(b, err, "an object of lists of prefixes")
		return
	}
	for _, ps := range m {
		for _, s := range ps {
			p.add(0, s)
		}
	}
	slices.SortFunc(p.out, comparePrefix) // names come in no order
}

// json tells where JSON is wrong.
func (p *parser) json(b []byte, err error, want string) {
	offset := int64(0)
	var syntax *json.SyntaxError
	var typ *json.UnmarshalTypeError
	switch {
	case errors.As(err, &syntax):
		offset = syntax.Offset
	case errors.As(err, &typ):
		offset = typ.Offset
	}
	line := 1 + bytes.Count(b[:min(int(offset), len(b))], []byte("\n"))
	p.fail(line, "no JSON of the right shape at byte %d: want %s", offset, want)
}

func (p *parser) crowdsec(b []byte) {
	var ds []decision
	if err := json.Unmarshal(b, &ds); err != nil {
		p.json(b, err, "a list of decisions with scope and value")
		return
	}
	for i := range ds {
		p.decision(0, ds[i].Scope, ds[i].Value)
	}
}

// decision takes decisions about addresses; others are about countries, names
// and the like.
func (p *parser) decision(line int, scope, value string) {
	switch strings.ToLower(scope) {
	case "ip", "range", "":
		p.add(line, value)
	}
}

func (p *parser) jsonLines(b []byte) {
	n := 0
	for line := range bytes.Lines(b) {
		n++
		if line = bytes.TrimSpace(line); len(line) == 0 {
			continue
		}
		var e struct {
			List   json.RawMessage `json:"list"`
			Prefix string          `json:"prefix"`
		}
		if err := json.Unmarshal(line, &e); err != nil {
			p.fail(n, `no JSON object: want {"prefix": "…"}`)
			return
		}
		if e.List == nil {
			p.add(n, e.Prefix)
		}
	}
}

func (p *parser) csv(b []byte, f Format) {
	c := csv.NewReader(bytes.NewReader(b))
	c.ReuseRecord = true
	head, err := c.Read()
	if err != nil {
		p.fail(1, "no CSV: %v", errors.Unwrap(err))
		return
	}
	column, scope := "prefix", -1
	if f == CrowdSecCSV {
		column, scope = "value", slices.Index(head, "scope")
	}
	at := slices.Index(head, column)
	if at < 0 {
		p.fail(1, "the first line has no column %q", column)
		return
	}
	for {
		rec, err := c.Read()
		if errors.Is(err, io.EOF) {
			return
		}
		var parse *csv.ParseError
		if errors.As(err, &parse) {
			p.fail(parse.Line, "no CSV: %v", parse.Err)
			return
		}
		line, _ := c.FieldPos(at)
		if scope >= 0 {
			p.decision(line, rec[scope], rec[at])
		} else {
			p.add(line, rec[at])
		}
	}
}

func (p *parser) requestctl(b []byte) {
	var doc yaml.Node
	if err := yaml.Unmarshal(b, &doc); err != nil || len(doc.Content) == 0 || doc.Content[0].Kind != yaml.MappingNode {
		p.fail(0, "no YAML of an ipblock: want cidrs and comment")
		return
	}
	for i := 0; i+1 < len(doc.Content[0].Content); i += 2 {
		key, val := doc.Content[0].Content[i], doc.Content[0].Content[i+1]
		if key.Value != "cidrs" {
			continue
		}
		if val.Kind != yaml.SequenceNode {
			p.fail(val.Line, "cidrs: want a list of prefixes")
			return
		}
		for _, x := range val.Content {
			p.add(x.Line, x.Value)
		}
		return
	}
	p.fail(0, "an ipblock without cidrs")
}

// nft takes the elements between braces: those of "add element …" and those of
// "elements = …" in a set.
func (p *parser) nft(b []byte) {
	depth, n := 0, 0
	for line := range bytes.Lines(b) {
		n++
		text, _, _ := strings.Cut(string(line), "#")
		if depth == 0 {
			i := strings.Index(text, "{")
			opens := i >= 0 && (strings.Contains(text[:i], "element ") || strings.Contains(text[:i], "elements"))
			if !opens {
				continue
			}
			depth, text = 1, text[i+1:]
		}
		text, _, closes := strings.Cut(text, "}")
		for s := range strings.SplitSeq(text, ",") {
			words := strings.Fields(s)
			if len(words) == 0 {
				continue
			}
			p.add(n, words[0]) // a timeout may follow
		}
		if closes {
			depth = 0
		}
	}
	if depth > 0 {
		p.fail(n, "the braces of an element list are not closed")
	}
}
