// Package telemetry sets up what a process tells of itself: logs, metrics and
// traces. Nothing in it is global. Each process makes its own logger, registry
// and tracer provider and hands them on, so that tests can run many side by side.
//
// Metrics are for dashboards and alarms, and may lag after a crash; counts that
// must be right are taken from the documents.
package telemetry
