# The child that refreshes hangs: another one says so, once, and it is told when
# that is over, whether it goes on or is killed and replaced.
use strict;
use warnings;

use Apache::Test qw(-withtestmore);
use Staple::Test;
use Staple::Client;
use Staple::PKI;
use Staple::Process ();
use Staple::Responder;
use Staple::Server;
use Staple::Status;

plan tests => 25;

alarm Staple::Process::scale(300);

my $pki = Staple::PKI->new(dir => new_dir('pki'));
my $responder = Staple::Responder->new(pki => $pki);
my @certs = $pki->certs(3, prefix => 'c', url => $responder->url,
                        same_key => 1);
my @names = map { $_->{name} } @certs;
my $port = Staple::Server->another_port;
my $server = Staple::Server->new(
    modules => [qw(authz_host status)],
    vhosts => [status_vhost($port), Staple::Server->stapled(@certs)]);

$responder->set('*', 'good', next => 86400);
$server->start;
ok(wait_all_stapled($server, \@names), 'all stapled');
ok(wait_status($port, sub { $_->{refresher}{running} }), 'it runs');

sub told { my ($tag) = @_; return $server->log_lines(qr/OST$tag:/) }

sub exit_of_tool {
    my ($text, $status) = capture([top_builddir() . '/ocspstaple', 'status',
                                   "http://127.0.0.1:$port/?format=json"]);

    return ($status > 255 ? $status >> 8 : $status, $text);
}

my ($status) = exit_of_tool();
is($status, 0, 'ocspstaple status: all is well');
is(told('0143'), 0, 'nobody says anything');

# ---- it is stopped, and goes on ----

my $pid = $server->refresher_pid;
kill 'STOP', $pid or die "the refresher is gone: $!\n";
ok($server->wait_log(qr/OST0143:/, 45), 'it is stopped: another child says so');
my ($line) = told('0143');
like($line, qr/:warn\].*the refresher \(process $pid\)/,
     'a WARNING that names it');
unlike($line, qr/\[pid $pid\D/, 'not by itself');
my $json = status_json($port);
ok(!$json->{refresher}{running}, 'JSON: it does not run');
($status, my $text) = exit_of_tool();
is($status, 2, 'ocspstaple status: critical');
like($text, qr/refresher.*does not run/, 'and why');
my (undef, undef, $page) = status_get($port, '/');
like($page, qr/verdict alarm"><a href="#refresher">the refresher hangs or does not run, its last look was [^<]* ago: staples will run out/, 'the page says so');
unlike($page, qr/all is well|verdict ok/, 'and nothing else');
is(staple($server, $names[0])->{cert_status}, 'good',
   'handshakes are stapled meanwhile');
is(told('0144'), 0, 'it is not over');
kill 'CONT', $pid;
ok($server->wait_log(qr/:notice\].*OST0144:.*process $pid/, 15),
   'it goes on: that is told');
ok(wait_status($port, sub { $_->{refresher}{running} }), 'JSON: it runs');
is(told('0143'), 1, 'that it hung was said once');
(undef, undef, $page) = status_get($port, '/');
like($page, qr/verdict ok">all is well/, 'the page says that all is well');

# ---- it is stopped, killed and replaced ----

kill 'STOP', $pid or die "the refresher is gone: $!\n";
ok($server->wait_log(qr/OST0143:/, 45, count => 2), 'again: that is told, too');
kill 'KILL', $pid;
ok($server->wait_log(qr/OST0144:/, 20, count => 2), 'another takes over');
my $next = $server->refresher_pid;
isnt($next, $pid, 'which is another one');
like((told('0144'))[-1], qr/process $next/, 'and says so');
ok(wait_status($port, sub { $_->{refresher}{running}
                            && $_->{refresher}{pid} == $next }),
   'JSON: it runs');
is(join(' ', scalar told('0143'), scalar told('0144')), '2 2',
   'each was said once');
is(join("\n", grep { !/exit signal Killed/ } $server->bad_lines), '',
   'nothing bad in the log');
