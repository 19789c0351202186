package xgboost_test

import (
	"bytes"
	"fmt"

	"sluice/models/ensemble"
	"sluice/models/xgboost"
)

const dump = `booster[0]:
0:[request_count<10] yes=1,no=2,missing=1,gain=5,cover=4
	1:leaf=-2,cover=3
	2:leaf=2,cover=1
`

func Example() {
	// A dump lacks the intercept and the objective, so they must be given;
	// ReadFile needs neither.
	m, err := xgboost.ReadDump([]byte(dump), xgboost.DumpOptions{
		BaseScore: []float32{0.5}, Objective: "binary:logistic", FeatureNames: []string{"request_count"},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	p, err := ensemble.NewPredictor(m, ensemble.PredictorOptions{})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(p.MarginRow([]float32{3}), p.MarginRow([]float32{10}))
	// Output: -2 2
}

func ExampleWriteJSON() {
	m, err := xgboost.ReadDump([]byte(dump), xgboost.DumpOptions{
		BaseScore: []float32{0.5}, Objective: "binary:logistic", FeatureNames: []string{"request_count"},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	var file bytes.Buffer
	if err := xgboost.WriteJSON(&file, m); err != nil {
		fmt.Println(err)
		return
	}
	again, err := xgboost.Read(file.Bytes())
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Print(xgboost.DumpText(again, false)[0])
	// Output:
	// 0:[request_count<10] yes=1,no=2,missing=1
	// 	1:leaf=-2
	// 	2:leaf=2
}

func ExampleRead() {
	_, err := xgboost.Read([]byte(`{"version":[3,4,1],"learner":{"learner_model_param":{"num_feature":"12"}}}`))
	fmt.Println(err)
	// Output: model of XGBoost 3.4.1: learner.learner_model_param.base_score is missing: without the intercept every answer would be shifted
}
