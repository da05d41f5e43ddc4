# What httpd -t tells before a start: with -D DUMP_OCSPSTAPLE each server's
# certificates and what becomes of them, and always which files of
# OCSPStapleResponseFile will be refused.
use strict;
use warnings;

use Apache::Test qw(-withtestmore);
use Staple::Test;
use Staple::PKI;
use Staple::Responder;
use Staple::Server;

my $pki = Staple::PKI->new(dir => new_dir('pki'));
my $responder = Staple::Responder->new(pki => $pki);
my $url = $responder->url;
my %cert = (
    good => $pki->cert('good.example', url => $url),
    rsa => $pki->cert('rsa.example', url => $url, key => 'rsa:2048'),
    bare => $pki->cert('bare.example', must_staple => 1),
    crl => $pki->cert('crl.example', crl => 'http://127.0.0.1:9/ca.crl'),
    alone => $pki->cert('alone.example', url => $url, issuer => 'other-ca'),
    self => $pki->cert('self.example', self_signed => 1),
);
my $server = Staple::Server->new(vhosts => []);
my $root = $server->root;
my $on = "OCSPStaple On\n";
my ($text, $exit, %dump);

sub host {
    my ($name, $lines, @certs) = @_;

    return { name => $name, certs => \@certs, lines => $lines };
}

# Runs httpd -t; what it prints of each host, and all of it.
sub preview {
    my ($hosts, @arguments) = @_;

    $server->reconfigure(vhosts => $hosts);
    ($text, $exit) = $server->configtest(@arguments);
    %dump = $text =~ /^virtual\ host\ (\S+)\ .*?\n((?:\ \ .*\n)*)/mgx;
    is($exit, 0, "httpd -t @arguments: is content") or diag($text);
    return;
}

sub says {
    my ($host, $words, $what) = @_;

    like($dump{$host} // '', $words, "$host: $what") or diag($text);
    return;
}

# ---- the certificates ----

my $alone = { %{ $cert{alone} }, chain => $cert{alone}{leaf} };
my $there = $pki->cert('there.example', url => $url, issuer => 'other-ca');
preview([host('good.example', "$on<IfModule ssl_module>\n"
                            . "OCSPStapleTimeout 7\n</IfModule>\n",
              $cert{good}, $cert{rsa}),
         host('off.example', '', $cert{good}),
         host('bare.example', $on, $cert{bare}),
         host('crl.example', $on, $cert{crl}),
         host('alone.example', $on, $alone),
         host('elsewhere.example',
              $on . 'OCSPStapleChainFile ' . $pki->file('other-ca') . "\n",
              { %$there, chain => $there->{leaf} }),
         host('self.example', $on, $cert{self}),
         host('none.example', "${on}OCSPStapleResponder none\n", $cert{good}),
        ], '-D', 'DUMP_OCSPSTAPLE');
says('good.example', qr/^  OCSPStapleTimeout 7$/m, 'what differs');
unlike($dump{'good.example'}, qr/OCSPStapleInterval/, '... and no more');
my ($serial) = $cert{good}{serial} =~ /^0*(.*)/;
says('good.example', qr{^\ \ certificate\ \Q$cert{good}{chain}\E\n
     \ {4}CN=good.example,\ serial\ 0*\Q$serial\E,\ ECDSA,\ ends\ \d{4}-\S+Z\n
     \ {4}responders:\ \Q$url\E\n\ {4}stapled\n}mxi, 'its certificate');
says('good.example', qr{^  certificate \Q$cert{rsa}{chain}\E\n.*RSA.*\n.*\n    stapled$}m,
     'its other certificate');
says('off.example', qr/^    not stapled: OCSPStaple is Off here$/m, 'why not');
says('bare.example',
     qr/must-staple\n    responders: none\n    not stapled: .*names no OCSP responder.*must-staple: clients will refuse it$/m,
     'why not');
says('crl.example', qr/^    followed by its CRL, not stapled: .*names no OCSP/m,
     'followed');
says('alone.example', qr/^    not stapled: .*issuer is not configured/m, 'why not');
says('elsewhere.example', qr/^    stapled$/m, 'its issuer is found');
says('self.example', qr/^    not stapled: .*self-signed/m, 'why not');

# ---- how files are found ----

write_file("$root/more.conf", "SSLCertificateFile $cert{rsa}{chain}\n"
                            . "SSLCertificateKeyFile $cert{rsa}{key}\n");
write_file("$root/chain.pem", read_file($pki->file('other-ca')));
write_file("$root/junk.pem", "no certificate\n");
my $port = $server->port;
$server->reconfigure(modules => ['macro'], lines => <<"END");
Define TheMore $root/more.conf
SSLCertificateFile $cert{good}{chain}
SSLCertificateKeyFile $cert{good}{key}
<Macro Host \$name>
<VirtualHost 127.0.0.1:$port>
ServerName \$name
SSLEngine On
OCSPStaple On
SSLCertificateFile $cert{rsa}{chain}
SSLCertificateKeyFile $cert{rsa}{key}
</VirtualHost>
</Macro>
Use Host macro-1.example
Use Host macro-2.example
END
preview([host('included.example',
              "${on}<IfDefine TheMore>\nInclude \${TheMore}\n</IfDefine>\n"),
         host('chained.example',
              "${on}SSLCertificateChainFile $root/chain.pem\n", $alone),
         host('inherits.example', $on),
         host('junk.example', $on,
              { %{ $cert{good} }, chain => "$root/junk.pem" }),
         { name => 'plain.example', plain => 1, lines => $on,
           certs => [$cert{good}] },
        ], '-D', 'DUMP_OCSPSTAPLE');
says($_, qr{^  certificate \Q$cert{rsa}{chain}\E$}m, 'its file is found')
    for qw(included.example macro-1.example macro-2.example);
says('chained.example', qr/^    stapled$/m,
     'its issuer is in SSLCertificateChainFile');
says('inherits.example', qr{^  certificate \Q$cert{good}{chain}\E$}m,
     'its file is the main server\'s');
says('junk.example', qr{^  certificate \Q$root\E/junk.pem\n    cannot be read: no start line$}m,
     'its file cannot be read');
unlike($dump{'plain.example'}, qr/certificate/, 'without TLS: none');
$server->reconfigure(lines => '');

# ---- files of responses ----

sub response {
    my ($which, $name, $rule, %opt) = @_;

    $responder->set('*', $rule, %opt);
    return $responder->write_response($cert{$which}, "$root/$name.der");
}

sub files {
    my @files = @_;

    preview([host('good.example', "${on}OCSPStapleResponder none\n"
                . "OCSPStapleResponseFile @files\n", $cert{good})]);
    return;
}

my $good = response('good', 'good', 'good', next => 3600);
files($good);
unlike($text, qr/OST01[0-9]+/, 'a good file: nothing is said');
my $foreign = response('rsa', 'foreign', 'good', next => 3600);
files($foreign);
like($text, qr/OST0181.*\Q$foreign\E will be refused: .*nothing about this/,
     'of another certificate');
my $expired = response('good', 'expired', 'good', this => -7200, next => -3600);
files($expired);
like($text, qr/OST0181.*\Q$expired\E will be refused: .*out of date/,
     'expired');
my $der = read_file($good);
substr($der, -20, 1) ^= "\1";
write_file("$root/bad.der", $der);
files("$root/bad.der");
like($text, qr/OST0181.*bad.der will be refused: .*(?:signature|authorised)/, 'badly signed');
write_file("$root/junk.der", "this is no response\n");
files("$root/junk.der");
like($text, qr/OST0181.*junk.der will be refused: /, 'no response');
files("$root/nowhere.der");
like($text, qr/No such file.*OST0180.*nowhere.der will not be used: it must/,
     'not there');
SKIP: {
    skip 'not root', 2 if $> != 0;
    write_file("$root/secret.der", read_file($good));
    chmod 0600, "$root/secret.der" or die $!;
    files("$root/secret.der");
    like($text, qr/denied.*OST0180.*secret.der will not be used/,
         'not for the eyes of User');
}
preview([host('good.example', "${on}OCSPStapleResponder none\n"
            . "OCSPStapleResponseFile $expired\n", $cert{good})], '-S');
unlike($text, qr/OST018/, 'httpd -S: nothing is said');
($text) = $server->configtest('-D', 'DUMP_OCSPSTAPLE');
like($text, qr/^    stapled, as far as OCSPStapleResponseFile has/m,
     'the dump: by files alone');
files($good, $foreign);
like($text, qr/foreign\.der will be refused/, 'one of two: that one');
unlike($text, qr/good\.der will be refused/, '... and not the other');

# The main server's files are for the certificates of all that inherit them.
$server->reconfigure(
    lines => "OCSPStapleResponseFile $good $foreign\n",
    vhosts => [map { host("$_.example", $on, $cert{$_}) } qw(good rsa)]);
($text, $exit) = $server->configtest;
is($exit, 0, 'files of the main server: is content');
unlike($text, qr/will be refused/, 'files of the main server: each is of a certificate');

# What is said is what happens.
$server->reconfigure(lines => '', vhosts => [
    host('good.example', "${on}OCSPStapleResponder none\n"
       . "OCSPStapleResponseFile $expired $foreign\n", $cert{good})]);
$server->start;
ok($server->wait_log(qr/OST0047.*expired\.der is not used/, 20), 'at the start, too');
ok($server->wait_log(qr/OST0047.*foreign\.der is not used/, 20), '... and the other');

done_testing();
