// Package aim says what a threshold is chosen for: a target precision, a
// greatest false-positive rate, or the costs of the two mistakes. A model's
// operating point and the rules beside it are fitted for one and the same aim,
// so that comparing them means something; this is the one definition of it, and
// of the words that reports and errors have for it.
//
// It chooses nothing (train/evaluation and models/rules do) and, but for the
// kinds of errors, imports nothing of this project.
package aim
