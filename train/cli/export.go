package cli

import (
	"context"
	"flag"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"sluice/featurestore/fault"
	"sluice/serve/edge"
	"sluice/serve/feed"
	"sluice/serve/policy"
	"sluice/train/pipeline"
)

func edgeCommands() []command {
	return []command{{
		name:    "export",
		summary: "Write the addresses that a feed flags as a list for the edge",
		long: `Formats: haproxy-map, haproxy-acl, nginx, netmapper, requestctl, nft, crowdsec,
crowdsec-csv, csv, jsonl. The list holds whole addresses: that is what it is for.
It is the fewest prefixes that cover the flagged addresses and nothing else; with
--rollup it may hit others, as far as --max-extra and --max-known allow.
Overrides (--allowlist) are lines of "PREFIX allow|flag|abstain UNTIL AUTHOR REASON";
those count that have not run out today. What a format without comments can't
say of itself stands beside it, in NAME-about.txt.`,
		example: `train export --format haproxy-map --out ipblocks.d/sluice.map --appeal https://example.org/appeal
train export --format nft --rollup /24,/64 --max-extra 2% --max-entries 50000 --out sluice.nft
train export --format jsonl --min-confidence 0.95 --date 2024-08-31
train export --format csv --rules --out rules.csv`,
		setup: setupExport,
	}, {
		name:    "replay",
		summary: "Say what lists would have stopped in months of the store, and whom",
		long: `Counts what came from a list's addresses in the store's months: requests,
addresses, readers, crawlers. Takes every format that train export writes, and
plain lists. Without --list it holds two approaches side by side: the list of
the newest feed's model, and those that the two rules of its version make alone.
The policy (--allowlist, --crawlers) counts for these.`,
		example: `train replay
train replay --months 2024-08 --crawlers Googlebot=googlebot.json --shared carriers=carriers.txt
train replay --list sluice.map --months 2024-08 --rules
train replay --list new.nft old.nft --months 2024-07,2024-08 --json`,
		setup: setupReplay,
	}}
}

// policyFlags name the files of a policy.
type policyFlags struct {
	allowlist *string
	crawlers  list
	shared    list
}

func declarePolicy(fs *flag.FlagSet) *policyFlags {
	p := &policyFlags{allowlist: fs.String("allowlist", "", "`FILE` of overrides, one a line")}
	fs.Var(&p.crawlers, "crawlers", "`NAME=FILE`s of ranges that crawlers publish; they are never listed")
	fs.Var(&p.shared, "shared", "`NAME=FILE`s of prefixes behind which many stand; never rolled up")
	return p
}

func (p *policyFlags) files() (policy.Files, error) {
	f := policy.Files{Overrides: *p.allowlist}
	for _, set := range []struct {
		flag   string
		values []string
		to     *[]policy.NamedFile
	}{{"crawlers", p.crawlers.values, &f.Crawlers}, {"shared", p.shared.values, &f.Shared}} {
		for _, v := range set.values {
			n, err := policy.ParseNamedFile(v)
			if err != nil {
				return f, fault.Field(fault.Usage, set.flag, "--%s %q: %w", set.flag, v, err)
			}
			*set.to = append(*set.to, n)
		}
	}
	return f, nil
}

func setupExport(fs *flag.FlagSet) func(context.Context, *env, []string) error {
	format := fs.String("format", "", "`FORMAT` of the list")
	date := fs.String("date", "", "`YYYY-MM-DD` of the feed; the newest if not given")
	out := fs.String("out", "", "`FILE` to write; stdout if not given")
	minConfidence := fs.String("min-confidence", "", "list from confidence `X` on, in place of the model's operating point")
	byRules := fs.Bool("rules", false, "list what the rules alone flag, in place of the model")
	rule := fs.String("rule", string(pipeline.RuleAtTarget), "with --rules: the `RULE` fitted for the target precision (target) or the best F1 (best-f1)")
	maxEntries := fs.Int("max-entries", 0, "at most `N` entries; those that stop the most stay. 0 for no bound")
	rollup := fs.String("rollup", "exact", "`exact`, or the widest prefixes to roll up to, as in /24,/64")
	maxExtra := fs.String("max-extra", "5%", "with --rollup: hit at most `N` addresses (IPv6: /64s) that were not meant, or a share of the listed")
	maxKnown := fs.Int("max-known", 0, "with --rollup: hit at most `N` addresses that were seen and not flagged")
	expires := fs.String("expires", "7d", "the list runs out `AGE` after its scores; 0d for never")
	name := fs.String("name", "sluice", "`NAME` of the list where it is used")
	appeal := fs.String("appeal", "", "how to ask for removal: an address or URL, as `TEXT`")
	bare := fs.Bool("bare", false, "no comments, for consumers whose checks know none")
	pol := declarePolicy(fs)
	return func(ctx context.Context, e *env, args []string) error {
		if len(args) > 0 {
			return fault.New(fault.Usage, "export takes no %q; see train export --help", args[0])
		}
		if *format == "" {
			return fault.Field(fault.Usage, "format", "export needs --format; see train export --help")
		}
		c := pipeline.ExportConfig{Home: e.global.dir, Out: *out, Name: *name, Appeal: *appeal, Bare: *bare, Now: time.Now()}
		var err error
		if c.Format, err = edge.ParseFormat(*format); err != nil {
			return fault.Field(fault.Usage, "format", "--%w", err)
		}
		if c.Format == edge.CrowdSec && strings.HasSuffix(*out, ".csv") {
			c.Format = edge.CrowdSecCSV // cscli goes by the name
		}
		if err := checkOut(*out); err != nil {
			return err
		}
		if c.Date, err = parseFeedDate(*date); err != nil {
			return err
		}
		if e.global.json && *out == "" {
			return fault.Field(fault.Usage, "out", "--json prints events to stdout: say --out FILE for the list")
		}
		switch {
		case *byRules && *minConfidence != "":
			return fault.Field(fault.Usage, "min-confidence", "--rules and --min-confidence exclude each other: rules have no confidence")
		case *byRules:
			if c.Rules = pipeline.RuleChoice(*rule); c.Rules != pipeline.RuleAtTarget && c.Rules != pipeline.RuleBestF1 {
				return fault.Field(fault.Usage, "rule", "--rule %q: want target or best-f1", *rule)
			}
		}
		if c.MinConfidence, err = parseConfidence(*minConfidence); err != nil {
			return err
		}
		if c.Cover, err = parseCover(*rollup, *maxExtra, *maxKnown, *maxEntries); err != nil {
			return err
		}
		if c.Expires, err = parseExpires(*expires); err != nil {
			return err
		}
		if c.Policy, err = pol.files(); err != nil {
			return err
		}
		e.events.begin("export")
		res, err := pipeline.Export(ctx, c, e.stdout, e.events.send)
		if err != nil {
			return err
		}
		// The list may have gone to stdout: what is said of it goes to stderr.
		e.events.result(res, nil)
		if !e.global.json {
			printExport(e.stderr, &res)
		}
		return nil
	}
}

// parseFeedDate reads the date of a feed; "" is the newest.
func parseFeedDate(s string) (feed.Date, error) {
	if s == "" {
		return "", nil
	}
	d, err := feed.ParseDate(s)
	if err != nil {
		return "", fault.Field(fault.Usage, "date", "--%w", err)
	}
	return d, nil
}

// parseConfidence reads a confidence; "" is none.
func parseConfidence(s string) (*float64, error) {
	if s == "" {
		return nil, nil
	}
	x, err := strconv.ParseFloat(s, 64)
	if err != nil || !(x >= 0 && x <= 1) {
		return nil, fault.Field(fault.Usage, "min-confidence", "--min-confidence %q: want a number between 0 and 1", s)
	}
	return &x, nil
}

// parseExpires reads "7d", a Go duration in whole seconds, or 0 for never.
func parseExpires(s string) (time.Duration, error) {
	d, err := parseAge(s)
	if err != nil || d%time.Second != 0 {
		return 0, fault.Field(fault.Usage, "expires", "--expires %q: want days, as in 7d, or hours, as in 36h; 0d for never", s)
	}
	return d, nil
}

// parseCover reads --rollup and the bounds.
func parseCover(rollup, maxExtra string, maxKnown, maxEntries int) (edge.Options, error) {
	o := edge.Options{MaxKnown: maxKnown, MaxEntries: maxEntries}
	if maxKnown < 0 {
		return o, fault.Field(fault.Usage, "max-known", "--max-known %d: want 0 or more", maxKnown)
	}
	if maxEntries < 0 {
		return o, fault.Field(fault.Usage, "max-entries", "--max-entries %d: want 0 (no bound) or more", maxEntries)
	}
	if rollup != "exact" && rollup != "" {
		for part := range strings.SplitSeq(rollup, ",") {
			n, err := strconv.Atoi(strings.TrimPrefix(strings.TrimSpace(part), "/"))
			switch {
			case err == nil && n > 0 && n < 32 && o.IPv4 == 0:
				o.IPv4 = n
			case err == nil && n > 32 && n <= 64 && o.IPv6 == 0:
				o.IPv6 = n
			default:
				return o, fault.Field(fault.Usage, "rollup", "--rollup %q: want exact, or lengths such as /24 for IPv4 (below /32) and /64 or /48 for IPv6 (above /32)", rollup)
			}
		}
	}
	if share, ok := strings.CutSuffix(maxExtra, "%"); ok {
		x, err := strconv.ParseFloat(share, 64)
		if err != nil || !(x >= 0 && x <= 1000) {
			return o, fault.Field(fault.Usage, "max-extra", "--max-extra %q: want a number of addresses, or a share, as in 5%%", maxExtra)
		}
		o.MaxExtraShare = x / 100
		return o, nil
	}
	n, err := strconv.ParseUint(maxExtra, 10, 62)
	if err != nil {
		return o, fault.Field(fault.Usage, "max-extra", "--max-extra %q: want a number of addresses, or a share, as in 5%%", maxExtra)
	}
	o.MaxExtraIPv4, o.MaxExtraIPv6 = n, n
	return o, nil
}

func printExport(w io.Writer, r *pipeline.ExportResult) {
	s := &r.Stats
	fmt.Fprintf(w, "list      %d entries (%d IPv4, %d IPv6) for %d addresses, %s of %s\n", s.Entries-r.Inexpressible, s.IPv4, s.IPv6, s.Addresses-s.DroppedAddresses, r.Source, r.Date)
	fmt.Fprintf(w, "threshold %s\n", r.Threshold)
	if s.ExactEntries > s.Entries {
		fmt.Fprintf(w, "roll-up   %d entries without it; hits at most %d IPv4 addresses and %d IPv6 /64s that were not meant, %d of them seen and not flagged\n", s.ExactEntries, s.ExtraIPv4, s.ExtraIPv6, s.Known)
	}
	if s.AllowedAddresses+s.SharedAddresses+s.Forced > 0 {
		fmt.Fprintf(w, "policy    %d flagged addresses spared, %d entries by hand, %d listed addresses in shared prefixes\n", s.AllowedAddresses, s.Forced, s.SharedAddresses)
	}
	if !r.Until.IsZero() {
		fmt.Fprintf(w, "until     %s\n", r.Until.Format(time.RFC3339))
	}
	for _, f := range r.Files {
		fmt.Fprintf(w, "written   %s\n", f)
	}
}
