# Whoever can write to the shared store cannot make httpd staple anything wrong.
use strict;
use warnings;

use Apache::Test qw(-withtestmore);
use Digest::SHA qw(sha256 sha1_hex);

use Staple::Test;
use Staple::Client;
use Staple::PKI;
use Staple::Process qw(scale);
use Staple::Responder;
use Staple::Server;
use Staple::Shared;

my $count = 12;
# Of ECDSA's signatures another form may be published than the one that came.
my $pki = Staple::PKI->new(dir => new_dir('pki'), key => 'rsa');
my $responder = Staple::Responder->new(pki => $pki);
my $life = scale(12);
my @certs = $pki->certs($count, same_key => 1, url => $responder->url);
my @names = map { $_->{name} } @certs;
my ($redis, %key);

# A response of the responder, as its present rules have it.
sub response {
    my ($cert) = @_;
    my $file = new_dir('response') . '/der';

    capture(['openssl', 'ocsp', '-issuer', $pki->issuer_file, '-cert',
             $cert->{leaf}, '-url', $responder->url, '-respout', $file,
             '-noverify']);
    return read_file($file) // die "no response\n";
}

# A value that is right in every respect but the response.
sub value {
    my ($cert, $der) = @_;

    return shared_value($key{ $cert->{name} }, $der);
}

sub put {
    my ($cert, $value) = @_;

    $redis->ask('SETEX', "ocspstaple:$key{ $cert->{name} }", 3600, $value);
    return $value;
}

sub value_of {
    my ($cert) = @_;

    return $redis->ask('GET', "ocspstaple:$key{ $cert->{name} }") // '';
}

my @poisons = (
    ['junk' => sub { 'junk' x 300 }],
    ['nothing' => sub { "\0" }],
    ['a megabyte' => sub { 'x' x 1_000_000 }],
    ['the value of another certificate' => sub { $_[2][($_[1] + 1) % $count] }],
    ['the response of another certificate' => sub {
        value($_[0], response($certs[($_[1] + 1) % $count]))
    }],
    ['a forged response' => sub { value($_[0], response($_[0])) },
     signer => 'noeku'],
    ['a forged response of another CA' => sub {
        value($_[0], response($_[0]))
    }, signer => 'other-ocsp'],
    ['a spoiled signature' => sub { value($_[0], response($_[0])) },
     flip => 'tbs'],
    ['an expired response' => sub { value($_[0], response($_[0])) },
     this => -7200, next => -3600],
    ['a response that holds next year' => sub {
        value($_[0], response($_[0]))
    }, this => 365 * 86400, next => 366 * 86400],
);

plan tests => 4 + 4 * @poisons + 5,
    need { 'no redis-server' => have_tool('redis-server') };
$redis = Staple::Shared::Redis->new;

sub start_server {
    my ($server) = fleet(1, \@certs, modules => [$redis->modules],
                         lines => $redis->lines);
    return $server->start;
}

sub all_good {
    my ($server, $what) = @_;

    wait_all_stapled($server, \@names, within => 15);
    my $result = handshakes($server, \@names, verify => $pki->ca_file);
    is(grep({ $_->{ok} && $_->{status} eq 'good' } @{ $result->{rows} }),
       $count, $what);
    return $result;
}

# ---- a healthy start, and which key belongs to whom ----

for my $cert (@certs) {
    my ($text) = capture(['openssl', 'x509', '-in', $cert->{leaf}, '-outform',
                          'DER', '-out', "$cert->{leaf}.der"]);

    $key{ $cert->{name} } = unpack 'H*', sha256(read_file("$cert->{leaf}.der"));
}
my $server = start_server();
all_good($server, 'all are good');
is(join(' ', sort $redis->keys_of_values),
   join(' ', sort map { "ocspstaple:$_" } values %key),
   'the keys are SHA-256 of the certificates');
is(value($certs[0], substr value_of($certs[0]), 96, -32) =~ s/^.{56}.{8}//sr
       =~ s/.{32}$//sr,
   value_of($certs[0]) =~ s/^.{56}.{8}//sr =~ s/.{32}$//sr,
   'this test writes values as the module does');

# A second machine would take them.
$responder->clear_log;
my $second = start_server();
wait_all_stapled($second, \@names, within => 15);
is($responder->count, 0, 'a second machine asks nobody');
$second->stop;
$server->stop;

# ---- each poison, and a machine that starts with it ----

for my $poison (@poisons) {
    my ($name, $make, %rule) = @$poison;
    my @before = map { value_of($_) } @certs;
    my @values;

    $responder->set('*', 'good', %rule);
    push @values, $make->($certs[$_], $_, \@before) for 0 .. $#certs;
    put($certs[$_], $values[$_]) for 0 .. $#certs;
    $responder->reset_rules;
    $redis->forget_notes;
    $server = start_server();
    all_good($server, "$name: all are good");
    ok(wait_until(sub {
        !grep { value_of($certs[$_]) eq $values[$_] } 0 .. $#certs
    }, 10), "$name: replaced");
    my @lines = $server->log_lines(qr/OST0084/);
    cmp_ok(scalar @lines, '==', 1, "$name: one line") or diag(@lines);
    is(join("\n", $server->log_lines(qr/OST004[012]/), $server->bad_lines), '',
       "$name: no certificate noticed");
    $server->stop;
}

# ---- newer stays newer ----

$responder->set('*', 'good', this => -1000, next => 36000);
my @old = map { response($_) } @certs;
my %is_old = map { sha1_hex($_) => 1 } @old;
$responder->set('*', 'good', next => $life);
$redis->ask('FLUSHALL');
$server = start_server();
all_good($server, 'all are good');
$responder->clear_log;
put($certs[$_], value($certs[$_], $old[$_])) for 0 .. $#certs;
my $is_back = 0;
ok(wait_until(sub {
    my $result = handshakes($server, \@names);
    $is_back += grep { $is_old{ $_->{sha1} } } @{ $result->{rows} };
    return refreshed($server) >= 2 * $count;
}, 2 * $life, 0.2), 'a period later they are new');
is($is_back, 0, 'none was replaced by an older one');
is($responder->count, $count, 'the responder was asked');
is(join("\n", $server->bad_lines), '', 'nothing bad in the log');
