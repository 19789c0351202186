// Package geo tells where an address lies: its country and the number of the
// network that announces it, from MaxMind DB files that the user has
// (https://maxmind.github.io/MaxMind-DB/). It knows the records of GeoLite2 and
// GeoIP2, DB-IP, IPinfo and ip-location-db.
//
// A file says when it was built. Of several files the newest that was built
// before a window's end is asked first, so that months of years ago are not
// placed by today's map where an older one is at hand.
//
// The package ships no database and fetches none.
package geo
