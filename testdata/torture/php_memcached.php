<?php
// php-memcached's class on both nodes, in one long request: each line of the
// output is a call: when it began (Unix ms), how long it took (ms), how it went.
// Arguments: replicas (what sessions use, see README) or ketama, and the nodes.
[, $how, $a, $b] = $argv;
$m = new Memcached();
$m->setOptions([
    Memcached::OPT_BINARY_PROTOCOL => true,
    Memcached::OPT_REMOVE_FAILED_SERVERS => true,
    Memcached::OPT_SERVER_FAILURE_LIMIT => 1,
    Memcached::OPT_CONNECT_TIMEOUT => 1000,
    Memcached::OPT_RETRY_TIMEOUT => 1,
] + ($how === 'replicas' ? [
    Memcached::OPT_NUMBER_OF_REPLICAS => 1,
] : [
    Memcached::OPT_LIBKETAMA_COMPATIBLE => true,
    Memcached::OPT_DEAD_TIMEOUT => 1,
]));
$m->addServers([[$a, 11211], [$b, 11211]]);
$name = "probe:phpd:$how:";
for ($i = 0; true; $i++) {
    $key = $name . intdiv($i, 2) % 64;
    $start = microtime(true);
    if ($i % 2 === 0) {
        $how = $m->set($key, "phpd.$i") ? 'ok' : 'fail';
    } else {
        $how = $m->get($key) !== false ? 'ok' : ($m->getResultCode() === Memcached::RES_NOTFOUND ? 'miss' : 'fail');
    }
    printf("%.3f %.3f %s\n", $start * 1000, (microtime(true) - $start) * 1000, $how);
    usleep(20000);
}
