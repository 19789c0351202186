package cli

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

// TestReview runs the transcripts of what a reviewer asks: studies, other
// sites, wrong input beside which the rest is still made.
func TestReview(t *testing.T) {
	if testing.Short() {
		t.Skip("trains some hundred small models")
	}
	testscript.Run(t, testscript.Params{
		Dir: "testdata/review",
		Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){
			"mklogs":   makeLogs,
			"exits":    exits,
			"aversion": aVersion,
			"cptree":   copyTree,
		},
	})
}

// aVersion DIR sets VERSION to the last version of a home.
func aVersion(ts *testscript.TestScript, neg bool, args []string) {
	dirs, err := filepath.Glob(filepath.Join(ts.MkAbs(args[0]), "registry", "2*"))
	ts.Check(err)
	if len(dirs) == 0 {
		ts.Fatalf("%s has no version", args[0])
	}
	ts.Setenv("VERSION", filepath.Base(dirs[len(dirs)-1]))
}

// copyTree FROM TO copies a folder.
func copyTree(ts *testscript.TestScript, neg bool, args []string) {
	ts.Check(os.CopyFS(ts.MkAbs(args[1]), os.DirFS(ts.MkAbs(args[0]))))
}
