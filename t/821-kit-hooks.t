# The hooks of docs/kit as each ACME client calls them: a renewed certificate is
# put to use when its responder knows it, a revoked one is replaced.
use strict;
use warnings;

use Apache::Test qw(-withtestmore);
use Staple::Test;
use Staple::PKI;
use Staple::Responder;

my $hooks = "$ENV{top_srcdir}/docs/kit/hooks";
my $dir = new_dir('hooks');
my $pki = Staple::PKI->new(dir => new_dir('pki'));
my $responder = Staple::Responder->new(pki => $pki);
my $cert = $pki->cert('a.example', url => $responder->url);
my $mute = $pki->cert('n.example');

# Programs that write down how they were called.
mkdir "$dir/bin" or die $!;
for my $name (qw(apachectl sudo systemd-run reload)) {
    write_file("$dir/bin/$name", <<"SH");
#!/bin/sh
{ printf '%s' "$name"; printf ' [%s]' "\$@"; echo; } >>$dir/calls
[ ! -e "$dir/fails.$name.\${1:-}" ]
SH
    chmod 0755, "$dir/bin/$name" or die $!;
}
# The tool is found by its name.
my ($tool) = map { m{^/} ? $_ : "$ENV{PWD}/$_" } top_builddir() . '/ocspstaple';
symlink $tool, "$dir/bin/ocspstaple" or die $!;
my %path = (PATH => "$dir/bin:$ENV{PATH}", OCSPSTAPLE_STORE => '');

# Calls a hook: its exit status, what it said, and what it called.
sub hook {
    my ($name, $arguments, %env) = @_;

    unlink "$dir/calls";
    my ($text, $status) = capture(['sh', "$hooks/$name", @$arguments],
                                  env => { %path, %env }, timeout => 60);
    return ($status, $text, join '; ', split /\n/,
            read_file("$dir/calls") // '');
}

my $used = 'apachectl [configtest]; apachectl [graceful]';

sub is_hook {
    my ($what, $want, $calls, $said, @how) = @_;
    my ($status, $text, $called) = hook(@how);

    is($status, $want, "$what: exit status $want") or diag($text);
    is($called, $calls, "$what: what it calls");
    like($text, $said, "$what: what it says");
}

plan tests => 3 * 35 + 2;

# ---- renewed ----

my @fast = (OCSPSTAPLE_PAUSE => 1);
is_hook('good', 0, $used, qr/\A\z/, 'renewed', [$cert->{chain}]);
my $store = new_dir('store');
is_hook('good, into the store', 0, $used, qr/\A\z/, 'renewed',
        [$cert->{chain}], OCSPSTAPLE_STORE => $store);
is(scalar(() = glob "$store/*"), 1, 'where httpd finds the response');
is_hook('no such store', 2, '', qr/\S/, 'renewed', [$cert->{chain}],
        OCSPSTAPLE_STORE => "$dir/none");
is_hook('a certificate without OCSP', 0, $used, qr/\A\z/, 'renewed',
        [$mute->{chain}]);
is_hook('another way to restart', 0, 'reload [now]', qr/\A\z/, 'renewed',
        [$cert->{chain}], OCSPSTAPLE_RELOAD => 'reload now');

# A responder that learns of it: each try is a POST and a GET.
$responder->clear_log;
$responder->set('*', 'good');
$responder->add('*', 'unauthorized', count => 2);
$responder->add('*', 'unknown', after => 2, count => 1);
is_hook('not known at first', 0, $used, qr/\A\z/, 'renewed',
        [$cert->{chain}], @fast);
cmp_ok($responder->count, '>=', 4, 'it has asked again');

$responder->set('*', 'unknown');
is_hook('not known in time', 0, $used,
        qr/after 2 s still unknown: it is used without a staple/, 'renewed',
        [$cert->{chain}], @fast, OCSPSTAPLE_WAIT => 2);
$responder->set('*', 'http=500');
is_hook('nothing in time', 0, $used,
        qr/still rejected: http_status: .*: it is used without/, 'renewed',
        [$cert->{chain}], @fast, OCSPSTAPLE_WAIT => 0);
$responder->set('*', 'revoked', reason => 'keyCompromise', time => -60);
is_hook('revoked', 1, '', qr/revoked \(keyCompromise, .*is not put to use/,
        'renewed', [$cert->{chain}], @fast);
$responder->set('*', 'good');
is_hook('no such file', 2, '', qr/none\.pem: .*cannot be read/, 'renewed',
        ["$dir/none.pem"], @fast);
write_file("$dir/fails.apachectl.configtest", '');
is_hook('a broken configuration', 1, 'apachectl [configtest]', qr/\A\z/,
        'renewed', [$cert->{chain}]);
unlink "$dir/fails.apachectl.configtest";
is_hook('no argument', 2, '', qr/usage: renewed FULLCHAIN\.pem/, 'renewed',
        []);

# ---- certbot, acme.sh, dehydrated ----

my @renewed = (OCSPSTAPLE_RENEWED => "$dir/bin/renewed");
write_file("$dir/bin/renewed", "#!/bin/sh\nexec sh $hooks/renewed \"\$@\"\n");
chmod 0755, "$dir/bin/renewed" or die $!;
mkdir "$dir/live" or die $!;
symlink $cert->{chain}, "$dir/live/fullchain.pem" or die $!;

is_hook('certbot', 0, $used, qr/\A\z/, 'certbot', [], @renewed,
        RENEWED_LINEAGE => "$dir/live", RENEWED_DOMAINS => 'a.example');
is_hook('certbot, another folder', 2, '', qr/cannot be read/, 'certbot', [],
        @renewed, RENEWED_LINEAGE => "$dir/dead");
is_hook('certbot, by hand', 2, '', qr/RENEWED_LINEAGE: is set by certbot/,
        'certbot', [], @renewed);
is_hook('acme.sh', 0, $used, qr/\A\z/, 'acme.sh', [], @renewed,
        CERT_PATH => $cert->{leaf}, CERT_FULLCHAIN_PATH => $cert->{chain},
        Le_Domain => 'a.example');
is_hook('acme.sh, by hand', 2, '', qr/CERT_FULLCHAIN_PATH: is set by acme/,
        'acme.sh', [], @renewed);
is_hook('dehydrated', 0, $used, qr/\A\z/, 'dehydrated',
        ['deploy_cert', 'a.example', $cert->{key}, $cert->{leaf},
         $cert->{chain}, $pki->issuer_file, time], @renewed);
for my $other (['deploy_challenge', 'a.example', 'token', 'value'],
               ['startup_hook'], ['exit_hook', ''], ['generate_csr', 'a'],
               ['of_times_to_come', 'x'], []) {
    is_hook('dehydrated ' . ($other->[0] // 'alone'), 0, '', qr/\A\z/,
            'dehydrated', $other, @renewed);
}

# ---- replace ----

my $replace = "$hooks/replace";
is_hook('revoked: root is asked', 0, "sudo [-n] [$replace] [certbot] [a.example]",
        qr/\A\z/, 'replace', ['certbot'], OCSP_STAPLE_EVENT => 'revoked',
        OCSP_STAPLE_SERVER => 'a.example');
is_hook('another event', 0, '', qr/\A\z/, 'replace', ['certbot'],
        OCSP_STAPLE_EVENT => 'issuer-revoked',
        OCSP_STAPLE_SERVER => 'a.example');
my @run = map { "[$_]" } qw(--no-block --collect
                            --unit=ocspstaple-replace-a.example);
for my $row (
    [certbot => qw(certbot renew --cert-name a.example --force-renewal
                   --new-key)],
    ['acme.sh' => qw(acme.sh --renew --domain a.example --force
                     --always-force-new-domain-key)],
    [dehydrated => qw(dehydrated --cron --force --domain a.example)],
) {
    my ($client, @command) = @$row;
    is_hook("root, $client", 0,
            join(' ', 'systemd-run', @run, map { "[$_]" } @command), qr/\A\z/,
            'replace', [$client, 'a.example']);
}
is_hook('root, another client', 2, '', qr/no such client: lego/, 'replace',
        ['lego', 'a.example']);
for my $name ('a.example; id', '--help', '../a', 'a b', '') {
    is_hook("root, the name '$name'", 2, '', qr/is no host name/, 'replace',
            ['certbot', $name]);
}
