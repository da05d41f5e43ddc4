# every MPM
# OCSPStapleChain: in TLS 1.3 a response for each certificate of the chain, as
# clients that want all of them see it.
use strict;
use warnings;

use Apache::Test qw(-withtestmore);
use Staple::Test;
use Staple::Chain;
use Staple::Client;
use Staple::PKI;
use Staple::Responder;
use Staple::Server;
use Staple::Status;

plan tests => 48, need { Staple::Chain::missing() => Staple::Chain::can_chain() };

# root - top - low - a.example; rsa.example is below an issuer of its own.
my $pki = Staple::PKI->new(dir => new_dir('pki'));
my $responder = Staple::Responder->new(pki => $pki);
my $url = $responder->url;
my $top = $pki->cert('top', ca => 1, issuer => 'root', url => $url);
my $low = $pki->cert('low', ca => 1, issuer => $top, url => $url);
my $mute = $pki->cert('mute', ca => 1, issuer => $top);
my $rsa_ca = $pki->cert('rsa-ca', ca => 1, issuer => $top, key => 'rsa',
                        url => $url);
my @names = qw(a.example off.example gap.example rsa.example);
my %cert = (
    (map { ("$_.example" => $pki->cert("$_.example", issuer => $low,
                                       url => $url)) } qw(a off)),
    'gap.example' => $pki->cert('gap.example', issuer => $mute, url => $url),
    'rsa.example' => $pki->cert('rsa.example', issuer => $rsa_ca, url => $url,
                                key => 'rsa', san => ['a.example']),
);
my $ca = $pki->ca_file;
my $own = new_dir('client');
capture(['openssl', 'req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-subj',
         '/CN=client', '-keyout', "$own/key", '-out', "$own/cert"]);
my @client = (-cert => "$own/cert", -key => "$own/key");
my $chain = "OCSPStaple On\nOCSPStapleChain On\nSSLOpenSSLConfCmd Groups P-256\n";
my $status = status_vhost(Staple::Server->another_port);
my @vhosts = (
    { name => 'off.example', certs => [$cert{'off.example'}],
      lines => "OCSPStaple On\n" },
    { name => 'a.example', certs => [@cert{'a.example', 'rsa.example'}],
      lines => $chain },
    { name => 'gap.example', certs => [$cert{'gap.example'}],
      lines => $chain },
    { name => 'rsa.example', certs => [$cert{'rsa.example'}],
      lines => $chain . "SSLVerifyClient require\nSSLVerifyDepth 1\n"
               . "SSLCACertificateFile $own/cert\n" }, $status);
my $server = Staple::Server->new(
    modules => ['authz_host', 'status'], vhosts => \@vhosts,
    lines => "OCSPStapleChainFile $ca\nOCSPStapleStore none\n");

# The names of the certificates in a handshake's responses, in their order.
my %name_of = map { (uc $_->{serial} =~ s/^0+//r => $_->{name}) }
    values %cert, $top, $low, $rsa_ca;

sub carried {
    my ($name, %opt) = @_;
    my $text = staple($server, $name, ca => $ca, %opt)->{text};

    return join ' ', map { $name_of{ s/^0+//r } // $_ }
        $text =~ /^\s*Serial Number: (\w+)\n\s*Cert Status/mg;
}

# What a client says that wants a response for each certificate.
sub check_all {
    my ($name, %opt) = @_;

    return staple($server, $name, ca => $ca, %opt,
                  args => ['-ocsp_check_all', '-verify_return_error',
                           @{ $opt{args} || [] }]);
}

sub is_whole {
    my ($name, $wanted) = @_;

    return wait_until(sub { carried($name) eq $wanted }, 15);
}

$server->start;
ok(wait_all_stapled($server, ['off.example', 'a.example', 'gap.example']),
   'all are stapled');
ok(is_whole('a.example', 'a.example low top'),
   'TLS 1.3: the response of each certificate of the chain, in its order')
    or diag(carried('a.example'));

my $all = check_all('a.example');
ok($all->{ok} && $all->{verify} == 0, 's_client -ocsp_check_all is content')
    or diag($all->{text});
is(gnutls_cli($server, 'a.example', ca => $ca, tls => '1.3')->{ok}, 1,
   'GnuTLS takes it');
is(curl_cert_status($server, 'a.example', ca => $ca, tls => '1.3'), 0,
   'so does curl --cert-status');

# ---- without the directive, without the version, without the wish ----

is(carried('off.example'), 'off.example', 'a host without OCSPStapleChain: its own');
ok(!check_all('off.example')->{ok}, 'which -ocsp_check_all refuses');
is(carried('a.example', tls => '1.2'), 'a.example', 'TLS 1.2: its own');
my ($silent) = capture(['openssl', 's_client', '-connect',
                        '127.0.0.1:' . $server->port, '-servername',
                        'a.example', '-tls1_3', '-trace']);
unlike($silent, qr/extension_type=status_request/,
       'a client that does not ask gets none');

# ---- the chain has a gap ----

is(carried('gap.example'), 'gap.example top',
   'an issuer without a responder: those of the others');

# ---- two keys, client certificates, another group, resumption ----

is(carried('a.example', kind => 'ec'), 'a.example low top',
   'two keys: that of one');
is(carried('a.example', kind => 'rsa'), 'rsa.example rsa-ca top',
   'and that of the other');
is(carried('rsa.example', args => \@client), 'rsa.example rsa-ca top',
   'with a client certificate');
is($server->log_lines(qr/AH02276|certificate\ verify\ failed/x), 0,
   'which is taken');
my $refused = staple($server, 'rsa.example', ca => $ca,
                     args => ['-ign_eof', '-verify_return_error']);
like($refused->{text}, qr/certificate required/, 'without one: refused');

my $before = status_json($status->{port})->{totals};
is(carried('a.example', args => [-groups => 'X448:P-256']),
   'a.example low top', 'after a HelloRetryRequest');
my $after = status_json($status->{port})->{totals};
is($after->{chained} - $before->{chained}, $after->{served} - $before->{served},
   'which is counted as its staple is');

my $session = new_dir('session') . '/session';
ok(wait_until(sub {
    staple($server, 'a.example', args => [-sess_out => $session]);
    return -s $session;
}, 10), 'a session ticket');
$before = status_json($status->{port})->{totals};
like(staple($server, 'a.example', args => [-sess_in => $session])->{text},
     qr/^Reused, TLSv1\.3/m, 'and its session is resumed');
is(status_json($status->{port})->{totals}{chained}, $before->{chained},
   'which carries no chain');

# ---- what is shown ----

my ($row) = grep { $_->{subject} eq 'CN=a.example' }
    @{ status_json($status->{port})->{certificates} };
my $totals = status_json($status->{port})->{totals};
cmp_ok($row->{chained}, '>', 3, 'JSON: how many of a certificate');
cmp_ok($row->{served}, '>', $row->{chained}, 'of those that were stapled');
cmp_ok($totals->{chained}, '>', $row->{chained}, 'JSON: in total');
my ($text) = (status_get($status->{port}, '/?format=prometheus'))[2];
is(status_metrics($text)->{ocspstaple_chained_handshakes_total},
   $totals->{chained}, 'metrics');
my ($page) = (status_get($status->{port}, '/'))[2];
like($page, qr/$row->{chained} with issuers' responses/, 'the page');

# ---- many at once ----

my $many = handshakes($server, ['a.example', 'off.example'], tls => '1.3',
                      count => 400, concurrency => 40, verify => $ca);
is($many->{ok}, 400, '400 handshakes, 40 at once');
is($many->{stapled}, 400, 'all stapled');
$before = status_json($status->{port})->{totals};
cmp_ok($before->{chained}, '>=', 200, 'and half of them with a chain');

# ---- graceful restarts ----

$server->graceful;
ok(is_whole('a.example', 'a.example low top'), 'after a graceful restart');
is(check_all('a.example')->{ok}, 1, 'content again');

$vhosts[1]{lines} = "OCSPStaple On\n";
$server->reconfigure(vhosts => \@vhosts)->graceful(wait => 1);
is(carried('a.example'), 'a.example', 'Off after a graceful restart: its own');
is(carried('gap.example'), 'gap.example top', 'another host is as before');
$vhosts[1]{lines} = $chain;

# ---- an issuer's response is withheld, runs out, says revoked ----

$server->stop;
$responder->set('low', 'status=500');
$server->reconfigure(vhosts => \@vhosts)->start;
ok(is_whole('a.example', 'a.example top'), 'withheld: all others');
my $lacks = check_all('a.example');
ok(!$lacks->{ok} || $lacks->{verify} != 0, '-ocsp_check_all refuses');
diag($lacks->{text}) if $lacks->{ok} && $lacks->{verify} == 0;
ok(staple($server, 'a.example', ca => $ca)->{verify} == 0,
   'who is content with one is content');

$server->stop;
$responder->set('low', 'good', next => 8);
$server->start;
ok(is_whole('a.example', 'a.example low top'), 'it is there');
$responder->set('low', 'status=500');
ok(wait_until(sub { carried('a.example') eq 'a.example top' }, 20),
   'it has run out, and is not sent');

$server->stop;
$responder->set('low', 'good', next => 8);
$server->start;
ok(is_whole('a.example', 'a.example low top'), 'it is there once more');
$responder->set('low', 'revoked', time => -60);
ok($server->wait_log(qr/OST0071.*issuer "CN=low"/, 15), 'it says revoked');
is(carried('a.example'), 'a.example top',
   'that of a revoked issuer is held, and not sent');
$lacks = check_all('a.example');
ok(!$lacks->{ok} || $lacks->{verify} != 0, '-ocsp_check_all refuses');

# ---- a long one ----

$server->stop;
$responder->set('low', 'good', pad => 9000);
$server->reconfigure(lines => "OCSPStapleChainFile $ca\nOCSPStapleStore none\n"
                              . "ThreadStackSize 65536\n")->start;
ok(is_whole('a.example', 'a.example low top'), 'one of 9000 bytes, small stacks');
is(check_all('a.example')->{ok}, 1, 'content');
$many = handshakes($server, ['a.example'], tls => '1.3', count => 300,
                   concurrency => 40, verify => $ca);
is($many->{ok}, 300, '300 handshakes, 40 at once');

# ---- without followed issuers ----

$server->stop;
$server->reconfigure(lines => "OCSPStapleIssuerCheck Off\nOCSPStapleStore none\n")
    ->start;
ok(wait_all_stapled($server, ['a.example']), 'OCSPStapleIssuerCheck Off: stapled');
is(carried('a.example'), 'a.example', 'alone');
is($server->log_lines(qr/OST0177.*a\.example.*OCSPStapleIssuerCheck\ On/x) > 0, 1,
   'a warning says why');
is(join("\n", $server->bad_lines), '', 'nothing bad in the log');
