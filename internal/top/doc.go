// Package top is the live screen of "twincached top": a Model, which is changed and drawn
// by functions of it, and what connects it with nodes and a terminal.
package top
