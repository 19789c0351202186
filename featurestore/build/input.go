package build

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"

	"sluice/featurestore"
	"sluice/featurestore/fault"
)

const stdinName = "stdin"

// inputs looks at every file that is named, each path once.
func (b *builder) inputs() ([]*input, error) {
	if len(b.Files) == 0 {
		return nil, fault.Field(fault.Usage, "logs", "no log files are named")
	}
	var out []*input
	seen := map[string]bool{}
	for _, path := range b.Files {
		in := &input{path: path, id: featurestore.FileID(path), name: logName(path)}
		if path == "-" {
			in.id, in.name = "-", stdinName
		}
		if seen[in.id] {
			continue
		}
		seen[in.id] = true
		if path != "-" {
			st, err := os.Stat(path)
			switch {
			case errors.Is(err, fs.ErrNotExist):
				return nil, fault.Field(fault.NotFound, "logs", "log %s: there is no such file", path)
			case err != nil:
				return nil, fault.Field(fault.Invalid, "logs", "log %w", err)
			case st.IsDir():
				return nil, fault.Field(fault.Invalid, "logs", "log %s: it is a directory; name the files in it, as in %s", path, filepath.Join(path, "*"))
			case !st.Mode().IsRegular():
				return nil, fault.Field(fault.Invalid, "logs", "log %s: it is not a regular file; give it on the standard input as -", path)
			}
			in.size, in.modified = st.Size(), st.ModTime()
		}
		out = append(out, in)
	}
	return out, nil
}

// logName is a file's base name, with the folders of a partitioned table in
// front of it: all its parts bear the same few names.
func logName(path string) string {
	name := filepath.Base(path)
	for dir := filepath.Dir(path); strings.Contains(filepath.Base(dir), "="); dir = filepath.Dir(dir) {
		name = filepath.Base(dir) + "/" + name
	}
	return name
}

// known are the inputs whose content the store, or another input, may have: its
// size is the same. The content of others is new, and hashed as it is read.
func (b *builder) known(inputs []*input) []*input {
	sizes := map[int64]int{}
	for _, src := range b.store.Manifest().Sources {
		sizes[src.Bytes]++
	}
	for _, in := range inputs {
		if in.path != "-" {
			sizes[in.size]++
		}
	}
	var out []*input
	for _, in := range inputs {
		if in.path != "-" && sizes[in.size] > 1 {
			out = append(out, in)
		}
	}
	return out
}

// hash computes the hashes of files.
func (b *builder) hash(ctx context.Context, inputs []*input) error {
	if len(inputs) == 0 {
		return nil
	}
	var total int64
	for _, in := range inputs {
		total += in.size
	}
	stop := b.meter.start(StageHash, total)
	defer stop()
	return each(ctx, min(b.Threads, len(inputs)), len(inputs), func(ctx context.Context, i int) error {
		done, finish := b.meter.file(inputs[i].name)
		defer finish()
		return inputs[i].hash(ctx, done)
	})
}

// hash computes the hash of a file as it is stored.
func (in *input) hash(ctx context.Context, done *atomic.Int64) error {
	f, err := os.Open(in.path)
	if err != nil {
		return fault.Field(fault.Invalid, "logs", "log %w", err)
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, &countReader{ctx, f, done}); err != nil {
		return fault.Wrap(err, "log %s", in.path)
	}
	in.sha = hex.EncodeToString(h.Sum(nil))
	return nil
}

// changed reports whether a file is another than the one that was looked at.
func (in *input) changed() bool {
	if in.path == "-" {
		return false
	}
	st, err := os.Stat(in.path)
	return err != nil || st.Size() != in.size || !st.ModTime().Equal(in.modified)
}

// countReader counts what is read and ends with its context.
type countReader struct {
	ctx context.Context
	r   io.Reader
	n   *atomic.Int64
}

func (c *countReader) Read(p []byte) (int, error) {
	if c.ctx.Err() != nil {
		return 0, fault.As(fault.Interrupted, c.ctx.Err())
	}
	n, err := c.r.Read(p)
	c.n.Add(int64(n))
	return n, err
}
