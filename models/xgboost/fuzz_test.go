package xgboost

import (
	"bytes"
	"testing"

	"sluice/models/ensemble"
)

// answers checks what may be demanded of anything that was read: it predicts
// without a panic, and what is written of it reads back to the same bytes.
func answers(t *testing.T, m *ensemble.Model) {
	if m.NumFeature > 1000 || len(m.Trees) > 1000 || m.Groups() > 100 {
		return // sound, but slow to try
	}
	p, err := ensemble.NewPredictor(m, ensemble.PredictorOptions{})
	if err != nil {
		return
	}
	x := make([]float32, 2*p.NumFeature())
	p.Probability(make([]float32, 2*p.Outputs()), x, 2, 1)
	if p.Explains() == nil {
		p.Contributions(make([]float32, 2*p.Groups()*(p.NumFeature()+1)), x, 2, 1)
	}
	DumpText(m, true)
	DumpJSON(m, true)
	var a, b bytes.Buffer
	if err := WriteUBJSON(&a, m); err != nil {
		return
	}
	again, err := Read(a.Bytes())
	if err != nil {
		t.Fatalf("what was written cannot be read: %v", err)
	}
	if err := WriteUBJSON(&b, again); err != nil || !bytes.Equal(a.Bytes(), b.Bytes()) {
		t.Fatalf("written again, the bytes differ (%v)", err)
	}
}

// FuzzRead covers the three forms of model files; the first bytes choose.
func FuzzRead(f *testing.F) {
	f.Add([]byte(small))
	for _, c := range []string{"one_feature", "types_hist", "dart", "categorical_onehot", "gblinear_logistic"} {
		for _, g := range goldens(f, "1.7.4/"+c) {
			for _, name := range []string{"model.json", "model.ubj", "model.bin"} {
				if b := g.files[name]; len(b) > 0 && len(b) < 20000 {
					f.Add(b)
				}
			}
		}
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		m, err := Read(data)
		if err == nil {
			answers(t, m)
		}
	})
}

func FuzzReadDump(f *testing.F) {
	f.Add([]byte("booster[0]:\n0:[f1<2.5] yes=1,no=2,missing=1,gain=3,cover=4\n\t1:leaf=0.5,cover=1\n\t2:[f0:{1,3}] yes=4,no=3,missing=4\n3:leaf=1\n4:leaf=2\n"))
	f.Add([]byte(`[ { "nodeid": 0, "depth": 0, "split": "f1", "split_condition": 9, "yes": 1, "no": 2, "missing": 2 , "children": [ { "nodeid": 1, "leaf": 1 }, { "nodeid": 2, "leaf": 2 } ]} ]`))
	f.Fuzz(func(t *testing.T, data []byte) {
		m, err := ReadDump(data, DumpOptions{BaseScore: []float32{0.5}, Objective: "binary:logistic"})
		if err == nil {
			answers(t, m)
		}
	})
}

// FuzzJSON compares the two ways to read an array of numbers.
func FuzzJSON(f *testing.F) {
	f.Add([]byte(`[1,2.5,-3E-4,Infinity,-Infinity,NaN,123456789012345678901234567890]`))
	f.Add([]byte(`{"a":["x","\u00e9\ud83d\ude00"],"b":[[],{}],"c":[true,false],"d":null}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		v, err := parseJSON(data)
		if err != nil || v.kind != intsKind && v.kind != floatsKind {
			return
		}
		n := len(v.ints) + len(v.floats)
		if 2*n > len(data)+1 {
			t.Fatalf("%d numbers in %d bytes", n, len(data))
		}
	})
}
