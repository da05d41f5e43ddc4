# Memory runs out in the refreshing child (RLIMIT_AS): it says so and blames no
# responder; asked for more by clients, it is ended by httpd, and another one
# goes on.  What is held is stapled all the while.
use strict;
use warnings;

use Apache::Test qw(-withtestmore);
use Staple::Test;
use Staple::Client;
use Staple::PKI;
use Staple::Process qw(is_running set_limit);
use Staple::Responder;
use Staple::Server;

plan tests => 1 + 2 * 6 + 5, need {
    'no prlimit, or no setpriv' => have_tool('prlimit', 'setpriv'),
    'a sanitizer takes all addresses' => !$ENV{STAPLE_SANITIZED} };

my $pki = Staple::PKI->new(dir => new_dir('pki'));
my $responder = Staple::Responder->new(pki => $pki);
my @held = $pki->certs(5, prefix => 'held', same_key => 1,
                       url => $responder->url);
my @short = $pki->certs(60, prefix => 'short', same_key => 1,
                        url => $responder->url('/short/'));
my @names = map { $_->{name} } @held;
my $server = Staple::Server->new(
    lines => "OCSPStapleRetryInterval 1\nOCSPStapleMaxTries 10000\n"
           . "OCSPStapleMaxSize 65527\n",
    vhosts => [map { { name => $_->{name}, certs => [$_],
                       lines => "OCSPStaple On\n" } } @held, @short]);

# These are asked about all the time, with answers of that size.
sub answer_with {
    my ($bytes) = @_;

    $responder->set_all(['*', 'good', next => 86400],
                        ['*', 'good', path => '/short/', next => 4,
                         $bytes ? (pad => $bytes, delay => 300) : ()]);
    return;
}

# The child can have so many kB more.
sub limit {
    my ($pid, $room) = @_;
    my ($kb) = (read_file("/proc/$pid/status") // '') =~ /VmSize:\s*(\d+)/
        or return 'it is gone';

    return set_limit($pid, '--as=' . ($kb + $room) * 1024);
}

# Memory that was had must not do for what is asked for now.
answer_with(0);
$server->start(env => { MALLOC_ARENA_MAX => 1, MALLOC_TRIM_THRESHOLD_ => 0,
                        MALLOC_TOP_PAD_ => 0 });
ok(wait_all_stapled($server, \@names, within => 20), 'stapled');
my %before = map { $_->{name} => $_->{sha1} }
    @{ handshakes($server, \@names)->{rows} };
my $end = start_handshakes($server, \@names, concurrency => 2, pause => 20);
my @rows;

for my $room (1024, 64) {
    my $pid = $server->mark->refresher_pid;

    is(limit($pid, $room), '', "$room kB more and no more");
    answer_with(60000);
    ok(wait_until(sub {
        return !is_running($pid)
            || $server->log_lines(qr/: no memory could be had/, since => 1);
    }, 20), 'answers of 60 kB: no memory could be had');
    my $more = start_handshakes($server, \@names, concurrency => 90);
    ok(wait_until(sub { !is_running($pid) }, 20), 'clients: the child ends');
    push @rows, @{ $more->()->{rows} };
    ok($server->wait_log(qr/child\ pid\ $pid\ exit\ signal\ Abort
                           |\[pid\ $pid:.*AH03097:/x, 10, since => 1),
       'by httpd: there is no memory for a pool, or for its listener\'s');
    answer_with(0);
    my $next = wait_until(sub {
        my $now = $server->refresher_pid;
        return $now && $now != $pid ? $now : 0;
    }, 20);
    ok($next, 'another child goes on');
    ok(wait_all_stapled($server, [map { $_->{name} } @held, @short],
                        within => 30, concurrency => 1), 'all are stapled');
}
push @rows, @{ $end->()->{rows} };
my @ok = grep { $_->{ok} } @rows;
cmp_ok(scalar @ok, '>', 100, @ok . ' of ' . @rows . ' handshakes came about');
is(grep({ $_->{sha1} ne $before{ $_->{name} } } @ok), 0,
   'each had the staple that is held');
is($server->log_lines(qr/exit signal (?!Abort)|Segmentation/), 0,
   'nothing crashed');
is($server->log_lines(qr/the connection broke|Failure writing|OST0042/), 0,
   'no responder is blamed for it');
is($responder->count(name => qr/^held/), scalar @held,
   'nobody was asked for what is held');
