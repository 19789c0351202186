package spark

import (
	"fmt"
	"strings"
)

// An address is compared in one spelling: IPv4 as it is, since it has no other,
// IPv6 as a 6 and 32 hex digits. IPv4-mapped IPv6 is IPv4. What is none, or has
// a zone or leading zeros, is null. In rows, which are fewer than requests, it
// is a key: 4 and eight hex digits, or the 6 and 32 of them, so that the order
// of keys as text is that of row keys (IPv4 before IPv6, by number).

const (
	octet    = `(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])`
	dotted   = `(?:` + octet + `\.){3}` + octet
	isIPv4   = `\A` + dotted + `\z`
	endsIPv4 = `:` + dotted + `\z`
	group    = `[0-9a-f]{1,4}`
	// "::" stands for one group of zeros at least, so there are seven others at
	// most.
	isIPv6 = `\A(?:(?:` + group + `:){7}` + group + `|(?!(?:.*?[0-9a-f](?::|\z)){8})(?:` + group + `(?::` + group + `)*)?::(?:` + group + `(?::` + group + `)*)?)\z`
)

// addressSteps are the levels of a query that make the column address out of
// ip_text, each reading from the one before. They refer to what is below as
// seldom as can be: an engine that moves a condition down writes it out.
func addressSteps() []string {
	tail := "substring_index(ip_text, ':', -1)"
	return []string{
		// The dotted tail that an IPv6 address may have becomes two groups.
		fmt.Sprintf(`CASE WHEN ip_text LIKE '%%:%%' THEN CASE WHEN ip_text LIKE '%%.%%' THEN
        CASE WHEN ip_text RLIKE %s THEN lower(concat(substr(ip_text, 1, length(ip_text) - length(%s)), hex(%s), ':', hex(%s))) END
        ELSE lower(ip_text) END END AS ip6`, lit(endsIPv4), tail, octets(tail, 1), octets(tail, 3)),
		// "::" is written out, so that there are eight groups between colons.
		fmt.Sprintf(`CASE WHEN ip6 RLIKE %s THEN regexp_replace(concat(':', replace(ip6, '::', concat(':', repeat('0:', 8 - length(regexp_replace(regexp_replace(ip6, '[0-9a-f]+', 'x'), ':', ''))))), ':'), '::', ':') END AS ip6_groups`, lit(isIPv6)),
		`CASE WHEN ip6_groups IS NOT NULL THEN concat('6', replace(regexp_replace(regexp_replace(regexp_replace(ip6_groups, ':(?=.:)', ':000'), ':(?=..:)', ':00'), ':(?=...:)', ':0'), ':', '')) END AS ip6_key`,
		fmt.Sprintf(`CASE WHEN ip6_key LIKE '6%sffff%%' THEN %s
      WHEN ip6_key IS NOT NULL THEN ip6_key
      WHEN ip_text RLIKE %s THEN ip_text END AS address`, strings.Repeat("0", 20), dottedOf("ip6_key", 26), lit(isIPv4)),
	}
}

// octets is the number that two octets of a dotted address are.
func octets(of string, from int) string {
	return fmt.Sprintf("CAST(split_part(%s, '.', %d) AS BIGINT) * 256 + CAST(split_part(%s, '.', %d) AS BIGINT)", of, from, of, from+1)
}

// dottedOf writes the eight hex digits from a place on as a dotted address.
func dottedOf(key string, from int) string {
	s := "concat_ws('.'"
	for i := range 4 {
		s += fmt.Sprintf(", conv(substr(%s, %d, 2), 16, 10)", key, from+2*i)
	}
	return s + ")"
}

// addressKey is the key of an address.
func addressKey(of string) string {
	return fmt.Sprintf("CASE WHEN %[1]s LIKE '%%.%%' THEN concat('4', lower(lpad(hex((%[2]s) * 65536 + %[3]s), 8, '0'))) ELSE %[1]s END", of, octets(of, 1), octets(of, 3))
}

// prefixOf is the /24 of an IPv4 and the /64 of an IPv6 key.
const prefixOf = "substr(address, 1, CASE WHEN address LIKE '4%' THEN 7 ELSE 17 END)"

// textSteps are the levels of a query that make ip, in the usual spelling (RFC
// 5952), out of address.
func textSteps() []string {
	// The first of the longest runs of zeros becomes "::", alone ones stay.
	short := "CASE"
	for n := 8; n >= 2; n-- {
		run := fmt.Sprintf(":0(?::0){%d}:", n-1)
		short += fmt.Sprintf("\n        WHEN ip_groups RLIKE '%[1]s' THEN regexp_replace(ip_groups, '^(.*?)%[1]s(.*)$', '$1::$2')", run)
	}
	short += "\n        ELSE ip_groups END AS ip_short"
	return []string{
		"CASE WHEN address NOT LIKE '%.%' THEN regexp_replace(regexp_replace(substr(address, 2), '(....)', ':$1'), ':0{1,3}', ':') || ':' END AS ip_groups",
		short,
		"CASE WHEN address LIKE '%.%' THEN address ELSE regexp_replace(regexp_replace(ip_short, '^:(?!:)', ''), '(?<!:):$', '') END AS ip",
	}
}
