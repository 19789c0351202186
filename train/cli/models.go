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
	"sluice/models/rules/aim"
	"sluice/train/evaluation"
	"sluice/train/pipeline"
	"sluice/train/report"
)

func modelCommands() []command {
	return []command{evaluateCommand(), {
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
		result := map[string]any{"versions": args, "figures": rows}
		aims := [2]aim.Aim{evals[0].Aim(), evals[1].Aim()}
		if aims[0] != aims[1] {
			result["aims"] = aims
		}
		e.events.result(result, func(w io.Writer) {
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
			if aims[0] != aims[1] {
				fmt.Fprintf(w, "operating points chosen for %s and for %s: what they flag differs for that alone\n", aims[0].Words(), aims[1].Words())
			}
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
		if _, err := os.Stat(e.global.dir); os.IsNotExist(err) {
			return fault.Field(fault.NotFound, "dir", "there is no home at %q; check --dir, or make it with train run", e.global.dir)
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

// promotable is the version that promote is asked for: a name that stands for
// one is none.
func promotable(r *registry.Registry, name string) (string, error) {
	if name != pipeline.ModelChampion {
		return name, nil
	}
	now, err := r.Champion()
	if err != nil {
		return "", err
	}
	if now == "" {
		return "", fault.Field(fault.Usage, "version", "promote takes the name of a version, and no version is in service yet that \"champion\" could mean; see train versions")
	}
	return "", fault.Field(fault.Usage, "version", "champion is %s, which is in service already; name the version to put in its place (see train versions), or take it out with train rollback", now)
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
		name, err := promotable(registry.Open(e.global.dir), rest[0])
		if err != nil {
			return err
		}
		entry := registry.Entry{Action: "promote", Version: name, Who: who(), Reason: *reason, Forced: *force != ""}
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
