<?php
// The counter page as a visit that changes nothing: it prints the counter.
session_id($argv[1]);
session_start();
echo $_SESSION['n'] ?? 0, "\n";
