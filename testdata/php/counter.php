<?php
// The counter page: one run is one request of the session named on the command
// line, and prints how many requests that session has seen.
session_id($argv[1]);
session_start();
$_SESSION['n'] = ($_SESSION['n'] ?? 0) + 1;
echo $_SESSION['n'], "\n";
