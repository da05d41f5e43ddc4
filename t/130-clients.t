# Clients of every sort: resumed sessions, unknown names, no names, and those
# that do not ask for a staple.
use strict;
use warnings;

use Apache::Test qw(-withtestmore);
use Staple::Test;
use Staple::Client;
use Staple::PKI;
use Staple::Responder;
use Staple::Server;

plan tests => 19;

my $pki = Staple::PKI->new(dir => new_dir('pki'));
my $responder = Staple::Responder->new(pki => $pki);
my @certs = map { $pki->cert($_, url => $responder->url) }
    qw(first.example second.example);
my $dir = new_dir('sessions');
my $server = Staple::Server->new(
    modules => ['socache_shmcb'],
    lines => "<IfModule mod_ssl.c>\n"
        . "SSLSessionCache shmcb:run/sessions(512000)\n</IfModule>\n",
    vhosts => [Staple::Server->stapled(@certs)])->start;

ok(wait_all_stapled($server, [map { $_->{name} } @certs]), 'both are stapled');

sub client {
    my ($tls, @more) = @_;

    return capture(['openssl', 's_client', '-connect',
                    '127.0.0.1:' . $server->port, "-tls$tls", @more],
                   stdin => "GET / HTTP/1.1\r\nHost: first.example\r\n"
                             . "Connection: close\r\n\r\n");
}

for my $tls ('1_2', '1_3') {
    my $session = "$dir/$tls";
    my @name = (-servername => 'first.example');
    # The server's tickets of TLS 1.3 follow the handshake.
    my $first = client($tls, @name, -status => -sess_out => $session,
                       -ign_eof => ());
    like($first, qr/OCSP Response Status: successful/, "$tls: first session");
    my $again = client($tls, @name, -status => -sess_in => $session,
                       -ign_eof => ());
    like($again, qr/^Reused, TLSv/m, "$tls: the session is resumed");

    my $unknown = client($tls, -servername => 'unknown.example', '-status');
    like($unknown, qr/Serial Number: \Q$certs[0]{serial}\E/i,
         "$tls: an unknown name gets the first host's certificate and staple");
    my $nameless = client($tls, '-noservername', '-status');
    like($nameless, qr/Serial Number: \Q$certs[0]{serial}\E/i,
         "$tls: no name, too");

    # Extension 17, which RFC 6961 had for several responses.
    my $v2 = client($tls, @name, -status => -serverinfo => 17);
    is_deeply([$v2 =~ /Serial Number: ([0-9A-F]+)/g], [uc $certs[0]{serial}],
              "$tls: with status_request_v2, too, there is the leaf's alone");

    my $plain = client($tls, @name);
    like($plain, qr/^New, TLSv/m, "$tls: without status_request all is well");
    unlike($plain, qr/OCSP Response Data/, "$tls: and nothing is stapled");
    my $many = handshakes($server, ['first.example'], count => 20,
                          'no-status' => 1, tls => $tls =~ tr/_/./r);
    is("$many->{ok} $many->{stapled}", '20 0', "$tls: twenty of these");
}
is($responder->count, 2, 'two requests in all');
is(join("\n", $server->bad_lines), '', 'nothing bad in the log');
