package build

import (
	"compress/gzip"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"sluice/featurestore"
)

// maxRejects bounds what is kept of one file's rejected lines, in bytes before
// compression: a file that is no log at all is not stored a second time.
const maxRejects = 256 << 20

// rejects keeps the lines of one input that are no requests, as
// "number<tab>reason<tab>text", gzipped. The file is only readable by its
// owner: the lines hold whatever clients sent.
type rejects struct {
	store *featurestore.Store
	f     *os.File
	z     *gzip.Writer
	n     int64
	err   error
}

const rejectsExt = ".txt.gz"

func (r *rejects) add(line int64, reason string, text []byte) {
	if r.err != nil || r.n > maxRejects {
		return
	}
	if r.f == nil {
		dir := filepath.Dir(r.store.RejectsPath("x", rejectsExt))
		if r.f, r.err = os.CreateTemp(dir, ".rejects-*"); r.err != nil {
			return
		}
		r.z = gzip.NewWriter(r.f)
	}
	n, err := fmt.Fprintf(r.z, "%d\t%s\t%s\n", line, reason, text)
	if r.n += int64(n); err != nil {
		r.err = err
	} else if r.n > maxRejects {
		_, r.err = io.WriteString(r.z, "further lines are counted, not kept\n")
	}
}

// keep puts the lines in their place, named after the content.
func (r *rejects) keep(sha string) error {
	if r.err == nil && r.f != nil {
		r.err = r.z.Close()
		if r.err == nil {
			r.err = r.f.Sync()
		}
		if r.err == nil {
			r.err = os.Rename(r.f.Name(), r.store.RejectsPath(sha, rejectsExt))
		}
		if err := r.f.Close(); r.err == nil {
			r.err = err
		}
		if r.err == nil {
			r.f = nil
		}
	}
	return featurestore.DiskError("the rejected lines", r.err)
}

// discard removes what was not kept.
func (r *rejects) discard() {
	if r.f != nil {
		r.f.Close()
		os.Remove(r.f.Name())
	}
}
