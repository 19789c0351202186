package ensemble_test

import (
	"fmt"
	"math"

	"sluice/models/ensemble"
)

// One tree that asks whether an address made fewer than ten requests.
func oneTree() *ensemble.Model {
	return &ensemble.Model{
		Booster: "gbtree", Objective: "binary:logistic", BaseScore: []float32{0.5}, NumFeature: 1, NumTarget: 1,
		FeatureNames: []string{"request_count"}, NumParallelTree: 1,
		Trees: []ensemble.Tree{{
			LeftChildren: []int32{1, -1, -1}, RightChildren: []int32{2, -1, -1}, Parents: []int32{1<<31 - 1, 0, 0},
			SplitIndices: []int32{0, 0, 0}, SplitConditions: []float32{10, -2, 2}, DefaultLeft: []bool{true, false, false},
			LossChanges: []float32{5, 0, 0}, SumHessian: []float32{4, 3, 1}, BaseWeights: []float32{0, 0, 0},
		}},
		TreeInfo: []int32{0},
	}
}

func ExamplePredictor() {
	p, err := ensemble.NewPredictor(oneTree(), ensemble.PredictorOptions{})
	if err != nil {
		fmt.Println(err)
		return
	}
	rows := []float32{3, 10, float32(math.NaN())} // one feature each
	dst := make([]float32, 3)
	p.Probability(dst, rows, 3, 1)
	fmt.Printf("%.3f\n", dst)
	// Output: [0.119 0.881 0.119]
}

func ExamplePredictor_Contributions() {
	p, err := ensemble.NewPredictor(oneTree(), ensemble.PredictorOptions{})
	if err != nil {
		fmt.Println(err)
		return
	}
	phi := make([]float32, 2) // request_count, bias
	p.Contributions(phi, []float32{50}, 1, 1)
	fmt.Println(phi, "margin", p.MarginRow([]float32{50}))
	// Output: [3 -1] margin 2
}

func ExampleImportance() {
	scores, err := ensemble.Importance(oneTree(), "gain")
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, s := range scores {
		fmt.Println(s.Feature, s.Score)
	}
	// Output: request_count 5
}

func ExampleSchema_Map() {
	m := oneTree()
	if err := m.SetSchema(ensemble.NewSchema(m.FeatureNames)); err != nil {
		fmt.Println(err)
		return
	}
	schema, err := m.Schema()
	if err != nil {
		fmt.Println(err)
		return
	}
	_, err = schema.Map([]string{"spider_ratio"})
	fmt.Println(err)
	// Output: the rows lack request_count, which the model was trained on: give every column of the model, NaN where a value is missing
}
