// Package spark has a site's Spark cluster compute the rows that package build
// computes from files on this machine, and takes them into the store.
//
// The work is split where it is small. The cluster scans, filters, groups and
// counts; what comes back are integers, one record a row: sums, numbers of
// distinct values, how many paths had how many requests, quartiles of gaps in
// quarters of a second. The floats of the columns are made of them here, by
// aggregate.Summary, which is why they are the same to the last bit whatever
// computed the integers.
//
// SQL (sql.go) is one query: Query prints it for people, Build runs it. What a
// table lacks or has under another type is settled by Source (source.go); null
// derived columns are filled by Wikimedia's rules as SQL (rules.go); addresses
// get one spelling each (address.go); partitions outside the windows are not
// read (window.go).
//
// Build runs job.py, which the program carries inside, by spark-submit, or with
// the python of a Spark Connect client where the remote is sc://. Both are what
// Apache Spark itself maintains for every version from 3.5 on, and reach every
// kind of cluster. Spark Connect's client for Go is experimental by its own
// word, needs Spark 4 and has had no change for a year; a driver of JDBC would
// need a JVM beside it all the same.
//
// The package starts no cluster, keeps no session and knows no credentials:
// they are spark-submit's, as the site has configured it.
package spark
