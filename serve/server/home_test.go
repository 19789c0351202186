package server

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sluice/featurestore/columns"
	"sluice/featurestore/fault"
	"sluice/featurestore/row"
	"sluice/models/calibration"
	"sluice/models/drift"
	"sluice/models/ensemble"
	"sluice/models/registry"
	"sluice/models/rules/aim"
	"sluice/models/scorer"
	"sluice/models/xgboost"
	pb "sluice/proto/sluice/v1"
)

// evaluationText is an evaluation.json as train writes it, cut short.
const evaluationText = `{"schema_version":1,"splits":[{"name":"2024-07 → 2024-08","months":{"train":["2024-07"],"test":["2024-08"]},"rows":{"rows":100,"true":40},
"roc_auc":0.86,"pr_auc":0.8,"brier":null,
"at_half":{"threshold":0.5,"abstains":false,"confusion":{"tn":50,"fp":10,"fn":15,"tp":25},"classes":{"False":{"precision":0.76,"recall":0.83,"f1":0.8,"support":60},"True":{"precision":0.71,"recall":0.62,"f1":0.66,"support":40}},"accuracy":0.75},
"operating_point":{"threshold":null,"abstains":true,"confusion":{"tn":0,"fp":0,"fn":0,"tp":0},"classes":{"False":{"precision":null,"recall":null,"f1":null,"support":60},"True":{"precision":null,"recall":null,"f1":null,"support":40}},"accuracy":null}}]}`

// stump is a model of one split: request_count below 10 gives -value, else
// value.
func stump(value float32) *ensemble.Model {
	return &ensemble.Model{
		Version: [3]int32{3, 4, 1}, Booster: "gbtree", Objective: "binary:logistic", BaseScore: []float32{0.5},
		NumFeature: columns.NumFeatures, FeatureNames: columns.Names(), NumParallelTree: 1, TreeInfo: []int32{0}, IterationIndptr: []int32{0, 1},
		Trees: []ensemble.Tree{{
			LeftChildren: []int32{1, -1, -1}, RightChildren: []int32{2, -1, -1}, Parents: []int32{2147483647, 0, 0}, SplitIndices: []int32{columns.RequestCount, 0, 0},
			SplitConditions: []float32{10, -value, value}, DefaultLeft: []bool{false, false, false}, LossChanges: make([]float32, 3),
			SumHessian: []float32{3, 2, 1}, BaseWeights: make([]float32, 3),
		}},
	}
}

// writeVersion writes a version whose model is stump(value), with its self-test
// and the profile of a hundred rows; edit may change its files.
func writeVersion(t testing.TB, home, name string, value float32, created time.Time, edit ...func(files map[string][]byte)) {
	t.Helper()
	d, err := registry.Open(home).Create(name)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Discard()
	files := versionFiles(t, name, value)
	for _, f := range edit {
		f(files)
	}
	for file, b := range files {
		if err := d.WriteFile(file, b); err != nil {
			t.Fatal(err)
		}
	}
	july, _ := row.ParseMonth("2024-07")
	if _, err := d.Commit(registry.Manifest{CreatedAt: created, Train: []row.Month{july}, Test: []row.Month{july + 1}, Gate: registry.Gate{Passed: true, Reasons: []string{"precision"}}}); err != nil {
		t.Fatal(err)
	}
}

func versionFiles(t testing.TB, name string, value float32) map[string][]byte {
	t.Helper()
	var model bytes.Buffer
	if err := xgboost.WriteJSON(&model, stump(value)); err != nil {
		t.Fatal(err)
	}
	columnNames := columns.Names()
	schema := scorer.NewSchema(columnNames, scorer.OperatingPoint{Aim: aim.AtPrecision(0.8), ChosenOn: "nothing"})
	calibrated := []byte(`{"schema_version":1,"kind":"platt","rows":100,"reason":"few rows","slope":1,"intercept":0}`)
	cal, err := calibration.Parse(calibrated)
	if err != nil {
		t.Fatal(err)
	}
	s, err := scorer.New(name, stump(value), schema, cal)
	if err != nil {
		t.Fatal(err)
	}
	const rows = 100
	x := make([]float32, rows*len(columnNames))
	values := make([][]float64, len(columnNames)+1)
	for i := range rows {
		x[i*len(columnNames)+columns.RequestCount] = float32(i % 20)
	}
	for i, sc := range s.ScoreFloat32(x, rows, 1) {
		for j, v := range x[i*len(columnNames):][:len(columnNames)] {
			values[j] = append(values[j], float64(v))
		}
		values[len(columnNames)] = append(values[len(columnNames)], sc.Probability)
	}
	profile, err := drift.NewProfile(append(columns.Names(), drift.ScoreColumn), values)
	if err != nil {
		t.Fatal(err)
	}
	marshal := func(v any) []byte {
		b, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	return map[string][]byte{
		registry.ModelFile: model.Bytes(), registry.SchemaFile: marshal(schema), registry.EvaluationFile: []byte(evaluationText),
		registry.CalibrationFile: calibrated, registry.SelfTestFile: marshal(s.SelfTest(x, 20)), registry.ProfileFile: marshal(profile),
	}
}

// setChampion puts a version in service without the registry's checks and logs.
func setChampion(t testing.TB, home, name string) {
	t.Helper()
	path := filepath.Join(registry.Open(home).Dir(), "champion")
	if err := os.WriteFile(path+".next", []byte(name+"\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(path+".next", path); err != nil {
		t.Fatal(err)
	}
}

// awaitChampion waits until a version is in service.
func awaitChampion(t testing.TB, s *testServer, name string) {
	t.Helper()
	for range 20000 {
		if s.service.models.Champion() == name {
			return
		}
		time.Sleep(500 * time.Microsecond)
	}
	t.Fatalf("%s is not in service", name)
}

// The registry's versions serve: the champion, others by name; a promotion
// takes effect, and a version that was tampered with does not.
func TestHomeModels(t *testing.T) {
	first, second, broken := "2024-07-aaaaaaaaaaaa", "2024-07-bbbbbbbbbbbb", "2024-08-cccccccccccc"
	s := start(t, nil, func(c *Config) {
		c.Models = nil
		writeVersion(t, c.Dir, first, 1, asOf)
		writeVersion(t, c.Dir, second, 2, asOf.Add(time.Hour))
		writeVersion(t, c.Dir, broken, 3, asOf.Add(2*time.Hour))
	})
	r := registry.Open(s.home)
	values := make([]float64, columns.NumFeatures)
	values[columns.RequestCount] = 10
	q := &pb.ScoreRowsRequest{FeatureNames: columns.Names(), Values: values, MaxReasons: 1}
	if _, err := s.client.ScoreRows(ctx, q); err == nil || !strings.Contains(err.Error(), "no model version is in service") {
		t.Errorf("without champion: %v", err)
	}
	q.ModelVersion = second
	a, err := s.client.ScoreRows(ctx, q)
	// The sigmoid of 2, in float32.
	if err != nil || a.ModelVersion != second || a.Confidences[0] < 0.8807 || a.Confidences[0] > 0.8808 || a.Verdicts[0] != pb.Verdict_VERDICT_ABSTAIN || a.Reasons[0].Reasons[0].Feature != "request_count" {
		t.Errorf("%v, %v", a, err)
	}
	q.ModelVersion = ""
	champion := func(name string) {
		t.Helper()
		for range 500 {
			if s.service.models.Champion() == name {
				return
			}
			time.Sleep(10 * time.Millisecond)
		}
		t.Fatalf("%s is not in service", name)
	}
	for _, name := range []string{first, second} {
		if err := r.Promote(registry.Entry{Version: name, At: asOf}); err != nil {
			t.Fatal(err)
		}
		champion(name)
		if a, err := s.client.ScoreRows(ctx, q); err != nil || a.ModelVersion != name {
			t.Errorf("%v, %v", a, err)
		}
	}
	// A file changed after it was written: the version is refused, the old one
	// goes on.
	path := filepath.Join(r.Dir(), broken, registry.ModelFile)
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, bytes.Replace(b, []byte("binary:logistic"), []byte("binary:logitraw"), 1), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(r.Dir(), "champion"), []byte(broken+"\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Server.home.refresh(); !fault.Is(err, fault.Corrupt) {
		t.Errorf("a changed version: %v", err)
	}
	if a, err := s.client.ScoreRows(ctx, q); err != nil || a.ModelVersion != second {
		t.Errorf("the old one: %v, %v", a, err)
	}
	list, err := s.client.ListModelVersions(ctx, &pb.ListModelVersionsRequest{})
	if err != nil || len(list.ModelVersions) != 3 || list.ModelVersions[0].Version != broken || list.ModelVersions[1].Version != second || !list.ModelVersions[1].Champion {
		t.Fatalf("%v, %v", list, err)
	}
	code, _, body := s.rest(t, "GET", "/v1/modelVersions/champion", "")
	if code != 200 {
		t.Fatal(code, body)
	}
	golden(t, "version.golden", compact(body)+"\n")
	for name, want := range map[string]string{
		"2020-01-000000000000": "NotFound", "x": "InvalidArgument", "..": "InvalidArgument", "2024-07-aaaaaaaaaaaa/../x": "InvalidArgument",
	} {
		if _, err := s.client.GetModelVersion(ctx, &pb.GetModelVersionRequest{Name: "modelVersions/" + name}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", name, err, want)
		}
		q := &pb.ScoreRowsRequest{ModelVersion: name, FeatureNames: columns.Names(), Values: values}
		if _, err := s.client.ScoreRows(ctx, q); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", name, err, want)
		}
	}
}
