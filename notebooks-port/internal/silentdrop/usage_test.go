package silentdrop

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"sluice/featurestore/reputation"
	"sluice/notebooks-port/internal/studytest"
)

func dropsOf(n int) []reputation.Drop { return make([]reputation.Drop, n) }

// anyLabels are labels of one address: that there are some is what counts.
func anyLabels(t *testing.T) *reputation.Set {
	t.Helper()
	path := filepath.Join(t.TempDir(), "blacklist-2024-07.txt")
	if err := os.WriteFile(path, []byte("20.30.40.50\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	s, err := reputation.Open(t.Context(), []string{path}, reputation.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestUsage(t *testing.T) {
	dir := t.TempDir()
	put := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	log := put("access.log", `192.0.2.9 - - [10/Jul/2024:13:55:36 +0000] "GET / HTTP/1.1" 200 10 "-" "x"`+"\n")
	drops := put("drops.json", `{"time":"2024-07-09T11:59:28","hostname":"cp1106","prefix":"silent-drop_for_300s","data":"192.0.2.1"}`+"\n")
	here := put("here.json", `{"time":"2024-07-10T11:59:28","hostname":"cp1106","prefix":"silent-drop_for_300s","data":"192.0.2.9"}`+"\n")
	both := []string{"--logs", log, "--drops", drops}
	studytest.Fails(t, Main, []studytest.Usage{
		{Args: nil, Status: 2, Want: "--logs is missing"},
		{Args: []string{"--logs", log}, Status: 2, Want: "--drops is missing"},
		{Args: []string{"--drops", drops, log}, Status: 2, Want: "--logs is missing"},
		{Args: []string{"--nothing"}, Status: 2, Want: "not defined"},
		{Args: append([]string{"--top", "0"}, both...), Status: 2, Want: "want 1 to 100"},
		{Args: append([]string{"--min-addresses", "0"}, both...), Status: 2, Want: "want 1 or more"},
		{Args: append([]string{"--candidates-from", "0"}, both...), Status: 2, Want: "want 1 or more"},
		{Args: append([]string{"--zone", "Mars"}, both...), Status: 2, Want: "want a name as UTC"},
		{Args: append([]string{"--profile", "mine"}, both...), Status: 2, Want: "want wikimedia or site"},
		{Args: append([]string{"--threads", "0"}, both...), Status: 2, Want: "want 1 to 1024"},
		{Args: append([]string{"--map", "ip"}, both...), Status: 2, Want: "want column=field"},
		{Args: append([]string{"--trusted-proxies", "me"}, both...), Status: 2, Want: "want one as 10.0.0.0/8"},
		{Args: append([]string{"--profile", "wikimedia", "--api-prefixes", "/api/"}, both...), Status: 2, Want: "site of your own"},
		{Args: []string{"--logs", "-", "--drops", drops}, Status: 2, Want: "more than once"},
		{Args: []string{"--logs", filepath.Join(dir, "no.log"), "--drops", drops}, Status: 1, Want: "no such log"},
		{Args: []string{"--logs", filepath.Join(dir, "*.gz"), "--drops", drops}, Status: 1, Want: "no log matches"},
		{Args: []string{"--logs", dir, "--drops", drops}, Status: 1, Want: "is a folder"},
		{Args: []string{"--logs", log, "--drops", log}, Status: 1, Want: "access.log"},
		{Args: append([]string{"--labels", log}, both...), Status: 1, Want: "access.log"},
		{Args: append([]string{"--attacks", log}, both...), Status: 1, Want: "access.log"},
		{Args: both, Status: 1, Want: "none of the 1 records"},
		{Args: []string{"--logs", log, "--drops", here, "--candidates", filepath.Join(dir, "no", "file")}, Status: 1, Want: "--candidates"},
	})
	// Candidates are full addresses, for the one who asked alone.
	file := filepath.Join(dir, "ask.txt")
	if status, _, errs := studytest.Call(t, Main, "--logs", log, "--drops", here, "--candidates", file, "--candidates-from", "1", "--out", filepath.Join(dir, "out")); status != 0 {
		t.Fatal(errs)
	}
	b, err := os.ReadFile(file)
	if info, statErr := os.Stat(file); err != nil || statErr != nil || strings.TrimSpace(string(b)) != "192.0.2.9" || info.Mode().Perm() != 0o600 {
		t.Errorf("candidates: %q, %v", b, err)
	}
}
