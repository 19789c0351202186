package main_test

import (
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// rooms are the project's packages in the order in which they may import each
// other: each may import what stands above it, never below. Rooms on one line
// don't import each other.
var rooms = [][]string{
	{"featurestore/fault", "featurestore/columns", "proto/sluice/v1", "proto/inference"},
	{"featurestore/row", "featurestore/pseudonym", "featurestore/jsonscan"},
	{"featurestore/webrequest", "featurestore/ranges", "featurestore/geo"},
	{"featurestore/accesslog"},
	{"featurestore/attack"},
	{"featurestore/aggregate", "featurestore/reputation"},
	{"featurestore"},
	{"featurestore/build", "featurestore/spark"},
	{"featurestore/simulate"},
	{"models/ensemble"},
	{"models/xgboost"},
	{"models/leavesadapter", "models/rules", "models/calibration", "models/drift", "models/registry"},
	{"models/scorer"},
	{"serve/feed", "serve/chart", "serve/edge", "serve/policy", "serve/page"},
	{"serve/server"},
	{"serve"},
	{"train/gbtree", "train/evaluation", "train/markup"},
	{"train/report"},
	{"train/pipeline"},
	{"train/cli"},
	{"train"},
}

// TestImportsRunOneWay holds the tree against the order of rooms.
func TestImportsRunOneWay(t *testing.T) {
	floor := map[string]int{}
	for i, level := range rooms {
		for _, room := range level {
			floor[room] = i
		}
	}
	// A package beneath a room belongs to it.
	roomOf := func(dir string) string {
		for d := dir; d != "."; d = filepath.Dir(d) {
			if _, ok := floor[d]; ok {
				return d
			}
		}
		return ""
	}
	for _, file := range goFiles(t) {
		if strings.HasSuffix(file, "_test.go") || strings.HasPrefix(file, "notebooks-port/") || strings.HasPrefix(file, "proto/tools/") {
			continue
		}
		from := roomOf(filepath.Dir(file))
		if from == "" {
			t.Errorf("%s lies in no room: add its folder to the order of rooms", file)
			continue
		}
		f, err := parser.ParseFile(token.NewFileSet(), filepath.Join("..", file), nil, parser.ImportsOnly)
		if err != nil {
			t.Fatal(err)
		}
		for _, spec := range f.Imports {
			path, _ := strconv.Unquote(spec.Path.Value)
			dir, ours := strings.CutPrefix(path, "sluice/")
			if !ours {
				if path == "C" {
					t.Errorf("%s uses cgo", file)
				}
				continue
			}
			to := roomOf(dir)
			if to == from {
				continue
			}
			if to == "" || floor[to] >= floor[from] {
				t.Errorf("%s (%s) imports %s: imports run the other way", file, from, dir)
			}
			if strings.HasPrefix(file, "serve/") && strings.HasPrefix(dir, "train/") {
				t.Errorf("%s imports %s: serve never imports train", file, dir)
			}
		}
	}
}

// TestTopLevel: the top level is exactly the plan.
func TestTopLevel(t *testing.T) {
	allowed := []string{"train", "serve", "featurestore", "proto", "models", "notebooks-port", "go.mod", "go.sum", "README.md", "LICENSE", "CHANGELOG.md"}
	out, err := exec.Command("git", "-C", "..", "ls-files").Output()
	if err != nil {
		t.Skip("not a git checkout: ", err)
	}
	for _, f := range strings.Fields(string(out)) {
		top, _, _ := strings.Cut(f, "/")
		if !strings.HasPrefix(top, ".") && !slices.Contains(allowed, top) {
			t.Errorf("%s: %s does not belong at the top level", f, top)
		}
	}
}

// TestEachPackageSaysWhatItIsFor: a doc.go a package; a main's comment stands
// in main.go, which stays small.
func TestEachPackageSaysWhatItIsFor(t *testing.T) {
	dirs := map[string]bool{}
	for _, f := range goFiles(t) {
		dirs[filepath.Dir(f)] = dirs[filepath.Dir(f)] || !strings.HasSuffix(f, "_test.go")
	}
	for dir, code := range dirs {
		if !code || strings.HasPrefix(dir, "proto/") {
			continue
		}
		name := "doc.go"
		if b, err := os.ReadFile(filepath.Join("..", dir, "main.go")); err == nil && strings.Contains(string(b), "\npackage main") {
			name = "main.go"
			if n := strings.Count(string(b), "\n"); n >= 60 {
				t.Errorf("%s/main.go has %d lines: a main stays under 60", dir, n)
			}
		}
		b, err := os.ReadFile(filepath.Join("..", dir, name))
		if err != nil {
			t.Errorf("%s has no %s", dir, name)
			continue
		}
		if s := string(b); !strings.Contains(s, "// Package ") && !strings.Contains(s, "// Command ") {
			t.Errorf("%s/%s has no package comment", dir, name)
		}
	}
}

func goFiles(t *testing.T) []string {
	t.Helper()
	var files []string
	root := os.DirFS("..")
	err := fs.WalkDir(root, ".", func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && (d.Name() == "testdata" || strings.HasPrefix(d.Name(), ".") && path != "."):
			return fs.SkipDir
		case strings.HasSuffix(path, ".go"):
			files = append(files, path)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}
