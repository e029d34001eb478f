<?php
// The counter page for a client library that gives up at the first server that
// does not answer, and asks the other one only when it is asked again.
session_id($argv[1]);
@session_start() || session_start();
$_SESSION['n'] = ($_SESSION['n'] ?? 0) + 1;
echo $_SESSION['n'], "\n";
