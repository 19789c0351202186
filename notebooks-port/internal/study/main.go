package study

import (
	"context"
	"flag"
	"fmt"
	"io"
	"path/filepath"
	"time"

	"sluice/featurestore/fault"
	"sluice/notebooks-port/internal/page"
	"sluice/notebooks-port/internal/program"
)

// Report is what a program found: the value itself is report.json.
type Report interface {
	// Document lays the report out; it computes nothing.
	Document() *page.Document
	// Summary is what a person is told at the end, a line each.
	Summary() []string
}

// Program is one of the study's programs.
type Program struct {
	Name string
	Help string // usage, what it does, examples; the flags follow
	// Input says which of the common flags it has; Flags declares its own.
	Input Input
	Flags func(f *flag.FlagSet)
	Run   func(ctx context.Context, in *Input) (Report, error)
}

// Main runs a program: 0 done, 1 failed, 2 wrong usage, 130 interrupted.
func Main(ctx context.Context, p Program, args []string, stdout, stderr io.Writer) int {
	return program.Status(p.Name, run(ctx, p, args, stdout, stderr), stderr)
}

func run(ctx context.Context, p Program, args []string, stdout, stderr io.Writer) error {
	f := flag.NewFlagSet(p.Name, flag.ContinueOnError)
	in := p.Input
	in.declare(f, p.Name)
	asJSON := f.Bool("json", false, "write report.json's content to standard output too")
	quiet := f.Bool("quiet", false, "no progress, no closing lines")
	if p.Flags != nil {
		p.Flags(f)
	}
	rest, err := program.Parse(f, p.Help, args, stdout)
	if err != nil {
		return err
	}
	if len(rest) > 0 {
		return fault.New(fault.Usage, "%q is no flag; files are named with flags, as in --logs %s", rest[0], rest[0])
	}
	if err := in.check(); err != nil {
		return err
	}
	bar := program.NewProgress(stderr, *quiet)
	in.progress = bar.Show
	begun := time.Now()
	r, err := p.Run(ctx, &in)
	bar.Done()
	if err != nil {
		return err
	}
	b, err := program.Write(in.Out, r.Document(), r)
	if err != nil {
		return err
	}
	if *asJSON {
		if _, err := stdout.Write(b); err != nil {
			return err
		}
	}
	if !*quiet {
		for _, line := range r.Summary() {
			fmt.Fprintln(stderr, line)
		}
		fmt.Fprintf(stderr, "wrote %s in %.1f s\n", filepath.Join(in.Out, "report.html, report.md, report.json"), time.Since(begun).Seconds())
	}
	return nil
}
