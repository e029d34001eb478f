<?php
// pecl-memcache's classes Memcache and MemcachePool: what is done on the near
// node is seen on the far one. Arguments: near far; ini: memcache.protocol
require __DIR__ . '/checks.php';
[, $nearHost, $farHost] = $argv;
$binary = ini_get('memcache.protocol') === 'binary';

function connect(string $host): MemcachePool
{
    $m = new MemcachePool();
    check("connect to $host", $m->connect($host, 11211));
    return $m;
}

$near = connect($nearHost);
$far = connect($farHost);
$both = function (string $what, string $key, $want) use ($near, $far) {
    check("$what, near", $near->get($key), $want);
    soon("$what, far", fn() => $far->get($key), $want);
};

// Values keep their types, through the flags, and may be compressed.
foreach (['string' => 'värde', 'empty' => '', 'long' => -7, 'double' => 1.5, 'true' => true, 'false' => false,
          'large' => str_repeat('abcdefgh', 20000), 'list' => [1, 'two', ['x' => null]]] as $type => $value) {
    check("set $type", $near->set("type-$type", $value));
    $both($type, "type-$type", $value);
}
check('set compressed', $near->set('compressed', str_repeat('z', 5000), MEMCACHE_COMPRESSED));
$both('compressed', 'compressed', str_repeat('z', 5000));
check('no compression', $near->setCompressThreshold(10000000));
$random = random_bytes(300000);
check('set of much', $near->set('random', $random));
soon('much, far', fn() => $far->get('random') === $random, true);
check('set with own flags', $near->set('flagged', 'x', 0x10000));
soon('own flags, far', function () use ($far) {
    $flags = 0;
    return $far->get('flagged', $flags) === 'x' && ($flags & 0x10000) !== 0;
}, true);

// Storing.
if (!$binary) { // there the extension takes this answer for a failure of the server
    check('replace of nothing', $near->replace('k', 'x'), false);
    check('append to nothing', $near->append('k', 'z'), false);
}
check('add', $near->add('k', '1'));
$both('added', 'k', '1');
check('add over it', $near->add('k', '2'), false);
check('replace', $near->replace('k', 'm'));
check('append', $near->append('k', 'z'));
check('prepend', $near->prepend('k', 'a'));
$both('replaced, appended, prepended', 'k', 'amz');

// cas: read on the far node, written on the near one. The text protocol hands
// out no cas with a plain get, and the extension asks only when it is to be told.
$flags = $cas = 0;
check('get with cas, far', $far->get('k', $flags, $cas), 'amz');
check('there is one', $cas > 0);
check('cas with the far one', $near->cas('k', 'c1', 0, 0, $cas));
check('cas with an old one', $near->cas('k', 'c2', 0, 0, $cas), false);
$both('compared and set', 'k', 'c1');

// Counting.
check('set of a number', $near->set('n', 40));
check('increment', $near->increment('n', 5), 45);
check('decrement', $near->decrement('n', 3), 42);
$both('counted', 'n', 42);
check('decrement below zero', $near->decrement('n', 100), 0);
check('increment of nothing', $near->increment('n2', 5), false);
if ($binary) {
    check('increment from a first value', $near->increment('n3', 5, 10), 10);
    check('and on', $near->increment('n3', 5, 10), 15);
}

// Several.
$many = [];
for ($i = 0; $i < 120; $i++) {
    $many["multi$i"] = "value $i";
}
check('set of several', $near->set($many, null, 0, 1000));
$sorted = function ($values) { is_array($values) && ksort($values); return $values; };
check('get of several', $sorted($near->get(array_merge(array_keys($many), ['nothing']))) === $sorted($many));
soon('get of several, far', fn() => $sorted($far->get(array_keys($many))) === $sorted($many), true);
check('delete', $near->delete('multi0'));
soon('deleted, far', fn() => $far->get('multi0'), false);
check('delete of several', $near->delete(['multi1', 'multi2']));
soon('deleted several, far', fn() => count($far->get(array_keys($many))), 117);
check('delete of nothing', $near->delete('multi0'), false);

// Expiry.
check('set for a second', $near->set('brief', 'x', 0, 1));
soon('it is over, near', fn() => $near->get('brief'), false);
soon('it is over, far', fn() => $far->get('brief'), false);

// What is refused.
check('a value that is too large', @$near->set('k', random_bytes(2 << 20)), false);
$near->set('k', 'again');
check('the connection goes on', $near->get('k'), 'again');

// The server.
check('getVersion', preg_match('/^1\.\d+\.\d+$/', $near->getVersion()), 1);
if (!$binary) { // the extension has no stats in the binary protocol
    $stats = $near->getStats();
    check('getStats', $stats['pid'] > 0 && $stats['curr_items'] >= 100 && $stats['bytes'] > 0);
    check('getExtendedStats', array_keys($near->getExtendedStats()), ["$nearHost:11211"]);
    check('stats of items', is_array($near->getStats('items')['items'] ?? null));
}
check('getServerStatus', $near->getServerStatus($nearHost, 11211) > 0);
check('flush', $near->flush());
check('flushed, near', $near->get(array_keys($many)), []);
soon('flushed, far', fn() => $far->get(array_keys($many)), []);
check('close', $near->close());
echo "done\n";
