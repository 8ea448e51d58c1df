// Package deploy holds what Weft runs with in containers, and a test that holds
// it to the code: docker-compose.yml, the Dockerfile and prometheus.yml.
package deploy
