# The child that refreshes is killed, twenty times, while clients come in: no
# handshake fails, none goes without a staple, and another child takes over.
#
# The kernel cuts the connections of a process that is killed, and no module can
# help that.  So that each failed handshake counts, the blow falls between
# connections: the child is stopped, looked at, and killed if it has none with a
# client; otherwise it runs on, to be tried again a moment later.
use strict;
use warnings;

use Apache::Test qw(-withtestmore);
use Staple::Test;
use Staple::Client;
use Staple::PKI;
use Staple::Process ();
use Staple::Responder;
use Staple::Server;
use Time::HiRes qw(sleep time);

my $kills = 20;

plan tests => 13;

alarm Staple::Process::scale(300);

# What the clients visit is refreshed once or twice meanwhile, and outlives any
# take-over.  What is refreshed every five seconds, the fastest there is, keeps
# the refresher and the store writer busy; its end may come before the next
# refresher.
my $pki = Staple::PKI->new(dir => new_dir('pki'));
my $responder = Staple::Responder->new(pki => $pki);
my @lasting = $pki->certs(20, prefix => 'l', same_key => 1,
                          url => $responder->url('/lasting/'));
my @hasty = $pki->certs(60, prefix => 'h', same_key => 1,
                        url => $responder->url('/hasty/'));
my @names = map { $_->{name} } @lasting;
my @hasty_names = map { $_->{name} } @hasty;
my $server = Staple::Server->new(
    log_level => 'ssl:warn core:warn mpm_event:notice',
    vhosts => [Staple::Server->stapled(@lasting, @hasty)]);

$responder->set_all(
    ['*', 'good', path => '/lasting/', next => Staple::Process::scale(45)],
    ['*', 'good', path => '/hasty/', next => 10]);
$server->start;
ok(wait_all_stapled($server, [@names, @hasty_names], within => 30),
   'all stapled');

# Is every thread of the process stopped, or gone?
sub is_stopped {
    my ($pid) = @_;

    return !grep {
        (Staple::Process::read_file($_) // ') T') !~ /\) [TtZX]/
    } glob "/proc/$pid/task/*/stat";
}

sub kill_between_connections {
    my ($pid) = @_;

    return wait_until(sub {
        kill 'STOP', $pid or return 0;
        my $is_free = wait_until(sub { is_stopped($pid) }, 1, 0.0005)
                      && !$server->is_connected($pid);

        kill $is_free ? 'KILL' : 'CONT', $pid;
        return $is_free;
    }, 20, 0.002);
}

# The child that refreshes after the one that did before; 0: there is none.
my $last = 0;

sub next_refresher {
    $last = wait_until(sub {
        my $pid = $server->refresher_pid(timeout => 0.05) or return 0;
        return $pid != $last && $pid;
    }, 20) // 0;
    return $last;
}

my @ends = (start_handshakes($server, \@names, concurrency => 4, pause => 5,
                             verify => $pki->ca_file),
            start_handshakes($server, \@hasty_names, pause => 20,
                             concurrency => 1, verify => $pki->ca_file));
my ($killed, $slowest) = (0, 0);
my $began = time;

$responder->clear_log;
for (1 .. $kills) {
    my $since = time;
    my $pid = next_refresher() or last;

    $slowest = time - $since if time - $since > $slowest && $killed;
    sleep rand 0.3; # into whatever it does
    kill_between_connections($pid) or last;
    $killed++;
}
is($killed, $kills, "killed $kills times, each time another took over");
diag(sprintf 'taken over after %.1f s at most; %.0f s in all', $slowest,
     time - $began);
cmp_ok($slowest, '<', Staple::Process::scale(8), 'within moments');
ok(next_refresher(), 'and one refreshes after that');
$responder->clear_log;
ok($responder->wait_for(sub { $responder->count(path => qr{^/hasty/}) >= 60 }),
   'those that are due are asked for');
ok(wait_all_stapled($server, [@names, @hasty_names], within => 30),
   'in the end all are stapled');

my ($lasting, $hasty) = map { $_->() } @ends;
cmp_ok($lasting->{total}, '>', 100, "$lasting->{total} handshakes meanwhile");
is($lasting->{failed} + $hasty->{failed}, 0, 'none failed')
    or diag(join "\n", map { $_->{why} // '' } grep { !$_->{ok} }
                       @{ $lasting->{rows} }, @{ $hasty->{rows} });
is($lasting->{stapled}, $lasting->{ok}, 'all were stapled');
is(grep({ $_->{ok} && $_->{status} ne 'good' } @{ $lasting->{rows} }), 0,
   'with a response that verifies');
is(grep({ $_->{ok} && $_->{status} !~ /^(?:good|none)$/ } @{ $hasty->{rows} }),
   0, 'nor was anything else stapled while responses were replaced');

# ---- what it left on the disk ----
$responder->stop;
$server->stop;
$server->mark->start;
is($server->log_lines(qr/OST0092/, since => 1), 0,
   'no stored file is damaged');
is(join("\n", grep { !/exit signal Killed/ } $server->bad_lines), '',
   'nothing bad in the log');
