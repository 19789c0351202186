package registry

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/google/renameio/v2"

	"sluice/featurestore/fault"
	"sluice/featurestore/row"
)

// ManifestVersion is the newest manifest.json that this program reads.
const ManifestVersion = 1

// The files of a version that other packages name.
const (
	ModelFile       = "model.json"
	RulesFile       = "rules.json"
	CalibrationFile = "calibration.json"
	SchemaFile      = "schema.json"
	EvaluationFile  = "evaluation.json"
	ReportHTMLFile  = "report.html"
	ReportMDFile    = "report.md"
	CardFile        = "MODEL_CARD.md"
	ManifestFile    = "manifest.json"
	KServeFile      = "kserve/model.ubj"
	ProfileFile     = "profile.json"  // histograms of the training rows, for drift
	SelfTestFile    = "selftest.json" // rows and what the version answers for them
)

var versionName = regexp.MustCompile(`^\d{4}-\d{2}-[0-9a-f]{12}$`)

// ValidVersion reports whether s has the form of a version's name. Nothing
// else is ever joined to a path.
func ValidVersion(s string) bool { return versionName.MatchString(s) }

// VersionName is the name of the version trained up to month last from inputs
// with the given hash.
func VersionName(last row.Month, inputs [sha256.Size]byte) string {
	return last.String() + "-" + hex.EncodeToString(inputs[:6])
}

// Manifest is manifest.json: what a version was made from, and the checksums
// of its files. It is the one file of a version that holds a time.
type Manifest struct {
	ManifestVersion int             `json:"manifest_version"`
	Version         string          `json:"version"`
	CreatedAt       time.Time       `json:"created_at"`
	Program         string          `json:"program"`
	World           string          `json:"world"` // real or simulated
	Train           []row.Month     `json:"train"`
	Test            []row.Month     `json:"test"`
	InputsSHA256    string          `json:"inputs_sha256"`
	Inputs          json.RawMessage `json:"inputs"` // what was hashed, readable
	Gate            Gate            `json:"gate"`
	// Files maps a file's name in the version to the SHA-256 of its content.
	Files map[string]string `json:"files"`
}

// Gate is the outcome of the gates when the version was made.
type Gate struct {
	Passed  bool     `json:"passed"`
	Reasons []string `json:"reasons"` // one a gate, passed or not
}

// Registry is the folder registry/ of a home. It is safe for concurrent use by
// several processes: readers see whole versions and whole champions only.
type Registry struct{ dir string }

// Open opens the registry of a home; nothing is created before the first
// Create.
func Open(home string) *Registry { return &Registry{dir: filepath.Join(home, "registry")} }

// Dir is the registry's folder.
func (r *Registry) Dir() string { return r.dir }

// Version is one version as it lies in the registry.
type Version struct {
	Name     string
	Dir      string
	Manifest Manifest
}

// Path is the path of a file of the version.
func (v Version) Path(name string) string { return filepath.Join(v.Dir, filepath.FromSlash(name)) }

// ReadFile reads a file of the version and compares it with its checksum.
// Errors: NotFound, Corrupt.
func (v Version) ReadFile(name string) ([]byte, error) {
	want, ok := v.Manifest.Files[name]
	if !ok {
		return nil, fault.New(fault.NotFound, "version %s has no %s", v.Name, name)
	}
	b, err := os.ReadFile(v.Path(name))
	if err != nil {
		return nil, fault.New(fault.Corrupt, "version %s: %s is in its manifest but can't be read: %w", v.Name, name, err)
	}
	if got := sum(b); got != want {
		return nil, fault.New(fault.Corrupt, "version %s: %s was changed after it was written (sha256 %.12s…, manifest says %.12s…); restore it or retrain", v.Name, name, got, want)
	}
	return b, nil
}

// Verify compares every file of the version with its checksum.
func (v Version) Verify() error {
	for _, name := range v.Manifest.names() {
		if _, err := v.ReadFile(name); err != nil {
			return err
		}
	}
	return nil
}

func (m Manifest) names() []string {
	names := make([]string, 0, len(m.Files))
	for n := range m.Files {
		names = append(names, n)
	}
	slices.Sort(names)
	return names
}

// Get opens one version. Errors: Invalid (no such form of name), NotFound,
// Version (a newer program wrote it), Corrupt.
func (r *Registry) Get(name string) (Version, error) {
	if !ValidVersion(name) {
		return Version{}, fault.Field(fault.Invalid, "version", "version %q: want YYYY-MM-<12 hex digits>, as printed by the run that made it", name)
	}
	dir := filepath.Join(r.dir, name)
	b, err := os.ReadFile(filepath.Join(dir, ManifestFile))
	if errors.Is(err, fs.ErrNotExist) {
		return Version{}, fault.Field(fault.NotFound, "version", "version %s is not in %s", name, r.dir)
	}
	if err != nil {
		return Version{}, err
	}
	v := Version{Name: name, Dir: dir}
	var head struct {
		ManifestVersion int `json:"manifest_version"`
	}
	if err := json.Unmarshal(b, &head); err != nil {
		return Version{}, fault.New(fault.Corrupt, "%s: %w", filepath.Join(dir, ManifestFile), err)
	}
	if head.ManifestVersion > ManifestVersion {
		return Version{}, fault.New(fault.Version, "%s has manifest version %d, this program reads up to %d: use a newer one", dir, head.ManifestVersion, ManifestVersion)
	}
	if err := json.Unmarshal(b, &v.Manifest); err != nil {
		return Version{}, fault.New(fault.Corrupt, "%s: %w", filepath.Join(dir, ManifestFile), err)
	}
	if v.Manifest.Version != name {
		return Version{}, fault.New(fault.Corrupt, "%s says it is version %q", filepath.Join(dir, ManifestFile), v.Manifest.Version)
	}
	return v, nil
}

// Versions lists the versions by name, so the latest training month last. A
// folder that can't be read as a version is returned in bad, by name.
func (r *Registry) Versions() (versions []Version, bad map[string]error, err error) {
	entries, err := os.ReadDir(r.dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil, nil
	}
	if err != nil {
		return nil, nil, err
	}
	bad = map[string]error{}
	for _, e := range entries {
		if !e.IsDir() || !ValidVersion(e.Name()) {
			continue
		}
		v, err := r.Get(e.Name())
		if err != nil {
			bad[e.Name()] = err
			continue
		}
		versions = append(versions, v)
	}
	return versions, bad, nil
}

// Draft is a version being written.
type Draft struct {
	r     *Registry
	name  string
	tmp   string
	files map[string]string
}

// Create starts a version. Its files stay out of sight until Commit; Discard
// removes them. Errors: Invalid, Exists.
func (r *Registry) Create(name string) (*Draft, error) {
	if !ValidVersion(name) {
		return nil, fault.New(fault.Invalid, "version %q: want YYYY-MM-<12 hex digits>", name)
	}
	if _, err := os.Lstat(filepath.Join(r.dir, name)); err == nil {
		return nil, fault.New(fault.Exists, "version %s exists already in %s", name, r.dir)
	}
	if err := os.MkdirAll(r.dir, 0o755); err != nil {
		return nil, err
	}
	tmp, err := os.MkdirTemp(r.dir, ".draft-"+name+"-")
	if err != nil {
		return nil, err
	}
	return &Draft{r: r, name: name, tmp: tmp, files: map[string]string{}}, nil
}

// WriteFile writes one file of the version; name may have one folder in front.
func (d *Draft) WriteFile(name string, b []byte) error {
	path := filepath.Join(d.tmp, filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	_, err = f.Write(b)
	err = errors.Join(err, f.Sync(), f.Close())
	if err != nil {
		return fmt.Errorf("%s of version %s: %w", name, d.name, err)
	}
	d.files[name] = sum(b)
	return nil
}

// WriteJSON writes v as indented JSON.
func (d *Draft) WriteJSON(name string, v any) error {
	b, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return fmt.Errorf("%s of version %s: %w", name, d.name, err)
	}
	return d.WriteFile(name, append(b, '\n'))
}

// Write writes what fill produces.
func (d *Draft) Write(name string, fill func(io.Writer) error) error {
	var b bytes.Buffer
	if err := fill(&b); err != nil {
		return fmt.Errorf("%s of version %s: %w", name, d.name, err)
	}
	return d.WriteFile(name, b.Bytes())
}

// Commit writes the manifest and puts the version in place.
func (d *Draft) Commit(m Manifest) (Version, error) {
	m.ManifestVersion = ManifestVersion
	m.Version = d.name
	m.Files = d.files
	b, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return Version{}, err
	}
	delete(d.files, ManifestFile)
	if err := d.WriteFile(ManifestFile, append(b, '\n')); err != nil {
		return Version{}, err
	}
	if err := os.Chmod(d.tmp, 0o755); err != nil {
		return Version{}, err
	}
	if err := os.Rename(d.tmp, filepath.Join(d.r.dir, d.name)); err != nil {
		return Version{}, err
	}
	return d.r.Get(d.name)
}

// Discard removes what was written. It does nothing after Commit.
func (d *Draft) Discard() { _ = os.RemoveAll(d.tmp) }

// Sweep removes drafts that a killed run left behind. The caller holds the
// home's lock.
func (r *Registry) Sweep() error {
	left, err := filepath.Glob(filepath.Join(r.dir, ".draft-*"))
	if err != nil {
		return err
	}
	for _, p := range left {
		if err := os.RemoveAll(p); err != nil {
			return err
		}
	}
	return nil
}

// Entry is one line of champion.log.
type Entry struct {
	At       time.Time `json:"at"`
	Action   string    `json:"action"` // promote, rollback
	Version  string    `json:"version"`
	Previous string    `json:"previous,omitempty"`
	Who      string    `json:"who"`
	Reason   string    `json:"reason"`
	Forced   bool      `json:"forced,omitempty"` // a gate had held it back
}

// Champion is the name of the version in service, or "" where there is none.
func (r *Registry) Champion() (string, error) {
	b, err := os.ReadFile(filepath.Join(r.dir, "champion"))
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	name := strings.TrimSpace(string(b))
	if !ValidVersion(name) {
		return "", fault.New(fault.Corrupt, "%s holds %q, not a version's name; write one there or promote a version", filepath.Join(r.dir, "champion"), name)
	}
	return name, nil
}

// Log is the history of champions, oldest first.
func (r *Registry) Log() ([]Entry, error) {
	path := filepath.Join(r.dir, "champion.log")
	b, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var log []Entry
	for i, line := range bytes.Split(bytes.TrimSpace(b), []byte("\n")) {
		if len(line) == 0 {
			continue
		}
		var e Entry
		if err := json.Unmarshal(line, &e); err != nil {
			return log, fault.New(fault.Corrupt, "%s:%d: %w", path, i+1, err)
		}
		log = append(log, e)
	}
	return log, nil
}

// Promotable is the version that e would put in service, after every check
// that Promote makes; nothing is changed.
func (r *Registry) Promotable(e Entry) (Version, error) {
	v, err := r.Get(e.Version)
	if err != nil {
		return Version{}, err
	}
	if err := v.Verify(); err != nil {
		return Version{}, err
	}
	if !v.Manifest.Gate.Passed && !e.Forced {
		return Version{}, fault.New(fault.Conflict, "version %s was held back (%s); to put it in service all the same, say why with --force REASON", e.Version, strings.Join(v.Manifest.Gate.Reasons, "; "))
	}
	if e.Forced && strings.TrimSpace(e.Reason) == "" {
		return Version{}, fault.Field(fault.Invalid, "force", "a forced promotion needs its reason")
	}
	return v, nil
}

// Promote puts a version in service. A version that a gate held back needs
// force, and then a reason. Promoting the champion again does nothing.
// Errors: NotFound, Corrupt, Conflict (held back and not forced).
func (r *Registry) Promote(e Entry) error {
	if _, err := r.Promotable(e); err != nil {
		return err
	}
	return r.install(e)
}

// Before is the version that was in service before the present champion.
// Errors: Conflict where there is none, NotFound, Corrupt.
func (r *Registry) Before() (Version, error) {
	now, err := r.Champion()
	if err != nil {
		return Version{}, err
	}
	log, err := r.Log()
	if err != nil {
		return Version{}, err
	}
	for _, e := range slices.Backward(log) {
		if e.Version == now && e.Action == "promote" && e.Previous != "" {
			v, err := r.Get(e.Previous)
			if err == nil {
				err = v.Verify()
			}
			return v, err
		}
	}
	return Version{}, fault.New(fault.Conflict, "no version was in service before %s: nothing to roll back to", orNone(now))
}

// Rollback puts Before back in service and returns its name.
func (r *Registry) Rollback(e Entry) (string, error) {
	v, err := r.Before()
	if err != nil {
		return "", err
	}
	e.Version = v.Name
	return v.Name, r.install(e)
}

func orNone(s string) string {
	if s == "" {
		return "(none)"
	}
	return s
}

func (r *Registry) install(e Entry) error {
	now, err := r.Champion()
	if err != nil && !fault.Is(err, fault.Corrupt) {
		return err
	}
	if now == e.Version {
		return nil
	}
	e.Previous = now
	line, err := json.Marshal(e)
	if err != nil {
		return err
	}
	// The log first: a champion without its reason must not exist, an entry
	// whose swap was cut off is visible as such (champion names another).
	f, err := os.OpenFile(filepath.Join(r.dir, "champion.log"), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	_, err = f.Write(append(line, '\n'))
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	return renameio.WriteFile(filepath.Join(r.dir, "champion"), []byte(e.Version+"\n"), 0o644)
}

func sum(b []byte) string {
	h := sha256.Sum256(b)
	return hex.EncodeToString(h[:])
}
