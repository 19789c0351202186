package server

import (
	"strings"
	"testing"

	"sluice/featurestore/fault"
)

func TestFilter(t *testing.T) {
	l := testLine("192.0.2.77", 0.75) // abusive; reasons request_count, spider_ratio; attack 2024-08
	for filter, want := range map[string]bool{
		"":                                             true,
		"  \n":                                         true,
		"confidence = 0.75":                            true,
		"confidence != 0.75":                           false,
		"confidence<0.75":                              false,
		"confidence<=0.75":                             true,
		"confidence > 7.4e-1":                          true,
		"confidence >= 0.8":                            false,
		"confidence > -1":                              true,
		"verdict = ABUSIVE":                            true,
		"verdict=VERDICT_ABUSIVE":                      true,
		`verdict = "NOT_ABUSIVE"`:                      false,
		"verdict != ABSTAIN":                           true,
		`ip = "192.0.2.77"`:                            true,
		"ip = 192.0.2.77":                              true,
		`ip = "192.0.2.*"`:                             true,
		`ip = "*.77"`:                                  true,
		`ip = "192*77"`:                                true,
		`ip = "192.0.2.77*77"`:                         false,
		`ip = "*0.2*"`:                                 true,
		`ip != "192.0.2.*"`:                            false,
		"model_version = 2024-08-*":                    true,
		`as_of = "2024-09-01T05:00:00+05:00"`:          true,
		`as_of < "2024-09-01T00:00:00Z"`:               false,
		`expire_time > "2024-09-07T23:59:59Z"`:         true,
		"reasons.feature:spider_ratio":                 true,
		"reasons.feature = request_count":              true,
		"reasons.feature:desktop_ratio":                false,
		"reasons.feature != spider_ratio":              false,
		`windows.attack = "2024-08"`:                   true,
		"confidence > 0.5 AND verdict = ABUSIVE":       true,
		"confidence > 0.5 verdict = NOT_ABUSIVE":       false,
		"confidence > 0.9 OR verdict = ABUSIVE":        true,
		"NOT confidence > 0.9":                         true,
		"-confidence > 0.9":                            true,
		"-(confidence > 0.5)":                          false,
		"NOT (confidence > 0.9 OR verdict = ABSTAIN)":  true,
		"(confidence > 0.5)":                           true,
		"((confidence > 0.5) AND (verdict = ABUSIVE))": true,
		// OR binds tighter than AND: false AND (true OR true), not (false AND
		// true) OR true.
		"confidence > 0.9 AND verdict = ABUSIVE OR confidence > 0": false,
		"verdict = ABUSIVE OR confidence > 0 AND confidence > 0.9": false,
		`ip = "192.0.2.77" confidence > 0.5 verdict = ABUSIVE`:     true,
	} {
		m, err := parseFilter(filter)
		if err != nil {
			t.Errorf("%s: %v", filter, err)
			continue
		}
		if got := m(&l); got != want {
			t.Errorf("%s: %v, want %v", filter, got, want)
		}
	}
}

func TestFilterErrors(t *testing.T) {
	for filter, want := range map[string]string{
		"confidence":                       "filter, character 11: found the end, expected = != < <= > >= or : after confidence",
		"confidence >":                     "filter, character 13: found the end, expected a value after confidence >",
		"confidence > x":                   `filter, character 14: found "x", expected a number, as in confidence >= 0.9`,
		"confidence > NaN":                 `filter, character 14: found "NaN", expected a number, as in confidence >= 0.9`,
		"confidence : 1":                   `filter, character 14: found "1", but a number is compared by = != < <= > or >=`,
		"asn = 1":                          `filter, character 1: found "asn", which is no field; the fields are ip, confidence, verdict, model_version, as_of, expire_time, reasons.feature and windows.attack`,
		"Confidence = 1":                   `filter, character 1: found "Confidence", which is no field; the fields are ip, confidence, verdict, model_version, as_of, expire_time, reasons.feature and windows.attack`,
		"AND":                              `filter, character 1: found "AND", expected a field: ip, confidence, verdict, model_version, as_of, expire_time, reasons.feature and windows.attack`,
		"confidence > 0 AND":               `filter, character 19: found the end, expected a field: ip, confidence, verdict, model_version, as_of, expire_time, reasons.feature and windows.attack`,
		"(confidence > 0":                  "filter, character 16: found the end, expected )",
		"confidence > 0)":                  `filter, character 15: found ")", expected AND, OR or the end`,
		"verdict = abusive":                `filter, character 11: found "abusive", expected ABUSIVE, NOT_ABUSIVE or ABSTAIN`,
		"verdict < ABUSIVE":                `filter, character 11: found "ABUSIVE", but a verdict is compared by = or !=`,
		"ip < 1.2.3.4":                     `filter, character 6: found "1.2.3.4", but a text is compared by = != or :`,
		`ip = "a*b*c"`:                     `filter, character 6: found "a*b*c", but * may stand once, or at both ends`,
		`ip = "open`:                       `filter, character 6: found "\"open", which lacks its closing quote`,
		"as_of > 2024-09-01":               `filter, character 9: found "2024-09-01", expected an instant in quotes, as in "2024-09-01T00:00:00Z"`,
		"! confidence > 1":                 `filter, character 1: found "!", which no filter holds here`,
		"confidence > 1 OR":                `filter, character 18: found the end, expected a field: ip, confidence, verdict, model_version, as_of, expire_time, reasons.feature and windows.attack`,
		strings.Repeat("(", 40) + "ip = x": `filter, character 34: found "(", which nests deeper than 32`,
		strings.Repeat(" ", 5000):          "filter: 5000 bytes, want at most 4096",
	} {
		_, err := parseFilter(filter)
		if !fault.Is(err, fault.Invalid) || fault.FieldOf(err) != "filter" || err.Error() != want {
			t.Errorf("%s:\n%v\nwant\n%s", filter, err, want)
		}
	}
}

// Whatever a filter says, it is read or refused; a line never breaks it.
func FuzzFilter(f *testing.F) {
	for _, s := range []string{"confidence >= 0.9 AND verdict = ABUSIVE", `-(ip = "192.*" OR reasons.feature:x)`, `as_of < '2024-09-01T00:00:00Z' NOT ip:y`, "\"\\", "((("} {
		f.Add(s)
	}
	l := testLine("192.0.2.77", 0.75)
	f.Fuzz(func(t *testing.T, s string) {
		m, err := parseFilter(s)
		if err != nil {
			if !fault.Is(err, fault.Invalid) {
				t.Fatal(err)
			}
			return
		}
		m(&l)
	})
}
