package pipeline

import (
	"crypto/sha256"
	"fmt"
	"net/netip"
	"os"
	"slices"

	"github.com/oschwald/maxminddb-golang/v2"

	"sluice/featurestore"
	"sluice/featurestore/columns"
	"sluice/featurestore/fault"
	"sluice/featurestore/row"
)

// countries tells an address's country, for slices of a report; no model has it
// as an input. Nil knows none.
type countries interface {
	// of is the ISO 3166-1 code of an address, "" where it is not known.
	of(ip netip.Addr) string
}

// countryDB is a database in MaxMind's format.
type countryDB struct{ r *maxminddb.Reader }

// countryMap is countries by address.
type countryMap map[netip.Addr]string

func (m countryMap) of(ip netip.Addr) string { return m[ip] }

// storedCountries takes the countries that the store joined to its months, if
// it did; a database given for the report goes before.
func storedCountries(st *featurestore.Store, t *table) countries {
	out := countryMap{}
	column := map[row.Month]int{}
	for _, m := range st.Manifest().Months {
		column[m.Month] = slices.Index(m.Columns, columns.GeoGroup.Names()[columns.CountryCode])
	}
	for _, r := range t.rows {
		at, ok := column[r.Month]
		if !ok || at < 0 || at >= len(r.Values) {
			return nil
		}
		if v := r.Values[at]; v >= 0 && v < 26*26 {
			out[r.IP] = string([]byte{'A' + byte(int(v)/26), 'A' + byte(int(v)%26)})
		}
	}
	return out
}

// openCountries reads a MaxMind database with countries; "" is none. sum names
// its content.
func openCountries(file string) (c countries, sum string, err error) {
	if file == "" {
		return nil, "", nil
	}
	b, err := os.ReadFile(file)
	if err != nil {
		return nil, "", fault.Field(fault.Invalid, "country-db", "--country-db: %w", err)
	}
	r, err := maxminddb.OpenBytes(b)
	if err != nil {
		return nil, "", fault.Field(fault.Invalid, "country-db", "--country-db %s: %v; want a MaxMind database with countries", file, err)
	}
	return countryDB{r}, fmt.Sprintf("%x", sha256.Sum256(b)), nil
}

// of reads both shapes in use: GeoIP2's nested one and the flat one.
func (d countryDB) of(ip netip.Addr) string {
	var rec struct {
		Country struct {
			ISO string `maxminddb:"iso_code"`
		} `maxminddb:"country"`
		Code string `maxminddb:"country_code"`
	}
	if err := d.r.Lookup(ip).Decode(&rec); err != nil {
		return ""
	}
	if rec.Country.ISO != "" {
		return rec.Country.ISO
	}
	return rec.Code
}
