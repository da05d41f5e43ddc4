# The servers that build/bench compares with: which are left out, and why; those
# that are here staple, and do not where that is switched off.
use strict;
use warnings;

use Apache::Test qw(-withtestmore);
use Staple::Test;
use Staple::Client;
use Staple::Peers;
use Staple::PKI;
use Staple::Responder;

my @said = (
    ['HAProxy', 'haproxy', 'HAProxy version 2.6.12-1+deb12u4 2026/10/17',
     'is 2.6.12, fetches responses by itself from 2.8 on'],
    ['HAProxy', 'haproxy', 'HAProxy version 2.8.0-1 2023/05/31', ''],
    ['HAProxy', 'haproxy', 'HAProxy version 3.2.26-1 2026/10/14', ''],
    ['HAProxy', 'haproxy', 'nonsense', 'its version is unknown'],
    ['Caddy', 'caddy', 'v2.5.2 h1:abc=',
     'is 2.5.2, fetches responses by itself from 2.6 on'],
    ['Caddy', 'caddy', '2.11.4', ''],
    ['nginx', 'nginx', 'nginx version: nginx/1.22.1', ''],
);
my @wrong = (
    ['an unknown option', 2, qr/^Usage: build\/bench /, '--nonsense'],
    ['an option without its value', 2, qr/^Usage: build\/bench /, '--root'],
    ['a root without --peers', 1, qr/^bench: --root goes with --peers$/,
     '--root', '/nowhere'],
    ['a folder that is not there', 1,
     qr/^bench: --json \/nowhere\/x: there is no such folder$/,
     '--json', '/nowhere/x'],
);
plan tests => @said + 1 + 2 * @wrong + 2 + 2 + 3 * 4;

# ---- which are left out ----

my $programs = new_dir('programs');

for my $row (@said) {
    my ($name, $program, $text, $why) = @$row;
    local $ENV{PATH} = "$programs:$ENV{PATH}";

    chmod 0755, write_file("$programs/$program", "#!/bin/sh\necho '$text'\n");
    is(Staple::Peers::why_not($name), $why, "$text: " . ($why || 'is taken'));
}
SKIP: {
    local $ENV{PATH} = new_dir('nothing');

    skip 'Caddy is in /usr/sbin', 1 if -e '/usr/sbin/caddy';
    is(Staple::Peers::why_not('Caddy'), 'not installed', 'nothing: says so');
}

# ---- build/bench ----

my $bench = "$ENV{top_srcdir}/build/bench";
my %env = (STAPLE_OUT => new_dir('out'));

for my $row (@wrong) {
    my ($what, $status, $pattern, @arguments) = @$row;
    my ($text, $got) = capture([$bench, @arguments], env => \%env);

    first_line_says($what, $status, $pattern, $got, $text);
}
my ($text, $status) = capture([$bench, '--help'], env => \%env);
is($status, 0, '--help ends well');
like($text, qr/--peers .*^  --suite .*^  --root .*^  --mirror /ms,
     'and names what goes with --peers');

# ---- those that do not get there ----

sub started {
    my ($script) = @_;
    my $program = write_file("$programs/caddy", "#!/bin/sh\n$script\n");
    my $server = Staple::Peers::server('Caddy', [], program => $program);

    chmod 0755, $program;
    return eval { $server->start(timeout => 0.5) } // $@;
}

is(started('exec sleep 60'), 0, 'takes no connections in time: given up');
like(started('echo no such option; exit 1'),
     qr/^Caddy does not start:\nno such option$/, 'ends: its words are shown');

# ---- those that are here ----

my $pki = Staple::PKI->new(dir => new_dir('pki'));
my $responder = Staple::Responder->new(pki => $pki);
$responder->set('*', 'good', next => 86400);
my @certs = map { $pki->cert("$_.example", url => $responder->url) }
            qw(one two);

sub staples {
    my ($name) = @_;
    my $server = Staple::Peers::server($name, \@certs);

    $responder->clear_log;
    ok($server->start, "$name takes connections");
    is(join(' ', map {
        my $staple = wait_staple($server, $_->{name}, ca => $pki->ca_file);
        "$staple->{verify} " . ($staple->{cert_status} // 'nothing');
    } @certs), '0 good 0 good', 'and staples for each name');
    $server->stop;

    $server = Staple::Peers::server($name, \@certs, stapling => 0);
    $responder->clear_log;
    $server->start;
    is(join(' ', map { staple($server, $_->{name})->{sent} } @certs, @certs),
       '0 0 0 0', 'where that is switched off it does not');
    is($responder->count, 0, 'and asks no responder');
    $server->stop;
    return;
}

for my $name (Staple::Peers::names()) {
    my $why = Staple::Peers::why_not($name);

    SKIP: {
        skip "$name: $why", 4 if $why;
        staples($name);
    }
}
