<?php
// A page with a session, to try the settings in this folder with:
//
//     php -c php-memcached.ini -S 127.0.0.1:8000 session.php
//
// Every visit counts. ?do=renew gives the session another id, ?do=end ends it,
// ?keep=N puts N random bytes into it, and ?work=N takes N milliseconds.
ob_start(); // what PHP complains of must not go out before the cookie
header('Content-Type: text/plain');
if (!session_start()) {
    http_response_code(503);
    exit("no session\n");
}
if (($_GET['do'] ?? '') === 'end') {
    session_destroy();
    exit("ended\n");
}
if (($_GET['do'] ?? '') === 'renew') {
    session_regenerate_id(true);
}
if (isset($_GET['keep'])) {
    $_SESSION['kept'] = random_bytes((int)$_GET['keep']);
}
usleep(1000 * (int)($_GET['work'] ?? 0));
$_SESSION['visits'] = ($_SESSION['visits'] ?? 0) + 1;
$kept = $_SESSION['kept'] ?? '';
printf("visits %d\nsession %s\nkept %d %s\n", $_SESSION['visits'], session_id(), strlen($kept), md5($kept));
session_write_close();
if (str_contains(error_get_last()['message'] ?? '', 'Failed to write session data')) {
    http_response_code(500);
    echo "not saved\n";
}
