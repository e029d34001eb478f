<?php
// The counter page, with a collection of garbage at every visit: memcached needs
// none, and the extensions have nothing to count, which PHP calls false.
session_id($argv[1]);
session_start();
$_SESSION['n'] = ($_SESSION['n'] ?? 0) + 1;
session_gc();
echo $_SESSION['n'], "\n";
