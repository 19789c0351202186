// Package studytest is what the tests of the study's programs share: a small
// simulated world, and the three reports held against golden ones.
package studytest
