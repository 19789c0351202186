package columns

import (
	"slices"
	"testing"
)

func TestTwelve(t *testing.T) {
	want := []string{"request_count", "response_size_mean", "uri_query_count", "not_null_referer_ratio", "user_agent_count", "not_null_accept_language_ratio", "is_pageview_ratio", "desktop_ratio", "mobile_web_ratio", "mobile_app_ratio", "not_null_referer_class_ratio", "spider_ratio"}
	if got := Names(); !slices.Equal(got, want) {
		t.Fatalf("Names() = %v", got)
	}
	for _, c := range Twelve() {
		if c.Type == "" || c.Doc == "" {
			t.Errorf("%s lacks a type or a definition", c.Name)
		}
		if got, ok := ByName(c.Name); !ok || got.Doc != c.Doc {
			t.Errorf("ByName(%q) = %v, %v", c.Name, got, ok)
		}
	}
	if c, ok := ByName(Label); !ok || c.Type != Bool {
		t.Errorf("ByName(label) = %v, %v", c, ok)
	}
	if _, ok := ByName("request"); ok {
		t.Error("a column that is none was found")
	}
	Twelve()[0].Name = "x"
	if Names()[0] != want[0] {
		t.Error("Twelve hands out its own array")
	}
}

// The hash stands in every model file: it may change only with SchemaVersion.
func TestHashIsStable(t *testing.T) {
	if got, want := Hash(Names()), "4f860cf34326"; got != want {
		t.Errorf("Hash(twelve) = %s, want %s: models trained before would be refused", got, want)
	}
	names := Names()
	slices.Reverse(names)
	if Hash(names) == Hash(Names()) {
		t.Error("the order does not matter to the hash")
	}
	if Hash([]string{"a", "b"}) == Hash([]string{"a\nb"}) {
		t.Error("names run together")
	}
}

func TestFurtherColumns(t *testing.T) {
	if got := Stored(); !slices.Equal(got[:NumFeatures], Names()) || !slices.Equal(got[NumFeatures:], BehaviourNames()) {
		t.Errorf("Stored() = %v", got)
	}
	seen := map[string]bool{Label: true}
	for _, c := range slices.Concat(Twelve(), Behaviour(), Earlier()) {
		if seen[c.Name] || c.Type == "" || c.Doc == "" {
			t.Errorf("%q is named twice, or lacks a type or a definition", c.Name)
		}
		seen[c.Name] = true
		if got, ok := ByName(c.Name); !ok || got.Doc != c.Doc {
			t.Errorf("ByName(%q) = %v, %v", c.Name, got, ok)
		}
		if IsEarlier(c.Name) != slices.Contains(EarlierNames(), c.Name) {
			t.Errorf("IsEarlier(%q)", c.Name)
		}
	}
	for _, g := range Further() {
		if len(g.Names()) != len(g.Columns()) || g.From == "" {
			t.Errorf("group %s", g.Name)
		}
		for i, n := range g.Names() {
			if slices.Contains(Stored(), n) {
				t.Errorf("%s is stored unasked", n)
			}
			if of, ok := FurtherOf(n); !ok || of.Name != g.Name {
				t.Errorf("FurtherOf(%s) = %s, %v", n, of.Name, ok)
			}
			if c, ok := ByName(n); !ok || c.Doc != g.Columns()[i].Doc || c.Type == "" || c.Doc == "" {
				t.Errorf("ByName(%s) = %v, %v", n, c, ok)
			}
		}
	}
	if _, ok := FurtherOf("request_count"); ok {
		t.Error("request_count comes of the logs")
	}
}

// A changed definition is another schema, and only for those who have the
// column.
func TestHashKnowsRevisions(t *testing.T) {
	defer func(was map[string]int) { revisions = was }(revisions)
	two, stored := Hash(Names()), Hash(Stored())
	revisions = map[string]int{}
	if Hash(Names()) != two || Hash(Stored()) == stored {
		t.Error("the hash does not tell definitions apart")
	}
}
