// Package storagetest holds one behaviour suite per storage port. Every
// adapter runs the suite of each port it serves, so that an embedded store and
// a production one cannot drift apart.
package storagetest
