# How it asks: by POST, then by GET; over few connections that are used again;
# in a child that is not root, and never in the parent.
use strict;
use warnings;

use Apache::Test qw(-withtestmore);
use Staple::Test;
use Staple::Client;
use Staple::PKI;
use Staple::Responder;
use Staple::Server;

my $has_strace = have_tool('strace');
my $is_root = $> == 0;

plan tests => 24;

my $pki = Staple::PKI->new(dir => new_dir('pki'));
my $responder = Staple::Responder->new(pki => $pki);

sub server_of {
    my ($lines, @certs) = @_;

    return Staple::Server->new(
        lines => $lines, vhosts => [
            Staple::Server->stapled(@certs)]);
}

# ---- POST, then GET ----

my %post = (post => ['good'], refused => ['http=405'], page => ['html'],
            later => ['trylater'], wrong => ['good', flip => 'signature']);
my @names = map { "$_.example" } sort keys %post;

$responder->set_all(map { my ($action, %keys) = @{ $post{$_} };
                          ["$_.example", $action, method => 'POST', %keys] }
                        keys %post);
{
    my $server = server_of('', map { $pki->cert($_, url => $responder->url) }
                                   @names)->start;

    ok(wait_all_stapled($server, \@names, verify => $pki->ca_file),
       'all are stapled');
}
for my $name (@names) {
    my @requests = grep { $_->{name} eq $name } $responder->requests;
    my @methods = $name eq 'post.example' ? ('POST') : ('POST', 'GET');

    is(join(' ', map { $_->{method} } @requests), "@methods",
       "$name: @methods");
}
my ($post) = grep { $_->{name} eq 'post.example' } $responder->requests;
is($post->{path}, '/', 'POST goes to the URL itself');
is($post->{headers}{'content-type'}, 'application/ocsp-request',
   'with the type of a request');
like($post->{headers}{'user-agent'}, qr/^mod_ocspstaple\//,
     'and says who asks');
my ($get) = grep { $_->{method} eq 'GET' } $responder->requests;
like($get->{path}, qr{^/[A-Za-z0-9%]+$}, 'GET appends with one slash, escaped');

# A URL with a path, with and without a slash at its end.
$responder->reset_rules->clear_log;
{
    my @certs = map { $pki->cert("path$_->[0].example",
                                 url => $responder->url($_->[1])) }
        [1, '/ocsp'], [2, '/ocsp/'];
    my $server = server_of("OCSPStapleMethod get\n", @certs)->start;

    ok(wait_all_stapled($server, [map { $_->{name} } @certs]),
       'GET alone does');
    is($responder->count(path => qr{^/ocsp/[^/]+$}), 2,
       'one slash between path and request');
}

# ---- connections ----

$responder->set_all(['*', 'good', delay => 30]);
$responder->clear_log;
{
    my @certs = $pki->certs(200, prefix => 'many', same_key => 1,
                            url => $responder->url);
    my $server = server_of("OCSPStapleConcurrency 300\n", @certs)->start;

    ok(wait_all_stapled($server, [map { $_->{name} } @certs], within => 20),
       '200 certificates are stapled');
    my @requests = $responder->requests;
    my %connections = map { $_->{connection} => 1 } @requests;
    my ($most) = sort { $b <=> $a } map { $_->{open} } @requests;
    is(@requests, 200, 'one request each');
    cmp_ok($most, '<=', 64, "never more than 64 at once: $most");
    cmp_ok($most, '>', 4, 'but several');
    cmp_ok(keys %connections, '<=', 64,
           'connections are used again: ' . keys %connections);
}

# ---- who asks ----

# Established connections to the responder: [inode, user].
sub sockets {
    my $port = sprintf '%04X', $responder->port;

    return map { [$_->[9], $_->[7]] }
        grep { ($_->[2] // '') =~ /:$port$/ && $_->[3] eq '01' }
        map { [split ' '] } split /\n/, read_file('/proc/net/tcp');
}

sub has_socket {
    my ($pid, $inode) = @_;

    return scalar grep { (readlink($_) // '') eq "socket:[$inode]" }
        glob "/proc/$pid/fd/*";
}

$responder->set_all(['*', 'hang']);
$responder->clear_log;
my $trace = new_dir('strace') . '/trace';
$ENV{STAPLE_WRAP} = "strace -D -f -qq -e trace=connect -o $trace" if $has_strace;
my $server = server_of('', $pki->cert('who.example', url => $responder->url))
    ->start;
my $parent = $server->pid;
ok($responder->wait_for(sub { $responder->count }, 20), 'a request is held up');
my ($socket, @others) = sockets();
ok($socket && !@others, 'over one connection');
ok(has_socket($server->refresher_pid, $socket->[0]),
   'it belongs to the child that refreshes');
ok(!has_socket($parent, $socket->[0]), 'and not to the parent');
SKIP: {
    skip 'not root: all processes are of one user', 1 if !$is_root;
    is($socket->[1], scalar getpwnam 'www-data', 'it was made as User');
}
$server->graceful(wait => 1);
$server->stop;
SKIP: {
    skip 'no strace', 2 if !$has_strace;
    my $port = $responder->port;
    my %who = map { /^(\d+) .*htons\($port\)/ ? ($1 => 1) : () }
        split /\n/, read_file($trace);
    ok(scalar keys %who, 'strace saw who connects to the responder');
    ok(!$who{$parent}, 'and the parent never did, through start and restart');
}
