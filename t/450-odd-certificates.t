# every MPM
# Certificates of unusual size and shape are stapled like others, in TLS 1.2 and
# 1.3.
use strict;
use warnings;

use Apache::Test qw(-withtestmore);
use Staple::Test;
use Staple::Client;
use Staple::PKI;
use Staple::Process qw(free_port);
use Staple::Responder;
use Staple::Server;

my $pki = Staple::PKI->new(dir => new_dir('pki'));
my $responder = Staple::Responder->new(pki => $pki);
my $url = $responder->url;

# A URL of just so many characters, to a port.
sub long_url {
    my ($port, $length) = @_;
    my $start = "http://127.0.0.1:$port/";

    return $start . 'x' x ($length - length $start);
}

my $dead = free_port();
my $alive = $responder->port;
my %odd = (
    'subject.example' => [subject => join(',', 'CN=subject.example',
        map { sprintf 'OU=%04d%s', $_, 'o' x 60 } 1 .. 320), url => $url],
    'names.example' => [san => ['names.example',
        map { "n$_.names.example" } 2 .. 200], url => $url],
    'serial.example' => [serial => '7F' . 'A5' x 19, url => $url],
    'negative.example' => [serial => '-7F' . 'A5' x 19, url => $url],
    'zero.example' => [serial => '0', url => $url],
    'urls.example' => [url => [(map { long_url($dead, 2041 + $_) } 1 .. 7),
                               long_url($alive, 2048)]],
    'many.example' => [url => [$url, map { "$url$_/" } 1 .. 240]],
    'tail.example' => [url => [long_url($dead, 9000), $url]],
);
my @names = sort keys %odd;
my %cert = map { $_ => $pki->cert($_, @{ $odd{$_} }) } @names;

plan tests => 8 + @names;

my $server = Staple::Server->new(
    lines => "OCSPStapleRetryInterval 1\n",
    vhosts => [map { { name => $_, certs => [$cert{$_}],
                       lines => "OCSPStaple On\n" } } @names])->start;

cmp_ok(-s $cert{'subject.example'}{leaf}, '>', 20480 * 4 / 3,
       'a subject of more than 20 KiB');
is(length $cert{'serial.example'}{serial}, 40, 'a serial number of 20 bytes');
ok(wait_all_stapled($server, \@names, within => 20), 'all are stapled');
for my $tls ('1.2', '1.3') {
    my $result = handshakes($server, \@names, tls => $tls,
                            verify => $pki->ca_file);

    is(join(' ', map { $_->{name} } grep { $_->{status} ne 'good' }
                     @{ $result->{rows} }), '', "in TLS $tls");
}
for my $name (@names) {
    my $lines = $server->log_lines(qr/CN=\Q$name\E.*\): good, /);

    ok($lines, "$name: one line of the log says so");
}
cmp_ok($responder->count(name => 'many.example'), '<=', 2,
       'of 241 URLs no more is asked than of one');
is($server->log_lines(qr/.{8000}/), 0, 'no line of the log is without end');
is(join("\n", $server->bad_lines), '', 'nothing bad in the log');
