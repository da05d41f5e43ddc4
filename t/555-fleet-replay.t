# Whoever can write to the shared store can offer what was said before: an older
# good one does not take the place of revoked, though both have one thisUpdate,
# and what is taken is taken whole: what is stapled is what the status says.
use strict;
use warnings;

use Apache::Test qw(-withtestmore);
use Digest::SHA qw(sha256_hex);

use Staple::Test;
use Staple::Client;
use Staple::PKI;
use Staple::Responder;
use Staple::Server;
use Staple::Shared;
use Staple::Status;

plan tests => 14, need { 'no redis-server' => have_tool('redis-server') };

my $pki = Staple::PKI->new(dir => new_dir('pki'));
my $responder = Staple::Responder->new(pki => $pki);
my $cert = $pki->cert('a.example', url => $responder->url);
my $port = Staple::Server->another_port;
my $redis = Staple::Shared::Redis->new;
my $hour = int(time / 3600) * 3600; # certificate authorities round thisUpdate
my ($der) = capture(['openssl', 'x509', '-in', $cert->{leaf}, '-outform',
                     'DER']);
my $key = sha256_hex($der);
my @vhosts = (status_vhost($port), { name => 'a.example', certs => [$cert],
                                     lines => "OCSPStaple On\n" });
my $server = Staple::Server->new(
    modules => [qw(authz_host status), $redis->modules], vhosts => \@vhosts,
    lines => $redis->lines . "OCSPStapleRetryInterval 1\n");

# A response of that hour with this status, produced so many seconds after it
# began.
sub rule {
    my ($status, $produced) = @_;

    return ('*', $status, this => "\@$hour", next => 7 * 86400,
            produced => '@' . ($hour + $produced));
}

# The same as a value in the store, got so many seconds ago.
sub offer {
    my ($status, $produced, $ago) = @_;
    my $file = new_dir('response') . '/der';

    $responder->set(rule($status, $produced));
    capture(['openssl', 'ocsp', '-issuer', $pki->issuer_file, '-cert',
             $cert->{leaf}, '-url', $responder->url, '-respout', $file,
             '-noverify', '-no_nonce']);
    $redis->ask('SETEX', "ocspstaple:$key", 3600,
                shared_value($key, read_file($file), fetched => time - $ago));
    return;
}

# Whoever is asked by another method is asked at once.
my @methods = qw(post get);

sub look {
    $vhosts[1]{lines} = "OCSPStaple On\nOCSPStapleMethod $methods[0]\n";
    @methods = reverse @methods;
    $redis->forget_notes;
    $responder->clear_log;
    $server->reconfigure(vhosts => \@vhosts)->mark->graceful(wait => 1);
    return;
}

sub served { return staple($server, 'a.example')->{cert_status} // 'none' }
sub state { return status_json($port)->{certificates}[0]{state} }

$responder->set(rule('revoked', 2));
$server->start;
wait_staple($server, 'a.example');
is(served(), 'revoked', 'revoked');
is(state(), 'revoked', 'revoked, says the status');

# ---- an older good one, got just now ----
offer('good', 1, 0);
$responder->set(rule('revoked', 2));
look();
ok($responder->wait_for(sub { $responder->count > 0 }, 20),
   'an older good one in the store: the responder is asked');
is(served(), 'revoked', 'revoked is stapled');
is(state(), 'revoked', 'and is what the status says');

# ---- the same, and a responder that does not answer ----
offer('good', 1, 86400);
$responder->set('*', 'http=500');
look();
ok($server->wait_log(qr/OST0041/, 20, since => 1),
   'an older good one, and no responder: the job fails');
is(served(), 'revoked', 'revoked is stapled');
is(state(), 'revoked', 'and is what the status says');
is($server->log_lines(qr/OST0084/), 0, 'nothing is wrong with the value');

# ---- a newer good one that will not do: it was got too long ago ----
offer('good', 3, 86400);
$responder->set('*', 'http=500');
look();
ok($server->wait_log(qr/OST0041/, 20, since => 1),
   'a newer one that was got long ago, and no responder: the job fails');
is(served(), 'good', 'it is stapled');
is(state(), 'good', 'and is what the status says');
is($server->log_lines(qr/OST0084/), 0, 'nothing is wrong with the value');
is(join("\n", $server->bad_lines), '', 'nothing bad in the log');
