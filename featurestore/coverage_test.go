package featurestore

import (
	"net/netip"
	"slices"
	"testing"
	"time"

	"sluice/featurestore/columns"
	"sluice/featurestore/row"
)

func TestCoverage(t *testing.T) {
	s := open(t, t.TempDir(), OpenOptions{})
	put := func(month string, hours ...string) {
		m := parseMonth(t, month)
		data := &Month{Month: m, Columns: columns.Names()}
		for i, h := range hours {
			at, err := time.Parse("2006-01-02T15", h)
			if err != nil {
				t.Fatal(err)
			}
			r := row.Row{Key: row.Key{Month: m, Attack: month, IP: netip.AddrFrom4([4]byte{10, 0, 0, byte(i)})}, Values: make([]float64, columns.NumFeatures), First: at.Unix(), Last: at.Unix() + 7}
			r.Values[columns.RequestCount] = 3
			if i%2 == 0 {
				r.Hours = []row.HourCount{{Hour: at.Unix() / 3600, Requests: 3}}
			}
			data.Rows = append(data.Rows, r)
		}
		if err := s.WriteMonth(t.Context(), data); err != nil {
			t.Fatal(err)
		}
	}
	put("2024-02", "2024-02-03T05", "2024-02-03T06", "2024-02-03T05", "2024-02-06T00", "2024-03-01T02")
	put("2024-05", "2024-05-31T23")
	all, err := s.Coverage()
	if err != nil {
		t.Fatal(err)
	}
	var months []string
	for _, c := range all {
		months = append(months, c.Month.String())
	}
	if want := []string{"2024-02", "2024-03", "2024-04", "2024-05"}; !slices.Equal(months, want) {
		t.Fatalf("months are %v, want %v", months, want)
	}
	feb := all[0]
	if len(feb.Days) != 30 || feb.Days[2] != (Day{"2024-02-03", 9, 2}) || feb.Days[29] != (Day{"2024-03-01", 3, 1}) || feb.Rows != 5 {
		t.Errorf("February is %+v", feb)
	}
	if gaps := feb.Gaps(); len(gaps) != 2+23 || gaps[0] != "2024-02-04" || gaps[1] != "2024-02-05" || gaps[2] != "2024-02-07" {
		t.Errorf("gaps are %v", gaps)
	}
	if len(all[1].Days) != 31 || all[1].Rows != 0 || len(all[1].Gaps()) != 0 || len(all[3].Gaps()) != 0 {
		t.Errorf("the others are %+v", all[1:])
	}
}
