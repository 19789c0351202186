package webrequest

import (
	"bufio"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// The tables of Wikimedia's refinery are not part of this repository. To test
// against them, name the folder refinery-core/src/test/resources of a checkout:
// SLUICE_REFINERY is one of today, SLUICE_REFINERY_2024 one of July 2024.

func refineryRows(t *testing.T, env, name string) (header []string, rows []map[string]string) {
	t.Helper()
	dir := os.Getenv(env)
	if dir == "" {
		t.Skipf("%s names no checkout of the refinery", env)
	}
	f, err := os.Open(filepath.Join(dir, name))
	if os.IsNotExist(err) {
		t.Skipf("no %s in that checkout", name)
	}
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	sc := bufio.NewScanner(f)
	for sc.Scan() {
		var fields []string
		line := sc.Text()
		for from, i := 0, 0; i <= len(line); i++ {
			if i == len(line) || line[i] == ',' && (i == 0 || line[i-1] != '\\') {
				fields = append(fields, strings.TrimSpace(strings.ReplaceAll(line[from:i], `\,`, ",")))
				from = i + 1
			}
		}
		if header == nil {
			header = fields
			continue
		}
		row := map[string]string{}
		for i, h := range header {
			if i < len(fields) {
				row[h] = fields[i]
			}
		}
		rows = append(rows, row)
	}
	if err := sc.Err(); err != nil {
		t.Fatal(err)
	}
	return header, rows
}

// checkRefinery compares a column of every row with what is computed from it.
func checkRefinery(t *testing.T, env, name string, check func(r map[string]string) (got, want string)) {
	t.Helper()
	_, rows := refineryRows(t, env, name)
	if len(rows) == 0 {
		t.Fatalf("%s has no rows", name)
	}
	agree := 0
	for i, r := range rows {
		got, want := check(r)
		if got != want {
			t.Errorf("%s row %d (%s): got %q, the table has %q", name, i+1, r["test_description"], got, want)
			continue
		}
		agree++
	}
	t.Logf("%s: %d of %d rows agree", name, agree, len(rows))
}

func boolText(b bool) string {
	if b {
		return "true"
	}
	return "false"
}

var refineryEras = []struct {
	env      string
	pageview PageviewRules
	referer  RefererRules
}{
	{"SLUICE_REFINERY", PageviewNow, Referer2025},
	{"SLUICE_REFINERY_2024", PageviewSeed, Referer2024},
}

func TestRefinery(t *testing.T) {
	for _, era := range refineryEras {
		t.Run(era.env, func(t *testing.T) {
			t.Run("pageview", func(t *testing.T) {
				checkRefinery(t, era.env, "pageview_test_data.csv", func(r map[string]string) (string, string) {
					p := Pageview{
						HTTPStatus: r["http_status"], URIHost: r["uri_host"], URIPath: r["uri_path"],
						URIQuery: r["uri_query"], ContentType: r["content_type"], UserAgent: r["user_agent"],
						XAnalytics: r["x_analytics_header"],
					}
					is := IsPageview(&p, era.pageview)
					got, want := boolText(is)+" "+ProjectOf(p.URIHost), strings.ToLower(r["is_pageview"])+" "+r["project"]
					if is {
						got += " " + LanguageVariantOf(p.URIPath) + " " + PageTitleOf(p.URIPath, p.URIQuery)
						want += " " + r["dialect"] + " " + r["page_title"]
					}
					return got, want
				})
			})
			t.Run("spider", func(t *testing.T) {
				checkRefinery(t, era.env, "isSpider_test_data.csv", func(r map[string]string) (string, string) {
					return boolText(IsSpider(r["user_agent"])), strings.ToLower(r["isSpider"])
				})
			})
			for _, name := range []string{"referer_test_data.csv", "referer_classify_struct_test_data.csv"} {
				t.Run(name, func(t *testing.T) {
					checkRefinery(t, era.env, name, func(r map[string]string) (string, string) {
						referer := r["referer"]
						if _, ok := r["refererUrl"]; ok {
							referer = r["refererUrl"]
						}
						got, want := RefererClass(referer, era.referer), r["referer_class"]
						if name, ok := r["referer_name"]; ok {
							got += " " + RefererName(referer, era.referer)
							want += " " + name
						}
						return got, want
					})
				})
			}
			t.Run("search engine", func(t *testing.T) {
				checkRefinery(t, era.env, "search_engine_test_data.csv", func(r map[string]string) (string, string) {
					return SearchEngineName(r["refererClass"], era.referer), r["search_engine"]
				})
			})
			t.Run("host", func(t *testing.T) {
				checkRefinery(t, era.env, "normalize_host_test_data.csv", func(r map[string]string) (string, string) {
					n := NormalizeHost(r["uri_host"])
					return n.ProjectFamily + " " + n.Project + " " + strings.Join(n.Qualifiers, ";") + " " + n.TLD,
						r["expected_project_family"] + " " + r["expected_project"] + " " + r["expected_qualifiers"] + " " + r["expected_tld"]
				})
			})
			t.Run("x_analytics", func(t *testing.T) {
				checkRefinery(t, era.env, "x_analytics_test_data.csv", func(r map[string]string) (string, string) {
					if got := ParseXAnalytics(r["x_analytics"])[r["param"]]; got != XAnalyticsValue(r["x_analytics"], r["param"]) {
						t.Errorf("map and look-up differ for %q", r["x_analytics"])
					}
					return XAnalyticsValue(r["x_analytics"], r["param"]), r["expected_output"]
				})
			})
			t.Run("access_method", func(t *testing.T) {
				checkRefinery(t, era.env, "access_method_test_data.csv", func(r map[string]string) (string, string) {
					return AccessMethod(r["user_agent"], r["uri_host"], "", AccessHost), r["expected_method"]
				})
			})
		})
	}
}
