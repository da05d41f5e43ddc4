# Must-staple (RFC 7633): told at the start where there will be no staple, and
# significant whatever is excluded.
use strict;
use warnings;

use Apache::Test qw(-withtestmore);
use Staple::Test;
use Staple::Client;
use Staple::Events;
use Staple::PKI;
use Staple::Responder;
use Staple::Server;
use Staple::Status;

plan tests => 20, need { 'no curl' => have_tool('curl') };

my $pki = Staple::PKI->new(dir => new_dir('pki'));
my $responder = Staple::Responder->new(pki => $pki);
my $events = Staple::Events->new;
my %option = (nourl => { url => undef }, plain => { must_staple => 0 });
my %cert = map {
    $_ => $pki->cert("$_.example", url => $responder->url, must_staple => 1,
                     %{ $option{$_} || {} })
} qw(served off nourl noissuer failing unknown plain);
my %on = map { $_ => 'On' } keys %cert;
my $command = $events->program('command',
    "echo \"\$OCSP_STAPLE_EVENT \$OCSP_STAPLE_SUBJECT\" >> \"\$dir/runs\"\n");

$on{$_} = 'Off' for qw(off plain);
$cert{noissuer}{chain} = $cert{noissuer}{leaf};
$responder->set('*', 'good', next => 3600);
$responder->set('failing.example', 'http=500');
$responder->set('unknown.example', 'unknown', next => 3600);
my $port = Staple::Server->another_port;
my $server = Staple::Server->new(
    modules => [qw(authz_host status)],
    lines => $events->lines . "OCSPStapleLogExclude all\n"
             . "OCSPStapleEventCommand $command\n"
             . $events->access_lines(qw(STATUS SIGNIFICANT)),
    vhosts => [status_vhost($port), map { {
        name => "$_.example", certs => [$cert{$_}],
        lines => "OCSPStaple $on{$_}\n" } } sort keys %cert]);
$server->start;
ok(wait_all_stapled($server, ['served.example']), 'one is served');
ok($events->wait_for(10, event => 'unavailable', name => 'failing.example'),
   'one is not');
ok($events->wait_for(10, event => 'unknown', name => 'unknown.example'),
   'nor is one that is unknown');

# ---- at the start ----

my %why = (off => 'OCSPStaple is not On here', nourl => 'it cannot be stapled',
           noissuer => 'its issuer is missing');
for my $name (sort keys %why) {
    my @lines = $server->log_lines(qr/OST0016.*"CN=\Q$name\E\.example"/);

    is(@lines, 1, "$name: one line at the start");
    like($lines[0], qr/:warn\].*server\ \Q$name\E\.example.*without\ a
                       \ staple,\ but\ \Q$why{$name}\E/x,
         "$name: a WARNING that says why");
}
is($server->log_lines(qr/OST0016/), keys %why,
   'none for those that get staples, or whose clients need none');

# ---- as it goes on ----

my ($event) = $events->matching(event => 'unavailable');
ok($event->{significant}, 'without a staple: the event is significant');
is($server->log_lines(qr/:warn\].*OST0074.*failing\.example/), 1,
   'a WARNING in the error log');
is($server->log_lines(
       qr/OST0077.*failing\.example.*, and there is no response to staple/),
   1, 'the first failure does not say that anything is served');
ok(wait_until(sub {
    (read_file($events->dir . '/runs') // '') =~ /unavailable CN=failing/ }, 10),
   'the command is run');
is_deeply([map { @{ $_->{conditions} } }
               grep { $_->{subject} eq 'CN=failing.example' }
               @{ status_json($port)->{certificates} }],
          ['unavailable', 'must-staple'],
          'the status says so');
like(capture([top_builddir() . '/ocspstaple', 'status',
              "http://127.0.0.1:$port/?format=json", '--quiet']),
     qr/^OCSP CRITICAL/, 'which is critical to monitoring');

is($events->access($server, 'failing.example'),
   'unavailable unavailable,must-staple', 'access log');
is($events->access($server, 'unknown.example'),
   'unknown unknown,must-staple', 'access log: unknown');
is($events->access($server, 'served.example'), 'good -', 'access log: served');
is(join("\n", $server->bad_lines), '', 'nothing bad in the log');
