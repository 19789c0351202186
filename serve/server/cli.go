package server

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"

	"go.yaml.in/yaml/v3"

	"sluice/featurestore/fault"
	"sluice/models/registry"
)

const usage = `serve answers how likely it is that an IP address is abusive.

Usage: serve [flags]            answer gRPC and REST until interrupted
       serve config print       show every setting and its value, as a config file
       serve config check       say whether the settings can be used

Flags:
`

const usageEnd = `
Exit status: 0 ended as asked, 1 failed, 2 wrong usage.
`

// settings are the flags.
type settings struct {
	config   Config
	json     bool
	file     string
	logLevel logLevel
}

// logLevel is a level with words of its own for what is none.
type logLevel struct{ slog.Level }

func (l *logLevel) UnmarshalText(b []byte) error {
	if l.Level.UnmarshalText(b) != nil {
		return errors.New("want DEBUG, INFO, WARN or ERROR")
	}
	return nil
}

func (o *settings) flags() *flag.FlagSet {
	fs := flag.NewFlagSet("serve", flag.ContinueOnError)
	fs.SetOutput(io.Discard)
	fs.Usage = func() {}
	fs.StringVar(&o.config.Dir, "dir", "./sluice", "the home `DIR` to serve: its feeds and its registry")
	fs.StringVar(&o.config.GRPC, "grpc", DefaultGRPC, "`ADDRESS` on which to answer gRPC")
	fs.StringVar(&o.config.HTTP, "http", DefaultHTTP, "`ADDRESS` on which to answer REST")
	fs.StringVar(&o.config.Tokens, "tokens", "", "token `FILE`, lines of NAME ROLE[,ROLE...] TOKEN with roles score, feed, page, admin, read again when it changes; without it only loopback addresses are served")
	fs.StringVar(&o.config.TLS.Cert, "tls-cert", "", "certificate `FILE` of both ports, PEM; read again when it changes")
	fs.StringVar(&o.config.TLS.Key, "tls-key", "", "the certificate's key `FILE`, PEM")
	fs.StringVar(&o.config.TLS.ClientCA, "client-ca", "", "authorities `FILE`, PEM, of which callers have to show a certificate")
	fs.BoolVar(&o.config.Plaintext, "plaintext", false, "let tokens travel beyond loopback without TLS, where something in front speaks it")
	fs.StringVar(&o.config.Health, "health", "", "`ADDRESS` of a port for probes: /healthz and /readyz, a yes or no, without TLS or token")
	fs.IntVar(&o.config.Limits.Rows, "limit-rows", 0, "rows `N` a second that a caller may have scored or looked up in batches; 0 is no limit")
	fs.Int64Var(&o.config.Limits.Bytes, "limit-bytes", 0, "bytes `N` a second that a caller may send and receive; 0 is no limit")
	fs.IntVar(&o.config.Limits.Calls, "limit-calls", DefaultCalls, "calls `N` at a time, streams included, that a caller may make; 0 is no limit")
	fs.DurationVar(&o.config.Limits.CallTime, "call-time", DefaultCallTime, "how long (`TIME`) a call may take")
	fs.DurationVar(&o.config.Limits.StreamTime, "stream-time", DefaultStreamTime, "how long (`TIME`) a stream or the download of a feed may take")
	fs.IntVar(&o.config.Connections, "connections", DefaultConnections, "connections `N` to each port; more are closed at once")
	fs.StringVar(&o.config.Audit, "audit", "", "`FILE` to append to who asked for what, a JSON object a call, addresses masked")
	fs.BoolVar(&o.config.AuditAddresses, "audit-addresses", false, "leave addresses in the audit log whole")
	fs.StringVar(&o.config.Shadow, "shadow", "", "`VERSION` that scores beside the champion, for metrics alone, or newest")
	fs.IntVar(&o.config.Threads, "threads", 0, "threads `N` for a call that scores rows; 0 is all processors")
	fs.DurationVar(&o.config.Drain, "drain", DefaultDrain, "how long (`TIME`) calls in flight may take once the end is asked for")
	fs.DurationVar(&o.config.Poll, "poll", DefaultPoll, "how often (`TIME`) the home is looked at for a new feed or champion")
	fs.StringVar(&o.config.Expired, "expired", ExpiredAuto, "what to do (`HOW`) with scores that have expired: refuse (UNAVAILABLE, reason EXPIRED), mark (answer, with expired set), or auto, which marks simulated data")
	fs.BoolVar(&o.config.Traces.Send, "traces", false, "send traces of calls by OpenTelemetry's OTLP over HTTP, as the OTEL_* environment variables say")
	fs.StringVar(&o.config.Traces.Endpoint, "traces-endpoint", "", "`URL` of the collector; \"\" is what OTEL_EXPORTER_OTLP_ENDPOINT says, or http://localhost:4318")
	fs.Float64Var(&o.config.Traces.Sample, "traces-sample", 0, "`SHARE` of the traces begun here that are sent; 0 is what OTEL_TRACES_SAMPLER says, or all")
	fs.BoolVar(&o.config.Traces.Addresses, "traces-addresses", false, "leave callers' addresses, paths and errors' texts in spans")
	fs.TextVar(&o.logLevel, "log-level", logLevel{slog.LevelInfo}, "least `LEVEL` of what is logged: DEBUG, INFO, WARN or ERROR")
	fs.BoolVar(&o.json, "json", false, "write the event stream to stdout, a JSON object a line")
	o.policyFlags(fs)
	fs.StringVar(&o.file, "config", "", "read flags from the YAML `FILE` (\"flag: value\"); the command line wins")
	return fs
}

// Main runs the serve command and returns its exit status.
func Main(ctx context.Context, args []string, _ io.Reader, stdout, stderr io.Writer) int {
	o := &settings{}
	err := run(ctx, o, args, stdout, stderr)
	if err == nil {
		return 0
	}
	kind := fault.KindOf(err)
	message := strings.Join(strings.Fields(err.Error()), " ")
	if o.json {
		writeEvent(stdout, Event{Error: &ErrorEvent{Kind: kind.String(), Field: fault.FieldOf(err), Message: message, Exit: kind.ExitStatus()}})
	}
	fmt.Fprintf(stderr, "serve: %s\n", message)
	return kind.ExitStatus()
}

func run(ctx context.Context, o *settings, args []string, stdout, stderr io.Writer) (err error) {
	fs := o.flags()
	command := ""
	if len(args) >= 2 && args[0] == "config" {
		command, args = args[1], args[2:]
		if command != "print" && command != "check" {
			return fault.New(fault.Usage, "serve config %q: want print or check%s", command, fault.DidYouMean(command, []string{"print", "check"}))
		}
	}
	if err := fs.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			help(stdout, fs)
			return nil
		}
		return flagError(fs, err)
	}
	if fs.NArg() > 0 {
		return fault.New(fault.Usage, "%q is not understood%s; see serve --help", fs.Arg(0), fault.DidYouMean(fs.Arg(0), []string{"config"}))
	}
	if o.file != "" {
		lines, err2 := applyConfig(fs, o.file)
		if err2 != nil {
			return err2
		}
		// A value that can't be used is wrong input where it stands in a file.
		defer func() {
			if n, ok := lines[fault.FieldOf(err)]; ok && fault.Is(err, fault.Usage) {
				err = fault.As(fault.Invalid, fault.Wrap(err, "config file %s, line %d", o.file, n))
			}
		}()
	}
	switch {
	case o.config.Threads < 0:
		return fault.Field(fault.Usage, "threads", "--threads %d: want 0 (all processors) or more", o.config.Threads)
	case o.config.Drain <= 0:
		return fault.Field(fault.Usage, "drain", "--drain %v: want a time above 0", o.config.Drain)
	case o.config.Limits.Rows < 0:
		return fault.Field(fault.Usage, "limit-rows", "--limit-rows %d: want 0 (no limit) or more", o.config.Limits.Rows)
	case o.config.Limits.Bytes < 0:
		return fault.Field(fault.Usage, "limit-bytes", "--limit-bytes %d: want 0 (no limit) or more", o.config.Limits.Bytes)
	case o.config.Limits.Calls < 0:
		return fault.Field(fault.Usage, "limit-calls", "--limit-calls %d: want 0 (no limit) or more", o.config.Limits.Calls)
	case o.config.Limits.CallTime <= 0:
		return fault.Field(fault.Usage, "call-time", "--call-time %v: want a time above 0", o.config.Limits.CallTime)
	case o.config.Limits.StreamTime <= 0:
		return fault.Field(fault.Usage, "stream-time", "--stream-time %v: want a time above 0", o.config.Limits.StreamTime)
	case o.config.Shadow != "" && o.config.Shadow != shadowNewest && !registry.ValidVersion(o.config.Shadow):
		return fault.Field(fault.Usage, "shadow", "--shadow %q: want newest, or a version as in 2024-07-0123456789ab", o.config.Shadow)
	case o.config.Connections <= 0:
		return fault.Field(fault.Usage, "connections", "--connections %d: want 1 or more", o.config.Connections)
	case o.config.Poll <= 0:
		return fault.Field(fault.Usage, "poll", "--poll %v: want a time above 0", o.config.Poll)
	}
	if command != "" {
		return configCommand(command, o, fs, stdout)
	}
	o.config.Log = slog.New(slog.NewJSONHandler(stderr, &slog.HandlerOptions{Level: o.logLevel.Level}))
	o.config.Events = func(e Event) {
		switch {
		case o.json:
			writeEvent(stdout, e)
		case e.Serving != nil:
			fmt.Fprintf(stdout, "serving gRPC on %s and REST on http://%s\n", e.Serving.GRPC, e.Serving.HTTP)
		case e.Feed != nil:
			fmt.Fprintf(stdout, "feed %s: %d addresses, scored by %s\n", e.Feed.Date, e.Feed.Rows, e.Feed.ModelVersion)
		case e.Policy != nil:
			fmt.Fprintf(stdout, "policy: %s\n", e.Policy)
		case e.Model != nil && e.Model.Version != "":
			fmt.Fprintf(stdout, "model %s is in service\n", e.Model.Version)
		}
	}
	o.config.Events(Event{Config: &ConfigEvent{Protocol: "sluice-serve", ProtocolVersion: ProtocolVersion, Dir: o.config.Dir}})
	relaxCollector()
	s, err := New(ctx, o.config)
	if err != nil {
		return err
	}
	return s.Run(ctx)
}

func writeEvent(w io.Writer, e Event) {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(e)
}

func help(w io.Writer, fs *flag.FlagSet) {
	fmt.Fprint(w, usage)
	fs.VisitAll(func(f *flag.Flag) {
		name, text := flag.UnquoteUsage(f)
		left := strings.TrimSpace("--" + f.Name + " " + name)
		if f.DefValue != "" && f.DefValue != "false" && f.DefValue != "0" {
			text += " (default " + f.DefValue + ")"
		}
		fmt.Fprintf(w, "  %-18s %s\n", left, text)
	})
	fmt.Fprint(w, usageEnd)
}

// flagError puts the flag package's words into ours.
func flagError(fs *flag.FlagSet, err error) error {
	msg := err.Error()
	if name, ok := strings.CutPrefix(msg, "flag provided but not defined: -"); ok {
		name = strings.TrimPrefix(name, "-")
		var names []string
		fs.VisitAll(func(f *flag.Flag) { names = append(names, f.Name) })
		hint := strings.ReplaceAll(fault.DidYouMean(name, names), `"`, "")
		return fault.Field(fault.Usage, name, "serve has no flag --%s%s; see serve --help", name, hint)
	}
	if name, ok := strings.CutPrefix(msg, "flag needs an argument: -"); ok {
		name = strings.TrimPrefix(name, "-")
		return fault.Field(fault.Usage, name, "--%s needs a value; see serve --help", name)
	}
	return fault.New(fault.Usage, "%s; see serve --help", msg)
}

// configCommand shows or checks the settings.
func configCommand(command string, o *settings, fs *flag.FlagSet, stdout io.Writer) error {
	if command == "print" {
		fs.VisitAll(func(f *flag.Flag) {
			if f.Name == "config" {
				return
			}
			_, text := flag.UnquoteUsage(f)
			value, _ := yaml.Marshal(&yaml.Node{Kind: yaml.ScalarNode, Value: f.Value.String()})
			fmt.Fprintf(stdout, "# %s\n%s: %s", text, f.Name, value)
		})
		return nil
	}
	if _, _, err := o.config.check(); err != nil {
		return err
	}
	if _, err := newRulings(&o.config); err != nil {
		return err
	}
	if st, err := os.Stat(o.config.Dir); err != nil || !st.IsDir() {
		return fault.Field(fault.NotFound, "dir", "there is no home at %q; train run --dir makes one", o.config.Dir)
	}
	fmt.Fprintln(stdout, "the settings can be used")
	return nil
}

// applyConfig sets the flags that a config file names and the command line does
// not. Unknown names, names that come twice and values of the wrong type are
// errors, with their line. It gives the line of each flag that it set.
func applyConfig(fs *flag.FlagSet, path string) (map[string]int, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		kind := fault.Invalid
		if errors.Is(err, os.ErrNotExist) {
			kind = fault.NotFound
		}
		return nil, fault.Field(kind, "config", "config file: %w", err)
	}
	var doc yaml.Node
	if err := yaml.Unmarshal(b, &doc); err != nil {
		return nil, fault.Field(fault.Invalid, "config", "config file %s: %s", path, strings.TrimPrefix(err.Error(), "yaml: "))
	}
	if len(doc.Content) == 0 {
		return nil, nil
	}
	root := doc.Content[0]
	if root.Kind != yaml.MappingNode {
		return nil, fault.Field(fault.Invalid, "config", "config file %s, line %d: want \"flag: value\" lines", path, root.Line)
	}
	given := map[string]bool{}
	fs.Visit(func(f *flag.Flag) { given[f.Name] = true })
	seen, lines := map[string]bool{}, map[string]int{}
	for i := 0; i+1 < len(root.Content); i += 2 {
		key, value := root.Content[i], root.Content[i+1]
		bad := func(format string, args ...any) error {
			return fault.Field(fault.Invalid, key.Value, "config file %s, line %d: %s", path, key.Line, fmt.Sprintf(format, args...))
		}
		switch {
		case fs.Lookup(key.Value) == nil || key.Value == "config":
			return nil, bad("%q is no setting; serve config print shows them", key.Value)
		case seen[key.Value]:
			return nil, bad("%s comes twice", key.Value)
		case value.Kind != yaml.ScalarNode:
			return nil, bad("%s: want one value", key.Value)
		}
		seen[key.Value] = true
		if given[key.Value] {
			continue
		}
		if err := fs.Set(key.Value, value.Value); err != nil {
			return nil, bad("%s: %q: %v", key.Value, value.Value, err)
		}
		lines[key.Value] = key.Line
	}
	return lines, nil
}
