<?php
// A visit to one session, under the settings of deploy/php.

const HANDLERS = ['memcache' => 'pecl-memcache', 'memcached' => 'php-memcached'];
const KEPT = 12; // counts that the page remembers

// cookie is the name of one of this demo's cookies. A browser sends them to every
// port of a host, so the demos with and without twincached use different ones.
function cookie(string $what, string $handler): string
{
    return "demo_{$what}_" . (getenv('DEMO_KIND') ?: 'twincached') . "_$handler";
}

// settings puts a file of deploy/php in force, with this demo's nodes for n1 and n2.
function settings(string $handler, array $nodes): void
{
    $names = ['n1:11211' => "{$nodes[0]->host}:{$nodes[0]->port}", 'n2:11211' => "{$nodes[1]->host}:{$nodes[1]->port}"];
    foreach (parse_ini_file(__DIR__ . "/../../php/php-$handler.ini") as $name => $value) {
        ini_set($name, strtr($value, $names));
    }
}

// Visit is one visit: the session's counter, and how it was reached.
final class Visit
{
    public int $count = 0;     // 0: there was no session
    public string $error = ''; // why
    public int $startMillis = 0;
    public int $saveMillis = 0;
    public string $readFrom = '';
    public bool $back = false;  // the counter is not above the one before
    public array $history = []; // the counts of this browser, the newest last

    public function __construct(public string $handler, array $nodes)
    {
        $this->history = history($handler);
        settings($handler, $nodes);
        session_name(cookie('session', $handler));
        session_set_cookie_params(['httponly' => true, 'samesite' => 'Lax']);
        $id = $_COOKIE[session_name()] ?? '';
        session_id(is_string($id) && preg_match('/^[A-Za-z0-9,-]{22,64}$/', $id) ? $id : session_create_id());
        $before = hits($nodes);
        error_clear_last();
        $begun = hrtime(true);
        $there = @session_start();
        $this->startMillis = (int)((hrtime(true) - $begun) / 1e6);
        if (!$there) {
            $this->error = error_get_last()['message'] ?? 'session_start gave no reason';
            return;
        }
        foreach ($nodes as $n) {
            $n->ask();
        }
        $this->readFrom = answered($before, hits($nodes));
        $this->count = $_SESSION['count'] = ($_SESSION['count'] ?? 0) + 1;
        $begun = hrtime(true);
        @session_write_close();
        $this->saveMillis = (int)((hrtime(true) - $begun) / 1e6);
        $this->remember();
    }

    // remember compares the count with the one before, which a cookie has: it
    // outlives a session that is lost. A count that was not saved will come again.
    private function remember(): void
    {
        $last = error_get_last()['message'] ?? '';
        if (str_contains($last, 'Failed to write session data')) {
            $this->error = $last;
            return;
        }
        $this->back = $this->history && $this->count <= end($this->history);
        $this->history = array_slice([...$this->history, $this->count], -KEPT);
        setcookie(cookie('counts', $this->handler), implode('.', $this->history), ['path' => '/', 'httponly' => true, 'samesite' => 'Lax']);
    }
}

function history(string $handler): array
{
    $text = $_COOKIE[cookie('counts', $handler)] ?? '';
    $ok = is_string($text) && preg_match('/^\d{1,9}(\.\d{1,9}){0,' . (KEPT - 1) . '}$/', $text);
    return $ok ? array_map('intval', explode('.', $text)) : [];
}

// hits is how often each node has found what it was asked for.
function hits(array $nodes): array
{
    return array_map(fn (Node $n) => (int)($n->stats['get_hits'] ?? -1), $nodes);
}

// answered names the nodes that found the session: those with more hits than before.
function answered(array $before, array $after): string
{
    $names = [];
    foreach (nodes() as $i => $n) {
        if ($before[$i] >= 0 && $after[$i] > $before[$i]) {
            $names[] = $n->name;
        }
    }
    return $names ? implode(' and ', $names) : 'no node: the session is new';
}
