// Package arch holds tests of the module as a whole: who may import whom, and
// whether the documents under docs/ still name files and tests that exist.
//
// The import rule is what keeps the parts apart: a store can be replaced, and a
// step be tested, only as long as nothing else knows its driver. It costs one
// run of go list, about a second.
package arch
