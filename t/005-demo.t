# build/demo: the whole of it, --keep and --stop, a certificate of one's own,
# and what it says when it cannot be done.
use strict;
use warnings;

use Apache::Test qw(-withtestmore);
use File::Path qw(remove_tree);
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
plan tests => 15 + 12 + 4 + 3 + 2 * @wrong + 3 * 4 + 4;

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
my $good = qr/^ +one\.demo\.example: good, in TLS 1\.2 and 1\.3, until .*\n +two\.demo\.example: good, in TLS 1\.2 and 1\.3/m;
is($status, 0, 'it ends well') or diag($text);
like($text, qr{^==> 4/7 .*staples\n(?:.*\n)?$good}m, 'both hosts are stapled');
like($text, qr{^==> 5/7 stopping the responder.*\n$good}m,
     'also without the responder');
like($text, qr/^ +httpd knows it after \d s/m, 'a revocation is seen in seconds');
like($text, qr/^ +two\.demo\.example: revoked, in TLS 1\.2 and 1\.3/m,
     'the staple says so');
like($text, qr/^ +event: .*"event":"revoked".*"two\.demo\.example"/m,
     'an event does');
like($text, qr/^ +page: +CRITICAL: 1 certificate is revoked.*two\.demo\.example/m,
     'and the status page');
like($text, qr{^==> 7/7 .*(?:.*\n)*==> all is well}m, 'it says how far it is');
my @lines = split /\n/, $text;
cmp_ok(scalar @lines, '<=', 20, 'it is short');
is(left(), '', 'nothing is left behind');
($text, $status) = demo('--verbose');
is($status, 0, '--verbose: it ends well');
is(() = $text =~ /\| +Cert Status: good/g, 4, '--verbose: the staples');
like($text, qr/\| +Revocation Reason: keyCompromise/, '--verbose: the revoked one');
like($text, qr/\| \{"time":.*"revocation_reason":/, '--verbose: the event');
like($text, qr/\| STATE +ENDS.*\n +\| revoked /, '--verbose: the status');

# ---- kept running ----

($text, $status) = demo('--keep');
is($status, 0, '--keep: it ends well') or diag($text);
my ($port) = $text =~ /look: .*127\.0\.0\.1:(\d+) -servername one\.demo/;
ok($port, 'it says how to look');
my ($page) = $text =~ m{page: +http://(127\.0\.0\.1:\d+)/ocspstaple-status$}m;
ok($page, 'where the page is');
like(capture([top_builddir() . '/ocspstaple', 'status',
              "http://$page/ocspstaple-status"]),
     qr/^revoked .*two\.demo\.example/m, 'and it is there');
like($text, qr{stop: .*build/demo --stop$}m, 'and how to stop');
like(capture(['openssl', 's_client', '-connect', "127.0.0.1:$port",
              '-servername', 'two.demo.example', '-status']),
     qr/Cert Status: revoked/, 'it is still there');
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
like($text, qr/^ +own\.example: good, in TLS 1\.2 and 1\.3/m,
     'its staple is shown');
like($text, qr/its responder is not ours: nothing is stopped or revoked/,
     'the rest is left out');
ok($responder->count(name => 'own.example') > 0, 'its own responder was asked');

$responder->set('*', 'unauthorized');
($text, $status) = demo('--cert', $own->{chain}, '--key', $own->{key},
                        '--wait', 1);
like("$status\n$text",
     qr/^1\n.*unauthorized.*demo: 3.4 starting httpd.*: no response was stapled for own\.example/ms,
     'a responder that refuses: step and reason are said');
my ($logs) = $text =~ /logs and configuration: (.*)/;
ok($logs && -s "$logs/error.log", 'and where the logs are');

$env{STAPLE_HTTPD} = '/bin/false';
($text, $status) = demo();
like("$status\n$text", qr{^1\n.*^demo: 4/7 starting httpd.*: /bin/false does not}ms,
     'an httpd that fails: the step is said');
delete $env{STAPLE_HTTPD};
remove_tree(glob "$tmp/*");

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
    like($text, qr/two\.demo\.example: good.*two\.demo\.example: revoked/s,
         'without root: all of it');
    ($text, $status) = capture([@nobody, $script, '--stop'], timeout => 90,
                               env => { STAPLE_OUT => "$theirs/out",
                                        TMPDIR => $theirs });
    is($status, 0, 'without root: it is stopped') or diag($text);
    is(join(' ', glob("$theirs/*/*"), glob("$theirs/ocsp*")), '',
       'without root: nothing is left behind');
}
