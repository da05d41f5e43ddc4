# Manners of ocspstaple: help and version wherever they are asked for, standard
# input as "-", readers that go away, completion in bash.
use strict;
use warnings;

use Apache::Test qw(-withtestmore);
use POSIX qw(strftime);
use Staple::Test;
use Staple::PKI;
use Staple::Process qw(read_file write_file);
use Staple::Responder;

my $pki = Staple::PKI->new(dir => new_dir('pki'));
my $responder = Staple::Responder->new(pki => $pki);
my $cert = $pki->cert('a.example', url => $responder->url);
my $dir = new_dir('tool');
my $tool = top_builddir() . '/ocspstaple';

my @commands = capture([$tool, 'help']) =~ /^  ([a-z]+) {2,}\S/mg;
my @chain = ('--chain', $cert->{chain});

sub run {
    my ($arguments, %how) = @_;

    return capture([$tool, @$arguments], timeout => 30, %how);
}

# By a shell, where $0 is the tool and what follows its arguments.
sub shell {
    my ($script, @arguments) = @_;

    return capture(['bash', '-c', $script, $tool, @arguments], timeout => 30);
}

plan tests => 5 * @commands + 59;

# ---- help and version ----

cmp_ok(scalar @commands, '>=', 4, 'there are commands');
my $help = run(['--help']);
my $version = run(['--version']);
for my $option (['help'], ['-h']) {
    my ($text, $status) = run($option);
    is($text, $help, "@$option: as --help");
    is($status, 0, "@$option: exit status 0");
}
is(run(['-V']), $version, '-V: as --version');
like($version, qr/^ocspstaple \d/, 'the version');
for my $command (@commands) {
    my ($text, $status) = run([$command, '--help']);

    is($status, 0, "$command --help: exit status 0");
    like($text, qr/^Usage: ocspstaple $command .*^  --help  /ms,
         "$command --help: the help");
    is(run(['help', $command]), $text, "help $command: the same");
    is(run([$command, '-h']), $text, "$command -h: the same");
    is(run([$command, '-V']), $version, "$command -V: the version");
}
my ($text, $status) = run(['help', 'stample']);
is($status, 2, 'help on what is not there: exit status 2');
like($text, qr/no command "stample"/, 'and said so');
for my $row (['-x', 2], ['verify', '-x', 2], ['status', '-x', 3]) {
    $status = pop @$row;
    my ($out, $is) = run($row);
    is($is, $status, "@$row: exit status $status");
    like($out, qr/no option "-x"/, "@$row: said so");
}

# ---- standard input ----

($text, $status) = run(['fetch', '--chain', '-', '--out', "$dir/a.der"],
                       stdin => read_file($cert->{chain}));
is($status, 0, 'fetch --chain -: exit status 0') or diag($text);
for my $row (
    ['verify', '--chain', '-', '--response', "$dir/a.der", $cert->{chain}],
    ['verify', '--cert', '-', '--issuer', $pki->issuer_file, '--response',
     "$dir/a.der", $cert->{leaf}],
    ['verify', '--cert', $cert->{leaf}, '--issuer', '-', '--response',
     "$dir/a.der", $pki->issuer_file],
    ['verify', @chain, '--response', '-', "$dir/a.der"],
) {
    my $file = pop @$row;
    my ($out, $is) = run($row, stdin => read_file($file));
    my $name = join ' ', map { s{.*/}{}r } @$row;

    is($is, 0, "$name: exit status 0") or diag($out);
    is($out, "good\n", "$name: good");
}
($text, $status) = run(['verify', '--chain', '-', '--response', '-'],
                       stdin => read_file($cert->{chain}));
is($status, 2, 'twice: exit status 2');
like($text, qr/"-" is given twice/, 'twice: said so');
($text) = run(['verify', '--chain', '-', '--response', "$dir/a.der"],
              stdin => 'x');
like($text, qr/: standard input holds no certificate/, 'standard input: named');

my $document = sprintf <<'JSON', strftime('%Y-%m-%dT%H:%M:%SZ', gmtime);
{"version": 1, "generated_at": "%s", "servers": [], "responders": [],
 "refresher": {"running": true, "pid": 1}, "certificates": [
  {"subject": "CN=a", "state": "good", "conditions": [], "score": 5}],
 "health": {"state": "ok", "summary": "well", "problems": []},
 "significant_health": {"state": "ok", "summary": "well", "problems": []}}
JSON
($text, $status) = run(['status', '-'], stdin => $document);
is($status, 0, 'status -: exit status 0') or diag($text);
like($text, qr/^OCSP OK: .*\n.*\ngood .*CN=a$/m, 'status -: a table');
($text, $status) = run(['status', '-'], stdin => '');
is($status, 3, 'status -, empty: exit status 3');

# ---- readers that go away ----

# Much to print, so that the pipe breaks while it is at it.
write_file("$dir/many", $document
    =~ s/(\{"subject".*?\})/join ",\n", ($1) x 20_000/er);
for my $row (['a table', 'status', "$dir/many"],
             ['an object', 'status', "$dir/many", '--json'],
             ['a little', 'verify', @chain, '--response', "$dir/a.der"]) {
    my ($name, @arguments) = @$row;

    $text = shell('"$0" "$@" 2>&1 | head -c 1 >/dev/null;'
                  . 'echo "${PIPESTATUS[0]}"', @arguments);
    is($text, "0\n", "$name to head: the exit status is that of the verdict");
    $text = shell('exec 3>&1; { "$0" "$@" 2>&3; } | true', @arguments);
    is($text, '', "$name to true: no complaint");
}
($text, $status) = shell('exec "$0" "$@" >/dev/full', 'status', "$dir/many");
is($status, 2, 'a full disk: exit status 2');
like($text, qr/standard output cannot be written/, 'a full disk: a complaint');

# ---- times ----

for my $row (['90', 0], ['5mi', 0], ['1h', 0], ['2h', 2], ['1 h', 2],
             ['-1', 2], ['1.5h', 2], ['1m', 2]) {
    my ($time, $want) = @$row;
    ($text, $status) = run(['verify', @chain, '--response', "$dir/a.der",
                            '--skew', $time]);
    is($status, $want, "--skew '$time': exit status $want");
}
like($text, qr/from 0 to 3600 \(or with a unit: s, mi, h, d\)/,
     'units are said');

# ---- completion ----

my $completion = "$ENV{top_srcdir}/docs/kit/bash-completion/ocspstaple";
is(capture(['bash', '-n', $completion]), '', 'bash can read it');

# What is offered for these words, the last of which is being written.
sub offered {
    my @words = @_;

    return [split ' ', shell(<<'SH', $completion, @words)];
. "$1" && shift
PATH=$(dirname "$0"):$PATH
COMP_WORDS=(ocspstaple "$@")
COMP_CWORD=$#
_ocspstaple ocspstaple "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD-1]}"
printf '%s\n' "${COMPREPLY[@]}"
SH
}

is_deeply(offered('ver'), ['verify'], 'a command');
is_deeply([sort @{ offered('') }], [sort @commands, 'help'], 'all commands');
is_deeply(offered('help', 'fe'), ['fetch'], 'help of a command');
is_deeply(offered('fetch', '--ti'), ['--timeout'], 'an option');
is_deeply([sort @{ offered('check', '--') }],
          [sort +run(['help', 'check']) =~ /^  (--[a-z0-9.-]+)/mg],
          'all options of a command');
is_deeply(offered('check', '--starttls', 'x'), ['xmpp'], 'a word');
my ($refused) = run(['check', 'a', '--starttls', '?']);
is_deeply([sort @{ offered('check', '--starttls', '') }],
          [sort map { split /, / } $refused =~ /is not one of (.*)/],
          'all words');
is_deeply(offered('fetch', @chain, '--method', 'post-'), ['post-get'],
          'a word of another');
is_deeply(offered('verify', '--response', "$dir/a."), ["$dir/a.der"],
          'a file');
is_deeply(offered('status', "$dir/man"), ["$dir/many"],
          'a file that is no option');
is_deeply(offered('fetch', '--timeout', ''), [], 'a number: nothing');
