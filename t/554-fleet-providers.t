# The other providers, and what a store that is full or too small costs.
use strict;
use warnings;

use Apache::Test qw(-withtestmore);

use Staple::Test;
use Staple::Client;
use Staple::PKI;
use Staple::Responder;
use Staple::Server;
use Staple::Shared;

plan tests => 9 + 5 * 6, need {
    'no redis-server' => have_tool('redis-server'),
    'no memcached' => have_tool('memcached'),
};

my $count = 30;
my $pki = Staple::PKI->new(dir => new_dir('pki'));
my $responder = Staple::Responder->new(pki => $pki);
my @certs = $pki->certs($count, same_key => 1, url => $responder->url);
my @names = map { $_->{name} } @certs;

# ---- wrong configurations ----

sub config_error {
    my ($line, $pattern, $what, %opt) = @_;
    my ($server) = fleet(1, [$certs[0]], modules => ['socache_redis'],
                         lines => "$line\n", %opt);
    my ($text, $status) = $server->configtest;

    ok($status ne '0' && $text =~ $pattern, $what) or diag($text);
    return;
}

config_error('OCSPStapleShared nosuch:x',
             qr/no provider "nosuch".*LoadModule socache_nosuch_module/s,
             'an unknown provider: which module to load');
config_error('OCSPStapleShared memcache:127.0.0.1',
             qr/LoadModule socache_memcache_module/, 'one that is not loaded');
config_error('OCSPStapleShared redis',
             qr/"redis" is not allowed: List of server names/,
             'arguments missing: what the provider says');
config_error('OCSPStapleShared shmcb:store(77)',
             qr/"shmcb:store\(77\)" is not allowed: .*8192/,
             'wrong arguments: what the provider says');
config_error('OCSPStapleShared redis:a redis:b', qr/takes one argument/,
             'two of them');
config_error('', qr/cannot occur within <VirtualHost>/,
             'not for a virtual host',
             vhost_lines => "OCSPStapleShared none\n");
for my $text ('none', 'redis:127.0.0.1:1') {
    my ($server) = fleet(1, [$certs[0]], modules => ['socache_redis'],
                         lines => "OCSPStapleShared $text\n");
    my ($out) = $server->configtest('-D', 'DUMP_OCSPSTAPLE');

    like($out, qr/^  OCSPStapleShared \Q$text\E$/m, "$text: is dumped");
}
my ($server) = fleet(1, [$certs[0]],
                     lines => "OCSPStapleShared shmcb:/x(9000)\n");
ok(!$server->try_start && $server->error_log =~ /OST0080: .*shmcb/,
   'one that cannot be opened: no start, and a line');

# ---- two machines, one after the other ----

# Returns both servers, still running.
sub two {
    my ($what, $requests, %opt) = @_;
    my @servers = fleet(2, \@certs, %opt);

    $responder->clear_log;
    for my $server (@servers) {
        $server->start;
        ok(wait_all_stapled($server, \@names, within => 15),
           "$what: all are stapled");
    }
    is($responder->count, $requests, "$what: $requests requests");
    is(join("\n", map { $_->log_lines(qr/OST004[012]|OST0084/) } @servers), '',
       "$what: no certificate noticed");
    return @servers;
}

sub is_quiet {
    my ($what, @servers) = @_;

    is(join("\n", map { $_->log_lines(qr/OST008|:(?:error|crit)\]/) }
                   @servers), '', "$what: a quiet log");
    return;
}

my $memcached = Staple::Shared::Memcached->new;
is_quiet('memcached', two('memcached', $count, lines => $memcached->lines,
                          modules => [$memcached->modules]));

# Redis lets everybody do what docs/fleet.md says, and nothing else.
my $strict = Staple::Shared::Redis->new(
    args => [qw(--user default on nopass resetkeys ~ocspstaple:*
                -@all +get +setex +del +ping)]);
is_quiet('strict Redis', two('strict Redis', $count, lines => $strict->lines,
                             modules => [$strict->modules]));

my $dbm = new_dir('dbm') . '/store';
is_quiet('dbm', two('dbm', $count, modules => ['socache_dbm'],
                    lines => "OCSPStapleShared dbm:$dbm\n"));

# Each httpd has its own: good for nothing, and no harm.
is_quiet('shmcb', two('shmcb', 2 * $count,
                      lines => "OCSPStapleShared shmcb\n"));

# ---- full, too small ----

sub is_told {
    my ($what, $most, @servers) = @_;
    my @told = map { scalar $_->log_lines(qr/OST0083/) } @servers;
    my @httpd = map { $_->log_lines(qr/socache_\w+:(?:error|crit)/) } @servers;

    ok("@told" eq '1 1' && @httpd <= $most, "$what: told once")
        or diag("told @told times;", join "\n", @httpd);
    return;
}

my $full = Staple::Shared::Redis->new(args => [qw(--maxmemory 1
    --maxmemory-policy noeviction)]);
is_told('full', 8, two('full', 2 * $count, lines => $full->lines,
                       modules => [$full->modules]));

$responder->set('*', 'good', pad => 3000);
my $small = new_dir('dbm') . '/small';
is_told('too small', 0, two('too small', 2 * $count,
                            modules => ['socache_dbm'],
                            lines => "OCSPStapleShared dbm:$small\n"));
