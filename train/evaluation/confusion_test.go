package evaluation

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
)

// The published August table, to its six decimals, from its four counts.
func TestPublishedTable(t *testing.T) {
	m := Confusion{TN: 3212, FP: 178, FN: 1276, TP: 2179}.Metrics()
	line := func(c Class) string { return fmt.Sprintf("%.6f %.6f %.6f", c.Precision, c.Recall, c.F1) }
	for _, c := range []struct{ name, got, want string }{
		{"False", line(m.Classes.False), "0.715686 0.947493 0.815435"},
		{"True", line(m.Classes.True), "0.924480 0.630680 0.749828"},
		{"accuracy", fmt.Sprintf("%.6f", m.Accuracy), "0.787582"},
		{"macro avg", line(m.Macro), "0.820083 0.789086 0.782632"},
		{"weighted avg", line(m.Weighted), "0.821075 0.787582 0.782320"},
	} {
		if c.got != c.want {
			t.Errorf("%s: %s, published %s", c.name, c.got, c.want)
		}
	}
	if m.Classes.False.Support != 3390 || m.Classes.True.Support != 3455 || m.Macro.Support != 6845 {
		t.Errorf("supports %v, %v, %v", m.Classes.False.Support, m.Classes.True.Support, m.Macro.Support)
	}
}

func TestUndefinedIsNull(t *testing.T) {
	b, err := json.Marshal(Confusion{TN: 5, FN: 2}.Metrics())
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`"True":{"precision":null,"recall":0,"f1":0,"support":2}`, `"confusion":{"tn":5,"fp":0,"fn":2,"tp":0}`} {
		if !strings.Contains(string(b), want) {
			t.Errorf("JSON %s\nlacks %s", b, want)
		}
	}
	var back Metrics
	if err := json.Unmarshal(b, &back); err != nil {
		t.Fatal(err)
	}
	if !isNaN(back.Classes.True.Precision) || back.Classes.True.Recall != 0 {
		t.Errorf("read back %+v", back.Classes.True)
	}
}
