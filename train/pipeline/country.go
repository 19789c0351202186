package pipeline

import (
	"crypto/sha256"
	"fmt"
	"net/netip"
	"os"

	"github.com/oschwald/maxminddb-golang/v2"

	"sluice/featurestore/fault"
)

// countries tells an address's country, for slices of a report; no model has it
// as an input. Nil knows none.
type countries interface {
	// of is the ISO 3166-1 code of an address, "" where it is not known.
	of(ip netip.Addr) string
}

// countryDB is a database in MaxMind's format.
type countryDB struct{ r *maxminddb.Reader }

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
