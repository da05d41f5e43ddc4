# The command fetch for many certificates at once: --dir, several --chain, and
# files for other servers that are kept fresh (--out-dir).
use strict;
use warnings;

use Apache::Test qw(-withtestmore);
use JSON::PP ();
use POSIX ();
use Staple::Test;
use Staple::Client;
use Staple::PKI;
use Staple::Process qw(free_port);
use Staple::Responder;
use Staple::Server;
use Staple::Stored;

my $tool = top_builddir() . '/ocspstaple';
my $pki = Staple::PKI->new(dir => new_dir('pki'));
my $port = free_port;
my @certs = $pki->certs(40, url => "http://127.0.0.1:$port/", same_key => 1);
my $slow = Staple::Responder->new(pki => $pki)->set('*', 'hang');
my $hangs = $pki->cert('hangs', url => $slow->url);
my $none = $pki->cert('none', crl => 'http://127.0.0.1:9/none.crl');
my $real = Staple::Responder::OpenSSL->new(pki => $pki, port => $port);
$real->revoke($certs[6], 'keyCompromise');
my ($dir, $out) = map { new_dir($_) } qw(chains out);

sub link_chain {
    my ($to, $name) = @_;

    symlink $to, "$dir/$name.pem" or die "$dir/$name.pem: $!\n";
    return "$dir/$name.pem";
}

link_chain($_->{chain}, $_->{name}) for @certs, $hangs, $none;
link_chain($certs[0]{leaf}, 'alone');
link_chain($certs[0]{key}, 'key');
POSIX::mkfifo("$dir/pipe.pem", 0600) or die "$dir/pipe.pem: $!\n";
link_chain($pki->ca_file, 'root');
write_file("$dir/two\nlines.pem", "junk\n");
write_file("$dir/readme.txt", "not looked at\n");

sub fetch {
    my ($text, $status) = capture([$tool, 'fetch', @_], timeout => 120);

    return ($status, $text);
}

sub ocsp { return "$out/$_[0]{name}.pem.ocsp" }

sub says {
    my ($text, $cert) = @_;

    return $text =~ m{^\Q$dir/$cert->{name}.pem\E: (.*)$}m ? $1 : '';
}

# ---- a directory ----

my ($status, $text) = fetch('--dir', $dir, '--out-dir', $out, '--timeout', 4);
is($status, 10, 'the worst status: revoked') or diag($text);
my @good = grep { $_ != $certs[6] } @certs;
is(scalar(grep { says($text, $_) =~ /\Agood, until \S+Z, written\z/ } @good),
   39, '39 are good, and written');
like(says($text, $certs[6]), qr/\Arevoked \(keyCompromise, \S+\), written\z/,
     'one is revoked, and written');
like(says($text, $hangs), qr{\Arejected: timeout: .*\(http://127}, 'one hangs');
unlike($text, qr/^\S+hangs\.pem:.*^\S+cert-/ms, 'the others did not wait for it');
for my $row ([alone => qr/holds one certificate only/],
             [key => qr/holds no certificate in PEM/],
             [pipe => qr/it is not a regular file/],
             [root => qr/one certificate only|self-signed/],
             [none => qr/names no OCSP responder/]) {
    like($text, qr{^\Q$dir/$row->[0].pem\E: skipped: .*$row->[1]}m,
         "$row->[0]: skipped, and why");
}
like($text, qr/^\S+two\?lines\.pem: skipped: holds no certificate/m,
     'a name stays on one line');
like($text, qr/^41\ certificates:\ 39\ good,\ 1\ revoked,\ 1\ rejected;
               \ 6\ files\ skipped\n\z/mx, 'the sum is the last line');
is(scalar(grep {
    (capture([$tool, 'verify', '--chain', $_->{chain}, '--response',
              ocsp($_)]))[1] == 0
} @good), 39, '39 files verify as good');
is(scalar(glob "$out/.*.new"), undef, 'nothing is left beside them');
my @files = glob "$out/*";
is(scalar @files, 40, 'there is a file for each that was answered');

# ---- what is fresh is left alone ----

$real->stop;
link_chain($certs[0]{chain}, 'twin');
my @names = map { ('--chain', "$dir/$_->{name}.pem") } @certs[0 .. 9];
my %before = map { $_ => (stat $_)[9] } @files;
($status, $text) = fetch(@names, '--out-dir', $out);
is($status, 10, 'fresh: the same status, though no responder answers') or diag($text);
like($text, qr/^10 certificates: 9 good, 1 revoked; 10 fresh: not asked\n\z/m,
     'fresh: no responder is asked');
($status, $text) = fetch('--chain', "$dir/twin.pem", @names[0, 1], '--out-dir',
                         $out, '--force', '--timeout', 3);
is($status, 1, '--force: they are');
is(() = $text =~ /rejected: connect.*; what is there ends at|rejected: connect/g,
   2, '--force: two files, one certificate');
ok(-e ocsp($certs[0]), '--force: what is there stays');
ok(!-e "$out/twin.pem.ocsp", '--force: nothing that was not verified');

# ---- older ones, and foreign ones, in the file ----

my $responder = Staple::Responder->new(pki => $pki);
my $cert = $pki->cert('aged', url => $responder->url);
my $chain = link_chain($cert->{chain}, 'aged');
my @aged = ('--chain', $chain, '--out-dir', $out);

sub ends {
    my ($text) = fetch(@_);

    return ($text, read_file(ocsp($cert)));
}

$responder->set('aged', 'good', this => -60, next => 7200);
my ($first) = (ends(@aged))[1];
ok($first, 'aged: there is a file');
my $count = $responder->count;
$responder->set('aged', 'good', this => -3600, next => 7200);
(undef, my $second) = ends(@aged, '--force');
cmp_ok($responder->count, '>', $count, 'aged: it was asked about');
is($second, $first, 'aged: an older one does not take its place');
$responder->set('aged', 'revoked', this => -30, next => 7200, path => '/');
$text = (fetch(@aged, '--force'))[1];
like($text, qr/aged.pem: revoked .*, written$/m, 'aged: a newer one does');
write_file(ocsp($cert), read_file(ocsp($certs[1])));
$responder->set('aged', 'unknown', path => '/');
($status, $text) = fetch(@aged);
is($status, 11, 'aged: unknown is its status');
is(read_file(ocsp($cert)), read_file(ocsp($certs[1])),
   'aged: and nothing is written');
$responder->set('aged', 'good', this => -5400, next => 3600, path => '/');
fetch(@aged);
isnt(read_file(ocsp($cert)), read_file(ocsp($certs[1])),
     'aged: that of another certificate is replaced');
$count = $responder->count;
fetch(@aged);
cmp_ok($responder->count, '>', $count,
       'aged: past half of its life it is asked about again');

# ---- several of them into a store ----

my $server = Staple::Server->new(vhosts => [Staple::Server->stapled($cert)]);
$responder->set('*', 'good', this => -60, next => 7200);
$server->start;
ok(wait_all_stapled($server, ['aged']), 'httpd runs');
my $store = $server->root . '/store';
my @new = map { $pki->cert("new-$_", url => $responder->url) } 1 .. 3;
my @chains = map { ('--chain', $_->{chain}) } @new;
($status, $text) = fetch(@chains, '--store', $store);
is($status, 0, 'three into the store') or diag($text);
is(scalar(grep { -s Staple::Stored->new($server, $_)->path } @new), 3,
   '... are there');
$responder->clear_log;
fetch(@chains, '--store', $store, '--out-dir', $out);
is($responder->count, 3, 'store and files: the files are not there yet');
fetch(@chains, '--store', $store, '--out-dir', $out);
is($responder->count, 3, 'store and files: both are fresh');
unlink Staple::Stored->new($server, $new[0])->path;
fetch(@chains, '--store', $store, '--out-dir', $out);
is($responder->count, 4, 'store and files: one is asked about');
ok(-s Staple::Stored->new($server, $new[0])->path, '... and put there again');

# ---- output, and what is refused ----

($status, $text) = fetch(@chains, '--json');
my $object = JSON::PP->new->decode($text);
is($object->{exit}, 0, 'JSON: the exit status');
is_deeply([map { $_->{status} } @{ $object->{certificates} }], [('good') x 3],
          'JSON: each status');
is_deeply([map { $_->{file} } @{ $object->{certificates} }],
          [map { $_->{chain} } @new], 'JSON: each file');
is($object->{certificates}[0]{attempts}[0]{http_status}, 200,
   'JSON: the attempts');
$text = (fetch('--dir', $dir, '--json', '--timeout', 1))[1];
is(scalar @{ JSON::PP->new->decode($text)->{skipped} }, 5, 'JSON: what is skipped');
$text = (fetch(@chains, '--quiet'))[1];
is($text, "3 certificates: 3 good\n", '--quiet: the sum alone');
$text = (fetch('--chain', $new[0]{chain}, '--quiet'))[1];
is($text, "good\n", '--quiet: the last line alone');
unlike((fetch(@chains))[1], qr/\r/, 'it does not count without a terminal');
SKIP: {
    skip 'no script', 1 if !have_tool('script');
    $text = capture(['script', '-qec', "$tool fetch @chains", '/dev/null'],
                    timeout => 60);
    like($text, qr/\r0 of 3.*\r1 of 3.*\r3 of 3/s, 'on a terminal it counts');
}
for my $row ([['--dir', "$dir/nowhere"], qr/--dir: \S+ cannot be read/],
             [['--dir', $out], qr/holds no chain/],
             [[@chains, '--out-dir', "$out/no"], qr/is not a directory/],
             [[@chains, '--out', "$out/x"], qr/give --out-dir alone/],
             [[@chains, '--force'], qr/--force goes with --out-dir/],
             [[@chains, '--store', "$out/no"], qr/the store \S+ cannot be used/],
             [['--chain', '-', '--out-dir', $out], qr/has no name/],
             [['--chain', $new[0]{chain}, '--chain', $new[0]{chain},
               '--out-dir', $out], qr/would be the file of/],
             [[@chains, '--chain', "$dir/nowhere.pem"],
              qr/nowhere.pem cannot be read: .*3 good; 1 files skipped/s],
             [[@chains, '--cert', $new[0]{leaf}], qr/give --chain or --dir/]) {
    my ($options, $message) = @$row;

    ($status, $text) = fetch(@$options);
    is($status, 2, "exit status 2: $message");
    like($text, $message, '... says why');
}

done_testing();
