# An issuer with the right name and key id but another key, on whichever host it
# comes first: it is nobody's issuer but where it signed.
use strict;
use warnings;

use Apache::Test qw(-withtestmore);
use Staple::Test;
use Staple::Client;
use Staple::PKI;
use Staple::Responder;
use Staple::Server;
use Staple::Status;

plan tests => 21, need { 'no openssl' => have_tool('openssl') };

# root - middle - a, b, c, shared, twice
my $pki = Staple::PKI->new(dir => new_dir('pki'));
my $responder = Staple::Responder->new(pki => $pki);
my $url = $responder->url;
my $middle = $pki->cert('middle', ca => 1, issuer => 'root', url => $url);
my %cert = map { $_ => $pki->cert("$_.example", issuer => $middle, url => $url) }
    qw(a b c shared twice);

# Its twin: what OpenSSL goes by without looking at signatures.
sub forge {
    my ($name) = @_;
    my $base = "$pki->{dir}/forged-$name";
    my $real = $name eq 'root' ? $pki->file('root') : $middle->{leaf};
    my ($subject) = capture(['openssl', 'x509', '-in', $real, '-noout',
                             '-subject', '-nameopt', 'compat']);
    my ($id) = capture(['openssl', 'x509', '-in', $real, '-noout', '-ext',
                        'subjectKeyIdentifier']);
    my ($hex) = $id =~ /^\s+((?:[0-9A-F]{2}:)+[0-9A-F]{2})$/m;

    $subject =~ s/^subject=\s*(.*?)\s*$/$1/s;
    write_file("$base.cnf", <<"END");
[req]
distinguished_name=dn
x509_extensions=ca
[dn]
[ca]
basicConstraints=critical,CA:TRUE
keyUsage=critical,keyCertSign,cRLSign
subjectKeyIdentifier=$hex
authorityInfoAccess=OCSP;URI:$url
END
    my ($text, $status) = capture([
        'openssl', 'req', '-x509', '-config', "$base.cnf", '-subj', $subject,
        '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes',
        '-keyout', "$base.key", '-out', "$base.pem"]);
    die "openssl req: $text\n" if $status;
    return "$base.pem";
}

my %forged = map { $_ => forge($_) } qw(root middle);

# A certificate with these behind it in its file.
my $files = 0;

sub with {
    my ($cert, @chain) = @_;
    my $path = "$pki->{dir}/chain-" . ++$files . '.pem';

    write_file($path, join '', map { read_file($_) } $cert->{leaf}, @chain);
    return { %$cert, chain => $path };
}

my ($real, $root) = ($middle->{leaf}, $pki->file('root'));
my $port = Staple::Server->another_port;

sub host {
    my ($name, $cert) = @_;

    return { name => "$name.example", certs => [$cert],
             lines => "OCSPStaple On\n" };
}

# Whoever is looked at first: the forger stands first and last.
my $server = Staple::Server->new(
    modules => [qw(authz_host status)], lines => "OCSPStapleStore none\n",
    vhosts => [
        host('a', with($cert{a}, $real, $forged{root})),
        host('forger1', with($cert{shared}, $forged{middle})),
        host('shared', with($cert{shared}, $real, $root)),
        host('b', with($cert{b}, $real, $root)),
        host('twice', with($cert{twice}, $real, $root)),
        host('forger2', with($cert{twice}, $forged{middle})),
        host('c', with($cert{c}, $real, $forged{root})),
        status_vhost($port),
    ])->start;
my @names = map { "$_.example" } qw(a b c shared twice forger1 forger2);

ok(wait_all_stapled($server, \@names, verify => $pki->ca_file),
   'all are stapled, whichever host came first');

# ---- the certificate's own issuer ----

for (['forger1', 'shared'], ['forger2', 'twice']) {
    my ($forger, $honest) = @$_;
    my @lines = $server->log_lines(qr/OST0132.*"CN=\Q$honest\E\.example"/);

    is(@lines, 1, "$honest: one line") or diag(@lines);
    like($lines[0] // '', qr/:warn\].*for\ server\ \Q$forger\E\.example\ .*
                             did\ not\ sign.*server\ \Q$honest\E\.example/x,
         "$honest: who is wrong, who is right");
    is($responder->count(name => "$honest.example"), 1,
       "$honest: asked about once, by the right CertID");
}

# ---- the issuer's issuer ----

sub shown {
    my ($name) = @_;

    return grep { $_->{subject} eq "CN=$name" }
        @{ status_json($port)->{certificates} };
}

ok(wait_until(sub { grep { $_->{state} eq 'good' } shown('middle') }, 10),
   'the intermediate is followed, by its real issuer');
is(scalar(shown('middle')), 1, 'and no twin of it');
$responder->set('middle', 'revoked', time => -60);
$server->restart;
ok(wait_until(sub { grep { $_->{state} eq 'revoked' } shown('middle') }, 10),
   'it is revoked');
for my $name (qw(a b c shared twice)) {
    ok(wait_until(sub {
        grep { $_->{state} eq 'issuer-revoked' } shown("$name.example");
    }, 10), "$name: the issuer's revocation is seen");
}

# ---- the tool ----

sub fetch {
    return capture([top_builddir() . '/ocspstaple', 'fetch', '--chain', @_],
                   timeout => 30);
}

my $both = with($cert{b}, $forged{middle}, $real);
my $wrong = with($cert{b}, $forged{middle});
my ($text, $status) = fetch($both->{chain});
is($status, 0, 'ocspstaple: of two issuers the one that signed') or diag($text);
($text, $status) = fetch($wrong->{chain});
isnt($status, 0, 'ocspstaple: a forged issuer alone is none');
like($text, qr/wrong_issuer|not the one/, 'ocspstaple: and says why');

# ---- alone ----

# Whom a host harms that has a forged issuer and no other host knows better.
$responder->set('middle', 'good');
$server->reconfigure(vhosts => [
    host('b', with($cert{b}, $forged{middle})),
    host('a', with($cert{a}, $real, $root)), status_vhost($port)])->restart;
ok(wait_all_stapled($server, ['a.example']), 'others are stapled');
is(staple($server, 'b.example')->{sent}, 0,
   'what its forged issuer did not certify is not');
is(join("\n", $server->bad_lines), '', 'nothing bad in the log');
