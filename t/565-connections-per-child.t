# every MPM
# Children that end by themselves after some connections: whoever refreshes
# next loses nothing, even where none lives long.
use strict;
use warnings;

use Apache::Test qw(-withtestmore);
use IO::Socket::INET ();
use Staple::Test;
use Staple::Client;
use Staple::PKI;
use Staple::Process qw(is_running);
use Staple::Responder;
use Staple::Server;

plan tests => 9;

my $pki = Staple::PKI->new(dir => new_dir('pki'));
my $responder = Staple::Responder->new(pki => $pki);
my @certs = $pki->certs(20, prefix => 'm', same_key => 1,
                        url => $responder->url);
my @names = map { $_->{name} } @certs;
my $server = Staple::Server->new(
    lines => "MaxConnectionsPerChild 200\n",
    vhosts => [Staple::Server->stapled(@certs)]);

# Refreshed every five seconds; then only the refresher can do that.
$responder->set('*', 'good', next => 11);
$server->start;
ok(wait_all_stapled($server, \@names), mpm() . ': all stapled');

# ---- children come and go ----
my $end = start_handshakes($server, \@names, concurrency => 4, pause => 2,
                           verify => $pki->ca_file);
my %refreshers;

ok(wait_until(sub {
    my $pid = $server->refresher_pid(timeout => 0.05);
    $refreshers{$pid} = 1 if $pid;
    return keys %refreshers >= 6;
}, 30), 'six children refresh, one after the other');
$responder->clear_log;
ok($responder->wait_for(sub {
    my %asked = map { $_->{name} => 1 } $responder->requests;
    return keys %asked == @names;
}, 20), 'what is due is asked for all the while');
my $result = $end->();
is($result->{failed}, 0, "none of $result->{total} handshakes failed");
is(grep({ $_->{ok} && $_->{status} ne 'good' } @{ $result->{rows} }), 0,
   'all were stapled, by what verifies');

# ---- one that a client keeps from its end ----
SKIP: {
    skip 'a child has no other connections in prefork', 3
        if mpm() eq 'prefork';
    $server->stop;
    $server->reconfigure(lines => "MaxConnectionsPerChild 100\n"
                                  . "Timeout 120\n");
    $server->mark->start;
    my $first = $server->refresher_pid;
    my @silent;
    wait_until(sub {
        push @silent, IO::Socket::INET->new(PeerAddr => '127.0.0.1',
                                            PeerPort => $server->port);
        $silent[-1]->syswrite("\x16"); # of a handshake, so that it is taken
        return $server->is_connected($first);
    }, 20, 0.05) or die "no connection with the refresher\n";
    ok(wait_until(sub {
        handshakes($server, \@names, quiet => 1);
        my $pid = $server->refresher_pid(timeout => 0.05);
        return $pid && $pid != $first;
    }, 30), 'another child takes over');
    ok(is_running($first), 'while the first one waits for a client');
    close $_ for @silent;
    ok(wait_until(sub { !is_running($first) }, 20), 'and ends after that');
}
is(join("\n", $server->bad_lines), '', 'nothing bad in the log');
