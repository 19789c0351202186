package cli

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/binary"
	"encoding/csv"
	"encoding/json"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"sluice/models/xgboost"
)

// recorded is a case of the golden files beside models/xgboost.
func recorded(t *testing.T, name string) map[string][]byte {
	t.Helper()
	z, err := zip.OpenReader(filepath.Join("..", "..", "models", "xgboost", "testdata", "golden", filepath.FromSlash(name)+".zip"))
	if err != nil {
		t.Fatal(err)
	}
	defer z.Close()
	files := map[string][]byte{}
	for _, f := range z.File {
		r, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		if files[f.Name], err = io.ReadAll(r); err != nil {
			t.Fatal(err)
		}
	}
	return files
}

func float32s(b []byte) []float32 {
	out := make([]float32, len(b)/4)
	for i := range out {
		out[i] = math.Float32frombits(binary.LittleEndian.Uint32(b[4*i:]))
	}
	return out
}

// predictOutput runs train predict and gives its header and its numbers.
func predictOutput(t *testing.T, stdin io.Reader, args ...string) (header []string, v []float32, rows int) {
	t.Helper()
	var out, errs bytes.Buffer
	if status := Main(context.Background(), append([]string{"predict"}, args...), stdin, &out, &errs); status != 0 {
		t.Fatalf("%v: status %d: %s", args, status, &errs)
	}
	all, err := csv.NewReader(&out).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	for _, rec := range all[1:] {
		for _, f := range rec {
			x, err := strconv.ParseFloat(f, 32)
			if err != nil {
				t.Fatal(err)
			}
			v = append(v, float32(x))
		}
	}
	return all[0], v, len(all) - 1
}

// TestPredictAnswersAsXGBoost runs the command over recorded models in every
// form, on files whose columns are shuffled among others, and compares what it
// prints with XGBoost's own answers.
func TestPredictAnswersAsXGBoost(t *testing.T) {
	for i, c := range []struct {
		name, base, objective string // the last two for dumps
		answer                string // header of the first probability
		flags                 []string
	}{
		{"3.4.1/logistic", "", "binary:logistic", "probability", nil},
		{"3.4.1/multi_softprob", "", "multi:softprob", "probability0", []string{"--num_class", "3"}},
		{"3.4.1/multi_softmax", "", "multi:softmax", "class", []string{"--num_class", "3"}},
		{"3.4.1/inf_numeric", "", "binary:logistic", "probability", nil},
		{"3.4.1/categorical_partition", "", "binary:logistic", "probability", nil},
		{"3.4.1/reg_squarederror", "", "reg:squarederror", "prediction", nil},
		{"3.4.1/escapes", "", "binary:logistic", "probability", nil},
		{"3.4.1/nonames", "", "binary:logistic", "probability", nil},
		{"3.4.1/dart", "", "", "probability", nil},
		{"3.4.1/gblinear_logistic", "", "", "probability", nil},
		{"2.0.3/quantiles", "", "", "prediction0", nil},
		{"1.7.4/missing", "0.5", "binary:logistic", "probability", nil},
		{"1.7.4/parallel_tree", "0.5", "binary:logistic", "probability", []string{"--num_parallel_tree", "3"}},
		{"1.3.3/count_poisson", "", "", "prediction", nil},
	} {
		if testing.Short() && i%4 != 0 {
			continue
		}
		t.Run(c.name, func(t *testing.T) {
			files, dir := recorded(t, c.name), t.TempDir()
			m, err := xgboost.Read(files["model.json"])
			if err != nil {
				t.Fatal(err)
			}
			x, margin := float32s(files["input.f32"]), float32s(files["margin.f32"])
			csvPath := filepath.Join(dir, "x.csv")
			writeShuffled(t, csvPath, m.FeatureNames, x, m.NumFeature)
			byPlace := filepath.Join(dir, "place.csv")
			writeShuffled(t, byPlace, nil, x, m.NumFeature)
			run := func(file, output string, extra ...string) (header []string, v []float32, rows int) {
				path := filepath.Join(dir, file)
				if err := os.WriteFile(path, files[file], 0o600); err != nil {
					t.Fatal(err)
				}
				data := csvPath
				if len(m.FeatureNames) == 0 || file == "model.bin" || strings.HasPrefix(file, "dump") {
					data = byPlace
				}
				if strings.HasPrefix(file, "dump") && len(m.FeatureNames) > 0 {
					data = filepath.Join(dir, "dumped.csv") // every column a number
					writeMatrix(t, data, m.FeatureNames, x)
				}
				return predictOutput(t, nil, append([]string{"--model", path, "--data", data, "--output", output}, extra...)...)
			}
			for _, f := range []string{"model.json", "model.ubj", "model.bin"} {
				if files[f] == nil {
					continue
				}
				_, got, rows := run(f, "margin")
				if rows != len(x)/m.NumFeature || !sameFloats(got, margin) {
					t.Errorf("%s: margins of %d rows differ", f, rows)
				}
			}
			header, got, _ := run("model.json", "probability")
			if header[0] != c.answer {
				t.Errorf("header %q, want %q first", header, c.answer)
			}
			compare(t, "probability", got, float32s(files["proba.f32"]), 1e-6)
			if m.Booster != "gblinear" {
				_, leaves, _ := run("model.json", "leaf")
				for i, b := range float32s(files["leaf.i32"]) {
					if leaves[i] != float32(math.Float32bits(b)) {
						t.Fatalf("leaf %d is %v", i, leaves[i])
					}
				}
			}
			if want := float32s(files["contribs.f32"]); len(want) > 0 {
				header, got, _ := run("model.json", "contributions")
				if len(header) != (m.NumFeature+1)*m.Groups() {
					t.Errorf("%d contributions a row", len(header))
				}
				compare(t, "contributions", got, want, 1e-4)
			}
			if want := float32s(files["interactions.f32"]); len(want) > 0 {
				header, got, _ := run("model.json", "interactions")
				var first []float32 // those that were recorded
				for r := 0; r < min(len(x)/m.NumFeature, 130); r += 13 {
					first = append(first, got[r*len(header):][:len(header)]...)
				}
				compare(t, "interactions", first, want, 1e-4)
			}
			if c.objective == "" {
				return
			}
			if c.base == "" {
				var parts []string
				for _, b := range m.BaseScore {
					parts = append(parts, strconv.FormatFloat(float64(b), 'g', 9, 32))
				}
				c.base = strings.Join(parts, ",")
			}
			for _, f := range []string{"dump.txt", "dump.json", "dump_stats.json"} {
				_, got, _ := run(f, "margin", append([]string{"--base_score", c.base, "--objective", c.objective}, c.flags...)...)
				if !sameFloats(got, margin) {
					t.Errorf("%s: margins differ", f)
				}
			}
		})
	}
}

// writeShuffled writes rows as CSV with the columns in another order, one of
// text among them; without names in the given order as c0, c1, ….
func writeShuffled(t *testing.T, path string, names []string, x []float32, features int) {
	if len(names) == 0 {
		names = make([]string, features)
		for i := range names {
			names[i] = "c" + strconv.Itoa(i)
		}
		writeMatrix(t, path, names, x)
		return
	}
	order := rand.New(rand.NewPCG(1, 2)).Perm(features + 1) // the last is text
	var b bytes.Buffer
	b.WriteString("\xef\xbb\xbf")
	w := csv.NewWriter(&b)
	w.UseCRLF = true
	rec := make([]string, features+1)
	for i, j := range order {
		if rec[i] = "a note"; j < features {
			rec[i] = names[j]
		}
	}
	w.Write(rec)
	for r := range len(x) / features {
		for i, j := range order {
			if rec[i] = "text, with a comma"; j < features {
				rec[i] = digits(x[r*features+j])
			}
		}
		w.Write(rec)
	}
	w.Flush()
	if err := os.WriteFile(path, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
}

func writeMatrix(t *testing.T, path string, names []string, x []float32) {
	var b bytes.Buffer
	w := csv.NewWriter(&b)
	w.Write(names)
	rec := make([]string, len(names))
	for r := range len(x) / len(names) {
		for i := range names {
			if rec[i] = digits(x[r*len(names)+i]); rec[i] == "" {
				rec[i] = "nan"
			}
		}
		w.Write(rec)
	}
	w.Flush()
	if err := os.WriteFile(path, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
}

func digits(v float32) string {
	if v != v {
		return ""
	}
	return strconv.FormatFloat(float64(v), 'g', 9, 64)
}

func compare(t *testing.T, what string, got, want []float32, most float64) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%s: %d numbers, want %d", what, len(got), len(want))
	}
	for i := range want {
		d := math.Abs(float64(got[i]) - float64(want[i]))
		if d > most && d > 1e-6*math.Abs(float64(want[i])) {
			t.Fatalf("%s %d is %v, want %v", what, i, got[i], want[i])
		}
	}
}

// TestPredictChunks answers for more rows than are held at once.
func TestPredictChunks(t *testing.T) {
	files, dir := recorded(t, "3.4.1/logistic"), t.TempDir()
	x := float32s(files["input.f32"])
	var facts struct{ Rows int }
	if err := json.Unmarshal(files["facts.json"], &facts); err != nil {
		t.Fatal(err)
	}
	const times = 60
	m, err := xgboost.Read(files["model.json"])
	if err != nil {
		t.Fatal(err)
	}
	names := m.FeatureNames
	var many []float32
	for range times {
		many = append(many, x...)
	}
	model, one, all := filepath.Join(dir, "m.json"), filepath.Join(dir, "1.csv"), filepath.Join(dir, "n.csv")
	if err := os.WriteFile(model, files["model.json"], 0o600); err != nil {
		t.Fatal(err)
	}
	writeMatrix(t, one, names, x)
	writeMatrix(t, all, names, many)
	in, err := os.Open(all)
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	for _, output := range []string{"margin", "leaf", "interactions"} {
		_, once, _ := predictOutput(t, nil, "--model", model, "--data", one, "--output", output)
		if _, err := in.Seek(0, io.SeekStart); err != nil {
			t.Fatal(err)
		}
		_, got, rows := predictOutput(t, in, "--model", model, "--data", "-", "--output", output, "--threads", "2")
		if rows != times*facts.Rows {
			t.Fatalf("%s: %d rows", output, rows)
		}
		for i := range times {
			if !sameFloats(got[i*len(once):][:len(once)], once) {
				t.Fatalf("%s: repetition %d differs", output, i)
			}
		}
		if testing.Short() {
			return
		}
	}
}
