package featurestore

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"time"

	"github.com/google/renameio/v2"
	"github.com/klauspost/compress/zstd"

	"sluice/featurestore/fault"
)

// A store's manifest is two files: manifest.json, which is replaced at once and
// so makes a change happen, and the content that it names, a Manifest as JSON
// behind zstd. Every run reads all of it, and most of what it says of a file it
// says of its neighbours: a file takes about a hundred bytes, most of them its
// checksum.

const manifestName = "manifest.json"

// manifestRoot is manifest.json.
type manifestRoot struct {
	ManifestVersion int       `json:"manifest_version"`
	World           string    `json:"world"`
	WrittenAt       time.Time `json:"written_at"`
	FileCount       int       `json:"file_count"` // for people
	MonthCount      int       `json:"month_count"`
	Content         string    `json:"content"` // file beside this one
	SHA256          string    `json:"sha256"`  // of it
}

var contentName = regexp.MustCompile(`^manifest-[0-9a-f]{16}\.json\.zst$`)

// maxManifest bounds, in bytes, what a manifest's content may unfold to.
const maxManifest = 4 << 30

// loadManifest reads dir's manifest; nil where there is none.
func loadManifest(dir string) (*Manifest, error) {
	path := filepath.Join(dir, manifestName)
	for try := 0; ; try++ {
		b, err := os.ReadFile(path)
		if errors.Is(err, fs.ErrNotExist) {
			return nil, nil
		} else if err != nil {
			return nil, fault.Wrap(err, "the store's manifest")
		}
		m, err := parseManifest(dir, b)
		// Who only reads has no lock: the manifest may have been replaced, and its
		// content removed, between the two.
		if errors.Is(err, fs.ErrNotExist) && try < 10 {
			time.Sleep(10 * time.Millisecond)
			continue
		}
		if err != nil {
			if !fault.Is(err, fault.Version) {
				err = fault.New(fault.Corrupt, "%s: %w; restore it, or remove the store and build it again from the logs", path, err)
			}
			return nil, err
		}
		m.outdate()
		return m, nil
	}
}

func parseManifest(dir string, b []byte) (*Manifest, error) {
	var root manifestRoot
	if err := json.Unmarshal(b, &root); err != nil || root.ManifestVersion < 1 {
		return nil, errors.New("it is not a store's manifest")
	}
	if root.ManifestVersion > ManifestVersion {
		return nil, fault.New(fault.Version, "%s has version %d, this program reads up to %d; use the program that wrote it, or a newer one", filepath.Join(dir, manifestName), root.ManifestVersion, ManifestVersion)
	}
	m := new(Manifest)
	if root.ManifestVersion > 1 {
		if !contentName.MatchString(root.Content) {
			return nil, errors.New("it names no content")
		}
		packed, err := os.ReadFile(filepath.Join(dir, root.Content))
		if err != nil {
			return nil, err
		}
		if sum := sha256.Sum256(packed); hex.EncodeToString(sum[:]) != root.SHA256 {
			return nil, fmt.Errorf("%s doesn't match its checksum", root.Content)
		}
		z, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(maxManifest))
		if err != nil {
			return nil, err
		}
		defer z.Close()
		if b, err = z.DecodeAll(packed, nil); err != nil {
			return nil, fmt.Errorf("%s: %w", root.Content, err)
		}
	}
	if err := json.Unmarshal(b, m); err != nil {
		return nil, err
	}
	m.ManifestVersion, m.WrittenAt, m.content = root.ManifestVersion, root.WrittenAt, root.Content
	return m, m.check()
}

// save puts the manifest in the place of the one in dir. Its content depends on
// what is in the store alone, not on when it was written.
func (m *Manifest) save(dir string) error {
	stored := *m
	stored.WrittenAt = time.Time{}
	b, err := json.Marshal(&stored)
	if err != nil {
		return err
	}
	z, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1), zstd.WithEncoderLevel(zstd.SpeedBetterCompression))
	if err != nil {
		return err
	}
	defer z.Close()
	packed := z.EncodeAll(b, nil)
	sum := sha256.Sum256(packed)
	root := manifestRoot{
		ManifestVersion: m.ManifestVersion, World: m.World, WrittenAt: m.WrittenAt, FileCount: len(m.Files), MonthCount: len(m.Months),
		Content: "manifest-" + hex.EncodeToString(sum[:8]) + ".json.zst", SHA256: hex.EncodeToString(sum[:]),
	}
	if b, err = json.MarshalIndent(&root, "", "  "); err != nil {
		return err
	}
	m.content = root.Content
	err = renameio.WriteFile(filepath.Join(dir, root.Content), packed, 0o640)
	if err == nil {
		err = renameio.WriteFile(filepath.Join(dir, manifestName), append(b, '\n'), 0o640)
	}
	return DiskError("the store's manifest", err)
}
