// Package ca makes the certificates of a pair: a small authority of its own, and
// one certificate for each node, good for both ends of a link. Keys are ECDSA on
// P-256, which everything that speaks TLS 1.3 knows. It touches no file.
package ca
