package webrequest

import "testing"

func TestIsAPIRequest(t *testing.T) {
	for _, tt := range []struct {
		host, path string
		want       bool
	}{
		{"en.wikipedia.org", "/w/api.php", true},
		{"en.wikipedia.org", "/w/api.phpx", true},
		{"en.wikipedia.org", "/w/api.php/x", true},
		{"en.wikipedia.org", "/w/rest.php/v1/page", true},
		{"en.wikipedia.org", "/w/rest.php", true},
		{"en.wikipedia.org", "/W/api.php", false},
		{"en.wikipedia.org", "w/api.php", false},
		{"en.wikipedia.org", "//w/api.php", false},
		{"en.wikipedia.org", "/wiki/w/api.php", false},
		{"en.wikipedia.org", "/api.php", false},
		{"", "/w/api.php", true},
		{"-", "/w/api.php", true},
		{"en.wikipedia.org", "/api/rest_v1/page", true},
		{"en.wikipedia.org", "/api/rest_v1", true},
		{"en.wikipedia.org", "/api/rest_v9x", true},
		{"en.wikipedia.org", "/api/rest_v12", true},
		{"en.wikipedia.org", "/api/rest_v", false},
		{"en.wikipedia.org", "/api/rest_v/1", false},
		{"en.wikipedia.org", "/api/rest_vx1", false},
		{"en.wikipedia.org", "/x/api/rest_v1", false},
		{"en.wikipedia.org", "/api/rest_v\u0661", false},
		{"api.wikimedia.org", "/", true},
		{"api.wikimedia.org", "", true},
		{"API.wikimedia.org", "/", false},
		{"api.wikimedia.org.", "/", false},
		{"api.wikimedia.org:443", "/", false},
		{"x.api.wikimedia.org", "/", false},
		{"query.wikidata.org", "/bigdata/namespace/wdq/sparql", true},
		{"query.wikidata.org", "/bigdata/namespace/wdq/sparqlx", true},
		{"query.wikidata.org", "/bigdata/namespace/wdq", false},
		{"query.wikidata.org", "/sparql", false},
		{"query.wikidata.org", "", false},
		{"en.wikipedia.org", "/bigdata/namespace/wdq/sparql", false},
		{"commons-query.wikimedia.org", "/sparql", true},
		{"commons-query.wikimedia.org", "/sparql?x", true},
		{"commons-query.wikimedia.org", "/x/sparql", false},
		{"en.wikipedia.org", "/sparql", false},
		{"stream.wikimedia.org", "/v2/stream/recentchange", true},
		{"stream.wikimedia.org", "/v2/streams", true},
		{"stream.wikimedia.org", "/v1/stream", false},
		{"stream.wikimedia.org", "/", false},
		{"en.wikipedia.org", "/v2/stream", false},
		{"en.wikipedia.org", "", false},
		{"", "", false},
	} {
		if got := IsAPIRequest(tt.host, tt.path); got != tt.want {
			t.Errorf("IsAPIRequest(%q, %q) = %v, want %v", tt.host, tt.path, got, tt.want)
		}
	}
}
