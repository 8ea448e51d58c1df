// Package answers holds the embedded stores and the production ones to the same
// answers: fifty questions to search and history, and a golden file of what they
// come to. It has tests only.
package answers
