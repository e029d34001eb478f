<?php
// The extension memcache on both nodes: each line of the output is a call: when
// it began (Unix ms), how long it took (ms), how it went. A get that fails and a
// miss look the same. Arguments: the two nodes.
$m = new Memcache();
foreach ([1, 2] as $n) {
    $m->addServer($argv[$n], 11211, false, 1, 1, 1); // time-out 1 s, tried again after 1 s
}
for ($i = 0; true; $i++) {
    $key = 'probe:php:' . intdiv($i, 2) % 64;
    $start = microtime(true);
    if ($i % 2 === 0) {
        $how = @$m->set($key, "php.$i", 0, 0) ? 'ok' : 'fail';
    } else {
        $how = @$m->get($key) !== false ? 'ok' : 'miss';
    }
    printf("%.3f %.3f %s\n", $start * 1000, (microtime(true) - $start) * 1000, $how);
    usleep(20000);
}
