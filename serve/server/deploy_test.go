package server

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"sluice/featurestore/columns"
	pb "sluice/proto/sluice/v1"
)

// The examples of config files: with the files that the README's commands make
// the good ones can be used; as shipped, the bad ones can't, for the reason and
// with the words of the golden file.
func TestConfigExamples(t *testing.T) {
	deploy := filepath.Join(packageDir, "..", "deploy")
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS(filepath.Join(deploy, "config"))); err != nil {
		t.Fatal(err)
	}
	check := func(file string) (int, string) {
		var stdout, stderr bytes.Buffer
		code := Main(context.Background(), []string{"config", "check", "--config", file}, nil, &stdout, &stderr)
		return code, stdout.String() + stderr.String()
	}
	t.Run("bad", func(t *testing.T) {
		t.Chdir(filepath.Join(dir, "bad"))
		// A checkout has the mode that the umask leaves.
		if err := os.Chmod("tokens-for-everybody", 0o644); err != nil {
			t.Fatal(err)
		}
		bad, err := filepath.Glob("*.yaml")
		if err != nil || len(bad) < 20 {
			t.Fatal(bad, err)
		}
		var b strings.Builder
		for _, file := range bad {
			code, out := check(file)
			if code != 1 {
				t.Errorf("%s: exit %d, want 1: what a file holds is input", file, code)
			}
			b.WriteString(file + ": " + out)
		}
		golden2(t, "config-examples.golden", b.String())
	})
	t.Run("good", func(t *testing.T) {
		for _, program := range []string{"sh", "openssl"} {
			if _, err := exec.LookPath(program); err != nil {
				t.Skip(program + " is not installed")
			}
		}
		readme, err := os.ReadFile(filepath.Join(deploy, "README.md"))
		if err != nil {
			t.Fatal(err)
		}
		_, rest, _ := strings.Cut(string(readme), "```sh\n")
		commands, _, ok := strings.Cut(rest, "for f in")
		if !ok {
			t.Fatal("the README has no commands")
		}
		t.Chdir(filepath.Join(dir, "good"))
		if out, err := exec.Command("sh", "-ec", commands).CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		good, err := filepath.Glob("*.yaml")
		if err != nil || len(good) < 4 {
			t.Fatal(good, err)
		}
		for _, file := range good {
			if code, out := check(file); code != 0 || out != "the settings can be used\n" {
				t.Errorf("%s: exit %d: %s", file, code, out)
			}
		}
	})
}

// Alerts and dashboard ask for metrics that the service has.
func TestDashboardsAskForWhatIsThere(t *testing.T) {
	s := start(t, someLines(2), func(c *Config) {
		c.Models, c.Shadow = nil, shadowNewest
		writeVersion(t, c.Dir, versionA, 1, asOf)
		writeVersion(t, c.Dir, versionB, 2, asOf)
		setChampion(t, c.Dir, versionA)
	})
	awaitChampion(t, s, versionA)
	if _, err := s.client.ScoreRows(ctx, &pb.ScoreRowsRequest{FeatureNames: columns.Names(), Values: stumpRow(3)}); err != nil {
		t.Fatal(err)
	}
	_, _ = s.client.GetIpScore(ctx, &pb.GetIpScoreRequest{Name: "ips/192.0.2.0"})
	metrics := ""
	eventually(t, "the shadow's answer", func() bool {
		_, _, metrics = s.rest(t, "GET", "/metrics", "")
		return strings.Contains(metrics, "sluice_shadow_rows_total 1\n") && strings.Contains(metrics, "sluice_shadow_verdicts_total{") && strings.Contains(metrics, "sluice_shadow_confidence_difference_count 1\n")
	})
	asked := map[string]bool{}
	for _, file := range []string{"alerts.yaml", "dashboard.json"} {
		b, err := os.ReadFile(filepath.Join("..", "deploy", file))
		if err != nil {
			t.Fatal(err)
		}
		if file == "dashboard.json" && !json.Valid(b) {
			t.Errorf("%s is no JSON", file)
		}
		var doc any
		if err := yaml.Unmarshal(b, &doc); err != nil {
			t.Errorf("%s: %v", file, err)
		}
		for _, name := range regexp.MustCompile(`\b(?:sluice|process|go)_[a-z_]+\b`).FindAllString(string(b), -1) {
			asked[name] = true
			if name == "sluice_connections_closed_total" { // nothing was closed
				continue
			}
			if !strings.Contains(metrics, "\n"+name+" ") && !strings.Contains(metrics, "\n"+name+"{") {
				t.Errorf("%s asks for %s", file, name)
			}
		}
	}
	for _, m := range regexp.MustCompile(`(?m)^# TYPE (sluice_[a-z_]+) (\w+)`).FindAllStringSubmatch(metrics, -1) {
		if !asked[m[1]] && !asked[m[1]+"_bucket"] {
			t.Errorf("neither alerts nor dashboard show %s", m[1])
		}
	}
}

// The manifests are what they say: no root, nothing writable, probes on the port
// for probes, the service's own settings.
func TestManifests(t *testing.T) {
	b, err := os.ReadFile("../deploy/kubernetes.yaml")
	if err != nil {
		t.Fatal(err)
	}
	kinds := map[string]map[string]any{}
	d := yaml.NewDecoder(bytes.NewReader(b))
	for {
		var doc map[string]any
		if d.Decode(&doc) != nil {
			break
		}
		kinds[doc["kind"].(string)] = doc
	}
	config := kinds["ConfigMap"]["data"].(map[string]any)["serve.yaml"].(string)
	path := filepath.Join(t.TempDir(), "serve.yaml")
	if err := os.WriteFile(path, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	var stdout, stderr bytes.Buffer
	if code := Main(ctx, []string{"config", "print", "--config", path}, nil, &stdout, &stderr); code != 0 || !strings.Contains(stdout.String(), "\nhealth: 0.0.0.0:8081\n") {
		t.Errorf("the settings: exit %d %s", code, stderr.String())
	}
	pod, err := yaml.Marshal(kinds["Deployment"]["spec"].(map[string]any)["template"])
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"runAsNonRoot: true", "readOnlyRootFilesystem: true", "allowPrivilegeEscalation: false", "automountServiceAccountToken: false", "- ALL", "path: /readyz", "path: /healthz", "containerPort: 8081", "type: RuntimeDefault", "terminationGracePeriodSeconds: 35"} {
		if !strings.Contains(string(pod), want) {
			t.Errorf("no %s", want)
		}
	}
	for _, kind := range []string{"Service", "PodDisruptionBudget", "NetworkPolicy"} {
		if kinds[kind] == nil {
			t.Errorf("no %s", kind)
		}
	}
}

// systemd finds nothing wrong with the unit, and calls its exposure low.
func TestUnit(t *testing.T) {
	analyze, err := exec.LookPath("systemd-analyze")
	if err != nil {
		t.Skip("systemd-analyze is not installed")
	}
	unit, err := os.ReadFile("../deploy/sluice-serve.service")
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "sluice-serve.service")
	// The program need not be installed for the unit to be right.
	if err := os.WriteFile(path, bytes.ReplaceAll(unit, []byte("/usr/bin/sluice-serve"), []byte("/bin/true")), 0o644); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command(analyze, "verify", "--man=no", path).CombinedOutput()
	for l := range strings.Lines(string(out)) {
		if strings.Contains(l, "sluice-serve") {
			t.Errorf("verify: %s", l)
		}
	}
	if err != nil && !strings.Contains(string(out), "sluice-serve") {
		t.Skipf("systemd-analyze can't run here: %.200s", out)
	}
	out, err = exec.Command(analyze, "security", "--offline=true", "--threshold=20", "--no-pager", path).CombinedOutput()
	m := regexp.MustCompile(`Overall exposure level for \S+: ([0-9.]+) (\w+)`).FindStringSubmatch(string(out))
	if m == nil {
		t.Skipf("systemd-analyze judges no files here: %.200s", out)
	}
	t.Logf("exposure %s %s", m[1], m[2])
	if err != nil {
		t.Errorf("%s\n%s", m[0], out)
	}
}

// What lies in deploy is tried with the programs that read it: those that are
// there.
func TestDeployForReal(t *testing.T) {
	if os.Getenv("SLUICE_LONG") == "" {
		t.Skip("set SLUICE_LONG=1 to build and run the container and to try manifests and rules: minutes")
	}
	out, err := exec.Command("../deploy/check.sh").CombinedOutput()
	t.Logf("%s", out)
	if err != nil {
		t.Error(err)
	}
}
