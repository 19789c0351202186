package injection

import (
	"bufio"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// corpora are files of a labelled value a line: its class (sqli, xss,
// traversal, command, norm), a tab, the value as a JSON string.
const corporaEnv = "SLUICE_INJECTION_CORPORA"

// TestCorpora reports recall and false positives on labelled corpora that a
// user keeps outside the repository.
func TestCorpora(t *testing.T) {
	dir := os.Getenv(corporaEnv)
	if dir == "" {
		t.Skip("set " + corporaEnv + " to a folder of labelled .tsv files")
	}
	files, err := filepath.Glob(filepath.Join(dir, "*.tsv"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no .tsv files in %s: %v", dir, err)
	}
	classOf := map[string]Class{"sqli": SQLi, "xss": XSS, "traversal": Traversal, "command": Command}
	for _, path := range files {
		f, err := os.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		all, hit, other, falseSQL, falseHTML, falseAny := map[string]int{}, map[string]int{}, map[string]int{}, 0, 0, 0
		s := bufio.NewScanner(f)
		s.Buffer(nil, 1<<20)
		var missed []string
		for s.Scan() {
			label, quoted, ok := strings.Cut(s.Text(), "\t")
			var v string
			if !ok || json.Unmarshal([]byte(quoted), &v) != nil {
				t.Fatalf("%s: bad line", path)
			}
			all[label]++
			got := JudgeValue(v)
			want := classOf[label]
			switch {
			case label == "norm":
				if got.Classes&SQLi != 0 {
					falseSQL++
				}
				if got.Classes&XSS != 0 {
					falseHTML++
				}
				if got.Classes != 0 {
					falseAny++
					missed = append(missed, "FALSE "+got.Classes.String()+"/"+got.Findings[0].Technique+"\t"+v)
				}
			case got.Classes&want != 0:
				hit[label]++
			default:
				missed = append(missed, "MISS "+label+"\t"+v)
				if got.Classes != 0 {
					other[label]++
				}
			}
		}
		if s.Err() != nil {
			t.Fatal(s.Err())
		}
		f.Close()
		for label, n := range all {
			if label == "norm" {
				t.Logf("%-24s norm      %6d  false: sqli %d (%.3f%%), xss %d (%.3f%%), any %d (%.3f%%)", filepath.Base(path), n, falseSQL, 100*float64(falseSQL)/float64(n), falseHTML, 100*float64(falseHTML)/float64(n), falseAny, 100*float64(falseAny)/float64(n))
				continue
			}
			t.Logf("%-24s %-9s %6d  recall %.4f (%d more under another class)", filepath.Base(path), label, n, float64(hit[label])/float64(n), other[label])
		}
		if out := os.Getenv(corporaEnv + "_MISSED"); out != "" {
			if err := os.WriteFile(filepath.Join(out, filepath.Base(path)), []byte(strings.Join(missed, "\n")+"\n"), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
}
