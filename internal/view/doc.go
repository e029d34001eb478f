// Package view turns what nodes say of themselves into lines for people and JSON for
// scripts, and judges whether the pair is as it should be. It is all functions of their
// arguments: it asks nobody, and writes nowhere.
package view
