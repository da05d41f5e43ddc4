# The command verify of ocspstaple with --crl: lists by openssl ca, whole and
# delta, what is said of them, and what is refused.
use strict;
use warnings;

use Apache::Test qw(-withtestmore);
use JSON::PP ();
use POSIX ();
use Staple::Test;
use Staple::PKI;
use Staple::Process qw(write_file read_file);

my $pki = Staple::PKI->new(dir => new_dir('pki'));
my $cert = $pki->cert('a.example');
my $other = $pki->cert('b.example');
my $alone = $pki->cert('c.example', self_signed => 1);
my $dir = new_dir('crl');
my @chain = ('--chain', $cert->{chain});
my @pair = ('--cert', $cert->{leaf}, '--issuer', $pki->issuer_file);

plan tests => 87;

sub ocspstaple {
    my @arguments = @_;
    my ($text, $status) = capture([top_builddir() . '/ocspstaple', @arguments],
                                  timeout => 30);

    return ($status, $text);
}

# One call: its exit status and what it prints.
sub says {
    my ($name, $status, $pattern, @arguments) = @_;
    my ($is, $text) = ocspstaple('verify', @arguments);

    is($is, $status, "$name: exit status $status") or diag($text);
    like($text, $pattern, "$name: says so");
    return;
}

# The same with --json: the object, which is all there is.
sub object {
    my ($name, $status, @arguments) = @_;
    my ($is, $text) = ocspstaple('verify', @arguments, '--json');
    my $object = eval { JSON::PP->new->decode($text) };

    is($is, $status, "$name: JSON: exit status $status");
    ok($object && $text !~ /\n./, "$name: one object on one line")
        or diag($text);
    return $object || {};
}

sub utc { return POSIX::strftime('%y%m%d%H%M%SZ', gmtime $_[0]) }

# A list by openssl ca; options: revoked (serial => reason), number, exts (lines
# of openssl.cnf), ca, hours.  The file, in DER.
sub crl {
    my ($name, %opt) = @_;
    my $ca = $pki->file($opt{ca} // 'ca');
    my $base = "$dir/$name";
    my $exts = $opt{exts} // '';
    my %revoked = %{ $opt{revoked} // {} };

    write_file("$base.txt", join '', map {
        "R\t" . utc(time + 86400) . "\t" . utc(time - 3600)
        . ($revoked{$_} ? ",$revoked{$_}" : '') . "\t$_\tunknown\t/CN=x\n"
    } sort keys %revoked);
    write_file("$base.number", ($opt{number} // '10') . "\n");
    write_file("$base.cnf", <<"CNF");
[ca]
default_ca = this
[this]
database = $base.txt
crlnumber = $base.number
default_md = sha256
crl_extensions = exts
[exts]
authorityKeyIdentifier = keyid
$exts
CNF
    my ($text, $status) = capture(
        ['openssl', 'ca', '-gencrl', '-config', "$base.cnf", '-cert', $ca,
         '-keyfile', $ca =~ s/\.pem$/.key/r, '-crlhours', $opt{hours} // 48,
         '-out', "$base.pem"]);
    $status == 0 or die "openssl ca: $text";
    capture(['openssl', 'crl', '-in', "$base.pem", '-outform', 'DER', '-out',
             "$base.crl"]);
    return "$base.crl";
}

# ---- whole lists ----

my $serial = $cert->{serial};
my $empty = crl('empty');
my $busy = crl('busy', revoked => { $other->{serial} => '', 77 => 'superseded' });
my $revoked = crl('revoked', revoked => { $serial => 'keyCompromise', 77 => '' });
my $plain = crl('plain', revoked => { $serial => '' });

says('nobody is on it', 0, qr/\Agood\n\z/, @chain, '--crl', $empty);
says('others are on it', 0, qr/\Agood\n\z/, @pair, "--crl=$busy");
says('it is on it', 10, qr/\Arevoked \(keyCompromise, \d{4}-\S+Z\)\n\z/, @chain,
     '--crl', $revoked);
says('without a reason', 10, qr/\Arevoked \(unspecified, \d{4}-\S+Z\)\n\z/,
     @chain, '--crl', $plain);
says('as PEM', 10, qr/\Arevoked/, @chain, '--crl', $revoked =~ s/crl$/pem/r);
says('too late', 1, qr/\Arejected: crl_expired: [^\n]+\n\z/, @chain, '--crl',
     $empty, '--at', time + 3 * 86400);
says('soon, by a slow clock', 0, qr/good/, @chain, '--crl', $empty, '--at',
     time + 48 * 3600 + 1800, '--skew', '1h');
says('too early', 1, qr/rejected: crl_not_yet_valid/, @chain, '--crl', $empty,
     '--at', time - 5400);
says('of another authority', 1, qr/rejected: crl_wrong_issuer/, @chain, '--crl',
     crl('other', ca => 'other-ca'));
says('of another authority of the same name', 1,
     qr/rejected: crl_bad_signature/, @chain, '--crl',
     crl('twin', ca => 'twin-ca'));
says('self-signed', 1, qr/rejected: certificate_self_signed/, '--chain',
     $alone->{leaf}, '--crl', $empty);

my $bytes = read_file($empty);
write_file("$dir/html", '<html>sign in</html>');
write_file("$dir/none", '');
write_file("$dir/short", substr $bytes, 0, -1);
write_file("$dir/long", "$bytes\n");
substr($bytes, -1) ^= "\1";
write_file("$dir/forged", $bytes);
says("a file: $_", 1, qr/rejected: crl_malformed/, @chain, '--crl', "$dir/$_")
    for qw(html none short long);
says('forged', 1, qr/rejected: crl_bad_signature/, @chain, '--crl',
     "$dir/forged");

# ---- scope ----

my $shard = crl('shard', revoked => { $serial => '' }, exts => <<'EXTS');
issuingDistributionPoint = critical, @point
[point]
fullname = URI:http://crl.example/1.crl
EXTS
says('of a shard', 1, qr/rejected: crl_wrong_point/, @chain, '--crl', $shard);
says('of that shard', 10, qr/\Arevoked/, @chain, '--crl', $shard,
     '--scope-url', 'http://crl.example/1.crl');
says('of another', 1, qr/rejected: crl_wrong_point/, @chain, '--crl', $shard,
     '--scope-url', 'http://crl.example/2.crl');
says('of CAs', 1, qr/rejected: crl_wrong_scope/, @chain, '--crl',
     crl('cas', exts => "issuingDistributionPoint = critical, \@point\n"
                      . "[point]\nonlyCA = TRUE"));
says('indirect', 1, qr/rejected: crl_indirect/, @chain, '--crl',
     crl('indirect', exts => "issuingDistributionPoint = critical, \@point\n"
                           . "[point]\nindirectCRL = TRUE"));
says('with something critical', 1, qr/rejected: crl_critical_extension/, @chain,
     '--crl', crl('critical', exts => '1.2.3.4 = critical, DER:05:00'));

# ---- deltas ----

my $hold = crl('hold', number => '10',
               revoked => { $serial => 'certificateHold' });
my @delta = (number => '12', exts => '2.5.29.27 = critical, DER:02:01:10');
my $freed = crl('freed', @delta, revoked => { $serial => 'removeFromCRL' });
my $late = crl('late', @delta, revoked => { $serial => 'cACompromise' });
says('on hold', 10, qr/\Arevoked \(certificateHold, /, @chain, '--crl', $hold);
says('not any more', 0, qr/\Agood\n\z/, @chain, '--crl', $hold, '--crl', $freed);
says('revoked since', 10, qr/\Arevoked \((?i:cACompromise), /, @chain, '--crl',
     $empty, '--crl', $late);
says('the delta alone', 1, qr/rejected: crl_is_delta/, @chain, '--crl', $late);
says('no delta', 1, qr/rejected: crl_delta_base/, @chain, '--crl', $empty,
     '--crl', $busy);
says('a base that is too old', 1, qr/rejected: crl_delta_base/, @chain, '--crl',
     crl('old', number => '0F'), '--crl', $late);

# ---- JSON ----

my $is = object('revoked', 10, @chain, '--crl', $hold, '--crl', $late);
is("$is->{status} $is->{revocation_reason}", 'revoked cACompromise',
   'status and reason');
like($is->{$_}, qr/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/, $_)
    for qw(judged_at this_update next_update use_until revoked_at not_after);
is(join(' ', map { "$_->{number} $_->{entries}" } @{ $is->{crls} }), '10 1 12 1',
   'numbers and entries of both lists');
is($is->{crls}[1]{base_number}, '10', 'base number of the delta');
is($is->{crls}[0]{certificates}, 'all', 'what the base is about');
$is = object('rejected', 1, @chain, '--crl', $hold, '--crl', "$dir/html");
is("$is->{status} $is->{reason}", 'rejected crl_malformed', 'status and reason');
is($is->{crls}[0]{reason}, undef, 'the first list is fine');
is($is->{crls}[1]{reason}, 'crl_malformed', 'the second is not');

# ---- what is refused: 2, and standard error says what ----

my @wrong = (
    [qr/--response is missing, or --crl/, @chain],
    [qr/--response or --crl: give one of them/, @chain, '--crl', $empty,
     '--response', $empty],
    [qr/--scope-url goes with --crl/, @chain, '--response', $empty,
     '--scope-url', 'http://a/'],
    [qr/--scope-url: "ldap:\S+ is not allowed/, @chain, '--crl', $empty,
     '--scope-url', 'ldap://a/'],
    [qr/--crl is given more than 2 times/, @chain, ('--crl', $empty) x 3],
    [qr/--crl needs a value: FILE/, @chain, '--crl'],
    [qr/missing.crl cannot be read: No such file/, @chain, '--crl',
     "$dir/missing.crl"],
);
for my $row (@wrong) {
    my ($pattern, @arguments) = @$row;
    my $words = join ' ', map { s{.*/}{}r } @arguments;

    says($words, 2, $pattern, @arguments);
}
