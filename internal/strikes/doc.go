// Package strikes remembers which addresses fail over and over, and lets them wait:
// whoever guesses then costs little, and gets few guesses. An address only waits and
// is never shut out, because somebody who is right may have the same one: behind one
// router, or on one machine.
package strikes
