// Package prefetch asks the processor for memory that is about to be read. It is an
// instruction of the processor, which does nothing else: any address will do, also one where
// no memory is. A wait for memory is as long as the work on a hundred bytes of it, and
// whoever asks for many places before it reads the first waits once.
//
// Where a processor's instruction is not known here, nothing happens.
package prefetch
