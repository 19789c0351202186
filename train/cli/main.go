package cli

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"slices"
	"strings"

	"sluice/featurestore/fault"
)

// env is what a command may touch of the world.
type env struct {
	stdin  io.Reader
	stdout io.Writer
	stderr io.Writer
	events *events
	global global
	left   string // what an interruption left behind, where it is not that a second run goes on
}

// global are the flags that every command takes.
type global struct {
	dir     string
	json    bool
	threads int
	config  string
}

// command is one subcommand.
type command struct {
	name    string // "run", "features list"
	args    string // what follows the flags, as shown in the usage line
	summary string // one line
	long    string
	example string
	// setup declares the command's flags and returns what runs it.
	setup func(fs *flag.FlagSet) func(ctx context.Context, e *env, args []string) error
}

func commands() []command {
	return slices.Concat(runCommands(), featuresCommands(), withdrawCommands(), modelCommands(), matrixCommands(), toolCommands(), edgeCommands())
}

// Main runs the train command and returns its exit status.
func Main(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	e := &env{stdin: stdin, stdout: stdout, stderr: stderr}
	err := dispatch(ctx, e, args)
	if ctx.Err() != nil && err != nil {
		left := e.left
		if left == "" {
			left = "nothing half-written; run the same command again to go on"
		}
		err = fault.New(fault.Interrupted, "interrupted: %s", left)
	}
	var shown helpShown
	switch {
	case err == nil, errors.As(err, &shown):
		return 0
	}
	kind := fault.KindOf(err)
	if e.events == nil && (slices.Contains(args, "--json") || slices.Contains(args, "-json")) {
		e.global.json = true
		e.events = newEvents(e)
	}
	if e.events != nil && e.global.json {
		e.events.fail(err)
	}
	fmt.Fprintf(stderr, "train: %s\n", oneLine(err.Error()))
	return kind.ExitStatus()
}

// helpShown ends a command that only printed its help.
type helpShown struct{}

func (helpShown) Error() string { return "help shown" }

func oneLine(s string) string { return strings.Join(strings.Fields(strings.TrimSpace(s)), " ") }

func dispatch(ctx context.Context, e *env, args []string) error {
	cmds := commands()
	if len(args) == 0 || isHelp(args[0]) {
		if len(args) == 0 {
			usage(e.stderr, cmds)
			return fault.New(fault.Usage, "say what to do: one of the commands above")
		}
		usage(e.stdout, cmds)
		return helpShown{}
	}
	cmd, rest, err := find(cmds, args)
	if err != nil {
		if len(args) > 1 && isHelp(args[1]) {
			return showGroup(e.stdout, cmds, args[0], err)
		}
		return err
	}
	fs := flag.NewFlagSet(cmd.name, flag.ContinueOnError)
	fs.SetOutput(io.Discard)
	fs.StringVar(&e.global.dir, "dir", "./sluice", "`HOME`, the folder of one data set: store/ registry/ feeds/")
	fs.BoolVar(&e.global.json, "json", false, "print the event stream, a JSON object a line, to stdout")
	fs.IntVar(&e.global.threads, "threads", 0, "`N` threads; 0 for all processors. Results are the same for any N")
	fs.StringVar(&e.global.config, "config", "", "read flags from the YAML `FILE` (\"flag: value\" or \"flag: [values]\"); the command line wins")
	run := cmd.setup(fs)

	if err := fs.Parse(spreadLists(fs, rest)); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			cmd.help(e.stdout, fs)
			return helpShown{}
		}
		return flagError(cmd, fs, err)
	}
	if e.global.config != "" {
		if err := applyConfig(fs, e.global.config); err != nil {
			return err
		}
	}
	if e.global.threads < 0 {
		return fault.Field(fault.Usage, "threads", "--threads %d: want 0 (all processors) or more", e.global.threads)
	}
	e.events = newEvents(e)
	defer e.events.close()
	return run(ctx, e, fs.Args())
}

func isHelp(s string) bool { return s == "-h" || s == "-help" || s == "--help" || s == "help" }

// find takes the longest command name that args begin with.
func find(cmds []command, args []string) (command, []string, error) {
	for n := min(2, len(args)); n > 0; n-- {
		name := strings.Join(args[:n], " ")
		for _, c := range cmds {
			if c.name == name {
				return c, args[n:], nil
			}
		}
	}
	var sub []string
	for _, c := range cmds {
		if group, s, ok := strings.Cut(c.name, " "); ok && group == args[0] {
			sub = append(sub, s)
		}
	}
	if len(sub) > 0 {
		return command{}, nil, fault.New(fault.Usage, "%s needs one of: %s; see train %s --help", args[0], strings.Join(sub, ", "), args[0])
	}
	names := make([]string, len(cmds))
	for i, c := range cmds {
		names[i] = c.name
	}
	return command{}, nil, fault.New(fault.Usage, "%q is no command%s; see train --help", args[0], fault.DidYouMean(args[0], names))
}

func showGroup(w io.Writer, cmds []command, group string, otherwise error) error {
	found := false
	for _, c := range cmds {
		if strings.HasPrefix(c.name, group+" ") {
			fmt.Fprintf(w, "  train %-20s %s\n", c.name, c.summary)
			found = true
		}
	}
	if !found {
		return otherwise
	}
	return helpShown{}
}

func usage(w io.Writer, cmds []command) {
	fmt.Fprint(w, `train learns from web request logs which IP addresses are abusive.

Usage: train COMMAND [flags]

`)
	for _, c := range cmds {
		fmt.Fprintf(w, "  %-18s %s\n", c.name, c.summary)
	}
	fmt.Fprint(w, `
Start with:
  train run --demo
  train run --logs 'access-*.log.gz' --labels 'blacklist-*.txt' --train 2024-06,2024-07 --test 2024-08

Exit status: 0 done, 1 failed, 2 wrong usage, 3 a gate held the model back, 130 interrupted.
train COMMAND --help tells a command's flags.
`)
}

func (c command) help(w io.Writer, fs *flag.FlagSet) {
	fmt.Fprintf(w, "%s\n\nUsage: train %s [flags] %s\n", c.summary, c.name, c.args)
	if c.long != "" {
		fmt.Fprintf(w, "\n%s\n", strings.TrimSpace(c.long))
	}
	fmt.Fprintf(w, "\nFlags:\n")
	fs.VisitAll(func(f *flag.Flag) {
		name, use := flag.UnquoteUsage(f)
		left := "--" + f.Name
		if name != "" {
			left += " " + name
		}
		if f.DefValue != "" && f.DefValue != "false" && f.DefValue != "0" {
			use += " (default " + f.DefValue + ")"
		}
		if len(left) > 24 {
			fmt.Fprintf(w, "  %s\n  %-24s %s\n", left, "", use)
			return
		}
		fmt.Fprintf(w, "  %-24s %s\n", left, use)
	})
	if c.example != "" {
		fmt.Fprintf(w, "\nExamples:\n")
		for line := range strings.Lines(strings.TrimSpace(c.example) + "\n") {
			fmt.Fprintf(w, "  %s", line)
		}
	}
}
