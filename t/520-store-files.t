# Stored files are material from outside: what was damaged, forged or swapped
# is set aside and never served, whatever it is.
use strict;
use warnings;

use Apache::Test qw(-withtestmore);
use Staple::Test;
use Staple::Client;
use Staple::PKI;
use Staple::Responder;
use Staple::Server;
use Staple::Stored;

my $pki = Staple::PKI->new(dir => new_dir('pki'));
my $responder = Staple::Responder->new(pki => $pki);
my $other = $pki->cert('other.example', url => $responder->url);

# A response for this certificate that is right, apart from these keys.
sub response {
    my ($cert, %keys) = @_;
    my $file = new_dir('der') . '/der';

    $responder->set($cert->{name}, 'good', %keys);
    capture(['openssl', 'ocsp', '-issuer', $pki->issuer_file, '-cert',
             $cert->{leaf}, '-url', $responder->url, '-no_nonce', '-noverify',
             '-respout', $file]);
    $responder->set($cert->{name}, 'good');
    return read_file($file) // die "no response for $cert->{name}\n";
}

# What becomes of a file; it gets the file and the certificate.  The last is
# what the log says, or nothing where the file was once all right.
my $n = 0;
my @damage = map { my $at = $_; [
    "a byte at $at/24" => sub {
        my ($file) = @_;
        my $bytes = $file->read;

        substr($bytes, int(length($bytes) * $at / 24), 1) ^= chr(1 << $n++ % 8);
        $file->write_bytes($bytes);
    }, qr/damaged or of another/]
} 0 .. 23;
my @cuts = map { my $part = $_; [
    "cut off at $part" => sub {
        my ($file) = @_;
        my $bytes = $file->read;

        $file->write_bytes(substr $bytes, 0, int(length($bytes) * $part));
    }, qr/damaged or of another/]
} 0, 0.01, 0.5, 0.99;
# The digest is right: only the signature tells.
my @flips = map { my $at = $_; [
    "a byte of the response at $at/12" => sub {
        my ($file) = @_;
        my $der = $file->der;

        substr($der, int(length($der) * $at / 12), 1) ^= "\x01";
        $file->write(der => $der);
    }, qr/./]
} 0 .. 11;
my @forged = (
    ['of another certificate' => sub {
        my ($file) = @_;
        $file->write(der => response($other));
    }, qr/nothing about this certificate/],
    ['another file under this name' => sub {
        my ($file) = @_;
        $file->write(sha256 => 'x' x 32);
    }, qr/damaged or of another/],
    ['signed by another CA' => sub {
        my ($file, $cert) = @_;
        $file->write(der => response($cert, signer => 'other-ocsp'));
    }, qr/neither the issuer's nor in the response|not authorised/],
    ['signed by the leaf' => sub {
        my ($file, $cert) = @_;
        $file->write(der => response($cert, signer => 'leaf'));
    }, qr/not authorised/],
    ['much too large' => sub {
        my ($file) = @_;
        $file->write_bytes('x' x 200_000);
    }, qr/too large/],
    ['a link' => sub {
        my ($file) = @_;
        my $bytes = $file->read;
        unlink $file->path;
        write_file($file->path . '.elsewhere', $bytes);
        symlink $file->path . '.elsewhere', $file->path;
    }, qr/a link/],
    ['a pipe' => sub {
        my ($file) = @_;
        unlink $file->path;
        system 'mkfifo', $file->path;
    }, qr/not a plain file/],
    ['a directory' => sub {
        my ($file) = @_;
        unlink $file->path;
        mkdir $file->path;
    }, qr/not a plain file/],
    ['open to all' => sub {
        my ($file) = @_;
        chmod 0666, $file->path;
    }, qr/others than its owner/],
);
my @outdated = (
    ['expired' => sub {
        my ($file, $cert) = @_;
        $file->write(der => response($cert, this => -7200, next => -3600));
    }],
    ['of tomorrow' => sub {
        my ($file, $cert) = @_;
        $file->write(der => response($cert, this => 86400, next => 90000));
    }],
);
my @bad = (@damage, @cuts, @flips, @forged);
my @rows = (@bad, @outdated);

plan tests => 12;

my @certs = $pki->certs(@rows + 2, prefix => 'f', same_key => 1,
                        url => $responder->url);
my ($older, $whole) = @certs[-2, -1];
my @names = map { $_->{name} } @certs;
my @vhosts = Staple::Server->stapled(@certs);
my $server = Staple::Server->new(vhosts => \@vhosts)->start;
my $store = $server->root . '/store';

ok(wait_all_stapled($server, \@names, within => 20), 'all stapled');
ok(wait_until(sub { stored_files($store) == @names }, 20), 'all stored');
$server->stop;
$rows[$_][1]->(Staple::Stored->new($server, $certs[$_]), $certs[$_])
    for 0 .. $#rows;
Staple::Stored->new($server, $older)->write(
    der => response($older, this => -86400, next => 86400));

# ---- a start with the responder dead ----
$responder->clear_log->stop;
$server->mark->start;
my $result = handshakes($server, \@names, verify => $pki->ca_file);
my %status = map { $_->{name} => $_->{status} } @{ $result->{rows} };
is(join(', ', map { $status{ $names[$_] } eq 'none' ? () : $rows[$_][0] }
        0 .. $#rows), '', 'none of them is served');
is($status{ $older->{name} }, 'good', 'one that is old, but good, is');
is($status{ $whole->{name} }, 'good', 'so is the one that nobody touched');
is($result->{failed}, 0, 'no handshake fails');

# ---- the log, and what is left ----
my @lines = $server->log_lines(qr/OST0092/, since => 1);
is(@lines, 16, 'a word about each, but not about more than 16');
is(join(', ', map {
        my ($cert, $row) = ($certs[$_], $rows[$_]);
        my ($line) = grep { /\(serial 0*\Q$cert->{serial}\E\)/i } @lines;

        !defined $line || $line =~ $row->[2] ? () : "$row->[0]: $line"
    } 0 .. $#bad), '', 'which says what is wrong with it');
my @aside = glob "$store/*.bad";
is(@aside, 16, '16 are kept for people to look at');
like(join("\n", $server->log_lines(qr/OST0096/, since => 1)),
     qr/\b2 staples restored.*; 2 files out of date, ${\ scalar @bad} not /,
     'one line sums up');

# ---- the responder is back ----
$responder->start;
ok(wait_all_stapled($server, \@names, within => 40),
   'all are stapled again when the responder is back');
is(join("\n", $server->bad_lines), '', 'nothing bad in the log');
