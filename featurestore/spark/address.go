package spark

import "fmt"

// Addresses are compared in one spelling each, as package row has it: IPv4
// dotted, IPv6 as 32 lower-case hex digits, IPv4-mapped IPv6 as IPv4. What is
// none, or has a zone or leading zeros, is null.

const (
	octet    = `(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])`
	dotted   = `(?:` + octet + `\.){3}` + octet
	isIPv4   = `\A` + dotted + `\z`
	mayBeV6  = `\A(?=[0-9A-Fa-f.]*:)[0-9A-Fa-f:]*(?::` + dotted + `)?\z`
	v4Tail   = `:([0-9]+\.[0-9.]+)\z`
	hexGroup = `\A[0-9a-f]{1,4}\z`
)

// addressSteps are the levels of a query that make the column ip out of
// ip_text, each reading from the one before.
func addressSteps() [][]string {
	tail := func(i int) string {
		return fmt.Sprintf("CAST(split(regexp_extract(ip_text, %s, 1), '[.]')[%d] AS INT)", lit(v4Tail), i)
	}
	hexByte := func(from int) string { return fmt.Sprintf("conv(substr(ip6_hex, %d, 2), 16, 10)", from) }
	return [][]string{
		{
			fmt.Sprintf("CASE WHEN ip_text RLIKE %s THEN ip_text END AS ip4", lit(isIPv4)),
			// The dotted tail that an IPv6 address may have, as two groups.
			fmt.Sprintf("CASE WHEN NOT ip_text RLIKE %s THEN NULL WHEN ip_text LIKE '%%.%%' THEN\n        concat(lower(regexp_replace(ip_text, %s, ':')), format_string('%%x:%%x', %s * 256 + %s, %s * 256 + %s))\n      ELSE lower(ip_text) END AS ip6",
				lit(mayBeV6), lit(v4Tail), tail(0), tail(1), tail(2), tail(3)),
		},
		{"split(ip6, '::', -1) AS ip6_halves"},
		{
			"CASE WHEN ip6_halves[0] = '' THEN CAST(array() AS ARRAY<STRING>) ELSE split(ip6_halves[0], ':', -1) END AS ip6_left",
			"CASE WHEN size(ip6_halves) < 2 THEN CAST(array() AS ARRAY<STRING>) WHEN ip6_halves[1] = '' THEN CAST(array() AS ARRAY<STRING>) ELSE split(ip6_halves[1], ':', -1) END AS ip6_right",
		},
		{fmt.Sprintf("CASE WHEN (size(ip6_halves) = 1 AND size(ip6_left) = 8 OR size(ip6_halves) = 2 AND size(ip6_left) + size(ip6_right) <= 7)\n        AND forall(concat(ip6_left, ip6_right), g -> g RLIKE %s)\n      THEN concat(array_join(transform(ip6_left, g -> lpad(g, 4, '0')), ''),\n        repeat('0000', 8 - size(ip6_left) - size(ip6_right)),\n        array_join(transform(ip6_right, g -> lpad(g, 4, '0')), '')) END AS ip6_hex", lit(hexGroup))},
		{fmt.Sprintf("CASE WHEN ip4 IS NOT NULL THEN ip4\n      WHEN ip6_hex LIKE '00000000000000000000ffff%%' THEN concat_ws('.', %s, %s, %s, %s)\n      ELSE ip6_hex END AS ip", hexByte(25), hexByte(27), hexByte(29), hexByte(31))},
	}
}

// sortKey is the order of row keys as text: IPv4 before IPv6, by number.
const sortKey = "CASE WHEN ip LIKE '%.%' THEN concat('4', array_join(transform(split(ip, '[.]'), o -> lpad(lower(hex(CAST(o AS BIGINT))), 2, '0')), '')) ELSE concat('6', ip) END"

// prefixOf is the /24 of an IPv4 and the /64 of an IPv6 address, out of its
// sort key.
const prefixOf = "substr(address, 1, CASE WHEN address LIKE '4%' THEN 7 ELSE 17 END)"

// addressText is the usual spelling (RFC 5952) of an ip of addressSteps.
func addressText() string {
	groups := "concat(':', array_join(transform(sequence(0, 7), i -> regexp_replace(substr(ip, 4 * i + 1, 4), '^0{1,3}', '')), ':'), ':')"
	out := "CASE WHEN ip LIKE '%.%' THEN ip"
	for n := 8; n >= 2; n-- {
		// The first of the longest runs of zeros becomes "::".
		run := fmt.Sprintf("^(.*?):0(?::0){%d}:(.*)$", n-1)
		out += fmt.Sprintf("\n    WHEN %s RLIKE %s THEN regexp_replace(regexp_replace(regexp_replace(%s, %s, '$1::$2'), '^:(?!:)', ''), '(?<!:):$', '')", groups, lit(run), groups, lit(run))
	}
	return out + "\n    ELSE trim(BOTH ':' FROM " + groups + ") END"
}
