# What a burst of exchanges needed goes back to the system when it is over:
# connections, memory and the thread; and the next burst has them again.
use strict;
use warnings;

use Apache::Test qw(-withtestmore);
use Staple::Test;
use Staple::Client;
use Staple::PKI;
use Staple::Process qw(capture private_memory wait_until);
use Staple::Responder;
use Staple::Server;

plan tests => 3 + 2 * 3, need {
    'a sanitizer keeps what was freed' => !$ENV{STAPLE_SANITIZED} };

my $pki = Staple::PKI->new(dir => new_dir('pki'));
my $responder = Staple::Responder->new(pki => $pki);
my @certs = $pki->certs(200, same_key => 1, url => $responder->url);
my @names = map { $_->{name} } @certs;
my $server = Staple::Server->new(
    vhosts => [map { { name => $_->{name}, certs => [$_],
                       lines => "OCSPStaple On\n" } } @certs]);

# Of a process.
sub threads { return scalar @{ [glob "/proc/$_[0]/task/*"] } }

sub sockets {
    return scalar grep { (readlink // '') =~ /^socket:/ }
        glob "/proc/$_[0]/fd/*";
}

# Right after a burst, and when it is over.
sub check_rest {
    my ($pid, $burst) = @_;
    my ($memory, $threads, $sockets)
        = (private_memory($pid), threads($pid), sockets($pid));

    ok(wait_until(sub { threads($pid) < $threads }, 20),
       "$burst: its thread ends");
    cmp_ok(sockets($pid), '<', $sockets - 10, 'its connections are closed');
    ok(wait_until(sub { private_memory($pid) < $memory - 448 }, 10),
       "its memory goes back: of $memory kB " . private_memory($pid)
       . ' are left');
    return;
}

$responder->set('*', 'good', next => 86400, delay => 300);
$server->start(env => { MALLOC_ARENA_MAX => 100 }); # no heap for two threads
my $refresher = $server->refresher_pid;
ok(wait_all_stapled($server, \@names, within => 30), 'all are stapled');
check_rest($refresher, 'the first burst');
$responder->clear_log;
capture([top_builddir() . '/ocspstaple', 'refresh', '--all', '--store',
         $server->root . '/store'], timeout => 60);
is($responder->count, scalar @certs, 'all are asked about once more');
check_rest($refresher, 'the next burst');
is($server->refresher_pid, $refresher, 'by the same process');
