<?php
// The counter page as a slow request: it holds its session until its input ends.
session_id($argv[1]);
session_start();
$_SESSION['n'] = ($_SESSION['n'] ?? 0) + 1;
echo $_SESSION['n'], "\n";
flush();
fgets(STDIN);
