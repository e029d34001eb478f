package nodelog

import (
	"fmt"
	"io/fs"
	"os"
)

// fileMode keeps the log from strangers: it has addresses, and with -vv keys.
const fileMode = 0o640

// OpenFile opens a file, or a FIFO, that lines are added to. It waits for nobody. A file
// that is not there is made; owner is called with it then.
func OpenFile(name string, owner func(*os.File) error) (*os.File, error) {
	flags := os.O_WRONLY | os.O_APPEND
	if info, err := os.Stat(name); err == nil && info.Mode()&fs.ModeNamedPipe != 0 {
		flags = os.O_RDWR // to open it for writing alone waits for a reader, and one that goes away would be an error
	}
	made, err := os.OpenFile(name, flags|os.O_CREATE|os.O_EXCL, fileMode)
	if err != nil {
		return os.OpenFile(name, flags|os.O_CREATE, fileMode) // it is there, or this error says more
	}
	if err := owner(made); err != nil {
		_ = made.Close()
		return nil, fmt.Errorf("making %s: %w", name, err)
	}
	return made, nil
}
