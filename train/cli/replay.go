package cli

import (
	"context"
	"flag"
	"fmt"
	"io"
	"strings"
	"time"

	"sluice/featurestore/fault"
	"sluice/serve/policy"
	"sluice/train/pipeline"
)

func setupReplay(fs *flag.FlagSet) func(context.Context, *env, []string) error {
	lists := list{}
	fs.Var(&lists, "list", "`FILES` to hold against the months, side by side")
	monthsFlag := list{comma: true}
	fs.Var(&monthsFlag, "months", "`MONTHS` of the store; the last one if not given")
	byModel := fs.Bool("model", false, "beside them, the list that the feed's model makes")
	byRules := fs.Bool("rules", false, "beside them, the lists that the rules of the feed's version make alone")
	date := fs.String("date", "", "`YYYY-MM-DD` of the feed of --model and --rules; the newest if not given")
	minConfidence := fs.String("min-confidence", "", "with --model: list from confidence `X` on, in place of its operating point")
	pol := declarePolicy(fs)
	return func(ctx context.Context, e *env, args []string) error {
		if len(args) > 0 {
			return fault.New(fault.Usage, "replay takes no %q; see train replay --help", args[0])
		}
		c := pipeline.ReplayConfig{Home: e.global.dir, Model: *byModel, Rules: *byRules, Export: pipeline.ExportConfig{Name: "replayed", Now: time.Now()}}
		var err error
		if len(monthsFlag.values) > 0 {
			if c.Months, err = parseMonths("months", monthsFlag.values); err != nil {
				return err
			}
		}
		if len(lists.values) > 0 {
			if c.Lists, err = expandGlobs("list", lists.values); err != nil {
				return err
			}
		} else if !c.Model && !c.Rules {
			c.Model, c.Rules = true, true
		}
		if c.Export.Date, err = parseFeedDate(*date); err != nil {
			return err
		}
		if c.Export.MinConfidence, err = parseConfidence(*minConfidence); err != nil {
			return err
		}
		if c.Export.Policy, err = pol.files(); err != nil {
			return err
		}
		e.events.begin("replay")
		res, err := pipeline.Replay(ctx, c, e.events.send)
		if err != nil {
			return err
		}
		e.events.result(res, func(w io.Writer) { printReplay(w, &res, &c.Export.Policy) })
		return nil
	}
}

// printReplay lays the lists side by side, each figure with its share of the
// months'.
func printReplay(w io.Writer, r *pipeline.ReplayResult, pol *policy.Files) {
	all := append([]pipeline.Stopped{r.All}, r.Lists...)
	fmt.Fprintf(w, "in %s%s", months(r.Months), strings.Repeat(" ", max(1, 28-3-len(months(r.Months)))))
	for _, s := range all {
		fmt.Fprintf(w, " %22.22s", s.Name)
	}
	fmt.Fprintln(w)
	type figure struct {
		name string
		of   func(*pipeline.Stopped) int64
	}
	figures := []figure{
		{"requests", func(s *pipeline.Stopped) int64 { return s.Requests }},
		{"page views", func(s *pipeline.Stopped) int64 { return s.PageViews }},
		{"addresses", func(s *pipeline.Stopped) int64 { return s.Addresses }},
		{"  reported", func(s *pipeline.Stopped) int64 { return s.Reported }},
		{"  not reported", func(s *pipeline.Stopped) int64 { return s.NotReported }},
		{"  unknown", func(s *pipeline.Stopped) int64 { return s.Unknown }},
		{"readers", func(s *pipeline.Stopped) int64 { return s.Readers }},
		{"  their requests", func(s *pipeline.Stopped) int64 { return s.ReaderRequests }},
		{"  their page views", func(s *pipeline.Stopped) int64 { return s.ReaderPageViews }},
		{"declared crawlers", func(s *pipeline.Stopped) int64 { return s.Crawlers }},
		{"  their requests", func(s *pipeline.Stopped) int64 { return s.CrawlerRequests }},
	}
	if len(pol.Crawlers) > 0 {
		figures = append(figures, figure{"verified crawlers", func(s *pipeline.Stopped) int64 { return s.VerifiedCrawlers }})
	}
	if len(pol.Shared) > 0 {
		figures = append(figures, figure{"in shared prefixes", func(s *pipeline.Stopped) int64 { return s.Shared }})
	}
	for _, line := range figures {
		fmt.Fprintf(w, "%-28s", line.name)
		for i := range all {
			n := line.of(&all[i])
			share := ""
			if total := line.of(&all[0]); i > 0 && total > 0 {
				share = fmt.Sprintf("%6.2f %%", 100*float64(n)/float64(total))
			}
			fmt.Fprintf(w, " %13d %8s", n, share)
		}
		fmt.Fprintln(w)
	}
	fmt.Fprintf(w, "%-28s", "precision")
	for i := range all {
		p := "-"
		if all[i].Precision != nil {
			p = fmt.Sprintf("%.4f", *all[i].Precision)
		}
		fmt.Fprintf(w, " %13s %8s", p, "")
	}
	fmt.Fprintln(w)
	fmt.Fprintln(w)
	for _, s := range r.Lists {
		if s.Source != "" {
			fmt.Fprintf(w, "%s: %s; %s\n", s.Name, s.Source, s.Threshold)
		}
		if s.Note != "" {
			fmt.Fprintf(w, "%s: %s\n", s.Name, s.Note)
		}
	}
	fmt.Fprint(w, `Readers are addresses not reported that are no declared crawlers: most of a
declared crawler's requests have the agent type spider, a verified one is in the
ranges of --crawlers. Precision is reported of those labelled.
`)
}
