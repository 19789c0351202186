package build

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"sluice/featurestore/columns"
	"sluice/featurestore/row"
)

// readMonth prints a month as pyarrow reads it, a JSON line a row: texts, the
// label, times in milliseconds, and doubles as hexadecimal text, which keeps
// every bit; before them the names and types of its columns.
const readMonth = `
import json, sys
import pyarrow.parquet as pq
f = pq.ParquetFile(sys.argv[1])
print(json.dumps([[c.name, str(c.type)] for c in f.schema_arrow]))
for batch in f.iter_batches():
    names = batch.schema.names
    for r in zip(*(batch.column(i).cast("int64").to_pylist() if "timestamp" in str(batch.schema.field(i).type) else batch.column(i).to_pylist() for i in range(len(names)))):
        print(json.dumps([v.hex() if isinstance(v, float) else len(v) if isinstance(v, bytes) else v for v in r]))
`

// TestPyArrow has pyarrow, Arrow's own reader of Parquet, read a month with
// every column there is, and compares all of it.
//
//	SLUICE_PYARROW_PYTHON=venv/bin/python go test -run TestPyArrow -v ./featurestore/build
func TestPyArrow(t *testing.T) {
	python := os.Getenv("SLUICE_PYARROW_PYTHON")
	if python == "" {
		python = "python3"
	}
	if err := exec.Command(python, "-c", "import pyarrow.parquet").Run(); err != nil {
		t.Skipf("no pyarrow: give a Python that has it as SLUICE_PYARROW_PYTHON (%v)", err)
	}
	dir := t.TempDir()
	t.Setenv(envDir, dir)
	const n = 6000
	compareLogs(t, n, true)
	furtherFiles(t, dir, n)
	c := config(filepath.Join(dir, "traffic.parquet"))
	c.Windows = hourly(t)
	withFurther(t, &c, dir, false)
	home := filepath.Join(dir, "home")
	s := open(t, home)
	build(t, s, c)
	out, err := exec.CommandContext(t.Context(), python, "-c", readMonth, filepath.Join(home, "store", "months", "2024-06.parquet")).Output()
	if err != nil {
		t.Fatal(err, string(err.(*exec.ExitError).Stderr))
	}
	lines := json.NewDecoder(bytes.NewReader(out))
	lines.UseNumber()
	var schema [][2]string
	if err := lines.Decode(&schema); err != nil {
		t.Fatal(err)
	}
	info, err := s.MonthInfo(month(t, "2024-06"))
	if err != nil {
		t.Fatal(err)
	}
	if len(schema) != len(info.Columns)+7 {
		t.Fatalf("%d columns, want %d: %v", len(schema), len(info.Columns)+7, schema)
	}
	rows := 0
	err = s.ScanMonth(info.Month, true, func(r *row.Row) error {
		var got []any
		if err := lines.Decode(&got); err != nil {
			return err
		}
		rows++
		want := []any{r.Month.String(), r.Attack, r.IP.String()}
		feature := func(i int) any {
			if i == columns.RequestCount {
				return json.Number(fmt.Sprintf("%.0f", r.Values[i]))
			}
			return r.Values[i]
		}
		for i := range columns.NumFeatures {
			want = append(want, feature(i))
		}
		want = append(want, map[row.Label]any{row.True: true, row.False: false, row.Unknown: nil}[r.Label])
		for i := columns.NumFeatures; i < len(r.Values); i++ {
			want = append(want, feature(i))
		}
		want = append(want, json.Number(fmt.Sprint(r.First*1000)), json.Number(fmt.Sprint(r.Last*1000)))
		for i, w := range want {
			g := got[i]
			if f, ok := w.(float64); ok {
				var v float64
				if text, _ := g.(string); text == "nan" {
					v = math.NaN()
				} else if _, err := fmt.Sscanf(text, "%g", &v); err != nil {
					return fmt.Errorf("%s: %v", schema[i][0], g)
				}
				if math.Float64bits(v) != math.Float64bits(f) && v == v || (v != v) != (f != f) {
					return fmt.Errorf("%s of %s: %v, want %v", schema[i][0], row.Mask(r.IP), v, f)
				}
			} else if g != w {
				return fmt.Errorf("%s of %s: %v, want %v", schema[i][0], row.Mask(r.IP), g, w)
			}
		}
		if n, _ := got[len(got)-1].(json.Number).Int64(); n == 0 {
			return fmt.Errorf("no requests per hour of %s", row.Mask(r.IP))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if lines.More() || rows == 0 {
		t.Errorf("pyarrow has more than %d rows", rows)
	}
	if rows < 1000 {
		t.Errorf("only %d rows", rows)
	}
}
