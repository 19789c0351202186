// Package charttest draws what a long test measured against the size of its
// work, and keeps the measurements and their picture beside the test. It holds
// no figure of its own and is imported by tests alone.
package charttest
