# Cache::Memcached, or Cache::Memcached::Fast, on the nodes of a pair; each line
# of the input is a question.
#
# usage: perl_memcached.pl Cache::Memcached[::Fast] NODE...
use strict;
use warnings;

my ($class, @nodes) = @ARGV;
eval "require $class" or die $@;
my %settings = (servers => \@nodes, connect_timeout => 10);
if ($class eq 'Cache::Memcached::Fast') {
    # It never takes another server for a key, but tries each address of a name:
    # its one server is a name that has the addresses of both nodes.
    $settings{io_timeout} = 10;
    $settings{max_size} = 2**20;
}
my $cache = $class->new(\%settings);
$| = 1;

sub text { return shift() // 'none' }
sub number { return shift() + 0 } # a zero that is true is '0E0'
sub yes { return shift() ? 'yes' : 'no' }

sub calls {
    print 'set ', yes($cache->set('k', '1')), "\n";
    print 'get ', text($cache->get('k')), "\n";
    print 'get-missing ', text($cache->get('missing')), "\n";
    print 'add ', yes($cache->add('added', '1')), "\n";
    print 'add-again ', yes($cache->add('added', '2')), "\n";
    print 'replace ', yes($cache->replace('k', '2')), "\n";
    print 'replace-missing ', yes($cache->replace('missing', '2')), "\n";
    $cache->append('k', 'end');
    $cache->prepend('k', 'start');
    print 'append-prepend ', text($cache->get('k')), "\n";
    if ($cache->can('cas')) {
        my ($cas, $value) = @{$cache->gets('k')};
        print 'cas ', yes($cache->cas('k', $cas, "$value!")), "\n";
        print 'cas-stale ', yes($cache->cas('k', $cas, 'stale')), "\n";
        print 'cas-value ', text($cache->get('k')), "\n";
    }
    $cache->set('n', '40');
    print 'incr ', number($cache->incr('n', 5)), "\n";
    print 'decr ', number($cache->decr('n', 2)), "\n";
    print 'decr-floor ', number($cache->decr('n', 100)), "\n";
    print 'incr-missing ', text($cache->incr('missing', 1) || undef), "\n";
    if ($cache->can('touch')) {
        print 'touch ', yes($cache->touch('k', 1000)), "\n";
        print 'touch-missing ', yes($cache->touch('missing', 1000)), "\n";
    }
    print 'delete ', yes($cache->delete('k')), "\n";
    print 'delete-missing ', yes($cache->delete('k')), "\n";
    print 'set-several ', yes(3 == grep { $cache->set("m$_", $_) } 1 .. 3), "\n";
    my $got = $cache->get_multi('m1', 'm2', 'm3', 'missing');
    print "get-several @{[map { qq($_=$$got{$_}) } sort keys %$got]}\n";
    my %large = (bytes => join('', map { chr } 0 .. 255), large => 'x' x 900000);
    for my $name (sort keys %large) {
        $cache->set($name, $large{$name});
        print "$name ", yes(($cache->get($name) // '') eq $large{$name}), "\n";
    }
}

sub put {
    my ($prefix, $n) = @_;
    my $stored = grep { $cache->set("$prefix$_", "value of $prefix$_") } 0 .. $n - 1;
    print "stored $stored\n";
}

sub have {
    my ($prefix, $n) = @_;
    my $found = 0;
    for my $key (map { "$prefix$_" } 0 .. $n - 1) {
        my $value = $cache->get($key) // next;
        $value eq "value of $key" ? $found++ : print "wrong $key $value\n";
    }
    print "found $found\n";
}

while (<STDIN>) {
    my ($question, @rest) = split;
    calls() if $question eq 'calls';
    put(@rest) if $question eq 'put';
    have(@rest) if $question eq 'have';
    $cache->flush_all if $question eq 'flush';
    $cache->forget_dead_hosts if $question eq 'retry' && $cache->can('forget_dead_hosts');
    print "done\n";
}
