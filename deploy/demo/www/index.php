<?php
// The demo's page: a counter in a session of each extension, and both nodes.
// ?handler=memcache or memcached shows one of them, ?auto=1 loads again each second.
require __DIR__ . '/nodes.php';
require __DIR__ . '/session.php';

if (parse_url($_SERVER['REQUEST_URI'], PHP_URL_PATH) !== '/' || $_SERVER['REQUEST_METHOD'] !== 'GET') {
    http_response_code(404); // a browser's other questions are no visits
    exit("There is only the page /.\n");
}
$h = fn ($text): string => htmlspecialchars((string)$text, ENT_QUOTES | ENT_SUBSTITUTE);
$asked = $_GET['handler'] ?? '';
$handlers = is_string($asked) && isset(HANDLERS[$asked]) ? [$asked] : array_keys(HANDLERS);
$auto = ($_GET['auto'] ?? '') === '1';
$address = fn (array $change): string => '/?' . http_build_query(array_filter($change + ['handler' => count($handlers) === 1 ? $asked : '', 'auto' => $auto ? '1' : '']));
$stock = getenv('DEMO_KIND') === 'stock';
$status = array_filter(explode(' ', getenv('DEMO_STATUS') ?: ''));

$nodes = nodes();
foreach ($nodes as $n) {
    $n->ask();
}
$visits = array_map(fn (string $handler) => new Visit($handler, $nodes), $handlers);
$first = current(array_filter($nodes, fn (Node $n) => (bool)$n->stats));

header('Content-Type: text/html; charset=utf-8');
header("Content-Security-Policy: default-src 'none'; style-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'");
if ($auto) {
    header('Refresh: 1');
}
?>
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title><?= $h($visits[0]->count ?: 'no session') ?> – <?= $stock ? 'two memcacheds' : 'twincached' ?></title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="/style.css">
</head>
<body>
<header>
<h1><?= $stock ? 'Two memcacheds' : 'twincached' ?></h1>
<p><?= $stock
    ? 'Two plain memcacheds that know nothing of each other. Kill one and start it: the counter goes back.'
    : 'Every visit counts. Break a node, and load this page again: the counter never goes back.' ?></p>
<nav aria-label="Page">
<a href="<?= $h($address([])) ?>">Count again</a>
<a href="<?= $h($address(['auto' => $auto ? '' : '1'])) ?>"><?= $auto ? 'Stop counting' : 'Count every second' ?></a>
<?php foreach (['' => 'both extensions'] + HANDLERS as $handler => $label) : ?>
<a href="<?= $h($address(['handler' => $handler])) ?>"<?= ($handler ?: $handlers) === (count($handlers) === 1 ? $asked : $handlers) ? ' aria-current="page"' : '' ?>><?= $h($label) ?></a>
<?php endforeach ?>
</nav>
</header>
<main>
<div class="columns">
<?php foreach ($visits as $v) : ?>
<section aria-labelledby="name-<?= $v->handler ?>">
<h2 id="name-<?= $v->handler ?>"><?= HANDLERS[$v->handler] ?></h2>
<p class="count<?= $v->back || $v->error ? ' bad' : '' ?>" id="count-<?= $v->handler ?>" data-count="<?= $v->count ?>" data-saved="<?= $v->error ? 0 : 1 ?>"><?= $v->count ?: 'no session' ?></p>
<?php if ($v->back) : ?>
<p class="bad" role="alert">The counter went back to <?= $v->count ?>: the session was lost.</p>
<?php elseif ($v->error && $v->count) : ?>
<p class="bad" role="alert">Not saved, so this count will come again: <?= $h($v->error) ?></p>
<?php elseif ($v->error) : ?>
<p class="bad" role="alert">An error, and no lost session: <?= $h($v->error) ?></p>
<?php else : ?>
<p><?= $v->count === 1 ? 'The session is new: it begins to count.' : 'The counter goes on.' ?></p>
<?php endif ?>
<dl>
<dt>session_start took</dt><dd id="start-<?= $v->handler ?>" data-ms="<?= $v->startMillis ?>"><?= $v->startMillis ?> ms</dd>
<dt>saving took</dt><dd><?= $v->saveMillis ?> ms</dd>
<dt>read from</dt><dd id="from-<?= $v->handler ?>"><?= $h($v->readFrom ?: '–') ?></dd>
</dl>
<h3>Last counts</h3>
<ol class="history">
<?php foreach ($v->history as $i => $count) : ?>
<?php $back = $i > 0 && $count <= $v->history[$i - 1] ?>
<li<?= $back ? ' class="bad"' : '' ?>><?= $count ?><?= $back ? ' went back' : '' ?></li>
<?php endforeach ?>
</ol>
</section>
<?php endforeach ?>
</div>
<section aria-labelledby="nodes">
<h2 id="nodes">Nodes</h2>
<p id="first"><?= $first ? "The first that answers is {$h($first->name)}." : 'No node answers.' ?></p>
<div class="wide" role="region" aria-labelledby="nodes" tabindex="0">
<table>
<thead><tr><th scope="col">node</th><th scope="col">state</th><th scope="col">link</th><th scope="col">items</th><th scope="col">lag</th><th scope="col">took</th></tr></thead>
<tbody>
<?php foreach ($nodes as $i => $n) : ?>
<tr id="node-<?= $h($n->name) ?>"<?= $n->stats ? '' : ' class="bad"' ?>>
<th scope="row"><?= $h($n->name) ?><?php if (isset($status[$i])) : ?> <a href="<?= $h($status[$i]) ?>">status page</a><?php endif ?></th>
<td><?= $h($n->state()) ?></td><td><?= $h($n->row('repl_link')) ?></td><td><?= $h($n->row('curr_items')) ?></td>
<td><?= $h($n->row('repl_lag_ms', ' ms')) ?></td><td><?= $n->stats ? "$n->took ms" : '–' ?></td>
</tr>
<?php endforeach ?>
</tbody>
</table>
</div>
</section>
<section aria-labelledby="break">
<h2 id="break">Break it</h2>
<p>This page runs nothing. Open what you want to do, and type it.<?= getenv('DEMO_CONTROL') === 'compose' ? ' Where there is no docker compose, as in Debian 12, docker-compose does the same.' : '' ?></p>
<?php foreach ($nodes as $n) : ?>
<h3>Node <?= $h($n->name) ?></h3>
<div class="buttons">
<?php foreach (commands($n) as $label => [$command, $does]) : ?>
<details><summary><?= $h($label) ?><span class="hidden"> <?= $h($n->name) ?></span></summary>
<p><?= $h($does) ?></p><pre tabindex="0"><code><?= $h($command) ?></code></pre></details>
<?php endforeach ?>
</div>
<?php endforeach ?>
</section>
</main>
</body>
</html>
