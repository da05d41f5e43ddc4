# build/demo: the whole of it, --keep and --stop, a certificate of one's own,
# and what it says when it cannot be done.
use strict;
use warnings;

use Apache::Test qw(-withtestmore);
use Staple::Test;
use Staple::Client;
use Staple::PKI;
use Staple::Process qw(find_program);
use Staple::Responder;

my @wrong = (
    ['an unknown option', 2, qr/unknown option --nonsense/, '--nonsense'],
    ['a certificate without a key', 2, qr/--cert and --key belong together/,
     '--cert', '/x'],
    ['a wait that is no number', 2, qr/--wait 1h: a whole number/,
     '--wait', '1h'],
);
plan tests => 6 + 10 + 3 + 2 + 2 * @wrong + 3 * 4 + 4;

my $script = "$ENV{top_srcdir}/build/demo";
my $out = new_dir('out');
my $tmp = new_dir('tmp');
my %env = (STAPLE_OUT => $out, TMPDIR => $tmp);

sub demo {
    my @arguments = @_;

    return capture([$script, @arguments], timeout => 90, env => \%env);
}

sub left { return join ' ', glob("$tmp/*"), glob("$out/*") }

# ---- the whole ----

my ($text, $status) = demo();
is($status, 0, 'it ends well') or diag($text);
for my $version ('1.2', '1.3') {
    my ($part) = $text =~ /^(--- one\.demo\.example, TLS \Q$version\E\n.*?)\n\n/ms;

    like($part, qr/OCSP Response Status: successful .*^ *Cert Status: good$/ms,
         "the staple of TLS $version is shown");
}
is(() = $text =~ /Cert Status: good/g, 4, 'of both virtual hosts');
like($text, qr{^==> \d/6 .*\n(?:.*\n)*==> 6/6 }m, 'it says how far it is');
is(left(), '', 'nothing is left behind');

# ---- kept running ----

($text, $status) = demo('--keep');
is($status, 0, '--keep: it ends well') or diag($text);
my ($port) = $text =~ /look: .*127\.0\.0\.1:(\d+) -servername one\.demo/;
ok($port, 'it says how to look');
like($text, qr{stop: .*build/demo --stop$}m, 'and how to stop');
like(capture(['openssl', 's_client', '-connect', "127.0.0.1:$port",
              '-servername', 'two.demo.example', '-status']),
     qr/Cert Status: good/, 'it is still there');
($text, $status) = demo();
is($status, 1, 'no second one beside it');
like($text, qr/running already.*--stop/, 'for that reason');
($text, $status) = demo('--stop');
is($status, 0, '--stop: it is stopped') or diag($text);
ok(!IO::Socket::INET->new("127.0.0.1:$port"), 'nobody listens any more');
is(left(), '', 'nothing is left behind');
($text, $status) = demo('--stop');
like("$status $text", qr/^0 .*none is running/, '--stop again: none is running');

# ---- a certificate of one's own ----

my $pki = Staple::PKI->new(dir => new_dir('pki'));
my $responder = Staple::Responder->new(pki => $pki);
my $own = $pki->cert('own.example', url => $responder->url);
($text, $status) = demo('--cert', $own->{chain}, '--key', $own->{key});
is($status, 0, '--cert: it ends well') or diag($text);
is(() = $text =~ /^--- own\.example, TLS .*?Cert Status: good/msg, 2,
   'its staple is shown');
ok($responder->count(name => 'own.example') > 0, 'its own responder was asked');

$responder->set('*', 'unauthorized');
($text, $status) = demo('--cert', $own->{chain}, '--key', $own->{key},
                        '--wait', 1);
like("$status\n$text",
     qr/^1\n.*unauthorized.*no response was stapled for own\.example/ms,
     'a responder that refuses: the reason is said');
my ($logs) = $text =~ /logs and configuration: (.*)/;
ok($logs && -s "$logs/error.log", 'and where the logs are');

# ---- what cannot be done ----

for my $row (@wrong) {
    my ($what, $expected, $pattern, @arguments) = @$row;

    ($text, $status) = demo(@arguments);
    is($status, $expected, "$what: exit status");
    like($text, $pattern, "$what: reason");
}
my $bare = $pki->cert('bare.example');
for my $row (
    ['one that names no responder', qr/names no OCSP responder/,
     $bare->{chain}, $bare->{key}],
    ['one without its issuer', qr/the issuer's must follow/,
     $own->{leaf}, $own->{key}],
    ['a key of another', qr/is not the key of/, $own->{chain}, $bare->{key}],
    ['no certificate at all', qr/is no certificate in PEM/,
     $own->{key}, $own->{key}],
) {
    my ($what, $pattern, $cert, $key) = @$row;
    my $before = left();

    ($text, $status) = demo('--cert', $cert, '--key', $key);
    is($status, 1, "--cert: $what: exit status");
    like($text, $pattern, "--cert: $what: reason");
    is(left(), $before, "--cert: $what: nothing is left behind");
}

# ---- as somebody ----

my $setpriv = find_program('setpriv');
my @nobody = ($setpriv // '', qw(--reuid www-data --regid www-data
                                 --clear-groups --));
SKIP: {
    skip 'not root, or nobody else may read the build', 4
        if $> != 0 || !$setpriv
           || (capture([@nobody, 'test', '-r', $ENV{STAPLE_MODULE},
                        '-a', '-x', $script]))[1];
    my $theirs = new_dir('theirs');

    chmod 0777, $theirs;
    ($text, $status) = capture([@nobody, $script, '--keep'], timeout => 90,
                               env => { STAPLE_OUT => "$theirs/out",
                                        TMPDIR => $theirs });
    is($status, 0, 'without root: it ends well') or diag($text);
    like($text, qr/two\.demo\.example, TLS 1\.3.*Cert Status: good/s,
         'without root: a staple');
    ($text, $status) = capture([@nobody, $script, '--stop'], timeout => 90,
                               env => { STAPLE_OUT => "$theirs/out",
                                        TMPDIR => $theirs });
    is($status, 0, 'without root: it is stopped') or diag($text);
    is(join(' ', glob("$theirs/*/*"), glob("$theirs/ocsp*")), '',
       'without root: nothing is left behind');
}
