package xgboost

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"encoding/csv"
	"encoding/json"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"sluice/featurestore/columns"
	"sluice/featurestore/fault"
	"sluice/models/ensemble"
)

// golden is what one XGBoost made of one model; see testdata/gen.py. Nil
// slices were not recorded.
type golden struct {
	name  string
	files map[string][]byte
	rows  int

	input, margin, probability, contributions, interactions, ranged []float32
	mixed, mixedMargin                                              []float32 // rows with both infinities
	leaves                                                          []int32
	answered                                                        []float32 // Sluice's own margins
	iterationRange                                                  [2]int
	importance                                                      map[string]map[string]float64
}

func floats(b []byte) []float32 {
	out := make([]float32, len(b)/4)
	for i := range out {
		out[i] = math.Float32frombits(binary.LittleEndian.Uint32(b[4*i:]))
	}
	return out
}

func readGolden(t testing.TB, path string) *golden {
	z, err := zip.OpenReader(path)
	if err != nil {
		t.Fatal(err)
	}
	defer z.Close()
	g := &golden{
		name:  filepath.Base(filepath.Dir(path)) + "/" + strings.TrimSuffix(filepath.Base(path), ".zip"),
		files: map[string][]byte{},
	}
	for _, f := range z.File {
		r, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		if g.files[f.Name], err = io.ReadAll(r); err != nil {
			t.Fatal(err)
		}
	}
	var facts struct {
		Rows       int                           `json:"rows"`
		Range      [2]int                        `json:"range"`
		Importance map[string]map[string]float64 `json:"importance"`
	}
	// A gblinear model of several outputs has lists for weights; they are not compared.
	if err := json.Unmarshal(g.files["facts.json"], &facts); err != nil && !strings.Contains(g.name, "gblinear_multi") {
		t.Fatal(err)
	}
	g.rows, g.iterationRange, g.importance = facts.Rows, facts.Range, facts.Importance
	g.input, g.margin, g.probability = floats(g.files["input.f32"]), floats(g.files["margin.f32"]), floats(g.files["proba.f32"])
	g.contributions, g.interactions = floats(g.files["contribs.f32"]), floats(g.files["interactions.f32"])
	g.ranged = floats(g.files["range.f32"])
	g.mixed, g.mixedMargin = floats(g.files["mixed.f32"]), floats(g.files["mixed_margin.f32"])
	for _, f := range floats(g.files["leaf.i32"]) {
		g.leaves = append(g.leaves, int32(math.Float32bits(f)))
	}
	return g
}

// goldens are all recorded cases whose path matches version/case.
func goldens(t testing.TB, pattern string) []*golden {
	paths, err := filepath.Glob(filepath.Join("testdata", "golden", filepath.FromSlash(pattern)+".zip"))
	if err != nil || len(paths) == 0 {
		t.Fatalf("no golden files match %s (%v)", pattern, err)
	}
	var out []*golden
	for i, p := range paths {
		if testing.Short() && len(paths) > 20 && i%6 != 0 {
			continue // the race detector gets a sixth
		}
		out = append(out, readGolden(t, p))
	}
	return out
}

func mustRead(t testing.TB, data []byte) *ensemble.Model {
	t.Helper()
	m, err := Read(data)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func mustPredict(t testing.TB, m *ensemble.Model, o ensemble.PredictorOptions) *ensemble.Predictor {
	t.Helper()
	p, err := ensemble.NewPredictor(m, o)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// TestGolden reads every recorded model in every form it was saved in and
// demands XGBoost's own answers: margins, leaves and importances bit for bit,
// probabilities to the last place, contributions within 1e-4.
func TestGolden(t *testing.T) {
	for _, g := range goldens(t, "*/*") {
		t.Run(g.name, func(t *testing.T) {
			if word := g.refused(); word != "" {
				for _, f := range []string{"model.json", "model.ubj"} {
					if _, err := Read(g.files[f]); fault.KindOf(err) != fault.Unsupported || !strings.Contains(err.Error(), word) {
						t.Errorf("%s: %v, want a refusal that names %s", f, err, word)
					}
				}
				return
			}
			m := mustRead(t, g.files["model.json"])
			g.check(t, m)
			for _, f := range []string{"model.ubj", "model.bin"} {
				if data, ok := g.files[f]; ok {
					again := mustRead(t, data)
					g.check(t, again)
				}
			}
		})
	}
}

// refused is the word by which the model is refused, "" for those that are read.
func (g *golden) refused() string {
	switch {
	case strings.HasSuffix(g.name, "vector_leaf"):
		return "multi_output_tree"
	case strings.HasSuffix(g.name, "string_categories"):
		return `cats holds the categories of feature 0 ("country")`
	case strings.HasSuffix(g.name, "integer_categories"):
		return `cats holds the categories of feature 1 ("port")`
	}
	return ""
}

// same is the comparison for margins: of bits, but for versions that added in
// another order: 1.0 the trees before the intercept, 1.3 so with dart. Later
// versions, given their models, answer as here.
func (g *golden) same() func(t *testing.T, what string, got, want []float32) {
	if strings.HasPrefix(g.name, "1.0.") || g.name == "1.3.3/dart_multi" {
		return near
	}
	return sameBits
}

// check compares a model's answers with the recorded ones.
func (g *golden) check(t *testing.T, m *ensemble.Model) {
	t.Helper()
	sameBits := g.same()
	p := mustPredict(t, m, ensemble.PredictorOptions{})
	if len(g.input) != g.rows*p.NumFeature() {
		t.Fatalf("rows of %d features, want %d", p.NumFeature(), len(g.input)/g.rows)
	}
	got := make([]float32, g.rows*p.Groups())
	p.Margin(got, g.input, g.rows, 1)
	sameBits(t, "margin", got, g.margin)
	p.Margin(got, g.input, g.rows, 2)
	sameBits(t, "margin with two threads", got, g.margin)
	if p.Groups() == 1 {
		for r := range g.rows {
			got[r] = p.MarginRow(g.input[r*p.NumFeature():][:p.NumFeature()])
		}
		sameBits(t, "margin of one row", got, g.margin)
	}
	probability := make([]float32, g.rows*p.Outputs())
	p.Probability(probability, g.input, g.rows, 2)
	if len(probability) != len(g.probability) {
		t.Fatalf("%d probabilities, want %d", len(probability), len(g.probability))
	}
	for i, want := range g.probability {
		ulps := int64(math.Float32bits(want)) - int64(math.Float32bits(probability[i]))
		if old := strings.HasPrefix(g.name, "1.0.") || g.name == "1.3.3/dart_multi"; !old && max(ulps, -ulps) > 1 || max(ulps, -ulps) > 16 {
			t.Fatalf("probability %d is %v, want %v", i, probability[i], want)
		}
	}
	if m.Booster != "gblinear" {
		leaves := make([]int32, g.rows*p.Trees())
		p.Leaves(leaves, g.input, g.rows, 1)
		if len(leaves) != len(g.leaves) {
			t.Fatalf("%d leaves, want %d", len(leaves), len(g.leaves))
		}
		for i, want := range g.leaves {
			if leaves[i] != want {
				t.Fatalf("leaf %d is %d, want %d", i, leaves[i], want)
			}
		}
	}
	// 1.5 takes the trees of parallel_tree for rounds; later versions, given its
	// model, answer as here.
	if len(g.ranged) > 0 && g.name != "1.5.2/parallel_tree" {
		q := mustPredict(t, m, ensemble.PredictorOptions{IterationRange: g.iterationRange})
		q.Margin(got, g.input, g.rows, 1)
		sameBits(t, "margin of iteration_range", got, g.ranged)
	}
	if len(g.mixed) > 0 {
		rows := len(g.mixed) / p.NumFeature()
		got := make([]float32, rows*p.Groups())
		p.Margin(got, g.mixed, rows, 1)
		sameBits(t, "margin of both infinities", got, g.mixedMargin)
		if p.Groups() == 1 {
			for r := range rows {
				got[r] = p.MarginRow(g.mixed[r*p.NumFeature():][:p.NumFeature()])
			}
			sameBits(t, "margin of one row with both infinities", got, g.mixedMargin)
		}
	}
	g.checkContributions(t, p)
	if !strings.Contains(g.name, "gblinear_multi") {
		g.checkImportance(t, g.named(m))
	}
}

// named is m with the names that it was trained with: neither the old binary
// form nor the JSON before 1.4 holds them.
func (g *golden) named(m *ensemble.Model) *ensemble.Model {
	if len(m.FeatureNames) > 0 || strings.Contains(g.name, "nonames") || m.Trees != nil && slices.ContainsFunc(m.Trees, func(t ensemble.Tree) bool { return len(t.CategoriesNodes) > 0 }) {
		return m
	}
	n := *m
	n.FeatureNames = slices.Clone(twelve[:min(m.NumFeature, len(twelve))])
	if strings.Contains(g.name, "escapes") {
		n.FeatureNames = []string{`a "quoted" name`, "tab\tand \\ backslash", "für naïve 中文"}
	}
	if strings.Contains(g.name, "types_") && m.Version[1] < 4 && m.Version[0] == 1 {
		n.FeatureTypes = []string{"int", "float", "i"}
	}
	return &n
}

var twelve = columns.Names()

func sameBits(t *testing.T, what string, got, want []float32) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%s: %d values, want %d", what, len(got), len(want))
	}
	bad := 0
	for i := range want {
		if math.Float32bits(got[i]) != math.Float32bits(want[i]) {
			if bad++; bad <= 3 {
				t.Errorf("%s %d is %v, want %v", what, i, got[i], want[i])
			}
		}
	}
	if bad > 0 {
		t.Fatalf("%s: %d of %d differ", what, bad, len(want))
	}
}

// near allows 1e-4, and for large margins the precision of float32.
func near(t *testing.T, what string, got, want []float32) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%s: %d values, want %d", what, len(got), len(want))
	}
	for i := range want {
		a, b := float64(got[i]), float64(want[i])
		if d := math.Abs(a - b); !(d <= 1e-4 || d <= 1e-6*math.Abs(b)) && math.Float32bits(got[i]) != math.Float32bits(want[i]) {
			t.Fatalf("%s %d is %v, want %v", what, i, a, b)
		}
	}
}

func (g *golden) checkContributions(t *testing.T, p *ensemble.Predictor) {
	t.Helper()
	side := p.NumFeature() + 1
	one := make([]float32, g.rows*p.Groups()*side)
	p.Contributions(one, g.input, g.rows, 2)
	if len(g.contributions) > 0 {
		near(t, "contribution", one, g.contributions)
	}
	for i, m := range g.margin {
		sum, size := 0.0, 1.0
		for _, c := range one[i*side:][:side] {
			sum += float64(c)
			size = max(size, math.Abs(float64(c)))
		}
		// Of a linear model each term is a float32 as large as the values are.
		if d := math.Abs(sum - float64(m)); d > 1e-5 && d > 1e-6*size {
			t.Fatalf("row %d: contributions add up to %v, the margin is %v", i, sum, m)
		}
	}
	if len(g.interactions) == 0 {
		return
	}
	var rows []float32
	for r := 0; r < min(g.rows, 130); r += 13 {
		rows = append(rows, g.input[r*p.NumFeature():][:p.NumFeature()]...)
	}
	n := len(rows) / p.NumFeature()
	pairs := make([]float32, n*p.Groups()*side*side)
	p.Interactions(pairs, rows, n, 2)
	near(t, "interaction", pairs, g.interactions)
}

func (g *golden) checkImportance(t *testing.T, m *ensemble.Model) {
	t.Helper()
	for kind, scores := range g.importance {
		got, err := ensemble.Importance(m, kind)
		if err != nil {
			t.Fatal(err)
		}
		if len(got) != len(scores) {
			t.Fatalf("%s: %d features, want %d", kind, len(got), len(scores))
		}
		for _, s := range got {
			want, ok := scores[s.Feature]
			// Before 1.5 the sums were made in Python, of a dump's digits.
			old := strings.HasPrefix(g.name, "1.0.") || strings.HasPrefix(g.name, "1.3.")
			if old && math.Abs(float64(s.Score)-want) < 2e-6*want {
				continue
			}
			if !ok || float64(s.Score) != want {
				t.Errorf("%s of %s is %v, want %v", kind, s.Feature, s.Score, want)
			}
		}
	}
}

// TestGoldenInfinities says that what TestGolden compares does hold rows with
// infinities, in numeric, missing and categorical splits, of several versions.
func TestGoldenInfinities(t *testing.T) {
	for _, c := range []struct {
		pattern      string
		files, mixed int
	}{
		{"3.4.1/inf_*", 6, 6},
		{"1.7.4/inf_*", 6, 5}, // in place, dart of before 3.4 adds in another order
		{"*/inf_*", 20, 18},
	} {
		files, mixed := 0, 0
		for _, g := range goldens(t, c.pattern) {
			files++
			var count [3]int // +Inf, -Inf, rows
			for _, v := range g.input {
				switch {
				case math.IsInf(float64(v), 1):
					count[0]++
				case math.IsInf(float64(v), -1):
					count[1]++
				}
			}
			if count[0] < 50 || count[1] < 50 {
				t.Errorf("%s has %d +Inf and %d -Inf", g.name, count[0], count[1])
			}
			if len(g.mixed) > 0 {
				mixed++
			}
		}
		if !testing.Short() && (files < c.files || mixed < c.mixed) {
			t.Errorf("%s: %d files, %d with mixed rows; want %d and %d", c.pattern, files, mixed, c.files, c.mixed)
		}
	}
}

// TestGoldenDumps demands XGBoost's dumps letter for letter.
func TestGoldenDumps(t *testing.T) {
	for _, g := range goldens(t, "*/*") {
		if g.refused() != "" {
			continue
		}
		t.Run(g.name, func(t *testing.T) {
			m := g.named(mustRead(t, g.files["model.json"]))
			for _, stats := range []bool{false, true} {
				name := "dump"
				if stats {
					name = "dump_stats"
				}
				var b strings.Builder
				for i, s := range DumpText(m, stats) {
					b.WriteString("booster[" + strconv.Itoa(i) + "]:\n" + s)
				}
				sameText(t, name+".txt", b.String(), string(g.files[name+".txt"]))
				sameText(t, name+".json", DumpJSON(m, stats), string(g.files[name+".json"]))
			}
		})
	}
}

func sameText(t *testing.T, what, got, want string) {
	t.Helper()
	if got == want {
		return
	}
	i := 0
	for i < min(len(got), len(want)) && got[i] == want[i] {
		i++
	}
	from := max(0, i-60)
	t.Errorf("%s differs at byte %d:\n got …%q\nwant …%q", what, i, got[from:min(len(got), i+60)], want[from:min(len(want), i+60)])
}

// TestReadDump answers from dumps alone.
func TestReadDump(t *testing.T) {
	for _, g := range goldens(t, "*/*") {
		m, err := Read(g.files["model.json"])
		if err != nil || m.Booster != "gbtree" {
			continue
		}
		m = g.named(m)
		t.Run(g.name, func(t *testing.T) {
			o := DumpOptions{BaseScore: m.BaseScore, Objective: m.Objective, FeatureNames: m.FeatureNames,
				NumFeature: m.NumFeature, NumClass: m.Groups(), NumParallelTree: m.NumParallelTree}
			for _, f := range []string{"dump.txt", "dump_stats.txt", "dump.json", "dump_stats.json"} {
				if strings.Contains(g.name, "1.7.4/escapes") && strings.HasSuffix(f, "json") {
					continue // 1.7 escapes nothing, so that is no JSON
				}
				d, err := ReadDump(g.files[f], o)
				if strings.Contains(g.name, "types_") {
					if err == nil || !strings.Contains(err.Error(), "indicator") {
						t.Errorf("%s: %v, want a refusal of indicator splits", f, err)
					}
					continue
				}
				if err != nil {
					t.Fatalf("%s: %v", f, err)
				}
				p := mustPredict(t, d, ensemble.PredictorOptions{})
				got := make([]float32, len(g.margin))
				p.Margin(got, g.input, g.rows, 1)
				g.same()(t, f+": margin", got, g.margin)
				if stats := strings.Contains(f, "stats"); stats != (p.Explains() == nil) {
					t.Errorf("%s: Explains says %v", f, p.Explains())
				}
			}
		})
	}
}

// TestWrite reads, writes and reads again; answers and bytes must stay.
func TestWrite(t *testing.T) {
	for _, g := range goldens(t, "*/*") {
		m, err := Read(g.files["model.json"])
		if err != nil {
			continue
		}
		t.Run(g.name, func(t *testing.T) {
			var j, u bytes.Buffer
			if err := WriteJSON(&j, m); err != nil {
				t.Fatal(err)
			}
			if err := WriteUBJSON(&u, m); err != nil {
				t.Fatal(err)
			}
			for _, data := range [][]byte{j.Bytes(), u.Bytes()} {
				again := mustRead(t, data)
				g.check(t, again)
				var j2, u2 bytes.Buffer
				if err := WriteJSON(&j2, again); err != nil {
					t.Fatal(err)
				}
				if err := WriteUBJSON(&u2, again); err != nil {
					t.Fatal(err)
				}
				if !bytes.Equal(j.Bytes(), j2.Bytes()) || !bytes.Equal(u.Bytes(), u2.Bytes()) {
					t.Error("written again, the bytes differ")
				}
			}
		})
	}
}

// TestSharedGolden checks the larger set of cases that lies beside the
// repository, when it is there.
func TestSharedGolden(t *testing.T) {
	if testing.Short() {
		t.Skip("-short")
	}
	for _, version := range []string{"xgboost-1.7.4", "xgboost-3.4.1"} {
		cases, _ := filepath.Glob(filepath.Join(sharedGolden(t), version, "models", "*"))
		for _, dir := range cases {
			t.Run(version+"/"+filepath.Base(dir), func(t *testing.T) {
				table := func(name string) []float32 {
					v, err := readTable(filepath.Join(dir, name))
					if err != nil {
						t.Fatal(err)
					}
					return v
				}
				g := &golden{name: dir, files: map[string][]byte{}}
				g.input, g.margin, g.probability = table("input.csv"), table("margin.csv"), table("proba.csv")
				g.contributions = table("contribs.csv")
				if _, err := os.Stat(filepath.Join(dir, "leaf.csv")); err == nil {
					for _, f := range table("leaf.csv") {
						g.leaves = append(g.leaves, int32(f))
					}
				}
				b, err := os.ReadFile(filepath.Join(dir, "importance.json"))
				if err != nil {
					t.Fatal(err)
				}
				if err := json.Unmarshal(b, &g.importance); err != nil {
					t.Fatal(err)
				}
				for kind, scores := range g.importance {
					if scores == nil {
						delete(g.importance, kind)
					}
				}
				for _, file := range []string{"model.json", "model.ubj"} {
					m, err := ReadFile(filepath.Join(dir, file))
					if err != nil {
						t.Fatal(err)
					}
					g.rows = len(g.input) / m.NumFeature
					g.check(t, m)
				}
			})
		}
	}
}

// sharedGolden finds ../shared/golden beside the repository.
func sharedGolden(t testing.TB) string {
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			break
		}
		up := filepath.Dir(dir)
		if up == dir {
			t.Skip("no go.mod above the package")
		}
		dir = up
	}
	g := filepath.Join(dir, "..", "shared", "golden")
	if _, err := os.Stat(g); err != nil {
		t.Skip("the shared golden files are not here")
	}
	return g
}

// readTable reads numbers below a header line; an empty field is NaN.
func readTable(path string) ([]float32, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	all, err := csv.NewReader(f).ReadAll()
	if err != nil {
		return nil, err
	}
	var v []float32
	for _, rec := range all[1:] {
		for _, s := range rec {
			x := math.NaN()
			if s != "" {
				if x, err = strconv.ParseFloat(s, 32); err != nil {
					return nil, err
				}
			}
			v = append(v, float32(x))
		}
	}
	return v, nil
}
