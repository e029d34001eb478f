<?php
// The nodes of the demo: which there are, what they say of themselves, and what to
// type to break one. The page only asks; it can do nothing to a node.

const PATIENCE = 0.3; // seconds for a node to answer: it is next door

// What the extensions do when a node neither works nor refuses.
const HANGS = 'the process hangs, and its port stays open: pecl-memcache waits 1 s for it; php-memcached up to 35 s, and may then have no session';
const LOCKED = 'it takes the locks of the visits that have given up: for up to 15 s with pecl-memcache and 30 s with php-memcached a session may wait for them';

final class Node
{
    public array $stats = []; // its last answer; empty when it gave none
    public int $took = 0;     // milliseconds
    private bool $silent = false;

    public function __construct(public string $name, public string $host, public int $port)
    {
    }

    // ask gets the rows of "stats". A node that was silent once is not waited for
    // again in this request.
    public function ask(): array
    {
        $this->stats = [];
        if ($this->silent) {
            return [];
        }
        $begun = hrtime(true);
        $this->stats = $this->rows();
        $this->took = (int)((hrtime(true) - $begun) / 1e6);
        $this->silent = !$this->stats;
        return $this->stats;
    }

    private function rows(): array
    {
        $s = @stream_socket_client("tcp://$this->host:$this->port", $no, $text, PATIENCE);
        if (!$s) {
            return [];
        }
        stream_set_timeout($s, 0, (int)(PATIENCE * 1e6));
        fwrite($s, "stats\r\n");
        $rows = [];
        while (($line = fgets($s, 4096)) !== false && count($rows) < 1000) {
            $words = explode(' ', rtrim($line), 3);
            if ($words[0] !== 'STAT' || count($words) < 3) {
                break;
            }
            $rows[$words[1]] = $words[2];
        }
        fclose($s);
        return rtrim((string)$line) === 'END' ? $rows : [];
    }

    // state is what the node calls itself.
    public function state(): string
    {
        if (!$this->stats) {
            return 'no answer';
        }
        $state = $this->stats['repl_state'] ?? 'plain memcached';
        $as = $this->stats['repl_qualifier'] ?? 'none';
        return $as === 'none' ? $state : "$state, $as";
    }

    public function row(string $name, string $unit = ''): string
    {
        return isset($this->stats[$name]) ? $this->stats[$name] . $unit : '–';
    }
}

// nodes reads DEMO_NODES: name=host:port, with a space between two.
function nodes(): array
{
    $nodes = [];
    foreach (explode(' ', getenv('DEMO_NODES') ?: 'a=127.0.0.1:11211 b=127.0.0.1:11221') as $word) {
        if (!preg_match('/^([\w-]+)=([\w.-]+):(\d+)$/', $word, $m)) {
            throw new RuntimeException("DEMO_NODES has $word, want name=host:port");
        }
        $nodes[] = new Node($m[1], $m[2], (int)$m[3]);
    }
    return $nodes;
}

// commands is what to type for one node, each with what it does.
function commands(Node $n): array
{
    if (getenv('DEMO_CONTROL') !== 'compose') {
        $key = $n->name === 'b' ? 2 : 1; // of twincached pair
        $pid = $n->stats['pid'] ?? 'PID'; // of a node that is paused only its log says it
        return [
            'Kill' => ["k$key", 'in the terminal of the demo: like a power loss'],
            'Stop or start' => ["$key", 'in the terminal of the demo: as planned'],
            'Pause' => ["kill -STOP $pid", "in another terminal: " . HANGS],
            'Go on' => ["kill -CONT $pid", 'in another terminal, with the same number; ' . LOCKED],
        ];
    }
    $network = (getenv('DEMO_PROJECT') ?: 'twincached') . '_' . (getenv('DEMO_NETWORK') ?: 'default');
    $compose = getenv('DEMO_COMPOSE') ?: 'docker compose';
    $stock = getenv('DEMO_KIND') === 'stock';
    $container = "\$($compose ps -aq $n->name)";
    $alias = $stock ? '' : ' --alias ' . ($n->name === 'a' ? 'n1' : 'n2'); // for Prometheus
    return [
        'Kill' => ["$compose kill $n->name", 'like a power loss'],
        'Start' => ["$compose start $n->name", $stock ? 'it starts empty' : 'it takes a full copy, and then serves'],
        'Pause' => ["$compose pause $n->name", HANGS],
        'Go on' => ["$compose unpause $n->name", LOCKED],
        'Cut off' => ["docker network disconnect $network $container", 'nobody reaches it, and it reaches nobody'],
        'Connect' => ["docker network connect --alias $n->name$alias $network $container", $stock ? 'it still has what it had' : 'for a second or less, until its link is back (stream), it answers with what it had'],
    ];
}
