package cli

import (
	"context"
	"flag"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/google/renameio/v2"

	"sluice/featurestore/fault"
	"sluice/models/registry"
	"sluice/train/evaluation"
	"sluice/train/pipeline"
	"sluice/train/report"
)

func modelCommands() []command {
	return []command{{
		name:    "evaluate",
		summary: "Measure a version, the rules or the earlier lists on months of the store",
		long: `Measures on the store's rows as they are labelled now, without training: labels
that came later are added with train features build --labels. Writes nothing.`,
		args: "",
		example: `train evaluate --model champion --months 2024-08
train evaluate --model 2024-07-0123456789ab --months 2024-08,2024-09 --json
train evaluate --model rules --months 2024-08
train evaluate --model listed-before --months 2024-08 --labels 'blacklist-*.txt'
train evaluate --grid --months 2024-06,2024-07,2024-08
train evaluate --backtest 2 --labels 'blacklist-*.txt'`,
		setup: setupEvaluate,
	}, {
		name:    "compare",
		summary: "Put two versions' figures side by side",
		args:    "V W",
		example: `train compare champion 2024-08-ba9876543210 --out review`,
		setup:   setupCompare,
	}, {
		name:    "versions",
		summary: "List the versions, which is in service, and how it came to be",
		example: `train versions`,
		setup:   setupVersions,
	}, {
		name:    "promote",
		summary: "Put a version in service and write its feed",
		args:    "V",
		long:    `A version that a gate held back needs --force and the reason, which champion.log keeps.`,
		example: `train promote 2024-07-0123456789ab
train promote 2024-07-0123456789ab --force "attack under way, precision 0.78 accepted"`,
		setup: setupPromote,
	}, {
		name:    "rollback",
		summary: "Put the version before the present champion back in service",
		example: `train rollback --reason "locks out the office"`,
		setup:   setupRollback,
	}}
}

func setupEvaluate(fs *flag.FlagSet) func(context.Context, *env, []string) error {
	model := fs.String("model", "champion", "`V`, a version, or champion, rules or listed-before")
	months := list{comma: true}
	fs.Var(&months, "months", "`MONTHS` of the store to measure on")
	labels := list{}
	fs.Var(&labels, "labels", "AbuseIPDB export `FILES` of earlier months, to measure what was listed before")
	grid := fs.Bool("grid", false, "the published study's splits of two or three months: .8/.2 by row and by address, month to month")
	backtest := fs.Int("backtest", 0, "train on `N` months and test on the next, for every labelled month of the store")
	params := fs.String("params", "", "JSON `FILE` of XGBoost parameters for --grid and --backtest")
	seed := fs.Int64("seed", 0, "`N` that draws start from")
	tune := fs.Bool("tune", false, "search the parameters of each --backtest split within its training months")
	return func(ctx context.Context, e *env, args []string) error {
		if len(args) > 0 {
			return fault.New(fault.Usage, "evaluate takes no %q; see train evaluate --help", args[0])
		}
		ms, err := parseMonths("months", months.values)
		if err != nil {
			return err
		}
		if len(ms) == 0 && *backtest == 0 {
			return fault.Field(fault.Usage, "months", "evaluate needs --months; see train evaluate --help")
		}
		exports, err := expandGlobs("labels", labels.values)
		if err != nil {
			return err
		}
		e.events.begin("evaluate")
		if (*params != "" || *tune) && !*grid && *backtest == 0 {
			return fault.New(fault.Usage, "--params and --tune are for --grid and --backtest, which train; a version has its own")
		}
		if *tune && *grid {
			return fault.Field(fault.Usage, "tune", "--tune goes with --backtest; the grid is trained as given")
		}
		if *grid || *backtest != 0 {
			c := pipeline.Config{Home: e.global.dir, Labels: exports, Threads: threads(e.global.threads), Seed: *seed, Tune: *tune}
			if c.Params, c.Rounds, err = readRunParams(*params); err != nil {
				return err
			}
			if *backtest != 0 {
				splits, err := pipeline.Backtest(ctx, c, *backtest, e.events.send)
				if err != nil {
					return err
				}
				e.events.result(splits, func(w io.Writer) { printFigures(w, e.events.figures) })
				return nil
			}
			rows, err := pipeline.Grid(ctx, c, ms, e.events.send)
			if err != nil {
				return err
			}
			e.events.result(rows, func(w io.Writer) { printGrid(w, rows) })
			return nil
		}
		split, err := pipeline.Evaluate(ctx, pipeline.Config{Home: e.global.dir, Labels: exports, Threads: threads(e.global.threads), Seed: *seed}, *model, ms, e.events.send)
		if err != nil {
			return err
		}
		e.events.result(split, func(w io.Writer) { printFigures(w, e.events.figures) })
		return nil
	}
}

// printGrid puts the splits side by side, at one half, with their matrices.
func printGrid(w io.Writer, rows []report.GridRow) {
	fmt.Fprintf(w, "%-28s %-10s %7s %8s %9s %7s %7s %9s   %s\n", "split", "rows by", "rows", "roc_auc", "precision", "recall", "f1", "accuracy", "tn, fp / fn, tp")
	for _, g := range rows {
		by := "row"
		switch {
		case g.Grouped:
			by = "address"
		case strings.Contains(g.Name, "→"):
			by = "month"
		}
		h := g.Split.AtHalf
		c := h.Confusion
		fmt.Fprintf(w, "%-28s %-10s %7d %8s %9s %7s %7s %9s   %g, %g / %g, %g\n", g.Name, by, g.Split.Rows.Rows, figure(g.Split.ROCAUC), figure(h.Classes.True.Precision), figure(h.Classes.True.Recall), figure(h.Classes.True.F1), figure(h.Accuracy), c.TN, c.FP, c.FN, c.TP)
	}
	fmt.Fprintln(w)
	for _, g := range rows {
		switch {
		case g.HasLeak:
			fmt.Fprintf(w, "%s: ROC AUC by row less that by address is %+.4f (one draw, other test rows: chance is in it)\n", g.Name, g.Leakage)
		case !g.Grouped && !strings.Contains(g.Name, "→"):
			fmt.Fprintf(w, "%s: no address has two rows, so the two splits differ by chance alone\n", g.Name)
		}
	}
}

func openVersion(r *registry.Registry, name string) (registry.Version, error) {
	if name == "champion" {
		c, err := r.Champion()
		if err != nil {
			return registry.Version{}, err
		}
		if c == "" {
			return registry.Version{}, fault.Field(fault.NotFound, "version", "no version is in service yet; see train versions")
		}
		name = c
	}
	return r.Get(name)
}

func setupCompare(fs *flag.FlagSet) func(context.Context, *env, []string) error {
	out := fs.String("out", "", "`DIR` to write compare.html and compare.md to")
	return func(_ context.Context, e *env, args []string) error {
		args, err := flagsAfter(fs, args)
		if err != nil {
			return err
		}
		if len(args) != 2 {
			return fault.New(fault.Usage, "compare takes two versions; see train compare --help")
		}
		e.events.begin("compare")
		r := registry.Open(e.global.dir)
		var evals [2]*evaluation.Evaluation
		for i, name := range args {
			v, err := openVersion(r, name)
			if err != nil {
				return err
			}
			if evals[i], err = pipeline.ReadEvaluation(v); err != nil {
				return err
			}
		}
		if *out != "" {
			html, md, err := report.Compare(evals[0], evals[1])
			if err != nil {
				return err
			}
			if err := os.MkdirAll(*out, 0o755); err != nil {
				return fault.Field(fault.Invalid, "out", "--out: %w", err)
			}
			for name, b := range map[string][]byte{"compare.html": html, "compare.md": md} {
				if err := renameio.WriteFile(filepath.Join(*out, name), b, 0o644); err != nil {
					return fault.Field(fault.Invalid, "out", "--out: %w", err)
				}
			}
		}
		rows := compareRows(evals[0].Main(), evals[1].Main())
		e.events.result(map[string]any{"versions": args, "figures": rows}, func(w io.Writer) {
			fmt.Fprintf(w, "%-34s %22s %22s %10s\n", "", args[0], args[1], "difference")
			for _, f := range rows {
				diff := "-"
				if f.A.Defined() && f.B.Defined() {
					diff = fmt.Sprintf("%+.4f", float64(f.B)-float64(f.A))
				}
				fmt.Fprintf(w, "%-34s %22s %22s %10s\n", f.Name, figure(f.A), figure(f.B), diff)
			}
			a, b := evals[0].Main().Months, evals[1].Main().Months
			fmt.Fprintf(w, "tested on %s and on %s", strings.Join(a.Test, ", "), strings.Join(b.Test, ", "))
			if strings.Join(a.Test, ",") != strings.Join(b.Test, ",") {
				fmt.Fprint(w, ": different rows, so a difference may be the months' and not the models'")
			}
			fmt.Fprintln(w)
		})
		return nil
	}
}

type comparedFigure struct {
	Name string           `json:"name"`
	A    evaluation.Float `json:"a"`
	B    evaluation.Float `json:"b"`
}

func compareRows(a, b *evaluation.Split) []comparedFigure {
	return []comparedFigure{
		{"roc_auc", a.ROCAUC, b.ROCAUC},
		{"pr_auc", a.PRAUC, b.PRAUC},
		{"brier", a.Brier, b.Brier},
		{"at_half precision", a.AtHalf.Classes.True.Precision, b.AtHalf.Classes.True.Precision},
		{"at_half recall", a.AtHalf.Classes.True.Recall, b.AtHalf.Classes.True.Recall},
		{"at_half f1", a.AtHalf.Classes.True.F1, b.AtHalf.Classes.True.F1},
		{"operating_point threshold", a.OperatingPoint.Threshold, b.OperatingPoint.Threshold},
		{"operating_point precision", a.OperatingPoint.Classes.True.Precision, b.OperatingPoint.Classes.True.Precision},
		{"operating_point recall", a.OperatingPoint.Classes.True.Recall, b.OperatingPoint.Classes.True.Recall},
	}
}

func figure(f evaluation.Float) string {
	if !f.Defined() {
		return "-"
	}
	return fmt.Sprintf("%.4f", float64(f))
}

func setupVersions(fs *flag.FlagSet) func(context.Context, *env, []string) error {
	return func(_ context.Context, e *env, args []string) error {
		if len(args) > 0 {
			return fault.New(fault.Usage, "versions takes no %q", args[0])
		}
		e.events.begin("versions")
		r := registry.Open(e.global.dir)
		versions, bad, err := r.Versions()
		if err != nil {
			return err
		}
		champion, err := r.Champion()
		if err != nil {
			return err
		}
		log, err := r.Log()
		if err != nil {
			return err
		}
		manifests := make([]registry.Manifest, len(versions))
		for i, v := range versions {
			manifests[i] = v.Manifest
		}
		damaged := map[string]string{}
		for name, err := range bad {
			damaged[name] = oneLine(err.Error())
		}
		e.events.result(map[string]any{"versions": manifests, "damaged": damaged, "champion": champion, "log": log}, func(w io.Writer) {
			if len(versions)+len(bad) == 0 {
				fmt.Fprintf(w, "no versions in %s yet; make one with train run\n", r.Dir())
			}
			for _, v := range versions {
				mark, state := " ", "passed"
				if v.Name == champion {
					mark = "*"
				}
				if !v.Manifest.Gate.Passed {
					state = "held back"
				}
				fmt.Fprintf(w, "%s %s  %-9s  trained on %s, tested on %s\n", mark, v.Name, state, months(v.Manifest.Train), months(v.Manifest.Test))
			}
			for _, name := range slices.Sorted(maps.Keys(bad)) {
				fmt.Fprintf(w, "! %s  %s\n", name, oneLine(bad[name].Error()))
			}
			for _, l := range log {
				fmt.Fprintf(w, "  %s  %-8s %s by %s: %s\n", l.At.Format(time.DateTime), l.Action, l.Version, l.Who, l.Reason)
			}
		})
		return nil
	}
}

func months[M fmt.Stringer](ms []M) string {
	s := make([]string, len(ms))
	for i, m := range ms {
		s[i] = m.String()
	}
	return strings.Join(s, ", ")
}

func setupPromote(fs *flag.FlagSet) func(context.Context, *env, []string) error {
	force := fs.String("force", "", "`REASON` to put a version in service though a gate held it back")
	reason := fs.String("reason", "", "`WHY`, for champion.log")
	return func(ctx context.Context, e *env, args []string) error {
		// "promote V --force REASON" reads naturally, and flags end at V.
		rest, err := flagsAfter(fs, args)
		if err != nil {
			return err
		}
		if len(rest) != 1 {
			return fault.New(fault.Usage, "promote takes one version; see train promote --help")
		}
		e.events.begin("promote")
		entry := registry.Entry{Action: "promote", Version: rest[0], Who: who(), Reason: *reason, Forced: *force != ""}
		if *force != "" {
			entry.Reason = *force
		} else if entry.Reason == "" {
			entry.Reason = "gates passed"
		}
		res, err := pipeline.Promote(ctx, pipeline.Config{Home: e.global.dir, Threads: threads(e.global.threads)}, entry, e.events.send)
		if err != nil {
			return err
		}
		e.events.result(res, func(w io.Writer) { printService(w, res) })
		return nil
	}
}

func printService(w io.Writer, s pipeline.Service) {
	fmt.Fprintf(w, "champion  %s\n", s.Champion)
	if s.Feed != "" {
		fmt.Fprintf(w, "feed      %s (%d addresses)\n", s.Feed, s.FeedRows)
	}
}

// flagsAfter parses the flags that follow the first argument.
func flagsAfter(fs *flag.FlagSet, args []string) ([]string, error) {
	var plain []string
	for len(args) > 0 {
		plain = append(plain, args[0])
		if err := fs.Parse(spreadLists(fs, args[1:])); err != nil {
			return nil, fault.New(fault.Usage, "%s", err)
		}
		args = fs.Args()
	}
	return plain, nil
}

func setupRollback(fs *flag.FlagSet) func(context.Context, *env, []string) error {
	reason := fs.String("reason", "rolled back", "`WHY`, for champion.log")
	return func(ctx context.Context, e *env, args []string) error {
		if len(args) > 0 {
			return fault.New(fault.Usage, "rollback takes no %q", args[0])
		}
		e.events.begin("rollback")
		res, err := pipeline.Rollback(ctx, pipeline.Config{Home: e.global.dir, Threads: threads(e.global.threads)}, registry.Entry{Action: "rollback", Who: who(), Reason: *reason}, e.events.send)
		if err != nil {
			return err
		}
		e.events.result(res, func(w io.Writer) { printService(w, res) })
		return nil
	}
}
