# How long a staple may be: 16380 bytes, which every TLS 1.2 client of OpenSSL
# takes and not one more, or what OCSPStapleMaxSize says, up to 64 KiB.
use strict;
use warnings;

use Apache::Test qw(-withtestmore);
use Staple::Test;
use Staple::Client;
use Staple::PKI;
use Staple::Responder;
use Staple::Server;

# RSA signatures are all of one size.
my $pki = Staple::PKI->new(dir => new_dir('pki'), key => 'rsa');
my $responder = Staple::Responder->new(pki => $pki);
my $serial = 10;
my %cert = map { $_ => $pki->cert("$_.example", url => $responder->url("/$_/"),
                                  serial => ++$serial) }
    qw(a b c d e f g);
my @names = map { "$_.example" } sort keys %cert;
my $vhosts = [Staple::Server->stapled(@cert{sort keys %cert})];
my $lines = "OCSPStapleIssuerCheck Off\n";

plan tests => 33;

sub length_of {
    my ($server, $name) = @_;

    return handshakes($server, [$name])->{rows}[0]{length};
}

# ---- the default ----

# How much the responder adds to what is asked of it.
$responder->set('a.example', 'good', pad => 10000);
my $server = Staple::Server->new(lines => $lines, vhosts => [$vhosts->[0]])
    ->start;
ok(wait_all_stapled($server, ['a.example'], verify => $pki->ca_file),
   'a response of more than 10,000 bytes is stapled');
my $added = length_of($server, 'a.example') - 10000;
cmp_ok($added, '>', 0, "$added bytes around its padding");
$server->stop;

# b: the largest; c: one byte more.
$responder->set('b.example', 'good', pad => 16380 - $added);
$responder->set('c.example', 'good', pad => 16381 - $added);
$server->reconfigure(vhosts => [@$vhosts[0 .. 2]])->start;
ok(wait_all_stapled($server, ['a.example', 'b.example'],
                    verify => $pki->ca_file), 'so is one of 16380 bytes');
is(length_of($server, 'b.example'), 16380, 'exactly');
ok($server->wait_log(qr/"CN=c\.example".*longer\ than\ OCSPStapleMaxSize
                        .*16381\ bytes;\ OCSPStapleMaxSize\ is\ 16380/x, 10),
   'one of 16381 bytes is refused, with the numbers and the directive');
for my $tls ('1.2', '1.3') {
    my $staple = staple($server, 'b.example', tls => $tls);

    is($staple->{cert_status}, 'good', "TLS $tls: 16380 bytes arrive")
        or diag($staple->{text});
    ok(!staple($server, 'c.example', tls => $tls)->{sent},
       "TLS $tls: nothing where they are 16381");
    ok(staple($server, 'c.example', tls => $tls)->{ok},
       "TLS $tls: and the handshake goes on");
}
is(join("\n", $server->bad_lines), '', 'nothing bad in the log');

# ---- more, where the administrator says so ----

my %pad = (d => 60000, e => 32000, f => 65527 - $added, g => 65528 - $added);
$responder->set("$_.example", 'good', pad => $pad{$_}) for sort keys %pad;
$server->reconfigure(lines => $lines . "OCSPStapleMaxSize 65527\n",
                     vhosts => $vhosts)->restart;
my @large = map { "$_.example" } qw(a b c d e f);
ok(wait_all_stapled($server, \@large, verify => $pki->ca_file),
   'OCSPStapleMaxSize 65527: all are stapled');
ok($server->wait_log(qr/"CN=g\.example".*more than 65527 bytes/, 10),
   'one of 65528 bytes is refused while it arrives');

my %row = map { $_->{name} => $_ }
    @{ handshakes($server, \@names, tls => '1.3',
                  verify => $pki->ca_file)->{rows} };
is(join(' ', map { $_->{ok} ? 'ok' : "failed:$_->{why}" } @row{@names}),
   join(' ', ('ok') x 7), 'TLS 1.3: all shake hands');
is(join(' ', map { $_->{status} } @row{@names}),
   join(' ', ('good') x 6, 'none'), 'TLS 1.3: large staples verify');
is($row{'f.example'}{length}, 65527, 'the largest that TLS 1.3 can carry');

# The byte above is what the default is for.
ok(!staple($server, 'c.example', tls => '1.2')->{ok},
   'TLS 1.2: OpenSSL ends a handshake with 16381 bytes');
is(staple($server, 'b.example', tls => '1.2')->{cert_status}, 'good',
   'TLS 1.2: and takes 16380');
SKIP: {
    skip 'gnutls-cli is not installed', 4 if !have_tool('gnutls-cli');
    for my $name ('d.example', 'f.example') {
        my $gnutls = gnutls_cli($server, $name, tls => '1.2',
                                ca => $pki->ca_file);
        ok($gnutls->{ok} && $gnutls->{trusted}, "TLS 1.2: $name is trusted")
            or diag($gnutls->{text});
        ok($gnutls->{sent}, "TLS 1.2: $name has a staple");
    }
}

# ---- less than is held ----

$responder->clear_log;
$server->reconfigure(lines => $lines . "OCSPStapleMaxSize 20000\n")
    ->mark->graceful(wait => 1);
is($server->log_lines(qr/:warn\].* OST0131: 3 staples are longer/, since => 1),
   1, 'a graceful restart with less: one line says what is left behind');
%row = map { $_->{name} => $_ } @{ handshakes($server, \@names)->{rows} };
is(join(' ', map { $row{$_}{status} } @names),
   'good good good none none none none', 'it is not served any more');
ok(wait_until(sub {
    return !grep { !$responder->count(name => $_) } @large[3 .. 5];
}, 10), 'and is asked for at once');
is($responder->count(name => 'b.example'), 0, 'what is short enough is not');
$server->restart;
ok(wait_all_stapled($server, [@large[0 .. 2]]), 'nor after a restart');
is($server->log_lines(qr/set aside/), 0, 'no file of the store is in the way');

# ---- what a thread has ----

# 64 KiB of stack for a thread, and a staple of 64 KiB, many times at once.
$server->reconfigure(lines => $lines . "ThreadStackSize 65536\n"
                            . "OCSPStapleMaxSize 65527\n")->restart;
ok(wait_all_stapled($server, \@large, within => 20),
   'ThreadStackSize 65536: all are stapled');
my $many = handshakes($server, [@large[3 .. 5]], tls => '1.3', count => 300,
                      concurrency => 40, verify => $pki->ca_file);
is($many->{ok}, 300, 'ThreadStackSize 65536: 300 handshakes, 40 at once');
is(grep({ $_->{status} eq 'good' } @{ $many->{rows} }), 300,
   'each with a large staple, whole');
is(join("\n", $server->bad_lines), '', 'nothing bad in the log');
