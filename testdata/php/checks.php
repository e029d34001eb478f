<?php
// What the cache pages have in common. Each check prints a line; "done" comes
// last, so that a page that died on the way is noticed.
function check(string $what, $got, $want = true): void
{
    if ($got === $want) {
        echo "ok $what\n";
    } else {
        echo "not ok $what: ", var_export($got, true), ', want ', var_export($want, true), "\n";
    }
}

// The other node has it soon.
function soon(string $what, callable $get, $want): void
{
    for ($deadline = microtime(true) + 30; ($got = $get()) !== $want && microtime(true) < $deadline;) {
        usleep(2000);
    }
    check($what, $got, $want);
}
