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
			in.size = st.Size()
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

// hash computes the hash of every file but the standard input.
func (b *builder) hash(ctx context.Context, inputs []*input) error {
	var total int64
	for _, in := range inputs {
		total += in.size
	}
	stop := b.meter.start(StageHash, total)
	defer stop()
	return each(ctx, min(b.Threads, len(inputs)), len(inputs), func(ctx context.Context, i int) error {
		in := inputs[i]
		if in.path == "-" {
			return nil
		}
		done, finish := b.meter.file(in.name)
		defer finish()
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
	})
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
