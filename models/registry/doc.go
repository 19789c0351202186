// Package registry keeps model versions: one immutable folder a version, the
// name of the one in service, and the history of how it came to be that.
//
//	HOME/registry/
//	  2024-07-0123456789ab/   model.json rules.json calibration.json schema.json
//	                          evaluation.json report.html report.md MODEL_CARD.md
//	                          manifest.json kserve/model.ubj
//	                          profile.json selftest.json
//	  champion                the version in service, a line
//	  champion.log            how it got there, a JSON object a line
//
// A version's name is its last training month and the first twelve hex digits
// of the hash of its inputs, so the same inputs give the same name. A version
// appears whole or not at all: it is written beside and renamed into place,
// manifest.json (checksums of every file) last.
//
// The package knows nothing of what the files mean; models/scorer loads them.
package registry
