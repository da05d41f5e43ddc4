# Every configuration in README and docs/*.md is one that httpd takes; README's
# smallest one staples, and its commands show that.
use strict;
use warnings;

use Apache::Test qw(-withtestmore);
use Staple::Test;
use Staple::Client;
use Staple::Docs;
use Staple::PKI;
use Staple::Responder;
use Staple::Server;

my $top = $ENV{top_srcdir};
my @files = Staple::Docs::files($top);
my @blocks = map { Staple::Docs::blocks($top, $_, 'apache') } @files;
my @scripts = map { Staple::Docs::blocks($top, $_, 'sh') } @files;
plan tests => @blocks + @scripts + 13;

my $pki = Staple::PKI->new(dir => new_dir('pki'));
my $responder = Staple::Responder->new(pki => $pki);
my $cert = $pki->cert('www.example.org', url => $responder->url);
my $server = Staple::Server->new;
my $combined = Staple::Docs::combined($server, $cert);

for my $block (@blocks) {
    my $where = "$block->{file}:$block->{line}";
    my $modules = Staple::Docs::modules($block->{text});

  SKIP: {
        skip "$where: this httpd lacks a module", 1 if !$modules;
        $server->reconfigure(
            modules => $modules,
            lines => Staple::Docs::resolve($server, $combined, $block->{text}));
        my ($text, $status) = $server->configtest;
        is($status, 0, "$where: httpd takes it")
            or diag($text, $block->{text});
    }
}

for my $script (@scripts) {
    my ($text, $status) = capture(['sh', '-n'], stdin => $script->{text});
    is($status, 0, "$script->{file}:$script->{line}: sh can read it")
        or diag($text);
}

# Directives of mod_ssl and mod_md that are named anywhere are in the modules.
my $dir = Staple::Server::apxs('LIBEXECDIR');
my $known = join '', map { read_file("$dir/$_") // '' }
    qw(mod_ssl.so mod_md.so);
SKIP: {
    skip 'no mod_ssl.so and mod_md.so to look into', 1
        if !-e "$dir/mod_ssl.so" || !-e "$dir/mod_md.so";
    my %named = map { $_ => 1 } map { (read_file("$top/$_") // '')
        =~ /`((?:SSL|MD)[A-Z][A-Za-z]+)/g } @files;
    is_deeply([grep { index($known, "\0$_\0") < 0 } sort keys %named], [],
              'directives of mod_ssl and mod_md that are named exist');
}

# README's smallest configuration, with a certificate, and what it says then.
my ($smallest) = grep { $_->{file} eq 'README.md' } @blocks;
ok($smallest && $smallest->{text} =~ /^OCSPStaple On$/m,
   'README begins with the smallest configuration');
$responder->set('*', 'good', next => 3000);
$server->reconfigure(
    modules => [],
    lines => Staple::Docs::resolve($server, $combined, $smallest->{text}),
    vhosts => [{ name => 'www.example.org', certs => [$cert], lines => '' }]);
$server->start;
ok(wait_all_stapled($server, ['www.example.org']), 'which staples');

# Shell commands of README; their placeholders are the test's.
my ($look) = grep { $_->{text} =~ /s_client/ }
    Staple::Docs::blocks($top, 'README.md', 'sh');
ok($look, 'README says how to look');
my $port = $server->port;
my ($text) = capture(['sh', '-c', $look->{text}
    =~ s/-connect www\.example\.org:443/-connect 127.0.0.1:$port/r],
    timeout => 20);
like($text, qr/^ *OCSP Response Status: successful/m,
     'openssl s_client shows a response');
like($text, qr/^ *Cert Status: good/m, 'which is good');

my ($fetch) = grep { $_->{text} =~ /^ocspstaple fetch/m }
    Staple::Docs::blocks($top, 'README.md', 'sh');
ok($fetch, 'README says how to ask by hand');
my $tool = top_builddir() . '/ocspstaple';
($text, my $status) = capture(['sh', '-c', $fetch->{text}
    =~ s/^ocspstaple/$tool/r =~ s/fullchain\.pem/$cert->{chain}/r],
    timeout => 20);
is($status, 0, 'ocspstaple fetch ends well');
like($text, qr/^good$/m, 'and says good');

# The check from outside, of README and docs/operations.md.
sub checked {
    my ($file) = @_;
    my ($check) = grep { $_->{file} eq $file
                         && $_->{text} =~ /^ocspstaple check/m } @scripts;
    my ($command) = ($check ? $check->{text} : '')
        =~ /^ocspstaple (check .*?)(?: +#.*)?$/m or return;

    return capture([$tool, split(/ /, $command), '--connect',
                    "127.0.0.1:$port", '--ca', $pki->ca_file], timeout => 20);
}

like(checked('docs/operations.md') // '',
     qr/^OCSP WARNING: www\.example\.org:443: good, but the staple ends in /,
     'within hours of the end');
$responder->set('*', 'good', next => 86400);
$server->stop;
system 'rm', '-rf', $server->root . '/store';
$server->start;
ok(wait_all_stapled($server, ['www.example.org']), 'with a longer response');
like(checked($_) // '', qr/^OCSP OK: www\.example\.org:443: good/,
     "all is well, as $_ looks")
    for qw(docs/operations.md README.md);
