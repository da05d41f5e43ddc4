# OCSP_STAPLE_... of a request, in logs, in <If> and for SetEnvIf.
use strict;
use warnings;

use Apache::Test qw(-withtestmore);
use Staple::Test;
use Staple::Client;
use Staple::Events;
use Staple::PKI;
use Staple::Responder;
use Staple::Server;

my $h2 = have_tool('curl') && capture(['curl', '-V']) =~ /HTTP2/
         && -e Staple::Server::apxs('LIBEXECDIR') . '/mod_http2.so'
         && mpm() ne 'prefork';
plan tests => 21, need { 'no curl' => have_tool('curl') };

my $pki = Staple::PKI->new(dir => new_dir('pki'));
my $responder = Staple::Responder->new(pki => $pki);
my $events = Staple::Events->new;
my $log = $events->dir . '/access.log';
my @states = qw(good revoked unknown unavailable pending stale disabled);
my %cert = map {
    $_ => $pki->cert("$_.example", url => $responder->url)
} @states, 'off';
my %lines = (disabled => "OCSPStapleResponder none\n"
                         . "OCSPStapleResponseFile run/not-there.der\n");
my $refuse = "Require all denied\n";

$responder->set('*', 'good', next => 3600);
$responder->set('revoked.example', 'revoked', next => 3600, time => -60);
$responder->set('unknown.example', 'unknown', next => 3600);
$responder->set('unavailable.example', 'unauthorized');
$responder->set('pending.example', 'hang');
$responder->add('stale.example', 'hang');
$responder->add('stale.example', 'good', next => 6, count => 1);
my $server = Staple::Server->new(
    modules => ['setenvif', $h2 ? 'http2' : ()],
    lines => "OCSPStapleTimeout 300\nOCSPStapleLogExclude none\n"
             . ($h2 ? "Protocols h2 http/1.1\n" : '') . $events->lines
             . "CustomLog $log \"%v %H %{OCSP_STAPLE_STATUS}e "
             . "%{OCSP_STAPLE_SENT}e %{OCSP_STAPLE_SIGNIFICANT}e\"\n"
             . "CustomLog $log.sig \"%v\" "
             . "\"expr=reqenv('OCSP_STAPLE_SIGNIFICANT') =~ /[a-z]/\"\n"
             . "SetEnvIf OCSP_STAPLE_STATUS ^revoked\$ refused\n"
             . "CustomLog $log.setenvif \"%v\" env=refused\n"
             . "<If \"reqenv('OCSP_STAPLE_STATUS') == 'revoked'\">\n$refuse"
             . "</If>\n",
    vhosts => [(map { { name => "$_.example", certs => [$cert{$_}],
                        lines => "OCSPStaple On\n" . ($lines{$_} // '') } }
                    @states),
               { name => 'off.example', certs => [$cert{off}] },
               { name => 'plain.example', plain => 1,
                 port => Staple::Server::another_port() }]);
$server->start;
ok(wait_all_stapled($server, ['good.example', 'revoked.example']),
   'two are stapled');
ok($events->wait_for(10, event => $_, name => "$_.example"), "one is $_")
    for qw(unknown unavailable);

# One connection with as many requests as asked; curl asks for a staple with
# --cert-status, and then gives up where it finds none.
sub get {
    my ($name, %opt) = @_;
    my $url = "https://$name:" . $server->port . '/index.html';

    return capture(['curl', '-s', '--cacert', $pki->ca_file, '--noproxy', '*',
                    $opt{http} ? "--http$opt{http}" : '--http1.1',
                    $opt{status} ? '--cert-status' : (), '-o', '/dev/null',
                    '-w', '%{http_code} ', '--resolve',
                    "$name:" . $server->port . ':127.0.0.1',
                    map { ($url, '-o', '/dev/null') } 1 .. $opt{count} // 1]);
}

sub lines_of {
    my ($name, $path) = @_;

    return map { s/^\S+ ?//r } grep { /^\Q$name\E/ }
               split /\n/, read_file($path // $log) // '';
}

get('good.example', status => 1, count => 3);
is_deeply([lines_of('good.example')], [('HTTP/1.1 good yes -') x 3],
          'good and sent, for each request of a connection');
get('good.example');
is((lines_of('good.example'))[-1], 'HTTP/1.1 good no -',
   'a client that does not ask for it');
like(get('revoked.example'), qr/^403/, 'revoked: <If> holds');
is((lines_of('revoked.example'))[-1], 'HTTP/1.1 revoked no revoked',
   'and significant');
get("$_.example") for qw(unknown unavailable pending disabled);
is((lines_of("$_.example"))[-1], "HTTP/1.1 $_ no $_", $_)
    for qw(unknown unavailable);
is((lines_of("$_.example"))[-1], "HTTP/1.1 $_ no -", $_)
    for qw(pending disabled);

SKIP: {
    skip 'no HTTP/2 here', 2 if !$h2;
    get('good.example', http => 2, status => 1, count => 3);
    is_deeply([(lines_of('good.example'))[-3 .. -1]],
              [('HTTP/2.0 good yes -') x 3], 'HTTP/2');
    get('revoked.example', http => 2);
    is((lines_of('revoked.example'))[-1], 'HTTP/2.0 revoked no revoked',
       'HTTP/2: revoked');
}

ok($events->wait_for(15, event => 'stale', name => 'stale.example'),
   'one runs out while its responder hangs');
get('stale.example');
is((lines_of('stale.example'))[-1], 'HTTP/1.1 pending no stale',
   'the last word was good, but it has run out: it is stale');

get('off.example');
is((lines_of('off.example'))[-1], 'HTTP/1.1 - - -',
   'nothing is set where OCSPStaple is Off');
my ($plain) = $server->{vhosts}[-1];
capture(['curl', '-s', '--noproxy', '*', '-H', 'Host: plain.example',
         "http://127.0.0.1:$plain->{port}/index.html"]);
is((lines_of('plain.example'))[-1], 'HTTP/1.1 - - -', 'nor without TLS');

is_deeply([sort { $a cmp $b } keys %{{ map { $_ => 1 }
               split /\n/, read_file("$log.sig") // '' }}],
          [map { "$_.example" } qw(revoked stale unavailable unknown)],
          'a log of significant requests only');
is_deeply([keys %{{ map { $_ => 1 }
               split /\n/, read_file("$log.setenvif") // '' }}],
          ['revoked.example'], 'SetEnvIf sees them');
my $took = $server->stop;
ok(defined $took && $took < 4, 'httpd ends while a responder hangs');
is(join("\n", $server->bad_lines), '', 'nothing bad in the log');
