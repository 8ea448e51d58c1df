// Package app wires Weft together: New opens what the configuration names, Run
// serves until its context ends and then drains, Close closes in reverse order.
// The commands are thin shells around it, and tests start the same code.
//
// The embedded and the production set-up differ only in the URLs of the
// configuration; stores.go is the one place that reads them.
package app
