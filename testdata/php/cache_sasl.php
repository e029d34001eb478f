<?php
// php-memcached with SASL. Arguments: near far user password
require __DIR__ . '/checks.php';
[, $nearHost, $farHost, $user, $password] = $argv;

function connect(string $host, ?string $user, ?string $password): Memcached
{
    $m = new Memcached();
    $m->setOption(Memcached::OPT_BINARY_PROTOCOL, true);
    if ($user !== null) {
        check('setSaslAuthData', $m->setSaslAuthData($user, $password));
    }
    $m->addServer($host, 11211);
    return $m;
}

check('without a login', connect($nearHost, null, null)->set('k', 'stranger'), false);
$wrong = connect($nearHost, $user, "not $password");
check('with a wrong password', $wrong->set('k', 'wrong'), false);
check('its code', $wrong->getResultCode(), Memcached::RES_AUTH_FAILURE);
check('with an unknown name', connect($nearHost, "not $user", $password)->set('k', 'wrong'), false);
$near = connect($nearHost, $user, $password);
check('with the right one', $near->set('k', 'right'));
check('it is there', $near->get('k'), 'right');
$far = connect($farHost, $user, $password);
soon('and on the far node', fn() => $far->get('k'), 'right');
check('increment', $far->increment('n', 1, 5), 5);
soon('increment, near', fn() => (int)$near->get('n'), 5);
echo "done\n";
