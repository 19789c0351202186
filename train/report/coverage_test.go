package report

import (
	"fmt"
	"strings"
	"testing"
)

func TestCoverage(t *testing.T) {
	month := Month{Month: "2024-06"}
	for d := 1; d <= 30; d++ {
		day := Day{Date: fmt.Sprintf("2024-06-%02d", d), Requests: int64(d), Hours: min(24, d)}
		switch {
		case d < 3, d == 12, d == 13, d > 28:
			day.Requests, day.Hours = 0, 0
		}
		month.Days = append(month.Days, day)
	}
	month.Days = append(month.Days, Day{Date: "2024-07-01"})
	if got := strings.Join(month.gaps(), " "); got != "2024-06-12 2024-06-13" {
		t.Errorf("gaps %s", got)
	}
	blocks := coverageBlocks([]Month{month, {Month: "2024-07"}})
	if len(blocks) != 1 {
		t.Fatalf("%d blocks", len(blocks))
	}
	w := blocks[0].(wide)
	for _, want := range []string{"2 days in 2024-06", "2024-06"} {
		if !strings.Contains(w.caption+w.svg, want) {
			t.Errorf("the picture lacks %q: %s", want, w.caption)
		}
	}
	if n := strings.Count(w.svg, `"cell bad"`); n != 2 {
		t.Errorf("%d days are drawn as missing, want 2", n)
	}
	if n := strings.Count(w.svg, `class="cell`); n != 31 {
		t.Errorf("%d days are drawn", n)
	}
	row := fmt.Sprint(w.data.rows[0])
	for _, want := range []string{"24", "5", "2024-06-12, 2024-06-13"} {
		if !strings.Contains(row, want) {
			t.Errorf("the table's row lacks %q: %s", want, row)
		}
	}
	if coverageBlocks([]Month{{Month: "2024-07"}}) != nil {
		t.Error("a picture of nothing")
	}
}
