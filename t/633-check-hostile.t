# The command check of ocspstaple at servers that mean no good: it ends in time,
# takes no more than its limits, and prints nothing that is not text.
use strict;
use warnings;

use Apache::Test qw(-withtestmore);
use IO::Socket::INET ();
use JSON::PP ();
use Staple::Test;
use Staple::Greeter;
use Staple::PKI;
use Staple::Process qw(free_port spawn reap);
use Staple::Responder;
use Staple::TlsServer;

my $pki = Staple::PKI->new(dir => new_dir('pki'));
my $responder = Staple::Responder->new(pki => $pki);
my $cert = $pki->cert('a.example', url => $responder->url);
my $odd = $pki->cert('o.example', subject => "CN=a|b\e[31m\x{7}c,O=\x{c3}\x{a4}|",
                     url => $responder->url);
my $dir = new_dir('hostile');

sub check {
    my ($server, @arguments) = @_;
    my $port = ref $server ? $server->port : $server;
    my ($text, $status) = capture(
        [top_builddir() . '/ocspstaple', 'check', 'a.example', '--connect',
         "127.0.0.1:$port", '--ca', $pki->ca_file, @arguments],
        timeout => 60);

    return ($status, $text);
}

sub says {
    my ($name, $status, $pattern, @how) = @_;
    my $began = time;
    my $text = first_line_says($name, $status, $pattern, check(@how));

    unlike($text, qr/[^\n -~]/, "$name: in print");
    cmp_ok(time - $began, '<', Staple::Process::scale(15), "$name: in time");
    return $text;
}

sub response {
    my ($name, @rule) = @_;

    $responder->set('*', @rule);
    return $responder->write_response($cert, "$dir/$name.der");
}

plan tests => 57;

# ---- what it sends instead of a handshake ----

my $silent = IO::Socket::INET->new(Listen => 5, LocalAddr => '127.0.0.1')
    or die "no port: $!\n";
says('silence', 2, qr/no TLS: the server does not answer in time$/,
     $silent->sockport, '--timeout', 1);
for my $row (
    ['byte by byte', drip => "\x16", qr/no TLS: /],
    ['one record, byte by byte', drip => "\x03", qr/no TLS: /],
    ['junk without end', flood => "\x16\x03\x03\x3f\xffjunk" x 100, qr/no TLS: /],
    ['warnings without end', flood => "\x15\x03\x03\x00\x02\x01\x5a" x 100,
     qr/no TLS: /],
    ['empty records without end', flood => "\x16\x03\x03\x00\x00" x 100,
     qr/no TLS: /],
    ['half a record', drip => "\x16\x03\x03\x40", qr/no TLS: /],
) {
    my ($name, $then, $bytes, $pattern) = @$row;
    my $server = Staple::Greeter->new(talk => [], then => $then,
                                      bytes => $bytes);

    says($name, 2, qr/^OCSP CRITICAL: a\.example:443: $pattern/, $server,
         '--timeout', 2);
}

# ---- certificates ----

my $ca = read_file($pki->issuer_file);
write_file("$dir/chain", $ca x 200);
my $long = Staple::TlsServer->new(cert => $cert, issuer => "$dir/chain");
says('200 issuers', 2, qr/: no TLS: excessive message size$/, $long, "--tls$_")
    for qw(1.2 1.3);
write_file("$dir/chain", $ca x 20);
my $less = Staple::TlsServer->new(cert => $cert, issuer => "$dir/chain",
                                  staple => response('good', 'good'));
says('20 issuers', 0, qr/^OCSP OK: .* good/, $less);
my $name = Staple::TlsServer->new(cert => $odd, issuer => $pki->issuer_file);
my $text = says('an odd name', 2, qr/mismatch.*no staple/i, $name);
like($text, qr/^certificate: CN=a/m, 'an odd name: it is shown');
is(scalar(() = $text =~ /\|/g), 1, 'an odd name: one bar, before the data');

# ---- staples ----

my $large = Staple::TlsServer->new(
    cert => $cert, issuer => $pki->issuer_file,
    staple => response('large', 'good', pad => 60_000));
says('60 kB', 0, qr/^OCSP OK: .* good/, $large, '--tls1.3');
says('60 kB, TLS 1.2', 2, qr/: no TLS: excessive message size$/, $large,
     '--tls1.2');

# ---- whatever holds it up beyond its time ----

my $log = "$dir/log";
$silent->accept; # the one that was told nothing above
my $pid = spawn([top_builddir() . '/ocspstaple', 'check', '127.0.0.1:'
                 . $silent->sockport, '--timeout', 100], $log);
my $held = wait_until(sub { $silent->accept }, 10);
ok($held, 'it has connected');
kill 'ALRM', $pid;
is(reap($pid, 10), 2, 'the alarm ends it: exit status 2');
like(read_file($log), qr/\AOCSP CRITICAL: \S+: the check did not end in time\n\z/,
     'and a sentence');
