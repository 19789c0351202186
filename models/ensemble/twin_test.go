package ensemble

import (
	"math"
	"math/bits"
	"testing"

	"pgregory.net/rapid"
)

// The slow twin: one recursive walk, in the words of XGBoost's documentation.
func twinLeaf(t *Tree, n int32, row []float32) int32 {
	if t.LeftChildren[n] == -1 {
		return n
	}
	if twinLeft(t, n, row) {
		return twinLeaf(t, t.LeftChildren[n], row)
	}
	return twinLeaf(t, t.RightChildren[n], row)
}

func twinLeft(t *Tree, n int32, row []float32) bool {
	v := row[t.SplitIndices[n]]
	if math.IsNaN(float64(v)) {
		return t.DefaultLeft[n]
	}
	if set, ok := t.CategoriesOf(n); ok {
		for _, c := range set {
			if v >= 0 && v < 1<<24 && int32(v) == c {
				return false
			}
		}
		return true
	}
	return v < t.SplitConditions[n]
}

func twinMargins(m *Model, row []float32) []float32 {
	sum, err := m.BaseMargins()
	if err != nil {
		panic(err)
	}
	for i := range m.Trees {
		v := m.Trees[i].SplitConditions[twinLeaf(&m.Trees[i], 0, row)]
		if len(m.WeightDrop) > 0 {
			v *= m.WeightDrop[i]
		}
		sum[m.TreeInfo[i]] += v
	}
	return sum
}

// twinExpectation is the expectation of a tree when only the features in known
// are: at a split on another feature both sides count, by cover.
func twinExpectation(t *Tree, n int32, row []float32, known uint) float64 {
	l, r := t.LeftChildren[n], t.RightChildren[n]
	if l == -1 {
		return float64(t.SplitConditions[n])
	}
	if known>>t.SplitIndices[n]&1 == 1 {
		if twinLeft(t, n, row) {
			return twinExpectation(t, l, row, known)
		}
		return twinExpectation(t, r, row, known)
	}
	return coverFraction(t, l, n)*twinExpectation(t, l, row, known) + coverFraction(t, r, n)*twinExpectation(t, r, row, known)
}

// twinShapley weighs every coalition, as Shapley defined it.
func twinShapley(m *Model, row []float32, value func(t *Tree, known uint) float64) []float64 {
	n := m.NumFeature
	phi := make([]float64, n)
	for i := range m.Trees {
		t := &m.Trees[i]
		w := 1.0
		if len(m.WeightDrop) > 0 {
			w = float64(m.WeightDrop[i])
		}
		for f := range n {
			for s := range uint(1) << n {
				if s>>f&1 == 0 {
					k := bits.OnesCount(s)
					phi[f] += w * float64(weightOf(k, n)) * (value(t, s|1<<f) - value(t, s))
				}
			}
		}
	}
	return phi
}

// weightOf is k!(n-1-k)!/n!.
func weightOf(k, n int) float64 {
	w := 1 / float64(n)
	for i := 1; i <= k; i++ {
		w *= float64(i) / float64(n-i)
	}
	return w
}

// special are the values around which comparisons go wrong.
var special = []float32{0, float32(math.Copysign(0, -1)), 1, -1, 0.5, 2, 3, float32(math.Inf(1)), float32(math.Inf(-1)),
	math.MaxFloat32, -math.MaxFloat32, math.SmallestNonzeroFloat32, -math.SmallestNonzeroFloat32, 1 << 24}

func drawValue(t *rapid.T, nan bool) float32 {
	if nan && rapid.IntRange(0, 5).Draw(t, "gap") == 0 {
		return float32(math.NaN())
	}
	if rapid.Bool().Draw(t, "special") {
		return rapid.SampledFrom(special).Draw(t, "value")
	}
	return rapid.Float32Range(-4, 4).Draw(t, "value")
}

// drawTree grows any shape of tree: full, thin, one leaf, with or without
// categorical splits. Leaves are small so that sums stay finite.
func drawTree(t *rapid.T, features, depth int, categorical bool) Tree {
	var tree Tree
	thin := rapid.Bool().Draw(t, "thin")
	var grow func(parent int32, level int, cover float32) int32
	grow = func(parent int32, level int, cover float32) int32 {
		n := int32(len(tree.LeftChildren))
		tree.LeftChildren = append(tree.LeftChildren, -1)
		tree.RightChildren = append(tree.RightChildren, -1)
		tree.Parents = append(tree.Parents, parent)
		tree.SplitIndices = append(tree.SplitIndices, 0)
		tree.SplitConditions = append(tree.SplitConditions, rapid.Float32Range(-2, 2).Draw(t, "leaf"))
		tree.DefaultLeft = append(tree.DefaultLeft, false)
		tree.SumHessian = append(tree.SumHessian, cover)
		tree.LossChanges = append(tree.LossChanges, 1)
		tree.BaseWeights = append(tree.BaseWeights, 0)
		tree.SplitType = append(tree.SplitType, 0)
		if level >= depth || rapid.IntRange(0, 6).Draw(t, "stop") == 0 {
			return n
		}
		tree.SplitIndices[n] = int32(rapid.IntRange(0, features-1).Draw(t, "feature"))
		tree.DefaultLeft[n] = rapid.Bool().Draw(t, "default")
		tree.SplitConditions[n] = drawValue(t, false)
		if categorical && rapid.IntRange(0, 2).Draw(t, "categorical") == 0 {
			tree.SplitType[n] = 1
			set := rapid.SliceOfNDistinct(rapid.Int32Range(0, 70), 0, 5, rapid.ID[int32]).Draw(t, "categories")
			tree.CategoriesNodes = append(tree.CategoriesNodes, n)
			tree.CategoriesSegments = append(tree.CategoriesSegments, int64(len(tree.Categories)))
			tree.CategoriesSizes = append(tree.CategoriesSizes, int64(len(set)))
			tree.Categories = append(tree.Categories, set...)
		}
		share := rapid.SampledFrom([]float32{0, 0.25, 0.5, 0.9, 1}).Draw(t, "share")
		left := level + 1
		if thin {
			left = depth
		}
		l := grow(n, left, cover*share)
		r := grow(n, level+1, cover*(1-share))
		tree.LeftChildren[n], tree.RightChildren[n] = l, r
		return n
	}
	grow(noParent, 0, 100)
	return tree
}

func drawModel(t *rapid.T, maxDepth int, categorical bool) *Model {
	m := &Model{Booster: "gbtree", Objective: "binary:logistic", BaseScore: []float32{0.3}, NumParallelTree: 1, NumTarget: 1}
	m.NumFeature = rapid.IntRange(1, 5).Draw(t, "features")
	if rapid.Bool().Draw(t, "classes") {
		m.NumClass, m.Objective, m.BaseScore = 3, "multi:softprob", []float32{0.1, -0.2, 0.3}
	}
	for i := range rapid.IntRange(0, 3).Draw(t, "rounds") * m.Groups() {
		m.Trees = append(m.Trees, drawTree(t, m.NumFeature, rapid.IntRange(0, maxDepth).Draw(t, "depth"), categorical))
		m.TreeInfo = append(m.TreeInfo, int32(i%m.Groups()))
	}
	if rapid.Bool().Draw(t, "dart") {
		m.Booster, m.WeightDrop = "dart", make([]float32, len(m.Trees))
		for i := range m.WeightDrop {
			m.WeightDrop[i] = rapid.Float32Range(0, 1).Draw(t, "weight")
		}
	}
	return m
}

// shorter is full, or less under -short: the race detector is slow.
func shorter(full, less int) int {
	if testing.Short() {
		return less
	}
	return full
}

func TestMarginsLikeTwin(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := drawModel(t, shorter(14, 7), true)
		p, err := NewPredictor(m, PredictorOptions{})
		if err != nil {
			t.Fatal(err)
		}
		rows := rapid.SampledFrom([]int{0, 1, 3, 64, 65, 130}).Draw(t, "rows")
		few := make([]float32, 4*m.NumFeature) // repeated, for speed
		for i := range few {
			few[i] = drawValue(t, true)
		}
		x := make([]float32, rows*m.NumFeature)
		for i := range x {
			x[i] = few[i%len(few)]
		}
		g := m.Groups()
		for threads := range 3 {
			got, leaves := make([]float32, rows*g), make([]int32, rows*len(m.Trees))
			p.Margin(got, x, rows, threads)
			p.Leaves(leaves, x, rows, threads)
			for r := range rows {
				row := x[r*m.NumFeature:][:m.NumFeature]
				want := twinMargins(m, row)
				for k := range want {
					if math.Float32bits(got[r*g+k]) != math.Float32bits(want[k]) {
						t.Fatalf("row %d %v: margin %v, twin %v", r, row, got[r*g+k], want[k])
					}
				}
				for i := range m.Trees {
					if want := twinLeaf(&m.Trees[i], 0, row); leaves[r*len(m.Trees)+i] != want {
						t.Fatalf("row %d %v: leaf %d, twin %d", r, row, leaves[r*len(m.Trees)+i], want)
					}
				}
				if g == 1 {
					if one := p.MarginRow(row); math.Float32bits(one) != math.Float32bits(want[0]) {
						t.Fatalf("row %d %v: MarginRow %v, twin %v", r, row, one, want[0])
					}
				}
			}
		}
	})
}

func TestContributionsLikeShapley(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := drawModel(t, shorter(7, 4), true)
		m.NumClass, m.Objective, m.BaseScore = 0, "reg:squarederror", []float32{0.25}
		clear(m.TreeInfo)
		p, err := NewPredictor(m, PredictorOptions{})
		if err != nil {
			t.Fatal(err)
		}
		row := make([]float32, m.NumFeature)
		for i := range row {
			row[i] = drawValue(t, true)
		}
		expectation := func(tree *Tree, known uint) float64 { return twinExpectation(tree, 0, row, known) }
		want := twinShapley(m, row, expectation)
		side := m.NumFeature + 1
		got, pairs := make([]float32, side), make([]float32, side*side)
		p.Contributions(got, row, 1, 1)
		p.Interactions(pairs, row, 1, 1)
		sum := 0.0
		for f, v := range got {
			sum += float64(v)
			if f < m.NumFeature && math.Abs(float64(v)-want[f]) > 1e-5 {
				t.Fatalf("feature %d: %v, by coalitions %v", f, v, want[f])
			}
		}
		if margin := twinMargins(m, row)[0]; math.Abs(sum-float64(margin)) > 1e-5 {
			t.Fatalf("contributions add up to %v, the margin is %v", sum, margin)
		}
		// The interaction of f and g is half the difference that knowing g
		// makes to f's contribution among the others.
		for f := range m.NumFeature {
			for g := range m.NumFeature {
				if f == g {
					continue
				}
				with := twinOne(m, f, g, func(tree *Tree, s uint) float64 { return expectation(tree, s|1<<g) })
				without := twinOne(m, f, g, func(tree *Tree, s uint) float64 { return expectation(tree, s&^(1<<g)) })
				if v := float64(pairs[f*side+g]); math.Abs(v-(with-without)/2) > 1e-5 {
					t.Fatalf("features %d and %d: %v, by coalitions %v", f, g, v, (with-without)/2)
				}
			}
		}
	})
}

// twinOne is the Shapley value of f in the game without player g.
func twinOne(m *Model, f, g int, value func(t *Tree, known uint) float64) float64 {
	n := m.NumFeature
	phi := 0.0
	for i := range m.Trees {
		w := 1.0
		if len(m.WeightDrop) > 0 {
			w = float64(m.WeightDrop[i])
		}
		for s := range uint(1) << n {
			if s>>f&1 == 0 && s>>g&1 == 0 {
				phi += w * weightOf(bits.OnesCount(s), n-1) * (value(&m.Trees[i], s|1<<f) - value(&m.Trees[i], s))
			}
		}
	}
	return phi
}

func TestQuadratureIsExact(t *testing.T) {
	for n := 1; n <= 40; n++ {
		x, w := gaussLegendre(n)
		for k := 0; k < 2*n; k++ {
			sum := 0.0
			for i := range x {
				sum += w[i] * math.Pow(x[i], float64(k))
			}
			if math.Abs(sum-1/float64(k+1)) > 1e-13 {
				t.Fatalf("%d points: the integral of t^%d is %v, want %v", n, k, sum, 1/float64(k+1))
			}
		}
	}
}
