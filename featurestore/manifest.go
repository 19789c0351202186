package featurestore

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"sluice/featurestore/aggregate"
	"sluice/featurestore/columns"
	"sluice/featurestore/row"
)

// ManifestVersion is the newest manifest.json that this program reads. Version 2
// is a short file that names the one with the content; version 1 is all of it.
const ManifestVersion = 2

// The kinds of world. Simulated and real data never share a home.
const (
	Real      = "real"
	Simulated = "simulated"
)

// Manifest is what a store holds. How it lies on the disk, manifestfile.go says.
type Manifest struct {
	ManifestVersion int       `json:"manifest_version"`
	World           string    `json:"world"`
	WrittenAt       time.Time `json:"written_at,omitzero"`
	// Pseudonyms names the scheme and the key (pseudonym.Key.Check) where
	// addresses are pseudonyms; "" where they are addresses. A store never holds
	// both, nor those of two keys.
	Pseudonyms string      `json:"pseudonyms,omitempty"`
	Files      []File      `json:"files"`   // by ID
	Sources    []Source    `json:"sources"` // by SHA256
	Months     []MonthInfo `json:"months"`  // by month
	// Options are the options in force, for people, by their fingerprint
	// (SourceInfo.Options).
	Options map[string]json.RawMessage `json:"options,omitempty"`

	content string // name of the file it was read from or saved in; "" for version 1
}

// File is an input file as it was named. Several may have one content.
type File struct {
	ID     string `json:"id"`   // of the path it was read from, see FileID
	Name   string `json:"name"` // base name
	SHA256 string `json:"sha256"`
}

// Source is the content of one or more input files and what was read in it.
// Everything but Partial and PartialBytes is what the reader of the file found.
type Source struct {
	SHA256       string `json:"sha256"`  // of the file as it is stored, hex
	Partial      string `json:"partial"` // file in partials/
	PartialBytes int64  `json:"partial_bytes"`
	// PartialFormat is the partial's (aggregate.FormatVersion); 0 is that of partials
	// written before it was recorded, which lack behaviour. A file whose partial is
	// of an older format is read again when it is named.
	PartialFormat int `json:"partial_format,omitempty"`
	// Edits counts how often rows were taken out of the partial by Erase or
	// Prune.
	Edits int `json:"edits,omitempty"`
	SourceInfo
	Windows []SourceWindow `json:"windows"` // those with rows, in order of row keys
}

// SourceInfo is what the reader of an input file found in it.
type SourceInfo struct {
	Name      string           `json:"name"`   // base name when it was read
	Format    string           `json:"format"` // of the log
	Bytes     int64            `json:"bytes"`  // as stored
	Lines     int64            `json:"lines"`
	Rejects   map[string]int64 `json:"rejects,omitempty"` // lines that are no request, by reason
	Requests  aggregate.Stats  `json:"requests"`
	Available []string         `json:"available"` // log columns that the format has
	Notes     []string         `json:"notes,omitempty"`
	// Options identifies how the file was read; OptionsText is the same for
	// people (in a manifest it stands in Manifest.Options). Rows of one month
	// come from sources with the same Options.
	Options     string          `json:"options"`
	OptionsText json.RawMessage `json:"options_text,omitempty"`
	// Twelve says that the partial lacks what behaviour columns need; Options of
	// such sources differ from those of others.
	Twelve bool `json:"twelve,omitempty"`
	// Reading identifies what else decides how the file's lines are read: format,
	// mapping of columns. It may differ between the sources of a month.
	Reading string `json:"reading"`
	// WindowsDigest is the digest of the attack windows that touch the file's time
	// span, attack.Set.Digest.
	WindowsDigest string `json:"windows_digest"`
}

// SourceWindow is an attack window in which a source has rows.
type SourceWindow struct {
	Attack string    `json:"attack"`
	Month  row.Month `json:"month"`
	Rows   int64     `json:"rows"`
}

// months are the months in which the source has rows, ascending.
func (s *Source) months() []row.Month {
	var ms []row.Month
	for _, w := range s.Windows {
		if len(ms) == 0 || ms[len(ms)-1] != w.Month {
			ms = append(ms, w.Month)
		}
	}
	return ms
}

// MonthInfo is what the manifest says of a month.
type MonthInfo struct {
	Month  row.Month `json:"month"`
	SHA256 string    `json:"sha256"` // of the file
	Bytes  int64     `json:"bytes"`  // of the file
	Rows   int64     `json:"rows"`
	// Windows are the attack windows with rows, by attack.
	Windows []MonthWindow `json:"windows"`
	// Columns are the features in their order: the twelve, then further ones.
	Columns []string `json:"columns"`
	Labels  Labels   `json:"labels"`
	First   int64    `json:"first"` // first request, Unix seconds
	Last    int64    `json:"last"`
	// Further are the digests of what the columns from elsewhere than the logs
	// were made of, by the name of their group; see Store.Enrich. Earlier
	// listings go with the labels and are not among them.
	Further map[string]string `json:"further,omitempty"`
	// Missing are the columns that some rows lack (NaN), with the reason.
	Missing []MissingColumn `json:"missing,omitempty"`
	Notes   []string        `json:"notes,omitempty"`
	// Rules is the version of how rows were computed, see rowRules.
	Rules int `json:"rules,omitempty"`
	// Options is how the rows' sources were read; "" for rows that were given.
	Options string `json:"options,omitempty"`
	// Partials are the partials that the rows are the merge of, in ascending
	// order; none for rows that were given.
	Partials []string `json:"partials,omitempty"`
}

// MonthWindow is an attack window with rows in a month. Start and End are 0 for
// rows that were given.
type MonthWindow struct {
	Attack string `json:"attack"`
	Start  int64  `json:"start,omitempty"` // Unix seconds
	End    int64  `json:"end,omitempty"`
	Rows   int64  `json:"rows"`
}

// MissingColumn says why a column is NaN.
type MissingColumn struct {
	Column string `json:"column"`
	Rows   int64  `json:"rows"` // without a value
	Reason string `json:"reason"`
}

func (m *Manifest) clone() *Manifest {
	c := *m
	c.Files, c.Sources, c.Months = slices.Clone(m.Files), slices.Clone(m.Sources), slices.Clone(m.Months)
	c.Options = maps.Clone(m.Options)
	return &c
}

func (m *Manifest) month(month row.Month) (*MonthInfo, bool) {
	i, ok := slices.BinarySearchFunc(m.Months, month, func(a MonthInfo, b row.Month) int { return int(a.Month) - int(b) })
	if !ok {
		return nil, false
	}
	return &m.Months[i], true
}

// setMonth puts, replaces or (nil) removes a month.
func (m *Manifest) setMonth(month row.Month, info *MonthInfo) {
	i, ok := slices.BinarySearchFunc(m.Months, month, func(a MonthInfo, b row.Month) int { return int(a.Month) - int(b) })
	switch {
	case ok && info == nil:
		m.Months = slices.Delete(m.Months, i, i+1)
	case ok:
		m.Months[i] = *info
	case info != nil:
		m.Months = slices.Insert(m.Months, i, *info)
	}
}

func (m *Manifest) source(sha string) (*Source, bool) {
	i, ok := slices.BinarySearchFunc(m.Sources, sha, func(a Source, b string) int { return strings.Compare(a.SHA256, b) })
	if !ok {
		return nil, false
	}
	return &m.Sources[i], true
}

// rowRules is raised when a stored column comes to mean something else: 1 is
// since user_agent_ip_count stops at columns.MaxUserAgentIPs.
const rowRules = 1

// cappedFormat is the oldest format of partials (aggregate.FormatVersion) that
// was written only since then.
const cappedFormat = 3

// measuredFormat is the oldest format of partials that has what columns from
// robots_txt_ratio on need.
const measuredFormat = 4

const outdated = "user_agent_ip_count may exceed 64, where it stops today: build this month anew, in a new home"

// outdate notes at each month whose rows may be of older rules that they are.
func (m *Manifest) outdate() {
	formats := map[string]int{}
	for i := range m.Sources {
		formats[m.Sources[i].Partial] = m.Sources[i].PartialFormat
	}
	for i := range m.Months {
		info := &m.Months[i]
		if info.Rules >= rowRules || !slices.Contains(info.Columns, columns.BehaviourNames()[columns.UserAgentIPCount]) || slices.Contains(info.Notes, outdated) {
			continue
		}
		if len(info.Partials) == 0 || slices.ContainsFunc(info.Partials, func(p string) bool { return formats[p] < cappedFormat }) {
			info.Notes = append(slices.Clone(info.Notes), outdated)
		}
	}
}

var (
	hexName     = regexp.MustCompile(`^[0-9a-f]{64}$`)
	partialName = regexp.MustCompile(`^[0-9a-f]{64}-[0-9a-f]{16,64}\.partial$`)
)

// check refuses a manifest whose names could lead outside the store.
func (m *Manifest) check() error {
	for _, s := range m.Sources {
		if !hexName.MatchString(s.SHA256) || !partialName.MatchString(s.Partial) {
			return fmt.Errorf("source %q is not named after its content", s.Name)
		}
	}
	for _, i := range m.Months {
		if !hexName.MatchString(i.SHA256) {
			return fmt.Errorf("month %s has no checksum", i.Month)
		}
	}
	if !slices.IsSortedFunc(m.Months, func(a, b MonthInfo) int { return int(a.Month) - int(b.Month) }) ||
		!slices.IsSortedFunc(m.Sources, func(a, b Source) int { return strings.Compare(a.SHA256, b.SHA256) }) {
		return errors.New("it is out of order")
	}
	return nil
}
