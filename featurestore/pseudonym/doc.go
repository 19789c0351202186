// Package pseudonym replaces addresses by keyed pseudonyms that keep prefixes:
// two addresses share as many leading bits as their pseudonyms do, so that
// counts by /24 or /64 stay what they are. It is Crypto-PAn: J. Xu, J. Fan,
// M. Ammar, S. Moon, Prefix-Preserving IP Address Anonymization, ICNP 2002, for
// IPv4 and, with the same construction over 128 bits, IPv6.
//
// A pseudonym is an address like any other, maybe one that belongs to somebody
// else. Who has the key can turn it back; who knows some addresses of a data
// set and their pseudonyms knows the prefixes of others. So the key is as
// secret as the logs, and a store of pseudonyms is not an anonymous one.
//
// The package reads key files and maps addresses. It is a leaf: it imports
// featurestore/fault alone.
package pseudonym
