package xgboost

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"sluice/models/ensemble"
)

// TestInstalledXGBoostAnswersAlike writes every golden model, lets installed
// XGBoosts load the files, and compares their margins with Sluice's bit for
// bit, not just that they load: 1.7 takes some files without a word and answers something else.
//
// SLUICE_XGBOOST_PYTHON names the Python interpreters, separated by colons.
func TestInstalledXGBoostAnswersAlike(t *testing.T) {
	pythons := os.Getenv("SLUICE_XGBOOST_PYTHON")
	if pythons == "" {
		t.Skip("SLUICE_XGBOOST_PYTHON names no Python with XGBoost")
	}
	dir := t.TempDir()
	want := map[string]*golden{}
	for _, g := range goldens(t, "*/*") {
		m, err := Read(g.files["model.json"])
		if err != nil {
			continue
		}
		for _, b := range m.BaseScore {
			if b != m.BaseScore[0] {
				m = nil // for 3.1 and later only
				break
			}
		}
		if m == nil {
			continue
		}
		g.answered = make([]float32, len(g.margin))
		mustPredict(t, m, ensemble.PredictorOptions{}).Margin(g.answered, g.input, g.rows, 2)
		stem := strings.ReplaceAll(g.name, "/", "-")
		for ext, write := range map[string]func(*bytes.Buffer, *ensemble.Model) error{
			".json": func(b *bytes.Buffer, m *ensemble.Model) error { return WriteJSON(b, m) },
			".ubj":  func(b *bytes.Buffer, m *ensemble.Model) error { return WriteUBJSON(b, m) },
		} {
			var b bytes.Buffer
			if err := write(&b, m); err != nil {
				t.Fatal(err)
			}
			save(t, filepath.Join(dir, stem+ext), b.Bytes())
			want[stem+ext] = g
		}
		save(t, filepath.Join(dir, stem+".f32"), g.files["input.f32"])
	}
	for python := range strings.SplitSeq(pythons, ":") {
		for file := range want { // of the Python before
			os.Remove(filepath.Join(dir, file+".margin"))
			os.Remove(filepath.Join(dir, file+".refused"))
		}
		cmd := exec.Command(python, "-W", "ignore", filepath.Join("testdata", "answer.py"), dir)
		cmd.Env = append(os.Environ(), "OMP_NUM_THREADS=1")
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%s: %v\n%s", python, err, out)
		}
		version, err := os.ReadFile(filepath.Join(dir, "version"))
		if err != nil {
			t.Fatal(err)
		}
		t.Run(string(version), func(t *testing.T) {
			compared := 0
			for file, g := range want {
				if why, err := os.ReadFile(filepath.Join(dir, file+".refused")); err == nil {
					// 1.7 has no quantiles, and other names for ranking's parameters
					if strings.HasPrefix(string(version), "1.") && (strings.Contains(file, "quantile") || strings.Contains(file, "rank_")) {
						continue
					}
					t.Fatalf("%s: %s", file, why)
				}
				compared++
				b, err := os.ReadFile(filepath.Join(dir, file+".margin"))
				if err != nil {
					t.Fatal(err)
				}
				sameBits(t, file, floats(b), g.answered)
			}
			t.Logf("%d files compared", compared)
		})
	}
}

func save(t testing.TB, path string, data []byte) {
	t.Helper()
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
}
