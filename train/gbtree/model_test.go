package gbtree

import (
	"bytes"
	"encoding/json"
	"slices"
	"testing"

	"sluice/models/ensemble"
	modelfile "sluice/models/xgboost"
)

// TestModelFile writes trained models and wants them back from the file, with
// what XGBoost 3.4.1 puts there.
func TestModelFile(t *testing.T) {
	for _, name := range []string{"hist_early_stop", "exact_gamma2", "hist_missing", "hist_reg"} {
		c := loadCase(t, name)
		r, _ := c.train(t, 2)
		if _, err := ensemble.NewPredictor(r.Model, ensemble.PredictorOptions{}); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		var b bytes.Buffer
		if err := modelfile.WriteJSON(&b, r.Model); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if !json.Valid(b.Bytes()) {
			t.Errorf("%s: the file is not JSON", name)
		}
		m, err := modelfile.Read(b.Bytes())
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		for i := range m.Trees {
			if diff := diffTree(&m.Trees[i], &c.Trees[i]); diff != "" {
				t.Errorf("%s: tree %d: %s", name, i, diff)
			}
		}
		if m.Version != [3]int32{3, 4, 1} || !slices.Equal(m.BaseScore, r.Model.BaseScore) || m.Attributes["best_iteration"] != c.Attributes["best_iteration"] {
			t.Errorf("%s: version %v, base score %v, attributes %v", name, m.Version, m.BaseScore, m.Attributes)
		}
	}
}
