package cli

import (
	"bytes"
	"errors"
	"flag"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"sluice/featurestore/fault"
	"sluice/featurestore/row"
)

// list is a flag that may be given several times, with several values up to
// the next flag, or with commas where a value can't hold one.
type list struct {
	values []string
	comma  bool
}

func (l *list) String() string { return strings.Join(l.values, ",") }

func (l *list) Set(s string) error {
	parts := []string{s}
	if l.comma {
		parts = strings.Split(s, ",")
	}
	for _, p := range parts {
		if p = strings.TrimSpace(p); p == "" {
			return errors.New("an empty value")
		}
		l.values = append(l.values, p)
	}
	return nil
}

// spreadLists turns "--logs a b c" into "--logs a --logs b --logs c" for the
// flags that are lists, so that a shell's expanded glob is taken whole.
func spreadLists(fs *flag.FlagSet, args []string) []string {
	var out []string
	for i := 0; i < len(args); i++ {
		a := args[i]
		if a == "--" {
			return append(out, args[i:]...)
		}
		out = append(out, a)
		name, _, hasValue := strings.Cut(strings.TrimLeft(a, "-"), "=")
		if !strings.HasPrefix(a, "-") || a == "-" {
			continue
		}
		f := fs.Lookup(name)
		if f == nil {
			continue
		}
		if b, ok := f.Value.(interface{ IsBoolFlag() bool }); ok && b.IsBoolFlag() {
			continue
		}
		if !hasValue {
			if i++; i >= len(args) {
				break
			}
			out = append(out, args[i])
		}
		if _, ok := f.Value.(*list); !ok {
			continue
		}
		for i+1 < len(args) && (args[i+1] == "-" || !strings.HasPrefix(args[i+1], "-")) {
			i++
			out = append(out, "--"+name, args[i])
		}
	}
	return out
}

// flagError puts the flag package's words into one line that says what to do.
func flagError(c command, fs *flag.FlagSet, err error) error {
	msg := err.Error()
	if name, ok := strings.CutPrefix(msg, "flag provided but not defined: -"); ok {
		var names []string
		fs.VisitAll(func(f *flag.Flag) { names = append(names, f.Name) })
		hint := fault.DidYouMean(strings.TrimPrefix(name, "-"), names)
		return fault.Field(fault.Usage, name, "train %s has no flag --%s%s; see train %s --help", c.name, strings.TrimPrefix(name, "-"), strings.ReplaceAll(hint, `"`, ""), c.name)
	}
	if name, ok := strings.CutPrefix(msg, "flag needs an argument: -"); ok {
		return fault.Field(fault.Usage, name, "--%s needs a value; see train %s --help", strings.TrimPrefix(name, "-"), c.name)
	}
	return fault.New(fault.Usage, "%s; see train %s --help", msg, c.name)
}

// applyConfig sets the flags that file names and the command line did not.
func applyConfig(fs *flag.FlagSet, file string) error {
	b, err := os.ReadFile(file)
	if err != nil {
		return fault.Field(fault.Invalid, "config", "--config: %w", err)
	}
	var doc yaml.Node
	if err := yaml.NewDecoder(bytes.NewReader(b)).Decode(&doc); err != nil && !errors.Is(err, io.EOF) {
		return fault.Field(fault.Invalid, "config", "%s: %s", file, strings.TrimPrefix(err.Error(), "yaml: "))
	}
	if len(doc.Content) == 0 {
		return nil
	}
	root := doc.Content[0]
	if root.Kind != yaml.MappingNode {
		return fault.Field(fault.Invalid, "config", "%s:%d: want lines of \"flag: value\"", file, root.Line)
	}
	given := map[string]bool{}
	fs.Visit(func(f *flag.Flag) { given[f.Name] = true })
	for i := 0; i+1 < len(root.Content); i += 2 {
		key, val := root.Content[i], root.Content[i+1]
		f := fs.Lookup(key.Value)
		if f == nil || f.Name == "config" {
			var names []string
			fs.VisitAll(func(f *flag.Flag) { names = append(names, f.Name) })
			return fault.Field(fault.Invalid, "config", "%s:%d: %q is no flag of this command%s", file, key.Line, key.Value, fault.DidYouMean(key.Value, names))
		}
		if given[f.Name] {
			continue
		}
		var values []string
		switch val.Kind {
		case yaml.ScalarNode:
			values = []string{val.Value}
		case yaml.SequenceNode:
			if _, ok := f.Value.(*list); !ok {
				return fault.Field(fault.Invalid, "config", "%s:%d: %s takes one value, found a list", file, val.Line, key.Value)
			}
			for _, n := range val.Content {
				if n.Kind != yaml.ScalarNode {
					return fault.Field(fault.Invalid, "config", "%s:%d: %s: want plain values", file, n.Line, key.Value)
				}
				values = append(values, n.Value)
			}
		default:
			return fault.Field(fault.Invalid, "config", "%s:%d: %s: want a value or a list of values", file, val.Line, key.Value)
		}
		for _, v := range values {
			if err := f.Value.Set(v); err != nil {
				return fault.Field(fault.Invalid, "config", "%s:%d: %s: %q: %w", file, val.Line, key.Value, v, err)
			}
		}
	}
	return nil
}

// expandGlobs lists the files that patterns name, each once, sorted. A pattern
// without a match, a directory, and the same file twice under two patterns are
// told apart: the first two are errors, the third is one file.
func expandGlobs(flagName string, patterns []string) ([]string, error) {
	var files []string
	for _, p := range patterns {
		if p == "-" {
			files = append(files, p)
			continue
		}
		matches, err := filepath.Glob(p)
		if err != nil {
			return nil, fault.Field(fault.Usage, flagName, "--%s %q: not a pattern: %w", flagName, p, err)
		}
		if len(matches) == 0 {
			if _, err := os.Lstat(p); err == nil {
				matches = []string{p} // a name that only looks like a pattern
			} else {
				advice := "check the path (globs may be quoted or not)"
				if strings.Contains(p, ",") {
					advice = "several files are separated by spaces, not by commas"
				}
				return nil, fault.Field(fault.Invalid, flagName, "--%s %q: no such file; %s", flagName, p, advice)
			}
		}
		for _, m := range matches {
			fi, err := os.Stat(m)
			if err != nil {
				return nil, fault.Field(fault.Invalid, flagName, "--%s: %w", flagName, err)
			}
			if fi.IsDir() {
				return nil, fault.Field(fault.Invalid, flagName, "--%s %q is a directory; name its files, as in '%s/*'", flagName, m, m)
			}
			files = append(files, m)
		}
	}
	slices.Sort(files)
	return slices.Compact(files), nil
}

func parseMonths(flagName string, values []string) ([]row.Month, error) {
	var months []row.Month
	for _, v := range values {
		m, err := row.ParseMonth(v)
		if err != nil {
			return nil, fault.Field(fault.Usage, flagName, "--%s: %w", flagName, err)
		}
		if slices.Contains(months, m) {
			return nil, fault.Field(fault.Usage, flagName, "--%s names %s twice", flagName, m)
		}
		months = append(months, m)
	}
	slices.Sort(months)
	return months, nil
}
