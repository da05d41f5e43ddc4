# OCSPStapleResponseFile: a server that may ask nobody, and one that may.
use strict;
use warnings;

use Apache::Test qw(-withtestmore);
use MIME::Base64 qw(encode_base64);
use Staple::Test;
use Staple::Client;
use Staple::PKI;
use Staple::Responder;
use Staple::Server;

plan tests => 27;

my $pki = Staple::PKI->new(dir => new_dir('pki'));
my $responder = Staple::Responder->new(pki => $pki);
my $cert = $pki->cert('a.example', url => $responder->url);
my $other = $pki->cert('b.example', url => $responder->url);
my $dir = new_dir('files');
my $path = "$dir/a.der";

# What the responder would say under this rule.
sub response {
    my ($cert, @rule) = @_;
    my $file = "$dir/response";

    $responder->set_all(['*', @rule]);
    unlink $file;
    my ($text) = capture(['openssl', 'ocsp', '-issuer', $pki->issuer_file,
                          '-cert', $cert->{leaf}, '-url', $responder->url,
                          '-respout', $file, '-noverify', '-no_nonce']);
    return read_file($file) // die "no response: $text\n";
}

# Puts it in place, and looks for a new line of the log.
sub put {
    my ($bytes, $line) = @_;

    $server::it->mark;
    write_file($path, $bytes);
    chmod 0644, $path;
    return $server::it->wait_log($line, 10, since => 1);
}

my %good = map { $_ => response($cert, 'good', this => -$_, next => 7200) }
    (3600, 60, 50, 40, 35, 30);
my $revoked = response($cert, 'revoked', this => -10, next => 7200);
my $expired = response($cert, 'good', this => -7200, next => -3600);
my $foreign = response($other, 'good', next => 7200);
my $forged = response($cert, 'good', flip => 'signature');

write_file($path, $good{3600});
chmod 0644, $path;
$responder->clear_log;
my $server = $server::it = Staple::Server->new(vhosts => [
    { name => 'a.example', certs => [$cert],
      lines => "OCSPStaple On\nOCSPStapleResponder none\n"
             . "OCSPStapleResponseFile $path $dir/missing.der\n" }])->start;

sub sha1 {
    my ($row) = @{ handshakes($server, ['a.example'])->{rows} };

    return $row->{sha1};
}

is(wait_staple($server, 'a.example')->{cert_status}, 'good',
   'a good file is stapled');
my $first = sha1();
ok($server->wait_log(qr/missing\.der.*(?:No such file|cannot be read)/i, 10),
   'a file that is not there is told');

write_file($path, $good{60});
chmod 0644, $path;
ok(wait_until(sub { sha1() ne $first }, 10), 'a changed file is picked up');
my $held = sha1();

# As `openssl base64` writes it, and as PEM.
for my $row (['base64', sub { encode_base64($_[0]) }, 50],
             ['base64 on one line', sub { encode_base64($_[0], '') }, 40],
             ['PEM', sub { "-----BEGIN OCSP RESPONSE-----\n"
                           . encode_base64($_[0])
                           . "-----END OCSP RESPONSE-----\n" }, 35]) {
    my ($name, $form, $age) = @$row;

    write_file($path, $form->($good{$age}));
    chmod 0644, $path;
    ok(wait_until(sub { sha1() ne $held }, 10), "$name is taken, too");
    $held = sha1();
}

for my $row (['damaged', 'junk', qr/a\.der.*not a well-formed OCSP response/],
             ['empty', '', qr/a\.der.*(?:empty|well-formed)/],
             ['cut PEM', "-----BEGIN OCSP RESPONSE-----\n"
              . substr(encode_base64($good{30}), 0, 200), qr/a\.der.*well-formed/],
             ['not base64', "MIIB*\n", qr/a\.der.*well-formed/],
             ['cut', substr($good{30}, 0, 200), qr/a\.der.*well-formed/],
             ['too large', "\x30" x 70000, qr/a\.der.*larger than it may be/],
             ['foreign', $foreign,
              qr/a\.der.*says nothing about this certificate/],
             ['expired', $expired, qr/a\.der.*out of date/],
             ['forged', $forged, qr/a\.der.*signature/]) {
    my ($name, $bytes, $line) = @$row;

    ok(put($bytes, $line), "$name: refused, with a line")
        or diag($server->error_log(since => 1));
    is(sha1(), $held, "$name: what was held is stapled");
}

# Not read as a line of its own: nothing is wrong with an older one.
put($good{3600}, qr/a\.der.*older/);
is(sha1(), $held, 'an older one does not replace the one held');
write_file($path, $revoked);
chmod 0644, $path;
is(wait_staple($server, 'a.example',
               until => sub { ($_[0]{cert_status} // '') eq 'revoked' })
       ->{cert_status}, 'revoked', 'a newer one does, also where it is bad news');
is($responder->count, 0, 'nobody was asked over the network');
