<?php
// php-memcached's class Memcached: what is done on the near node is seen on the
// far one. Arguments: near far text|binary php|igbinary|json fastlz|zlib|none
require __DIR__ . '/checks.php';
[, $nearHost, $farHost, $protocol, $serializer, $compression] = $argv;

function connect(string $host): Memcached
{
    global $protocol, $serializer, $compression;
    $m = new Memcached();
    $options = [
        Memcached::OPT_BINARY_PROTOCOL => $protocol === 'binary',
        Memcached::OPT_SERIALIZER => constant('Memcached::SERIALIZER_' . strtoupper($serializer)),
        Memcached::OPT_COMPRESSION => $compression !== 'none',
    ];
    if ($compression !== 'none') {
        $options[Memcached::OPT_COMPRESSION_TYPE] = constant('Memcached::COMPRESSION_' . strtoupper($compression));
    }
    check("options for $host", $m->setOptions($options));
    $m->addServer($host, 11211);
    return $m;
}

$near = connect($nearHost);
$far = connect($farHost);
$both = function (string $what, string $key, $want) use ($near, $far) {
    check("$what, near", $near->get($key), $want);
    soon("$what, far", fn() => $far->get($key), $want);
};

// Values keep their types, through flags, serializer and compression.
$assoc = $serializer === 'json' ? (object)['a' => 1, 'b' => [true, null]] : ['a' => 1, 'b' => [true, null]];
foreach (['string' => 'värde', 'empty' => '', 'long' => -7, 'double' => 1.5, 'true' => true, 'false' => false,
          'large' => str_repeat('abcdefgh', 20000), 'list' => [1, 'two', 3.5]] as $type => $value) {
    check("set $type", $near->set("type-$type", $value));
    $both($type, "type-$type", $value);
}
check('set of a structure', $near->set('structure', $assoc));
soon('a structure, far', fn() => $far->get('structure') == $assoc, true);
$random = random_bytes(300000);
check('set of what cannot be compressed', $near->set('random', $random));
soon('what cannot be compressed, far', fn() => $far->get('random') === $random, true);
check('set with own flags', $near->set('flagged', 'x'));

// Storing.
check('replace of nothing', $near->replace('k', 'x'), false);
check('its code', $near->getResultCode(), Memcached::RES_NOTSTORED + ($protocol === 'binary' ? Memcached::RES_NOTFOUND - Memcached::RES_NOTSTORED : 0));
check('add', $near->add('k', '1'));
$both('added', 'k', '1');
check('add over it', $near->add('k', '2'), false);
check('its code', $near->getResultCode(), $protocol === 'binary' ? Memcached::RES_DATA_EXISTS : Memcached::RES_NOTSTORED);
check('replace', $near->replace('k', 'm'));
foreach ([$near, $far] as $m) {
    $m->setOption(Memcached::OPT_COMPRESSION, false); // what is compressed cannot be appended to
}
check('append', $near->append('k', 'z'));
check('prepend', $near->prepend('k', 'a'));
$both('replaced, appended, prepended', 'k', 'amz');
check('append to nothing', $near->append('nothing', 'z'), false);
check('prepend to nothing', $near->prepend('nothing', 'z'), false);
foreach ([$near, $far] as $m) {
    $m->setOption(Memcached::OPT_COMPRESSION, $compression !== 'none');
}

// cas: read on the far node, written on the near one.
$theirs = $far->get('k', null, Memcached::GET_EXTENDED);
check('cas with the far token', $near->cas($theirs['cas'], 'k', 'c1'));
check('cas with an old token', $near->cas($theirs['cas'], 'k', 'c2'), false);
check('its code', $near->getResultCode(), Memcached::RES_DATA_EXISTS);
$both('compared and set', 'k', 'c1');
check('cas of nothing', $near->cas($theirs['cas'], 'nothing', 'c'), false);
check('its code', $near->getResultCode(), Memcached::RES_NOTFOUND);

// Counting.
check('set of a number', $near->set('n', 40));
check('increment', $near->increment('n', 5), 45);
check('decrement', $near->decrement('n', 3), 42);
$both('counted', 'n', 42);
check('decrement below zero', $near->decrement('n', 100), 0);
if ($protocol === 'binary') {
    check('increment from a first value', $near->increment('n2', 5, 10), 10);
    check('and on', $near->increment('n2', 5, 10), 15);
    soon('counted on, far', fn() => (int)$far->get('n2'), 15);
} else {
    check('increment of nothing', $near->increment('n2'), false);
}

// Several.
$many = [];
for ($i = 0; $i < 120; $i++) {
    $many["multi$i"] = "value $i";
}
check('setMulti', $near->setMulti($many, 1000));
check('getMulti', $near->getMulti(array_keys($many + ['nothing' => 0])), $many);
soon('getMulti, far', fn() => $far->getMulti(array_keys($many)), $many);
check('getMulti in order', array_keys($near->getMulti(['multi3', 'nothing', 'multi1'], Memcached::GET_PRESERVE_ORDER)), ['multi3', 'nothing', 'multi1']);
check('getDelayed', $near->getDelayed(['multi5', 'nothing'], true));
check('fetchAll', array_map(fn($item) => [$item['key'], $item['value']], $near->fetchAll()), [['multi5', 'value 5']]);
check('deleteMulti', array_filter($near->deleteMulti(array_slice(array_keys($many), 0, 20)), fn($deleted) => $deleted !== true), []);
soon('deleteMulti, far', fn() => count($far->getMulti(array_keys($many))), 100);
check('delete of nothing', $near->delete('multi0'), false);
check('its code', $near->getResultCode(), Memcached::RES_NOTFOUND);
check('setByKey', $near->setByKey('server', 'bykey', 'v'));
soon('getByKey, far', fn() => $far->getByKey('server', 'bykey'), 'v');

// Expiry.
check('set for a second', $near->set('brief', 'x', 1));
check('set for longer', $near->set('touched', 'x', 100));
check('touch', $near->touch('touched', 1));
check('touch of nothing', $near->touch('nothing', 1), false);
foreach (['brief', 'touched'] as $key) {
    soon("$key is over, near", fn() => $near->get($key), false);
    soon("$key is over, far", fn() => $far->get($key), false);
}

// Callbacks, keys, sizes.
check('read through', $near->get('through', function ($m, $key, &$value) { $value = "made $key"; return true; }), 'made through');
soon('what was read through, far', fn() => $far->get('through'), 'made through');
check('a key that is too long', $near->set(str_repeat('k', 251), 'x'), false);
check('a value that is too large', $near->set('k', random_bytes(2 << 20)), false);
$near->set('k', 'again');
check('the connection goes on', $near->get('k'), 'again');

// The server.
$stats = $near->getStats()["$nearHost:11211"];
check('getStats', $stats['pid'] > 0 && $stats['curr_items'] >= 100 && $stats['version'] !== '' && $stats['bytes'] > 0);
check('getVersion', preg_match('/^1\.\d+\.\d+$/', $near->getVersion()["$nearHost:11211"]), 1);
if ($protocol === 'text') { // there is no dump in the binary protocol
    // memcached lists the keys that have not been asked for lately, a pair lists all.
    $wanted = ['k', 'n', 'through', 'multi99'];
    $least = $nearHost === $farHost ? 1 : count($wanted);
    soon('getAllKeys, far', fn() => count(array_intersect($far->getAllKeys() ?: [], $wanted)) >= $least, true);
}
check('quit', $near->quit());
check('flush', $near->flush());
check('flushed, near', $near->getMulti(array_keys($many)), []);
soon('flushed, far', fn() => $far->getMulti(array_keys($many)), []);
echo "done\n";
