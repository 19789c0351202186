// Package pipeline is the month's work: from logs and label exports to a
// version in the registry and a feed, in one call that a person, a timer or a
// test can make. It puts the project's packages together and reports what it
// does as an event stream; it computes no feature, tree or figure itself.
//
// Nothing of the test months enters training: parameters, calibration, the
// operating point and the rules come from the training months alone, the first
// three from folds of them grouped by IP.
//
// A run leaves the old state or the new. What it writes is found again by
// content, so the same call made twice reads and trains nothing the second
// time and ends as the first did.
package pipeline
