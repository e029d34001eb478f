// Package web is HTTP for people and for monitors: a page that shows both nodes, the
// health of this one, and its numbers as JSON. It reads what the node has put on its
// status.Board, and changes nothing. Whoever looks is bounded in number, memory and
// time, and neither a client of the cache nor another viewer ever waits for one.
package web
