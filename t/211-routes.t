# Proxies of virtual hosts: by http and https, with CAs and credentials of their
# own, and what is asked without one.
use strict;
use warnings;

use Apache::Test qw(-withtestmore);
use Staple::Test;
use Staple::Client;
use Staple::CRL;
use Staple::ListServer;
use Staple::PKI;
use Staple::Process qw(free_port);
use Staple::Proxy;
use Staple::Responder;
use Staple::Server;
use Staple::Status;

my $modules = Staple::Server::apxs('LIBEXECDIR');

plan tests => 29, need { 'no mod_proxy' => -e "$modules/mod_proxy_connect.so" };

my $pki = Staple::PKI->new(dir => new_dir('pki'));
my $files = new_dir('files');
my $password = 'p%40s:s w"rd';
my $open = Staple::Proxy->new(pki => $pki, name => 'open');
my $closed = Staple::Proxy->new(pki => $pki, name => 'closed', user => 'me',
                                password => $password);
my $dead = 'http://127.0.0.1:' . free_port();
my $responder = Staple::Responder->new(pki => $pki);
my $lists = Staple::ListServer->new(dir => new_dir('lists'));
my $url = $responder->url;
my $status_port = Staple::Server->another_port;

sub secret {
    my ($name, $text) = @_;
    my $path = write_file("$files/$name", $text);

    chmod oct '600', $path or die "$path: $!\n";
    return $path;
}

my $right = secret('right', "me:$password\n");
my $wrong = secret('wrong', "me:guessed\n");
my $ca = $pki->ca_file;
my $other_ca = $pki->file('other-root');

# Each virtual host, what it says, and its certificate's responder or list.
my @hosts = (
    [plain => 'OCSPStapleProxy ' . $open->url],
    [tls => 'OCSPStapleProxy ' . $open->tls_url . "\nOCSPStapleProxyCAFile $ca"],
    [tunnel => 'OCSPStapleProxy ' . $open->tls_url
             . "\nOCSPStapleProxyCAFile $ca",
     url => 'https://localhost:' . $closed->{tls_port} . '/'],
    [secret => 'OCSPStapleProxy ' . $closed->tls_url
             . "\nOCSPStapleProxyCAFile $ca\nOCSPStapleProxyCredentials $right"],
    [guess => 'OCSPStapleProxy ' . $closed->url
            . "\nOCSPStapleProxyCredentials $wrong"],
    [stranger => 'OCSPStapleProxy ' . $closed->url],
    [untrusted => 'OCSPStapleProxy ' . $open->tls_url],
    [wrongca => 'OCSPStapleProxy ' . $open->tls_url
              . "\nOCSPStapleProxyCAFile $other_ca"],
    [dead => "OCSPStapleProxy $dead"],
    [network => "OCSPStapleProxy $dead\nOCSPStapleNoProxy 10.0.0.0/8 127.0.0.0/8"],
    [address => "OCSPStapleProxy $dead\nOCSPStapleNoProxy 127.0.0.1"],
    [host => "OCSPStapleProxy $dead\nOCSPStapleNoProxy localhost",
     url => $url =~ s/127\.0\.0\.1/localhost/r],
    [domain => "OCSPStapleProxy $dead\nOCSPStapleNoProxy .localhost",
     url => $url =~ s/127\.0\.0\.1/a.localhost/r],
    [inherited => ''],
    [direct => 'OCSPStapleProxy none'],
    [alllists => 'OCSPStapleProxy ' . $open->url, url => undef,
     crl => $lists->url('shared.crl')],
    [samelist => 'OCSPStapleProxy none', url => undef,
     crl => $lists->url('shared.crl')],
    [ownlist => "OCSPStapleProxy $dead\nOCSPStapleNoProxy 127.0.0.1",
     url => undef, crl => $lists->url('own.crl')],
);
my %cert;
for my $host (@hosts) {
    my ($name, undef, %opt) = @$host;

    $opt{url} = $url if !exists $opt{url};
    $cert{$name} = $pki->cert("$name.example",
                              map { defined $opt{$_} ? ($_ => $opt{$_}) : () }
                                  qw(url crl));
}
my $list = Staple::CRL->new(pki => $pki, dir => new_dir('ca'));
$lists->put($_, $list->make) for qw(shared.crl own.crl);

# A proxy of its own for what is inherited.
my $main = Staple::Proxy->new(pki => $pki, name => 'main');
my $server = Staple::Server->new(
    modules => [qw(authz_host status)],
    lines => 'OCSPStapleProxy ' . $main->url . "\nOCSPStapleRetryInterval 1\n",
    vhosts => [status_vhost($status_port), map {
        { name => "$_->[0].example", certs => [$cert{ $_->[0] }],
          lines => "OCSPStaple On\n$_->[1]\n" } } @hosts])->start;

sub stapled {
    my ($name) = @_;
    my $result = staple($server, "$name.example");

    return $result->{sent} ? $result->{cert_status} : 'none';
}

my @fine = qw(plain tls secret network address host domain inherited direct);
ok(wait_all_stapled($server, [map { "$_.example" } @fine], within => 20),
   'all those are stapled whose way leads there') or diag(
       join ' ', map { "$_ " . stapled($_) } @fine);
is(scalar $open->saw(qr/^- 200 POST \Q$url\E HTTP/), 2,
   'the open proxy had two of them: by http and by https');
is(scalar $closed->saw(qr/^me 200 POST \Q$url\E HTTP/), 1,
   'the closed one had one, and knew who asked');
is(scalar $main->saw(qr/^- 200 POST \Q$url\E HTTP/), 1,
   'that of the main server had the one that is inherited');
ok(!grep({ $_->{name} =~ /^(?:dead|guess|stranger|untrusted|wrongca)\./ }
             $responder->requests),
   'nobody asked whose proxy does not let him');
for my $name (qw(network address host domain direct)) {
    is(join(' ', map { $_->{headers}{via} // 'direct' }
                 grep { $_->{name} eq "$name.example" } $responder->requests),
       'direct', "$name: without the proxy");
}
ok($open->wait_saw(qr/^- \d+ CONNECT localhost:$closed->{tls_port} HTTP/),
   'an https responder is asked through a tunnel');

# ---- what is wrong is told ----

for my $row ([guess => qr/HTTP 407/], [stranger => qr/HTTP 407/],
             [untrusted => qr/TLS connection/], [wrongca => qr/TLS connection/],
             [dead => qr/no connection to the server/]) {
    my ($name, $pattern) = @$row;

    ok($server->wait_log(qr/CN=$name\.example.*$pattern/, 10),
       "$name: the log says so");
    is(stapled($name), 'none', "$name: not stapled");
}
is(scalar grep({ /guessed|\Q$password\E/ } $server->error_log), 0,
   'no password is in the log');

# ---- who is down by one way answers by another ----

my $json = wait_status($status_port, sub {
    grep { $_->{state} eq 'down' && ($_->{proxy} // '') eq $dead }
         @{ $_[0]{responders} } }, 20);
ok($json, 'the responder is down through the dead proxy');
is(join(' ', sort map { $_->{state} } grep { !defined $_->{proxy} && $_->{url} eq $url }
             @{ ($json // {})->{responders} }), 'answers',
   'and answers directly');

# ---- lists ----

ok($open->wait_saw(qr/^- 200 GET \S+shared\.crl HTTP/),
   'a list of two hosts goes the way of the first one');
is($lists->count('shared.crl'), 1, 'and is asked for once');
ok($lists->wait_count('own.crl', 1, 10) && !$open->saw(qr/own\.crl/),
   'OCSPStapleNoProxy holds for lists, too');
is(join(' ', map { stapled($_) } qw(guess stranger untrusted wrongca dead)),
   'none none none none none',
   'nobody got in later by a connection that another one had made');
is(join("\n", $server->bad_lines), '', 'nothing bad in the log');
