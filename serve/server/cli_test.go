package server

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// syncBuffer is a buffer that one goroutine writes while another looks.
type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *syncBuffer) Write(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(b)
}

func (s *syncBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

// Help, settings and every wrong use, word for word.
func TestCommandLine(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	file := func(name, text string) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir("home", 0o755); err != nil {
		t.Fatal(err)
	}
	file("good.yaml", "# a comment\ndir: home\ngrpc: 127.0.0.1:0\nhttp: 127.0.0.1:0\ndrain: 1s\nlog-level: WARN\n")
	file("unknown.yaml", "dir: home\nport: 8080\n")
	file("twice.yaml", "dir: home\ndir: other\n")
	file("type.yaml", "threads: many\n")
	file("list.yaml", "http: [127.0.0.1:8080]\n")
	file("syntax.yaml", "dir: [\n")
	file("scalar.yaml", "home\n")
	file("empty.yaml", "")
	file("open.yaml", "dir: home\nhttp: 0.0.0.0:8080\n")
	file("nested.yaml", "config: other.yaml\n")
	file("tokens", "ops admin "+adminToken+"\n")
	var b strings.Builder
	for _, line := range []string{
		"--help", "config print", "config print --config good.yaml --http 127.0.0.1:81", "config check --config good.yaml",
		"config check --config open.yaml", "config check --config open.yaml --tokens tokens", "config check --config open.yaml --tokens tokens --plaintext", "config check --config open.yaml --tokens tokens --tls-cert cert.pem", "config check --config empty.yaml",
		"config check --config unknown.yaml", "config check --config twice.yaml", "config check --config type.yaml", "config check --config list.yaml",
		"config check --config syntax.yaml", "config check --config scalar.yaml", "config check --config nested.yaml", "config check --config absent.yaml",
		"config show", "now", "--port 80", "--grpc", "--threads -1", "--drain 0s", "--poll -1s", "--log-level LOUD", "--dir absent", "--dir absent --json",
	} {
		var stdout, stderr bytes.Buffer
		code := Main(context.Background(), strings.Fields(line), nil, &stdout, &stderr)
		b.WriteString("$ serve " + line + "\n" + stdout.String() + stderr.String())
		b.WriteString("exit " + string(rune('0'+code)) + "\n\n")
	}
	golden2(t, "commands.golden", b.String())
}

// golden2 is golden for a test that changed the folder.
func golden2(t *testing.T, name, got string) {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Chdir(packageDir); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = os.Chdir(dir) }()
	golden(t, name, got)
}

var packageDir = func() string {
	dir, err := os.Getwd()
	if err != nil {
		panic(err)
	}
	return dir
}()

// The command serves, tells of it in its event stream, and ends when asked.
func TestMainServes(t *testing.T) {
	home := t.TempDir()
	writeFeed(t, home, "2024-08-31", someLines(2))
	ctx, cancel := context.WithCancel(context.Background())
	var stdout, stderr syncBuffer
	code := make(chan int)
	go func() {
		code <- Main(ctx, []string{"--dir", home, "--grpc", "127.0.0.1:0", "--http", "127.0.0.1:0", "--json"}, nil, &stdout, &stderr)
	}()
	for range 500 {
		if strings.Contains(stdout.String(), `"serving"`) {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	cancel()
	if c := <-code; c != 0 {
		t.Errorf("exit %d: %s", c, stderr.String())
	}
	var kinds []string
	for l := range strings.Lines(stdout.String()) {
		var e map[string]json.RawMessage
		if err := json.Unmarshal([]byte(l), &e); err != nil || len(e) != 1 {
			t.Fatalf("%s: %v", l, err)
		}
		for k := range e {
			kinds = append(kinds, k)
		}
	}
	// The feed is of 2024: that its scores have run out is said.
	if got := strings.Join(kinds, " "); got != "config feed serving warning drained" {
		t.Errorf("events %q", got)
	}
}
