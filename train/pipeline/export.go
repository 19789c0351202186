package pipeline

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/google/renameio/v2"

	"sluice/featurestore"
	"sluice/featurestore/fault"
	"sluice/featurestore/row"
	"sluice/models/registry"
	"sluice/models/rules"
	"sluice/models/rules/aim"
	"sluice/models/scorer"
	"sluice/serve/edge"
	"sluice/serve/feed"
	"sluice/serve/policy"
)

// RuleChoice says which of a version's two rules flags, in the place of its
// model.
type RuleChoice string

// The choices. NoRule leaves it to the model.
const (
	NoRule       RuleChoice = ""
	RuleAtTarget RuleChoice = "target"
	RuleBestF1   RuleChoice = "best-f1"
)

// ExportConfig is one list.
type ExportConfig struct {
	Home string
	Date feed.Date // "" is the newest feed
	// MinConfidence lists from this confidence on; nil leaves it to the
	// model's operating point.
	MinConfidence *float64
	Rules         RuleChoice
	Cover         edge.Options
	Policy        policy.Files
	Expires       time.Duration // after the scores' as_of; 0 is never
	Name          string        // of the list where it is used
	Appeal        string
	Format        edge.Format
	Bare          bool
	// Out is the file to write; "" writes to the writer that Export is given.
	Out string
	// Now is when overrides have to count.
	Now time.Time
}

// ExportResult is what a list came to.
type ExportResult struct {
	Format    edge.Format `json:"format"`
	Files     []string    `json:"files,omitempty"`
	Date      feed.Date   `json:"date"`
	Source    string      `json:"source"`
	Threshold string      `json:"threshold"`
	Until     time.Time   `json:"until,omitzero"`
	Stats     edge.Stats  `json:"stats"`
	// Inexpressible entries were left out because the format can't hold them.
	Inexpressible int `json:"inexpressible_entries,omitempty"`
}

// Export writes the list of a feed. Errors: NotFound, Corrupt, Invalid,
// Conflict (nothing decides: the model or the rule abstains), Interrupted.
func Export(ctx context.Context, c ExportConfig, stdout io.Writer, sink Sink) (ExportResult, error) {
	made, err := buildList(ctx, &c, sink)
	if err != nil {
		return ExportResult{}, err
	}
	list, h := made.list, made.header
	if h.Appeal == "" {
		sink(Event{Warning: &WarningEvent{"the list does not say how to ask for removal: say --appeal TEXT"}})
	}
	out := ExportResult{Format: c.Format, Date: feed.Date(h.Date), Source: h.Source, Threshold: h.Threshold, Until: h.Until, Stats: list.Stats()}
	for e := range list.All() {
		if !c.Format.Expressible(e.Prefix) {
			out.Inexpressible++
		}
	}
	if !h.Until.IsZero() && c.Now.After(h.Until) {
		sink(Event{Warning: &WarningEvent{fmt.Sprintf("the list ran out on %s: the feed is old; run train again, or export with a longer --expires", h.Until.Format(time.DateOnly))}})
	}
	if out.Inexpressible > 0 {
		sink(Event{Warning: &WarningEvent{fmt.Sprintf("%d entries are in address space that %s can't hold and were left out", out.Inexpressible, c.Format)}})
	}
	if s := &out.Stats; s.DroppedEntries > 0 {
		sink(Event{Warning: &WarningEvent{fmt.Sprintf("%d entries for %d addresses were left out to keep to %d entries", s.DroppedEntries, s.DroppedAddresses, c.Cover.MaxEntries)}})
	}
	if c.Out == "" {
		if err := edge.Write(stdout, c.Format, h, list.All()); err != nil || c.Format != edge.Requestctl {
			return out, err
		}
		if _, err := io.WriteString(stdout, "---\n"); err != nil {
			return out, err
		}
		return out, edge.WriteAction(stdout, h)
	}
	// What goes with the list first: a list without it is never there.
	out.Files = []string{c.Out}
	beside := func(what, ext string, write func(io.Writer) error) error {
		path := strings.TrimSuffix(c.Out, filepath.Ext(c.Out)) + what + ext
		out.Files = append(out.Files, path)
		return writeFile(path, write)
	}
	if c.Format == edge.Requestctl {
		if err := beside("-action", filepath.Ext(c.Out), func(w io.Writer) error { return edge.WriteAction(w, h) }); err != nil {
			return out, err
		}
	}
	if c.Bare || !c.Format.HasComments() {
		if err := beside("-about", ".txt", func(w io.Writer) error { return edge.WriteAbout(w, c.Format, h) }); err != nil {
			return out, err
		}
	}
	return out, writeFile(c.Out, func(w io.Writer) error { return edge.Write(w, c.Format, h, list.All()) })
}

// writeFile puts a list in place, whole or not at all, for its owner and group.
func writeFile(path string, fill func(io.Writer) error) error {
	f, err := renameio.NewPendingFile(path, renameio.WithPermissions(0o640))
	if err != nil {
		if errors.Is(err, os.ErrNotExist) {
			return fault.Field(fault.NotFound, "out", "%s: there is no such folder", filepath.Dir(path))
		}
		// The system's error names the pending file, which nobody asked for.
		if named := (*os.PathError)(nil); errors.As(err, &named) {
			err = named.Err
		}
		return featurestore.DiskError(path, err)
	}
	defer func() { _ = f.Cleanup() }()
	if err := fill(f); err != nil {
		return featurestore.DiskError(filepath.Base(path), err)
	}
	return featurestore.DiskError(filepath.Base(path), f.CloseAtomicallyReplace())
}

// builtList is a list of a feed, and what it says of itself.
type builtList struct {
	list   *edge.List
	header edge.Header
	learnt []row.Month // from which its version learnt
}

// buildList makes a list of a feed. Errors: those of Export.
func buildList(ctx context.Context, c *ExportConfig, sink Sink) (*builtList, error) {
	out := &builtList{header: edge.Header{Name: c.Name, Appeal: c.Appeal, Bare: c.Bare, Lifetime: c.Expires}}
	h := &out.header
	feeds := feed.Open(c.Home)
	date := c.Date
	if date == "" {
		d, err := feeds.Latest()
		if err != nil {
			return nil, err
		}
		date = d.Date
	}
	h.Date = string(date)
	pol, err := policy.Load(c.Policy)
	if err != nil {
		return nil, err
	}
	if expired := pol.Expired(c.Now); len(expired) > 0 {
		sink(Event{Warning: &WarningEvent{fmt.Sprintf("%d overrides no longer count (the first is %s); clear them away", len(expired), expired[0].Where)}})
	}
	var b edge.Builder
	r, err := feeds.OpenReader(date)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	var asOf time.Time
	if c.Rules == NoRule {
		asOf, err = addScores(ctx, c, r, &b, out)
	} else {
		asOf, err = addRule(ctx, c, r, &b, out)
	}
	if err != nil {
		return nil, err
	}
	if c.Expires > 0 {
		h.Until = asOf.Add(c.Expires)
	}
	apply(pol, c.Now, &b)
	if out.list, err = b.Build(ctx, c.Cover); err != nil {
		return nil, err
	}
	h.Stats = out.list.Stats()
	return out, nil
}

// seen puts the first instant at which a listed address was seen into a header.
func (l *builtList) seen(t time.Time) {
	if h := &l.header; !t.IsZero() && (h.Since.IsZero() || t.Before(h.Since)) {
		h.Since = t
	}
}

// apply takes a policy over into a list.
func apply(p *policy.Policy, now time.Time, b *edge.Builder) {
	regions := p.Regions(now)
	for _, r := range regions.Keep {
		for _, q := range edge.Subtract([]netip.Prefix{r.Prefix}, r.Except) {
			b.Allow(q)
		}
	}
	for _, r := range regions.Flagged {
		for _, q := range edge.Subtract([]netip.Prefix{r.Prefix}, r.Except) {
			b.Force(q, r.Reason)
		}
	}
	for _, s := range p.Rules().Shared {
		for _, q := range s.Prefixes {
			b.Share(q)
		}
	}
}

// addScores lists what a feed's model flagged.
func addScores(ctx context.Context, c *ExportConfig, r *feed.Reader, b *edge.Builder, out *builtList) (asOf time.Time, err error) {
	h := &out.header
	var l feed.Line
	decided := c.MinConfidence != nil
	version := ""
	var names []string
	for {
		if r.Rows()%4096 == 0 && ctx.Err() != nil {
			return asOf, fault.As(fault.Interrupted, ctx.Err())
		}
		if err := r.Next(&l); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return asOf, err
		}
		if version == "" {
			version, asOf = l.ModelVersion, l.AsOf
		}
		listed := l.Verdict == feed.Abusive
		if c.MinConfidence != nil {
			listed = l.Confidence >= *c.MinConfidence
		}
		decided = decided || l.Verdict != feed.Abstain
		if !listed {
			b.Known(l.IP)
			continue
		}
		a := edge.Address{Confidence: l.Confidence}
		names = names[:0]
		for _, why := range l.Reasons {
			if why.Contribution > 0 {
				names = append(names, why.Feature)
			}
		}
		a.Reason = strings.Join(names, ", ")
		for i := range l.Windows {
			if t := l.Windows[i].Start; a.Since.IsZero() || t.Before(a.Since) {
				a.Since = t
			}
		}
		out.seen(a.Since)
		b.Add(l.IP, a)
	}
	v, registryErr := registry.Open(c.Home).Get(version)
	var point scorer.OperatingPoint
	if registryErr == nil {
		point = operatingPoint(v)
	}
	if r.Rows() > 0 && !decided {
		return asOf, abstained{
			note:  "abstains: no threshold " + point.Held("its") + " on the training months",
			error: fault.Field(fault.Conflict, "min-confidence", "the model abstains: no threshold %s, so it flags nothing; say --min-confidence X to list by confidence, or --rules", point.Held("its")),
		}
	}
	h.Source = "model " + version
	h.Why = "its requests are like those of addresses that were reported as abusive"
	h.Threshold = "the model's operating point"
	if registryErr == nil {
		if v.Manifest.World == featurestore.Simulated {
			h.Source += ", trained on simulated data"
		}
		out.learnt = v.Manifest.Train
		if t := pointText(point); t != "" {
			h.Threshold += ": " + t
		}
	}
	if c.MinConfidence != nil {
		h.Threshold = fmt.Sprintf("confidence of at least %v", *c.MinConfidence)
	}
	return asOf, nil
}

// abstained is the error of a list that nobody decides; note is what a
// comparison of lists says of it.
type abstained struct {
	error
	note string
}

func (a abstained) Unwrap() error { return a.error }

// operatingPoint is a version's; the zero one where it can't be read.
func operatingPoint(v registry.Version) scorer.OperatingPoint {
	b, err := v.ReadFile(registry.SchemaFile)
	var s scorer.Schema
	if err != nil || json.NewDecoder(bytes.NewReader(b)).Decode(&s) != nil {
		return scorer.OperatingPoint{}
	}
	return s.OperatingPoint
}

// pointText is a version's threshold in words, or "".
func pointText(p scorer.OperatingPoint) string {
	if p.Threshold == nil {
		return ""
	}
	aimed := p.Words()
	if p.Kind() == aim.Precision {
		aimed = fmt.Sprintf("a precision of %v", p.Precision)
	}
	return fmt.Sprintf("raw probability of at least %.4g, for %s", *p.Threshold, aimed)
}

// addRule lists what a rule of the feed's version flags in the same month: the
// list that there would be without the model.
func addRule(ctx context.Context, c *ExportConfig, r *feed.Reader, b *edge.Builder, out *builtList) (asOf time.Time, err error) {
	h := &out.header
	var l feed.Line
	if err := r.Next(&l); errors.Is(err, io.EOF) {
		return asOf, fault.New(fault.Conflict, "the feed of %s is empty, so it names no version whose rules could be used", h.Date)
	} else if err != nil {
		return asOf, err
	}
	v, err := registry.Open(c.Home).Get(l.ModelVersion)
	if err != nil {
		return asOf, err
	}
	rule, aimed, err := ruleOf(v, c.Rules)
	if err != nil {
		return asOf, err
	}
	if rule.Abstains {
		none := "none " + aimed.Held("the") + " on the training months"
		return asOf, abstained{
			note:  "abstain: " + none,
			error: fault.Field(fault.Conflict, "rules", "the rules abstain: %s; say --rule best-f1 for the one with the best F1", none),
		}
	}
	if len(v.Manifest.Test) == 0 {
		return asOf, fault.New(fault.Corrupt, "version %s names no test month", v.Name)
	}
	st, err := featurestore.Open(c.Home, featurestore.OpenOptions{ReadOnly: true, Context: ctx})
	if err != nil {
		return asOf, err
	}
	defer st.Close()
	month := v.Manifest.Test[len(v.Manifest.Test)-1]
	at, err := columnsAt(st, month, "request_count", "response_size_mean")
	if err != nil {
		return asOf, err
	}
	precision := 0.0
	if n := rule.Fit.TP + rule.Fit.FP; n > 0 {
		precision = float64(rule.Fit.TP) / float64(n)
	}
	why := rule.String()
	n := 0
	err = st.ScanMonth(month, false, func(x *row.Row) error {
		if n++; n%4096 == 1 && ctx.Err() != nil {
			return fault.As(fault.Interrupted, ctx.Err())
		}
		if rule.Flag(x.Values[at[0]], x.Values[at[1]]) {
			since := time.Unix(x.First, 0)
			out.seen(since)
			b.Add(x.IP, edge.Address{Confidence: precision, Since: since, Reason: "rule"})
		} else {
			b.Known(x.IP)
		}
		return nil
	})
	out.learnt = v.Manifest.Train
	h.Source = "rules of " + v.Name
	if v.Manifest.World == featurestore.Simulated {
		h.Source += ", fitted on simulated data"
	}
	h.Threshold = why
	h.Why = "it reaches the thresholds of a rule of thumb"
	return l.AsOf, err
}

// ruleOf is one of a version's two rules, and what the other was fitted for.
func ruleOf(v registry.Version, choice RuleChoice) (rules.Rule, aim.Aim, error) {
	b, err := v.ReadFile(registry.RulesFile)
	if err != nil {
		return rules.Rule{}, aim.Aim{}, err
	}
	set, err := rules.Parse(b)
	if err != nil {
		return rules.Rule{}, aim.Aim{}, err
	}
	if choice == RuleBestF1 {
		return set.BestF1, set.Aim, nil
	}
	return set.AtTarget, set.Aim, nil
}

// columnsAt finds columns among those of a month.
func columnsAt(st *featurestore.Store, m row.Month, names ...string) ([]int, error) {
	info, err := st.MonthInfo(m)
	if err != nil {
		return nil, err
	}
	at := make([]int, len(names))
	for i, n := range names {
		if at[i] = slices.Index(info.Columns, n); at[i] < 0 {
			return nil, fault.Field(fault.Invalid, n, "month %s has no column %s", m, n)
		}
	}
	return at, nil
}
