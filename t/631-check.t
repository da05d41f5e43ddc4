# The command check of ocspstaple: what it says of a server's staple, or of why
# there is none; its exit status, performance data and JSON.
use strict;
use warnings;

use Apache::Test qw(-withtestmore);
use JSON::PP ();
use Staple::Test;
use Staple::PKI;
use Staple::Process qw(free_port);
use Staple::Responder;
use Staple::Server;
use Staple::TlsServer;

my $pki = Staple::PKI->new(dir => new_dir('pki'));
my $responder = Staple::Responder->new(pki => $pki);
my $dir = new_dir('check');
my $crl = 'http://crl.example/ca.crl';
my $asks = 'ocspstaple fetch --crl';
my %cert = (
    plain => $pki->cert('a.example', url => $responder->url),
    must => $pki->cert('m.example', url => $responder->url, must_staple => 1),
    mute => $pki->cert('n.example'),
    short => $pki->cert('s.example', url => $responder->url,
                        not_before => time - 3600,
                        not_after => time - 3600 + 6 * 86400),
    ldap => $pki->cert('d.example', url => 'ldap://ocsp.example/'),
    alone => $pki->cert('o.example', self_signed => 1),
    listed => $pki->cert('l.example', crl => ['ldap://127.0.0.1/ca', $crl]),
);
my $data = qr/ \| left=\d+s;\d+:;\d+:;0 certificate_left=\d+s;;;0$/;
my $alone = qr/^OCSP .* \| certificate_left=\d+s;;;0$/m;

sub check {
    my @arguments = @_;
    my ($text, $status) = capture([top_builddir() . '/ocspstaple', 'check',
                                   @arguments], timeout => 60);

    return ($status, $text);
}

# One call: its exit status, its first line, and all it prints.
sub says {
    my ($name, $status, $pattern, @arguments) = @_;

    return first_line_says($name, $status, $pattern, check(@arguments));
}

# A response of the responder as it is, in a file.
sub response {
    my ($cert, @rule) = @_;
    my $file = "$dir/$cert-" . join('-', map { s/\W//gr } @rule) . '.der';

    $responder->set('*', @rule);
    return $responder->write_response($cert{$cert}, $file);
}

# A server with a certificate, a response and options, and how to look at it.
sub server {
    my ($cert, $staple, %opt) = @_;
    my $server = Staple::TlsServer->new(
        cert => $cert{$cert}, staple => $staple,
        issuer => $pki->issuer_file, %opt);

    return ($server, $cert{$cert}{name}, '--connect', $server->address,
            '--ca', $pki->ca_file);
}

plan tests => 215, need { 'no faketime' => have_tool('faketime') };

# ---- staples ----

my ($server, @look) = server('plain', response('plain', 'good', next => 7200));
my $text = says('good', 0, qr/^OCSP OK: a\.example:443: good, the staple ends in 1 h 59 min$data/,
                @look);
my $address = $server->address;
like($text, $_, "it shows $_") for
    qr/^connection:  \Q$address\E, TLSv1\.3$/m,
    qr/^certificate: CN=a\.example, serial \Q$cert{plain}{serial}\E, valid until \S+Z$/mi,
    qr/^issuer:      CN=Test CA/m, qr/^staple:      good$/m,
    qr/^produced:    \S+Z$/m, qr/^this update: \S+Z$/m,
    qr/^next update: \S+Z$/m, qr/^ends:        \S+Z, in 1 h/m,
    qr/^signed by:   the issuer's delegate CN=Test OCSP/m;
like(says("TLS $_", 0, qr/^OCSP OK: a\.example:443: /, @look, "--tls$_"),
     qr/^connection: .*, TLSv\Q$_\E$/m, "TLS $_: it is that")
    for qw(1.2 1.3);
$text = says('both', 0, qr/^OCSP OK: all 2 \| 'a\.example:443 TLSv1\.2 left'=\d+s;/,
             @look, '--tls1.2', '--tls1.3');
like($text, qr/ 'a\.example:443 TLSv1\.3 left'=\d+s;/, 'both: both in the data');
is(($text =~ s/^OK: a\.example:443 TLSv1\.[23]: good//mg), 2, 'a line each');
says('with port', 0, qr/^OCSP OK: a\.example:8443: /, 'a.example:8443',
     @look[1 .. $#look]);
says('with a dot', 0, qr/^OCSP OK: a\.example:443: /, 'a.example.',
     @look[1 .. $#look]);
my $quiet = says('quiet', 0, qr/^OCSP OK/, @look, '--quiet');
is(($quiet =~ tr/\n//), 1, 'quiet: one line');

# Limits, with the units of directives.
says('near its end', 1, qr/^OCSP WARNING: \S+: good, but the staple ends in 1 h/,
     @look, '--warn-left', '3h');
$text = says('nearer', 2, qr/^OCSP CRITICAL: \S+: good, but the staple ends/,
             @look, '--warn-left', '1d', '--critical-left', '150mi');
like($text, qr/ left=\d+s;86400:;9000:;0 /, 'both are in the data');
says('limits met', 0, qr/ left=\d+s;60:;10:;0/, @look, '--warn-left', '1mi',
     '--critical-left', '10');
says('one limit', 1, qr/ left=\d+s;10800:;907:;0/, @look, '--warn-left', '3h');
says('other limit', 0, qr/ left=\d+s;5400:;5400:;0/, @look,
     '--critical-left', '90mi');
# This update was a minute ago: a life of 7260 seconds.
says('its own limits', 0, qr/ left=\d+s;1815:;907:;0/, @look);

# As clients see it later.
sub later { # says(), with the clock ahead
    my ($name, $ahead, $status, $pattern, @arguments) = @_;
    my ($out, $is) = capture(['faketime', '-f', $ahead,
                              top_builddir() . '/ocspstaple', 'check',
                              @arguments], timeout => 60);

    is($is, $status, "$name: exit status $status") or diag($out);
    like($out, $pattern, "$name: says so");
    return $out;
}
later('a quarter is left', '+100m', 1, qr/^OCSP WARNING: .* ends in 19 min/,
      @look);
later('an eighth is left', '+110m', 2, qr/^OCSP CRITICAL: .* ends in \d min/,
      @look);
like(later('a minute too late', '+121m', 2,
           qr/^OCSP CRITICAL: .*run out: clients refuse it \| left=0s;/, @look),
     qr/^ran out:     \S+Z$/m, '... and when');
later('the clock is ahead', '+1d', 2,
      qr/^OCSP CRITICAL: .* clients refuse the staple: expired: /, @look);
later('the clock is behind', '-1d', 2,
      qr/^OCSP CRITICAL: .* clients refuse the staple: not_yet_valid: /,
      @look);

# Whom it is for.
says('of another name', 2, qr/^OCSP CRITICAL: b\.example:443: clients refuse the certificate: hostname mismatch; otherwise: good,/i,
     'b.example', @look[1 .. $#look]);
says('asked as another', 0, qr/^OCSP OK: b\.example:443: good/, 'b.example',
     @look[1 .. $#look], '--servername', 'a.example');
says('trusted by nobody', 2, qr/^OCSP CRITICAL: .* clients refuse .*--ca\)/,
     @look[0 .. 2]);
says('trusted by another', 2, qr/^OCSP CRITICAL: .* clients refuse/,
     @look[0 .. 2], '--ca', $pki->file('other-root'));
says('the intermediate is trusted', 0, qr/^OCSP OK/, @look[0 .. 2], '--ca',
     $pki->issuer_file);
says('given the issuer', 0, qr/^OCSP OK/, @look, '--issuer',
     $pki->issuer_file);
write_file("$dir/issuers", join '', map { read_file($pki->issuer_file($_)) }
           'other-ca', 'ca');
says('given two', 0, qr/^OCSP OK/, @look, '--issuer', "$dir/issuers");
says('given another', 3, qr/^OCSP UNKNOWN: .* give --issuer \|/, @look,
     '--issuer', $pki->issuer_file('other-ca'));

my ($bare, @bare) = server('plain', response('plain', 'good'),
                           issuer => undef);
says('no chain', 2, qr/^OCSP CRITICAL: .* clients refuse the certificate/,
     @bare);
says('no chain, the issuer is trusted', 0, qr/^OCSP OK: .* good/, @bare[0 .. 2],
     '--ca', $pki->issuer_file);

# What clients refuse, and what tells them of a revocation.  OpenSSL 3.6's own
# server looks for a response about the certificate, and sends no other.
my ($major, $minor) = scalar(capture(['openssl', 'version']))
    =~ /^OpenSSL (\d+)\.(\d+)/;
my $is_choosy = $major > 3 || $major == 3 && $minor >= 6;

for my $row (
    [revoked => qr/the certificate is revoked \(keyCompromise, \d{4}-\S+Z\)/,
     'plain', 'revoked', reason => 'keyCompromise', time => -60],
    [unknown => qr/status is unknown/, 'plain', 'unknown'],
    [expired => qr/refuse the staple: expired: /, 'plain', 'good',
     this => -7200, next => -3600],
    ['of another certificate' => qr/staple: no_matching_response: /, 'must',
     'good'],
    ['signed by a stranger' => qr/staple: responder_\w+: /, 'plain', 'good',
     signer => 'other-ocsp'],
    ['a flipped bit' => qr/staple: bad_signature: /, 'plain', 'good',
     flip => 'signature'],
    ['tryLater' => qr/staple: try_later: /, 'plain', 'trylater'],
) {
    my ($name, $pattern, $cert, @rule) = @$row;

  SKIP: {
        skip "$name: OpenSSL's server does not send it", 2
            if $is_choosy && $name =~ /another|tryLater/;
        my ($one, @arguments) = server('plain', response($cert, @rule));

        says($name, 2, qr/^OCSP CRITICAL: a\.example:443: .*$pattern/,
             @arguments);
    }
}
my ($own, @own) = server('plain', response('plain', 'good', signer => 'ca'));
like(says('signed by the issuer', 0, qr/^OCSP OK/, @own),
     qr/^signed by:   the issuer itself$/m, '... and says so');
my ($endless, @endless) = server('plain', response('plain', 'good',
                                                   next => 'none'));
like(says('no next update', 0, qr/^OCSP OK: .* ends in 6 d 23 h/, @endless),
     qr/^next update: not given$/m, '... and says so');
says('no next update, hours', 1, qr/^OCSP WARNING: .* ends in 5\d min/, @endless,
     '--max-age', '1h', '--warn-left', '2h', '--critical-left', '1mi');

# ---- none ----

for my $row (
    [plain => 1, qr/^OCSP WARNING: .* the server sent none/],
    [must => 2, qr/^OCSP CRITICAL: .* must-staple: clients refuse it/],
    [mute => 0, qr/^OCSP OK: .*: no OCSP responder in the certificate \|/],
    [ldap => 0, qr/^OCSP OK: .*: no OCSP responder in the certificate that can/],
    [listed => 0, qr/^OCSP OK: .*\Q; its CRL is at $crl: `$asks` asks it |/,
     '--no-crl'],
    [short => 0, qr/^OCSP OK: .* none is needed: .* lives 6 d/],
) {
    my ($cert, $status, $pattern, @more) = @$row;
    my ($one, @arguments) = server($cert, undef);

    like(says("none, $cert", $status, $pattern, @arguments, @more), $alone,
         "none, $cert: data");
}
my ($lone, @lone) = server('alone', undef, issuer => undef);
says('self-signed', 2, qr/self-signed certificate/, @lone);
says('self-signed, trusted', 0, qr/^OCSP OK: .* self-signed, so/, @lone[0 .. 2],
     '--ca', $cert{alone}{leaf});
my ($good_must, @good_must) = server('must', response('must', 'good'));
like(says('must-staple', 0, qr/^OCSP OK/, @good_must),
     qr/^certificate: .*, must staple$/m, 'it shows that');

# ---- addresses ----

# testpki makes names only.
write_file("$dir/address.ext", "subjectAltName=IP:127.0.0.1,IP:::1\n");
capture(['openssl', 'req', '-new', '-subj', '/CN=i.example', '-key',
         $cert{plain}{key}, '-out', "$dir/address.csr"]);
capture(['openssl', 'x509', '-req', '-in', "$dir/address.csr", '-days', '90',
         '-CA', $pki->issuer_file, '-CAkey', $pki->file('ca', '.key'),
         '-set_serial', '4711', '-extfile', "$dir/address.ext", '-out',
         "$dir/address.pem"]);
$cert{address} = { name => '127.0.0.1', leaf => "$dir/address.pem",
                   key => $cert{plain}{key} };
my ($v4, @v4) = server('address', undef);
says('an address', 0, qr/^OCSP OK: \Q$v4[2]\E: no staple: no OCSP/, $v4[2],
     @v4[3, 4]);
says('a wrong address', 2, qr/^OCSP CRITICAL: 127\.0\.0\.2:443: .* mismatch/i,
     '127.0.0.2', @v4[1 .. 4]);
says('a name, not the address', 2, qr/mismatch/i, 'localhost', @v4[1 .. 4]);
SKIP: {
    my ($v6, @v6) = eval { server('address', undef, v6 => 1) };

    skip 'no IPv6', 6 if !$v6;
    says('IPv6', 0, qr/^OCSP OK: \[::1\]:\d+: no staple/, $v6->address,
         @v6[3, 4]);
    says('IPv6 by --connect', 0, qr/^OCSP OK: 127\.0\.0\.1:443: no staple/,
         '127.0.0.1', '--connect', $v6->address, @v6[3, 4]);
    says('IPv6 without brackets', 0, qr/^OCSP OK: \[::1\]:443: no staple/,
         '::1', '--connect', $v6->address, @v6[3, 4]);
}

# ---- no TLS ----

my $dead = free_port();
says('nobody there', 2, qr/^OCSP CRITICAL: 127\.0\.0\.1:$dead: no connection: Connection refused$/,
     "127.0.0.1:$dead");
says('no such name', 2, qr/^OCSP CRITICAL: a\.invalid:443: (?:the name does not|no connection)/,
     'a.invalid', '--timeout', '5');
says('another version of TLS', 2, qr/^OCSP CRITICAL: .*: no TLS: .* version/,
     do { my ($one, @a) = server('plain', undef, args => ['-tls1_2']);
          $bare = $one; @a }, '--tls1.3');

# ---- several ----

$text = says('several', 2, qr/^OCSP CRITICAL: 1 of 2: b\.example:443: clients refuse .* \| 'a\.example:443 left'=\d+s;.*'b\.example:443 left'=/,
             'a.example', 'b.example', @look[1 .. $#look]);
is(scalar(() = $text =~ /^(?:OK|CRITICAL): /mg), 2, 'a line each');
like($text, qr/^OK: a\.example:443: good/m, 'one is well');

# ---- JSON ----

sub object {
    my ($name, $status, @arguments) = @_;
    my ($is, $out) = check(@arguments, '--json');
    my $object = eval { JSON::PP->new->decode($out) };

    is($is, $status, "JSON, $name: exit status $status") or diag($out);
    is($out =~ tr/\n//, 1, "JSON, $name: one line");
    is($object->{exit}, $status, "JSON, $name: and so it says");
    return @{ $object->{hosts} || [{}] };
}

my ($is) = object('good', 0, @look);
is_deeply([@$is{qw(host port protocol result status reason trusted refused
                   must_staple signed_by exit)}],
          ['a.example', 443, 'TLSv1.3', 'OK', 'good', undef, JSON::PP::true,
           undef, JSON::PP::false, 'delegate', 0], 'JSON: members');
is($is->{address}, $server->address, 'JSON: address');
like($is->{$_}, qr/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/, "JSON: $_")
    for qw(judged_at produced_at this_update next_update use_until not_after);
cmp_ok($is->{left_seconds}, '>', 3600, 'JSON: left');
($is) = object('none', 1, do { my ($one, @a) = server('plain', undef);
                               $bare = $one; @a });
is_deeply([@$is{qw(result status reason left_seconds signed_by)}],
          ['WARNING', 'none', undef, undef, undef], 'JSON: none');
my @both = object('two', 2, 'a.example', 'b.example', '--connect',
                  "127.0.0.1:$dead");
is(scalar @both, 2, 'JSON: two hosts');
is_deeply([@{ $both[0] }{qw(status address protocol subject trusted)}],
          [(undef) x 5], 'JSON: nothing is known');
like($both[0]{why}, qr/^no connection: /, 'JSON: but why');

# ---- a server of the module's own ----

$responder->set('*', 'good', next => 86400);
my $clear = Staple::Server->another_port;
my $httpd = Staple::Server->new(vhosts => [
    Staple::Server->stapled($cert{plain}),
    { name => 'clear.example', port => $clear, plain => 1 }])->start;
my @httpd = ('a.example', '--connect', '127.0.0.1:' . $httpd->port, '--ca',
             $pki->ca_file);
ok(wait_until(sub { (check(@httpd))[0] eq '0' }, 20), 'httpd: ok');
says("httpd, TLS $_", 0, qr/^OCSP OK: .* good/, @httpd, "--tls$_")
    for qw(1.2 1.3);

like(says('plain HTTP', 2, qr/^OCSP CRITICAL: .*: no TLS: .* in the clear/,
          "127.0.0.1:$clear"),
     qr/^connection:  127\.0\.0\.1:$clear$/m, 'plain HTTP: it connected');

# ---- what is refused: 3, as monitoring plugins do ----

for my $row (
    [qr/which server\?/],
    [qr/"a_b!" *: give a host name in ASCII/, 'a_b!'],
    [qr/"a:0": the port is not/, 'a:0'],
    [qr/"a:65536": the port/, 'a:65536'],
    [qr/"a:": the port/, 'a:'],
    [qr/"\[::1": a bracket/, '[::1'],
    [qr/"\[::1\]443": a bracket/, '[::1]443'],
    [qr/"\[a\]": that is no IPv6 address/, '[a]'],
    [qr/"a:b:c": that is no IPv6 address/, 'a:b:c'],
    [qr/"user\@a": give/, 'user@a'],
    [qr/"a\/": give/, 'a/'],
    [qr/there is no option "-a"/, '-a'],
    [qr/"-a": give/, '--', '-a'],
    [qr/--connect: "b\/": give/, 'a', '--connect', 'b/'],
    [qr/--starttls: "http" is not one of smtp, .*xmpp/, 'a', '--starttls',
     'http'],
    [qr/none cannot be read: No such/, 'a', '--ca', "$dir/none"],
    [qr/holds no certificate in PEM/, 'a', '--ca', $cert{plain}{key}],
    [qr/none cannot be read/, 'a', '--issuer', "$dir/none"],
    [qr/--timeout: "0" is not/, 'a', '--timeout', '0'],
    [qr/--warn-left: "soon" is not/, 'a', '--warn-left', 'soon'],
    [qr/--critical-left is longer than --warn-left/, 'a', '--warn-left', '1h',
     '--critical-left', '2h'],
    [qr/no option "--insecure"/, 'a', '--insecure'],
) {
    my ($pattern, @arguments) = @$row;

    says("refused: @arguments" =~ s{/tmp/\S*/}{}r, 3, $pattern, @arguments);
}
