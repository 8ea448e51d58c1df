// Package e2e holds the tests that run Weft as its users do: separate
// processes on real servers, killed and restarted in the middle. It has no
// code of its own outside its tests.
package e2e
