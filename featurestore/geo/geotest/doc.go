// Package geotest writes small MaxMind DB files for tests.
package geotest
