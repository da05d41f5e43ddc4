# Little memory, and no file descriptors: answers of 256 MiB are nothing to a
# child that has 32 MiB to spare, and one without descriptors keeps what it has.
use strict;
use warnings;

use Apache::Test qw(-withtestmore);
use IO::Socket::INET;
use Staple::Test;
use Staple::Client;
use Staple::PKI;
use Staple::Responder;
use Staple::Server;

plan tests => 13, need { 'no prlimit' => have_tool('prlimit') };

my $pki = Staple::PKI->new(dir => new_dir('pki'));
my $responder = Staple::Responder->new(pki => $pki);
my @held = map { $pki->cert("held$_.example", url => $responder->url) } 1 .. 5;
my @bad = map { $pki->cert("bad$_.example", url => $responder->url('/bad/')) }
    1 .. 2;
my @names = map { $_->{name} } @held;
my $server = Staple::Server->new(
    lines => "OCSPStapleRetryInterval 1\nOCSPStapleMaxTries 10000\n",
    vhosts => [Staple::Server->stapled(@held, @bad)]);

$responder->set_all(['*', 'good', next => 86400],
                    ['*', 'http=404', path => '/bad/']);
$server->start;
ok(wait_all_stapled($server, \@names, within => 20), 'stapled');
my %before = map { $_->{name} => $_->{sha1} }
    @{ handshakes($server, \@names)->{rows} };

# What the children have, at most.
my ($memory, $files) = (0, 0);
for my $child ($server->child_pids) {
    my $count = () = glob "/proc/$child/fd/*";
    my ($kb) = (read_file("/proc/$child/status") // '') =~ /VmPeak:\s*(\d+)/;

    $memory = $kb if $kb && $kb > $memory;
    $files = $count if $count > $files;
}
ok($memory && $files, "a child takes $memory kB and $files descriptors");
$server->stop;

sub start_with {
    my ($limit) = @_;
    local $ENV{STAPLE_WRAP} = "prlimit $limit " . ($ENV{STAPLE_WRAP} // '');

    return $server->mark->start;
}

# Handshakes that came about without the staple that is held.
sub without {
    my ($result) = @_;

    return grep { $_->{ok} && $_->{sha1} ne $before{ $_->{name} } }
        @{ $result->{rows} };
}

# ---- memory ----

$responder->set_all(['*', 'good', next => 86400],
                    ['*', 'huge', path => '/bad/']);
start_with('--as=' . ($memory + 32768) * 1024);
my $end = start_handshakes($server, \@names, concurrency => 4, pause => 20);
ok($server->wait_log(qr/more than 65527 bytes/, 20, since => 1, count => 4),
   'answers of 256 MiB came to a child that has 32 MiB to spare');
my $result = $end->();
is($result->{total} - $result->{ok}, 0,
   "none of $result->{total} handshakes failed");
is(without($result), 0, 'each had the staple that is held');
is($server->log_lines(qr/exit signal|no memory|allocate/, since => 1), 0,
   'the child did not notice');
$server->stop;

# ---- file descriptors ----

start_with('--nofile=' . ($files + 8));
ok(wait_all_stapled($server, \@names, within => 20), 'stapled again');
# httpd ends where children are sick before it has seen a healthy one, for which
# it looks once a second.
handshakes($server, \@names, loop => 3, pause => 50, concurrency => 1,
           quiet => 1);
my @idle = map { IO::Socket::INET->new(PeerAddr => '127.0.0.1',
                                       PeerPort => $server->port) } 1 .. 60;
# The kernel keeps connections from httpd that have said nothing.
syswrite $_, "\x16" for grep { $_ } @idle;
ok($server->wait_log(qr/Too many open files/, 20, since => 1),
   'with connections that do not go on they run out of descriptors');
$result = handshakes($server, \@names, count => 8, concurrency => 4,
                     timeout => 2);
is(without($result), 0,
   "of $result->{ok} handshakes that came about each had its staple");
close $_ for grep { $_ } @idle;
$responder->reset_rules;
ok(wait_all_stapled($server, [@names, map { $_->{name} } @bad], within => 30,
                    verify => $pki->ca_file),
   'when they have some again, all are stapled');
is(without(handshakes($server, \@names)), 0, 'with what was held');
is($server->log_lines(qr/exit signal|Segmentation/, since => 1), 0,
   'nothing crashed');
is(join("\n", $server->bad_lines), '', 'nothing bad in the log');
