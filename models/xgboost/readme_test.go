package xgboost

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestReadmeScript runs the Python of the README as it stands there, with the
// train command of this tree, under every XGBoost that SLUICE_XGBOOST_PYTHON
// names.
func TestReadmeScript(t *testing.T) {
	page, err := os.ReadFile(filepath.Join("..", "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, ok := strings.Cut(string(page), "```python\n")
	script, _, closed := strings.Cut(rest, "```")
	if !ok || !closed || strings.Contains(rest, "```python") {
		t.Fatal("models/README.md has not just one block of Python")
	}
	if lines := len(strings.Fields(strings.ReplaceAll(strings.ReplaceAll(script, " ", ""), "\n", " "))); lines > 20 {
		t.Errorf("the script has %d lines that are not empty, want 20 at most", lines)
	}
	for _, want := range []string{"train\", \"predict\"", "output_margin=True).tobytes()", "pred_contribs"} {
		if !strings.Contains(script, want) {
			t.Errorf("the script has no %s", want)
		}
	}
	pythons := os.Getenv("SLUICE_XGBOOST_PYTHON")
	switch {
	case os.Getenv("SLUICE_LONG") == "":
		t.Skip("SLUICE_LONG is not set: the script is not run")
	case pythons == "":
		t.Skip("SLUICE_XGBOOST_PYTHON names no Python with XGBoost")
	}
	dir := t.TempDir()
	build := exec.Command("go", "build", "-o", filepath.Join(dir, "train"), "sluice/train")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build train: %v\n%s", err, out)
	}
	save(t, filepath.Join(dir, "check.py"), []byte(script))
	for python := range strings.SplitSeq(pythons, ":") {
		cmd := exec.Command(python, "-W", "ignore", "check.py")
		cmd.Dir = dir
		cmd.Env = append(os.Environ(), "OMP_NUM_THREADS=2", "PATH="+dir+string(os.PathListSeparator)+os.Getenv("PATH"))
		out, err := cmd.CombinedOutput()
		if err != nil || !strings.Contains(string(out), "all alike") {
			t.Errorf("%s: %v\n%s", python, err, out)
			continue
		}
		t.Logf("%s: %s", filepath.Base(python), strings.TrimSpace(string(out)))
	}
}
