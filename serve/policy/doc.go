// Package policy holds what people say about addresses against what a model
// says: overrides, the published ranges of crawlers, and prefixes behind which
// many stand. It is applied after scoring, and each answer shows what it did.
//
// An override is one line of a file:
//
//	# prefix       action   until       author  reason
//	192.0.2.7      allow    2025-01-31  alice   monitoring of our own
//	203.0.113.0/24 flag     never       bob     rented for the attack of 3 August
//	198.51.100.0/24 abstain 2024-08-03..2024-08-10 bob being looked into
//
// The most specific prefix that has not run out wins; an override goes before a
// crawler's range, that before the model. Live reads the files again when they
// change, so that a line counts without a restart.
//
// Verifier tells crawlers from those who only bear their names, by published
// ranges and by forward-confirmed reverse DNS through a Resolver.
//
// The package scores nothing, fetches nothing by itself and makes no lists.
package policy
