<?php
// The counter page for a client library that gives up at the first server that
// does not answer, and asks the other one only when it is asked again: once for
// the lock and once for the session, which may live on different servers. A
// session that could not be read is not begun, and PHP forgets its name: a web
// request has it in its cookie, this page says it again.
for ($try = 1; $try <= 3; $try++) {
    session_id($argv[1]);
    if (@session_start()) {
        break;
    }
}
$_SESSION['n'] = ($_SESSION['n'] ?? 0) + 1;
echo $_SESSION['n'], "\n";
