package geo

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/oschwald/maxminddb-golang/v2"

	"sluice/featurestore/columns"
	"sluice/featurestore/fault"
	"sluice/featurestore/row"
)

// Databases are MaxMind DB files, mapped into memory. They are safe for
// concurrent use until Close.
type Databases struct {
	all []database // by build time, then name
}

type database struct {
	Info
	db *maxminddb.Reader
}

// Info describes one file.
type Info struct {
	Name   string    `json:"name"` // base name
	Type   string    `json:"type"` // database_type
	Built  time.Time `json:"built"`
	SHA256 string    `json:"sha256"`
}

// Place is what the databases say of an address; zero fields are unknown.
type Place struct {
	Country string // ISO 3166-1 alpha-2, upper case
	ASN     uint32
}

// Where records of the publishers known have the country, in the order in which
// they are asked, and the number of the network.
var (
	countryPaths = [...][]any{{"country", "iso_code"}, {"country_code"}, {"country"}, {"registered_country", "iso_code"}}
	asnPaths     = [...][]any{{"autonomous_system_number"}, {"asn"}}
)

// Open opens databases; each must tell a country or a network. Errors: Invalid
// (no MaxMind DB, or of other things), NotFound, Interrupted.
func Open(ctx context.Context, files []string) (*Databases, error) {
	if len(files) == 0 {
		return nil, fault.Field(fault.Invalid, "mmdb", "no databases given; name at least one MaxMind DB file")
	}
	d := &Databases{}
	for _, path := range slices.Compact(slices.Sorted(slices.Values(files))) {
		if err := d.open(ctx, path); err != nil {
			d.Close()
			return nil, err
		}
	}
	slices.SortStableFunc(d.all, func(a, b database) int {
		return cmp.Or(a.Built.Compare(b.Built), cmp.Compare(a.Name, b.Name))
	})
	return d, nil
}

func (d *Databases) open(ctx context.Context, path string) error {
	name := filepath.Base(path)
	sum, err := checksum(ctx, path)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return fault.Field(fault.NotFound, "mmdb", "--mmdb: %w", err)
	case ctx.Err() != nil:
		return fault.As(fault.Interrupted, ctx.Err())
	case err != nil:
		return fault.Field(fault.Invalid, "mmdb", "--mmdb: %w", err)
	}
	db, err := maxminddb.Open(path)
	if err != nil {
		return fault.Field(fault.Invalid, "mmdb", "--mmdb %s: %v; want a MaxMind DB file with countries or autonomous systems", path, err)
	}
	if !places(db) {
		db.Close()
		return fault.Field(fault.Invalid, "mmdb", "--mmdb %s: a database of %q tells neither countries nor autonomous systems, by its first records", path, db.Metadata.DatabaseType)
	}
	d.all = append(d.all, database{Info{name, db.Metadata.DatabaseType, db.Metadata.BuildTime().UTC(), sum}, db})
	return nil
}

// places looks at a database's first records for one that says where it is.
func places(db *maxminddb.Reader) bool {
	const looked = 1000
	n := 0
	for r := range db.Networks() {
		var p Place
		if p.fill(r); p != (Place{}) {
			return true
		}
		if n++; n == looked {
			break
		}
	}
	return false
}

func checksum(ctx context.Context, path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	h := sha256.New()
	for {
		if err := ctx.Err(); err != nil {
			return "", err
		}
		if _, err := io.CopyN(h, f, 16<<20); err == io.EOF {
			return hex.EncodeToString(h.Sum(nil)), nil
		} else if err != nil {
			return "", err
		}
	}
}

// Close unmaps the files.
func (d *Databases) Close() error {
	var errs []error
	for _, db := range d.all {
		errs = append(errs, db.db.Close())
	}
	d.all = nil
	return errors.Join(errs...)
}

// Infos describe the files by build time.
func (d *Databases) Infos() []Info {
	out := make([]Info, len(d.all))
	for i := range d.all {
		out[i] = d.all[i].Info
	}
	return out
}

// At is where an address lay at an instant: what the newest database built by
// then says, failing that an older one, failing that the oldest of those built
// later. Country and network are looked up on their own, for they mostly come
// in two files. What a damaged database can't tell is unknown.
func (d *Databases) At(ip netip.Addr, t time.Time) Place {
	ip, ok := row.Canonical(ip)
	if !ok {
		return Place{}
	}
	n, _ := slices.BinarySearchFunc(d.all, t, builtAfter)
	var p Place
	for i := n - 1; i >= 0 && !p.whole(); i-- {
		p.fill(d.all[i].db.Lookup(ip))
	}
	for i := n; i < len(d.all) && !p.whole(); i++ {
		p.fill(d.all[i].db.Lookup(ip))
	}
	return p
}

// builtAfter orders a database behind the instants up to which it was built.
func builtAfter(db database, t time.Time) int {
	if db.Built.After(t) {
		return 1
	}
	return -1
}

func (p *Place) whole() bool { return p.Country != "" && p.ASN != 0 }

// fill adds what a record tells and p does not have yet. A field that another
// publisher uses for something else is passed over.
func (p *Place) fill(r maxminddb.Result) {
	if !r.Found() {
		return
	}
	for _, path := range countryPaths {
		if p.Country != "" {
			break
		}
		var code string
		if r.DecodePath(&code, path...) == nil && CountryNumber(strings.ToUpper(code)) >= 0 {
			p.Country = strings.ToUpper(code)
		}
	}
	for _, path := range asnPaths {
		if p.ASN != 0 {
			break
		}
		var text string
		if r.DecodePath(&p.ASN, path...) == nil || r.DecodePath(&text, path...) != nil {
			continue
		}
		if n, err := strconv.ParseUint(strings.TrimPrefix(text, "AS"), 10, 32); err == nil {
			p.ASN = uint32(n)
		}
	}
}

// CountryNumber is a two-letter code as the column country_code has it: 26
// times the first letter plus the second, with A = 0; -1 for anything else. The
// numbers never change and depend on no data; trees cut them into ranges of
// countries.
func CountryNumber(code string) int {
	if len(code) != 2 || code[0] < 'A' || code[0] > 'Z' || code[1] < 'A' || code[1] > 'Z' {
		return -1
	}
	return 26*int(code[0]-'A') + int(code[1]-'A')
}

// Country is the code behind a number of CountryNumber; "" for none.
func Country(number float64) string {
	if !(number >= 0 && number < 26*26) || number != math.Trunc(number) {
		return ""
	}
	n := int(number)
	return string([]byte{byte('A' + n/26), byte('A' + n%26)})
}

// EnrichColumns are the names of the columns that Enrich appends.
func (d *Databases) EnrichColumns() []string { return columns.GeoGroup.Names() }

// Enrich appends, in the order of columns.GeoGroup, where ip lay at a window's
// end.
func (d *Databases) Enrich(dst []float64, ip netip.Addr, _, end time.Time) []float64 {
	return appendPlace(dst, d.At(ip, end))
}

func appendPlace(dst []float64, p Place) []float64 {
	country, asn := math.NaN(), math.NaN()
	if p.Country != "" {
		country = float64(CountryNumber(p.Country))
	}
	if p.ASN != 0 {
		asn = float64(p.ASN)
	}
	return append(dst, country, asn)
}

// Digest identifies what the databases say.
func (d *Databases) Digest() string {
	h := sha256.New()
	for _, db := range d.all {
		fmt.Fprintln(h, db.Built.Unix(), db.SHA256)
	}
	return hex.EncodeToString(h.Sum(nil)[:16])
}

// Later says which databases were built after an instant and are asked all the
// same where no older one answers; "" for none.
func (d *Databases) Later(t time.Time) string {
	var names []string
	for _, db := range d.all {
		if db.Built.After(t) {
			names = append(names, fmt.Sprintf("%s (built %s)", db.Name, db.Built.Format(time.DateOnly)))
		}
	}
	return strings.Join(names, ", ")
}
